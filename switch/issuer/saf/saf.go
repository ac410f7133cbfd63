// Package saf is the store-and-forward queue: captures (0220) and reversals (0420) that the switch has accepted and the
// issuer has not acknowledged yet.
//
// A row of the queue is durable before it is handed to [Queue.Add]; this package sends it, sends it again with the
// repeat MTI until the issuer answers, and commits the end. It guarantees that a payment's advices go out in the order
// in which they were queued, one at a time; that no advice is dropped: what the issuer refuses for good is parked with
// its reason and an alarm; and I5: a reversal ends on 00 only, or on 21 or 25 where no approval of its original is
// recorded.
//
// It knows nothing of why an advice was queued. A host's durable rows are bounded by MaxQueued, past which captures are
// refused ([Queue.Room]), and Reserve, past which requests are refused that a reversal may have to follow
// ([Queue.RoomForRequest]); reversals are always taken (I13). A host that is silent fills its own queue and no other.
// Of a long queue only a window is in memory; the rest is read when there is room.
//
// Requests go first: they keep a share of the links' windows (link.Host.AcquireAdvice), and while there are any, as few
// advices are sent at once as it takes to send BesideRate of them a second.
package saf

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/switch/clock"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/turn"
)

// Bounds and delays.
const (
	// DefaultMaxQueued bounds the rows of a host's queue: an outage of five hours at 50 captures a second.
	DefaultMaxQueued = 1_000_000
	// DefaultInFlight is how many advices of one host are sent at once.
	DefaultInFlight = 512
	// requestsLast is how long a request, to whichever host, counts as one that advices are sent beside; see pace.
	requestsLast = time.Second
	// DefaultWindow is how many rows of a host's queue are in memory, about 200 bytes each; the queue is read on when half
	// of them are sent.
	DefaultWindow = 1 << 16
	// maxInHand is how many payments of a host's queue are kept so that they need not be read, about 1 KiB each.
	maxInHand  = 1 << 13
	retryFirst = time.Second
	retryMost  = time.Minute
	// hostRetry is how long a queue rests when its host has no link.
	hostRetry = 200 * time.Millisecond
)

// Options are what a queue works with.
type Options struct {
	Journal    journal.Journal
	Issuers    map[string]*exchange.Issuer
	Turns      *turn.Table
	Keyring    *pan.Keyring
	Clock      *clock.Clock // nil: the machine's
	MaxQueued  int          // rows of a host's queue; default DefaultMaxQueued
	Reserve    int          // rows of it beyond MaxQueued that are kept for the reversals of requests in flight
	InFlight   int          // a host; default DefaultInFlight
	Window     int          // rows of a host's queue that are in memory; default DefaultWindow
	Seed       uint64       // of the jitter
	Logger     *zap.Logger
	Registerer prometheus.Registerer
}

// Queue is the queues of all hosts. Safe for concurrent use.
type Queue struct {
	o       Options
	hosts   map[string]*host
	waiting waiters
	ctx     context.Context
	stop    context.CancelFunc
	// starting has what may start an advice, sending those that were taken from their chains and not put back.
	starting, sending sync.WaitGroup
	advices           sync.Pool // of *advice
	metrics           metrics
}

// New makes the queue; Start reads what is durable and begins to send.
func New(o Options) *Queue {
	if o.MaxQueued == 0 {
		o.MaxQueued = DefaultMaxQueued
	}
	if o.InFlight == 0 {
		o.InFlight = DefaultInFlight
	}
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	q := &Queue{o: o, hosts: map[string]*host{}, metrics: newMetrics(o.Registerer)}
	q.waiting.count = map[payment.ID]int{}
	q.waiting.wake = map[payment.ID]chan struct{}{}
	q.ctx, q.stop = context.WithCancel(context.Background())
	q.advices.New = func() any { return new(advice) }
	for name, x := range o.Issuers {
		q.hosts[name] = newHost(q, x, rand.New(rand.NewPCG(o.Seed, hashOf(name))), o.Window)
	}
	return q
}

// hashOf gives each host a stream of jitter of its own, the same at each start.
func hashOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// Start loads the durable rows and begins to send. A row of a host that is not configured is an error that names it.
func (q *Queue) Start() error {
	hosts, err := q.o.Journal.SAFHosts(q.ctx)
	if err != nil {
		return err
	}
	for _, name := range hosts {
		if q.hosts[name] == nil {
			return fmt.Errorf("the store-and-forward queue holds advices for host %q, which the config does not name", name)
		}
		if err := q.load(q.hosts[name]); err != nil {
			return err
		}
	}
	for name, h := range q.hosts {
		if queued := int(h.queued.Load()); queued >= q.o.MaxQueued {
			q.o.Logger.Warn(
				"store-and-forward: more advices are queued than max_queued allows; captures are refused until they are sent",
				zap.String("host", name), zap.Int("queued", queued), zap.Int("max_queued", q.o.MaxQueued))
		}
		q.starting.Go(func() { q.run(h) })
	}
	return nil
}

// Close stops sending and waits until what is answered has its end; what is not is given up. Rows stay durable.
func (q *Queue) Close() {
	q.stop()
	q.starting.Wait()
	for _, h := range q.hosts {
		h.issuer.Host.GiveUpAdvices()
	}
	q.sending.Wait()
}

// load counts the durable rows of a host and takes the first of them into memory.
func (q *Queue) load(h *host) error {
	queued := 0
	err := q.o.Journal.SAF(q.ctx, h.issuer.Name, 0, func(r journal.SAFRow) bool {
		if r.Parked {
			q.parked(1)
			return true
		}
		if mutant.On(mutant.DropReversalOnRestart) {
			if p, err := q.o.Journal.Payment(q.ctx, r.Payment); err == nil && p.Ops[r.Op].Kind == payment.KindTimeoutReversal {
				return true
			}
		}
		queued++
		if h.admit(r.Seq) {
			q.push(h, r, true, nil)
		}
		return true
	})
	q.grow(h, queued)
	return err
}

// Add takes a row that was just committed. sent says that its message may have gone out under the same MTI already, so
// that the first sending from the queue is a repeat. p may be the payment as it was committed with the row, so that it
// need not be read again; it is the queue's then.
func (q *Queue) Add(r journal.SAFRow, sent bool, p *payment.Payment) {
	h := q.hosts[r.Host]
	q.grow(h, 1)
	if h.admit(r.Seq) {
		q.push(h, r, sent, p)
	}
}

func (q *Queue) push(h *host, r journal.SAFRow, sent bool, p *payment.Payment) {
	q.waiting.add(r.Payment)
	if !h.push(r.Payment, item{seq: r.Seq, op: r.Op, sent: sent}, p) {
		q.waiting.drop(r.Payment)
	}
}

// refill reads on in a queue of which only the beginning is in memory.
func (q *Queue) refill(h *host) error {
	from, ok := h.wants()
	if !ok {
		return nil
	}
	room, next := max(1, h.window/2), from
	err := q.o.Journal.SAF(q.ctx, h.issuer.Name, from, func(r journal.SAFRow) bool {
		if room == 0 {
			return false
		}
		next = r.Seq + 1
		if !r.Parked {
			q.push(h, r, true, nil)
			room--
		}
		return true
	})
	h.refilled(next, err == nil && room > 0)
	return err
}

func (q *Queue) parked(n int) {
	q.metrics.parked.Add(float64(n))
	q.waiting.park(n)
}

// grow counts durable rows of a host that are queued; n < 0: that are no more.
func (q *Queue) grow(h *host, n int) {
	h.queued.Add(int64(n))
	q.metrics.queued.WithLabelValues(h.issuer.Name).Add(float64(n))
}

// Room tells whether a host's queue takes another capture. inFlight is how many requests may yet need a reversal.
func (q *Queue) Room(host string, inFlight int) bool {
	return q.Queued(host)+inFlight < q.o.MaxQueued
}

// RoomToExpire tells whether a host's queue takes the end of a capture window: while it is less than half full, since
// these can wait and captures cannot.
func (q *Queue) RoomToExpire(host string, inFlight int) bool {
	return q.Queued(host)+inFlight < max(1, q.o.MaxQueued/2)
}

// RoomForRequest tells whether a host's queue has room for the reversals of all that is in flight, the request asked
// about included.
func (q *Queue) RoomForRequest(host string, inFlight int) bool {
	return q.Queued(host)+inFlight <= q.o.MaxQueued+q.o.Reserve
}

// Queued is how many advices are queued for a host.
func (q *Queue) Queued(host string) int {
	if h := q.hosts[host]; h != nil {
		return int(h.queued.Load())
	}
	return 0
}

// Counts returns how many advices are queued, over all hosts, and how many are parked.
func (q *Queue) Counts() (queued, parked int) {
	for _, h := range q.hosts {
		queued += int(h.queued.Load())
	}
	return queued, q.waiting.parkedRows()
}

// Wait waits until the payment has no queued advice, or returns ctx's error.
func (q *Queue) Wait(ctx context.Context, id payment.ID) error { return q.waiting.wait(ctx, id) }
