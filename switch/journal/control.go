package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/internal/mutant"
	"switchyard/switch/payment"
)

// What follows goes through the committer like a transition, so that its order among them and its sync hold, but as a
// batch of its own: it is rare, and finds everything before it in the store.

// control runs f in the committer and returns once what it wrote is synced. synced, if not nil, is called before that.
func (j *Pebble) control(ctx context.Context, f func(c *committer, b *pebble.Batch) error, synced func()) error {
	r := &request{control: f, after: synced, started: time.Now(), done: make(chan struct{}, 1)}
	err := j.submit(ctx, r)
	if err == errAbandoned {
		return ctx.Err()
	}
	return err
}

func appendNumber(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

// Reserve implements Journal. n must be at least 1, and a counter never passes 2^64-1.
func (j *Pebble) Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error) {
	if err := checkName("counter", counter); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("journal: Reserve of no numbers")
	}
	err = j.control(ctx, func(c *committer, b *pebble.Batch) error {
		key := nameKey(prefixCounter, counter)
		next, known := c.counters[counter]
		if !known {
			next = 1
			switch value, err := get(j.db, key); {
			case err == nil:
				if next, err = decodeNumber("counter "+counter, value); err != nil {
					return err
				}
			case !errors.Is(err, ErrNotFound):
				return err
			}
		}
		if n > math.MaxUint64-next {
			return fmt.Errorf("journal: counter %s is used up", counter)
		}
		first = next
		c.counters[counter] = next + n
		c.note(counter, next+n)
		if mutant.On(mutant.ForgetReservations) {
			return nil
		}
		return b.Set(key, appendNumber(nil, next+n), nil)
	}, nil)
	if err != nil {
		return 0, err
	}
	return first, nil
}

// PutMeta implements Journal.
func (j *Pebble) PutMeta(ctx context.Context, name string, value []byte) error {
	if err := checkName("name of a value", name); err != nil {
		return err
	}
	if len(value) > maxData {
		return fmt.Errorf("journal: value %s of %d bytes, expected at most %d", name, len(value), maxData)
	}
	return j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		return b.Set(nameKey(prefixMeta, name), value, nil)
	}, nil)
}

// UpdateSAF implements Journal. All rows are rewritten or none: ErrNotFound if one of them has been dequeued.
func (j *Pebble) UpdateSAF(ctx context.Context, rows ...SAFRow) error {
	for i := range rows {
		if err := checkSAF(&rows[i]); err != nil {
			return err
		}
	}
	return j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		for i := range rows {
			key := appendSAFKey(nil, rows[i].SAFRef)
			if _, err := get(j.db, key); err != nil {
				return err
			}
			if err := b.Set(key, appendSAF(nil, &rows[i]), nil); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// Cutover implements Journal.
func (j *Pebble) Cutover(ctx context.Context, from, next payment.Date) error {
	if next == from || next <= 0 {
		return fmt.Errorf("journal: cutover from %q to %q: expected another business date", from, next)
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		if _, opened := c.days[next]; opened || c.openDay != from {
			return ErrDayClosed
		}
		if from != 0 {
			value, err := get(j.db, dayKey(from))
			if err != nil {
				return err
			}
			d, err := decodeDay(from, value)
			if err != nil {
				return err
			}
			d.State = DayClosing
			if err := b.Set(dayKey(from), appendDay(nil, &d), nil); err != nil {
				return err
			}
			c.days[from] = DayClosing
		}
		c.days[next], c.openDay = DayOpen, next
		return b.Set(dayKey(next), appendDay(nil, &Day{State: DayOpen}), nil)
	}, func() { j.openDay.Store(int32(next)) })
}

// SetDay implements Journal. A sealed day's data may be replaced until it is written. Any other move is ErrDayClosed.
// Once a day is sealed no presentment enters or leaves it: read [Pebble.Presentments] after SetDay has returned, not
// before.
func (j *Pebble) SetDay(ctx context.Context, d Day) error {
	if len(d.Data) > maxData {
		return fmt.Errorf("journal: business date %s: data of %d bytes, expected at most %d", d.Date, len(d.Data), maxData)
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		switch at := c.days[d.Date]; {
		case at == DayClosing && d.State == DaySealed, at == DaySealed && (d.State == DaySealed || d.State == DayWritten):
		default:
			return ErrDayClosed
		}
		c.days[d.Date] = d.State
		return b.Set(dayKey(d.Date), appendDay(nil, &d), nil)
	}, nil)
}

// Amend implements Journal.
func (j *Pebble) Amend(ctx context.Context, rows ...Presentment) error {
	for i := range rows {
		if err := checkPresentment(&rows[i]); err != nil {
			return err
		}
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		for i := range rows {
			if !c.unsealed(rows[i].Date) {
				return ErrDayClosed
			}
			key := appendPresentedKey(nil, &rows[i].PresentmentRef)
			if err := with(j.db, key, func([]byte) error { return nil }); err != nil {
				return err
			}
			if err := b.Set(key, rows[i].Data, nil); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// SweepKeys implements Journal. It follows the log, in which keys stand in the order in which they were claimed, and stops
// at the first commit that is not before the moment. A key that was claimed again since is kept.
func (j *Pebble) SweepKeys(ctx context.Context, before time.Time, limit int) (swept int, more bool, err error) {
	if limit < 1 || limit > maxSweep {
		return 0, false, fmt.Errorf("journal: SweepKeys of %d keys, expected 1 to %d", limit, maxSweep)
	}
	err = j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		from := uint64(1)
		switch value, err := get(j.db, keySwept); {
		case err == nil:
			if from, err = decodeNumber("position of the key sweep", value); err != nil {
				return err
			}
		case !errors.Is(err, ErrNotFound):
			return err
		}
		var failed error
		at, read := from, 0
		_, err := scanLog(j.db, from, func(row *logRow, e *logCommit) bool {
			if !row.at.Before(before) {
				return false
			}
			if more = swept >= limit || read >= maxSweep; more {
				return false
			}
			for _, k := range e.Keys {
				var gone, young bool
				if gone, young, failed = j.sweepKey(b, k, before); failed != nil || young {
					return false
				}
				if gone {
					swept++
				}
			}
			at = e.Position + 1
			read++
			return true
		})
		if err = errors.Join(err, failed); err != nil || at == from {
			return err
		}
		return b.Set(keySwept, appendNumber(nil, at), nil)
	}, nil)
	if err != nil {
		return 0, false, err
	}
	return swept, more, nil
}

// maxSweep bounds the commits that one SweepKeys reads while others wait for the committer.
const maxSweep = 10_000

// sweepKey deletes a key that was claimed before a moment; one that was not is young.
func (j *Pebble) sweepKey(b *pebble.Batch, k keyName, before time.Time) (gone, young bool, err error) {
	key := appendClaimKey(nil, k.Merchant, k.Key)
	value, err := get(j.db, key)
	if errors.Is(err, ErrNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	e, err := decodeClaim(key, value)
	if err != nil {
		return false, false, err
	}
	if !e.Claimed.Before(before) {
		return false, true, nil
	}
	return true, false, b.Delete(key, nil)
}

// Checkpoint implements Journal: what is synced when it is called is in it, and it opens as a journal does. dir must not
// exist; it is made on the journal's file system, where it shares table files by hard links.
func (j *Pebble) Checkpoint(dir string) error {
	v, err := j.views.acquire() // so that Close waits
	if err != nil {
		return err
	}
	defer v.release()
	// What was acknowledged is synced. Flushing the log here as well adds nothing, and where it fails Pebble ends the
	// process from a place after which it cannot be closed.
	if err := j.db.Checkpoint(dir); err != nil {
		return fmt.Errorf("journal: checkpoint to %s: %w", dir, err)
	}
	return nil
}
