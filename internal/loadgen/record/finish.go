package record

import (
	"cmp"
	"slices"
	"time"
)

func compareOutcomes(a, b Outcome) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Code, b.Code))
}

// Finish ends the recording and returns what was measured; what is told later changes nothing. ended is when the last
// request was due, or would have been: where that is before the window's end, the window ends there.
func (r *Recorder) Finish(ended time.Duration) *Run {
	r.gather()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	run := &Run{
		Format: Format, Window: min(r.config.Window, max(ended-r.config.Warmup, 0)), Interval: r.config.Interval,
		Lateness: r.late.Clone(), Tails: r.tails.list(), Outcomes: slices.Clone(r.outcomes),
	}
	run.Setup.Model, run.Setup.Warmup, run.Setup.Window = r.config.Model, r.config.Warmup, r.config.Window
	for i := range r.ops {
		op := &r.ops[i]
		run.Operations = append(run.Operations, Operation{
			Name: r.config.Operations[i], Asked: r.ifOpen(op.asked), Sent: op.sent, Outcomes: r.counts(op.outcomes),
			WithoutLatency: op.withoutLatency, Latency: op.latency.Clone(), Service: op.service.Clone(),
		})
		due := op.asked
		if r.config.Model == Closed {
			due = op.sent + op.withoutLatency
		}
		run.Unaccounted += max(op.ended, due) - min(op.ended, due)
	}
	run.Flows, run.Connections = r.flowsSoFar(), r.lostConnections()
	if run.Flows != nil {
		run.Flows.Cut = r.flows.asked - min(r.flows.ended, r.flows.asked)
	}
	run.Warmup.Outcomes = r.counts(r.warmup)
	for _, c := range run.Warmup.Outcomes {
		run.Warmup.Requests += c.N
	}
	run.Failures = r.failures()
	run.Intervals = r.intervals()
	return run
}

// flowsSoFar counts the flows; nil where there are none.
func (r *Recorder) flowsSoFar() *Flows {
	if r.flows == (flowTally{}) {
		return nil
	}
	return &Flows{Asked: r.ifOpen(r.flows.asked), Ended: r.flows.ended, Complete: r.flows.complete}
}

// failures lists the notes, those of the most requests first.
func (r *Recorder) failures() (list []Failure) {
	for o, n := range r.notes {
		if n.requests+n.frames > 0 {
			list = append(list, Failure{
				Outcome: o, Requests: n.requests, Frames: n.frames, First: n.first, Last: n.last, Example: n.example,
				Nearest: n.nearest,
			})
		}
	}
	slices.SortFunc(list, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Requests+b.Frames, a.Requests+a.Frames), compareOutcomes(a.Outcome, b.Outcome))
	})
	return list
}

func (r *Recorder) intervals() []Interval {
	list := make([]Interval, len(r.series))
	var inFlight int64
	for i := range r.series {
		from, to := &r.series[i], &list[i]
		inFlight += int64(from.sent) - int64(from.over)
		*to = Interval{
			At:    time.Duration(i-r.lead) * r.config.Interval,
			Asked: r.ifOpen(from.asked), Sent: from.sent, Answered: from.answered,
			InFlight: uint64(max(inFlight, 0)), Outcomes: slices.Clone(from.outcomes),
			Latency: from.latency,
		}
		if r.flows.asked > 0 {
			to.Flows = r.ifOpen(from.flows)
		}
	}
	return list
}
