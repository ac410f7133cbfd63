package issuersim_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/clearing"
)

var day = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func testARN(t testing.TB, sequence uint64) string {
	t.Helper()
	arn, err := clearing.ARN("400001", day, sequence)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// present makes a clearing file of presentments; what they do not say is filled in.
func present(t testing.TB, sequence int, ps ...*clearing.Presentment) string {
	t.Helper()
	return presentAs(t, clearing.Header{FileID: clearing.FileID{
		Date: day, ProcessorID: "400001", Sequence: sequence,
	}}, ps...)
}

func presentAs(t testing.TB, h clearing.Header, ps ...*clearing.Presentment) string {
	t.Helper()
	var b bytes.Buffer
	w, err := clearing.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if p.PAN == "" {
			p.PAN = goodCard
		}
		p.LocalTime, p.POSDataCode, p.MCC = day, "000000000000", "5999"
		p.Currency, p.FunctionCode = cmp.Or(p.Currency, "EUR"), cmp.Or(p.FunctionCode, "200")
		p.AcquirerID, p.ForwarderID, p.Terminal, p.Merchant = "400001", "400001", "TERM0001", "MERCHANT1"
		p.Acceptor = clearing.Acceptor{
			Name: "Shop", Street: "Street 1", City: "City", PostalCode: "12345", CountryAlpha3: "DEU",
		}
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// clear posts a file and returns the status and the counts.
func (s *sim) clear(file string) (int, string) {
	s.t.Helper()
	status, body := s.http("POST", "/v1/clearing", file)
	var counts map[string]any
	if err := json.Unmarshal([]byte(body), &counts); err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, key := range []string{"messages", "settled", "posted", "reversed", "already", "excepted"} {
		if n, _ := counts[key].(float64); n != 0 {
			out = append(out, fmt.Sprintf("%s=%v", key, n))
		}
	}
	if status != http.StatusOK {
		return status, fmt.Sprint(counts["error"])
	}
	return status, strings.Join(out, " ")
}

// A posting of whoever tells no acquirer reference is known by that of its first record, so that a later one takes it
// back, also from a log that was read again.
func TestReversalOfWhatHadNoReference(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	if got := s.exchange(s.line("0200 stan=1 amount=700 date=1121")).String(39); got != "00" {
		t.Fatalf("the sale: %s", got)
	}
	arn := testARN(t, 1)
	sale := func(takenBack time.Time) *clearing.Presentment {
		return &clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: arn, ReversalOf: takenBack}
	}
	if _, got := s.clear(present(t, 1, sale(time.Time{}))); got != "messages=1 settled=1" {
		t.Errorf("the record: %s", got)
	}
	s.stop()
	s = start(t, options)
	if _, got := s.clear(present(t, 2, sale(day))); got != "messages=1 reversed=1" {
		t.Errorf("its reversal: %s", got)
	}
	s.audit()
}

// A file that takes an earlier one back is refused and answered: it is not taken for one that says the same again.
func TestFileThatTakesOneBack(t *testing.T) {
	fs := vfs.NewMem()
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}})
	h := clearing.Header{
		FileID: clearing.FileID{Date: day, ProcessorID: "400001", Sequence: 1}, CodePage: clearing.ASCII,
	}
	text := presentAs(t, h, &clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 1)})
	const length, de48, takesBack = 4, 4 + 4 + 16 + 3, "0026007R261121"
	if !strings.HasPrefix(text[de48:], "0400105") {
		t.Fatalf("the header's DE48 begins with %q", text[de48:de48+7])
	}
	header := binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32([]byte(text))+uint32(len(takesBack)))
	changed := string(header) + text[length:de48] + "054" + takesBack + text[de48+3:]
	status, got := s.clear(changed)
	if status != http.StatusUnprocessableEntity || !strings.Contains(got, "it takes an earlier file back") {
		t.Errorf("%d %s", status, got)
	}
	names, err := fs.List("out")
	if err != nil || len(names) != 1 {
		t.Errorf("answers: %v (%v)", names, err)
	}
	if status, got := s.clear(text); status != http.StatusOK {
		t.Errorf("the same without that: %d %s", status, got)
	}
	s.audit()
}

func TestClearing(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	send := func(code, line string) {
		t.Helper()
		m, err := message(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.exchange(m).String(39); got != code {
			t.Fatalf("%s: %s, want %s", line, got, code)
		}
		s.audit()
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
		s.audit()
	}
	arns := make([]string, 9)
	for n := range arns {
		arns[n] = testARN(t, uint64(n))
	}
	send("00", "0100 stan=1 amount=10000")
	send("00", "0220 stan=2 rrn=R1 amount=4000 num=1 orig=0100:1 date=1121 arn="+arns[1])
	send("00", "0220 stan=3 rrn=R1 amount=2000 num=2 orig=0100:1 date=1121")
	send("00", "0200 stan=4 amount=700 date=1121 arn="+arns[4])
	send("00", "0200 stan=5 amount=500 de3=200000 date=1121 arn="+arns[5])
	want("before", showLedger(s.server.Ledger()),
		"EUR cardholders=99993800 available=99989800 holds=4000 unsettled=6200 settled=0 capital=-100000000 balanced=true\n")

	first := present(t, 1,
		&clearing.Presentment{ARN: arns[1], RRN: pad("R1", 12), AmountMinor: 4000},
		&clearing.Presentment{ARN: arns[2], RRN: pad("R1", 12), AmountMinor: 2000}, // found by RRN and amount
		&clearing.Presentment{ARN: arns[4], RRN: pad("R4", 12), AmountMinor: 700},
		&clearing.Presentment{ARN: arns[5], RRN: pad("R5", 12), AmountMinor: 500, Credit: true},
		&clearing.Presentment{ARN: arns[6], RRN: pad("R6", 12), AmountMinor: 60},                          // posted by nobody
		&clearing.Presentment{ARN: arns[7], RRN: pad("R7", 12), AmountMinor: 70, PAN: "4000000000000143"}, // no card
	)
	status, got := s.clear(first)
	want("first file", fmt.Sprint(status, " ", got), "200 messages=6 settled=4 posted=1 excepted=1")
	settled := "EUR cardholders=99993740 available=99989740 holds=4000 unsettled=0 settled=6260 capital=-100000000 " +
		"balanced=true\n"
	want("after it", showLedger(s.server.Ledger()), settled)

	status, got = s.clear(first)
	want("the same again", fmt.Sprint(status, " ", got), "409 file 0022611210000040000100001: this file was taken before")

	// An advice that comes after its clearing record debits nothing more, and is found by its repeat and its reversal.
	send("00", "0220 stan=6 rrn=R6 amount=60 num=1 arn="+arns[6])
	send("00", "0221 stan=6 rrn=R6 amount=60 num=1 arn="+arns[6])
	send("94", "0220 stan=7 rrn=R6 amount=60 num=1 arn="+arns[6])
	want("after the late advice", showLedger(s.server.Ledger()), settled)

	s.stop()
	s = start(t, options)
	want("after a restart", showLedger(s.server.Ledger()), settled)
	status, got = s.clear(first)
	want("the same again after a restart", fmt.Sprint(
		status, " ", got,
	), "409 file 0022611210000040000100001: this file was taken before")

	// The next day takes one capture, the refund and the unposted one back; the hold is not given back with them.
	second := present(t, 2,
		&clearing.Presentment{ARN: arns[1], RRN: pad("R1", 12), AmountMinor: 4000, ReversalOf: day},
		&clearing.Presentment{ARN: arns[5], RRN: pad("R5", 12), AmountMinor: 500, Credit: true, ReversalOf: day},
		&clearing.Presentment{ARN: arns[6], RRN: pad("R6", 12), AmountMinor: 60, ReversalOf: day},
		&clearing.Presentment{ARN: arns[8], RRN: pad("R8", 12), AmountMinor: 80, ReversalOf: day}, // never posted
		&clearing.Presentment{ARN: arns[4], RRN: pad("R4", 12), AmountMinor: 701},                 // another amount
	)
	status, got = s.clear(second)
	want("second file", fmt.Sprint(status, " ", got), "200 messages=5 reversed=3 excepted=2")
	want("after it", showLedger(s.server.Ledger()),
		"EUR cardholders=99997300 available=99993300 holds=4000 unsettled=0 settled=2700 capital=-100000000 balanced=true\n")

	status, got = s.clear("not a clearing file at all")
	want("no clearing file", fmt.Sprint(status, " ", got), "422 the file does not verify")
}

// A voice capture has its authorization code although its clearing record, which makes the posting, came before it;
// after a restart, too.
func TestAuthCodeAfterClearing(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	arn := testARN(t, 1)
	s.clear(present(t, 1, &clearing.Presentment{ARN: arn, RRN: pad("R1", 12), AmountMinor: 60}))
	m, err := message("0220 stan=1 rrn=R1 amount=60 num=1 arn=" + arn)
	if err != nil {
		t.Fatal(err)
	}
	m.Set(38, "V10001")
	if code := s.exchange(m).String(39); code != "00" {
		t.Fatal(code)
	}
	for range 2 {
		if all := s.authorizations(); len(all) != 1 || all[0]["auth_code"] != "V10001" {
			t.Errorf("the book: %v", all)
		}
		s.stop()
		s = start(t, options)
	}
}

// The totals of a date, which an 0500 is held against, are of messages: a capture counts when its 0220 comes, although
// its clearing record came first, and what clearing records alone have told of does not; after a restart, too.
func TestTotalsAfterClearing(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	told, alone := testARN(t, 1), testARN(t, 2)
	s.clear(present(t, 1,
		&clearing.Presentment{ARN: told, RRN: pad("R1", 12), AmountMinor: 60},
		&clearing.Presentment{ARN: alone, RRN: pad("R2", 12), AmountMinor: 70}))
	ask := func(stan string) string {
		t.Helper()
		m, err := message("0500 stan=" + stan + " pan=- de3=- amount=- cur=- merchant=- terminal=- rrn=- date=1121 de50=978")
		if err != nil {
			t.Fatal(err)
		}
		return show(s.exchange(m))
	}
	if got, want := ask("7"), "0510 00 stan=7 balance=1 debits= debited= net_settlement=C0000000000000000"; got != want {
		t.Errorf("before the 0220: %s, want %s", got, want)
	}
	m, err := message("0220 stan=1 rrn=R1 amount=60 num=1 date=1121 arn=" + told)
	if err != nil {
		t.Fatal(err)
	}
	if code := s.exchange(m).String(39); code != "00" {
		t.Fatal(code)
	}
	for range 2 {
		want := "0510 00 stan=8 balance=1 debits=1 debited=60 net_settlement=C0000000000000060"
		if got := ask("8"); got != want {
			t.Errorf("after the 0220: %s, want %s", got, want)
		}
		s.stop()
		s = start(t, options)
	}
}

// A stand-in's 0120 may come after the clearing record of its capture, and the capture's 0220 after that: what was
// debited is a part of what is authorized, the rest is held, and nothing is debited again; after a restart, too. The
// posting is of the date that the capture says, not of the file's.
func TestStandInAfterClearing(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	arn := testARN(t, 1)
	s.clear(present(t, 1, &clearing.Presentment{ARN: arn, RRN: pad("R1", 12), AmountMinor: 3314}))
	for _, c := range []struct{ line, code string }{
		{"0120 stan=2 rrn=R1 amount=6852 cur=840", "94"}, // it is of another currency
		{"0120 stan=1 rrn=R1 amount=6852", "00"},
		{"0121 stan=1 rrn=R1 amount=6852", "00"},
		{"0120 stan=4 rrn=R1 amount=6852", "94"}, // under another STAN it is another
		{"0220 stan=3 rrn=R1 amount=3314 num=1 date=1120 arn=" + arn, "00"},
		{"0221 stan=3 rrn=R1 amount=3314 num=1 date=1120 arn=" + arn, "00"},
	} {
		m, err := message(c.line)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.exchange(m).String(39); got != c.code {
			t.Errorf("%s: %s, want %s", c.line, got, c.code)
		}
		s.audit()
	}
	for range 2 {
		all := s.authorizations()
		if len(all) != 1 {
			t.Fatalf("the book: %v", all)
		}
		a := all[0]
		posting := a["postings"].([]any)[0].(map[string]any)
		if a["kind"] != "authorization" || a["authorized"] != 6852.0 || a["hold"] != 3538.0 || a["over_hold"] != false ||
			posting["business_date"] != "1120" || posting["settled_file"] == "" {
			t.Errorf("the book: %v", a)
		}
		s.stop()
		s = start(t, options)
	}
}

// A host that is told no acquirer references knows a capture whose clearing record came first by RRN and amount: it is
// debited once, and another capture of that amount is another; after a restart, too.
func TestCaptureWithoutReferenceAfterClearing(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	s.clear(present(t, 1, &clearing.Presentment{ARN: testARN(t, 1), RRN: pad("R1", 12), AmountMinor: 60}))
	for n, line := range []string{
		"0220 stan=1 rrn=R1 amount=60", "0221 stan=1 rrn=R1 amount=60", "0220 stan=2 rrn=R1 amount=60",
	} {
		m, err := message(line)
		if err != nil {
			t.Fatal(err)
		}
		if code := s.exchange(m).String(39); code != "00" {
			t.Errorf("%s: %s", line, code)
		}
		s.audit()
		for range 2 {
			all := s.authorizations()
			if len(all) != 1 || len(all[0]["postings"].([]any)) != 1+n/2 {
				t.Errorf("after %s the book: %v", line, all)
			}
			s.stop()
			s = start(t, options)
		}
	}
}

// Two voice captures on one card with one STAN and DE7, as they come over two hosts of one issuer, are two.
func TestTwoHostsOneSTAN(t *testing.T) {
	s := start(t, issuersim.Options{})
	for n, rrn := range []string{"R1", "R2", "R1"} { // the third is the first again
		m, err := message("0220 stan=1 rrn=" + rrn + " amount=60 num=1 arn=" + testARN(t, uint64(n%2)))
		if err != nil {
			t.Fatal(err)
		}
		if code := s.exchange(m).String(39); code != "00" {
			t.Fatalf("%s: %s", rrn, code)
		}
	}
	if got := s.server.Ledger().Currencies["EUR"].Unsettled; got != 120 {
		t.Errorf("posted %d, want 120", got)
	}
}

// Nor is a reversal whose original never came that of another message with its numbers, which the other host was sent.
func TestTwoHostsOneSTANReversed(t *testing.T) {
	s := start(t, issuersim.Options{})
	for _, step := range []struct{ message, code string }{
		{"0100 stan=1 rrn=R1 amount=60", "00"},
		{"0420 stan=2 rrn=R2 amount=60 orig=0100:1", "25"},
		{"0420 stan=3 rrn=R1 amount=60 orig=0100:1", "00"},
	} {
		m, err := message(step.message)
		if err != nil {
			t.Fatal(err)
		}
		if code := s.exchange(m).String(39); code != step.code {
			t.Errorf("%s: %s, want %s", step.message, code, step.code)
		}
	}
}
