package pebble

import (
	"bytes"
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
)

// Timers implements journal.Journal.
func (j *Journal) Timers(
	ctx context.Context, behind journal.Timer, until time.Time, yield func(journal.Timer) bool,
) error {
	lower := []byte{prefixTimer}
	if !behind.At.IsZero() || !behind.Payment.IsZero() {
		lower = after(appendTimerKey(nil, behind.At, behind.Payment))
	}
	upper := after(appendSortedTime([]byte{prefixTimer}, until))
	if bytes.Compare(lower, upper) > 0 {
		upper = lower
	}
	return j.scan(lower, upper, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			t, err := parseTimer(it.Key(), it.Value())
			return err == nil && yield(t), err
		})
	})
}

// SetTimers implements journal.Journal.
func (j *Journal) SetTimers(ctx context.Context, set, fired []journal.Timer) error {
	if err := journal.CheckTimers(set, fired); err != nil {
		return err
	}
	return j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		var room [timerKeyLen]byte
		for i := range set {
			var value []byte
			if set[i].Window {
				value = timerOfWindow
			}
			if err := b.Set(appendTimerKey(room[:0], set[i].At, set[i].Payment), value, nil); err != nil {
				return err
			}
		}
		for i := range fired {
			if err := b.Delete(appendTimerKey(room[:0], fired[i].At, fired[i].Payment), nil); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}
