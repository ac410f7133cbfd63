package record_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

const ms = time.Millisecond

func newRecorder(t testing.TB, c record.Config) *record.Recorder {
	t.Helper()
	r, err := record.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// play is a run of an open loop: a second of warm-up and two seconds of window, ten requests a second. Those of the
// window's first second take 10 ms to 100 ms; of the second one, six are approved after 5 ms, and one each is declined,
// refused, unanswered until 10 s later, and never sent.
func play(r *record.Recorder) {
	s := r.Shard(0)
	for n := range 30 {
		op, due := record.Op(n%2), time.Duration(n)*100*ms
		sent := due + ms
		s.Due(op, due)
		if n == 29 {
			s.Done(op, due, record.NeverSent, due+10*time.Second, record.Unsent, "")
			continue
		}
		s.Sent(op, due, sent)
		switch {
		case n < 10:
			s.Done(op, due, sent, due+3*ms, record.Refused, "busy")
		case n < 20:
			s.Done(op, due, sent, due+time.Duration(n-9)*10*ms, record.Approved, "")
		case n < 26:
			s.Done(op, due, sent, due+5*ms, record.Approved, "")
		case n == 26:
			s.Done(op, due, sent, due+5*ms, record.Declined, "51")
		case n == 27:
			s.Done(op, due, sent, due+5*ms, record.Refused, "busy")
		case n == 28:
			s.Done(op, due, sent, due+10*time.Second, record.NoAnswer, "")
		}
	}
	r.Stray(2500*ms, record.Unmatched, "")
	r.Example(record.Unmatched, "", "0110 DE11=000007", "request 000008: another STAN")
	r.Example(record.Unmatched, "", "a later one", "")
}

var played = record.Config{
	Model: record.Open, Operations: []string{"authorize", "capture"}, Warmup: time.Second, Window: 2 * time.Second,
}

func TestARequestCountsByWhenItWasDue(t *testing.T) {
	r := newRecorder(t, played)
	play(r)
	run := r.Finish(3 * time.Second)
	all := run.Total()
	if *all.Asked != 20 || all.Sent != 19 || all.Ended() != 20 || run.Unaccounted != 0 || run.Window != 2*time.Second {
		t.Errorf("%d asked, %d sent, %d ended, %d unaccounted in %s; want 20, 19, 20, 0 in 2 s",
			*all.Asked, all.Sent, all.Ended(), run.Unaccounted, run.Window)
	}
	want := []record.Count{
		{Outcome: record.Outcome{Class: record.Approved}, N: 16},
		{Outcome: record.Outcome{Class: record.Declined, Code: "51"}, N: 1},
		{Outcome: record.Outcome{Class: record.Refused, Code: "busy"}, N: 1},
		{Outcome: record.Outcome{Class: record.NoAnswer}, N: 1}, {Outcome: record.Outcome{Class: record.Unsent}, N: 1},
	}
	if !reflect.DeepEqual(all.Outcomes, want) {
		t.Errorf("outcomes %v, want %v", all.Outcomes, want)
	}
	// The latencies are 5 ms eight times, 10 ms to 100 ms, and 10 s twice.
	for percent, want := range map[float64]time.Duration{40: 5 * ms, 50: 20 * ms, 90: 100 * ms, 95: 10 * time.Second} {
		if got, _ := all.Latency.Quantile(percent); !near(got, want) {
			t.Errorf("p%g is %s, want %s", percent, got, want)
		}
	}
	if got, _ := all.Service.Max(); all.Service.Count() != 19 || !near(got, 9999*ms) {
		t.Errorf("service: %d, at most %s; want those of the 19 that were sent, at most 9.999 s", all.Service.Count(), got)
	}
	if got, _ := run.Lateness.Max(); run.Lateness.Count() != 19 || !near(got, ms) {
		t.Errorf("lateness: %d, at most %s; want 19 of 1 ms", run.Lateness.Count(), got)
	}
	if run.Warmup.Requests != 10 {
		t.Errorf("%d requests of the warm-up, want 10", run.Warmup.Requests)
	}
}

// near tells whether a time is another to HdrHistogram's three digits, and its lowest step.
func near(got, want time.Duration) bool {
	diff := max(got-want, want-got)
	return diff <= want/1000+time.Microsecond
}

func TestIntervals(t *testing.T) {
	r := newRecorder(t, played)
	play(r)
	run := r.Finish(3 * time.Second)
	type row struct {
		at                        time.Duration
		asked, sent, answered, in uint64
		outcomes                  []uint64
		p50                       time.Duration
	}
	var got []row
	for _, iv := range run.Intervals {
		p50, _ := iv.Latency.Quantile(50)
		got = append(got, row{iv.At, *iv.Asked, iv.Sent, iv.Answered, iv.InFlight, iv.Outcomes, p50.Round(ms)})
	}
	want := []row{
		{-time.Second, 10, 10, 10, 0, []uint64{0, 10}, 3 * ms},
		{0, 10, 10, 9, 1, []uint64{10}, 50 * ms}, // the last one is answered at 1 s
		{time.Second, 10, 9, 9, 1, []uint64{6, 1, 1, 1, 1}, 5 * ms},
	}
	for s := 2; s < 11; s++ {
		want = append(want, row{at: time.Duration(s) * time.Second, in: 1})
	}
	want = append(want, row{at: 11 * time.Second})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	if o := run.Outcomes; !slices.Equal(o, []record.Outcome{
		{Class: record.Approved}, {Class: record.Refused, Code: "busy"}, {Class: record.Declined, Code: "51"},
		{Class: record.NoAnswer}, {Class: record.Unsent},
	}) {
		t.Errorf("outcomes %v", o)
	}
}

func TestFailuresHaveAnExample(t *testing.T) {
	r := newRecorder(t, played)
	if !r.WantsExample(record.Unmatched, "") {
		t.Error("no example is wanted of what was never seen")
	}
	play(r)
	if r.WantsExample(record.Unmatched, "") || !r.WantsExample(record.Refused, "busy") {
		t.Error("an example is wanted where there is one, or not where there is none")
	}
	var lines []string
	for _, f := range r.Finish(3 * time.Second).Failures {
		parts := []string{f.String(), f.First.String(), f.Last.String(), f.Example, f.Nearest}
		lines = append(lines, strings.Join(parts, "|"))
		if f.Class == record.Unmatched && (f.Frames != 1 || f.Requests != 0) || f.Class == record.Refused && f.Requests != 1 {
			t.Errorf("%v: %d requests, %d frames", f.Outcome, f.Requests, f.Frames)
		}
	}
	want := []string{
		"declined 51|1.605s|1.605s||", "refused busy|1.705s|1.705s||", "no answer|11.8s|11.8s||",
		"unmatched|1.5s|1.5s|0110 DE11=000007|request 000008: another STAN", "unsent|11.9s|11.9s||",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// Nothing is asked of a closed loop, but it may be late.
func TestAClosedLoopIsAskedForNothing(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Closed, Operations: []string{"sale"}, Window: time.Second})
	s := r.Shard(0)
	s.Sent(0, 0, 0)
	s.Done(0, 0, 0, 2*ms, record.Approved, "")
	s.Sent(0, 2*ms, 3*ms) // and nobody says what came of it
	run := r.Finish(time.Second)
	all, sum := run.Total(), run.Summarize()
	if all.Asked != nil || run.Intervals[0].Asked != nil || sum.AskedTPS != nil {
		t.Errorf("a closed loop has arrivals: %+v", run)
	}
	if late, _ := run.Lateness.Max(); late.Round(10*time.Microsecond) != ms || run.Lateness.Count() != 2 {
		t.Errorf("%d sent, late by %s at most; want 2 and 1 ms", run.Lateness.Count(), late)
	}
	if run.Unaccounted != 1 {
		t.Errorf("%d unaccounted, want 1", run.Unaccounted)
	}
}

// What never was sent has no latency, unless its caller waited for the tool; it is no part of any distribution.
func TestWhatWasNeverSentHasNoLatency(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Open, Operations: []string{"sale"}, Window: time.Second})
	s := r.Shard(0)
	for n := range 4 {
		due := time.Duration(n) * ms
		s.Due(0, due)
		switch n {
		case 0:
			s.Done(0, due, record.NeverSent, due+900*ms, record.Unsent, "")
		case 1:
			s.Sent(0, due, due)
			s.Done(0, due, due, due+10*ms, record.Approved, "")
		default:
			s.Done(0, due, record.NeverSent, due, record.ConnectionLost, "refused")
		}
	}
	looked := r.Snapshot(2 * time.Second)
	run := r.Finish(time.Second)
	all := run.Total()
	if all.Latency.Count() != 2 || all.WithoutLatency != 2 || all.Sent != 1 || all.Service.Count() != 1 ||
		run.Intervals[0].Latency.Count() != 2 || looked.All.Count() != 2 || looked.Recent.Latency.Count() != 2 ||
		looked.InFlight != 0 || run.Unaccounted != 0 || all.Ended() != 4 {
		t.Errorf("%d latencies, %d without, %d sent of 4; want 2, 2 and 1: %+v, %+v", all.Latency.Count(), all.WithoutLatency,
			all.Sent, run, looked)
	}
	for percent, want := range map[float64]time.Duration{25: 10 * ms, 50: 900 * ms, 51: 0, 100: 0} {
		if d, ok := all.Quantile(percent); ok != (want > 0) || (d-want).Abs() > want/1000 {
			t.Errorf("p%g of all is %s, %v; want %s", percent, d, ok, want)
		}
	}
}

// A request that is counted twice is one too many, and does not make up for one that nothing is known of.
func TestCountedTwice(t *testing.T) {
	for _, model := range []record.Model{record.Open, record.Closed} {
		r := newRecorder(t, record.Config{Model: model, Operations: []string{"sale", "void"}, Window: time.Second})
		s := r.Shard(0)
		for op := range record.Op(2) {
			if model == record.Open {
				s.Due(op, 0)
			}
			s.Sent(op, 0, 0)
		}
		s.Done(0, 0, 0, ms, record.Approved, "")
		s.Done(0, 0, 0, ms, record.Approved, "")
		if run := r.Finish(time.Second); run.Unaccounted != 2 {
			t.Errorf("%s loop: %d unaccounted, want 2 (one too many, one missing)", model, run.Unaccounted)
		}
	}
}

func TestWhatWasNotMeasuredIsAbsent(t *testing.T) {
	r := newRecorder(t, played)
	sum := r.Finish(time.Second / 2).Summarize() // called off in the warm-up
	if sum.TPS != nil || sum.P50MS != nil || sum.MaxMS != nil || sum.LateP99MS != nil || sum.Service != nil {
		t.Errorf("there are figures of nothing: %+v", sum)
	}
}

func TestEndedEarly(t *testing.T) {
	r := newRecorder(t, played)
	s := r.Shard(0)
	for n := range 15 {
		due := time.Duration(n) * 100 * ms
		s.Due(0, due)
		s.Sent(0, due, due)
		s.Done(0, due, due, due+ms, record.Approved, "")
	}
	run := r.Finish(1500 * ms)
	if sum := run.Summarize(); run.Window != 500*ms || *sum.TPS != 10 || sum.Approved != 5 {
		t.Errorf("%d approved, %g a second of %s; want 5, 10 of 0.5 s", sum.Approved, *sum.TPS, run.Window)
	}
	s.Due(0, 1400*ms)
	s.Done(0, 0, 0, 1400*ms, record.Approved, "")
	if again := r.Finish(1500 * ms).Total(); again.Ended() != 5 {
		t.Errorf("%d ended after the end, want 5", again.Ended())
	}
}

func TestShardsAddUp(t *testing.T) {
	const shards, each = 8, 5000
	r := newRecorder(t, record.Config{
		Model: record.Open, Operations: []string{"sale"}, Window: time.Minute, Shards: shards,
	})
	var drivers sync.WaitGroup
	for i := range shards {
		drivers.Go(func() {
			s, code := r.Shard(i), []byte("5x")
			for n := range each {
				due := time.Duration(n) * ms
				code[1] = '0' + byte(n%3)
				s.Due(0, due)
				s.Sent(0, due, due)
				s.Done(0, due, due, due+ms, record.Declined, string(code))
				if n%1000 == 0 {
					r.Snapshot(due)
				}
			}
		})
	}
	drivers.Wait()
	run := r.Finish(time.Minute)
	all := run.Total()
	if all.Ended() != shards*each || *all.Asked != shards*each || all.Latency.Count() != shards*each ||
		len(all.Outcomes) != 3 {
		t.Errorf("%d ended of %d, want %d of 3 outcomes: %v", all.Ended(), *all.Asked, shards*each, all.Outcomes)
	}
}

func TestSnapshot(t *testing.T) {
	r := newRecorder(t, played)
	if s := r.Snapshot(ms); s.Phase != record.WarmingUp || s.RecentSpan != 0 || s.Recent.Latency.Count() != 0 {
		t.Errorf("at the beginning: %+v", s)
	}
	play(r)
	s := r.Snapshot(3100 * ms)
	if s.Phase != record.Draining || s.InFlight != 0 || s.Asked != 20 || s.RecentSpan != 3*time.Second ||
		s.Recent.Asked != 10 || s.Recent.Sent != 29./3 {
		t.Errorf("%+v", s)
	}
}

func TestManyCodesAreBounded(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Closed, Operations: []string{"sale"}, Window: time.Second})
	for n := range 10_000 {
		r.Shard(0).Sent(0, 0, 0)
		r.Shard(0).Done(0, 0, 0, ms, record.Refused, strings.Repeat("x", n%1000)+time.Duration(n).String())
	}
	run := r.Finish(time.Second)
	all := run.Total()
	if n := len(all.Outcomes); n > 258 || all.Ended() != 10_000 || len(run.Failures) > 258 {
		t.Errorf("%d outcomes and %d failures of %d requests", n, len(run.Failures), all.Ended())
	}
}

func TestLongRunsHaveLongerIntervals(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Closed, Operations: []string{"sale"}, Window: 24 * time.Hour})
	r.Shard(0).Sent(0, 0, 0)
	r.Shard(0).Done(0, 0, 0, 72*time.Hour, record.Late, "")
	run := r.Finish(24 * time.Hour)
	if n := len(run.Intervals); run.Interval != 25*time.Second || n > 7200 {
		t.Errorf("%d intervals of %s", n, run.Interval)
	}
	if got, _ := run.Operations[0].Latency.Max(); !near(got, 4*time.Hour) {
		t.Errorf("at most %s, want the highest there is", got)
	}
}

func TestNothingIsAllocatedForARequest(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Open, Operations: []string{"sale"}, Window: time.Minute})
	s, code := r.Shard(0), "51"
	one := func() {
		s.Due(0, 5*ms)
		s.Sent(0, 5*ms, 5*ms)
		s.Done(0, 5*ms, 5*ms, 7*ms, record.Declined, code)
	}
	one()
	r.Snapshot(ms)
	if n := testing.AllocsPerRun(5000, one); n != 0 {
		t.Errorf("%g allocations a request", n)
	}
}

func TestBadConfigurations(t *testing.T) {
	for name, change := range map[string]func(*record.Config){
		"model": func(c *record.Config) { c.Model = "" }, "operations": func(c *record.Config) { c.Operations = nil },
		"window": func(c *record.Config) { c.Window = 0 }, "warm-up": func(c *record.Config) { c.Warmup = -1 },
	} {
		c := played
		change(&c)
		if _, err := record.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// recorded is the run of play with all that an engine adds, as it was written by format 1.
const recorded = "testdata/run-1.json"

func full(t *testing.T) *record.Run {
	r := newRecorder(t, played)
	play(r)
	r.Shard(0).FlowDue(1500 * ms)
	r.Shard(0).FlowDone(1500*ms, true)
	run := r.Finish(3 * time.Second)
	late, p99 := 1.0, 10_000.0
	run.Tool = record.Tool{Version: "commit 4cc88a7d01f2", Go: "go1.26.0"}
	run.Command = []string{"switchctl", "load", "--rate", "10"}
	run.Started = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	run.Machine = record.Machine{CPU: "Ample 2000", Cores: 2, Kernel: "6.12", OS: "linux", Arch: "amd64", MemoryMiB: 8192}
	run.Setup.Arrivals, run.Setup.Rate, run.Setup.RateOf, run.Setup.Seed = "poisson", 10, "requests", 1
	run.Setup.Drain, run.Setup.Timeout = 15*time.Second, 10*time.Second
	run.Setup.Scenario = &record.Scenario{Name: "steady", Text: "stages: []\n"}
	run.Setup.Stages = []record.Stage{{At: time.Second, Name: "issuer slow"}}
	run.Setup.Targets = []record.Target{{Kind: "gateway", Address: "127.0.0.1:7583", Connections: 4}}
	run.Usage = []record.Usage{{Process: record.ProcessLoad, CPU: 30 * ms, PerRequest: 5 * time.Microsecond}}
	run.Verdict = record.Verdict{
		Valid:    true,
		Validity: []record.Check{{Name: "late p99", Unit: "ms", Measured: &late, Bound: record.Most, Limit: 5, OK: true}},
		Thresholds: []record.Check{{
			Name: "p99", Operation: "authorize", Unit: "ms", Measured: &p99, Bound: record.Most, Limit: 50, Why: "too slow",
		}},
	}
	return run
}

func TestRecordedRunStaysReadable(t *testing.T) {
	want := full(t)
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(recorded, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := record.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	old.Tails = want.Tails // it is of before there were any
	now, err := record.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]*record.Run{"as it is written now": now, "as it was": old} {
		if a, b := run.Summarize(), want.Summarize(); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: summary\n%+v, want\n%+v", name, a, b)
		}
		if !slices.EqualFunc(run.Intervals, want.Intervals, func(a, b record.Interval) bool {
			p, _ := a.Latency.Quantile(50)
			q, _ := b.Latency.Quantile(50)
			return a.At == b.At && *a.Asked == *b.Asked && a.Sent == b.Sent && slices.Equal(a.Outcomes, b.Outcomes) && p == q
		}) {
			t.Errorf("%s: other intervals", name)
		}
		if !reflect.DeepEqual(run.Failures, want.Failures) || !reflect.DeepEqual(run.Setup, want.Setup) ||
			!reflect.DeepEqual(run.Machine, want.Machine) || !run.Started.Equal(want.Started) {
			t.Errorf("%s: other failures, setup or machine", name)
		}
	}
}

// Records of a day told of a sign-on at each ISO 8583 host, and of its echo, though both are so by default.
func TestRecordedTargetsAreReadAsToday(t *testing.T) {
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	const from = `"connections": 4`
	never := time.Duration(0)
	for with, want := range map[string]*time.Duration{
		`, "sign_on": true, "echo_ns": 30000000000`: nil,
		`, "sign_on": true`:                         &never,
		`, "echo_ns": 0`:                            &never,
	} {
		run, err := record.Read(strings.NewReader(strings.Replace(string(text), from, from+with, 1)))
		if err != nil {
			t.Fatalf("%s: %v", with, err)
		}
		target := record.Target{Kind: "gateway", Address: "127.0.0.1:7583", Connections: 4, Echo: want}
		if got := run.Setup.Targets; !reflect.DeepEqual(got, []record.Target{target}) {
			t.Errorf("%s: read as %+v", with, got)
		}
	}
}

func TestWhatIsNoRunIsRefused(t *testing.T) {
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	for from, c := range map[string]struct{ to, want string }{
		`"format": 1`:         {`"format": 2`, "format: 2, expected 1"},
		`"format": 1,`:        {``, "expected a format"},
		`"tool": {`:           {`"tol": {`, `unknown field "tol"`},
		`"class": "refused"`:  {`"class": "rfused"`, "expected one of approved"},
		`"model": "open"`:     {`"model": "ajar"`, "expected open or closed"},
		"\n \"window_ns\": 2": {"\n \"window_ns\": -2", "window_ns: -2000000000, expected 0 or more"},
		`"latency": "HISTFA`:  {`"latency": "JISTFA`, "a histogram"},
		`"sent": 10,`:         {`"sent": "ten",`, "line 55"},
	} {
		if !strings.Contains(good, from) {
			t.Fatalf("%s is not in it", from)
		}
		_, err := record.Read(strings.NewReader(strings.Replace(good, from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.to, err, c.want)
		}
	}
	for _, bad := range []string{"", "{", good[:len(good)/2], good + "{}", "[]"} {
		if _, err := record.Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q… is a run", bad)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	r := newRecorder(b, record.Config{Model: record.Open, Operations: []string{"sale"}, Window: time.Hour})
	s := r.Shard(0)
	b.ReportAllocs()
	for n := range b.N {
		due := time.Duration(n) * 6 * time.Microsecond
		s.Due(0, due)
		s.Sent(0, due, due)
		s.Done(0, due, due, due+time.Duration(n%977)*3*time.Microsecond, record.Approved, "")
	}
}

// A code is UTF-8 and no longer than it may be, whatever a target sent and wherever it had to be cut.
func TestCodesAreText(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Closed, Operations: []string{"a"}, Window: time.Hour})
	s := r.Shard(0)
	for _, code := range []string{strings.Repeat("x", 63) + "é", "\xff1", strings.Repeat("€", 40)} {
		s.Sent(0, 0, 0)
		s.Done(0, 0, 0, ms, record.Declined, code)
		r.Stray(ms, record.Unmatched, code)
	}
	var codes []string
	for _, o := range r.Finish(time.Hour).Operations[0].Outcomes {
		codes = append(codes, o.Code)
	}
	want := []string{"?1", strings.Repeat("x", 63), strings.Repeat("€", 21)}
	slices.Sort(codes)
	slices.Sort(want)
	if !slices.Equal(codes, want) {
		t.Errorf("%q, want %q", codes, want)
	}
}

// Of the longest requests it is told how much of their wait was the tool's own lateness, whatever the others are.
func TestTails(t *testing.T) {
	r := newRecorder(t, record.Config{Model: record.Open, Operations: []string{"sale"}, Window: 10 * time.Second})
	s := r.Shard(0)
	for n := range 10_000 {
		due, late, took := time.Duration(n)*ms, time.Duration(0), 2*ms
		switch {
		case n < 9: // of the ten that are the longest: nine are slow
			took = 100 * ms
		case n == 9: // one is late
			late = 298 * ms
		}
		s.Due(0, due)
		s.Sent(0, due, due+late)
		s.Done(0, due, due+late, due+late+took, record.Approved, "")
	}
	run := r.Finish(10 * time.Second)
	want := []record.Tail{
		{Percent: 99.9, Requests: 10, Waited: 1200 * ms, Late: 298 * ms},
		{Percent: 100, Requests: 1, Waited: 300 * ms, Late: 298 * ms},
	}
	if !slices.Equal(run.Tails, want) {
		t.Errorf("%+v, want %+v", run.Tails, want)
	}
	if sum := run.Summarize(); sum.LateOfP999 == nil || *sum.LateOfP999 != 24.8 || *sum.LateOfMax != 99.3 {
		t.Errorf("%v and %v of them late, want 24.8%% and 99.3%%", sum.LateOfP999, sum.LateOfMax)
	}
}

// What is next of a flow and due after the window is asked of nobody, and the flow counts as cut.
func TestFlowsThatAreCut(t *testing.T) {
	for _, model := range []record.Model{record.Open, record.Closed} {
		r := newRecorder(t, record.Config{Model: model, Operations: []string{"sale"}, Window: time.Second})
		s := r.Shard(0)
		for n := range 5 {
			s.FlowDue(time.Duration(n) * ms)
		}
		s.FlowDue(time.Second) // behind it
		s.FlowDone(0, true)
		s.FlowDone(ms, false)
		if f := r.Finish(time.Second).Flows; f.Ended != 2 || f.Complete != 1 || f.Cut != 3 {
			t.Errorf("%s: %+v, want 2 of 5 ended and 3 cut", model, f)
		}
	}
}
