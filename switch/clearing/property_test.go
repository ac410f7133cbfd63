package clearing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// drawPresentment draws one that is valid, unless its PDS need more elements than there are.
func drawPresentment(t *rapid.T, sequence int) *clearing.Presentment {
	digits := func(label string, min, max int) string {
		return rapid.StringMatching(fmt.Sprintf("[0-9]{%d,%d}", min, max)).Draw(t, label)
	}
	maybe := func(g *rapid.Generator[string], label string) string {
		return rapid.OneOf(rapid.Just(""), g).Draw(t, label)
	}
	ascii := func(max int) *rapid.Generator[string] {
		return rapid.StringMatching(fmt.Sprintf(`[ -~]{1,%d}`, max))
	}
	portable := func(max int) *rapid.Generator[string] {
		return rapid.StringMatching(fmt.Sprintf(`[ "-Z_-{}~]{1,%d}`, max))
	}
	arn, err := clearing.ARN(
		digits("bin", 6, 6), day(2026, 1, 1).AddDate(0, 0, rapid.IntRange(0, 4000).Draw(t, "day")), uint64(sequence),
	)
	if err != nil {
		t.Fatal(err)
	}
	p := &clearing.Presentment{
		PAN:         digits("pan", 8, 19),
		Expiry:      maybe(rapid.StringMatching("[0-9]{2}(0[1-9]|1[0-2])"), "expiry"),
		Credit:      rapid.Bool().Draw(t, "credit"),
		AmountMinor: rapid.Int64Range(1, 999_999_999_999).Draw(t, "amount"),
		Currency:    rapid.SampledFrom([]string{"EUR", "USD", "JPY", "KWD", "CLF", "ALL"}).Draw(t, "currency"),
		LocalTime: time.Unix(
			rapid.Int64Range(946_771_200, 4_102_358_400).Draw(t, "time"), 0,
		).In(time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600)),
		POSDataCode:  rapid.StringMatching("[0-9A-Za-z]{12}").Draw(t, "pos"),
		CardSequence: maybe(rapid.StringMatching("[0-9]{1,3}"), "card sequence"),
		FunctionCode: rapid.SampledFrom([]string{"200", "200", "200", "205", "282"}).Draw(t, "function"),
		MCC:          digits("mcc", 4, 4), ARN: arn,
		AcquirerID:  maybe(rapid.StringMatching("[0-9]{6,11}"), "acquirer"),
		ForwarderID: digits("forwarder", 6, 11),
		RRN:         maybe(rapid.StringMatching("[0-9A-Z]{12}"), "rrn"),
		AuthCode:    maybe(rapid.StringMatching("[0-9A-Z]{1,6}"), "auth code"),
		ServiceCode: maybe(rapid.StringMatching("[0-9]{3}"), "service code"),
		Terminal:    maybe(portable(8), "terminal"),
		Merchant:    maybe(portable(15), "merchant"),
		Acceptor: clearing.Acceptor{
			Name: "N" + rapid.String().Draw(t, "name"), Street: rapid.String().Draw(t, "street"), City: maybe(ascii(20), "city"),
			PostalCode: maybe(ascii(12), "postal"), State: maybe(ascii(4), "state"),
			CountryAlpha3: rapid.SampledFrom([]string{"IRL", "JPN", "usa"}).Draw(t, "country"),
		}.Fit(),
		OtherAmounts:   maybe(ascii(999), "other amounts"),
		ChipData:       rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "chip"),
		NetworkID:      maybe(ascii(15), "network id"),
		TerminalType:   maybe(rapid.StringMatching(`[ -~]{3}`), "terminal type"),
		ECommerceLevel: maybe(rapid.StringMatching("[0-9]{3}"), "level"),
	}
	if p.FunctionCode != "200" {
		p.MessageReason, p.OriginalMinor = "2700", rapid.Int64Range(1, 999_999_999_999).Draw(t, "original")
		p.IssuerReference = rapid.StringMatching("([A-Z0-9-]{1,10})?").Draw(t, "issuer reference")
	}
	if rapid.Bool().Draw(t, "reversal") {
		p.ReversalOf = p.LocalTime
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "PDS") {
		p.PDS = append(p.PDS, clearing.PDS{Tag: 500 + i, Value: ascii(992).Draw(t, "value")})
	}
	return p
}

// notChip tells whether a warning is about anything but chip data, which may be anything here.
func notChip(f clearing.Finding) bool { return f.Field != "DE55 chip data" }

// What Validate takes can be written in every form, Verify finds nothing in it, and it reads back as what it was.
func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := clearing.Header{
			FileID: clearing.FileID{
				Date: day(2026, 11, 21), ProcessorID: "1", Sequence: rapid.IntRange(1, 99_999).Draw(t, "sequence"),
			},
			Production: rapid.Bool().Draw(t, "production"), Blocked: rapid.Bool().Draw(t, "blocked"),
			RDW:      rapid.Bool().Draw(t, "RDW"),
			CodePage: rapid.SampledFrom([]clearing.CodePage{clearing.CP500, clearing.ASCII}).Draw(t, "page"),
		}
		var buf bytes.Buffer
		w, err := clearing.NewWriter(&buf, h)
		if err != nil {
			t.Fatal(err)
		}
		var taken []*clearing.Presentment
		for i := range rapid.IntRange(0, 4).Draw(t, "presentments") {
			p := drawPresentment(t, i)
			if p.Validate() != nil {
				continue
			}
			taken = append(taken, p)
			if err := w.Write(p); err != nil {
				t.Fatalf("Write() = %v, Validate() took it", err)
			}
		}
		totals, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		report, err := clearing.Verify(bytes.NewReader(buf.Bytes()), clearing.VerifyOptions{Strict: true})
		odd := func(f clearing.Finding) bool { return notChip(f) && !(h.RDW && strings.Contains(f.Message, "(RDW)")) }
		if err != nil || !report.OK || slices.ContainsFunc(report.Warnings, odd) {
			t.Fatalf("Verify() = %+v, %v", report, err)
		}
		if fmt.Sprint(report.Totals) != fmt.Sprint(totals) || report.FileID != h.FileID.String() ||
			report.CodePage != h.CodePage.String() || report.Framing != (clearing.Framing{Blocked: h.Blocked, RDW: h.RDW}) {
			t.Fatalf("written %+v %+v, read %+v", h, totals, report)
		}
		reader, err := clearing.NewReader(&buf)
		if err != nil {
			t.Fatal(err)
		}
		for i := -1; ; i++ {
			r, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.MTI != "1240" {
				continue
			}
			p := taken[i]
			amount, _ := r.AmountMinor()
			if r.Text(2) != p.PAN || amount != p.AmountMinor || r.Currency() != p.Currency || r.Text(31) != p.ARN ||
				r.Text(37) != p.RRN ||
				r.Debits() != p.Debits() || r.Text(12) != p.LocalTime.Format("060102150405") ||
				!bytes.Equal(r.Get(55), p.ChipData) ||
				strings.TrimRight(r.Text(42), " ") != strings.TrimRight(p.Merchant, " ") || r.Text(54) != p.OtherAmounts ||
				r.FunctionCode() != p.FunctionCode {
				t.Fatalf("presentment %d reads back differently", i)
			}
			for _, sub := range p.PDS {
				if got, ok := r.PDS(sub.Tag); !ok || got != sub.Value {
					t.Fatalf("PDS%04d reads back differently", sub.Tag)
				}
			}
		}
	})
}

func addFiles(f *testing.F) {
	for _, name := range []string{
		"golden-cp500-1014.hex", "golden-cp500-vbs.hex", "golden-ascii-1014.hex", "golden-ascii-vbs.hex",
	} {
		f.Add(readHex(f, name))
	}
	f.Add(rdw(f, readHex(f, "golden-cp500-vbs.hex")))
	f.Add(cut(readHex(f, "golden-ascii-vbs.hex"), 4))
	f.Add([]byte{0, 0, 0, 0})
}

// maxFuzzRecords is more records than an input of the fuzzer's can hold.
const maxFuzzRecords = 1 << 20

// FuzzReader: no input panics or holds the reader up, and what it returns lies within the input.
func FuzzReader(f *testing.F) {
	addFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		reader, err := clearing.NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		for calls := 0; ; calls++ {
			if calls > maxFuzzRecords {
				t.Fatal("the reader does not end")
			}
			r, err := reader.Next()
			var format *clearing.FormatError
			switch {
			case errors.Is(err, io.EOF), errors.As(err, &format) && format.Fatal:
				return
			case err != nil && format == nil:
				t.Fatalf("an error that is no FormatError: %v", err)
			case format != nil && (format.Offset < 0 || format.Offset > int64(len(data))):
				t.Fatalf("%v in a file of %d bytes", format, len(data))
			}
			if r == nil {
				continue
			}
			if r.Offset < 0 || r.Offset >= int64(len(data)) {
				t.Fatalf("record %d at byte %d of %d", r.Number, r.Offset, len(data))
			}
			for de := range r.Elements() {
				_ = r.Text(de)
			}
			for sub := range r.Subelements() {
				if _, ok := r.PDS(sub.Tag); !ok {
					t.Fatalf("PDS%04d is there and is not", sub.Tag)
				}
			}
			r.Key()
			r.Debits()
		}
	})
}

// FuzzVerify: no input panics, findings stay within their bounds, and Show prints whatever Verify read.
func FuzzVerify(f *testing.F) {
	addFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
		if err != nil {
			return
		}
		if len(report.Errors) > clearing.MaxFindings || report.OK != (len(report.Errors) == 0) {
			t.Fatalf("%d errors, ok %v", len(report.Errors), report.OK)
		}
		for _, finding := range report.Errors {
			if finding.Offset < 0 || finding.Offset > int64(len(data)) {
				t.Fatalf("%v in a file of %d bytes", finding, len(data))
			}
		}
		if err := report.WriteText(io.Discard); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []ipmtool.ShowOptions{{}, {Brief: true}, {JSON: true}} {
			if err := ipmtool.Show(io.Discard, bytes.NewReader(data), opts); err != nil && report.OK {
				t.Fatalf("Verify() finds nothing, Show() = %v", err)
			}
		}
	})
}

// FuzzReadDetail: no input panics, and each error says where.
func FuzzReadDetail(f *testing.F) {
	f.Add(detailHeader)
	f.Add(detailHeader +
		"a,b,purchase,false,debit,1,EUR,12345676325000000000012,,,,,,,,,,,,1,1,,2026-11-21T14:22:33,2026-11-21T14:22:33Z," +
		"\r\n")
	f.Fuzz(func(t *testing.T, data string) {
		for _, err := range clearing.ReadDetail(strings.NewReader(data)) {
			if err != nil && !strings.Contains(err.Error(), "line ") && !strings.Contains(err.Error(), "a row is longer") {
				t.Fatal(err)
			}
		}
	})
}
