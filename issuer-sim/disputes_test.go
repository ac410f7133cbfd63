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

// order gives an order by the control HTTP and wants a status, and text in the answer.
func (s *sim) order(path, body string, status int, says string) {
	s.t.Helper()
	if got, answer := s.http("POST", "/v1/clearing/"+path, body); got != status || !strings.Contains(answer, says) {
		s.t.Errorf("%s %s: %d %s, want %d and %q", path, body, got, answer, status, says)
	}
}

// window ends the window and returns the file that tells its only member.
func (s *sim) window(fs vfs.FS) []byte {
	s.t.Helper()
	status, body := s.http("POST", "/v1/clearing/window", "")
	var said struct {
		Files []struct {
			FileID string `json:"file_id"`
		}
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil || status != http.StatusOK || len(said.Files) != 1 {
		s.t.Fatalf("the window: %d %s, %v", status, body, err)
	}
	return outFiles(s.t, fs)[said.Files[0].FileID+".ipm"]
}

// A presentment is charged back by an order: the cardholder has the money back at once, the member is told at the end
// of the window, and its second presentment takes it back. Each step survives a restart, and none is done twice.
func TestDispute(t *testing.T) {
	fs := vfs.NewMem()
	options := issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{
		Out: "out", Settlement: "EUR", Rates: map[string]string{"USD": "0.9"},
		Fees: []issuersim.ClearingFee{{Type: "07", BasisPoints: 100, Fixed: 5}}, Account: "ACCOUNT 1",
	}}
	s := start(t, options)
	restart := func() {
		t.Helper()
		s.audit()
		s.stop()
		s = start(t, options)
	}
	balance := func() int64 {
		t.Helper()
		s.audit()
		return s.server.Ledger().Currencies["USD"].Cardholders
	}
	for n, amount := range []string{"1000", "2000", "3000"} {
		line := fmt.Sprintf("0200 stan=%d amount=%s cur=840 date=1121 arn=%s", n+1, amount, testARN(t, uint64(n+1)))
		if got := s.exchange(s.line(line)).String(39); got != "00" {
			t.Fatal(got)
		}
	}
	of := func(n uint64, amount int64, function string, original int64) *clearing.Presentment {
		p := &clearing.Presentment{
			AmountMinor: amount, RRN: pad(fmt.Sprintf("R%d", n), 12), ARN: testARN(t, n), Currency: "USD",
			FunctionCode: function, OriginalMinor: original,
		}
		if function != "200" {
			p.MessageReason = "2700"
		}
		return p
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 404, "no presentment")
	if _, got := s.clear(present(t, 1, of(1, 1000, "200", 0), of(2, 2000, "200", 0), of(3, 3000, "200", 0))); got !=
		"messages=3 settled=3" {
		t.Fatal(got)
	}
	debited := balance()

	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 200, `"amount":1000`)
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 409, "before")
	s.order("chargebacks", `{"arn":"`+testARN(t, 2)+`","reason":"4837","amount":2001}`, 409, "more than was presented")
	s.order("chargebacks", `{"arn":"`+testARN(t, 2)+`","reason":"4837","amount":-1}`, 409, "more than was presented")
	s.order("chargebacks", `{"arn":"`+testARN(t, 2)+`","reason":"48","amount":1}`, 400, "four digits")
	s.order("chargebacks", `{"arn":"12","reason":"4837"}`, 400, "23 digits")
	s.order("chargebacks", `{"arn":"`+testARN(t, 9)+`","reason":"4837"}`, 404, "no presentment")
	s.order("chargebacks", `{"arn":"`+testARN(t, 2)+`","reason":"4837","amount":500}`, 200, `"amount":500`)
	s.order("retrievals", `{"arn":"`+testARN(t, 3)+`","reason":"6341"}`, 200, "retrieval_request")
	s.order("fees", `{"member":"400001","reason":"7601","amount":250,"currency":"EUR"}`, 200, "fee")
	s.order("fees", `{"member":"400001","reason":"7601","amount":0,"currency":"EUR"}`, 400, "amount")
	if got := balance(); got != debited+1500 {
		t.Errorf("the cardholder has %d back, want 1500", got-debited)
	}
	restart()
	if got := balance(); got != debited+1500 {
		t.Errorf("after a restart the cardholder has %d back, want 1500", got-debited)
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 409, "before")

	// What the member is told. Fees go back with what they were for: 1 % of 10.00 and 0.05; 1 % of 5.00 without it.
	file := s.window(fs)
	verified(t, file)
	lines := recordsOf(t, file)
	service := func(r string) string { return r[strings.Index(r, "P159=")+5:][:67] }
	if got := service(lines[1]); !strings.HasPrefix(got, "00000000000ACCOUNT 1                   1CLEARING  Y") {
		t.Errorf("PDS0159 is %q", got)
	}
	chargeback := func(amount, euro, function, reason, arn, rrn, original, fee, feeEuro string) string {
		return "1442/" + function + " 2=4111111111111111 3=000000 4=" + amount + " 5=" + euro + " 6=" + amount +
			" 9=10000009 10=00000001 12=261121120000 25=" + reason + " 30=" + original + "000000000000 31=" + arn +
			" 33=900001 37=" + rrn + " 38=…P146=070001840" + fee + "978" + feeEuro + " P148=8402 P159=" + service(lines[1])
	}
	expectLines(t, "the window", lines,
		"1644/697 P105=001…0000040000100002 P122=T",
		chargeback("000000001000", "000000000900", "450", "4853", testARN(t, 1), "R00000000001", "000000001000",
			"000000000015", "000000000014"),
		chargeback("000000000500", "000000000450", "453", "4837", testARN(t, 2), "R00000000002", "000000002000",
			"000000000005", "000000000005"),
		"1644/603 2=4111111111111111 12=261121120000 25=6341 31="+testARN(t, 3)+" 33=900001 37=R00000000003 38=…"+
			"93=00000400001 94=900001",
		"1740/700 3=190000 4=000000000250 5=000000000250 9=00000001 25=7601 33=900001 49=978 50=978 93=00000400001 "+
			"94=900001 P159="+strings.Replace(service(lines[1]), "CLEARING  Y", "CLEARING  N", 1),
		// 60.00 USD are 54.00 EUR; 15.00 went back. Fees: 0.65, 0.14 and 0.05 back, and 2.50.
		"1644/688 50=978 P359="+strings.Replace(service(lines[1]), "CLEARING  Y", "CLEARING  N", 1)+
			" P390=0000000000005400 P391=0000000000001350 P394=C0000000000004050 P395=D0000000000000300 "+
			"P396=C0000000000003750 P400=0000000003 P401=0000000002 P402=0000000005",
		"1644/695 P105=001…0000040000100002 P301=0000000000001750 P306=00000007",
	)
	if status, body := s.http("POST", "/v1/clearing/window", ""); status != 200 || !strings.Contains(body, `"files":[]`) {
		t.Errorf("an empty window: %d %s", status, body)
	}

	// The second presentments: of another amount than was charged back, in full, of a part, of what was not, and again.
	_, body := s.http("POST", "/v1/clearing", present(t, 2,
		of(1, 999, "205", 1000), of(1, 1001, "282", 1000), of(1, 1000, "205", 1000), of(2, 300, "282", 500),
		of(3, 3000, "205", 3000), of(2, 200, "282", 500),
	))
	var result struct {
		Represented, Excepted int
		Exceptions            []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil || result.Represented != 2 ||
		fmt.Sprint(result.Exceptions) != "[{0402} {0402} {0401} {0201}]" {
		t.Errorf("the second presentments: %s", body)
	}
	if got := balance(); got != debited+200 {
		t.Errorf("the cardholder has %d back, want 200", got-debited)
	}
	restart()
	if got := balance(); got != debited+200 {
		t.Errorf("after a restart the cardholder has %d back, want 200", got-debited)
	}
	if _, got := s.clear(present(t, 3, of(1, 1000, "205", 1000))); got != "messages=1 excepted=1" {
		t.Errorf("the second presentment in another file: %s", got)
	}
	// A reversal gives back what the cardholder does not have back already, and a record that reverses does not fit.
	reversal := of(2, 2000, "200", 0)
	reversal.ReversalOf = day
	if _, got := s.clear(present(t, 4, reversal)); got != "messages=1 excepted=1" {
		t.Errorf("the reversal of what was charged back: %s", got)
	}
	if got := s.exchange(s.line("0420 stan=9 rrn=R2 amount=2000 cur=840 orig=0200:2")).String(39); got != "00" {
		t.Errorf("the reversal: %s", got)
	}
	if got := balance(); got != debited+2000 {
		t.Errorf("the cardholder has %d back, want 2000", got-debited)
	}
	posting := ""
	for _, a := range s.authorizations() {
		if strings.HasSuffix(a["rrn"].(string), "2") {
			posting = fmt.Sprint(a["postings"])
		}
	}
	for _, want := range []string{"charged_back:500", "represented:300", "chargeback_reason:4837"} {
		if !strings.Contains(posting, want) {
			t.Errorf("the posting is shown as %s, without %s", posting, want)
		}
	}
}

// Rules reject and charge back, the same ones each time; what was rejected draws anew in another file.
func TestClearingRules(t *testing.T) {
	rules, err := issuersim.ParseRules("rules", strings.NewReader(`
clearing:
  - name: a wrong category
    when: {category: ["5999"], amount: {from: 100, to: 199}}
    reject: {element: 26, code: "0150"}
  - name: half of the purchases of one merchant
    when: {merchant: [MERCHANT1], amount: {from: 200}}
    probability: 0.5
    chargeback: {reason: "4853", percent: 50}
`))
	if err != nil {
		t.Fatal(err)
	}
	outcome := func() string {
		fs := vfs.NewMem()
		s := start(t, issuersim.Options{FS: fs, Rules: rules, Clearing: issuersim.Clearing{Out: "out"}})
		var ps []*clearing.Presentment
		for n := range 40 {
			ps = append(ps, &clearing.Presentment{
				AmountMinor: 100 + int64(n)*50, RRN: pad(fmt.Sprintf("R%d", n), 12), ARN: testARN(t, uint64(n)),
			})
		}
		status, body := s.http("POST", "/v1/clearing", present(t, 1, ps...))
		var result struct {
			Posted, Excepted, ChargedBack int
			Exceptions                    []struct{ Code, Element string }
		}
		if err := json.Unmarshal([]byte(strings.Replace(body, "charged_back", "chargedBack", 1)), &result); err != nil {
			t.Fatal(err)
		}
		if status != 200 || result.Posted != 38 || fmt.Sprint(result.Exceptions) != "[{0150 D0026} {0150 D0026}]" {
			t.Errorf("%d %s", status, body)
		}
		if result.ChargedBack < 5 || result.ChargedBack > 33 {
			t.Errorf("half of 38 are %d", result.ChargedBack)
		}
		s.audit()
		lines := strings.Join(recordsOf(t, s.window(fs)), "\n")
		if got := strings.Count(lines, "1442/453"); got != result.ChargedBack {
			t.Errorf("%d chargebacks in the file, %d were made", got, result.ChargedBack)
		}
		s.stop()
		return lines
	}
	if first, again := outcome(), outcome(); first != again {
		t.Error("the same rules and presentments come to something else")
	}
	for text, want := range map[string]string{
		`{name: n}`:                                               "want a reject or a chargeback",
		`{reject: {element: 26, code: "15"}}`:                     "four digits",
		`{reject: {element: 129, code: "0150"}}`:                  "up to 128",
		`{chargeback: {reason: "48"}}`:                            "four digits",
		`{chargeback: {reason: "4853", percent: 0}}`:              "1 to 100",
		`{when: {category: ["1"]}, chargeback: {reason: "4853"}}`: "four digits",
		`{when: {mti: ["0100"]}}`:                                 `unknown key "mti"`,
		`{probability: 2, chargeback: {reason: "4853"}}`:          "0 to 1",
	} {
		if _, err := issuersim.ParseRules("f.yaml", strings.NewReader("clearing: ["+text+"]")); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A start with lower limits has forgotten presentments that were charged back under the ones before: it is none the
// worse for it.
func TestChargedBackAndForgotten(t *testing.T) {
	options := issuersim.Options{FS: vfs.NewMem(), DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	const last = 1000
	var presented []*clearing.Presentment
	for n := range uint64(last) {
		presented = append(presented, &clearing.Presentment{
			AmountMinor: 7, RRN: pad(fmt.Sprintf("R%d", n+1), 12), ARN: testARN(t, n+1),
		})
	}
	if _, got := s.clear(present(t, 1, presented...)); got != "messages=1000 posted=1000" {
		t.Fatal(got)
	}
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 200, `"amount":7`)
	s.order("chargebacks", `{"arn":"`+testARN(t, last)+`","reason":"4853"}`, 200, `"amount":7`)
	s.stop()
	options.Limits = issuersim.Limits{Authorizations: 1}
	s = start(t, options)
	s.audit()
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 404, "no presentment")
	s.order("chargebacks", `{"arn":"`+testARN(t, last)+`","reason":"4853"}`, 409, "before")
}
