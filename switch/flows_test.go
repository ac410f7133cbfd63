package txswitch_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// sums are an answer's money, in the order of the fields.
func sums(a api.Answer) string {
	return fmt.Sprintf(
		"%s authorized %d released %d captured %d refunded %d", a.Status, a.Authorized, a.Released, a.Captured, a.Refunded,
	)
}

func wantSums(t *testing.T, a api.Answer, want string) {
	t.Helper()
	if a.Err != nil {
		t.Fatalf("%s refused: %v; want %s", a.Op, a.Err, want)
	}
	if got := sums(a); got != want {
		t.Fatalf("%s: got %s, want %s", a.Op, got, want)
	}
}

func wantError(t *testing.T, a api.Answer, code api.Code, field string) {
	t.Helper()
	if a.Err == nil || a.Err.Code != code || a.Err.Field != field {
		t.Fatalf("%s: got %+v, error %v; want %s in %q", a.Op, a, a.Err, code, field)
	}
}

func wantApproved(t *testing.T, a api.Answer, code string) {
	t.Helper()
	if a.Err != nil || !a.Approved || a.ResponseCode != code {
		t.Fatalf("%s: got %+v, error %v; want approved with %q", a.Op, a, a.Err, code)
	}
}

// audit is what the issuer holds, by RRN.
type held struct {
	Kind       string `json:"kind"`
	RRN        string `json:"rrn"`
	Authorized int64  `json:"authorized"`
	Captured   int64  `json:"captured"`
	Hold       int64  `json:"hold"`
	Postings   []struct {
		Number string `json:"number"`
		Amount int64  `json:"amount"`
		State  string `json:"state"`
	} `json:"postings"`
}

// issuerBooks reads the issuer's authorizations and fails if its ledger does not balance.
func issuerBooks(t *testing.T, s *switchtest.System) map[string]held {
	t.Helper()
	for _, complaint := range s.Issuer.Audit() {
		t.Errorf("issuer: %s", complaint)
	}
	var text string
	s.Control("GET", "/v1/authorizations", &text)
	return parseLines[held](t, text, func(h held) string { return h.RRN })
}

// A shipment at a time: two captures, the second final, then a partial refund and a void.
func TestCaptureInShipments(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	a := s.Do(switchtest.Authorize("k1", 12345))
	wantApproved(t, a, "00")
	wantSums(t, a, "authorized authorized 12345 released 0 captured 0 refunded 0")
	p, rrn := a.Payment, a.RRN

	first := s.Do(switchtest.On(api.OpCapture, "k2", p, 5000))
	wantApproved(t, first, "")
	wantSums(t, first, "partially_captured authorized 12345 released 0 captured 5000 refunded 0")
	wantApproved(t, s.Do(switchtest.On(api.OpIncrement, "k3", p, 1000)), "00")

	final := switchtest.On(api.OpCapture, "k4", p, 345)
	final.Final, final.Present = true, final.Present.With(api.FieldFinal)
	wantSums(t, s.Do(final), "captured authorized 13345 released 8000 captured 5345 refunded 0")
	wantError(t, s.Do(switchtest.On(api.OpCapture, "k5", p, 1)), api.CodeInvalidState, "")

	wantSums(t, s.Do(switchtest.On(
		api.OpRefund, "k6", p, 300,
	)), "partially_refunded authorized 13345 released 8000 captured 5345 refunded 300")
	wantError(t, s.Do(switchtest.On(api.OpRefund, "k7", p, 5046)), api.CodeAmountExceeds, "amount")

	void := switchtest.On(api.OpVoid, "k8", p, 0)
	void.Capture, void.Present = first.Capture, void.Present.With(api.FieldCapture)
	wantSums(t, s.Do(void), "partially_refunded authorized 13345 released 8000 captured 345 refunded 300")

	s.AwaitDrained()
	h := issuerBooks(t, s)[rrn]
	if h.Authorized != 5345 || h.Captured != 345 || h.Hold != 5000 || len(h.Postings) != 2 ||
		h.Postings[0].State != "reversed" {
		t.Fatalf("the issuer holds %+v", h)
	}
}

// Each decline of the documented test cards arrives with its code, and holds nothing.
func TestDeclines(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	for _, card := range issuersim.TestCards() {
		if card.Code == "" || card.Code == "10" {
			continue
		}
		r := switchtest.Authorize("k"+card.Code, 1000)
		r.Card.Number = card.Number
		a := s.Do(r)
		if a.Err != nil || a.Approved || a.ResponseCode != card.Code || a.Status != api.StatusDeclined || a.Authorized != 0 {
			t.Errorf("card for %s: %+v, error %v", card.Code, a, a.Err)
		}
		wantError(t, s.Do(switchtest.On(api.OpCapture, "c"+card.Code, a.Payment, 0)), api.CodeInvalidState, "")
	}
	if books := issuerBooks(t, s); len(books) != 0 {
		t.Fatalf("the issuer holds %v", books)
	}
}

// A partial approval counts where it was asked for; elsewhere it is reversed and the answer is a decline.
func TestPartialApproval(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	r := switchtest.Authorize("k1", 1001)
	r.Card.Number = issuersim.TestCardFor("10")
	a := s.Do(r)
	if a.Err != nil || a.Approved || a.ResponseCode != "10" || a.Status != api.StatusDeclined || a.Authorized != 0 {
		t.Fatalf("not asked for: %+v, error %v", a, a.Err)
	}
	r.Key, r.Partial, r.Present = "k2", true, r.Present.With(api.FieldPartial)
	b := s.Do(r)
	wantApproved(t, b, "10")
	wantSums(t, b, "authorized authorized 501 released 0 captured 0 refunded 0")
	s.AwaitDrained()
	books := issuerBooks(t, s)
	if books[a.RRN].Hold != 0 || books[b.RRN].Hold != 501 {
		t.Fatalf("the issuer holds %d and %d, want 0 and 501", books[a.RRN].Hold, books[b.RRN].Hold)
	}
}

// A sale that was approved in part is voided for what was approved, before its date is sealed and after.
func TestVoidOfPartialSale(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	sale := func(key string) api.Answer {
		r := switchtest.Authorize(key, 1001)
		r.Op, r.Partial, r.Present = api.OpSale, true, r.Present.With(api.FieldPartial)
		r.Card.Number = issuersim.TestCardFor("10")
		a := s.Do(r)
		wantSums(t, a, "captured authorized 501 released 0 captured 501 refunded 0")
		return a
	}
	before, after := sale("k1"), sale("k2")
	wantSums(t, s.Do(switchtest.On(
		api.OpVoid, "v1", before.Payment, 0,
	)), "reversed authorized 501 released 501 captured 0 refunded 0")
	cutover(t, s, false)
	wantSums(t, s.Do(switchtest.On(
		api.OpVoid, "v2", after.Payment, 0,
	)), "reversed authorized 501 released 501 captured 0 refunded 0")
	if files := cutover(t, s, true); files[0].SumMinor != 501 {
		t.Fatalf("the reversal presentment's file: %+v", files)
	}
}

// I5: what gets no answer is reversed, whether the issuer applied it or never saw it; the hold is gone at the end.
func TestTimeoutIsReversed(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: 50 * time.Millisecond})
	for _, card := range issuersim.TestCards() {
		if card.Code != "" {
			continue
		}
		for _, op := range []api.Op{api.OpAuthorize, api.OpSale} {
			r := switchtest.Authorize(op.String()+card.Number[10:], 1000)
			r.Op, r.Card.Number = op, card.Number
			a := s.Do(r)
			if a.Err != nil || a.Approved || a.Status != api.StatusReversing || a.ResponseCode != "" {
				t.Fatalf("%s on %s: %+v, error %v", op, card.Purpose, a, a.Err)
			}
			s.AwaitDrained()
			st := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
			wantSums(t, st, "reversed authorized 0 released 0 captured 0 refunded 0")
			last := st.History[len(st.History)-1]
			if last.Op != "timeout_reversal" || last.State != "approved" {
				t.Fatalf("history ends with %+v", last)
			}
			if h := issuerBooks(t, s)[a.RRN]; h.Hold != 0 || h.Captured != 0 {
				t.Fatalf("the issuer still holds %+v", h)
			}
			again := s.Do(r)
			if !again.Replayed || again.Approved {
				t.Fatalf("the repeat: %+v, error %v", again, again.Err)
			}
		}
	}
}

// I3: repeats at once make one operation and get one answer; another body is a conflict.
func TestConcurrentRepeats(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	const repeats = 64
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		rrns    = map[string]int{}
		firsts  int
		capture = map[string]int{}
	)
	for range repeats {
		wg.Go(func() {
			a := s.Do(switchtest.Authorize("same", 1000))
			mu.Lock()
			defer mu.Unlock()
			rrns[a.RRN]++
			if !a.Replayed {
				firsts++
			}
		})
	}
	wg.Wait()
	if len(rrns) != 1 || firsts != 1 {
		t.Fatalf("%d RRNs and %d first answers for one key", len(rrns), firsts)
	}
	p := s.Do(switchtest.Authorize("same", 1000)).Payment
	for range repeats {
		wg.Go(func() {
			a := s.Do(switchtest.On(api.OpCapture, "cap", p, 400))
			mu.Lock()
			defer mu.Unlock()
			capture[a.Capture]++
		})
	}
	wg.Wait()
	if len(capture) != 1 {
		t.Fatalf("captures %v for one key", capture)
	}
	s.AwaitDrained()
	if st := s.Do(switchtest.On(api.OpStatus, "", p, 0)); st.Captured != 400 {
		t.Fatalf("captured %d, want 400", st.Captured)
	}
	wantError(t, s.Do(switchtest.Authorize("same", 1001)), api.CodeConflict, "key")
	wantError(t, s.Do(switchtest.On(api.OpCapture, "cap", p, 401)), api.CodeConflict, "key")
	if books := issuerBooks(t, s); len(books) != 1 {
		t.Fatalf("the issuer holds %v", books)
	}
}

// A reversal by the key of a request whose answer was lost; a key that was never used is burned.
func TestReverseByKey(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	byKey := func(key, of string) api.Request {
		return api.Request{ID: key, Op: api.OpReverse, Key: key, Merchant: "M1", OfKey: of, Present: api.Fields(
			api.FieldKey, api.FieldMerchant, api.FieldOfKey,
		)}
	}
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantSums(t, s.Do(byKey("r1", "k1")), "reversed authorized 1000 released 1000 captured 0 refunded 0")
	if again := s.Do(byKey("r1", "k1")); !again.Replayed || !again.Approved {
		t.Fatalf("the repeat: %+v, error %v", again, again.Err)
	}
	if h := issuerBooks(t, s)[a.RRN]; h.Hold != 0 {
		t.Fatalf("the issuer holds %+v", h)
	}
	sale := switchtest.Authorize("k2", 1000)
	sale.Op = api.OpSale
	wantApproved(t, s.Do(sale), "00")
	wantSums(t, s.Do(byKey("r2", "k2")), "reversed authorized 1000 released 1000 captured 0 refunded 0")
	wantApproved(t, s.Do(byKey("r3", "never")), "")
	wantError(t, s.Do(switchtest.Authorize("never", 1000)), api.CodeConflict, "key")
}

// A capture accepted while the issuer is down is sent when it is back, after a restart of the switch, as a repeat.
func TestCaptureSurvivesOutageAndRestart(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	s.StopIssuer()
	wantSums(t, s.Do(switchtest.On(
		api.OpCapture, "k2", a.Payment, 0,
	)), "captured authorized 1000 released 0 captured 1000 refunded 0")
	s.Await("the links are down", func() bool { return s.Switch.Unready() != "" })
	wantError(t, s.Do(switchtest.Authorize("k3", 1000)), api.CodeIssuerUnavailable, "")
	s.CrashSwitch()
	s.StartSwitch()
	if q := s.Switch.Stats().SAF.Queued; q != 1 {
		t.Fatalf("%d advices queued after the restart, want 1", q)
	}
	s.StartIssuer()
	s.AwaitDrained()
	if h := issuerBooks(t, s)[a.RRN]; h.Captured != 1000 || len(h.Postings) != 1 {
		t.Fatalf("the issuer holds %+v", h)
	}
	if again := s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 0)); !again.Replayed || !again.Approved {
		t.Fatalf("the repeat after the restart: %+v, error %v", again, again.Err)
	}
}

// A crash with a request at the issuer: its intent is found and reversed, and its key answers with what became of it.
func TestCrashWithRequestInFlight(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Hour})
	r := switchtest.Authorize("k1", 1000)
	r.Card.Number = "4000000000000986" // applied, never answered
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.Client.Do(context.Background(), &r) }) // its answer is lost in the crash
	s.Await("the issuer has the request", func() bool { return len(issuerBooks(t, s)) == 1 })
	s.CrashSwitch()
	wg.Wait()
	s.StartSwitch()
	s.AwaitDrained()
	a := s.Do(r)
	if a.Err != nil || !a.Replayed || a.Approved || a.Status != api.StatusReversed {
		t.Fatalf("the repeat after the crash: %+v, error %v", a, a.Err)
	}
	if h := issuerBooks(t, s)[a.RRN]; h.Hold != 0 {
		t.Fatalf("the issuer holds %+v", h)
	}
}

// A manual cutover seals the date; a void afterwards is a reversal presentment in the next file.
func TestVoidAfterCutover(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	a := s.Do(switchtest.Authorize("k1", 1000))
	before := s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 600))
	withdrawn := s.Do(switchtest.Authorize("k3", 500))
	c := s.Do(switchtest.On(api.OpCapture, "k4", withdrawn.Payment, 0))
	if v := s.Do(switchtest.On(api.OpVoid, "k5", withdrawn.Payment, 0)); v.Captured != 0 || v.Capturable != 500 {
		t.Fatalf("void before cutover: %+v, error %v", v, v.Err)
	}
	files := cutover(t, s, false)
	if len(files) != 1 || files[0].Records != 1 || files[0].SumMinor != 600 {
		t.Fatalf("the first day's files: %+v; the voided capture %s must stand in none", files, c.Capture)
	}
	v := s.Do(switchtest.On(api.OpVoid, "k6", a.Payment, 0))
	wantSums(t, v, "authorized authorized 1000 released 600 captured 0 refunded 0")
	if v.BusinessDate <= before.BusinessDate {
		t.Fatalf("the reversal presentment's date %s is not after the capture's, %s", v.BusinessDate, before.BusinessDate)
	}
	files = cutover(t, s, true)
	if len(files) != 1 || files[0].Records != 1 || files[0].SumMinor != 600 {
		t.Fatalf("the second day's files: %+v", files)
	}
}

func cutover(t *testing.T, s *switchtest.System, ahead bool) []struct {
	Records  int   `json:"presentments"`
	SumMinor int64 `json:"sum_minor"`
} {
	t.Helper()
	var result struct {
		Files []struct {
			Records  int   `json:"presentments"`
			SumMinor int64 `json:"sum_minor"`
		} `json:"files"`
	}
	s.Operator("POST", fmt.Sprintf("/v1/cutover?ahead=%v", ahead), &result)
	return result.Files
}

// Voice: an authorization obtained elsewhere is captured and refunded like any other.
func TestVoiceCapture(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	r := switchtest.Authorize("k1", 700)
	r.Op, r.AuthCode, r.Present, r.Card.CVC = api.OpCapture, "ABC123", r.Present.With(api.FieldAuthCode), ""
	a := s.Do(r)
	wantApproved(t, a, "")
	wantSums(t, a, "captured authorized 700 released 0 captured 700 refunded 0")
	wantSums(t, s.Do(switchtest.On(
		api.OpRefund, "k2", a.Payment, 0,
	)), "refunded authorized 700 released 0 captured 700 refunded 700")
	wantError(t, s.Do(switchtest.On(api.OpReverse, "k3", a.Payment, 0)), api.CodeInvalidState, "")
}

// Gateways see their own payments and act for their own merchants only.
func TestGatewaysAreApart(t *testing.T) {
	secretA, secretB := strings.Repeat("a", 32), strings.Repeat("b", 32)
	s := switchtest.Start(t, switchtest.Options{Gateways: []switchtest.Gateway{
		{Name: "a", Secret: secretA, Merchants: []string{"M1"}}, {Name: "b", Secret: secretB},
	}})
	a, b := s.Connect("a", secretA), s.Connect("b", secretB)
	mine := s.DoOn(a, switchtest.Authorize("k1", 1000))
	wantApproved(t, mine, "00")
	wantError(t, s.DoOn(b, switchtest.On(api.OpStatus, "", mine.Payment, 0)), api.CodeUnknownPayment, "payment")
	wantError(t, s.DoOn(b, switchtest.On(api.OpCapture, "k2", mine.Payment, 0)), api.CodeUnknownPayment, "payment")
	wantError(t, s.DoOn(b, switchtest.Authorize("k1", 1000)), api.CodeConflict, "key")
	other := switchtest.Authorize("k3", 1000)
	other.Merchant = "M2"
	wantError(t, s.DoOn(a, other), api.CodeUnauthorized, "merchant")
	wantApproved(t, s.DoOn(b, other), "00")
}

// A merchant takes only its own currencies, and with merchants.unknown: refuse only listed merchants are served.
func TestMerchantsAreHeldToTheirFile(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		c.Merchants.Unknown = "refuse"
		p := c.Merchants.Default
		p.ID, p.Currencies = "M1", []string{"EUR"}
		c.Merchants.Profiles = append(c.Merchants.Profiles, p)
	}})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 1000)), "00")
	r := switchtest.Authorize("k2", 1000)
	r.Currency = "USD"
	wantError(t, s.Do(r), api.CodeInvalidField, "currency")
	r = switchtest.Authorize("k3", 1000)
	r.Merchant = "M9"
	wantError(t, s.Do(r), api.CodeInvalidField, "merchant")
}
