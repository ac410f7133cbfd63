package issuersim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/clearing"
)

// owed is what the only member is owed so far, by GET /v1/clearing: cardholders' debits less credits and fees.
func (s *sim) owed() string {
	s.t.Helper()
	_, body := s.http("GET", "/v1/clearing", "")
	var status struct {
		Positions []struct{ Debits, Credits, Fees, Owed int64 }
	}
	if err := json.Unmarshal([]byte(body), &status); err != nil || len(status.Positions) != 1 {
		s.t.Fatalf("%s, %v", body, err)
	}
	p := status.Positions[0]
	return fmt.Sprintf("%d-%d-%d=%d", p.Debits, p.Credits, p.Fees, p.Owed)
}

func sale(t *testing.T, n uint64, amount int64) *clearing.Presentment {
	return &clearing.Presentment{AmountMinor: amount, RRN: pad(fmt.Sprintf("R%d", n), 12), ARN: testARN(t, n)}
}

func takenBack(p *clearing.Presentment) *clearing.Presentment {
	back := *p
	back.ReversalOf = day
	return &back
}

// What an 0420 has taken back is taken off the member's totals once, by a record that is right, and only where a record
// had put it there.
func TestReversedByMessageAndByRecord(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data"}
	s := start(t, options)
	reverse := func(stan, of int) {
		t.Helper()
		line := fmt.Sprintf("0420 stan=%d rrn=R%d amount=700 orig=0200:%d", stan, of, of)
		if got := s.exchange(s.line(line)).String(39); got != "00" {
			t.Fatalf("the reversal: %s", got)
		}
	}
	for n := range 2 {
		line := fmt.Sprintf("0200 stan=%d amount=700 date=1121 arn=%s", n+1, testARN(t, uint64(n+1)))
		if got := s.exchange(s.line(line)).String(39); got != "00" {
			t.Fatalf("the sale: %s", got)
		}
	}
	if _, got := s.clear(present(t, 1, sale(t, 1, 700))); got != "messages=1 settled=1" {
		t.Fatal(got)
	}
	reverse(8, 1)
	reverse(9, 2)
	books := showLedger(s.server.Ledger())
	for n, c := range []struct {
		record *clearing.Presentment
		says   string
	}{
		{takenBack(sale(t, 1, 699)), "messages=1 excepted=1"}, // of another amount
		{takenBack(sale(t, 1, 700)), "messages=1 reversed=1"},
		{takenBack(sale(t, 1, 700)), "messages=1 excepted=1"}, // again, in another file
		{sale(t, 2, 700), "messages=1 excepted=1"},
		{takenBack(sale(t, 2, 700)), "messages=1 excepted=1"}, // of what no file has presented
	} {
		if _, got := s.clear(present(t, n+2, c.record)); got != c.says {
			t.Errorf("file %d: %s, want %s", n+2, got, c.says)
		}
		s.audit()
	}
	for range 2 {
		if got := s.owed(); got != "700-700-0=0" {
			t.Errorf("the member is owed %s", got)
		}
		if got := showLedger(s.server.Ledger()); got != books {
			t.Errorf("the books are %s, were %s", got, books)
		}
		s.stop()
		s = start(t, options)
	}
}

// A file that is given again, since a crash came before its end, comes to the totals that it would have come to.
func TestReversalInAFileGivenAgain(t *testing.T) {
	fs := &brokenFS{FS: vfs.NewMem()}
	options := issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	file := present(t, 1, sale(t, 1, 700), takenBack(sale(t, 1, 700)), sale(t, 2, 30))
	fs.sync = true
	if status, body := s.http("POST", "/v1/clearing", file); status != http.StatusServiceUnavailable {
		t.Fatalf("the answer cannot be synced: %d %s", status, body)
	}
	fs.sync = false
	s.stop()
	s = start(t, options)
	if _, got := s.clear(file); got != "messages=3 already=3" {
		t.Errorf("given again: %s", got)
	}
	if got := s.owed(); got != "730-700-0=30" {
		t.Errorf("the member is owed %s", got)
	}
	s.audit()
}

// Two cards may have one acquirer reference: a rule charges back the one that it is about.
func TestChargeBackOfOneOfTwoCards(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(
		`clearing: [{when: {amount: {from: 700, to: 700}}, chargeback: {reason: "4853"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	// In either order of the cards, whose shards differ.
	for n, cards := range [][2]string{{"4111111111111111", "5555555555554444"}, {"5555555555554444", "4111111111111111"}} {
		s := start(t, issuersim.Options{Rules: rules, Clearing: issuersim.Clearing{Out: "out"}, FS: vfs.NewMem()})
		small, large := sale(t, 1, 100), sale(t, 1, 700)
		small.PAN, large.PAN, large.Currency, large.RRN = cards[0], cards[1], "USD", pad("R2", 12)
		if status, got := s.clear(present(t, 1, small, large)); status != http.StatusOK || got != "messages=2 posted=2" {
			t.Errorf("order %d: %d %s", n, status, got)
		}
		ledger := s.server.Ledger().Currencies
		if euro, dollars := ledger["EUR"], ledger["USD"]; euro.Settled != 100 || dollars.Settled != 0 {
			t.Errorf("order %d: settled are %d EUR and %d USD, want 100 and nothing", n, euro.Settled, dollars.Settled)
		}
		s.audit()
	}
}

// A part that was charged back and is presented again costs what the part gave back: no fixed part either way.
func TestFeeOfASecondPresentment(t *testing.T) {
	s := start(t, issuersim.Options{FS: vfs.NewMem(), Clearing: issuersim.Clearing{
		Out: "out", Fees: []issuersim.ClearingFee{{Type: "07", BasisPoints: 100, Fixed: 5}},
	}})
	if _, got := s.clear(present(t, 1, sale(t, 1, 2000))); got != "messages=1 posted=1" {
		t.Fatal(got)
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4837","amount":500}`, 200, `"amount":500`)
	if got := s.owed(); got != "2000-500-20=1480" {
		t.Errorf("after the chargeback the member is owed %s", got)
	}
	again := sale(t, 1, 500)
	again.FunctionCode, again.OriginalMinor, again.MessageReason = "205", 2000, "2700"
	if status, got := s.clear(present(t, 2, again)); status != http.StatusOK {
		t.Fatal(got)
	}
	if got := s.owed(); got != "2500-500-25=1975" {
		t.Errorf("after the second presentment the member is owed %s", got)
	}
}

// Of a presentment that the clearing system has rejected nothing is taken back: the member's totals never had it, and
// the cardholder's posting is not the record's to undo. What was rejected may come again.
func TestReversalOfWhatARuleRejected(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(
		`clearing: [{when: {amount: {from: 700, to: 700}}, reject: {element: 26, code: "0150"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data", Rules: rules}
	s := start(t, options)
	line := "0200 stan=1 amount=700 date=1121 arn=" + testARN(t, 1)
	if got := s.exchange(s.line(line)).String(39); got != "00" {
		t.Fatalf("the sale: %s", got)
	}
	if _, got := s.clear(present(t, 1, sale(t, 1, 700), sale(t, 2, 30))); got != "messages=2 posted=1 excepted=1" {
		t.Fatalf("the file: %s", got)
	}
	s.server.SetRules(nil)
	books := showLedger(s.server.Ledger())
	_, body := s.http("POST", "/v1/clearing", present(t, 2, takenBack(sale(t, 1, 700))))
	if !strings.Contains(body, `"reversed":0`) || !strings.Contains(body, `"code":"0304"`) {
		t.Errorf("the reversal: %s", body)
	}
	for range 2 {
		if got := s.owed(); got != "30-0-0=30" {
			t.Errorf("the member is owed %s", got)
		}
		if got := showLedger(s.server.Ledger()); got != books {
			t.Errorf("the books are %s, were %s", got, books)
		}
		s.audit()
		s.stop()
		s = start(t, options)
	}
	s.server.SetRules(nil)
	if _, got := s.clear(present(t, 3, sale(t, 1, 700), takenBack(sale(t, 1, 700)))); got !=
		"messages=2 settled=1 reversed=1" {
		t.Errorf("presented again, and taken back: %s", got)
	}
}

// What is of test files and what is of production ones is told apart, each in files of its own mode: presentments,
// chargebacks, also of a file that a crash cut short, and what is asked for. A fee that is ordered is of the mode of
// the member's newest file.
func TestTestAndProductionInOneWindow(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(
		`clearing: [{when: {amount: {from: 50, to: 50}}, chargeback: {reason: "4853"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	fs := &brokenFS{FS: vfs.NewMem()}
	options := issuersim.Options{FS: fs, DataDir: "data", Rules: rules, Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	header := func(sequence int, production bool) clearing.Header {
		return clearing.Header{Production: production, FileID: clearing.FileID{
			Date: day, ProcessorID: "400001", Sequence: sequence,
		}}
	}
	for n, production := range []bool{true, false} {
		amount := 700 + int64(n)*100
		if _, got := s.clear(presentAs(t, header(n+1, production), sale(t, uint64(n+1), amount))); got !=
			"messages=1 posted=1" {
			t.Fatal(got)
		}
	}
	fs.sync = true // its chargeback is ordered, and its end never comes
	cut := presentAs(t, header(3, true), sale(t, 3, 50))
	if status, body := s.http("POST", "/v1/clearing", cut); status != http.StatusServiceUnavailable {
		t.Fatalf("the answer cannot be synced: %d %s", status, body)
	}
	fs.sync = false
	s.stop()
	s = start(t, options)
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 200, `"amount":700`)
	s.order("retrievals", `{"arn":"`+testARN(t, 2)+`","reason":"6341"}`, 200, "retrieval_request")
	s.order("fees", `{"member":"400001","reason":"7601","amount":3,"currency":"EUR"}`, 200, "fee")
	_, status := s.http("GET", "/v1/clearing", "")
	for _, want := range []string{
		`{"member":"00000400001","mode":"P","currency":"EUR","debits":700,"credits":750,"fees":0,"owed":-50}`,
		`{"member":"00000400001","mode":"T","currency":"EUR","debits":800,"credits":0,"fees":3,"owed":797}`,
	} {
		if !strings.Contains(status, want) {
			t.Errorf("the status is %s, without %s", status, want)
		}
	}
	before := outFiles(t, fs)
	if code, body := s.http("POST", "/v1/clearing/window", ""); code != http.StatusOK {
		t.Fatalf("the window: %d %s", code, body)
	}
	told := map[string]string{} // by mode
	for name, file := range outFiles(t, fs) {
		if before[name] != nil {
			continue
		}
		verified(t, file)
		lines := recordsOf(t, file)
		_, mode, _ := strings.Cut(lines[0], "P122=")
		if told[mode] != "" {
			t.Errorf("two files of mode %s", mode)
		}
		for _, line := range lines[1 : len(lines)-1] {
			told[mode] += line[:len("1644/688")] + " "
			if _, owed, net := strings.Cut(line, "P396="); net {
				told[mode] += owed[:17]
			}
		}
	}
	want := map[string]string{
		"P": "1442/450 1442/450 1644/688 D0000000000000050", "T": "1644/603 1740/700 1644/688 C0000000000000797",
	}
	if len(told) != 2 || told["P"] != want["P"] || told["T"] != want["T"] {
		t.Errorf("the window tells %q, want %q", told, want)
	}
}
