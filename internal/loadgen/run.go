package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/loadgen/record"
)

// run is one Run. Its slots never outlive it in number: in flight ≤ len(slots).
type run struct {
	Options
	start  time.Time // of the warm-up
	till   time.Time // the measured window's end
	ended  time.Time // when the last request was sent, or would have been
	slots  []slot
	lanes  []sync.Mutex // of what ends in a lane, so that lanes do not wait for one another
	summed bool         // guarded by all of lanes: what ends now was counted as unanswered
	opener Opener       // nil where each flow is one request

	seq      atomic.Uint64
	flows    atomic.Uint64
	inFlight atomic.Int64
	stopped  atomic.Bool
	idle     chan struct{} // one token once stopped and nothing is in flight
}

// slot is the place of one request in flight. Who took it from a free list owns it until end is called.
type slot struct {
	// Since the run's start:
	due  time.Duration // when its latency begins
	sent time.Duration
	flow time.Duration // when its flow was due

	op      record.Op
	notSent bool // of who starts it: it ended before Start returned, and nothing of it was sent
	end     func(Outcome)

	// Of the request in flight, for who gives it up: when it was due, in nanoseconds since the run's start and one more,
	// and 0 while there is none; and its number.
	waits atomic.Int64
	seq   atomic.Uint64
}

// Run drives until the duration is over or ctx ends, waits for what is in flight, and returns what came of it. After an
// early end the result covers what was measured until then, and comes with ctx's error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	var err error
	if o.Recorder, err = o.Record(); err != nil {
		return nil, err
	}
	r := &run{
		Options: o, idle: make(chan struct{}, 1), slots: make([]slot, o.InFlight), lanes: make([]sync.Mutex, o.Lanes),
	}
	r.opener, _ = o.Target.(Opener)
	r.seq.Store(o.FirstSeq)
	r.start = time.Now()
	if n, ok := o.Target.(Noter); ok {
		n.TakeNotes(&Notes{recorder: o.Recorder, start: r.start, run: r})
	}
	r.till = r.start.Add(o.Warmup + o.Duration)

	if o.Began != nil {
		o.Began(r.start)
	}
	stopSweep := r.sweep()
	r.drive(ctx)
	r.ended = time.Now()
	if o.Drove != nil {
		o.Drove()
	}
	r.drain(ctx)
	stopSweep()
	return r.result(), ctx.Err()
}

// drive sends until the time is up.
func (r *run) drive(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.Until != nil {
		go func() {
			select {
			case <-r.Until:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	if r.Schedule != nil {
		r.open(ctx)
	} else {
		r.closed(ctx)
	}
}

// begin starts the next request of a slot: its flow's first, or another one of it.
func (r *run) begin(shard *record.Shard, lane int, p place, seq uint64) {
	s, due, op := &r.slots[p.slot], p.due.Sub(r.start), p.op
	sent := max(time.Since(r.start), due) // a timer may be early by its rounding
	s.seq.Store(seq)
	s.waits.Store(int64(due) + 1)
	if r.opener != nil && !p.follow {
		n := r.flows.Add(1) - 1
		s.flow, op = due, r.opener.First(n)
		r.opener.Open(lane, p.slot, n)
		shard.FlowDue(due)
	}
	if r.Schedule != nil {
		shard.Due(op, due)
	}
	s.due, s.sent, s.op, s.notSent = due, sent, op, false
	r.Target.Start(lane, p.slot, seq, s.end)
	// By now it may have ended, and all of the slot but notSent is of who ends it.
	if !s.notSent {
		shard.Sent(op, due, sent)
	}
}

// end counts the request of a slot, which has ended.
func (r *run) end(lane, i int, o *Outcome) {
	s := &r.slots[i]
	if o.NotSent {
		s.notSent = true
	}
	r.patience(s, o)
	r.lanes[lane].Lock()
	if !r.summed {
		r.count(lane, s, o)
	}
	r.lanes[lane].Unlock()
	if r.inFlight.Add(-1) == 0 && r.stopped.Load() {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
}

// patience holds an end against what a caller has patience for: to who has given up nothing comes any more.
func (r *run) patience(s *slot, o *Outcome) {
	if r.Timeout == 0 || o.NotSent {
		return
	}
	limit := r.start.Add(s.due + r.Timeout)
	if !o.At.After(limit) {
		return
	}
	o.At = limit
	if o.Class != record.NoAnswer {
		o.Class, o.Code = record.NoAnswer, ""
	}
}

// gaveUp tells whether the caller of the request in a slot, which is in flight, had given up at a moment.
func (r *run) gaveUp(slot int, at time.Time) bool {
	if r.Timeout == 0 {
		return false
	}
	waits := r.slots[slot].waits.Load()
	return waits != 0 && at.Sub(r.start) > time.Duration(waits-1)+r.Timeout
}

// count records how the request of a slot ended. The lane's lock is held.
func (r *run) count(lane int, s *slot, o *Outcome) {
	s.waits.Store(0)
	shard := r.Recorder.Shard(lane)
	sent, done := s.sent, max(o.At.Sub(r.start), s.sent)
	if o.NotSent {
		sent = record.NeverSent
	}
	shard.Done(s.op, s.due, sent, done, o.Class, o.Code)
	if r.opener != nil && !o.Follow {
		shard.FlowDone(s.flow, !o.Broken)
	}
}

// flush lets a target write what it has kept back.
func (r *run) flush(lane int) {
	if f, ok := r.Target.(Flusher); ok {
		f.Flush(lane)
	}
}

// calledOffGrace is how long is waited for what is in flight when a run is called off.
const calledOffGrace = 2 * time.Second

// drain waits for what is in flight once nothing more is sent.
func (r *run) drain(ctx context.Context) {
	r.stopped.Store(true)
	if r.inFlight.Load() == 0 {
		return
	}
	limit := time.NewTimer(r.Drain)
	defer limit.Stop()
	select {
	case <-r.idle:
		return
	case <-limit.C:
		return
	case <-ctx.Done():
	}
	grace := time.NewTimer(min(calledOffGrace, r.Drain))
	defer grace.Stop()
	select {
	case <-r.idle:
	case <-limit.C:
	case <-grace.C:
	}
}

// How often it is looked for requests whose callers have given up: a part of their patience, within bounds.
const (
	sweepPart  = 50
	sweepLeast = time.Millisecond
	sweepMost  = 100 * time.Millisecond
)

// sweep gives up requests whose callers wait no longer, until it is stopped.
func (r *run) sweep() (stop func()) {
	if r.Timeout == 0 {
		return func() {}
	}
	done := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		tick := time.NewTicker(min(max(r.Timeout/sweepPart, sweepLeast), sweepMost))
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.giveUp(r.Timeout)
			}
		}
	})
	return func() {
		close(done)
		loop.Wait()
	}
}

// giveUp ends the requests that have waited for so long.
func (r *run) giveUp(patience time.Duration) {
	target := r.Target.(Forgetter)
	now := int64(time.Since(r.start))
	for i := range r.slots {
		s := &r.slots[i]
		waits := s.waits.Load()
		if waits == 0 || now-(waits-1) <= int64(patience) {
			continue // an answer at the very end of the patience is one
		}
		seq := s.seq.Load()
		if s.waits.Load() != waits {
			continue // another request has taken its place meanwhile
		}
		o, was := target.Forget(i%r.Lanes, i, seq)
		if !was {
			continue
		}
		o.At = r.start.Add(time.Duration(waits-1) + patience)
		s.end(o)
	}
}
