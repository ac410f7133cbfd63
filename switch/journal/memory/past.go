package memory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Seen implements journal.Past.
func (j *Journal) Seen() clock.Seen { return j.seen }

// KeepTime implements journal.Past.
func (j *Journal) KeepTime(ctx context.Context) error {
	return j.with(ctx, func(s *Store) error { s.seen = j.clock.Seen(); return nil })
}

// LastCommit implements journal.Past.
func (j *Journal) LastCommit() time.Time { return j.last }

// NewestPayment implements journal.Past. The store is of the one node whose payments it has.
func (j *Journal) NewestPayment(ctx context.Context) (counter uint64, err error) {
	err = j.with(ctx, func(s *Store) error {
		newest := slices.MaxFunc(append(slices.Collect(maps.Keys(s.payments)), payment.ID{}), compareIDs)
		counter = newest.Counter()
		return nil
	})
	return counter, err
}

// CounterNames implements journal.Past.
func (j *Journal) CounterNames(ctx context.Context) (names []string, err error) {
	err = j.with(ctx, func(s *Store) error { names = slices.Sorted(maps.Keys(s.counters)); return nil })
	return names, err
}

// Hold implements journal.Held.
func (j *Journal) Hold() *journal.Hold {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.s.hold
}

// AddHold implements journal.Held.
func (j *Journal) AddHold(ctx context.Context, reason string) error {
	return j.with(ctx, func(s *Store) error { s.hold = s.hold.With(reason, j.clock.Now()); return nil })
}

// Release implements journal.Held.
func (j *Journal) Release(ctx context.Context) error {
	return j.with(ctx, func(s *Store) error { s.hold = nil; return nil })
}

// Lost implements journal.Held: nothing outside knows of a store.
func (j *Journal) Lost() (batch uint64, ok bool) { return 0, false }

// Backup implements journal.Engine.
func (j *Journal) Backup(string) (position uint64, err error) {
	return 0, errors.New("journal: one in memory has no files to copy")
}
