package txswitch_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
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
	s.Await("the late answer is recorded", func() bool { return strings.Contains(told(), "late") })
	if story.Standing != "reversed" {
		t.Fatalf("standing %s: a late approval revived the payment", story.Standing)
	}
	for _, what := range []string{"request", "commit", "out", "silence", "queued", "acknowledged", "late", "stray"} {
		if !strings.Contains(told(), what) {
			t.Errorf("the story has no %s: %s", what, told())
		}
	}
	if again := s.Do(switchtest.Authorize("k1", 1000)); again.Approved || !again.Replayed || again.Status != api.StatusReversed {
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
			if err := json.Unmarshal([]byte(line), &row); err != nil || row.Payment != a.Payment || !strings.Contains(row.Reason, "14") {
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
