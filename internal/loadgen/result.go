package loadgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is how a request ended.
type Kind uint8

// The kinds.
const (
	Approved Kind = iota // the answer approves
	Declined             // the answer says no; Code is DE39, or the status where there is none
	Failed               // an error answer, by its code, or no answer at all, by what broke
	kindCount
)

// Outcome is how one request ended. Codes come from small fixed sets.
type Outcome struct {
	Kind Kind
	Code string
	// At is when it came, for a target that has looked at the clock already; else it counts as ended now.
	At time.Time
	// More says that the target tells of another request of the lane at once: the driver starts the next ones when it
	// has heard of all, so that they can leave together.
	More bool
}

// code is what an outcome is counted by.
type code struct {
	kind Kind
	code string
}

// Latencies are recorded in microseconds up to latencyMax, to three digits.
const (
	latencyMax    = 5 * time.Minute
	latencyDigits = 3
)

// NewHistogram makes a histogram of latencies in microseconds.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)
}

// Record adds a latency to a histogram of NewHistogram.
func Record(h *hdrhistogram.Histogram, d time.Duration) {
	// Out of range cannot happen after the clamp, so there is no error to pass on.
	_ = h.RecordValue(min(max(d, time.Microsecond), latencyMax).Microseconds())
}

// recorder gathers what came of the requests of one lane, so that lanes do not wait for one another.
type recorder struct {
	mu      sync.Mutex
	latency *hdrhistogram.Histogram // approved and declined: what a caller waited for an outcome
	late    *hdrhistogram.Histogram
	kinds   [kindCount]uint64
	codes   map[code]uint64
	outside uint64    // not in the measured window
	last    time.Time // when the last measured one ended
	closed  bool
}

// maxCodes bounds the codes told apart; further ones count as "other".
const maxCodes = 256

func (r *recorder) init() {
	r.latency, r.late = NewHistogram(), NewHistogram()
	r.codes = make(map[code]uint64)
}

// record takes an outcome that has its time. late is negative where there is no schedule.
func (r *recorder) record(o Outcome, latency, late time.Duration, measured bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if !measured {
		r.outside++
		return
	}
	if o.At.After(r.last) {
		r.last = o.At
	}
	r.kinds[o.Kind]++
	if o.Kind != Approved {
		c := code{o.Kind, o.Code}
		if _, known := r.codes[c]; !known {
			c.code = strings.Clone(c.code) // it may be a part of a buffer
			if len(r.codes) >= maxCodes {
				c.code = "other"
			}
		}
		r.codes[c]++
	}
	if o.Kind != Failed {
		Record(r.latency, latency)
	}
	if late >= 0 {
		Record(r.late, late)
	}
}

// Result is what came of a run. Everything but Excluded is of the measured window: in a closed loop the requests that
// ended in it, in an open loop those that were due in it.
type Result struct {
	Approved, Declined, Failed uint64
	// Codes counts what was not approved: declines by DE39, errors by their code.
	Declines, Errors map[string]uint64
	Unanswered       uint64 // no answer before the drain was over; in Failed, and in Errors as "unanswered"
	Unsent           uint64 // due, but never sent before the drain was over; in Failed, and in Errors as "unsent"
	Excluded         uint64 // of the warm-up, or ended after a closed loop's window

	// Window is what rates are taken over: the measured time, and in an open loop that fell behind also the time after it
	// that the last request took.
	Window  time.Duration
	Latency *hdrhistogram.Histogram // µs, of approved and declined requests
	Late    *hdrhistogram.Histogram // µs that the driver itself was late; open loop
}

// result adds the lanes up and closes them for answers that come later still.
func (r *run) result() *Result {
	res := &Result{
		Declines: make(map[string]uint64), Errors: make(map[string]uint64),
		Latency: NewHistogram(), Late: NewHistogram(),
		Window: min(r.Duration, max(r.ended.Sub(r.from), time.Nanosecond)), // shorter when called off
	}
	for i := range r.lanes {
		l := &r.lanes[i]
		l.mu.Lock()
		l.closed = true
		res.Approved += l.kinds[Approved]
		res.Declined += l.kinds[Declined]
		res.Failed += l.kinds[Failed]
		res.Excluded += l.outside
		res.Window = max(res.Window, l.last.Sub(r.from))
		res.Latency.Merge(l.latency)
		res.Late.Merge(l.late)
		for c, n := range l.codes {
			if c.kind == Declined {
				res.Declines[c.code] += n
			} else {
				res.Errors[c.code] += n
			}
		}
		l.mu.Unlock()
	}
	res.Unanswered = uint64(max(r.inFlight.Load(), 0))
	res.Unsent = r.unsent
	for code, n := range map[string]uint64{"unanswered": res.Unanswered, "unsent": res.Unsent} {
		if n > 0 {
			res.Failed += n
			res.Errors[code] += n
		}
	}
	return res
}

// TPS is the approved requests a second.
func (r *Result) TPS() float64 { return float64(r.Approved) / r.Window.Seconds() }

// QuantileMS is the latency, in milliseconds, that percent of the requests with an outcome stayed within.
func (r *Result) QuantileMS(percent float64) float64 {
	return float64(r.Latency.ValueAtQuantile(percent)) / 1000
}

// Counts prints counts in the order of their keys: "51: 3, 54: 1".
func Counts(m map[string]uint64) string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %d", k, m[k])
	}
	return b.String()
}

// Round leaves a rate one decimal.
func Round(x float64) float64 {
	const tenth = 10
	return float64(int64(x*tenth+0.5)) / tenth
}
