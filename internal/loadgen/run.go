package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Target is what load is driven at.
type Target interface {
	// Start sends request number seq on the lane's connection and calls end exactly once when it is over, from any
	// goroutine, also before it returns. It may block while the connection takes no more. slot is the request's place
	// among those in flight: no two requests in flight share one, and slot % lanes is always lane, so a target may keep
	// buffers by slot. Start is called by one goroutine a lane in a closed loop, and by one for all in an open one.
	Start(lane, slot int, seq uint64, end func(Outcome))
}

// Flusher is a Target that may keep back what it is given by Start until Flush is called for its lane, so that what
// leaves at the same time leaves in one write. The driver calls it, on the goroutine that called Start, before it waits
// for anything.
type Flusher interface {
	Flush(lane int)
}

// Defaults and bounds of Options.
const (
	DefaultOpenInFlight = 32_768
	MaxInFlight         = 262_144
	MaxRate             = 1_000_000 // a second: a gap of a microsecond
	DefaultDrain        = 15 * time.Second
)

// Options say how to drive.
type Options struct {
	Target Target
	Lanes  int // connections; default 1

	// InFlight is the number of requests that a closed loop keeps in flight. In an open loop it is the most that may be
	// in flight (default DefaultOpenInFlight): past it arrivals wait, and their latency counts on.
	InFlight int
	// Rate makes it an open loop: requests due a second. 0 makes it a closed one.
	Rate float64
	// Fixed spaces the arrivals of an open loop evenly; by default they are a Poisson process, as real traffic is.
	Fixed bool

	Warmup   time.Duration // driven first and counted nowhere
	Duration time.Duration // measured
	// Until ends the measured time early when it is closed; what is in flight is waited for as at any end. May be nil.
	Until    <-chan struct{}
	Drain    time.Duration // how long to wait at the end for what is in flight; default DefaultDrain
	Seed     uint64        // of the arrivals
	FirstSeq uint64        // number of the first request
}

func (o *Options) complete() error {
	if o.Lanes == 0 {
		o.Lanes = 1
	}
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	if o.InFlight == 0 && o.Rate > 0 {
		o.InFlight = DefaultOpenInFlight
	}
	switch {
	case o.Target == nil:
		return errors.New("loadgen: a target is needed")
	case o.Lanes < 1 || o.Lanes > 1024:
		return fmt.Errorf("loadgen: %d lanes, expected 1 to 1024", o.Lanes)
	case o.InFlight < 1 || o.InFlight > MaxInFlight:
		return fmt.Errorf("loadgen: %d in flight, expected 1 to %d", o.InFlight, MaxInFlight)
	case o.Rate < 0 || o.Rate > MaxRate:
		return fmt.Errorf("loadgen: a rate of %g, expected up to %d a second", o.Rate, MaxRate)
	case o.Duration <= 0:
		return errors.New("loadgen: a duration is needed")
	case o.Warmup < 0 || o.Drain < 0:
		return errors.New("loadgen: a time span is negative")
	}
	// A lane without a slot would never send.
	o.Lanes = min(o.Lanes, o.InFlight)
	return nil
}

// run is one Run. Its slots never outlive it in number: in flight ≤ len(slots).
type run struct {
	Options
	start      time.Time // of the warm-up
	from, till time.Time // the measured window
	ended      time.Time // when the last request was sent, or would have been
	slots      []slot
	lanes      []recorder
	unsent     uint64 // due in the window and not sent before the drain was over; open loop only

	seq      atomic.Uint64
	inFlight atomic.Int64
	stopped  atomic.Bool
	idle     chan struct{} // one token once stopped and nothing is in flight
}

// slot is the place of one request in flight. Who took it from a free list owns it until end is called.
type slot struct {
	due  time.Time     // when its latency begins
	late time.Duration // how much later it was started
	end  func(Outcome)
}

// Run drives until the duration is over or ctx ends, waits for what is in flight, and returns what came of it. After an
// early end the result covers what was measured until then, and comes with ctx's error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	r := &run{Options: o, idle: make(chan struct{}, 1), slots: make([]slot, o.InFlight), lanes: make([]recorder, o.Lanes)}
	for i := range r.lanes {
		r.lanes[i].init()
	}
	r.seq.Store(o.FirstSeq)
	r.start = time.Now()
	r.from = r.start.Add(o.Warmup)
	r.till = r.from.Add(o.Duration)

	r.drive(ctx)
	r.ended = time.Now()
	r.drain(ctx)
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
	if r.Rate > 0 {
		r.open(ctx)
	} else {
		r.closed(ctx)
	}
}

// freed are the slots of a lane that wait for their next request.
type freed struct {
	mu    sync.Mutex
	slots []int
	wake  chan struct{} // one token: there are some
}

// put gives a slot back. With more the sender is not woken yet.
func (f *freed) put(slot int, more bool) {
	f.mu.Lock()
	f.slots = append(f.slots, slot)
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
func (f *freed) take(empty []int) (slots []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slots, f.slots = f.slots, empty[:0]
	return slots
}

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
			r.lanes[lane].record(o, o.At.Sub(s.due), unscheduled, r.measured(o.At))
			r.over()
			free[lane].put(i, o.More)
		}
		free[lane].put(i, false)
	}
	var senders sync.WaitGroup
	for lane := range free {
		senders.Go(func() { r.sendFreed(ctx, lane, &free[lane]) })
	}
	senders.Wait()
}

// unscheduled is how late a request is that was due at no time.
const unscheduled = -1

// sendFreed starts a request in each slot of a lane that is free, until ctx ends.
func (r *run) sendFreed(ctx context.Context, lane int, free *freed) {
	var slots []int
	for {
		select {
		case <-ctx.Done():
			return
		case <-free.wake:
		}
		if ctx.Err() != nil {
			return // both were ready
		}
		slots = free.take(slots)
		n := uint64(len(slots))
		r.inFlight.Add(int64(n))
		seq, now := r.seq.Add(n)-n, time.Now()
		for k, i := range slots {
			r.slots[i].due = now
			r.Target.Start(lane, i, seq+uint64(k), r.slots[i].end)
		}
		r.flush(lane)
	}
}

// flush lets a target write what it has kept back.
func (r *run) flush(lane int) {
	if f, ok := r.Target.(Flusher); ok {
		f.Flush(lane)
	}
}

// stamp makes an outcome without a time one of now.
func (o *Outcome) stamp() {
	if o.At.IsZero() {
		o.At = time.Now()
	}
}

// open sends each request when it is due, or as soon after as a slot is free and the connection takes it. What was due
// in time is sent although the time is up, for as long as the drain allows: leaving it out would flatter the target.
func (r *run) open(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, r.till.Add(r.Drain))
	defer cancel()
	free := make(chan int, len(r.slots)) // first in, first out, so that the lanes take turns
	for i := range r.slots {
		s, lane := &r.slots[i], i%r.Lanes
		s.end = func(o Outcome) {
			o.stamp()
			r.lanes[lane].record(o, o.At.Sub(s.due), s.late, r.measured(s.due))
			r.over()
			free <- i
		}
		free <- i
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	started := make([]bool, r.Lanes) // lanes that something was started on since they were flushed
	flush := func() {
		for lane, some := range started {
			if some {
				started[lane] = false
				r.flush(lane)
			}
		}
	}
	defer flush()
	arrivals := newArrivals(r.Rate, r.Fixed, r.Seed)
	for {
		due := r.start.Add(arrivals.next())
		if !due.Before(r.till) {
			return
		}
		if time.Until(due) > 0 || len(free) == 0 {
			flush()
		}
		if wait := time.Until(due); wait > 0 && ctx.Err() == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		select {
		case i := <-free:
			if ctx.Err() == nil {
				s := &r.slots[i]
				s.due, s.late = due, time.Since(due)
				started[i%r.Lanes] = true
				r.send(i%r.Lanes, i)
				continue
			}
		case <-ctx.Done():
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return // called off: what is still to come was never due
		}
		if r.measured(due) {
			r.unsent++
		}
	}
}

func (r *run) measured(t time.Time) bool { return !t.Before(r.from) && t.Before(r.till) }

func (r *run) send(lane, i int) {
	r.inFlight.Add(1)
	r.Target.Start(lane, i, r.seq.Add(1)-1, r.slots[i].end)
}

func (r *run) over() {
	if r.inFlight.Add(-1) == 0 && r.stopped.Load() {
		select {
		case r.idle <- struct{}{}:
		default:
		}
	}
}

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
	case <-limit.C:
	case <-ctx.Done():
	}
}
