package record

import (
	"slices"
	"time"
)

// recentSeconds is how many whole seconds the recent figures of a Snapshot are of, at the most.
const recentSeconds = 5

// live is the last seconds, for who looks on.
type live struct {
	slots    [recentSeconds + 3]second
	none     second // takes what is too old
	inFlight int64
}

// second is what happened in a second since driving began.
type second struct {
	n                     int64 // which; the zero value is second 0
	asked, sent, answered uint64
	flows                 uint64 // that were due
	latency               Hist   // of what ended
}

// slot is the second of a moment.
func (l *live) slot(t time.Duration) *second {
	n := int64(max(t, 0) / time.Second)
	s := &l.slots[n%int64(len(l.slots))]
	switch {
	case s.n == n:
	case s.n > n:
		return &l.none
	default:
		s.n, s.asked, s.sent, s.answered, s.flows = n, 0, 0, 0, 0
		s.latency.Reset()
	}
	return s
}

// Phase is what a run does at a moment.
type Phase string

// The phases.
const (
	WarmingUp Phase = "warm-up"
	Measuring Phase = "window"
	Draining  Phase = "drain"
)

// Snapshot is how a run stands.
type Snapshot struct {
	At    time.Duration // since the window's first moment
	Phase Phase
	// Recent are the last whole seconds, RecentSpan long, 0 where there is none yet.
	Recent     Rates
	RecentSpan time.Duration
	InFlight   int64
	// All is of the requests that were due in the window and are over; Asked and Sent of all that were due in it.
	All         Hist
	Asked, Sent uint64
	Flows       *Flows       // of several requests each; nil where there are none
	Connections *Connections // nil where none was lost
	Counts      []Count
	Operations  []Operation // for metrics: without histograms of single operations
}

// Rates are what happened in a span, a second.
type Rates struct {
	Asked, Sent, Answered float64 // Asked is 0 in a closed loop
	Flows                 float64 // that were due, or begun in a closed loop
	Latency               Hist    // of what ended in it
}

// Snapshot looks on; now is since driving began.
func (r *Recorder) Snapshot(now time.Duration) Snapshot {
	r.gather()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{At: now - r.config.Warmup, Phase: Measuring, InFlight: max(r.live.inFlight, 0)}
	switch {
	case s.At < 0:
		s.Phase = WarmingUp
	case s.At >= r.config.Window:
		s.Phase = Draining
	}
	r.recent(&s, int64(now/time.Second))
	counts := make(tally, len(r.outcomes))
	for i := range r.ops {
		op := &r.ops[i]
		s.Asked += op.asked
		s.Sent += op.sent
		s.All.Merge(op.latency)
		for id, n := range op.outcomes {
			counts[id] += n
		}
		s.Operations = append(s.Operations, Operation{
			Name: r.config.Operations[i], Asked: r.ifOpen(op.asked), Sent: op.sent, Outcomes: r.counts(op.outcomes),
		})
	}
	s.Counts = r.counts(counts)
	s.Flows, s.Connections = r.flowsSoFar(), r.lostConnections()
	return s
}

// recent sets the figures of the whole seconds before second current.
func (r *Recorder) recent(s *Snapshot, current int64) {
	from := max(current-recentSeconds, 0)
	s.RecentSpan = time.Duration(current-from) * time.Second
	if s.RecentSpan == 0 {
		return
	}
	for i := range r.live.slots {
		if slot := &r.live.slots[i]; slot.n >= from && slot.n < current {
			s.Recent.Asked += float64(slot.asked)
			s.Recent.Sent += float64(slot.sent)
			s.Recent.Flows += float64(slot.flows)
			s.Recent.Answered += float64(slot.answered)
			s.Recent.Latency.Merge(slot.latency)
		}
	}
	span := s.RecentSpan.Seconds()
	s.Recent.Asked /= span
	s.Recent.Sent /= span
	s.Recent.Flows /= span
	s.Recent.Answered /= span
}

// ifOpen leaves out what a closed loop does not have.
func (r *Recorder) ifOpen(n uint64) *uint64 {
	if r.config.Model != Open {
		return nil
	}
	return &n
}

// counts lists what a tally counts.
func (r *Recorder) counts(t tally) []Count {
	byOutcome := map[Outcome]uint64{}
	for id, n := range t {
		byOutcome[r.outcomes[id]] += n
	}
	return sortedCounts(byOutcome)
}

// sortedCounts lists counts by class, then by code, without those of 0.
func sortedCounts(m map[Outcome]uint64) []Count {
	var list []Count
	for o, n := range m {
		if n > 0 {
			list = append(list, Count{o, n})
		}
	}
	slices.SortFunc(list, func(a, b Count) int { return compareOutcomes(a.Outcome, b.Outcome) })
	return list
}
