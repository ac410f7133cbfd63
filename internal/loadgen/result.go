package loadgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
)

// Result is what came of a run: what is recorded of it, and sums of that. All is of the measured window, of the
// requests that were due in it, which in a closed loop are those that were begun in it, whatever came of them and
// however late.
type Result struct {
	Run   *record.Run
	Total record.Operation // all operations together

	Approved, Declined, Failed uint64
	// Declines counts what was declined by DE39, Errors what has no outcome by what is wrong.
	Declines, Errors map[string]uint64
	Unanswered       uint64 // no answer before the drain was over; in Failed
	Unsent           uint64 // due, but never sent; in Failed
	Excluded         uint64 // due before the window
}

// result closes the record for answers that come later still, and sums it up.
func (r *run) result() *Result {
	r.unanswered()
	run := r.Recorder.Finish(r.ended.Sub(r.start))
	s := run.Summarize()
	res := &Result{
		Run: run, Total: run.Total(), Approved: s.Approved, Declined: s.Declined, Failed: s.Errors,
		Declines: s.Declines, Errors: s.ErrorCodes, Excluded: run.Warmup.Requests,
	}
	res.Unanswered, res.Unsent = res.Total.Count(record.NoAnswer), res.Total.Count(record.Unsent)
	return res
}

// unanswered counts what is in flight still with the time that its callers have waited.
func (r *run) unanswered() {
	now := time.Now()
	for lane := range r.lanes {
		r.lanes[lane].Lock()
		defer r.lanes[lane].Unlock()
	}
	r.summed = true
	for i := range r.slots {
		s, lane := &r.slots[i], i%r.Lanes
		if s.waits.Load() == 0 {
			continue
		}
		o := Outcome{Class: record.NoAnswer, At: now, Broken: true}
		r.patience(s, &o)
		if f, ok := r.Target.(Forgetter); ok {
			if forgotten, was := f.Forget(lane, i, s.seq.Load()); was {
				o.Class, o.Code = forgotten.Class, forgotten.Code
			}
		}
		r.count(lane, s, &o)
	}
}

// TPS is the approved requests a second.
func (r *Result) TPS() float64 {
	if r.Run.Window <= 0 {
		return 0
	}
	return float64(r.Approved) / r.Run.Window.Seconds()
}

// QuantileMS is the latency, in milliseconds, that percent of the requests stayed within; 0 where there was none.
func (r *Result) QuantileMS(percent float64) float64 {
	d, _ := r.Total.Latency.Quantile(percent)
	return record.MS(d)
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
