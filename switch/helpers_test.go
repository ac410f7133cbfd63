package txswitch_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// waitedOut is the issuer's deadline in tests of silence in which other messages are to be answered within it:
// enough for an answer on a machine that is very busy, little enough to wait for its end a few times.
const waitedOut = 5 * time.Second

// inFlight sends a request and does not wait: what it returns does, for the answer.
func inFlight(t *testing.T, s *switchtest.System, r api.Request) (answer func() api.Answer) {
	type end struct {
		a   *api.Answer
		err error
	}
	came, client := make(chan end, 1), s.Client
	go func() {
		a, err := client.Do(context.Background(), &r)
		came <- end{a, err}
	}()
	return func() api.Answer {
		t.Helper()
		e := <-came
		if e.err != nil {
			t.Fatal(e.err)
		}
		return *e.a
	}
}

// leftUnanswered has a request applied by the issuer, which must keep its log, and never answered: the issuer stops
// once it holds it, and starts again. The deadline, which nothing waits for then, can be long, so that whatever else is
// asked is answered within it on the busiest machine.
func leftUnanswered(t *testing.T, s *switchtest.System, r api.Request) {
	t.Helper()
	r.Card.Number = "4000000000000986" // applied, never answered
	before := len(issuerBooks(t, s))
	answer := inFlight(t, s, r)
	s.Await("the issuer holds it", func() bool { return len(issuerBooks(t, s)) > before })
	s.StopIssuer()
	if a := answer(); a.Err != nil || a.Status != api.StatusReversing {
		t.Fatalf("no answer: %+v, error %v", a, a.Err)
	}
	s.StartIssuer()
	s.AwaitReady()
}

// parseLines reads JSON lines into a map by key.
func parseLines[T any](t *testing.T, text string, key func(T) string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[key(v)] = v
	}
	return all
}
