package loadgen_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
)

// server answers each request after a delay, and stalls when told to: in virtual time, so figures are exact.
type server struct {
	delay   time.Duration
	outcome func(seq uint64) loadgen.Outcome

	mu           sync.Mutex
	stallTill    time.Time // answers nothing before
	slots        map[int]bool
	most         int
	seqs         map[uint64]bool
	lanes        map[int]int
	silentSeq    uint64
	hasSilentSeq bool
}

func (s *server) Start(lane, slot int, seq uint64, end func(loadgen.Outcome)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots == nil {
		s.slots, s.seqs, s.lanes = map[int]bool{}, map[uint64]bool{}, map[int]int{}
	}
	if s.slots[slot] || s.seqs[seq] {
		panic("a slot or a number is used twice")
	}
	s.slots[slot], s.seqs[seq] = true, true
	s.lanes[lane]++
	s.most = max(s.most, len(s.slots))
	if s.hasSilentSeq && seq == s.silentSeq {
		return
	}
	wait := s.delay
	if left := time.Until(s.stallTill); left > 0 {
		wait += left
	}
	time.AfterFunc(wait, func() {
		s.mu.Lock()
		delete(s.slots, slot)
		s.mu.Unlock()
		var o loadgen.Outcome
		if s.outcome != nil {
			o = s.outcome(seq)
		}
		end(o)
	})
}

func TestClosedLoopKeepsSoManyInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 10 * time.Millisecond}
		res, err := loadgen.Run(
			t.Context(), loadgen.Options{Target: s, Lanes: 3, InFlight: 8, Warmup: time.Second, Duration: time.Second},
		)
		if err != nil {
			t.Fatal(err)
		}
		// 8 in flight at 10 ms each are 800 a second.
		if s.most != 8 || res.Approved < 790 || res.Approved > 808 {
			t.Errorf("%d in flight at most, %d approved; want 8 and 800", s.most, res.Approved)
		}
		if got := res.QuantileMS(50); got < 9.9 || got > 10.1 {
			t.Errorf("p50 is %g ms, want 10", got)
		}
		if len(s.lanes) != 3 || res.Failed != 0 || res.Excluded < 790 {
			t.Errorf("lanes %v, %d failed, %d excluded; want 3, 0 and the warm-up's 800", s.lanes, res.Failed, res.Excluded)
		}
	})
}

// A connection that is lost for good is not asked again and again in no time.
func TestClosedLoopDoesNotSpinOnALostConnection(t *testing.T) {
	for _, class := range []record.Class{record.ConnectionLost, record.OwnFault} {
		synctest.Test(t, func(t *testing.T) {
			res, err := loadgen.Run(t.Context(), loadgen.Options{
				Target: atOnce(loadgen.Outcome{Class: class}), InFlight: 8, Duration: 10*time.Second - time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if res.Failed != 80 {
				t.Errorf("%d %s of 8 in flight in 10 s, want 80", res.Failed, class)
			}
		})
	}
}

// atOnce ends each request before Start returns. Time, where it is not real, stands still meanwhile: it bounds them.
type atOnce loadgen.Outcome

func (o atOnce) Start(_, _ int, seq uint64, end func(loadgen.Outcome)) {
	if seq > 1e6 {
		panic("the loop spins")
	}
	end(loadgen.Outcome(o))
}

func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The server stalls for the whole first second. With room for 10 in flight, a driver that measured from the
		// moment of sending would see 10 slow requests; 1,000 were due.
		s := &server{delay: time.Millisecond, stallTill: time.Now().Add(time.Second)}
		res, err := loadgen.Run(
			t.Context(), loadgen.Options{Target: s, InFlight: 10, Rate: 1000, Fixed: true, Duration: 2 * time.Second},
		)
		if err != nil {
			t.Fatal(err)
		}
		if res.Approved+res.Failed != 1999 {
			t.Errorf("%d approved, %d failed; 1,999 were due", res.Approved, res.Failed)
		}
		// Requests due evenly over the stalled second waited half of it on average, so the upper quarter of all waited
		// half a second and more.
		if got := res.QuantileMS(75); got < 450 {
			t.Errorf("p75 is %g ms, want about 500: the stall is hidden", got)
		}
		if late, _ := res.Run.Lateness.Max(); late < 900*time.Millisecond {
			t.Errorf("the driver was late by %s at most, want about a second", late)
		}
	})
}

func TestOpenLoopHoldsItsRate(t *testing.T) {
	for _, fixed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{delay: 5 * time.Millisecond}
			res, err := loadgen.Run(
				t.Context(), loadgen.Options{Target: s, Lanes: 4, Rate: 2000, Fixed: fixed, Seed: 1, Duration: 5 * time.Second},
			)
			if err != nil {
				t.Fatal(err)
			}
			if tps := res.TPS(); tps < 1950 || tps > 2050 {
				t.Errorf("fixed %v: %g a second, want 2,000", fixed, tps)
			}
			if got := res.QuantileMS(99); got > 5.1 {
				t.Errorf("fixed %v: p99 is %g ms, want 5", fixed, got)
			}
		})
	}
}

func TestOutcomesAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Millisecond, outcome: func(seq uint64) loadgen.Outcome {
			switch {
			case seq%10 == 1:
				return loadgen.Outcome{Class: record.Declined, Code: "51"}
			case seq%10 == 2:
				return loadgen.Outcome{Class: record.Refused, Code: "busy"}
			}
			return loadgen.Outcome{}
		}}
		res, err := loadgen.Run(t.Context(), loadgen.Options{Target: s, Rate: 1000, Fixed: true, Duration: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if res.Approved != 799 || res.Declines["51"] != 100 || res.Errors["busy"] != 100 || res.Declined != 100 ||
			res.Failed != 100 {
			t.Errorf("%+v", res)
		}
		if res.Total.Latency.Count() != 999 {
			t.Errorf("%d latencies, want those of all 999 requests, whatever came of them", res.Total.Latency.Count())
		}
		if got := loadgen.Counts(map[string]uint64{"54": 2, "51": 1}); got != "51: 1, 54: 2" {
			t.Errorf("counts read %q", got)
		}
	})
}

func TestSilenceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Millisecond, silentSeq: 7, hasSilentSeq: true}
		res, err := loadgen.Run(t.Context(), loadgen.Options{Target: s, Rate: 100, Fixed: true, Duration: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if res.Unanswered != 1 || res.Failed != 1 || res.Errors["unanswered"] != 1 || res.Approved != 98 {
			t.Errorf("%d unanswered, %d failed, %d approved; want 1, 1, 98", res.Unanswered, res.Failed, res.Approved)
		}
	})
}

func TestWhatWasDueAndNeverSentIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{stallTill: time.Now().Add(time.Hour)}
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: s, InFlight: 10, Rate: 100, Fixed: true, Duration: time.Second, Drain: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if res.Unsent != 89 || res.Unanswered != 10 || res.Failed != 99 {
			t.Errorf("%d unsent, %d unanswered, %d failed; want 89, 10, 99", res.Unsent, res.Unanswered, res.Failed)
		}
		time.Sleep(2 * time.Hour) // the answers come after all, and change nothing
		if res.Approved != 0 {
			t.Errorf("%d approved, want 0", res.Approved)
		}
	})
}

// What is due when the caller's own deadline ends a run was not asked of anybody: it has no latency, of 0 or otherwise.
func TestCalledOffByADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 505*time.Millisecond)
		defer cancel()
		res, err := loadgen.Run(ctx, loadgen.Options{
			Target: &server{delay: time.Millisecond}, Rate: 100, Fixed: true, Duration: 10 * time.Second,
		})
		if !errors.Is(err, context.DeadlineExceeded) || res.Unsent != 0 || res.Approved != 50 {
			t.Errorf("%v: %d unsent, %d approved; want none and the 50 until then", err, res.Unsent, res.Approved)
		}
	})
}

// pairs are flows of two requests, which are answered after a millisecond, the second due two seconds after the first.
type pairs struct {
	mu    sync.Mutex
	begin time.Time
	sent  []time.Duration // when requests were, by what Start was called for
	waits map[uint64]bool // what is in flight
	first map[int]bool    // slots whose first request is next
}

func newPairs() *pairs {
	return &pairs{begin: time.Now(), waits: map[uint64]bool{}, first: map[int]bool{}}
}

func (p *pairs) First(uint64) record.Op { return 0 }

func (p *pairs) Open(_, slot int, _ uint64) { p.first[slot] = true }

func (p *pairs) Start(_, slot int, seq uint64, end func(loadgen.Outcome)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.first[slot]
	p.first[slot], p.waits[seq] = false, true
	p.sent = append(p.sent, time.Since(p.begin))
	time.AfterFunc(time.Millisecond, func() {
		p.mu.Lock()
		waits := p.waits[seq]
		delete(p.waits, seq)
		p.mu.Unlock()
		if waits {
			end(loadgen.Outcome{Follow: first, Next: 1, Think: 2*time.Second - time.Millisecond})
		}
	})
}

func (p *pairs) Forget(_, _ int, seq uint64) (loadgen.Outcome, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.waits[seq]
	delete(p.waits, seq)
	return loadgen.Outcome{Class: record.NoAnswer}, was
}

// With no room for another flow those under way go on, and make room. Who gives up while there is none is never asked
// for.
func TestFlowsGoOnWhereThereIsNoRoom(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		sent    []time.Duration // to the second
		unsent  uint64
	}{
		// One is due each second, of which five are in the window. A flow takes two seconds, and the next one begins behind
		// it, however late, and at once behind one whose second request is due when the window is over.
		"callers who wait":    {0, []time.Duration{1, 3, 3, 5, 5, 5, 5}, 0},
		"callers who give up": {1500 * time.Millisecond, []time.Duration{1, 3, 3, 5, 5, 5}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPairs()
			res, err := loadgen.Run(t.Context(), loadgen.Options{
				Target: p, InFlight: 1, Rate: 1, Fixed: true, Duration: 5500 * time.Millisecond, Timeout: c.timeout,
				Ops: []string{"first", "second"}, Drain: 2 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []time.Duration
			for _, at := range p.sent {
				got = append(got, at.Truncate(time.Second)/time.Second)
			}
			if !slices.Equal(got, c.sent) || res.Unsent != c.unsent || res.Run.Unaccounted != 0 {
				t.Errorf("%s: sent at %v s, %d unsent, %d unaccounted; want %v and %d", name, got, res.Unsent,
					res.Run.Unaccounted, c.sent, c.unsent)
			}
		})
	}
}

func TestUntilEndsTheWindow(t *testing.T) {
	for name, o := range map[string]loadgen.Options{"closed": {InFlight: 8}, "open": {Rate: 800, Fixed: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until := make(chan struct{})
				time.AfterFunc(500*time.Millisecond, func() { close(until) })
				o.Target, o.Duration, o.Until = &server{delay: 10 * time.Millisecond}, time.Hour, until
				res, err := loadgen.Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if res.Failed != 0 || res.Approved < 390 || res.Approved > 410 || res.Run.Window < 500*time.Millisecond ||
					res.Run.Window > 520*time.Millisecond {
					t.Errorf("%d approved and %d failed in %s; want 400 and none in 500 ms", res.Approved, res.Failed, res.Run.Window)
				}
			})
		})
	}
}

func TestCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		s := &server{delay: time.Millisecond}
		res, err := loadgen.Run(ctx, loadgen.Options{Target: s, InFlight: 1, Duration: time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		if tps := res.TPS(); tps < 900 || tps > 1100 {
			t.Errorf("%g a second over what was measured, want 1,000", tps)
		}
		time.Sleep(time.Second)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	ok := loadgen.Options{Target: &server{}, InFlight: 1, Duration: time.Second}
	for name, change := range map[string]func(*loadgen.Options){
		"no target":      func(o *loadgen.Options) { o.Target = nil },
		"none in flight": func(o *loadgen.Options) { o.InFlight = 0 },
		"too many":       func(o *loadgen.Options) { o.InFlight = loadgen.MaxInFlight + 1 },
		"negative rate":  func(o *loadgen.Options) { o.Rate = -1 },
		"no duration":    func(o *loadgen.Options) { o.Duration = 0 },
		"lanes":          func(o *loadgen.Options) { o.Lanes = -1 },
	} {
		o := ok
		change(&o)
		if _, err := loadgen.Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
