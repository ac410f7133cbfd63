package clearing_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
)

func detail(t testing.TB, presentments ...*clearing.Presentment) string {
	t.Helper()
	var b bytes.Buffer
	w := clearing.NewDetailWriter(&b)
	for _, p := range presentments {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const detailHeader = "payment,capture,kind,reversal,direction,amount_minor,currency,acquirer_reference,rrn," +
	"auth_code,reference,key," +
	"merchant,merchant_name,terminal,card,mcc,function_code,message_reason,sequence,count,network_id,local_time," +
	"accepted_at,fee_plan\r\n"

func TestDetail(t *testing.T) {
	presentments := goldenPresentments()
	presentments[0].Reference = `say "a,b"`
	presentments[0].AcceptedAt = time.Date(2026, 11, 21, 15, 22, 34, 500_000_000, time.FixedZone("", 3600))
	got := detail(t, presentments...)
	const want = detailHeader +
		`pay-1,cap-1,purchase,false,debit,1234,EUR,12345676325000000000012,6325A0000001,A1B2C3,"say ""a,b""",k1,SHOP-7,` +
		`Corner Shop,TERM0001,411111******1111,5411,200,1403,1,2,TRACE12345,2026-11-21T14:22:33,2026-11-21T14:22:34.5Z,` +
		`standard` + "\r\n" +
		`pay-2,,refund,false,credit,500,JPY,12345676325000000000020,,,,,,,,555555******4444,5999,200,,1,1,,` +
		`2026-11-21T00:00:00,2026-11-21T15:00:00Z,` + "\r\n" +
		`pay-3,,purchase,true,credit,1001,KWD,12345676324000000000039,6324A0000009,,,,WEB,,,400000*********0006,4816,200,,` +
		`1,1,,2026-11-20T23:59:59,2026-11-21T16:00:00Z,standard` + "\r\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	i := 0
	for row, err := range clearing.ReadDetail(strings.NewReader(got)) {
		if err != nil {
			t.Fatal(err)
		}
		p := presentments[i]
		if row.PaymentID != p.PaymentID || row.ARN != p.ARN || row.AmountMinor != p.AmountMinor ||
			row.Currency != p.Currency ||
			row.Reference != p.Reference || row.Merchant != p.Merchant || row.Sequence != p.Sequence || row.Count != p.Count ||
			!row.AcceptedAt.Equal(p.AcceptedAt) || row.Reversal == p.ReversalOf.IsZero() ||
			(row.Direction == "debit") != p.Debits() ||
			(row.Kind == "refund") != p.Credit || row.FeePlan != p.FeePlan || row.RRN != p.RRN || row.AuthCode != p.AuthCode {
			t.Errorf("row %d = %+v", i, row)
		}
		i++
	}
	if i != len(presentments) {
		t.Errorf("%d rows read", i)
	}
	if got := detail(t); got != detailHeader {
		t.Errorf("an empty day is %q", got)
	}
}

func TestReadDetailErrors(t *testing.T) {
	good := detail(t, goldenPresentments()...)
	for name, c := range map[string]struct{ data, want string }{
		"nothing":      {"", "line 1: the header row is missing"},
		"header":       {strings.Replace(good, "rrn", "RRN", 1), `line 1, column 82 (rrn): is called "RRN"`},
		"short header": {"payment,capture\r\n", "line 1: wrong number of fields"},
		"short row":    {strings.Replace(good, "pay-2,", "", 1), "line 3: wrong number of fields"},
		"kind": {
			strings.Replace(good, "refund", "return", 1), "line 3, column 8 (kind): is neither purchase nor refund",
		},
		"reversal":      {strings.Replace(good, "false", "maybe", 1), "line 2, column 22 (reversal)"},
		"direction":     {strings.Replace(good, ",debit,", ",up,", 1), "line 2, column 28 (direction)"},
		"amount":        {strings.Replace(good, ",1234,", ",12.34,", 1), "line 2, column 34 (amount_minor): is no amount"},
		"signed amount": {strings.Replace(good, ",1234,", ",-1234,", 1), "line 2, column 34 (amount_minor): is no amount"},
		"currency":      {strings.Replace(good, "EUR", "EU", 1), "line 2, column 39 (currency)"},
		"reference": {strings.Replace(
			good, "12345676325000000000012", "12345676325000000000013", 1,
		), "line 2, column 43 (acquirer_reference): check digit"},
		"sequence":    {strings.Replace(good, ",1403,1,", ",1403,x,", 1), "(sequence): is no number"},
		"count":       {strings.Replace(good, ",1403,1,2", ",1403,1,", 1), "(count): is no number"},
		"local time":  {strings.Replace(good, "2026-11-21T14:22:33", "2026-11-21", 1), "(local_time): is no time"},
		"accepted at": {strings.Replace(good, "2026-11-21T14:22:34Z", "14:22", 1), "(accepted_at): is no time of RFC 3339"},
		"quote":       {strings.Replace(good, "order 1", `"order 1`, 1), "line 2"},
		"endless row": {good + strings.Repeat("x", 100_000), "a row is longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var first error
			rows := 0
			for _, err := range clearing.ReadDetail(strings.NewReader(c.data)) {
				if err != nil && first == nil {
					first = err
				}
				rows++
			}
			if first == nil || !strings.Contains(first.Error(), c.want) {
				t.Errorf("error %v, want %q", first, c.want)
			}
			if strings.Contains(c.want, "(") && strings.Contains(c.want, "): is n") && rows != 3 && name != "header" {
				t.Errorf("%d rows, a wrong value must not end the reading", rows)
			}
		})
	}
}

// The CSV files add up to what the IPM file adds up to.
func TestSummary(t *testing.T) {
	presentments := goldenPresentments()
	again := *presentments[0]
	again.AmountMinor, again.ARN = 66, "12345676325000000000046"
	refund := *presentments[0]
	refund.Credit, refund.AmountMinor, refund.ARN = true, 300, "12345676325000000000053"
	balanced := *presentments[1]
	balanced.Credit, balanced.ARN = false, "12345676325000000000061"
	presentments = append(presentments, &again, &refund, &balanced)
	s := clearing.NewSummary()
	for _, p := range presentments {
		if err := s.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := s.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	const want = "merchant,merchant_name,fee_plan,currency,purchases,gross_minor,refunds,refunds_minor,reversals," +
		"net_minor,carried_forward\r\n" +
		",,,JPY,1,500,1,500,0,0,true\r\n" +
		"SHOP-7,Corner Shop,standard,EUR,2,1300,1,300,0,1000,false\r\n" +
		"WEB,,standard,KWD,0,0,1,1001,1,-1001,true\r\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	_, totals := writeFile(t, clearing.Header{FileID: testFileID}, presentments...)
	sums := map[string]int64{}
	for _, c := range totals.Currencies {
		sums[c.Currency+" debit"], sums[c.Currency+" credit"] = c.DebitMinor, c.CreditMinor
	}
	for row, err := range clearing.ReadDetail(strings.NewReader(detail(t, presentments...))) {
		if err != nil {
			t.Fatal(err)
		}
		sums[row.Currency+" "+row.Direction] -= row.AmountMinor
	}
	for what, left := range sums {
		if left != 0 {
			t.Errorf("%s: the detail file is %d off the IPM file", what, left)
		}
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range totals.Currencies {
		var gross, refunds int64
		for _, row := range rows[1:] {
			if row[3] == c.Currency {
				gross, refunds = gross+number(t, row[5]), refunds+number(t, row[7])
			}
		}
		if gross != c.DebitMinor || refunds != c.CreditMinor {
			t.Errorf(
				"%s: the summary has %d and %d, the IPM file %d and %d", c.Currency, gross, refunds, c.DebitMinor, c.CreditMinor,
			)
		}
	}
}

func number(t *testing.T, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestManifest(t *testing.T) {
	h := clearing.Header{FileID: testFileID, Blocked: true}
	var file bytes.Buffer
	digest := clearing.NewDigest(&file)
	w, err := clearing.NewWriter(digest, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range goldenPresentments() {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	totals, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	m := clearing.NewManifest(
		h, "visa", time.Date(2026, 11, 22, 1, 0, 0, 0, time.FixedZone("", 3600)), totals, digest.File("f.ipm"),
	)
	got, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "business_date": "2026-11-21",
  "destination": "visa",
  "file_id": "0022611210000001234500007",
  "sealed_at": "2026-11-22T00:00:00Z",
  "mode": "T",
  "code_page": "cp500",
  "blocked": true,
  "files": [
    {
      "name": "f.ipm",
      "sha256": "@",
      "bytes": 1014
    }
  ],
  "totals": {
    "messages": 5,
    "presentments": 3,
    "sum_minor": 2735,
    "currencies": [
      {
        "currency": "EUR",
        "debit_count": 1,
        "debit_minor": 1234,
        "credit_count": 0,
        "credit_minor": 0
      },
      {
        "currency": "JPY",
        "debit_count": 0,
        "debit_minor": 0,
        "credit_count": 1,
        "credit_minor": 500
      },
      {
        "currency": "KWD",
        "debit_count": 0,
        "debit_minor": 0,
        "credit_count": 1,
        "credit_minor": 1001
      }
    ]
  }
}
`
	// sha256sum of the golden file.
	if want := strings.Replace(want, "@", goldenSHA256, 1); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, err := clearing.ReadManifest(bytes.NewReader(got))
	if err != nil || fmt.Sprint(back) != fmt.Sprint(m) {
		t.Errorf("ReadManifest() = %+v, %v", back, err)
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"unknown field": strings.Replace(string(got), "mode", "node", 1),
		"file id":       strings.Replace(string(got), "0022611", "00226x1", 1),
		"date":          strings.Replace(string(got), "2026-11-21", "2026-11-31", 1),
		"more":          string(got) + "{}",
		"folder":        strings.Replace(string(got), "f.ipm", "../f.ipm", 1),
		"too long":      string(got) + strings.Repeat(" ", 1<<20),
	} {
		if m, err := clearing.ReadManifest(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: ReadManifest() = %+v", name, m)
		}
	}
}

// goldenSHA256 is what sha256sum says of testdata/golden-cp500-1014.hex as binary.
const goldenSHA256 = "86f9bdb648e1435a9b20ae656d8b40d603d4fa63653a1f12a562a578cf96b1be"

// A file with a capture that came past its window has a column for that, and is read like those without it.
func TestDetailPastWindow(t *testing.T) {
	var b bytes.Buffer
	w := clearing.NewDetailWriterPastWindow(&b)
	presentments := goldenPresentments()
	presentments[1].PastWindow = true
	for _, p := range presentments {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	header, rows, _ := strings.Cut(b.String(), "\r\n")
	if header+"\r\n" != strings.TrimSuffix(detailHeader, "\r\n")+",past_window\r\n" {
		t.Errorf("header %q", header)
	}
	i := 0
	for row, err := range clearing.ReadDetail(&b) {
		if err != nil {
			t.Fatal(err)
		}
		if row.PastWindow != presentments[i].PastWindow || row.FeePlan != presentments[i].FeePlan {
			t.Errorf("row %d: %+v", i, row)
		}
		i++
	}
	if i != len(presentments) {
		t.Errorf("%d rows read", i)
	}
	for name, text := range map[string]string{
		"is called":       header + "s\r\n" + rows,
		"neither true":    header + "\r\n" + strings.Replace(rows, ",false\r\n", ",no\r\n", 1),
		"expected 26":     header + ",more\r\n",
		"wrong number of": header + "\r\n" + strings.Replace(rows, ",false\r\n", "\r\n", 1),
	} {
		var failed error
		for _, err := range clearing.ReadDetail(strings.NewReader(text)) {
			if failed == nil {
				failed = err
			}
		}
		if failed == nil || !strings.Contains(failed.Error(), name) {
			t.Errorf("%v; want %q", failed, name)
		}
	}
}

// Whatever stands in a text, a row is what encoding/csv makes of it.
func TestDetailTexts(t *testing.T) {
	p := goldenPresentments()[0]
	plain, err := csv.NewReader(strings.NewReader(detail(t, p))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const reference, merchantName, feePlan = 10, 13, 24
	for _, text := range []string{
		"", " ", " a", "a ", "a b", "\ta", "a\tb", `\.`, `\`, `a\b`, ",", `"`, `a"b`, "'a'", "a\nb", "a\rb", "a\r\nb", "\n",
		"=1+1", "Müller", "ü", "\u00a0a", "\u2003a", "a\u00a0", "\x7f", "\x00", "\xff", "a\xffb", "日本", "#",
	} {
		fields := slices.Clone(plain[1])
		p.Reference, p.MerchantName, p.FeePlan = text, text, text
		fields[reference], fields[merchantName], fields[feePlan] = text, text, text
		var want strings.Builder
		w := csv.NewWriter(&want)
		w.UseCRLF = true
		if err := w.WriteAll([][]string{plain[0], fields}); err != nil {
			t.Fatal(err)
		}
		if got := detail(t, p); got != want.String() {
			t.Errorf("%q:\ngot  %q\nwant %q", text, got, want.String())
		}
	}
}

func BenchmarkDetail(b *testing.B) {
	w := clearing.NewDetailWriter(&countingWriter{})
	p := goldenPresentments()[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	a := goldenPresentments()[0].Acceptor
	b.ReportAllocs()
	for b.Loop() {
		if a.Fit() != a {
			b.Fatal("it fits as it is")
		}
	}
}
