package pebble

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

// The time that was seen last, by which the next start judges its clock. It goes along with a group's batch, and while
// nothing is committed KeepTime writes it.

// seenEvery bounds how often it is written with groups: by how much a start may find it too early.
const seenEvery = time.Second

// seen adds the time to a batch.
func (c *committer) seen(b *pebble.Batch) {
	must(b.Set(keySeen, record.AppendSeen(nil, c.j.opts.Clock.Seen()), nil))
	c.seenAt = time.Now()
}

// loadSeen reads the time that was seen last. A journal of a program that kept none has the time of its last group.
func (j *Journal) loadSeen() error {
	value, err := get(j.db, keySeen)
	if err == nil {
		j.seen, err = record.DecodeSeen(value)
		return err
	}
	if !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	return within(j.db, []byte{prefixLog}, []byte{prefixLog + 1}, func(it *pebble.Iterator) error {
		if !it.Last() {
			return nil
		}
		row, err := openRow(it.Key(), it.Value())
		if err == nil {
			j.seen.At = row.At
		}
		return err
	})
}

// Seen returns what the journal's clock had shown before it was opened; zero in a new journal.
func (j *Journal) Seen() clock.Seen { return j.seen }

// KeepTime writes the time that the clock shows, for the next start.
func (j *Journal) KeepTime(ctx context.Context) error {
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		c.seen(b)
		return nil
	}, nil)
}
