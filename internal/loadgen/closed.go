package loadgen

import (
	"context"
	"sync"
	"time"

	"switchyard/internal/loadgen/record"
)

// freed are the slots of a lane whose next request is due.
type freed struct {
	mu    sync.Mutex
	slots []place
	wake  chan struct{} // one token: there are some
}

// place is a slot whose next request is due at a moment; at once where that is zero.
type place struct {
	slot   int
	due    time.Time
	follow bool      // it is another one of the slot's flow
	op     record.Op // of what follows
}

// put gives a slot back. With more the sender is not woken yet.
func (f *freed) put(p place, more bool) {
	f.mu.Lock()
	f.slots = append(f.slots, p)
	f.mu.Unlock()
	if more {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take returns all of them, in place of a slice that is of no use any more.
func (f *freed) take(empty []place) (slots []place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slots, f.slots = f.slots, empty[:0]
	return slots
}

// lostPause is how long a slot of a closed loop rests at the least after a request that could not be sent, or was lost
// with its connection: the next one would end so at once, again and again.
const lostPause = time.Second

// closed sends a new request whenever one is over, all of those that are over at the same time together. Each lane has
// a goroutine of its own for that, because end may be called by the goroutine that reads answers, and that one must not
// block on a connection that takes no more.
func (r *run) closed(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, r.till)
	defer cancel()
	free := make([]freed, r.Lanes)
	for lane := range free {
		free[lane].wake = make(chan struct{}, 1)
	}
	for i := range r.slots {
		s, lane := &r.slots[i], i%r.Lanes
		s.end = func(o Outcome) {
			o.stamp()
			r.end(lane, i, &o)
			next, pause := place{slot: i, follow: o.Follow, op: o.Next}, r.Think
			if o.Follow {
				pause = o.Think
			}
			if o.Class == record.ConnectionLost || o.Class == record.OwnFault {
				pause = max(pause, lostPause)
			}
			if pause > 0 {
				next.due = o.At.Add(pause)
			}
			free[lane].put(next, o.More)
		}
		free[lane].put(place{slot: i}, false)
	}
	var senders sync.WaitGroup
	for lane := range free {
		senders.Go(func() { r.sendFreed(ctx, lane, &free[lane]) })
	}
	senders.Wait()
}

// sendFreed starts a request in each slot of a lane that is free, until ctx ends.
func (r *run) sendFreed(ctx context.Context, lane int, free *freed) {
	var slots []place
	var later waiting
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-free.wake:
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return // both were ready
		}
		slots = free.take(slots)
		now := time.Now()
		n := 0 // of those that are due
		for _, p := range slots {
			if p.due.After(now) {
				later.push(p)
				continue
			}
			slots[n] = p
			n++
		}
		slots = slots[:n]
		for len(later) > 0 && !later[0].due.After(now) {
			slots = append(slots, later.pop())
		}
		if len(slots) > 0 {
			seq := r.seq.Add(uint64(len(slots))) - uint64(len(slots))
			r.inFlight.Add(int64(len(slots)))
			for k, p := range slots {
				r.begin(r.Recorder.Shard(lane), lane, p, now, now, seq+uint64(k))
			}
			r.flush(lane)
		}
		if len(later) > 0 {
			timer.Reset(time.Until(later[0].due))
		}
	}
}
