package txswitch_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	issuersim "switchyard/issuer-sim"
	"switchyard/switch/api"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// events are a payment's story, each event by its name; what came twice stands once, as it was first.
func events(s *switchtest.System, payment string) map[string]operator.Event {
	var story operator.Story
	s.Operator("GET", "/v1/explain?of="+payment, &story)
	named := map[string]operator.Event{}
	for _, e := range story.Events {
		if _, twice := named[e.What]; !twice {
			named[e.What] = e
		}
	}
	return named
}

// A late answer stands at the moment at which it came, as the log of strays has it. Once that has forgotten it the
// story gives no time, not a wrong one.
func TestStoryOfALateAnswerTellsWhenItCame(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: 50 * time.Millisecond, Rules: `
rules:
- when: {mti: ["0100"]}
  fault: {kind: late, delay: 300ms}
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	// The answer to the reversal may be late as well, where the machine is busy.
	var stray operator.Event
	s.Await("the late answer is in the log", func() bool {
		var story operator.Story
		s.Operator("GET", "/v1/explain?of="+a.Payment, &story)
		i := slices.IndexFunc(story.Events, func(e operator.Event) bool {
			return e.What == "stray" && strings.HasPrefix(e.Text, "late response 0110")
		})
		if i >= 0 {
			stray = story.Events[i]
		}
		return i >= 0
	})
	told := events(s, a.Payment)
	late, silence := told["late"], told["silence"]
	if late.At.IsZero() || !late.At.Equal(stray.At) || !late.At.After(silence.At) {
		t.Errorf(
			"silence at %v, late at %v, stray at %v; want the late answer when the stray came", silence.At, late.At, stray.At,
		)
	}

	s.AwaitDrained()
	s.StopSwitch()
	j, err := pebble.Open(pebble.Options{FS: s.FS, Dir: s.FS.PathJoin(s.Config.Data, "journal"), Node: s.Config.Node,
		Fatal: func(msg string, err error) {
			t.Errorf("%s: %v", msg, err)
		}})
	if err != nil {
		t.Fatal(err)
	}
	const ring, strays = 4096, 100
	for n := range uint64(strays) { // the ring came round, past all that were logged
		another, err := json.Marshal(operator.Stray{
			N: ring + n, At: time.Now(), Kind: "stray", Host: "issuer", STAN: "000001",
		})
		if err == nil {
			err = j.PutMeta(t.Context(), fmt.Sprintf("stray/%04d", n), another)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	if late := events(s, a.Payment)["late"]; late.Text == "" || !late.At.IsZero() {
		t.Errorf("%q at %v; want no time", late.Text, late.At)
	}
	var text string
	s.Operator("GET", "/v1/explain?of="+a.Payment, &text)
	if strings.Contains(text, "0001-01-01") {
		t.Error("an event without a time has one in the JSON")
	}
}

// What a person closed stands with the refusal, at its time, and the closing without one, for nobody keeps it.
func TestStoryOfAClosedAdvice(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	r := switchtest.Authorize("k1", 700)
	r.Op, r.AuthCode, r.Present = api.OpCapture, "ABC123", r.Present.With(api.FieldAuthCode)
	r.Card.Number = issuersim.TestCardFor("14")
	a := s.Do(r)
	s.Await("the advice is parked", func() bool { return s.Switch.Stats().SAF.Parked == 1 })
	parked := events(s, a.Payment)["parked"]
	var row struct{ Seq json.Number }
	s.Operator("GET", "/v1/saf?parked=true", &row)
	s.Operator("POST", "/v1/saf/close?host=issuer&seq="+row.Seq.String(), nil)
	told := events(s, a.Payment)
	if closed := told["closed"]; closed.Text == "" || !closed.At.IsZero() {
		t.Errorf("%q at %v; want no time", closed.Text, closed.At)
	}
	if parked.At.IsZero() || !told["parked"].At.Equal(parked.At) {
		t.Errorf("refused at %v, after the closing at %v", parked.At, told["parked"].At)
	}
}

// A reversal without an answer went out as a 0400, and goes on as a 0420 at a moment that is not kept.
func TestStoryOfAReversalThatGoesOn(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Minute, IssuerData: true, Rules: `
rules:
- when: {mti: ["0400"]}
  fault: {kind: no_answer}
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	answer := inFlight(t, s, switchtest.On(api.OpReverse, "k2", a.Payment, 0))
	s.Await("the issuer has the reversal", func() bool {
		var metrics string
		s.Control("GET", "/metrics", &metrics)
		return strings.Contains(metrics, `issuersim_faults_total{kind="no_answer"} 1`)
	})
	s.StopIssuer() // and so does not answer it
	answer()
	s.StartIssuer()
	s.AwaitDrained()
	var story operator.Story
	s.Operator("GET", "/v1/explain?of="+a.Payment, &story)
	var told []string
	for _, e := range story.Events {
		if e.What == "out" || e.What == "queued" || e.What == "acknowledged" {
			told = append(told, e.What+" "+e.Text[:4])
		}
		if e.What == "queued" &&
			(!e.At.IsZero() || !strings.Contains(e.Text, "0420 to issuer") || !strings.Contains(e.Wire, "0420")) {
			t.Errorf("%+v; want a 0420 and no time", e)
		}
	}
	if got, want := strings.Join(told, ", "), "out 0100, out 0400, queued not , acknowledged appr"; got != want {
		t.Errorf("the story tells %s; want %s", got, want)
	}
}

// A link that is lost with a request in flight is told apart from an issuer that does not answer.
func TestExplainTellsALostLink(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Rules: "rules: [{when: {mti: [\"0100\"]}, fault: {kind: reset}}]"})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 1000))
	if a.Status != api.StatusReversing {
		t.Fatalf("%+v, error %v", a, a.Err)
	}
	if e := events(s, a.Payment)["silence"]; !strings.HasPrefix(e.Text, "the link to issuer was lost ") {
		t.Errorf("nothing says that the link was lost: %q", e.Text)
	}
}

// What the issuer sent while a payment waited, and could not be read, is told of with it, and of no payment that was
// answered.
func TestExplainTellsUnreadFrames(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Minute, Rules: `
rules:
- when: {mti: ["0100"], amount: {ends_with: "8"}}
  fault: {kind: malformed}
`})
	good := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, good, "00")
	answer := inFlight(t, s, switchtest.Authorize("k2", 108))
	s.Await("the frame is in the log", func() bool {
		var kept string
		s.Operator("GET", "/v1/strays", &kept)
		return strings.Contains(kept, "malformed")
	})
	s.StopIssuer() // so that the wait has an end, after the frame
	bad := answer()
	var unread operator.Event
	s.Await("the story has it", func() bool {
		unread = events(s, bad.Payment)["unread"]
		return unread.Text != ""
	})
	if !strings.HasPrefix(unread.Text, "1 frame from issuer/") ||
		!strings.Contains(unread.Text, " could not be read, and may be the answer: format: ") {
		t.Errorf("the story tells %q", unread.Text)
	}
	if e := events(s, good.Payment)["unread"]; e.Text != "" {
		t.Errorf("the story of an approved payment tells %q", e.Text)
	}
}

// A frame whose end never came is told of as one that could not be read.
func TestExplainTellsACutFrame(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Rules: "rules: [{when: {mti: [\"0100\"]}, fault: {kind: cut}}]"})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 1000))
	var unread operator.Event
	s.Await("the story has it", func() bool {
		unread = events(s, a.Payment)["unread"]
		return unread.Text != ""
	})
	if !strings.Contains(unread.Text, "bytes came, in framing binary2, before the connection ended") {
		t.Errorf("the story tells %q", unread.Text)
	}
}

// A misspelt parameter of a cutover closes nothing.
func TestCutoverWithUnknownParameter(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	day := s.Switch.Stats().OpenDay
	resp, err := http.Post("http://"+s.OperatorAddr+"/v1/cutover?wiat=1s&ahead=true", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	const want = "wiat: no such parameter: expected wait, ahead, to"
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) {
		t.Errorf("%s: %s, %v", resp.Status, body, err)
	}
	if now := s.Switch.Stats().OpenDay; now != day {
		t.Errorf("%s was closed", day)
	}
}
