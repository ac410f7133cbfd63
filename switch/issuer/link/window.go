package link

import (
	"context"
	"fmt"
	"time"
)

// minWindow is as far as a link's window narrows: enough to see when the host is fast again.
const minWindow = 16

// widenEvery is how many fast answers widen a narrowed window by one slot: an eighth of the window each round trip, so
// that a host that recovers is back at its full window after some 40 of them, and not drowned on the way.
const widenEvery = 8

// class is what a slot is for: a request, whose card holder waits, or an advice, which store-and-forward sends whenever
// there is room.
type class uint8

const (
	request class = iota
	advice
	classes
)

// requestsAnAdvice is how many waiting requests go before a waiting advice: they are first, but a host that is asked
// for more than it can do for hours still gets the reversals that end its holds.
const requestsAnAdvice = 7

// share is how many slots of a window a class may take: a quarter, of a window of one nothing, is kept for requests.
func (c class) share(window int) int {
	if c == advice {
		return max(window*3/4, 1)
	}
	return window
}

// Slot is room for one request in the window of one link. It ends with Send or Free; a Free after that does nothing,
// so that it may be deferred.
type Slot struct {
	s       *session
	class   class
	used    bool    // guarded by Host.mu
	started pending // the request that was started with it
}

// Link returns the name of the slot's link, "1" for the first of its host.
func (sl *Slot) Link() string { return sl.s.l.name }

// Free gives the slot back unused.
func (sl *Slot) Free() {
	h := sl.s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if !sl.used {
		sl.used = true
		h.free(sl.s, sl.class)
	}
}

// Acquire takes a slot on the link with the most room. While every window is full, or while the only links are lost
// ones that are expected back (see Returning), it waits, first come first served, until ctx ends. It returns
// ErrUnavailable at once when no link is signed on or expected or the host is being closed, also while it waits; and
// ErrBusy when ctx ended (its error is wrapped too), or at once when Config.Queue callers wait already or when ctx
// has a deadline that the request, going by the round trips of late, would miss. Once callers have waited for
// standingAfter without a break, an eighth of what a deadline leaves is all the time that a further one may wait.
func (h *Host) Acquire(ctx context.Context) (*Slot, error) { return h.acquire(ctx, request) }

// AcquireAdvice is Acquire for what store-and-forward sends. Advices take three quarters of a window at most (of a
// window of one, all) and go behind the requests that wait, but for each eighth slot that gets free.
func (h *Host) AcquireAdvice(ctx context.Context) (*Slot, error) { return h.acquire(ctx, advice) }

// TryAcquire is Acquire without a wait, into memory of the caller's: false where no link has room now.
func (h *Host) TryAcquire(slot *Slot) bool { return h.tryAcquire(slot, request) }

// TryAcquireAdvice is AcquireAdvice without a wait, into memory of the caller's: false where no link has room now.
func (h *Host) TryAcquireAdvice(slot *Slot) bool { return h.tryAcquire(slot, advice) }

func (h *Host) tryAcquire(slot *Slot, c class) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, _ := h.pick(c)
	if s == nil {
		return false
	}
	s.inUse[c]++
	slot.s, slot.class, slot.used = s, c, false
	return true
}

func (h *Host) acquire(ctx context.Context, c class) (*Slot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: host %q: %w", ErrBusy, h.cfg.Host, err)
	}
	h.mu.Lock()
	s, up := h.pick(c)
	if s != nil {
		s.inUse[c]++
		h.mu.Unlock()
		return &Slot{s: s, class: c}, nil
	}
	if !up && !(c == request && h.returning()) { // an advice can wait elsewhere
		h.mu.Unlock()
		return nil, h.unavailable()
	}
	if h.waiters[c].n >= h.cfg.Queue {
		h.mu.Unlock()
		return nil, fmt.Errorf("%w: host %q: %d callers wait already", ErrBusy, h.cfg.Host, h.cfg.Queue)
	}
	now := time.Now()
	if h.waiters[c].n == 0 {
		h.waiters[c].since = now
	}
	if deadline, ok := ctx.Deadline(); ok && up {
		if err := h.tooLate(c, now, deadline.Sub(now)); err != nil {
			h.mu.Unlock()
			return nil, err
		}
	}
	w := &waiter{granted: make(chan *session, 1)}
	h.waiters[c].push(w)
	h.mu.Unlock()

	select {
	case s = <-w.granted:
	case <-ctx.Done():
		h.mu.Lock()
		if w.queued {
			h.waiters[c].remove(w)
			_, up := h.pick(c)
			h.mu.Unlock()
			if !up {
				return nil, h.unavailable()
			}
			return nil, fmt.Errorf("%w: host %q: %w", ErrBusy, h.cfg.Host, ctx.Err())
		}
		h.mu.Unlock()
		s = <-w.granted // granted, or refused, at the same moment: the caller's next step sees that ctx ended
	}
	if s == nil {
		return nil, h.unavailable()
	}
	return &Slot{s: s, class: c}, nil
}

func (h *Host) unavailable() error {
	return fmt.Errorf("%w: host %q", ErrUnavailable, h.cfg.Host)
}

// pick returns the signed-on link with the most room for a class, nil if none has any. up tells whether there is one at
// all. h.mu is held.
func (h *Host) pick(c class) (best *session, up bool) {
	if h.closing {
		return nil, false
	}
	room := 0
	h.turn++
	for i := range h.sessions {
		s := h.sessions[(h.turn+i)%len(h.sessions)]
		if s == nil || s.state != stateUp {
			continue
		}
		up = true
		if r := min(s.window-s.taken(), c.share(s.window)-s.inUse[c]); r > room {
			best, room = s, r
		}
	}
	return best, up
}

// free gives a slot back and hands it to who waits longest. h.mu is held.
func (h *Host) free(s *session, c class) {
	s.inUse[c]--
	if s.taken() == 0 && s.state == stateDraining {
		s.nowIdle()
	}
	h.grant()
}

// grant gives the room that there is to those who wait, requests first; see requestsAnAdvice. h.mu is held.
func (h *Host) grant() {
	for h.waiters[request].n > 0 || h.waiters[advice].n > 0 {
		c, other := request, advice
		if h.waiters[request].n == 0 || h.granted >= requestsAnAdvice {
			c, other = other, c
		}
		if h.waiters[c].n == 0 || !h.grantTo(c) {
			if h.waiters[other].n == 0 || !h.grantTo(other) {
				return
			}
		}
	}
}

// grantTo gives a slot to who of a class waits longest; false if there is none. h.mu is held.
func (h *Host) grantTo(c class) bool {
	s, up := h.pick(c)
	if !up {
		h.refuseWaiters()
	}
	if s == nil {
		return false
	}
	s.inUse[c]++
	h.waiters[c].pop().granted <- s
	if h.granted++; c == advice {
		h.granted = 0
	}
	return true
}

// refuseWaiters tells all who wait that no link is there, requests only if none is expected back. h.mu is held.
func (h *Host) refuseWaiters() {
	for c := range h.waiters {
		for h.waiters[c].n > 0 && !(class(c) == request && h.returning()) {
			h.waiters[c].pop().granted <- nil
		}
	}
}

// adapt narrows the window of s by a fifth when a request shows that the host is slow, and widens it again with fast
// answers. Not by more: the links of a host share its queue, so each sees the others' part of a slow trip as well as
// its own. A request that was sent before the last narrowing says nothing about the window since. h.mu is held.
func (h *Host) adapt(s *session, sent time.Time, slow bool, now time.Time) {
	if sent.Before(s.narrowed) {
		return
	}
	if slow {
		s.window = max(s.window*4/5, min(minWindow, h.cfg.WindowPerLink))
		s.narrowed, s.fast = now, 0
		return
	}
	if s.window == h.cfg.WindowPerLink {
		return
	}
	if s.fast++; s.fast == widenEvery {
		s.fast = 0
		s.window++
		h.grant()
	}
}

// A host is slow, compared with itself, when a round trip takes slowFactor times its fastest one of the last one or two
// usualPeriods; below slowFloor it is not, since a busy machine alone makes such differences.
const (
	slowFactor  = 4
	slowFloor   = 100 * time.Millisecond
	usualPeriod = time.Minute
)

// usualTrip is a host's fastest round trip of this period and of the one before.
type usualTrip struct {
	fastest, before time.Duration // 0: none yet
	since           time.Time
}

func (u *usualTrip) add(d time.Duration, now time.Time) {
	switch {
	case now.Sub(u.since) >= usualPeriod:
		u.before, u.fastest, u.since = u.fastest, d, now
	case d < u.fastest:
		u.fastest = d
	}
}

// best is the fastest of both periods.
func (u *usualTrip) best() time.Duration {
	if u.before > 0 {
		return min(u.fastest, u.before)
	}
	return u.fastest
}

// slow is the round trip from which the host counts as slow.
func (u *usualTrip) slow(atMost time.Duration) time.Duration {
	return min(max(slowFactor*u.best(), slowFloor), atMost)
}

// tripTime is the smoothed round trip, with the moment of the newest sample.
type tripTime struct {
	smoothed time.Duration
	at       time.Time
}

// tripTimeCounts is for how long a round trip tells about the next one; without it a host once slow would be refused
// for good.
const tripTimeCounts = time.Second

func (t *tripTime) add(d time.Duration, now time.Time) {
	if now.Sub(t.at) > tripTimeCounts {
		t.smoothed = d
	} else {
		t.smoothed += (d - t.smoothed) / 8
	}
	t.at = now
}

// standingAfter is how long callers must have waited without a break for their queue to count as standing: it is no
// burst, which a wait carries over, but more than the host can do, of which all that a longer queue brings is that
// everyone waits longer.
const standingAfter = 100 * time.Millisecond

// tooLate refuses a request that would join the queue of its class and get its answer too late. Slots get free at
// slots/trip a second (Little's law); the queue takes that long, and then comes the request's own trip. h.mu is held.
func (h *Host) tooLate(c class, now time.Time, left time.Duration) error {
	if now.Sub(h.trip.at) > tripTimeCounts {
		return nil
	}
	slots := 0
	for _, s := range h.sessions {
		if s != nil && s.state == stateUp {
			slots += s.window
		}
	}
	q, trip := &h.waiters[c], h.trip.smoothed
	wait := trip * time.Duration(q.n+1) / time.Duration(max(slots, 1))
	switch {
	case left < wait+trip:
		return fmt.Errorf("%w: host %q: %v are left, an answer would take %v", ErrBusy, h.cfg.Host, left, wait+trip)
	case q.n > 0 && now.Sub(q.since) > standingAfter && wait > left/8:
		return fmt.Errorf(
			"%w: host %q: callers have waited for %v without a break, and one more would wait for %v", ErrBusy, h.cfg.Host,
			now.Sub(q.since), wait,
		)
	}
	return nil
}

// waiter is a caller of Acquire for whom there is no room yet.
type waiter struct {
	granted    chan *session // holds one: a session with the slot taken, nil if there is none
	prev, next *waiter       // guarded by Host.mu, as is queued
	queued     bool
}

// waiters is a queue that gives up any of its members at once.
type waiters struct {
	first, last *waiter
	n           int
	since       time.Time // when it was last empty and somebody came
}

func (q *waiters) push(w *waiter) {
	w.queued, w.prev = true, q.last
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.n++
}

func (q *waiters) pop() *waiter {
	w := q.first
	q.remove(w)
	return w
}

func (q *waiters) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	q.n--
}
