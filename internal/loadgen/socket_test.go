package loadgen_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
)

// What stalls a connection: what a host answers late, and what it does not read for a while.
const (
	stallFrom, stallTill = 3 * time.Second, 5 * time.Second
	slowLane             = 2
	slowBy               = 300 * time.Millisecond
)

type onLane func(at time.Duration, lane int) time.Duration

// stalled is the end of the stall for what comes in it.
func stalled(at time.Duration, _ int) time.Duration {
	if stallFrom <= at && at < stallTill {
		return stallTill
	}
	return at
}

// onSlowLane is what holds on one of the lanes alone.
func onSlowLane(f onLane) onLane {
	return func(at time.Duration, lane int) time.Duration {
		if lane == slowLane {
			return f(at, lane)
		}
		return at
	}
}

func atOnceRead(at time.Duration, _ int) time.Duration { return at }

// socketStalls are when a host reads what was sent at a moment, and when it answers, but for the time it always takes.
var socketStalls = map[string]struct{ reads, answers onLane }{
	"one long stall": {atOnceRead, stalled},
	"one slow connection": {atOnceRead, onSlowLane(func(at time.Duration, _ int) time.Duration {
		return at + slowBy
	})},
	"nothing is read":            {stalled, atOnceRead},
	"one connection is not read": {onSlowLane(stalled), atOnceRead},
}

// throughConnections drives at a host by four connections, and returns what came of it, and the lane of each request.
func throughConnections(t *testing.T, iso bool, reads, answers onLane) (*loadgen.Result, map[uint64]int) {
	t.Helper()
	h := &timedHost{t: t, iso: iso, begin: time.Now(), reads: reads}
	h.answer = func(at time.Duration, lane int) time.Duration { return answers(at, lane) + quick }
	target, ops := h.target(4, loadgen.DefaultOpenInFlight, "authorize")
	defer target.Close()
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: target, Lanes: 4, Rate: stallRate, Fixed: true, Duration: stallSpan, Drain: time.Minute, Ops: ops,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return res, maps.Clone(h.lanes)
}

// What callers wait behind connections equals arithmetic, to the resolution of the histograms, and none of it is the
// tool's own.
func TestStallsOfConnections(t *testing.T) {
	for name, stall := range socketStalls {
		t.Run(name, func(t *testing.T) {
			for _, iso := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					res, lanes := throughConnections(t, iso, stall.reads, stall.answers)
					var want []time.Duration
					slow := 0
					for n, lane := range lanes {
						due := time.Duration(n+1) * time.Second / stallRate
						want = append(want, stall.answers(stall.reads(due, lane), lane)+quick-due)
						if want[len(want)-1] > quick {
							slow++
						}
					}
					same(t, res.Total.Latency, want)
					same(t, res.Total.Service, want)
					if late, _ := res.Run.Lateness.Max(); late > time.Microsecond || res.Approved != 9999 || slow < 400 {
						t.Errorf("ISO %v: late by %s, %d approved, %d slow; want 0, all, some", iso, late, res.Approved, slow)
					}
				})
			}
		})
	}
}

// One connection that reads nothing any more holds up nothing but what is due on it. What that comes to is the
// target's: the run is valid.
func TestOneConnectionThatReadsNothing(t *testing.T) {
	for _, iso := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			res, lanes := throughConnections(t, iso, onSlowLane(func(at time.Duration, _ int) time.Duration {
				if at >= stallFrom {
					return at + time.Hour
				}
				return at
			}), atOnceRead)
			want := make([]time.Duration, 0, len(lanes))
			for range lanes {
				want = append(want, quick)
			}
			// What was written is behind what was read. The first write that is not taken is given up after ten seconds, and
			// with it all of the connection.
			lost := int(res.Total.Count(record.ConnectionLost))
			first := time.Duration(0)
			for n := range uint64(9999) {
				due := time.Duration(n+1) * time.Second / stallRate
				if _, answered := lanes[n]; answered {
					continue
				}
				if first == 0 {
					first = due
				}
				want = append(want, first+4*time.Second/stallRate+10*time.Second-due)
			}
			same(t, res.Total.Latency, want)
			judge.Judge(res.Run, judge.Options{})
			if late, _ := res.Run.Lateness.Max(); late > time.Microsecond || !res.Run.Verdict.Valid || lost != 9999-len(lanes) ||
				lost < 1700 || lost > 1800 || res.Total.Sent != 9999 {
				t.Errorf("ISO %v: late by %s, %d lost, %d sent: %+v; want 0, a quarter of seven seconds, all; valid", iso, late,
					lost, res.Total.Sent, res.Run.Verdict)
			}
			time.Sleep(2 * time.Hour) // until the host goes on and sees that the connection is gone
		})
	}
}
