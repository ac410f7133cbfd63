package steady_test

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/internal/loadgen/steady"
	"switchyard/switch/switchtest"
)

// options drive a system of the test's own. A machine that is busy makes no run invalid, nor does a process that is the
// switch and the issuer, too.
func options(t *testing.T, s *switchtest.System) steady.Options {
	o := steady.Defaults()
	o.Address, o.Control, o.WholeMachine, o.Say = s.GatewayAddr, s.ControlAddr, true, t.Logf
	return o
}

// when has something done once a run has come to enough. It looks now and then, and leaves the processors to the run.
func when(t *testing.T, o *steady.Options, enough func(*record.Snapshot) bool, then func()) {
	o.Began = func(rec *record.Recorder, began time.Time) {
		go func() {
			for t.Context().Err() == nil {
				if s := rec.Snapshot(time.Since(began)); enough(&s) {
					then()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
	}
}

// some is enough where some requests were approved.
func some(s *record.Snapshot) bool { return len(s.Counts) > 0 && s.Counts[0].N > 20 }

// untilAll runs until a request of each operation has ended, and returns what had come of them until then. The run is
// called off, and so not valid.
func untilAll(t *testing.T, o steady.Options) (*record.Run, []record.Operation) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen []record.Operation
	none := func(op record.Operation) bool { return op.Ended() == 0 }
	when(t, &o, func(s *record.Snapshot) bool {
		seen = s.Operations
		return !slices.ContainsFunc(seen, none)
	}, cancel)
	r, err := steady.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unaccounted != 0 || len(seen) == 0 || r.Ended != "called off" {
		t.Fatalf("%d unaccounted, ended %q, operations %+v", r.Unaccounted, r.Ended, seen)
	}
	return r, seen
}

func run(t *testing.T, o steady.Options) *record.Run {
	t.Helper()
	r, err := steady.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unaccounted != 0 || !r.Verdict.Valid {
		t.Errorf("%d unaccounted, valid %v: %+v", r.Unaccounted, r.Verdict.Valid, r.Verdict.Validity)
	}
	return r
}

// Each scenario that is ready is driven, small, at a switch and an issuer.
func TestReadyScenarios(t *testing.T) {
	files, err := filepath.Glob("../../../configs/scenarios/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scenarios, %v; want five", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			p, r := driveSmall(t, file, name, 2*time.Second)
			all := r.Total()
			if r.Unaccounted != 0 || !r.Verdict.Valid {
				t.Errorf("%d unaccounted, valid %v: %+v", r.Unaccounted, r.Verdict.Valid, r.Verdict.Validity)
			}
			if all.Count(record.Approved) == 0 || r.Flows == nil || r.Flows.Ended == 0 {
				t.Fatalf("%+v, flows %+v", all, r.Flows)
			}
			if len(r.Notes) > 0 {
				t.Errorf("notes %q", r.Notes)
			}
			for _, op := range r.Operations {
				t.Logf("%s: %d, %v", op.Name, op.Ended(), op.Outcomes)
			}
			switch class, faulty := met[name]; {
			case faulty && all.Count(class) == 0:
				t.Error("no request met the fault")
			case !faulty && all.Failed() != 0:
				t.Errorf("errors: %v", all.Outcomes)
			}
			reached(t, name, p, r)
			if r.Setup.Scenario.Name == "" || len(r.Setup.Stages) != len(p.Marks)+len(p.Faults) {
				t.Errorf("the record has %+v", r.Setup)
			}
		})
	}
}

// met is how a request ends that meets the fault of a ready scenario.
var met = map[string]record.Class{"issuer-brown-out": record.Declined, "retry-storm": record.NoAnswer}

// driveSmall drives a scenario that is ready with few requests and within a time. On a busy machine its faults may be
// switched late, one right after the other, so that no request meets the first, or the run is over before: then it is
// given four times as much, twice at the most.
func driveSmall(t *testing.T, file, name string, within time.Duration) (*scenario.Plan, *record.Run) {
	t.Helper()
	p, err := scenario.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Scale(60/max(p.Stages[0].From, p.Stages[0].To), float64(within)/float64(p.Duration)); err != nil {
		t.Fatal(err)
	}
	p.Warmup, p.Timeout = 100*time.Millisecond, time.Minute
	if name == "retry-storm" {
		p.Timeout = time.Second // callers who are less patient than the issuer is slow
	}
	s := switchtest.Start(t, switchtest.Options{})
	o := options(t, s)
	o.Plan = p
	r, err := steady.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.CrashSwitch() // which would wait for what the issuer does not answer
	all := r.Total()
	class, faulty := met[name]
	if faulty && within < 30*time.Second && (all.Count(class) == 0 || failed(r, "faults not switched") != nil) {
		return driveSmall(t, file, name, 4*within)
	}
	return p, r
}

// chance names thresholds of ready scenarios that depend on how the faults are drawn, or on how busy the machine is;
// latencies do, too.
var chance = map[string][]string{
	"issuer-brown-out": {"approved"}, "retry-storm": {"approved", "errors"},
}

// reached holds a run to the thresholds of its scenario: each was looked at, by its name, and those that no chance is
// in were met.
func reached(t *testing.T, name string, p *scenario.Plan, r *record.Run) {
	t.Helper()
	if len(p.Thresholds) < 2 || len(r.Verdict.Thresholds) < len(p.Thresholds) {
		t.Fatalf("%d thresholds of %d in the verdict; want two or more", len(r.Verdict.Thresholds), len(p.Thresholds))
	}
	for i, asked := range p.Thresholds {
		c := r.Verdict.Thresholds[i]
		figure, _, _ := strings.Cut(asked.Text, " ")
		if of := strings.TrimPrefix(c.Operation+"."+c.Name, "."); of != figure || c.Measured == nil {
			t.Errorf("threshold %s: the verdict has %+v in its place", asked.Text, c)
			continue
		}
		switch c.Name {
		case "errors", "approved", "unanswered":
			if !c.OK && !slices.Contains(chance[name], c.Name) {
				t.Errorf("threshold %s: it is %g", asked.Text, *c.Measured)
			}
		}
	}
}

// Flows in a closed loop, until each of their steps was asked for.
func TestClosedFlows(t *testing.T) {
	p, err := scenario.Read("s.yaml", []byte(`
closed: {in_flight: 20, think: 1ms, for: 1h}
warmup: 0s
bad_requests: 0.1
flows:
  - {flow: captures}
  - {flow: day}
  - {flow: x, steps: [verify, sale, refund, refund, status, authorize, repeat, increment, capture]}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, switchtest.Start(t, switchtest.Options{}))
	o.Plan = p
	r, seen := untilAll(t, o)
	for _, op := range seen {
		if op.Failed() != 0 || op.Ended() == 0 || op.Name != "bad" && op.Count(record.Approved) != op.Ended() ||
			op.Name == "bad" && op.Count(record.Declined) != op.Ended() {
			t.Errorf("%s: %v, want all approved, and bad ones refused as they must be", op.Name, op.Outcomes)
		}
	}
	if r.Flows.Ended == 0 || r.Flows.Asked != nil || r.Setup.Model != record.Closed {
		t.Errorf("flows %+v of a %s loop", r.Flows, r.Setup.Model)
	}
}

// An issuer's own port: twice, one after the other, and no second payment is taken for a first.
func TestISOTwice(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	for n := range 2 {
		o := options(t, s)
		o.ISO, o.Address, o.Rate, o.Warmup, o.Duration = true, s.IssuerPort(), 200, 0, 300*time.Millisecond
		r := run(t, o)
		if !r.Verdict.Passed || len(r.Failures) != 0 {
			all := r.Total()
			t.Errorf("run %d: %v, %+v", n+1, all.Outcomes, r.Failures)
		}
		// What is as it is by default is not written down, so that runs of before it could be chosen are like this one.
		want := record.Target{Kind: "iso", Address: o.Address, Connections: 4, Dialect: "iso87ascii"}
		if !reflect.DeepEqual(r.Setup.Targets, []record.Target{want}) {
			t.Errorf("target %+v, want %+v", r.Setup.Targets, want)
		}
	}
}

// A run that is called off has the figures of what there is, and is not valid.
func TestCalledOff(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(t, s)
	o.Rate, o.Warmup, o.Duration = 500, 0, time.Hour
	when(t, &o, some, cancel)
	r, err := steady.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	all := r.Total()
	if r.Verdict.Valid || r.Verdict.Passed || r.Ended == "" || all.Count(record.Approved) <= 20 {
		t.Errorf("valid %v, passed %v, ended %q, %v", r.Verdict.Valid, r.Verdict.Passed, r.Ended, all.Outcomes)
	}
}

// What cannot be driven is refused before anything is sent.
func TestRefuses(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	plan, err := scenario.Read("s.yaml", []byte("stages: [{for: 1s, rate: 1}]\nflows: [{flow: sale}]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*steady.Options)
		want   string
	}{
		"nobody listens": {
			func(o *steady.Options) { o.Address = "127.0.0.1:1" },
			"127.0.0.1:1: nothing listens there; expected the gateway port of switchd",
		},
		"no host listens": {
			func(o *steady.Options) { o.ISO, o.Address = true, "127.0.0.1:1" },
			"127.0.0.1:1: nothing listens there; expected an ISO 8583 host",
		},
		"no address":   {func(o *steady.Options) { o.Address = "here" }, `"here": expected HOST:PORT`},
		"weight":       {func(o *steady.Options) { o.Address = "127.0.0.1:1=x" }, `a weight of "x"`},
		"hosts":        {func(o *steady.Options) { o.Address, o.Connections = "a:1,b:2", 1 }, "1 connections to 2 hosts"},
		"dialect":      {func(o *steady.Options) { o.ISO, o.Dialect = true, "iso88" }, `dialect "iso88"`},
		"dialect file": {func(o *steady.Options) { o.ISO, o.Dialect = true, "gone.json" }, "gone.json"},
		"framing":      {func(o *steady.Options) { o.ISO, o.Framing = true, "ascii5" }, "ascii5"},
		"reconnect of a scenario": {
			func(o *steady.Options) { o.Plan, o.Reconnect = plan, -1 }, "reconnect: -1ns, expected 0 or more",
		},
		"rate":  {func(o *steady.Options) { o.Rate = 0 }, "rate: 0, expected more than 0 and at most 1000000"},
		"rules": {func(o *steady.Options) { o.IssuerRules = "r.yaml" }, "expected with --local only"},
		"rules of a scenario": {
			func(o *steady.Options) { o.Plan, o.IssuerRules = plan, "r.yaml" }, "expected with --local only",
		},
		"data of a scenario":   {func(o *steady.Options) { o.Plan, o.Data = plan, "d" }, "expected with --local only"},
		"switch of a scenario": {func(o *steady.Options) { o.Plan, o.Switch = plan, "s" }, "expected with --local only"},
		"keys of ISO":          {func(o *steady.Options) { o.ISO, o.RandomKeys = true, true }, "without --iso"},
		"switch of ISO":        {func(o *steady.Options) { o.ISO, o.Address, o.Switch = true, "", "s" }, "without --iso"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, s)
			o.Rate, o.Duration = 1, time.Second
			c.change(&o)
			if _, err := steady.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

// What was left out, and what the issuer could not be told, stands in the record, however quiet the run was.
func TestNotes(t *testing.T) {
	p, err := scenario.Read("s.yaml", []byte(`
stages: [{for: 1h, rate: 50}]
warmup: 0s
flows:
  - {flow: status}
faults: [{at: 0s, name: slow, pause: 1s}]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := switchtest.Start(t, switchtest.Options{})
	o := options(t, s)
	o.ISO, o.Address, o.Control, o.Plan = true, s.IssuerPort(), "127.0.0.1:1", p
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Say = func(format string, args ...any) {
		if strings.HasPrefix(format, "fault ") {
			cancel() // all that there is to note is noted
		}
	}
	r, err := steady.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{
		"line 5: flow status: no message of ISO 8583 asks for status: it is left out",
		"issuer-sim's rules: ", "fault slow: ",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in the notes: %s", want, notes)
		}
	}
	if failed(r, "faults not switched") == nil {
		t.Errorf("%+v", r.Verdict.Validity)
	}
}
