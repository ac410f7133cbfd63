package sim

import (
	"strings"
	"testing"
	"time"
)

// quietPlan is a plan of actors, without any fault but those of the test.
func quietPlan(actors ...[]Step) *Plan {
	for _, steps := range actors {
		for i := range steps {
			steps[i].Copies = 1
		}
	}
	return &Plan{
		Seed: 1, Deadline: 5 * time.Second, SyncMost: time.Millisecond, Hosts: 1, Links: 1,
		Window: 64, InFlight: 1024, Queued: 1000, Begin: 10 * time.Hour, Actors: actors, Nodes: 1,
		Sections: []section{forgetSection{}},
	}
}

const later = 25 * time.Hour // longer than an issuer remembers messages

// An issuer finds what is reversed in its books, as long as they have it: nobody's hold or debit stands because the
// message that made it is a day old. The auditor holds the three books against each other at the end.
func TestADayLater(t *testing.T) {
	passes(t, quietPlan(
		[]Step{{Do: DoAuthorize, Amount: 10_000}, {Wait: later, Do: DoReverse}},
		[]Step{{Do: DoAuthorize, Amount: 10_000}, {Do: DoIncrement, Amount: 500}, {Wait: later, Do: DoReverse}},
		[]Step{{Do: DoAuthorize, Amount: 10_000}, {Wait: later, Do: DoReverse, Amount: 4_000}, {Do: DoReverse}},
		[]Step{{Do: DoAuthorize, Amount: 10_000}, {Wait: later, Do: DoFinal, Amount: 4_000}},
	))
}

// What has to come before the day is cut over, after the issuer has forgotten it.
func TestVoidOfWhatIsForgotten(t *testing.T) {
	p := quietPlan(
		[]Step{{Do: DoSale, Amount: 10_001}, {Wait: time.Minute, Do: DoVoid}},
		[]Step{{Do: DoAuthorize, Amount: 10_000}, {Do: DoCapture, Amount: 4_000}, {Wait: time.Minute, Do: DoVoid},
			{Do: DoReverse}},
	)
	p.Faults = []Fault{{Kind: IssuerForgets, At: 30 * time.Second}}
	passes(t, p)
}

// An unanswered sale whose reversal reaches the issuer a day later, after an outage: the debit is found and taken
// back. The capture that it did not answer either is not taken for another one.
func TestOutageOfADay(t *testing.T) {
	p := quietPlan(
		[]Step{{Do: DoSale, Amount: 10_001}},
		[]Step{{Do: DoAuthorize, Amount: 10_001}, {Do: DoCapture, Amount: 4_000}},
	)
	p.Rules = []Rule{
		{Fault: "no_answer", MTI: "0200", Percent: 100, For: time.Minute},
		{Fault: "no_answer", MTI: "0220", Percent: 100, For: time.Minute},
	}
	p.Faults = []Fault{{Kind: LongOutage, At: 3 * time.Second, For: later}}
	passes(t, p)
}

// I5: 25 to a reversal of what the issuer approved ends nothing. It is parked, and done once a person has it sent
// again to an issuer that finds it.
func TestReversalThatFindsNothing(t *testing.T) {
	for name, steps := range map[string][]Step{
		"reverse":        {{Do: DoAuthorize, Amount: 10_000}, {Do: DoReverse}},
		"void of a sale": {{Do: DoSale, Amount: 10_001}, {Do: DoVoid}},
	} {
		t.Run(name, func(t *testing.T) {
			p := quietPlan(steps)
			p.Rules = []Rule{{Fault: "25", MTI: "0400", Percent: 100, For: time.Minute}}
			r := passes(t, p)
			if n := r.Faults["operator: retry reverse"] + r.Faults["operator: retry void"]; n != 1 {
				t.Errorf("%d reversals were parked, want 1", n)
			}
		})
	}
}

// I6: the issuer finds nothing to undo and approves the request afterwards. The undo goes on.
func TestLateApprovalOfWhatWasNotFound(t *testing.T) {
	p := quietPlan([]Step{{Do: DoAuthorize, Amount: 10_000}, {Wait: time.Minute, Do: DoStatus}})
	p.Rules = []Rule{
		{Fault: "late", MTI: "0100", Percent: 100, For: time.Minute, Delay: 20 * time.Second},
		{Fault: "25", MTI: "0420", Percent: 100, For: 15 * time.Second}, // to its only sending, at 5 s
	}
	r := passes(t, p)
	if !strings.Contains(r.Trace, "its reversal goes on") {
		t.Error("the late approval came before the undo had ended")
	}
}

func passes(t *testing.T, p *Plan) *Result {
	t.Helper()
	r := played(t, p)
	for _, failure := range r.Failures {
		t.Error(failure)
	}
	if t.Failed() {
		t.Logf("%s\n%s", p, r.Trace)
	}
	return r
}
