package txswitch_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// I6: a late approval is recorded and logged, revives nothing, and the reversal goes on. The story tells it all.
func TestLateApproval(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: 50 * time.Millisecond, Rules: `
rules:
- when: {mti: ["0100"]}
  fault: {kind: late, delay: 300ms}
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	if a.Status != api.StatusReversing || a.Approved {
		t.Fatalf("%+v, error %v", a, a.Err)
	}
	s.AwaitDrained()
	var story struct {
		Standing string `json:"standing"`
		Events   []struct{ What, Text string }
	}
	told := func() (what string) {
		s.Operator("GET", "/v1/explain?of="+a.RRN, &story)
		for _, e := range story.Events {
			what += e.What + " "
		}
		return what
	}
	// The answer to the reversal may be late as well, where the machine is busy.
	s.Await("the late answer is recorded", func() bool {
		told()
		for _, e := range story.Events {
			if e.What == "stray" && strings.HasPrefix(e.Text, "late response 0110") {
				return true
			}
		}
		return false
	})
	if story.Standing != "reversed" {
		t.Fatalf("standing %s: a late approval revived the payment", story.Standing)
	}
	for _, what := range []string{"request", "commit", "out", "silence", "queued", "acknowledged", "late", "stray"} {
		if !strings.Contains(told(), what) {
			t.Errorf("the story has no %s: %s", what, told())
		}
	}
	if again := s.Do(switchtest.Authorize("k1", 1000)); again.Approved || !again.Replayed ||
		again.Status != api.StatusReversed {
		t.Fatalf("the repeat: %+v, error %v", again, again.Err)
	}
	if h := issuerBooks(t, s)[a.RRN]; h.Hold != 0 {
		t.Fatalf("the issuer holds %+v", h)
	}
}

// An advice that the issuer refuses for good is parked; a person retries or closes it, and nothing is dropped.
func TestParkedAdvice(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	r := switchtest.Authorize("k1", 700)
	r.Op, r.AuthCode, r.Present = api.OpCapture, "ABC123", r.Present.With(api.FieldAuthCode)
	r.Card.Number = issuersim.TestCardFor("14")
	a := s.Do(r)
	wantApproved(t, a, "")
	parked := func() (seq json.Number) {
		var text string
		s.Operator("GET", "/v1/saf?parked=true", &text)
		for line := range strings.Lines(text) {
			var row struct {
				Seq     json.Number
				Payment string
				Reason  string
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil || row.Payment != a.Payment ||
				!strings.Contains(row.Reason, "14") {
				t.Fatalf("%s: %v", line, err)
			}
			seq = row.Seq
		}
		return seq
	}
	s.Await("the advice is parked", func() bool { return parked() != "" })
	first := parked()
	s.Operator("POST", "/v1/saf/retry?host=issuer&seq="+first.String(), nil)
	s.Await("it is parked again", func() bool { return parked() != "" && parked() != first })
	s.StopSwitch()
	s.StartSwitch()
	if st := s.Switch.Stats().SAF; st.Parked != 1 || st.Queued != 0 {
		t.Fatalf("after a restart: %+v", st)
	}
	s.Operator("POST", "/v1/saf/close?host=issuer&seq="+parked().String(), nil)
	if parked() != "" || s.Switch.Stats().SAF.Parked != 0 {
		t.Fatal("a closed advice is still parked")
	}
	if st := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)); st.Captured != 700 || st.History[1].State != "closed" {
		t.Fatalf("%+v", st)
	}
}

// Stand-in: while the issuer is down the switch approves within its limits, tells the issuer when it is back, before
// the capture, and all three books agree.
func TestStandIn(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, Configure: func(c *txswitch.Config) {
		c.StandIn = txswitch.StandInConfig{Enabled: true, MaxAmountMinor: map[string]int64{"EUR": 5000}, MaxPerCardAndDay: 2}
	}})
	online := s.Do(switchtest.Authorize("k0", 9000))
	wantApproved(t, online, "00")
	s.StopIssuer()
	s.Await("the links are down", func() bool { return s.Switch.Unready() != "" })
	a := s.Do(switchtest.Authorize("k1", 5000))
	wantApproved(t, a, "")
	wantSums(t, a, "authorized authorized 5000 released 0 captured 0 refunded 0")
	if a.AuthCode == "" || !strings.Contains(a.Reason, "by the switch") {
		t.Fatalf("a stand-in that does not show: %+v", a)
	}
	wantSums(t, s.Do(switchtest.On(
		api.OpCapture, "c1", a.Payment, 2000,
	)), "partially_captured authorized 5000 released 0 captured 2000 refunded 0")
	wantError(t, s.Do(switchtest.Authorize("k2", 5001)), api.CodeIssuerUnavailable, "")
	usd := switchtest.Authorize("k3", 100)
	usd.Currency = "USD"
	wantError(t, s.Do(usd), api.CodeIssuerUnavailable, "")
	wantApproved(t, s.Do(switchtest.Authorize("k4", 100)), "")
	s.CrashSwitch() // the count a card survives
	s.StartSwitch()
	wantError(t, s.Do(switchtest.Authorize("k5", 100)), api.CodeIssuerUnavailable, "")
	if again := s.Do(switchtest.Authorize("k1", 5000)); !again.Replayed || again.Payment != a.Payment {
		t.Fatalf("the repeat: %+v, error %v", again, again.Err)
	}
	s.StartIssuer()
	s.AwaitReady()
	s.AwaitDrained()
	h := issuerBooks(t, s)[a.RRN]
	if h.Authorized != 5000 || h.Captured != 2000 || h.Hold != 3000 {
		t.Fatalf("the issuer holds %+v", h)
	}
	wantSums(t, s.Do(switchtest.On(
		api.OpReverse, "r1", a.Payment, 0,
	)), "captured authorized 5000 released 3000 captured 2000 refunded 0")
	s.Audit()
}

// An increment and a refund that get no answer are each reversed: the increment alone, the refund alone; a reversal
// that gets none goes on by store-and-forward. The books agree afterwards.
func TestTimeoutsOfLaterOperations(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: waitedOut, Rules: `
rules:
- when: {mti: ["0100", "0200", "0400"], amount: {ends_with: "7"}}
  fault: {kind: no_answer}
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	inc := s.Do(switchtest.On(api.OpIncrement, "k2", a.Payment, 107))
	if inc.Approved || inc.Status != api.StatusReversing {
		t.Fatalf("increment: %+v, error %v", inc, inc.Err)
	}
	// The increment's reversal may have been acknowledged by now, so the status is reversing or is not.
	capture := s.Do(switchtest.On(api.OpCapture, "k3", a.Payment, 600))
	if !capture.Approved || capture.Authorized != 1000 || capture.Released != 0 || capture.Captured != 600 {
		t.Fatalf("capture: %+v, error %v", capture, capture.Err)
	}
	refund := s.Do(switchtest.On(api.OpRefund, "k4", a.Payment, 17))
	if refund.Approved || refund.Status != api.StatusReversing || refund.Refundable != 583 {
		t.Fatalf("refund: %+v, error %v", refund, refund.Err)
	}
	s.AwaitDrained()
	wantSums(t, s.Do(switchtest.On(
		api.OpStatus, "", a.Payment, 0,
	)), "partially_captured authorized 1000 released 0 captured 600 refunded 0")
	b := s.Do(switchtest.Authorize("k5", 1000))
	s.Do(switchtest.On(api.OpReverse, "k6", b.Payment, 3)) // leaves 997: DE4 1000
	c := s.Do(switchtest.On(api.OpReverse, "k7", b.Payment, 0))
	if !c.Approved || c.ResponseCode != "" || c.Status != api.StatusReversing {
		t.Fatalf("unanswered reversal: %+v, error %v", c, c.Err)
	}
	s.AwaitDrained()
	wantSums(t, s.Do(switchtest.On(
		api.OpStatus, "", b.Payment, 0,
	)), "reversed authorized 1000 released 1000 captured 0 refunded 0")
	s.Audit()
}

// A frame that is no message, and answers to nothing, are kept in the bounded log without a card number, and the
// payments around them go on.
func TestMalformedAndUnsolicitedAreKept(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Minute, Rules: `
rules:
- when: {amount: {ends_with: "8"}}
  fault: {kind: malformed}
- when: {amount: {ends_with: "9"}}
  fault: {kind: unsolicited}
`})
	kept := func() string {
		var text string
		s.Operator("GET", "/v1/strays", &text)
		return text
	}
	answer := inFlight(t, s, switchtest.Authorize("k1", 108))
	s.Await("the frame is kept", func() bool { return strings.Contains(kept(), "malformed") })
	wantApproved(t, s.Do(switchtest.Authorize("k2", 109)), "00")
	s.Await("the answer to nothing is kept", func() bool { return strings.Contains(kept(), `"stray"`) })
	s.StopIssuer() // so that nothing answers the first one any more
	if a := answer(); a.Status != api.StatusReversing {
		t.Fatalf("after a malformed answer: %+v, error %v", a, a.Err)
	}
	if strings.Contains(kept(), switchtest.GoodCard) {
		t.Fatal("the log of strays holds a card number")
	}
}
