package identity

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"switchyard/switch/payment"
)

// numbersPerSecond is what a switch is taken to give out at most, over any day: numbers of payments and of later
// requests together. Everything below that says how long numbers last counts with it.
const numbersPerSecond = 100_000

// rrnNumbers is how many numbers the seven last digits of an RRN tell apart: 36^7, of which a day takes 8.64e9 at
// most. So on one day none comes twice, and the next day has another YDDD.
const rrnNumbers = 36 * 36 * 36 * 36 * 36 * 36 * 36

// MaxSkip is how old a journal may be that goes on, without the mark that knows its numbers, on a day on which
// numbers may have been given that it does not know: what the lost days took, and a day before and after it, stays
// below rrnNumbers.
const MaxSkip = 7 * 24 * time.Hour

// Marked tells which counters a mark outside of the journal has to know, so that a copy that is put back gives no
// number again.
func Marked(counter string) bool {
	return counter == paymentCounter || counter == oldCounter || strings.HasPrefix(counter, arnCounters)
}

// Skip moves every number of a journal that is an earlier copy past what may have been used since, where no mark
// knows. since is the time since its newest commit, open its open business date, until the last one that may have been
// open meanwhile, and loss tells one loss from another: done twice for the same it skips payments only. STANs need none
// of it, since their DE7 begins after the restore.
func (a *Allocator) Skip(
	ctx context.Context, since time.Duration, open, until payment.Date, loss time.Time,
) error {
	n := uint64(since/time.Second+1)*numbersPerSecond + blockSize
	if _, err := a.store.Reserve(ctx, paymentCounter, n); err != nil {
		return fmt.Errorf("move %s ahead: %w", paymentCounter, err)
	}
	return a.arns.changeLane(ctx, a.node, open, until, loss)
}

// IsRRN tells whether a text may be an RRN of ours.
func IsRRN(text string) bool {
	_, _, ok := splitRRN(text)
	return ok
}

// OfNode tells whether a text may be an RRN of a node of ours.
func OfNode(rrn string, node uint32) bool {
	of, _, ok := splitRRN(rrn)
	return ok && of == int(node)
}

func splitRRN(rrn string) (node int, n uint64, ok bool) {
	if len(rrn) != rrnLen {
		return 0, 0, false
	}
	node = strings.IndexByte(base36, rrn[4])
	n, err := strconv.ParseUint(rrn[5:], 36, 64)
	return node, n, node >= 0 && err == nil
}

// PaymentsOf yields the payments whose first request may have an RRN, latest first: its seven digits come round, and
// newest is the newest payment's number. Whether one of them has it is the journal's to say; it may also be a later
// request's.
func PaymentsOf(rrn string, newest uint64) iter.Seq[payment.ID] {
	return func(yield func(payment.ID) bool) {
		node, n, ok := splitRRN(rrn)
		if !ok || n > newest {
			return
		}
		for n += (newest - n) / rrnNumbers * rrnNumbers; ; n -= rrnNumbers {
			if !yield(payment.NewID(uint32(node), n)) || n < rrnNumbers {
				return
			}
		}
	}
}
