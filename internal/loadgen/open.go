package loadgen

import (
	"context"
	"time"

	"switchyard/internal/loadgen/record"
)

// openLoop is the sender of an open loop. There is one for all lanes, so that requests leave in the order in which they
// are due.
type openLoop struct {
	*run
	shard  *record.Shard
	free   chan int // slots without a flow; first in, first out, so that the lanes take turns
	posted freed    // slots whose flow goes on
	later  waiting  // of those, what is not due yet
	taken  []place
	begun  []bool // lanes that something was started on since they were flushed
	timer  *time.Timer

	arrival time.Time // the next one
	some    bool      // there is one, within the window
}

// open sends each request when it is due, or as soon after as a slot is free and the connection takes it. What was due
// in time is sent although the time is up, for as long as the drain allows: leaving it out would flatter the target.
func (r *run) open(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, r.till.Add(r.Drain))
	defer cancel()
	o := &openLoop{
		run: r, shard: r.Recorder.Shard(r.Lanes), free: make(chan int, len(r.slots)), begun: make([]bool, r.Lanes),
		timer: time.NewTimer(0), posted: freed{wake: make(chan struct{}, 1)},
	}
	defer o.timer.Stop()
	for i := range r.slots {
		lane := i % r.Lanes
		r.slots[i].end = func(out Outcome) {
			out.stamp()
			r.end(lane, i, &out)
			if out.Follow {
				o.posted.put(place{slot: i, due: out.At.Add(out.Think), follow: true, op: out.Next}, out.More)
				return
			}
			o.free <- i
		}
		o.free <- i
	}
	defer o.flushAll()
	o.next()
	for o.step(ctx) {
	}
	o.leave()
}

// next takes the next arrival of the schedule.
func (o *openLoop) next() {
	due, ok := o.Schedule.Next()
	o.arrival = o.start.Add(due)
	o.some = ok && o.arrival.Before(o.till)
}

// step does what is next to do; false once nothing is.
func (o *openLoop) step(ctx context.Context) bool {
	o.takePosted()
	following := o.follows()
	due := o.till // nothing is planned: what is under way may be followed by something until then
	switch {
	case following:
		due = o.later[0].due
	case o.some:
		due = o.arrival
	}
	idle := !following && !o.some
	if time.Until(due) > 0 || !following && len(o.free) == 0 {
		o.flushAll()
	}
	if wait := time.Until(due); wait > 0 {
		o.timer.Reset(wait)
		select {
		case <-ctx.Done():
			return false
		case <-o.posted.wake:
			return true
		case <-o.timer.C:
		}
	}
	switch {
	case ctx.Err() != nil:
		return false
	case idle:
		return o.takePosted() && len(o.later) > 0
	case following:
		o.send(o.later.pop())
		return true
	}
	if o.tooLate(due) {
		o.unsent(o.Timeout) // its caller has given up before there was room
		o.next()
		return true
	}
	select {
	case i := <-o.free:
		switch {
		case ctx.Err() != nil:
			o.free <- i
			return false
		case o.tooLate(due): // meanwhile
			o.free <- i
			o.unsent(o.Timeout)
		default:
			o.send(place{slot: i, due: due})
		}
		o.next()
	case <-o.posted.wake:
	case <-o.withoutRoom(due):
	case <-ctx.Done():
		return false
	}
	return true
}

// follows tells whether another request of a flow under way is next: it is due before the next arrival, or it is due
// and there is no room for the arrival, which it may make.
func (o *openLoop) follows() bool {
	if len(o.later) == 0 {
		return false
	}
	due := o.later[0].due
	return !o.some || !due.After(o.arrival) || len(o.free) == 0 && !due.After(time.Now())
}

// withoutRoom fires when there is something to do although there is no room for an arrival, which was due at a moment:
// another request of a flow is due, or the arrival's caller gives up.
func (o *openLoop) withoutRoom(due time.Time) <-chan time.Time {
	if len(o.free) > 0 {
		return nil
	}
	var until time.Time
	if o.Timeout > 0 {
		until = due.Add(o.Timeout)
	}
	if len(o.later) > 0 && (until.IsZero() || o.later[0].due.Before(until)) {
		until = o.later[0].due
	}
	if until.IsZero() {
		return nil
	}
	o.timer.Reset(time.Until(until))
	return o.timer.C
}

// tooLate tells whether the caller of what was due at a moment has given up.
func (o *openLoop) tooLate(due time.Time) bool { return o.Timeout > 0 && time.Since(due) >= o.Timeout }

// takePosted puts what follows among what is waited for; false where there was nothing.
func (o *openLoop) takePosted() bool {
	o.taken = o.posted.take(o.taken)
	for _, p := range o.taken {
		if p.due.Before(o.till) {
			o.later.push(p)
		} else {
			o.free <- p.slot // the flow is left where it is
		}
	}
	return len(o.taken) > 0
}

func (o *openLoop) send(p place) {
	lane := p.slot % o.Lanes
	o.begun[lane] = true
	o.inFlight.Add(1)
	o.begin(o.shard, lane, p, o.seq.Add(1)-1)
}

// flushAll flushes the lanes that something was started on.
func (o *openLoop) flushAll() {
	for lane, some := range o.begun {
		if some {
			o.begun[lane] = false
			o.flush(lane)
		}
	}
}

// leave counts what was due until now and never sent: arrivals, and what was to follow in flows under way. What would
// have been due later, had the run not been called off, was asked of nobody.
func (o *openLoop) leave() {
	now := time.Now()
	waited := func(due time.Time) time.Duration {
		if o.Timeout > 0 {
			return min(now.Sub(due), o.Timeout)
		}
		return now.Sub(due)
	}
	for o.some && o.arrival.Before(now) {
		o.unsent(waited(o.arrival))
		o.next()
	}
	o.takePosted()
	for _, p := range o.later {
		if !p.due.Before(now) {
			continue
		}
		due := p.due.Sub(o.start)
		o.shard.Due(p.op, due)
		o.shard.Done(p.op, due, record.NeverSent, due+waited(p.due), record.Unsent, "")
		o.shard.FlowDone(o.slots[p.slot].flow, false)
	}
}

// unsent counts the next arrival as one that was never sent, and whose caller waited for so long.
func (o *openLoop) unsent(waited time.Duration) {
	due, op := o.arrival.Sub(o.start), record.Op(0)
	if o.opener != nil {
		op = o.opener.First(o.flows.Add(1) - 1)
		o.shard.FlowDue(due)
		o.shard.FlowDone(due, false)
	}
	o.shard.Due(op, due)
	o.shard.Done(op, due, record.NeverSent, due+waited, record.Unsent, "")
}
