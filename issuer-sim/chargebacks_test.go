package issuersim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/clearing"
)

// again is a second presentment of a sale, of a part, which answers the chargeback of a reference (DE95), or says none.
func again(p *clearing.Presentment, amountMinor int64, reference string) *clearing.Message {
	m := &clearing.Message{MTI: "1240", FunctionCode: "282", Elements: []clearing.Element{
		{DE: 2, Value: goodCard}, {DE: 3, Value: "000000"}, {DE: 4, Value: fmt.Sprintf("%012d", amountMinor)},
		{DE: 12, Value: day.Format("060102150405")}, {DE: 25, Value: "2700"},
		{DE: 30, Value: fmt.Sprintf("%012d%012d", p.AmountMinor, 0)}, {DE: 31, Value: p.ARN}, {DE: 32, Value: "400001"},
		{DE: 33, Value: "400001"}, {DE: 37, Value: p.RRN}, {DE: 49, Value: "978"}, {DE: 94, Value: "400001"},
	}, PDS: []clearing.PDS{{Tag: 148, Value: "9782"}}}
	if reference != "" {
		m.Elements = append(m.Elements, clearing.Element{DE: 95, Value: reference})
	}
	return m
}

// whole says that it is of all that was charged back.
func whole(m *clearing.Message) *clearing.Message {
	m.FunctionCode = "205"
	return m
}

// presentAgain makes a clearing file of second presentments.
func presentAgain(t testing.TB, sequence int, messages ...*clearing.Message) string {
	t.Helper()
	var b bytes.Buffer
	w, err := clearing.NewWriter(&b, clearing.Header{FileID: clearing.FileID{
		Date: day, ProcessorID: "400001", Sequence: sequence,
	}})
	for _, m := range messages {
		if err == nil {
			err = w.WriteMessage(m)
		}
	}
	if err == nil {
		_, err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// chargebacks are those in a window's file: function, reference and amount.
func chargebacks(t *testing.T, file []byte) (all []string) {
	t.Helper()
	for _, line := range recordsOf(t, file) {
		if !strings.HasPrefix(line, "1442/") {
			continue
		}
		elements := map[string]string{}
		for _, element := range strings.Fields(line) {
			if de, value, ok := strings.Cut(element, "="); ok {
				elements[de] = value
			}
		}
		all = append(all, line[5:8]+" "+strings.TrimLeft(elements["95"], "0")+" "+strings.TrimLeft(elements["4"], "0"))
	}
	return all
}

// A presentment is charged back in parts, each under a reference of its own by which its answer is known, and what is
// presented again is charged back again under that. Each step survives a restart, and none is done twice.
func TestChargebacksOfPartsAndOfSecondPresentments(t *testing.T) {
	fs := vfs.NewMem()
	options := issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{
		Out: "out", Fees: []issuersim.ClearingFee{{Type: "07", BasisPoints: 100, Fixed: 5}},
	}}
	s := start(t, options)
	balance := func() int64 {
		t.Helper()
		s.audit()
		return s.server.Ledger().Currencies["EUR"].Cardholders
	}
	var debited int64
	back := func(what string, want int64) {
		t.Helper()
		for range 2 {
			if got := balance() - debited; got != want {
				t.Errorf("%s: the cardholder has %d back, want %d", what, got, want)
			}
			s.stop()
			s = start(t, options)
		}
	}
	told := func(what string, want ...string) {
		t.Helper()
		file := s.window(fs)
		verified(t, file)
		if got := chargebacks(t, file); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: the window tells %q, want %q", what, got, want)
		}
	}
	charge := func(n uint64, rest string, status int, says string) {
		t.Helper()
		s.order("chargebacks", `{"arn":"`+testARN(t, n)+`","reason":"4853"`+rest+`}`, status, says)
	}
	codes := func(what, file, want string) {
		t.Helper()
		_, body := s.http("POST", "/v1/clearing", file)
		var result struct {
			Represented int
			Exceptions  []struct{ Element, Code string }
		}
		if err := json.Unmarshal([]byte(body), &result); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(result.Represented, result.Exceptions); got != want {
			t.Errorf("%s: %s, want %s", what, body, want)
		}
	}
	one, two := sale(t, 1, 1000), sale(t, 2, 2000)
	if _, got := s.clear(present(t, 1, one, two)); got != "messages=2 posted=2" {
		t.Fatal(got)
	}
	debited = balance()

	charge(1, "", 200, `"amount":1000`)
	charge(2, `,"amount":500`, 200, `"reference":"0000000002"`)
	charge(2, `,"amount":700`, 200, `"reference":"0000000003"`)
	charge(2, `,"amount":801`, 409, "left of it: 801 of 800")
	charge(1, "", 409, "before")
	charge(1, `,"second":true`, 409, "no second presentment")
	back("charged back", 2200)
	told("first chargebacks", "450 1 1000", "453 2 500", "453 3 700")
	charge(2, "", 200, `"amount":800`) // what is left
	charge(2, "", 409, "before")
	back("all of it", 3000)
	told("the rest", "453 4 800")

	codes("second presentments", presentAgain(t, 2,
		whole(again(one, 1000, "")), again(two, 300, "0000000002"), again(two, 801, "0000000004"),
		again(two, 1, "0000000009"), again(two, 2, "no digits")), "2 [{D0004 0402} {D0031 0401} {D0095 0401}]")
	codes("and more of them", presentAgain(t, 3, again(two, 100, "0000000002"), whole(again(two, 700, "0000000003"))),
		"1 [{D0031 0201}]")
	back("presented again", 1000)

	charge(2, `,"second":true,"amount":301`, 409, "left of it: 301 of 300")
	charge(2, `,"second":true`, 200, `"amount":300`) // the oldest
	charge(2, `,"second":true,"reference":"0000000003","amount":200`, 200, `"reference":"0000000003"`)
	charge(2, `,"second":true,"reference":"0000000003"`, 409, "before")
	charge(2, `,"second":true,"reference":"0000000004"`, 409, "no second presentment")
	charge(2, `,"second":true`, 409, "before")
	charge(2, `,"second":true,"reference":"3"`, 400, "ten digits")
	charge(2, `,"reference":"0000000003"`, 400, "with second")
	back("charged back again", 1500)
	told("second chargebacks", "451 2 300", "454 3 200")
	codes("what is answered", presentAgain(t, 4, again(two, 300, "0000000002"), whole(again(two, 300, ""))),
		"0 [{D0031 0201} {D0004 0402}]")
	back("nothing more", 1500)

	for _, a := range s.authorizations() {
		if !strings.HasSuffix(a["rrn"].(string), "2") {
			continue
		}
		posting := fmt.Sprint(a["postings"])
		for _, want := range []string{
			"charged_back:2500 ", "represented:1000 ", "amount:500 charged_back_again:300 reason:4853 reference:0000000002",
			"amount:800 reason:4853 reference:0000000004",
		} {
			if !strings.Contains(posting, want) {
				t.Errorf("the posting is shown as %s, without %s", posting, want)
			}
		}
	}
}

// A rule charges back in parts, and another one what is presented again; what a file has that was cut short is charged
// back once, although it comes again.
func TestRulesChargeBackInPartsAndAgain(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(`
clearing:
  - name: a half in three parts
    when: {amount: {from: 1000}, second: false}
    chargeback: {reason: "4853", percent: 50, parts: 3}
  - name: what is presented again
    when: {second: true}
    chargeback: {reason: "4854", percent: 40}
`))
	if err != nil {
		t.Fatal(err)
	}
	fs := &brokenFS{FS: vfs.NewMem()}
	options := issuersim.Options{FS: fs, DataDir: "data", Rules: rules, Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	twice := func(file, want string) {
		t.Helper()
		fs.sync = true
		if status, body := s.http("POST", "/v1/clearing", file); status != http.StatusServiceUnavailable {
			t.Fatalf("the answer cannot be synced: %d %s", status, body)
		}
		fs.sync = false
		s.stop()
		s = start(t, options)
		if _, got := s.clear(file); got != want {
			t.Errorf("given again: %s, want %s", got, want)
		}
		s.audit()
	}
	told := func(want ...string) {
		t.Helper()
		file := s.window(fs)
		verified(t, file)
		if got := chargebacks(t, file); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the window tells %q, want %q", got, want)
		}
	}
	one, two := sale(t, 1, 1000), sale(t, 2, 999)
	twice(present(t, 1, one, two), "messages=2 already=2")
	told("453 1 167", "453 2 167", "453 3 166")
	twice(presentAgain(t, 2, whole(again(one, 167, "0000000001")), again(one, 100, "0000000003")), "messages=2 already=2")
	told("454 1 66", "454 3 40")
	for text, want := range map[string]string{
		`{chargeback: {reason: "4853", parts: 0}}`:                       "1 to 20",
		`{chargeback: {reason: "4853", parts: 21}}`:                      "1 to 20",
		`{when: {second: true}, chargeback: {reason: "4853", parts: 2}}`: "1 of second presentments",
	} {
		if _, err := issuersim.ParseRules("f.yaml", strings.NewReader("clearing: ["+text+"]")); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A rule may reject second presentments alone.
func TestRuleRejectsSecondPresentments(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(
		`clearing: [{when: {second: true}, reject: {element: 25, code: "0150"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, issuersim.Options{FS: vfs.NewMem(), Rules: rules, Clearing: issuersim.Clearing{Out: "out"}})
	one := sale(t, 1, 1000)
	if _, got := s.clear(present(t, 1, one)); got != "messages=1 posted=1" {
		t.Fatal(got)
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 200, "chargeback")
	_, body := s.http("POST", "/v1/clearing", presentAgain(t, 2, whole(again(one, 1000, "0000000001"))))
	if !strings.Contains(body, `"element":"D0025","code":"0150"`) {
		t.Errorf("the second presentment: %s", body)
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853","second":true}`, 409, "no second presentment")
	s.audit()
}
