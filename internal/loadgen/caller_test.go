package loadgen_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
)

// starved is a target that answers after a millisecond, and whose caller gets no processor for a second after each
// hundredth request.
type starved struct{ next loadgen.Outcome }

func (s starved) Start(_, _ int, seq uint64, end func(loadgen.Outcome)) {
	time.AfterFunc(quick, func() { end(s.next) })
	if seq%100 == 99 {
		time.Sleep(time.Second)
	}
}

// A request of a closed loop is due when the one before it is over, and what the tool sends later than that is its own
// delay: it is in the latencies, and the run is not valid.
func TestClosedLoopThatIsStarved(t *testing.T) {
	for name, c := range map[string]struct {
		think time.Duration
		next  loadgen.Outcome
	}{
		"at once":    {},
		"think time": {think: 5 * time.Millisecond},
		"flows":      {next: loadgen.Outcome{Follow: true, Think: 5 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: starved{c.next}, InFlight: 10, Think: c.think, Duration: 10 * time.Second,
				})
				if err != nil {
					t.Fatal(err)
				}
				// Ten of each hundred but the first were due while nothing was sent.
				late, _ := res.Run.Lateness.Quantile(95)
				latency, _ := res.Total.Latency.Quantile(95)
				service, _ := res.Total.Service.Quantile(99)
				if late < 990*time.Millisecond || latency < late || service > quick*1001/1000 {
					t.Errorf("p95: late by %s of %s, p99 since sent %s; want a second of a second, and 1 ms", late, latency, service)
				}
				// The last ones were due in the window and left after it.
				if sent := res.Total.Sent; sent%100 == 99 || sent < 900 || res.Run.Unaccounted != 0 {
					t.Errorf("%d sent, %d unaccounted; want ten times a hundred, and none", sent, res.Run.Unaccounted)
				}
				if judge.Judge(res.Run, judge.Options{}); res.Run.Verdict.Valid || res.Run.Verdict.Passed {
					t.Errorf("%+v, want that it is not valid", res.Run.Verdict)
				}
			})
		})
	}
}

// A run that is called off sends nothing more, and what a closed loop is due in time is sent.
func TestClosedLoopSendsWhatWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: starved{}, InFlight: 50, Duration: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		// 50 and 50 more, of which the last one blocks for a second; the 49 before it end meanwhile, and it.
		if late, _ := res.Run.Lateness.Max(); res.Total.Sent != 150 || res.Approved != 150 || late < 990*time.Millisecond {
			t.Errorf("%d sent, %d approved, late by %s at most; want 150, 150, a second", res.Total.Sent, res.Approved, late)
		}
	})
}

// What no connection took was not sent, and is no quick request: percentiles are of those that were.
func TestWhatNoConnectionTookIsInNoPercentile(t *testing.T) {
	forBoth(t, func(t *testing.T, h *hosts) {
		target, ops := h.target(h.connect(20))
		defer target.Close()
		o := loadgen.Options{Target: target, InFlight: 100, Rate: 100, Fixed: true, Duration: time.Second, Ops: ops}
		recorder, err := o.Record()
		if err != nil {
			t.Fatal(err)
		}
		o.Recorder = recorder
		res, err := loadgen.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// The 21st was lost with the connection, and the host never saw the others.
		total, sum := res.Total, res.Run.Summarize()
		if total.Sent != 21 || total.Service.Count() != 21 || total.Latency.Count() != 21 || total.WithoutLatency != 78 ||
			sum.WithoutLatency != 78 || total.Count(record.ConnectionLost) != 79 || res.Run.Unaccounted != 0 {
			t.Errorf("%d sent, %d times since, %d latencies, %d without, %d lost, %d unaccounted; want 21, 78 and 79 lost",
				total.Sent, total.Service.Count(), total.Latency.Count(), total.WithoutLatency,
				total.Count(record.ConnectionLost), res.Run.Unaccounted)
		}
		if s := recorder.Snapshot(time.Second); s.Sent != 21 || s.Operations[0].Sent != 21 || s.InFlight != 0 {
			t.Errorf("who looks on sees %d sent, %d in flight; want 21 and none", s.Sent, s.InFlight)
		}
	})
}

// In a closed loop, too, and no request is lost count of.
func TestClosedLoopWithoutAConnection(t *testing.T) {
	forBoth(t, func(t *testing.T, h *hosts) {
		conn := h.connect(0)
		target, ops := h.target(conn)
		defer target.Close()
		conn.Close()
		synctest.Wait()
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, InFlight: 4, Duration: 3 * time.Second, Ops: ops,
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum := res.Run.Summarize(); res.Failed != 12 || res.Total.WithoutLatency != 12 || res.Total.Sent != 0 ||
			sum.P50MS != nil || sum.Service != nil || res.Run.Unaccounted != 0 {
			t.Errorf("%d failed, %d without a latency, %d sent, p50 %v, %d unaccounted; want 12, 12 and nothing", res.Failed,
				res.Total.WithoutLatency, res.Total.Sent, sum.P50MS, res.Run.Unaccounted)
		}
	})
}

// An answer that comes later than its caller had patience is none, to the moment; its frame is a late one, and nothing
// follows on it.
func TestAnswersAfterTheCallerGaveUp(t *testing.T) {
	const patience = time.Second
	for name, c := range map[string]struct {
		after    time.Duration
		approved bool
	}{
		"in time":     {patience, true},
		"a bit later": {patience + time.Microsecond, false},
		"5 ms later":  {patience + 5*time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, iso := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					h := &timedHost{t: t, iso: iso, begin: time.Now(), answer: func(at time.Duration, _ int) time.Duration {
						return at + c.after
					}}
					target, ops := h.target(1, 100, "capture")
					defer target.Close()
					// Arrivals lie on the moments at which it is looked for callers who have given up.
					res, err := loadgen.Run(t.Context(), loadgen.Options{
						Target: target, InFlight: 100, Rate: 10, Fixed: true, Duration: 950 * time.Millisecond, Timeout: patience,
						Ops: ops,
					})
					if err != nil {
						t.Fatal(err)
					}
					frames := uint64(0)
					for _, f := range res.Run.Failures {
						if f.Class == record.Late {
							frames += f.Frames
						}
					}
					asked, longest := h.asked.Load(), res.QuantileMS(100)
					if c.approved && (res.Approved != 9 || frames != 0) {
						t.Errorf("ISO %v: %d approved, %d late; want 9 and none", iso, res.Approved, frames)
					}
					if !c.approved && (res.Unanswered != 9 || res.Approved != 0 || frames != 9 || asked != 9) {
						t.Errorf("ISO %v: %d unanswered, %d approved, %d late, %d asked; want 9, none, 9 and 9", iso, res.Unanswered,
							res.Approved, frames, asked)
					}
					if longest < 999 || longest > 1001 {
						t.Errorf("ISO %v: %g ms at most, want the patience", iso, longest)
					}
				})
			}
		})
	}
}

// It holds for a target that does not ask itself.
func TestEndsAfterTheCallerGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStallServer(func(at time.Duration, _ int) time.Duration { return at + 1003*time.Millisecond })
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: s, Rate: 10, Fixed: true, Duration: 950 * time.Millisecond, Timeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if longest := res.QuantileMS(100); res.Unanswered != 9 || res.Approved != 0 || longest > 1001 {
			t.Errorf("%d unanswered, %d approved, %g ms at most; want 9, none, the patience", res.Unanswered, res.Approved,
				longest)
		}
	})
}

// Flows that are due all at once are followed for a second, and those that take longer are cut, and said to be.
func TestReplayOfABurst(t *testing.T) {
	for name, c := range map[string]struct {
		after    time.Duration
		asked    int64
		complete uint64
		cut      uint64
	}{
		"quick": {quick, 12, 3, 0},
		"slow":  {600 * time.Millisecond, 6, 0, 3}, // the first capture is due in time, the next one is not
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				burst, err := arrival.NewTimes(make([]time.Duration, 3), 1)
				if err != nil {
					t.Fatal(err)
				}
				h := &timedHost{t: t, begin: time.Now(), answer: func(at time.Duration, _ int) time.Duration {
					return at + c.after
				}}
				target, ops := h.target(1, 10, "captures")
				defer target.Close()
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: target, InFlight: 10, Schedule: burst, Duration: burst.Length(), Ops: ops,
				})
				if err != nil {
					t.Fatal(err)
				}
				f := res.Run.Flows
				if n := h.asked.Load(); n != c.asked || f.Complete != c.complete || f.Cut != c.cut || *f.Asked != 3 {
					t.Errorf("%d asked, %+v; want %d, %d complete, %d cut", n, f, c.asked, c.complete, c.cut)
				}
			})
		})
	}
}
