package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"switchyard/switch/journal"
)

// Timers implements journal.Journal.
func (j *Journal) Timers(
	ctx context.Context, behind journal.Timer, until time.Time, yield func(journal.Timer) bool,
) error {
	compare := func(a, b journal.Timer) int { return cmp.Or(a.At.Compare(b.At), compareIDs(a.Payment, b.Payment)) }
	all := behind.At.IsZero() && behind.Payment.IsZero()
	var list []journal.Timer
	err := j.with(ctx, func(s *Store) error {
		for t, window := range s.timers {
			t.Window = window
			list = append(list, t)
		}
		slices.SortFunc(list, compare)
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, slices.DeleteFunc(list, func(t journal.Timer) bool {
		return t.At.After(until) || !all && compare(t, behind) <= 0
	}), yield)
}

// SetTimers implements journal.Journal.
func (j *Journal) SetTimers(ctx context.Context, set, fired []journal.Timer) error {
	if err := journal.CheckTimers(set, fired); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error {
		for _, t := range set {
			s.timers[journal.Timer{At: t.At.UTC(), Payment: t.Payment}] = t.Window
		}
		for _, t := range fired {
			delete(s.timers, journal.Timer{At: t.At.UTC(), Payment: t.Payment})
		}
		return nil
	})
}
