package saf

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
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
}

// host is the queue of one host: chains that are ready to send, and those that rest until they are tried again.
type host struct {
	issuer *exchange.Issuer
	jitter *rand.Rand   // under mu
	queued atomic.Int64 // durable rows, parked ones aside

	mu      sync.Mutex
	chains  map[payment.ID]*chain
	ready   []*chain
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

func newHost(x *exchange.Issuer, jitter *rand.Rand, window int) *host {
	return &host{issuer: x, jitter: jitter, window: window, chains: map[payment.ID]*chain{}, wake: make(chan struct{}, 1)}
}

// push appends an advice to its payment's chain; a new chain is ready at once. false: it is in memory already.
func (h *host) push(id payment.ID, it item) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chains[id]
	if c != nil && slices.ContainsFunc(c.items, func(have item) bool { return have.seq == it.seq }) {
		return false
	}
	h.rows++
	if c != nil {
		c.items = append(c.items, it)
		return true
	}
	c = &chain{id: id, items: []item{it}}
	h.chains[id] = c
	h.makeReady(c)
	return true
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

// pop takes the chain that has been ready longest, to be sent; nil if none is; full if atMost are being sent, or beside
// requests as many as their pace allows.
func (h *host) pop(atMost int, beside bool) (c *chain, full bool) {
	trip := h.issuer.Host.FastestTrip()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ready) == 0 {
		return nil, false
	}
	if h.sending >= atMost || beside && !h.pace.room(time.Now(), h.sending, trip) {
		return nil, true
	}
	c = h.ready[0]
	h.ready[0] = nil
	h.ready = h.ready[1:]
	h.sending++
	return c, false
}

// sent counts off a chain that pop gave.
func (h *host) sent() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sending--
	h.pace.done++
	h.signal()
}

// finish drops the head of a chain, which is done, and makes the rest ready.
func (h *host) finish(c *chain) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows--
	c.items = c.items[1:]
	if len(c.items) > 0 {
		h.makeReady(c)
		return
	}
	delete(h.chains, c.id)
	if h.backlog {
		h.signal() // the last row in memory may have gone with it
	}
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

// verdict is what one attempt came to.
type verdict uint8

const (
	verdictDone   verdict = iota
	verdictRepeat         // sent, or could not be: again after a backoff
	verdictLater          // no room or closing: again soon
	verdictNoLink         // nothing was sent and nothing can be: the whole queue rests
)

// run sends what is ready until the queue closes. Who has sent a chain stays for the next one: a new goroutine would
// have to grow its stack again, a twelfth of what an advice costs.
func (q *Queue) run(h *host) {
	var senders sync.WaitGroup
	defer senders.Wait()
	work := make(chan *chain)
	defer close(work)
	for {
		c := q.next(h)
		if c == nil {
			return
		}
		select {
		case work <- c:
		default:
			senders.Go(func() {
				for ok := true; ok; c, ok = <-work {
					q.attempt(h, c)
					h.sent()
				}
			})
		}
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

// next waits for a host with a link, a ready chain, and its being one of those that may be sent at once; nil when the
// queue closes.
func (q *Queue) next(h *host) *chain {
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
		c, full := h.pop(q.o.InFlight, beside)
		if c != nil {
			return c
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

// attempt sends a chain's head once and puts the chain where it belongs next.
func (q *Queue) attempt(h *host, c *chain) {
	h.mu.Lock()
	it := &c.items[0]
	head := *it
	h.mu.Unlock()
	v := q.send(h, c.id, &head)
	if mutant.On(mutant.DropAdvice) && v == verdictRepeat {
		v = verdictDone
	}
	h.mu.Lock()
	c.items[0].sent = head.sent
	if v == verdictRepeat {
		c.items[0].attempts++
	}
	attempts := c.items[0].attempts
	h.mu.Unlock()
	switch v {
	case verdictDone:
		h.finish(c)
		q.grow(h, -1)
		q.waiting.drop(c.id)
	case verdictRepeat:
		h.again(c, h.backoff(attempts-1))
	case verdictLater, verdictNoLink:
		h.again(c, hostRetry)
	}
}
