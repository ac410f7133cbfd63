package judge_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
)

// played records requests of an open loop that are due every millisecond for a second, each late by a time and with
// what outcome says.
func played(
	t *testing.T, late time.Duration, outcome func(n int) (record.Op, record.Class, time.Duration),
) *record.Run {
	t.Helper()
	rec, err := record.New(record.Config{
		Model: record.Open, Operations: []string{"authorize", "capture"}, Window: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := rec.Shard(0)
	for n := range 1000 {
		due := time.Duration(n) * time.Millisecond
		op, class, took := outcome(n)
		s.Due(op, due)
		if class == record.Unsent || class == record.ConnectionLost {
			s.Done(op, due, record.NeverSent, due+took, class, "")
			continue
		}
		s.Sent(op, due, due+late)
		s.Done(op, due, due+late, due+late+took, class, "")
	}
	return rec.Finish(time.Second)
}

func good(n int) (record.Op, record.Class, time.Duration) {
	return record.Op(n % 2), record.Approved, time.Duration(n%100+1) * time.Millisecond
}

func TestThresholds(t *testing.T) {
	run := played(t, 0, func(n int) (record.Op, record.Class, time.Duration) {
		op, class, took := good(n)
		switch n % 50 {
		case 0:
			class = record.Declined
		case 1:
			class = record.Refused
		}
		return op, class, took
	})
	for text, want := range map[string]bool{
		"p50 < 60ms": true, "p50 < 40ms": false, "p99 <= 100ms": true, "p99.9<50ms": false, "max < 101ms": true,
		"mean > 10ms": true, "errors < 2%": false, "errors <= 2%": true, "errors<2.5%": true, "declined < 3%": true,
		"approved > 95%": true, "approved >= 97%": false, "unanswered <= 0%": true, "requests >= 1000": true,
		"requests > 1000": false, "rate > 900": true, "authorize.errors <= 0%": true, "capture.errors <= 2%": false,
		"capture.p99 < 1s": true, "authorize.requests >= 500": true,
	} {
		th, err := judge.Parse(text, []string{"authorize", "capture"})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if c := th.Check(run); c.OK != want || c.Measured == nil {
			t.Errorf("%s: %v of %+v, want %v", text, c.OK, c, want)
		}
	}
}

// What no connection took stayed within no bound.
func TestThresholdsOfWhatHasNoLatency(t *testing.T) {
	run := played(t, 0, func(n int) (record.Op, record.Class, time.Duration) {
		op, class, took := good(n)
		if n < 20 { // 1 in 50
			class = record.ConnectionLost
		}
		return op, class, took
	})
	for text, want := range map[string]bool{
		"p50 < 60ms": true, "p97 < 101ms": true, "p99 < 1h": false, "max < 1h": false, "errors <= 2%": true,
	} {
		th, err := judge.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := th.Check(run); c.OK != want || (c.Why == "") != want {
			t.Errorf("%s: %+v, want %v", text, c, want)
		}
	}
}

// Where nothing was measured nothing is met.
func TestThresholdOfNothing(t *testing.T) {
	run := played(t, 0, func(n int) (record.Op, record.Class, time.Duration) { return 0, record.Approved, 1 })
	for _, text := range []string{"capture.p99 < 1s", "capture.errors < 1%", "capture.mean > 1ns"} {
		th, err := judge.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := th.Check(run); c.OK || c.Measured != nil || c.Why == "" {
			t.Errorf("%s: %+v, want that it is not met", text, c)
		}
	}
}

func TestThresholdsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"p99 20ms":          `expected one like "p99 < 20ms"`,
		"p100 < 20ms":       "a percentile of 100: expected more than 0 and less than 100, or max",
		"p0 < 20ms":         "a percentile of 0",
		"p99 < 20":          `a bound of "20": expected a duration like 20ms`,
		"p99 < -1ms":        "expected a duration",
		"errors < 0.01":     "expected a share from 0% to 100%",
		"errors < 101%":     "expected a share",
		"errors < NaN%":     "expected a share",
		"requests > x":      "expected a number",
		"requests > +Inf":   "expected a number",
		"latency < 1ms":     `no figure "latency": expected p50 to p99.99, max, mean`,
		"refund.p99 < 1ms":  `no operation "refund": expected authorize, capture`,
		"":                  "expected one like",
		"authorize. < 1ms":  `no figure ""`,
		".p99 < 1ms":        `no operation ""`,
		"p99.9.9 < 1ms":     "a percentile of 99.9.9",
		"authorize.p < 1ms": `no figure "p"`,
	} {
		if _, err := judge.Parse(text, []string{"authorize", "capture"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// A run that is not valid does not pass, and says why.
func TestValidity(t *testing.T) {
	for name, c := range map[string]struct {
		run     *record.Run
		options judge.Options
		invalid string // the name of the check that is not OK; "" if it is valid
	}{
		"good": {run: played(t, time.Millisecond, good)},
		"late": {run: played(t, 30*time.Millisecond, good), invalid: "late p99"},
		"late, and told that it may be": {
			run: played(t, 30*time.Millisecond, good), options: judge.Options{MaxLate: time.Second},
		},
		"late, but little of the latency": {
			run: played(t, 30*time.Millisecond, func(int) (record.Op, record.Class, time.Duration) {
				return 0, record.Approved, time.Second
			}),
		},
		"dropped": {
			run: played(t, 0, func(n int) (record.Op, record.Class, time.Duration) {
				if n%500 == 0 {
					return 0, record.Unsent, time.Second
				}
				return good(n)
			}),
			options: judge.Options{Thresholds: []judge.Threshold{}}, invalid: "arrivals dropped",
		},
		"processors": {
			run:     played(t, 0, good),
			options: judge.Options{CPU: 1000 * time.Hour, Elapsed: time.Hour}, invalid: "own processor time",
		},
		"half of the processors that it may use": {
			run: played(t, 0, good), options: judge.Options{CPU: time.Hour, Elapsed: time.Hour, Processors: 2},
		},
		"all of the one that it may use": {
			run: played(t, 0, good), options: judge.Options{CPU: time.Hour, Elapsed: time.Hour, Processors: 1},
			invalid: "own processor time",
		},
		"all of them, which are measured": {
			run:     played(t, 0, good),
			options: judge.Options{CPU: time.Hour, Elapsed: time.Hour, Processors: 1, WholeMachine: true},
		},
		"called off": {
			run: func() *record.Run { r := played(t, 0, good); r.Ended = "called off"; return r }(), invalid: "time measured",
		},
	} {
		judge.Judge(c.run, c.options)
		v := c.run.Verdict
		if v.Valid != (c.invalid == "") || v.Valid != v.Passed {
			t.Errorf("%s: valid %v, passed %v: %+v", name, v.Valid, v.Passed, v)
		}
		for _, check := range v.Validity {
			if check.OK != (check.Name != c.invalid) || check.OK != (check.Why == "") {
				t.Errorf("%s: %+v, want that only %q is not OK, and that why is said", name, check, c.invalid)
			}
		}
	}
}

// What limits this process limits what it is held against, whatever the machine has.
func TestProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if n := judge.Processors(); n != 1 {
		t.Errorf("%d processors with GOMAXPROCS=1", n)
	}
	runtime.GOMAXPROCS(runtime.NumCPU() + 7)
	if n := judge.Processors(); n != runtime.NumCPU() {
		t.Errorf("%d processors of %d that there are", n, runtime.NumCPU())
	}
}

// Without thresholds each request needs an outcome, and errors are few.
func TestWithoutThresholds(t *testing.T) {
	share := func(n int, class record.Class) *record.Run {
		return played(t, 0, func(i int) (record.Op, record.Class, time.Duration) {
			if i < n {
				return 0, class, time.Millisecond
			}
			return good(i)
		})
	}
	for name, c := range map[string]struct {
		run  *record.Run
		want bool
	}{
		"all approved":       {share(0, record.Approved), true},
		"all declined":       {share(1000, record.Declined), false},
		"few refused":        {share(10, record.Refused), true},
		"too many refused":   {share(11, record.Refused), false},
		"one without answer": {share(1, record.NoAnswer), false},
		"one lost":           {share(1, record.ConnectionLost), false},
		"71 of 100 refused":  {share(710, record.Refused), false},
	} {
		judge.Judge(c.run, judge.Options{})
		if v := c.run.Verdict; v.Passed != c.want || !v.Valid {
			t.Errorf("%s: valid %v, passed %v, want %v: %+v", name, v.Valid, v.Passed, c.want, v.Thresholds)
		}
	}
}

// A threshold of latencies passes no target that is dead; one of errors says how dead it may be, of what it bounds.
func TestThresholdsLeaveTheDefaultRules(t *testing.T) {
	half := func(op record.Op, class record.Class) func(int) (record.Op, record.Class, time.Duration) {
		return func(n int) (record.Op, record.Class, time.Duration) { // half of what op has came to class
			if n%4 == int(op) {
				return op, class, time.Millisecond
			}
			return record.Op(n % 2), record.Approved, time.Millisecond
		}
	}
	for name, c := range map[string]struct {
		outcome    func(int) (record.Op, record.Class, time.Duration)
		thresholds []string
		failed     []string
	}{
		"dead": {
			func(int) (record.Op, record.Class, time.Duration) { return 0, record.NoAnswer, time.Millisecond },
			[]string{"p99 < 20ms"}, []string{"requests approved", "errors", "requests without an answer"},
		},
		"declined":        {half(0, record.Declined), []string{"p99 < 20ms"}, nil},
		"half lost":       {half(0, record.NoAnswer), []string{"errors < 50%"}, nil},
		"refused":         {half(0, record.Refused), []string{"unanswered <= 0%"}, []string{"errors"}},
		"unanswered":      {half(0, record.NoAnswer), []string{"unanswered < 50%"}, []string{"errors"}},
		"that operation":  {half(1, record.NoAnswer), []string{"capture.errors <= 50%"}, nil},
		"both operations": {half(1, record.NoAnswer), []string{"capture.errors <= 50%", "authorize.errors < 1%"}, nil},
		"another operation's": {
			half(0, record.NoAnswer), []string{"capture.errors <= 50%"},
			[]string{"errors of other operations", "requests without an answer of other operations"},
		},
		"all declined": {
			func(int) (record.Op, record.Class, time.Duration) { return 0, record.Declined, time.Millisecond },
			[]string{"p99 < 20ms"}, []string{"requests approved"},
		},
		"all declined, as asked": {
			func(int) (record.Op, record.Class, time.Duration) { return 0, record.Declined, time.Millisecond },
			[]string{"declined >= 100%"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := played(t, 0, c.outcome)
			var o judge.Options
			for _, text := range c.thresholds {
				th, err := judge.Parse(text, []string{"authorize", "capture"})
				if err != nil {
					t.Fatal(err)
				}
				o.Thresholds = append(o.Thresholds, th)
			}
			judge.Judge(run, o)
			var failed []string
			for _, c := range run.Verdict.Thresholds {
				if !c.OK {
					failed = append(failed, c.Name)
				}
			}
			if !slices.Equal(failed, c.failed) || !run.Verdict.Valid || run.Verdict.Passed != (len(c.failed) == 0) {
				t.Errorf("failed %q, want %q; %+v", failed, c.failed, run.Verdict)
			}
		})
	}
}
