// Package identity hands out the numbers that name payments and messages: payment ids, RRNs, ARN sequences, and for
// each host the STAN with its DE7.
//
// It guarantees I9: numbers come from blocks that are reserved durably before the first of a block is used, so neither
// a restart nor a clock that is set back repeats one. What is left of a block at a crash is skipped, never reused.
//
// It does not know whether a number is still in flight; package link refuses a STAN that is.
package identity

import (
	"context"
	"fmt"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/slowlock"
	"switchyard/switch/clock"
	"switchyard/switch/payment"
)

// Store is what the numbers are reserved in; the journal is one.
type Store interface {
	Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error)
	PutMeta(ctx context.Context, name string, value []byte) error
	Meta(ctx context.Context, name string) ([]byte, error)
}

// blockSize is how many numbers one synced reservation takes: at 100,000 payments a second one sync in 650 ms, and a
// crash skips at most this many of a STAN's 999,999.
const blockSize = 1 << 16

// block hands out the numbers of a durable counter.
type block struct {
	store   Store
	counter string
	// size is how many numbers the next reservation takes, and twice as many the one after it, up to most. Both 0:
	// blockSize.
	size, most uint64

	mu        slowlock.Mutex
	next, end uint64
}

// take returns the next number. The first taker of an empty block reserves one while the others wait for it.
func (b *block) take(ctx context.Context) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == b.end {
		if err := b.reserve(ctx, 0); err != nil {
			return 0, err
		}
	}
	n := b.next
	b.next++
	return n, nil
}

// skip returns the first number from to on.
func (b *block) skip(ctx context.Context, to uint64) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end <= to {
		if err := b.reserve(ctx, to-b.end); err != nil {
			return 0, err
		}
	}
	n := max(b.next, to)
	b.next = n + 1
	return n, nil
}

// reserve makes a new block, of more numbers than its size where that is asked for. The caller holds mu.
func (b *block) reserve(ctx context.Context, more uint64) error {
	size := b.size
	if size == 0 {
		size = blockSize
	}
	n := size + more
	first, err := b.store.Reserve(ctx, b.counter, n)
	if err != nil {
		return fmt.Errorf("reserve %s: %w", b.counter, err)
	}
	b.next, b.end = first, first+n
	b.size = min(2*size, max(b.most, size))
	return nil
}

// Allocator hands out one node's numbers. Safe for concurrent use.
type Allocator struct {
	store   Store
	node    uint32
	clock   *clock.Clock
	numbers block // of payments and RRNs
	arns    arnBlocks
	share   share // of the STANs
}

// NewAllocator makes the allocator of a node, 0 to 35. A nil clock is the machine's.
func NewAllocator(store Store, node uint32, clock *clock.Clock) *Allocator {
	return &Allocator{
		store: store, node: node, clock: clock,
		numbers: block{store: store, counter: paymentCounter},
		arns:    newARNBlocks(store),
	}
}

// Payment returns a new payment's id.
func (a *Allocator) Payment(ctx context.Context) (payment.ID, error) {
	n, err := a.numbers.take(ctx)
	return payment.NewID(a.node, n), err
}

// RRN returns the DE37 of a payment's first request: YDDD of now, the node as one base-36 digit, seven base-36 digits
// of the payment's own number, so that the payment can be found by it. The seven digits come round after 36^7
// numbers, nine days at 100,000 a second, and YDDD after ten years.
func (a *Allocator) RRN(id payment.ID, now time.Time) string {
	return string(a.AppendRRN(nil, id, now))
}

// AppendRRN appends it.
func (a *Allocator) AppendRRN(b []byte, id payment.ID, now time.Time) []byte {
	return a.appendRRN(b, id.Counter(), now)
}

// LaterRRN returns the DE37 of a later request, an increment or refund. It takes a number that no payment has.
func (a *Allocator) LaterRRN(ctx context.Context, now time.Time) (string, error) {
	n, err := a.numbers.take(ctx)
	return string(a.appendRRN(nil, n, now)), err
}

const base36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

const rrnLen = 12

func (a *Allocator) appendRRN(to []byte, n uint64, now time.Time) []byte {
	var b [rrnLen]byte
	now = now.UTC()
	b[0] = byte('0' + now.Year()%10)
	day := now.YearDay()
	b[1], b[2], b[3] = byte('0'+day/100), byte('0'+day/10%10), byte('0'+day%10)
	b[4] = base36[a.node%36]
	if mutant.On(mutant.RRNWithoutNode) {
		b[4] = '0'
	}
	if mutant.On(mutant.RRNStops) {
		n = min(n, rrnNumbers-1)
	}
	for i := rrnLen - 1; i > 4; i-- {
		b[i] = base36[n%36]
		n /= 36
	}
	return append(to, b[:]...)
}

// The durable counters.
const (
	paymentCounter = "payment"
	// STANCounter begins the names of the streams' counters; acquirer id, a slash and the host follow.
	STANCounter = "stan/"
)
