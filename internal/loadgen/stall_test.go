package loadgen_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
)

// The stalls of a server, by what is known of them: when it answers a request that reached it at a moment, on a lane.
const (
	quick     = time.Millisecond
	stallRate = 1000
	stallSpan = 10 * time.Second
	noAnswer  = time.Duration(-1)
)

var stalls = map[string]func(at time.Duration, lane int) time.Duration{
	"one long stall": func(at time.Duration, _ int) time.Duration {
		if from, till := 3*time.Second, 5*time.Second; from <= at && at < till {
			return till
		}
		return at + quick
	},
	"periodic": func(at time.Duration, _ int) time.Duration {
		if into := at % time.Second; into < 200*time.Millisecond {
			return at - into + 200*time.Millisecond
		}
		return at + quick
	},
	"slow start": func(at time.Duration, _ int) time.Duration {
		return at + max(quick, 500*time.Millisecond-at/10)
	},
	"one slow connection": func(at time.Duration, lane int) time.Duration {
		if lane == 2 {
			return at + 300*time.Millisecond
		}
		return at + quick
	},
	"growing": func(at time.Duration, _ int) time.Duration { return at + quick + at/20 },
}

// stallServer answers as a stall has it.
type stallServer struct {
	begin  time.Time
	answer func(at time.Duration, lane int) time.Duration

	mu      sync.Mutex
	lanes   map[uint64]int // by request
	pending map[uint64]bool
}

func newStallServer(answer func(at time.Duration, lane int) time.Duration) *stallServer {
	return &stallServer{begin: time.Now(), answer: answer, lanes: map[uint64]int{}, pending: map[uint64]bool{}}
}

func (s *stallServer) Start(lane, _ int, seq uint64, end func(loadgen.Outcome)) {
	at := time.Since(s.begin)
	answered := s.answer(at, lane)
	s.mu.Lock()
	s.lanes[seq] = lane
	s.pending[seq] = true
	s.mu.Unlock()
	if answered == noAnswer {
		return
	}
	time.AfterFunc(answered-at, func() {
		s.mu.Lock()
		waited := s.pending[seq]
		delete(s.pending, seq)
		s.mu.Unlock()
		if waited {
			end(loadgen.Outcome{})
		}
	})
}

func (s *stallServer) Forget(_, _ int, seq uint64) (loadgen.Outcome, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.pending[seq]
	delete(s.pending, seq)
	return loadgen.Outcome{Class: record.NoAnswer}, was
}

// same holds quantiles of a record to those of times that are known.
func same(t *testing.T, got record.Hist, want []time.Duration) {
	t.Helper()
	slices.Sort(want)
	if int(got.Count()) != len(want) {
		t.Fatalf("%d latencies, want %d", got.Count(), len(want))
	}
	for _, percent := range []float64{1, 10, 50, 75, 90, 99, 99.9, 100} {
		// The quantile is the longest time of so many, rounded to a whole number as HdrHistogram does.
		exact := want[max(int(percent/100*float64(len(want))+0.5)-1, 0)]
		d, _ := got.Quantile(percent)
		if room := exact/1000 + time.Microsecond; (d - exact).Abs() > room {
			t.Errorf("p%g is %s, want %s", percent, d, exact)
		}
	}
}

// What callers waited equals arithmetic, to the resolution of the histograms, whatever the server does; and the service
// time is what the server took alone.
func TestStallsAreMeasuredAsTheyAre(t *testing.T) {
	for name, answer := range stalls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStallServer(answer)
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: s, Lanes: 4, Rate: stallRate, Fixed: true, Duration: stallSpan,
				})
				if err != nil {
					t.Fatal(err)
				}
				var want []time.Duration
				for seq, lane := range s.lanes {
					due := time.Duration(seq+1) * time.Second / stallRate
					want = append(want, answer(due, lane)-due)
				}
				same(t, res.Total.Latency, want)
				same(t, res.Total.Service, want)
				if late, _ := res.Run.Lateness.Max(); late > time.Microsecond || res.Failed != 0 {
					t.Errorf("late by %s, %d failed; want 0 and none", late, res.Failed)
				}
				if tps := res.TPS(); tps != 999.9 {
					t.Errorf("%g a second, want what was due in the window over the window", tps)
				}
			})
		})
	}
}

// With room for few in flight what waits for room is measured from when it was due; the arithmetic is that of a queue
// before so many places.
func TestStallsWithLittleRoom(t *testing.T) {
	const places = 100
	for name, answer := range stalls {
		if name == "one slow connection" {
			continue // which lane a request gets depends on which place is free first: the others say enough
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStallServer(answer)
				res, err := loadgen.Run(t.Context(), loadgen.Options{
					Target: s, Lanes: 4, InFlight: places, Rate: stallRate, Fixed: true, Duration: stallSpan, Drain: time.Hour,
				})
				if err != nil {
					t.Fatal(err)
				}
				var want, service []time.Duration
				var free [places]time.Duration
				for n := range len(s.lanes) {
					due := time.Duration(n+1) * time.Second / stallRate
					place := 0
					for i := range free {
						if free[i] < free[place] {
							place = i
						}
					}
					sent := max(due, free[place])
					free[place] = answer(sent, 0)
					want = append(want, free[place]-due)
					service = append(service, free[place]-sent)
				}
				same(t, res.Total.Latency, want)
				same(t, res.Total.Service, service)
				if n := res.Approved + res.Failed; n != 9999 || res.Failed != 0 {
					t.Errorf("%d requests, %d failed; want 9,999 and none", n, res.Failed)
				}
			})
		})
	}
}

// A caller that gives up has waited for as long as it had patience, and counts with that; its answer comes late.
func TestCallersThatGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 2 * time.Second
		silent := func(at time.Duration, _ int) time.Duration {
			if at%(10*time.Millisecond) == 0 {
				return noAnswer
			}
			return at + quick
		}
		s := newStallServer(silent)
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: s, Rate: stallRate, Fixed: true, Duration: stallSpan, Timeout: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []time.Duration
		for n := range 9999 {
			due := time.Duration(n+1) * time.Second / stallRate
			if silent(due, 0) == noAnswer {
				want = append(want, patience)
			} else {
				want = append(want, quick)
			}
		}
		same(t, res.Total.Latency, want)
		if res.Unanswered != 999 || res.Errors["unanswered"] != 999 || res.Run.Window != stallSpan {
			t.Errorf("%d unanswered in %s, want 999 in 10 s: %v", res.Unanswered, res.Run.Window, res.Errors)
		}
	})
}

// One answer that never comes stretches nothing: the divisor is the window.
func TestTheDivisorIsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStallServer(func(at time.Duration, _ int) time.Duration {
			if at == time.Second {
				return at + 9*time.Second
			}
			return at + quick
		})
		res, err := loadgen.Run(t.Context(), loadgen.Options{Target: s, Rate: 200, Fixed: true, Duration: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if tps := loadgen.Round(res.TPS()); tps != 199.7 || res.Run.Window != 3*time.Second || res.QuantileMS(100) < 8990 {
			t.Errorf("%g a second in %s, at most %g ms; want 199.7, 3 s and 9 s", tps, res.Run.Window, res.QuantileMS(100))
		}
	})
}

// What goes wrong in the warm-up is not of the window, and a closed loop counts what is in flight when its window ends.
func TestTheWindowCountsWhatIsDueInIt(t *testing.T) {
	for name, o := range map[string]loadgen.Options{
		"open":   {Rate: 100, Fixed: true},
		"closed": {InFlight: 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := &server{delay: 50 * time.Millisecond, outcome: func(uint64) loadgen.Outcome {
					if time.Since(begin) < 900*time.Millisecond {
						return loadgen.Outcome{Class: record.Refused, Code: "busy"}
					}
					return loadgen.Outcome{}
				}}
				o.Target, o.Warmup, o.Duration = s, time.Second, time.Second
				res, err := loadgen.Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if res.Failed != 0 || res.Approved != 100 || res.Excluded < 99 {
					t.Errorf("%d failed, %d approved, %d before; want 0, 100 and 100", res.Failed, res.Approved, res.Excluded)
				}
			})
		})
	}
}

// Nothing was measured: there is no figure, not one of 0.
func TestNothingMeasuredHasNoFigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStallServer(func(at time.Duration, _ int) time.Duration { return at + quick })
		res, err := loadgen.Run(t.Context(), loadgen.Options{Target: s, Rate: 0.1, Fixed: true, Duration: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if sum := res.Run.Summarize(); sum.P50MS != nil || sum.MaxMS != nil || sum.Requests != 0 {
			t.Errorf("p50 %v, most %v of %d requests; want none", sum.P50MS, sum.MaxMS, sum.Requests)
		}
	})
}
