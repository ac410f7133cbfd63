package loadgen

import (
	"context"
	"errors"
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
	o.leave(ctx)
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
	following := len(o.later) > 0 && (!o.some || !o.later[0].due.After(o.arrival))
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
		return o.takePosted() && len(o.later) > 0 && o.later[0].due.Before(o.till)
	case following:
		p := o.later.pop()
		if !p.due.Before(o.till) {
			o.free <- p.slot // the flow is left where it is
			return true
		}
		o.send(p, p.due)
		return true
	}
	if o.Timeout > 0 && time.Since(due) >= o.Timeout {
		o.unsent(o.Timeout) // its caller has given up before there was room
		o.next()
		return true
	}
	select {
	case i := <-o.free:
		if ctx.Err() != nil {
			o.free <- i
			return false
		}
		o.send(place{slot: i}, due)
		o.next()
	case <-o.posted.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// takePosted puts what follows among what is waited for; false where there was nothing.
func (o *openLoop) takePosted() bool {
	o.taken = o.posted.take(o.taken)
	for _, p := range o.taken {
		o.later.push(p)
	}
	return len(o.taken) > 0
}

func (o *openLoop) send(p place, due time.Time) {
	lane := p.slot % o.Lanes
	o.begun[lane] = true
	o.inFlight.Add(1)
	now := time.Now()
	if now.Before(due) {
		now = due // a timer's rounding
	}
	o.begin(o.shard, lane, p, due, now, o.seq.Add(1)-1)
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

// leave counts what was due and never sent: when the drain is over all that is left, when the run was called off what
// was due until then.
func (o *openLoop) leave(ctx context.Context) {
	now := time.Now()
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	for o.some && (late || o.arrival.Before(now)) {
		waited := now.Sub(o.arrival)
		if o.Timeout > 0 {
			waited = min(waited, o.Timeout)
		}
		o.unsent(max(waited, 0))
		o.next()
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
