package saf

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/lane"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/payment"
)

// item is one queued advice.
type item struct {
	seq      uint64
	op       int
	sent     bool // it may have reached the issuer: the next sending is a repeat
	attempts int
}

// chain is a payment's advices towards one host, in order. Only the first is ever being sent.
type chain struct {
	id    payment.ID
	items []item
	// payment is as it was last seen to be committed, so that it need not be read; nil: it is not in hand.
	payment *payment.Payment
}

// host is the queue of one host: chains that are ready to send, and those that rest until they are tried again.
type host struct {
	q        *Queue
	issuer   *exchange.Issuer
	answered *lane.Lane[*advice] // see together.go
	jitter   *rand.Rand          // under mu
	queued   atomic.Int64        // durable rows, parked ones aside

	mu      sync.Mutex
	chains  map[payment.ID]*chain
	ready   []*chain
	inHand  int // payments of chains
	sending int
	pace    pace
	wake    chan struct{} // holds one token when ready got longer, sending got less, or there may be room to read on

	// Of a queue longer than window only the beginning is in memory. While backlog, rows from sequence from on are
	// not, and refill reads them; those from region on, up to from, were read by it. newest is the newest row that admit
	// left to it.
	window  int
	rows    int
	backlog bool
	region  uint64
	from    uint64
	newest  uint64
}

// admit tells whether a row of the queue is to be taken into memory now: not while earlier ones are left to refill, and
// not if refill has read it already.
func (h *host) admit(seq uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case seq >= h.region && seq < h.from:
		return false
	case h.backlog && seq < h.region:
		return true
	case h.backlog:
		h.newest = max(h.newest, seq)
		return false
	case h.rows >= h.window:
		h.backlog, h.region, h.from, h.newest = true, seq, seq, seq
		return false
	}
	return true
}

// wants tells where refill reads on, if it is time to.
func (h *host) wants() (from uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from, h.backlog && h.rows < h.window/2
}

// refilled says up to where refill has read, and whether that was the end of the queue as it saw it. A row that was
// left to it and that it did not see was queued meanwhile: then it has to read on.
func (h *host) refilled(next uint64, end bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from, h.backlog = next, !end || h.newest >= next
}

func newHost(q *Queue, x *exchange.Issuer, jitter *rand.Rand, window int) *host {
	h := &host{
		q: q, issuer: x, jitter: jitter, window: window, chains: map[payment.ID]*chain{}, wake: make(chan struct{}, 1),
	}
	h.answered = lane.New(h.conclude)
	return h
}

// push appends an advice to its payment's chain; a new chain is ready at once. p is the payment as it was committed
// with the advice, if it is at hand. false: it is in memory already.
func (h *host) push(id payment.ID, it item, p *payment.Payment) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chains[id]
	if c != nil && slices.ContainsFunc(c.items, func(have item) bool { return have.seq == it.seq }) {
		return false
	}
	h.rows++
	if c != nil {
		c.items = append(c.items, it)
		h.keep(c, p)
		return true
	}
	c = &chain{id: id, items: []item{it}}
	h.chains[id] = c
	h.keep(c, p)
	h.makeReady(c)
	return true
}

// keep keeps the payment of a chain in hand, unless there are too many, or the chain has a newer one. h.mu is held.
func (h *host) keep(c *chain, p *payment.Payment) {
	switch {
	case p == nil, c.payment != nil && c.payment.Version >= p.Version:
	case c.payment != nil:
		c.payment = p
	case h.inHand < maxInHand:
		c.payment = p
		h.inHand++
	}
}

func (h *host) makeReady(c *chain) {
	h.ready = append(h.ready, c)
	h.signal()
}

// signal wakes who waits for a ready chain or for room in the window.
func (h *host) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// pop takes the heads of the chains that have been ready longest, to be sent: as many as may be sent beside those that
// are being sent, atMost at once, or beside requests as many as their pace allows. full: there are others.
func (h *host) pop(atMost int, beside bool) (batch []*advice, full bool) {
	trip := h.issuer.Host.FastestTrip()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ready) == 0 {
		return nil, false
	}
	room := atMost - h.sending
	if beside {
		room = min(room, h.pace.room(time.Now(), h.sending, len(h.ready), trip))
	}
	n := min(room, len(h.ready))
	if n <= 0 {
		return nil, true
	}
	batch = make([]*advice, n)
	for i, c := range h.ready[:n] {
		a := h.q.advices.Get().(*advice)
		a.q, a.h, a.c, a.item, a.payment = h.q, h, c, c.items[0], c.payment
		if c.payment != nil {
			c.payment = nil
			h.inHand--
		}
		batch[i] = a
	}
	clear(h.ready[:n])
	h.ready = h.ready[n:]
	h.sending += n
	h.q.sending.Add(n)
	return batch, len(h.ready) > 0
}

// finish takes back the chains that pop gave. The head of one that is done is dropped, and the rest made ready; the
// others are to be made ready again. It returns how many are done.
func (h *host) finish(over []*advice) (done int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sending -= len(over)
	h.pace.done += len(over)
	for _, a := range over {
		c := a.c
		if a.verdict != verdictDone {
			c.items[0].sent = a.item.sent
			if a.verdict == verdictRepeat {
				c.items[0].attempts++
			}
			a.item.attempts = c.items[0].attempts
			continue
		}
		done++
		h.rows--
		if c.items = c.items[1:]; len(c.items) > 0 {
			h.keep(c, a.payment)
			h.ready = append(h.ready, c)
			continue
		}
		delete(h.chains, c.id)
		if c.payment != nil {
			h.inHand--
		}
	}
	h.signal()
	return done
}

// again makes a chain ready after a delay.
func (h *host) again(c *chain, after time.Duration) {
	time.AfterFunc(after, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.makeReady(c)
	})
}

// backoff is the delay before attempt n+1: doubled each time, the upper half of it random.
func (h *host) backoff(n int) time.Duration {
	d := retryMost
	if n < 6 {
		d = min(retryFirst<<n, retryMost)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return d/2 + time.Duration(h.jitter.Int64N(int64(d/2)))
}

// run sends what is ready until the queue closes.
func (q *Queue) run(h *host) {
	for batch := q.next(h); batch != nil; batch = q.next(h) {
		h.send(batch)
	}
}

// besideRequests tells whether requests are sent, or were a moment ago.
func (q *Queue) besideRequests() bool {
	now := time.Now()
	for _, h := range q.hosts {
		if now.Sub(h.issuer.Host.Requested()) < requestsLast {
			return true
		}
	}
	return false
}

// next waits for a host with a link, ready chains, and their being among those that may be sent at once; nil when the
// queue closes.
func (q *Queue) next(h *host) []*advice {
	for {
		if !h.issuer.Host.Ready() {
			if !q.rest() {
				return nil
			}
			continue
		}
		if err := q.refill(h); err != nil {
			if q.ctx.Err() != nil {
				return nil
			}
			q.o.Logger.Error(
				"store-and-forward: the queue could not be read on", zap.String("host", h.issuer.Name), zap.Error(err),
			)
			if !q.rest() {
				return nil
			}
			continue
		}
		beside := q.besideRequests()
		batch, full := h.pop(q.o.InFlight, beside)
		if len(batch) > 0 {
			return batch
		}
		if _, more := h.wants(); more && !full {
			continue // queued while refill read
		}
		if !q.await(h, beside && full) {
			return nil
		}
	}
}

// await waits until the host is signalled; false when the queue closes. pacing: no longer than a step of the pace,
// which has to see that nothing came back in it.
func (q *Queue) await(h *host, pacing bool) bool {
	var step <-chan time.Time
	if pacing {
		timer := time.NewTimer(paceStep)
		defer timer.Stop()
		step = timer.C
	}
	select {
	case <-h.wake:
	case <-step:
	case <-q.ctx.Done():
		return false
	}
	return true
}

// rest waits hostRetry; false when the queue closes.
func (q *Queue) rest() bool {
	timer := time.NewTimer(hostRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.ctx.Done():
		return false
	}
}
