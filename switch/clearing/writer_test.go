package clearing_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
)

// readHex reads one of the files that testdata/golden.py wrote.
func readHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

var testFileID = clearing.FileID{Date: day(2026, 11, 21), ProcessorID: "12345", Sequence: 7}

// goldenPresentments are the three of testdata/golden.py.
func goldenPresentments() []*clearing.Presentment {
	return []*clearing.Presentment{
		{
			PAN: "4111111111111111", Expiry: "2912", AmountMinor: 1234, Currency: "EUR",
			LocalTime: time.Date(2026, 11, 21, 14, 22, 33, 0, time.UTC), POSDataCode: "5101015F3340", CardSequence: "1",
			FunctionCode: "200", MessageReason: "1403", MCC: "5411", ARN: "12345676325000000000012", AcquirerID: "123456",
			ForwarderID: "00000012345", RRN: "6325A0000001", AuthCode: "A1B2C3", ServiceCode: "201", Terminal: "TERM0001",
			Merchant: "SHOP-7",
			Acceptor: clearing.Acceptor{
				Name: "Corner Shop", Street: "1 High St", City: "Dublin", PostalCode: "D01 X2Y3", CountryAlpha3: "IRL",
			},
			NetworkID: "TRACE12345", ChipData: mustHex("9F2608C0FFEE40404040009F270180"), TerminalType: "CT1",
			PaymentID: "pay-1", CaptureID: "cap-1", Reference: "order 1", Key: "k1", Sequence: 1, Count: 2,
			AcceptedAt: time.Date(2026, 11, 21, 14, 22, 34, 0, time.UTC), MerchantName: "Corner Shop", FeePlan: "standard",
		},
		{
			PAN: "5555555555554444", Credit: true, AmountMinor: 500, Currency: "JPY", LocalTime: day(2026, 11, 21),
			POSDataCode: "1000S0S00000", FunctionCode: "200", MCC: "5999", ARN: "12345676325000000000020",
			ForwarderID: "00000012345", Acceptor: clearing.Acceptor{Name: "A", CountryAlpha3: "JPN"},
			PaymentID: "pay-2", Sequence: 1, Count: 1, AcceptedAt: time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC),
		},
		{
			PAN: "4000000000000000006", AmountMinor: 1001, Currency: "KWD",
			LocalTime: time.Date(2026, 11, 20, 23, 59, 59, 0, time.FixedZone("", 3*3600)), POSDataCode: "1009S0S00000",
			FunctionCode: "200", MCC: "4816", ARN: "12345676324000000000039", ForwarderID: "00000012345", RRN: "6324A0000009",
			Merchant: "WEB",
			Acceptor: clearing.Acceptor{
				Name: "Web & Co.", Street: "Gulf Rd 5", City: "Kuwait City", PostalCode: "13001", State: "KU", CountryAlpha3: "KWT",
			},
			ReversalOf: day(2026, 11, 20), ECommerceLevel: "212",
			PaymentID: "pay-3", Sequence: 1, Count: 1, AcceptedAt: time.Date(2026, 11, 21, 16, 0, 0, 0, time.UTC),
			FeePlan: "standard",
		},
	}
}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func writeFile(t testing.TB, h clearing.Header, presentments ...*clearing.Presentment) ([]byte, clearing.Totals) {
	t.Helper()
	var buf bytes.Buffer
	w, err := clearing.NewWriter(&buf, h)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range presentments {
		if err := w.Write(p); err != nil {
			t.Fatalf("presentment %d: %v", i, err)
		}
	}
	totals, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), totals
}

// The bytes were made by other means: Python, its own cp500 codec, and nothing of this package.
func TestWriterAgainstGolden(t *testing.T) {
	for name, h := range map[string]clearing.Header{
		"golden-cp500-1014.hex": {FileID: testFileID, Blocked: true},
		"golden-cp500-vbs.hex":  {FileID: testFileID},
		"golden-ascii-1014.hex": {FileID: testFileID, CodePage: clearing.ASCII, Blocked: true},
		"golden-ascii-vbs.hex":  {FileID: testFileID, CodePage: clearing.ASCII},

		"golden-cp500-1014-rdw.hex": {FileID: testFileID, Blocked: true, RDW: true},
		"golden-ascii-rdw.hex":      {FileID: testFileID, CodePage: clearing.ASCII, RDW: true},
	} {
		got, _ := writeFile(t, h, goldenPresentments()...)
		if want := readHex(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: %s", name, firstDifference(got, want))
		}
	}
}

func firstDifference(got, want []byte) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			end := min(len(got), len(want), i+16)
			return "at byte " + hex.EncodeToString([]byte{byte(i >> 8), byte(i)}) + ": got " +
				hex.EncodeToString(got[i:end]) + ", want " + hex.EncodeToString(want[i:end])
		}
	}
	return "one is longer than the other"
}

func TestTotals(t *testing.T) {
	_, got := writeFile(t, clearing.Header{FileID: testFileID}, goldenPresentments()...)
	if got.Messages != 5 || got.Presentments != 3 || got.SumMinor != 1234+500+1001 {
		t.Errorf("totals = %+v", got)
	}
	want := []clearing.CurrencyTotals{
		{Currency: "EUR", DebitCount: 1, DebitMinor: 1234},
		{Currency: "JPY", CreditCount: 1, CreditMinor: 500},  // a refund
		{Currency: "KWD", CreditCount: 1, CreditMinor: 1001}, // a reversed purchase
	}
	if len(got.Currencies) != len(want) {
		t.Fatalf("currencies = %+v, want %+v", got.Currencies, want)
	}
	for i := range want {
		if got.Currencies[i] != want[i] {
			t.Errorf("currency %d = %+v, want %+v", i, got.Currencies[i], want[i])
		}
	}
}

// What Validate refuses, Write refuses, names the same element, and leaves nothing of it in the file.
func TestRefusedPresentments(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*clearing.Presentment)
		field  string
	}{
		"no PAN":              {func(p *clearing.Presentment) { p.PAN = "" }, "DE2 "},
		"long PAN":            {func(p *clearing.Presentment) { p.PAN = "41111111111111111111" }, "DE2 "},
		"letter in PAN":       {func(p *clearing.Presentment) { p.PAN = "411111111111111x" }, "DE2 "},
		"no amount":           {func(p *clearing.Presentment) { p.AmountMinor = 0 }, "DE4 "},
		"negative amount":     {func(p *clearing.Presentment) { p.AmountMinor = -1 }, "DE4 "},
		"long amount":         {func(p *clearing.Presentment) { p.AmountMinor = 1_000_000_000_000 }, "DE4 "},
		"currency":            {func(p *clearing.Presentment) { p.Currency = "EU" }, "DE49 "},
		"no time":             {func(p *clearing.Presentment) { p.LocalTime = time.Time{} }, "DE12 "},
		"expiry month":        {func(p *clearing.Presentment) { p.Expiry = "2913" }, "DE14 "},
		"expiry length":       {func(p *clearing.Presentment) { p.Expiry = "29" }, "DE14 "},
		"POS data code":       {func(p *clearing.Presentment) { p.POSDataCode = "51010151334" }, "DE22 "},
		"blank POS data code": {func(p *clearing.Presentment) { p.POSDataCode = "            " }, "DE22 "},
		"card sequence":       {func(p *clearing.Presentment) { p.CardSequence = "0001" }, "DE23 "},
		"function code":       {func(p *clearing.Presentment) { p.FunctionCode = "450" }, "DE24 "},
		"second, no reason":   {func(p *clearing.Presentment) { p.FunctionCode, p.MessageReason = "205", "" }, "DE25 "},
		"second, no original": {func(p *clearing.Presentment) { p.FunctionCode = "282" }, "DE30 "},
		"first with original": {func(p *clearing.Presentment) { p.OriginalMinor = 1 }, "DE30 "},
		"first with answer":   {func(p *clearing.Presentment) { p.IssuerReference = "REF" }, "DE95 "},
		"message reason":      {func(p *clearing.Presentment) { p.MessageReason = "140" }, "DE25 "},
		"MCC":                 {func(p *clearing.Presentment) { p.MCC = "" }, "DE26 "},
		"ARN digit":           {func(p *clearing.Presentment) { p.ARN = "12345676325000000000013" }, "DE31 "},
		"no ARN":              {func(p *clearing.Presentment) { p.ARN = "" }, "DE31 "},
		"acquirer":            {func(p *clearing.Presentment) { p.AcquirerID = "12345" }, "DE32 "},
		"forwarder":           {func(p *clearing.Presentment) { p.ForwarderID = "" }, "DE33 "},
		"RRN":                 {func(p *clearing.Presentment) { p.RRN = "1" }, "DE37 "},
		"authorization code":  {func(p *clearing.Presentment) { p.AuthCode = "1234567" }, "DE38 "},
		"service code":        {func(p *clearing.Presentment) { p.ServiceCode = "20" }, "DE40 "},
		"terminal":            {func(p *clearing.Presentment) { p.Terminal = "TERM!" }, "DE41 "},
		"merchant":            {func(p *clearing.Presentment) { p.Merchant = "sixteen-letters." }, "DE42 "},
		"no acceptor name":    {func(p *clearing.Presentment) { p.Acceptor.Name = "" }, "DE43 "},
		"acceptor country":    {func(p *clearing.Presentment) { p.Acceptor.CountryAlpha3 = "IE" }, "DE43 "},
		"acceptor letters":    {func(p *clearing.Presentment) { p.Acceptor.City = "Malmö" }, "DE43 "},
		"acceptor separator":  {func(p *clearing.Presentment) { p.Acceptor.City = `a\b` }, "DE43 "},
		"acceptor too long":   {func(p *clearing.Presentment) { p.Acceptor.Street = strings.Repeat("x", 90) }, "DE43 "},
		"acceptor postal":     {func(p *clearing.Presentment) { p.Acceptor.PostalCode = "12345678901" }, "DE43 "},
		"chip data":           {func(p *clearing.Presentment) { p.ChipData = make([]byte, 256) }, "DE55 "},
		"network id":          {func(p *clearing.Presentment) { p.NetworkID = strings.Repeat("N", 65) }, "DE105 "},
		"terminal type":       {func(p *clearing.Presentment) { p.TerminalType = "CT" }, "PDS0023 "},
		"e-commerce level":    {func(p *clearing.Presentment) { p.ECommerceLevel = "2100" }, "PDS0052 "},
		"PDS of ours": {
			func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 148, Value: "9782"}} }, "PDS0148 ",
		},
		"PDS of the trailer": {func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 301, Value: "1"}} }, "PDS0301 "},
		"PDS twice": {func(p *clearing.Presentment) {
			p.PDS = []clearing.PDS{{Tag: 165, Value: "M"}, {Tag: 158, Value: "x"}, {Tag: 165, Value: "M"}}
		}, "PDS0165 "},
		"empty PDS": {func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 165}} }, "PDS0165 "},
		"PDS tag":   {func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 10000, Value: "x"}} }, "PDS10000"},
		"PDS too long": {
			func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 999, Value: strings.Repeat("x", 993)}} }, "PDS0999",
		},
		"PDS not ASCII": {func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 999, Value: "é"}} }, "DE48 "},
		"PDS overflow":  {func(p *clearing.Presentment) { p.PDS = manyPDS(6, 900) }, "PDS1005"},
	} {
		t.Run(name, func(t *testing.T) {
			p := goldenPresentments()[0]
			c.change(p)
			err := p.Validate()
			var field *clearing.FieldError
			if !errors.As(err, &field) || !strings.Contains(err.Error(), c.field) {
				t.Fatalf("Validate() = %v, want a FieldError that names %q", err, c.field)
			}
			for n := 11; n <= len(p.PAN); n++ { // more digits than the mask shows
				if strings.Contains(err.Error(), p.PAN[:n]) {
					t.Errorf("the error shows the card number: %v", err)
				}
			}
			var buf bytes.Buffer
			w, werr := clearing.NewWriter(&buf, clearing.Header{FileID: testFileID})
			if werr != nil {
				t.Fatal(werr)
			}
			if got := w.Write(p); got == nil || got.Error() != err.Error() {
				t.Errorf("Write() = %v, Validate() = %v", got, err)
			}
			if _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if empty, _ := writeFile(t, clearing.Header{FileID: testFileID}); !bytes.Equal(buf.Bytes(), empty) {
				t.Error("the refused presentment left something in the file")
			}
		})
	}
}

func manyPDS(n, length int) []clearing.PDS {
	subs := make([]clearing.PDS, n)
	for i := range subs { // descending: the writer sorts
		subs[i] = clearing.PDS{Tag: 1000 + n - 1 - i, Value: strings.Repeat("x", length)}
	}
	return subs
}

func TestHeaderRefused(t *testing.T) {
	for name, change := range map[string]func(*clearing.Header){
		"no processor":     func(h *clearing.Header) { h.FileID.ProcessorID = "" },
		"long processor":   func(h *clearing.Header) { h.FileID.ProcessorID = "123456789012" },
		"processor letter": func(h *clearing.Header) { h.FileID.ProcessorID = "12345x" },
		"sequence 0":       func(h *clearing.Header) { h.FileID.Sequence = 0 },
		"sequence":         func(h *clearing.Header) { h.FileID.Sequence = 100_000 },
		"no date":          func(h *clearing.Header) { h.FileID.Date = time.Time{} },
		"code page":        func(h *clearing.Header) { h.CodePage = 9 },
	} {
		h := clearing.Header{FileID: testFileID}
		change(&h)
		var buf bytes.Buffer
		if _, err := clearing.NewWriter(&buf, h); err == nil || buf.Len() != 0 {
			t.Errorf("%s: error %v, %d bytes written", name, err, buf.Len())
		}
	}
}

// PDS0301 holds 16 digits. The amount that would pass them is refused, and the file is whole without it.
func TestSumBound(t *testing.T) {
	var buf bytes.Buffer
	w, err := clearing.NewWriter(&buf, clearing.Header{FileID: testFileID})
	if err != nil {
		t.Fatal(err)
	}
	const most = 999_999_999_999
	taken := 0
	for _, p := range manyPresentments(10_002) {
		p.AmountMinor = most
		if err = w.Write(p); err != nil {
			break
		}
		taken++
	}
	if taken != 10_000 || err == nil || !strings.Contains(err.Error(), "PDS0301") {
		t.Fatalf("after %d amounts: %v", taken, err)
	}
	totals, err := w.Close()
	if err != nil || totals.SumMinor != 10_000*most {
		t.Fatalf("totals %+v, %v", totals, err)
	}
	if report, err := clearing.Verify(&buf, clearing.VerifyOptions{Strict: true}); err != nil || !report.OK {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

type failingWriter struct{ left int }

func (f *failingWriter) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

var errDisk = errors.New("disk full")

// Once a write has failed the file is broken: no later call may say otherwise.
func TestWriterKeepsFailing(t *testing.T) {
	w, err := clearing.NewWriter(&failingWriter{left: 100_000}, clearing.Header{FileID: testFileID, Blocked: true})
	if err != nil {
		t.Fatal(err)
	}
	p := goldenPresentments()[0]
	for err == nil {
		err = w.Write(p)
	}
	if !errors.Is(err, errDisk) {
		t.Fatalf("Write() = %v", err)
	}
	if err := w.Write(p); !errors.Is(err, errDisk) {
		t.Errorf("Write() after a failure = %v", err)
	}
	if _, err := w.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close() after a failure = %v", err)
	}
}

func TestClosedWriter(t *testing.T) {
	w, err := clearing.NewWriter(&bytes.Buffer{}, clearing.Header{FileID: testFileID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(goldenPresentments()[0]); err == nil {
		t.Error("Write() after Close() succeeded")
	}
	if _, err := w.Close(); err == nil {
		t.Error("a second Close() succeeded")
	}
}

func TestFit(t *testing.T) {
	got := clearing.Acceptor{
		Name: "Café Größe [Łódź] & Fils! GmbH", Street: "Weg\\2|b", City: "Villanueva de la Cañada", PostalCode: "  1234\t5 ",
		State: "", CountryAlpha3: "esp",
	}.Fit()
	want := clearing.Acceptor{
		Name: "Cafe Grosse (Lodz) & F", Street: "Weg/2/b", City: "Villanueva de", PostalCode: "1234 5", CountryAlpha3: "ESP",
	}
	if got != want {
		t.Errorf("Fit() = %+v, want %+v", got, want)
	}
	p := goldenPresentments()[0]
	p.Acceptor = clearing.Acceptor{
		Name: strings.Repeat("ÿ東[", 50), Street: strings.Repeat("b ", 50), City: strings.Repeat("c", 50),
		PostalCode: strings.Repeat("1", 50), State: strings.Repeat("s", 50), CountryAlpha3: "IRLAND",
	}.Fit()
	if err := p.Validate(); err != nil {
		t.Errorf("a fitted acceptor is refused: %v", err)
	}
}

func TestARN(t *testing.T) {
	arn, err := clearing.ARN("234567", day(2026, 11, 21), 1)
	if err != nil || arn != "12345676325000000000012" {
		t.Errorf("ARN() = %q, %v", arn, err)
	}
	p := goldenPresentments()[0]
	if p.ARN = arn; p.Validate() != nil {
		t.Error(p.Validate())
	}
	if arn, err = clearing.ARN("000000", day(2020, 12, 31), 99_999_999_999); err != nil || arn[:11] != "10000000366" {
		t.Errorf("ARN() = %q, %v", arn, err)
	}
	for _, bin := range []string{"", "23456", "2345678", "23456x"} {
		if arn, err := clearing.ARN(bin, day(2026, 11, 21), 1); err == nil {
			t.Errorf("ARN(%q) = %q", bin, arn)
		}
	}
	if arn, err := clearing.ARN("234567", day(2026, 11, 21), 100_000_000_000); err == nil {
		t.Errorf("ARN() with twelve digits of sequence = %q", arn)
	}
	for _, arn := range []string{"", "1234567632500000000001", "123456763250000000000120", "1234567632500000000001x",
		"12345676000000000000013", "12345676367000000000010", "12345676325000000000013"} {
		if p.ARN = arn; p.Validate() == nil {
			t.Errorf("a record with the ARN %q is valid", arn)
		}
	}
}

func TestFileID(t *testing.T) {
	if got := testFileID.String(); got != "0022611210000001234500007" {
		t.Errorf("String() = %q", got)
	}
	id, err := clearing.ParseFileID("0022611210000001234500007")
	if err != nil || id.String() != testFileID.String() || !id.Date.Equal(testFileID.Date) {
		t.Errorf("ParseFileID() = %+v, %v", id, err)
	}
	for _, s := range []string{"", "002261121000000123450000", "0022613210000001234500007", "002261121000000123450000x"} {
		if id, err := clearing.ParseFileID(s); err == nil {
			t.Errorf("ParseFileID(%q) = %+v", s, id)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	w, err := clearing.NewWriter(&countingWriter{}, clearing.Header{FileID: testFileID, Blocked: true})
	if err != nil {
		b.Fatal(err)
	}
	p := goldenPresentments()[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}

type countingWriter struct{ n int64 }

func (c *countingWriter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
