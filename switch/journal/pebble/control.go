package pebble

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// What follows goes through the committer like a transition, so that its order among them and its sync hold, but as a
// batch of its own: it is rare, and finds everything before it in the store.

// control runs f in the committer and returns once what it wrote is synced. synced, if not nil, is called before that.
func (j *Journal) control(ctx context.Context, f func(c *committer, b *pebble.Batch) error, synced func()) error {
	r := &request{control: f, after: synced, started: time.Now(), done: make(chan struct{}, 1)}
	err := j.submit(ctx, r)
	if errors.Is(err, errAbandoned) {
		return ctx.Err()
	}
	return err
}

// Reserve implements journal.Journal. n must be at least 1, and a counter never passes 2^64-1.
func (j *Journal) Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error) {
	if err := journal.CheckReserve(counter, n); err != nil {
		return 0, err
	}
	err = j.control(ctx, func(c *committer, b *pebble.Batch) error {
		key := nameKey(prefixCounter, counter)
		next, known := c.counters[counter]
		if !known {
			next = 1
			switch value, err := get(j.db, key); {
			case err == nil:
				if next, err = record.DecodeNumber("counter "+counter, value); err != nil {
					return err
				}
			case !errors.Is(err, journal.ErrNotFound):
				return err
			}
		}
		if n > math.MaxUint64-next {
			return journal.UsedUp(counter)
		}
		first = next
		c.counters[counter] = next + n
		c.note(counter, next+n)
		if mutant.On(mutant.ForgetReservations) {
			return nil
		}
		return b.Set(key, record.AppendNumber(nil, next+n), nil)
	}, nil)
	if err != nil {
		return 0, err
	}
	return first, nil
}

// PutMeta implements journal.Journal.
func (j *Journal) PutMeta(ctx context.Context, name string, value []byte) error {
	if err := journal.CheckMeta(name, value); err != nil {
		return err
	}
	return j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		return b.Set(nameKey(prefixMeta, name), value, nil)
	}, nil)
}

// Cutover implements journal.Journal.
func (j *Journal) Cutover(ctx context.Context, from, next payment.Date) error {
	if err := journal.CheckCutover(from, next); err != nil {
		return err
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		if _, opened := c.days[next]; opened || c.openDay != from {
			return journal.ErrDayClosed
		}
		if from != 0 {
			value, err := get(j.db, dayKey(from))
			if err != nil {
				return err
			}
			d, err := record.DecodeDay(from, value)
			if err != nil {
				return err
			}
			d.State = journal.DayClosing
			if err := b.Set(dayKey(from), record.AppendDay(nil, &d), nil); err != nil {
				return err
			}
			c.days[from] = journal.DayClosing
		}
		c.days[next], c.openDay = journal.DayOpen, next
		return b.Set(dayKey(next), record.AppendDay(nil, &journal.Day{State: journal.DayOpen}), nil)
	}, func() { j.openDay.Store(int32(next)) })
}

// SetDay implements journal.Journal. A day's data may be replaced until it is written. Any other move is
// ErrDayClosed.
// Once a day is sealed no presentment enters or leaves it: read [Journal.Presentments] after SetDay has returned, not
// before.
func (j *Journal) SetDay(ctx context.Context, d journal.Day) error {
	if err := d.Check(); err != nil {
		return err
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		if !d.State.Follows(c.days[d.Date]) {
			return journal.ErrDayClosed
		}
		c.days[d.Date] = d.State
		return b.Set(dayKey(d.Date), record.AppendDay(nil, &d), nil)
	}, nil)
}

// Amend implements journal.Journal.
func (j *Journal) Amend(ctx context.Context, rows ...journal.Presentment) error {
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return err
		}
	}
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		for i := range rows {
			if !c.unsealed(rows[i].Date) {
				return journal.ErrDayClosed
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

// SweepKeys implements journal.Journal. It follows the log, in which keys stand in the order in which they were
// claimed, and stops
// at the first commit that is not before the moment. A key that was claimed again since is kept.
func (j *Journal) SweepKeys(ctx context.Context, before time.Time, limit int) (swept int, more bool, err error) {
	if err := journal.CheckSweep(limit); err != nil {
		return 0, false, err
	}
	var whole []*stretch
	err = j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		from, err := readSwept(j.db)
		if err != nil {
			return err
		}
		var failed error
		at, read := from, 0
		_, err = scanLog(j.db, from, func(row *record.LogRow, e *record.LogEntry) bool {
			if !row.At.Before(before) {
				return false
			}
			if more = swept >= limit || read >= maxSwept; more {
				return false
			}
			for _, k := range e.Keys {
				var gone, young bool
				if gone, young, failed = j.sweepKey(b, e.Position, k, before); failed != nil || young {
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
		whole = below(j.stretches.all(), at)
		for _, s := range whole {
			if err := b.Delete(stretchKey(s.number), nil); err != nil {
				return err
			}
		}
		return b.Set(keySwept, record.AppendNumber(nil, at), nil)
	}, func() { j.stretches.drop(whole) })
	if err != nil {
		return 0, false, err
	}
	return swept, more, nil
}

// maxSwept bounds the commits that one SweepKeys reads while others wait for the committer.
const maxSwept = 10_000

// sweepKey deletes a key that was claimed at a log position, before a moment; one that was not is young.
func (j *Journal) sweepKey(b *pebble.Batch, position uint64, k record.KeyName, before time.Time) (gone, young bool,
	err error) {
	s := stretchAt(j.stretches.all(), position)
	if s == nil {
		return false, false, fmt.Errorf("journal: no stretch of idempotency keys has log position %d", position)
	}
	key := s.rowKey(appendClaim(nil, k.Merchant, k.Key))
	value, err := get(j.db, key)
	if errors.Is(err, journal.ErrNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	e, err := record.DecodeKey(claimName(key), value)
	if err != nil {
		return false, false, err
	}
	if !e.Claimed.Before(before) {
		return false, true, nil
	}
	return true, false, b.Delete(key, nil)
}

// Checkpoint writes a consistent copy of the journal to a new folder while it runs: what is synced when it is called is
// in it, and it opens as a journal does. The folder is made on the journal's file system, where the copy shares table
// files by hard links.
func (j *Journal) Checkpoint(dir string) error {
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
