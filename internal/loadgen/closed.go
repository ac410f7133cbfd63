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

// place is a slot whose next request is due at a moment.
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

// closed sends a new request whenever one is over, all of those that are over at the same time together. The next one
// is due when the one before it is over, after the think time: what it is sent later than that is the tool's own delay.
// Each lane has a goroutine of its own for that, because end may be called by the goroutine that reads answers, which
// has more to read.
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
			pause := r.Think
			if o.Follow {
				pause = o.Think
			}
			if o.Class == record.ConnectionLost || o.Class == record.OwnFault {
				pause = max(pause, lostPause)
			}
			free[lane].put(place{slot: i, due: o.At.Add(pause), follow: o.Follow, op: o.Next}, o.More)
		}
		free[lane].put(place{slot: i, due: r.start}, false)
	}
	var senders sync.WaitGroup
	for lane := range free {
		senders.Go(func() { r.sendFreed(ctx, lane, &free[lane]) })
	}
	senders.Wait()
}

// sendFreed starts a request in each slot of a lane that is free, until ctx ends. What was due in time is sent although
// the time is up, but not where the run was called off.
func (r *run) sendFreed(ctx context.Context, lane int, free *freed) {
	var slots []place
	var later waiting
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-free.wake:
		case <-timer.C:
		}
		over := ctx.Err() != nil // the others may have been ready, too
		now := time.Now()        // asked after that, so that a run whose time is up is not taken for one called off
		if over && now.Before(r.till) {
			return
		}
		slots = free.take(slots)
		n := 0 // of those that are due
		for _, p := range slots {
			switch {
			case !p.due.Before(r.till): // no request is due there any more
			case p.due.After(now):
				later.push(p)
			default:
				slots[n] = p
				n++
			}
		}
		slots = slots[:n]
		for len(later) > 0 && !later[0].due.After(now) {
			slots = append(slots, later.pop())
		}
		if len(slots) > 0 {
			seq := r.seq.Add(uint64(len(slots))) - uint64(len(slots))
			r.inFlight.Add(int64(len(slots)))
			for k, p := range slots {
				r.begin(r.Recorder.Shard(lane), lane, p, seq+uint64(k))
			}
			r.flush(lane)
		}
		if over {
			return
		}
		if len(later) > 0 {
			timer.Reset(time.Until(later[0].due))
		}
	}
}
