package record

import "time"

// interval is an Interval in the making.
type interval struct {
	asked, flows         uint64
	sent, answered, over uint64
	outcomes             tally
	latency              Sparse
}

// at is the interval of a moment; nil where it lies beyond the series, whose totals then count alone.
func (r *Recorder) at(t time.Duration) *interval {
	// The window begins with an interval, so the warm-up's first one may be a shorter one.
	shifted := t - r.config.Warmup + time.Duration(r.lead)*r.config.Interval
	i := int(shifted / r.config.Interval)
	if shifted < 0 || i >= r.lead+maxIntervals+maxBeyond {
		return nil
	}
	for len(r.series) <= i {
		r.series = append(r.series, interval{})
	}
	return &r.series[i]
}

// inWindow tells whether what is due at a moment counts.
func (r *Recorder) inWindow(due time.Duration) bool {
	return due >= r.config.Warmup && due < r.config.Warmup+r.config.Window
}

// fold takes an event into the sums. r.mu is held.
func (r *Recorder) fold(e *event) {
	if r.closed {
		return
	}
	counts := r.inWindow(e.due)
	switch e.what {
	case isDue:
		if iv := r.at(e.due); iv != nil {
			iv.asked++
		}
		r.live.slot(e.due).asked++
		if counts {
			r.ops[e.op].asked++
		}
	case isSent:
		r.foldSent(e, counts)
	case isDone:
		r.foldDone(e, counts)
	case isFlowDue:
		if iv := r.at(e.due); iv != nil {
			iv.flows++
		}
		r.live.slot(e.due).flows++
		if counts {
			r.flows.asked++
		}
	case isFlowDone:
		if counts {
			r.flows.ended++
			r.flows.complete += uint64(e.outcome)
		}
	}
}

func (r *Recorder) foldSent(e *event, counts bool) {
	if iv := r.at(e.sent); iv != nil {
		iv.sent++
	}
	r.live.slot(e.sent).sent++
	r.live.inFlight++
	if !counts {
		return
	}
	r.ops[e.op].sent++
	r.late.Record(e.sent - e.due)
}

func (r *Recorder) foldDone(e *event, counts bool) {
	o, latency := r.outcomes[e.outcome], e.done-e.due
	waited := e.sent >= 0 || o.Class == Unsent
	if iv := r.at(e.due); iv != nil {
		iv.outcomes.add(e.outcome)
		if waited {
			iv.latency.Record(latency)
		}
	}
	if iv := r.at(e.done); iv != nil {
		if e.sent >= 0 {
			iv.over++
		}
		if o.Class.Answered() {
			iv.answered++
		}
	}
	live := r.live.slot(e.done)
	if waited {
		live.latency.Record(latency)
	}
	if o.Class.Answered() {
		live.answered++
	}
	if e.sent >= 0 {
		r.live.inFlight--
	}
	if !counts {
		r.warmup.add(e.outcome)
		return
	}
	op := &r.ops[e.op]
	op.ended++
	op.outcomes.add(e.outcome)
	if waited {
		op.latency.Record(latency)
		late := latency // all of it, of what the tool never sent
		if e.sent >= 0 {
			late = e.sent - e.due
		}
		r.tails.add(latency, late)
	} else {
		op.withoutLatency++
	}
	if e.sent >= 0 {
		op.service.Record(e.done - e.sent)
	}
	if o.Class != Approved {
		if n := r.note(o); n != nil {
			n.requests++
			n.saw(e.done - r.config.Warmup)
		}
	}
}

// gather takes in what the shards have gathered.
func (r *Recorder) gather() {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.handOver()
		s.mu.Unlock()
	}
}
