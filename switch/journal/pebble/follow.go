package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

// Events implements journal.Journal.
func (j *Journal) Events(ctx context.Context, from uint64, yield func(journal.Event) bool) (next uint64, err error) {
	next = from
	lower, upper := appendNumberKey(nil, prefixEvent, from), []byte{prefixEvent + 1}
	err = j.scan(lower, upper, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			position, err := parseNumberKey(it.Key())
			if err != nil {
				return false, err
			}
			e, err := record.DecodeEvent(position, it.Value())
			if err != nil {
				return false, err
			}
			next = position + 1
			return yield(e), nil
		})
	})
	return next, err
}

// SweepEvents implements journal.Journal.
func (j *Journal) SweepEvents(ctx context.Context, below uint64, limit int) (swept int, more bool, err error) {
	if err := journal.CheckEventSweep(limit); err != nil {
		return 0, false, err
	}
	err = j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		end := appendNumberKey(nil, prefixEvent, below)
		err := within(j.db, []byte{prefixEvent}, end, func(it *pebble.Iterator) error {
			for ok := it.First(); ok; ok = it.Next() {
				if swept == limit {
					more, end = true, append([]byte(nil), it.Key()...)
					return nil
				}
				swept++
			}
			return nil
		})
		if err != nil || swept == 0 {
			return err
		}
		return b.DeleteRange([]byte{prefixEvent}, end, nil)
	}, nil)
	if err != nil {
		return 0, false, err
	}
	return swept, more, nil
}
