package clearing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"switchyard/switch/clearing"
)

// swap replaces text of the same length, once, in an ASCII record.
func swap(t testing.TB, record []byte, old, new string) []byte {
	t.Helper()
	if bytes.Count(record, []byte(old)) != 1 || len(old) != len(new) {
		t.Fatalf("%q stands %d times in the record; %q must be as long", old, bytes.Count(record, []byte(old)), new)
	}
	return bytes.Replace(bytes.Clone(record), []byte(old), []byte(new), 1)
}

// without takes an element out of an ASCII record, given as it stands there and with what follows it.
func without(t testing.TB, record []byte, de int, field, next string) []byte {
	t.Helper()
	at := bytes.Index(record, []byte(field+next))
	if next == "" {
		at = len(record) - len(field)
	}
	if bytes.Count(record, []byte(field+next)) != 1 && next != "" || !bytes.HasPrefix(record[at:], []byte(field)) {
		t.Fatalf("%q and %q do not stand in the record once", field, next)
	}
	record = append(bytes.Clone(record[:at]), record[at+len(field):]...)
	record[4+(de-1)/8] &^= 0x80 >> ((de - 1) % 8)
	return record
}

// Each way in which a file can be wrong is reported at the record, the byte and the element where it is, in blocks and
// without.
func TestVerifyFinds(t *testing.T) {
	type records = [][]byte
	swapIn := func(n int, old, new string) func(*testing.T, records) records {
		return func(t *testing.T, r records) records {
			r[n-1] = swap(t, r[n-1], old, new)
			return r
		}
	}
	dropIn := func(n, de int, field, next string) func(*testing.T, records) records {
		return func(t *testing.T, r records) records {
			r[n-1] = without(t, r[n-1], de, field, next)
			return r
		}
	}
	for name, c := range map[string]struct {
		change func(*testing.T, records) records
		record int
		at     string // what stands at the reported byte; empty: the record's length
		text   string // in the finding
	}{
		"no header": {func(_ *testing.T, r records) records { return r[1:] }, 1, "", "not the file header"},
		"second header": {func(_ *testing.T, r records) records { return append(records{r[0], r[0]}, r[1:]...) }, 2, "",
			"a file header stands within the file"},
		"no trailer": {
			func(_ *testing.T, r records) records { return r[:4] }, 4, "", "the last message is not the file trailer",
		},
		"after trailer": {
			func(_ *testing.T, r records) records { return append(r, r[1]) }, 6, "", "stands behind the trailer",
		},
		"nothing": {func(_ *testing.T, r records) records { return nil }, 0, "", "the file holds no messages"},
		"file id format": {swapIn(
			1, "0022611210000001234500007", "002261321000000123450000x",
		), 1, "00226132100", "PDS0105 file id: is not 25 digits"},
		"file id differs": {swapIn(
			5, "0022611210000001234500007", "0022611210000001234500008",
		), 5, "0022611210000001234500008", "the header has"},
		"mode":    {swapIn(1, "0122001T", "0122001X"), 1, "X00000001", "PDS0122 processing mode: is neither P nor T"},
		"no mode": {swapIn(1, "0122001T", "0999001T"), 1, "", "PDS0122 processing mode: is missing"},
		"sum": {swapIn(
			5, "0000000000002735", "0000000000002736",
		), 5, "0000000000002736", "PDS0301 sum of amounts: is 0000000000002736, the amounts add up to 0000000000002735"},
		"sum of zero": {
			swapIn(5, "0000000000002735", "0000000000000000"), 5, "0000000000000000", "the amounts add up to 0000000000002735",
		},
		"no sum": {swapIn(5, "0301016", "0999016"), 5, "", "PDS0301 sum of amounts: is missing"},
		"sum format": {
			swapIn(5, "0000000000002735", "000000000000273x"), 5, "000000000000273x", "PDS0301 sum of amounts: is not 16 digits",
		},
		"amount": {
			swapIn(2, "000000001234", "000000001235"), 5, "0000000000002735", "the amounts add up to 0000000000002736",
		},
		"count": {swapIn(5, "0306008"+"00000005", "0306008"+
			"00000004"), 5, "00000004", "PDS0306 number of messages: is 00000004, the file has 00000005 messages"},
		"record missing": {func(
			_ *testing.T, r records,
		) records {
			return append(r[:2], r[3:]...)
		}, 3, "00000004", "DE71 message number: is 00000004, 00000003 expected"},
		"record twice": {func(_ *testing.T, r records) records {
			return append(r[:3], r[2:]...)
		}, 4, "12345676325000000000020", "record 3 has the same message, reference and reversal"},
		"DE71": {swapIn(3, "00000003"+"11", "00000007"+
			"11"), 3, "00000007", "DE71 message number: is 00000007, 00000003 expected"},
		"DE71 of header": {
			swapIn(1, "T00000001", "T00000002"), 1, "00000002", "DE71 message number: is 00000002, 00000001 expected",
		},
		"DE71 of trailer": {swapIn(
			5, "0000000500000005", "0000000500000009",
		), 5, "00000009", "DE71 message number: is 00000009, but PDS0306 is 00000005"},
		"DE71 format": {swapIn(3, "00000003"+"11", "0000000x"+
			"11"), 3, "0000000x", "DE71 message number: character 8 is not a digit"},
		"DE31 digit": {swapIn(
			2, "12345676325000000000012", "12345676325000000000013",
		), 2, "12345676325000000000013", "DE31 acquirer reference: check digit is 3, 2 expected"},
		"DE31 length": {swapIn(
			2, "2312345676325000000000012", "2212345676325000000000012",
		), 2, "2212345", "DE31 acquirer reference: its length is 22, with 23 the record can be read"},
		"DE31 day": {
			swapIn(2, "12345676325000000000012", "12345676000000000000012"), 2, "12345676000000000000012", "day of the year",
		},
		"no DE2": {
			dropIn(2, 2, "164111111111111111", "0"), 2, "", "DE2 card number: is missing from the first presentment",
		},
		"no DE3":  {dropIn(3, 3, "200000", "000000000500"), 3, "", "DE3 processing code: is missing"},
		"no DE4":  {dropIn(3, 4, "000000000500", "2611"), 3, "", "DE4 amount: is missing"},
		"no DE12": {dropIn(3, 12, "261121000000", "1000S"), 3, "", "DE12 local date and time: is missing"},
		"no DE22": {dropIn(3, 22, "1000S0S00000", "200"), 3, "", "DE22 point of service data code: is missing"},
		"no DE24": {dropIn(2, 24, "200", "1403"), 2, "", "DE24 function code: is missing"},
		"no DE26": {dropIn(3, 26, "5999", "23"), 3, "", "DE26 merchant category: is missing"},
		"no DE31": {dropIn(3, 31, "2312345676325000000000020", "11"), 3, "", "DE31 acquirer reference: is missing"},
		"no DE33": {dropIn(2, 33, "1100000012345", "6325A"), 2, "", "DE33 forwarding institution: is missing"},
		"no DE43": {
			dropIn(3, 43, `22A\ \ \             JPN`, "011"), 3, "", "DE43 merchant name and location: is missing",
		},
		"no DE48": {dropIn(3, 48, "01101480043920", "392"), 3, "", "DE48 additional data: is missing"},
		"no DE49": {dropIn(3, 49, "392", "00000003"), 3, "", "DE49 currency: is missing"},
		"no DE71": {dropIn(3, 71, "00000003", "11"), 3, "", "DE71 message number: is missing"},
		"no DE94": {dropIn(2, 94, "1100000012345", ""), 2, "", "DE94 originator: is missing"},
		"PAN": {swapIn(
			2, "4111111111111111", "411111111111111x",
		), 2, "411111111111111x", "DE2 card number: character 16 is not a digit"},
		"amount format": {
			swapIn(2, "000000001234", "00000000123 "), 2, "00000000123 ", "DE4 amount: character 12 is not a digit",
		},
		"date": {
			swapIn(3, "261121000000", "261131000000"), 3, "261131000000", "DE12 local date and time: is no date and time",
		},
		"expiry": {swapIn(2, "2912", "2913"), 2, "2913", "DE14 expiry: month"},
		"POS data code": {
			swapIn(3, "1000S0S00000", "1000S-S00000"), 3, "1000S-S00000", "DE22 point of service data code: character 6",
		},
		"RRN": {
			swapIn(2, "6325A0000001", "6325A000000?"), 2, "6325A000000?", "DE37 retrieval reference (RRN): character 12",
		},
		"terminal": {swapIn(2, "TERM0001", "TERM\x0000"+
			"1"), 2, "TERM\x00001", "DE41 terminal: character 5 is not printable"},
		"acceptor": {
			swapIn(2, `Dublin\`, `Dublin/`), 2, "Corner Shop", `DE43 merchant name and location: is not name\street\city\`,
		},
		"country":    {swapIn(2, "IRL", "ir1"), 2, "Corner Shop", "country is not three capital letters"},
		"network id": {swapIn(2, "016 TRACE12345     00", "015 TRACE12345    100"), 2, "", ""},
		"PDS tag": {swapIn(2, "0148004"+"9782", "01x8004"+
			"9782"), 2, "01x80049782", "DE48 additional data: a subelement's tag and length are not seven digits"},
		"PDS length": {swapIn(2, "0148004"+"9782", "0148005"+
			"9782"), 2, "01480059782", "PDS0148 currency exponents: 5 characters expected, DE48 additional data has 4 more"},
		"PDS rest": {swapIn(2, "0148004"+"9782", "0148001"+
			"9782"), 2, "782978", "DE48 additional data: 3 bytes too few"},
		"exponent": {swapIn(3, "0148004"+"3920", "0148004"+
			"3922"), 3, "3922", "PDS0148 currency exponents: gives currency 392 the exponent 2, JPY has 0"},
		"reversal":      {swapIn(4, "R261120", "S261120"), 4, "S261120", "PDS0025 reversal: is not R and a date"},
		"reversal date": {swapIn(4, "R261120", "R269920"), 4, "R269920", "PDS0025 reversal: is not R and a date"},
		"MTI":           {swapIn(2, "1240", "12x0"), 2, "12x0", "the message type is not four digits in ascii"},
		"bit 1": {func(_ *testing.T, r records) records {
			r[1] = bytes.Clone(r[1])
			r[1][4] &= 0x7F
			return r
		}, 2, string([]byte{0x70}), "bit 1 is not set"},
		"unknown element": {func(_ *testing.T, r records) records {
			r[1] = bytes.Clone(r[1])
			r[1][4] |= 0x02 // DE7
			return r
		}, 2, "261121142233", "DE7: is not an element of this layout"},
		"length digits": {swapIn(2, "164111", "1x4111"), 2, "1x4111", "DE2 card number: its length is not 2 digits"},
		"record too short": {func(_ *testing.T, r records) records {
			r[1] = cut(r[1], 3)
			return r
		}, 2, "00000012", "DE94 originator: 11 bytes expected, the record has 8 more"},
		"record too long": {func(_ *testing.T, r records) records {
			r[1] = append(bytes.Clone(r[1]), "zz"...)
			return r
		}, 2, "zz", "2 bytes follow the last data element"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := c.change(t, frames(t, readHex(t, "golden-ascii-vbs.hex")))
			for _, data := range [][]byte{join(changed), block(join(changed), 0x40)} {
				report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
				if err != nil {
					t.Fatal(err)
				}
				if report.OK || report.ErrorCount == 0 {
					t.Fatal("not found")
				}
				var found *clearing.Finding
				for i, f := range report.Errors {
					if f.Record == c.record && strings.Contains(f.Field+": "+f.Message, c.text) {
						found = &report.Errors[i]
						break
					}
				}
				if found == nil {
					t.Fatalf("want record %d, %q; found %v", c.record, c.text, report.Errors)
				}
				if c.at != "" && !bytes.HasPrefix(data[found.Offset:], []byte(c.at)) {
					t.Errorf("at byte %d stands %q, want %q", found.Offset, data[found.Offset:][:10], c.at)
				}
				var text bytes.Buffer
				if err := report.WriteText(&text); err != nil {
					t.Fatal(err)
				}
				for _, f := range report.Errors {
					if strings.Contains(f.String(), "41111111111") {
						t.Errorf("a finding shows the card number: %v", f)
					}
				}
				if !strings.Contains(text.String(), "NOT ok") || !strings.Contains(text.String(), found.String()) {
					t.Errorf("the text is\n%s", text.String())
				}
			}
		})
	}
}

// What breaks the framing ends the reading; the finding says in which record and where.
func TestVerifyFindsBrokenFraming(t *testing.T) {
	vbs := readHex(t, "golden-cp500-vbs.hex")
	blocks, _ := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, manyPresentments(300)...)
	starts := []int{0}
	for _, r := range frames(t, vbs) {
		starts = append(starts, starts[len(starts)-1]+4+len(r))
	}
	patch := func(data []byte, at int, b ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], b)
		return data
	}
	for name, c := range map[string]struct {
		data   []byte
		record int
		offset int
		text   string
	}{
		"length too small": {
			patch(vbs, starts[2], 0, 0, 0, 19), 3, starts[2], "its length stands as 00 00 00 13, 20 to 6000 expected",
		},
		"length too large":  {patch(vbs, starts[2], 0, 0, 0x17, 0x71), 3, starts[2], "its length stands as 00 00 17 71"},
		"length off by one": {patch(vbs, starts[3]+3, vbs[starts[3]+3]+1), 4, starts[4], "1 byte"},
		"cut in a record":   {vbs[:starts[3]+50], 4, starts[3], "the file ends within the record"},
		"cut in a length":   {vbs[:starts[3]+2], 4, starts[3], "the file ends within the record's length"},
		"cut at a record":   {vbs[:starts[4]], 4, starts[3], "the last message is not the file trailer"},
		"bytes behind":      {append(bytes.Clone(vbs), 1), 0, len(vbs), "there are bytes after the end"},
		"early end":         {patch(vbs, starts[2], 0, 0, 0, 0), 2, starts[1], "the last message is not the file trailer"},
		"block cut":         {blocks[:1014*40+7], 0, 1014 * 40, "the last block has 7 bytes, 1014 expected"},
		"block missing":     {blocks[:1014*40], 0, 0, "the file ends within the record"},
		"block trailer": {patch(blocks, 1014*7+1012, 0x40, 0x41), 0, 1014*7 +
			1012, "block ends with neither 40 40 nor 00 00"},
		"filler":        {patch(blocks, len(blocks)-3, 0x41), 0, 0, "there are bytes after the end"},
		"shifted block": {append(bytes.Clone(blocks[:1014*70]), blocks[1014*70+1:]...), 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := clearing.Verify(bytes.NewReader(c.data), clearing.VerifyOptions{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			if report.OK {
				t.Fatal("not found")
			}
			for _, f := range report.Errors {
				if strings.Contains(f.Message, c.text) {
					if c.record != 0 && f.Record != c.record || c.offset != 0 && f.Offset != int64(c.offset) && c.text != "1 byte" {
						t.Errorf("reported as %v, want record %d, byte %d", f, c.record, c.offset)
					}
					return
				}
			}
			t.Errorf("want %q; found %v", c.text, report.Errors)
		})
	}
}

// One changed byte in a length, a bitmap, a number or a code never passes for a good file. In free text and in chip
// data it may.
func TestVerifyGuardsEveryByteButText(t *testing.T) {
	vbs := readHex(t, "golden-ascii-vbs.hex")
	free := make([]bool, len(vbs))
	for _, text := range []string{
		"TERM0001", "SHOP-7         ", `Corner Shop`, `1 High St`, `Dublin`, `D01 X2Y3     `, "CT1", " TRACE12345     ",
		string(goldenPresentments()[0].ChipData), `A\ \ \             `, "WEB            ", "Web & Co.", "Gulf Rd 5",
		"Kuwait City", "13001     KU ", "212",
	} {
		at := bytes.Index(vbs, []byte(text))
		if at < 0 {
			t.Fatalf("%q is not in the file", text)
		}
		for i := range len(text) {
			free[at+i] = text[i] != '\\'
		}
	}
	for i := range vbs {
		changed := bytes.Clone(vbs)
		changed[i] ^= 0x80 // never a digit or a letter, nor a length that fits
		report, err := clearing.Verify(bytes.NewReader(changed), clearing.VerifyOptions{Strict: true})
		if passed := err == nil && report.OK; passed && !free[i] {
			t.Errorf("byte %d, %q, may be %q", i, vbs[i], changed[i])
		}
	}
}

func TestVerifyEmptyDay(t *testing.T) {
	for _, h := range []clearing.Header{
		{FileID: testFileID, Blocked: true}, {FileID: testFileID, CodePage: clearing.ASCII, Production: true},
	} {
		data, totals := writeFile(t, h)
		report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
		if err != nil || !report.OK || len(report.Warnings) > 0 {
			t.Fatalf("Verify() = %+v, %v", report, err)
		}
		if totals.Messages != 2 || totals.SumMinor != 0 || fmt.Sprint(report.Totals) != fmt.Sprint(totals) {
			t.Errorf("totals %+v and %+v", totals, report.Totals)
		}
		if report.FileID != testFileID.String() || (report.Mode == "P") != h.Production {
			t.Errorf("file %s, mode %s", report.FileID, report.Mode)
		}
		trailer := frames(t, data)
		if h.CodePage == clearing.ASCII &&
			!bytes.Contains(trailer[1], []byte("0301016"+"0000000000000000"+"0306008"+"00000002")) {
			t.Errorf("trailer %q", trailer[1])
		}
	}
}

// message builds an ASCII record from element numbers and values, ascending, by the plainest means.
func message(mti string, elements ...any) []byte {
	r := append([]byte(mti), make([]byte, 16)...)
	r[4] = 0x80
	for i := 0; i < len(elements); i += 2 {
		de := elements[i].(int)
		r[4+(de-1)/8] |= 0x80 >> ((de - 1) % 8)
		r = append(r, elements[i+1].(string)...)
	}
	return r
}

func ll(v string) string  { return fmt.Sprintf("%02d%s", len(v), v) }
func lll(v string) string { return fmt.Sprintf("%03d%s", len(v), v) }

// Files that others wrote hold more than we write. It is taken, with a warning where it is odd.
func TestVerifyTakesWhatOthersWrite(t *testing.T) {
	const sourceFile = "0022611200000001234500001"
	arn := ll("12345676325000000000012")
	records := frames(t, readHex(t, "golden-ascii-vbs.hex"))
	data := join([][]byte{
		records[0],
		message(
			"1240", 2, ll("4111111111111111"), 3, "280000", 4, "000000000100", 5, "000000000200", 6, "000000000300", 9,
			"61234567",
			10, "61234567", 12, "261121000000", 22, "1000S0S00000", 24, "200", 26, "5999", 31, ll("92345676325000000000014"),
			33, ll("123456"), 43, ll(`Caf\Street 1\City\123456    XY JPN`), 48, lll("0148008392097820158003ABC"), 49, "392", 50,
			"978",
			51, "840", 71, "00000002", 93, ll("123"), 94, ll("123456"), 100, ll("123")),
		message("1240", 2, ll("4111111111111111"), 3, "000000", 4, "000000000100", 12, "261121000000", 24, "205", 25, "2700",
			30, "000000000100000000000000", 31, arn, 33, ll("123456"), 49, "978", 71, "00000003", 94, ll("123456")),
		message("1442", 2, ll("4111111111111111"), 3, "000000", 4, "000000000050", 12, "261121000000", 24, "453", 25, "4853",
			30, "000000000100000000000000", 31, arn, 49, "978", 71, "00000004", 94, ll("123456"), 95, ll("1234567890")),
		message("1644", 24, "691", 48, lll("0005014D004809051900001380080000000902800"+"25"+sourceFile), 71, "00000005"),
		message("1644", 24, "699", 48, lll("0005028D0048090519000D00710905190000280025"+
			sourceFile), 71, "00000006", 72, lll("rejected")),
		message("1740", 3, "190000", 4, "000000000001", 24, "700", 49, "978", 71, "00000007", 73, "261121", 94, ll("123456"),
			111, lll("abc"), 127, lll("abcd")),
		message("1644", 24, "693", 71, "00000008"),
		message(
			"1240", 2, ll("4111111111111111"), 3, "000000", 4, "000000000100", 12, "261121000000", 22, "1000S0S00000", 24, "200",
			26, "5999", 31, ll("12345676325000000000038"), 33, ll("123456"), 41, "TERM[01]", 43, ll(`A\B\C\             JPN`),
			48, lll("01580011"+"01480049989"), 49, "998", 71, "00000009", 94, ll("123456")),
		message("1644", 24, "695", 48, lll("0105025"+testFileID.String()+"03010160000000000000351"+
			"030600800000010"), 71, "00000010"),
	})
	report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
	if err != nil || !report.OK {
		t.Fatalf("Verify() = %+v, %v", report, err)
	}
	var warnings strings.Builder
	for _, f := range report.Warnings {
		fmt.Fprintf(&warnings, "%d %s %s\n", f.Record, f.Field, f.Message)
	}
	const want = `9 DE41 terminal character 5 differs between code pages
9 DE49 currency 998 is no currency of ISO 4217
9 PDS0148 currency exponents does not stand above PDS0158 before it
`
	if warnings.String() != want {
		t.Errorf("warnings\n%s\nwant\n%s", warnings.String(), want)
	}
	const note = "of a text message (1644/693) only the general rules were checked"
	if n := report.Notes; len(n) != 1 || n[0].Message != note {
		t.Errorf("notes %v", n)
	}
	totals := report.Totals
	if totals.Presentments != 3 || totals.Messages != 10 || totals.SumMinor != 351 ||
		totals.Currencies[1] != (clearing.CurrencyTotals{Currency: "EUR", DebitCount: 1, DebitMinor: 100}) {
		t.Errorf("totals %+v", totals)
	}
}

// Findings are bounded; what is left out is counted.
func TestVerifyBoundsFindings(t *testing.T) {
	records := frames(t, readHex(t, "golden-ascii-vbs.hex"))
	bad := swap(t, records[2], "261121000000", "991399000000")
	all := [][]byte{records[0]}
	for range 2 * clearing.MaxFindings {
		all = append(all, bad)
	}
	report, err := clearing.Verify(bytes.NewReader(join(all)), clearing.VerifyOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Errors) != clearing.MaxFindings || report.ErrorCount < 2*clearing.MaxFindings {
		t.Errorf("%d errors kept, %d counted", len(report.Errors), report.ErrorCount)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "more\n") {
		t.Errorf("WriteText() = %v\n%s", err, text.String()[:200])
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}
