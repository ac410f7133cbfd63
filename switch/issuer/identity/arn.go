package identity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/slowlock"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// An acquirer reference (DE31) has eleven digits beside its BIN and date. The two highest are the node's, 0 to 35,
// and nine count: 999,999,999 for a node, a BIN and a date, from a durable counter of those. They are used up, never
// begun again.
//
// A journal that was put back does not know which of a date's numbers were given. Where no mark outside knows either,
// it goes on for such dates in the lane above: the node's digits are 36 more, and again 36 more the next time where
// that is below 100.

// ErrUsedUp says that there is no further acquirer reference on a business date; with another BIN there would be.
var ErrUsedUp = errors.New("identity: the acquirer references of the business date are used up: " +
	"acquirer_bins may name more BINs")

const (
	// arnCounters begin with it: "arn/400001/20261121", and with lane 1 "arn/400001/20261121/1".
	arnCounters = "arn/"
	maxARN      = 999_999_999
	perNode     = 1_000_000_000
	laneNodes   = 36
	maxNode     = 99

	// oldCounter is the one counter of all dates of a journal that an older program wrote; numbers went round at
	// perNode. The date that was open then goes on with it, for half a round: the other half is what it may have used on
	// that date.
	oldCounter = "arn"
	halfRound  = perNode / 2

	// oldMeta keeps the last date of oldCounter and where it stood; laneMeta the last date of a lane, the lane, and its
	// loss.
	oldMeta  = "arn-old"
	laneMeta = "arn-lane"

	// maxARNBlocks bounds the blocks in memory; those of earlier dates go first.
	maxARNBlocks = 64
)

// arnBlocks are the blocks of the dates and BINs in use.
type arnBlocks struct {
	store Store

	mu     slowlock.Mutex
	blocks map[arnKey]*arnBlock
	old    struct {
		until payment.Date
		first uint64
	}
	lane struct {
		until payment.Date
		n     uint8
		loss  int64
	}
}

type arnKey struct {
	bin  string
	date payment.Date
}

// arnBlock is the counter of one BIN and date.
type arnBlock struct {
	block
	usedUp bool
	limit  uint64 // the last number
	lane   uint8
}

func newARNBlocks(store Store) arnBlocks {
	return arnBlocks{store: store, blocks: map[arnKey]*arnBlock{}}
}

// OpenARNs reads what the journal knows of its acquirer references; it comes before the first of them. open is the
// open business date, 0 in a new journal.
func (a *Allocator) OpenARNs(ctx context.Context, open payment.Date) error {
	b := &a.arns
	switch v, err := b.store.Meta(ctx, oldMeta); {
	case err == nil && len(v) == 12:
		b.old.until, b.old.first = payment.Date(binary.BigEndian.Uint32(v)), binary.BigEndian.Uint64(v[4:])
	case err == nil:
		return fmt.Errorf("value %s of %d bytes, expected 12", oldMeta, len(v))
	case !errors.Is(err, journal.ErrNotFound):
		return fmt.Errorf("read %s: %w", oldMeta, err)
	default:
		if open != 0 {
			first, err := b.store.Reserve(ctx, oldCounter, 1)
			if err != nil {
				return fmt.Errorf("reserve %s: %w", oldCounter, err)
			}
			b.old.until, b.old.first = open, first
		}
		v = binary.BigEndian.AppendUint32(nil, uint32(b.old.until))
		if err := b.store.PutMeta(ctx, oldMeta, binary.BigEndian.AppendUint64(v, b.old.first)); err != nil {
			return fmt.Errorf("keep %s: %w", oldMeta, err)
		}
	}
	switch v, err := b.store.Meta(ctx, laneMeta); {
	case errors.Is(err, journal.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", laneMeta, err)
	case len(v) != 13:
		return fmt.Errorf("value %s of %d bytes, expected 13", laneMeta, len(v))
	default:
		b.lane.until, b.lane.n = payment.Date(binary.BigEndian.Uint32(v)), v[4]
		b.lane.loss = int64(binary.BigEndian.Uint64(v[5:]))
	}
	return nil
}

// changeLane begins a new lane for all dates up to until, above the one that was begun before where that is of some of
// those from open on. Once for a loss.
func (b *arnBlocks) changeLane(
	ctx context.Context, node uint32, open, until payment.Date, loss time.Time,
) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	lane := uint8(1)
	switch {
	case b.lane.loss == loss.UnixNano():
		return nil
	case b.lane.n > 0 && open <= b.lane.until:
		lane = b.lane.n + 1
	}
	if node+laneNodes*uint32(lane) > maxNode {
		return fmt.Errorf("node %d was put back without its mark %d times on business dates up to %s and has "+
			"no further acquirer references on them: "+
			"put the mark back, or wait until that date is over", node, lane, b.lane.until)
	}
	v := append(binary.BigEndian.AppendUint32(nil, uint32(until)), lane)
	if err := b.store.PutMeta(ctx, laneMeta, binary.BigEndian.AppendUint64(v, uint64(loss.UnixNano()))); err != nil {
		return fmt.Errorf("keep %s: %w", laneMeta, err)
	}
	b.lane.until, b.lane.n, b.lane.loss = until, lane, loss.UnixNano()
	clear(b.blocks)
	return nil
}

// ARN returns the BIN and the sequence number, eleven digits, of a new acquirer reference on a business date: of the
// first BIN that has one left. ErrUsedUp if none has.
func (a *Allocator) ARN(ctx context.Context, bins []string, date payment.Date) (
	bin string, sequence uint64, err error,
) {
	for i, bin := range bins {
		b := a.arns.of(bin, date, i == 0)
		n, err := b.take(ctx)
		if errors.Is(err, ErrUsedUp) {
			continue
		}
		return bin, (uint64(a.node)+laneNodes*uint64(b.lane))*perNode + n%perNode, err
	}
	return "", 0, ErrUsedUp
}

// of returns the block of a BIN and date. first: it is the one that an older program would have used.
func (b *arnBlocks) of(bin string, date payment.Date, first bool) *arnBlock {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := arnKey{bin, date}
	if have := b.blocks[key]; have != nil {
		return have
	}
	for k := range b.blocks {
		if len(b.blocks) >= maxARNBlocks && k.date < date {
			delete(b.blocks, k)
		}
	}
	made := &arnBlock{block: block{store: b.store, counter: fmt.Sprintf("%s%s/%d", arnCounters, bin, int(date))},
		limit: maxARN}
	switch {
	case date <= b.lane.until:
		made.lane = b.lane.n
		made.counter = fmt.Sprintf("%s/%d", made.counter, made.lane)
	case first && date <= b.old.until:
		made.counter, made.limit = oldCounter, b.old.first+halfRound
	}
	b.blocks[key] = made
	return made
}

func (b *arnBlock) take(ctx context.Context) (uint64, error) {
	b.mu.Lock()
	if b.usedUp {
		b.mu.Unlock()
		return 0, ErrUsedUp
	}
	b.mu.Unlock()
	n, err := b.block.take(ctx)
	if err != nil || n <= b.limit || mutant.On(mutant.ARNWraps) {
		return n, err
	}
	b.mu.Lock()
	b.usedUp = true
	b.mu.Unlock()
	return 0, ErrUsedUp
}
