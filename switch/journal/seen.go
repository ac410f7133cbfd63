package journal

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/clock"
)

// The time that was seen last, by which the next start judges its clock. It goes along with a group's batch, and while
// nothing is committed KeepTime writes it.

const (
	seenFormat = 1
	// seenEvery bounds how often it is written with groups: by how much a start may find it too early.
	seenEvery = time.Second
)

func appendSeen(b []byte, seen clock.Seen) []byte {
	b = appendTime(append(b, seenFormat), seen.At)
	b = appendTime(b, seen.Latest)
	if seen.Stepped {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeSeen(value []byte) (seen clock.Seen, err error) {
	d := newDecoder(value, func() string { return "time seen last" })
	d.version(seenFormat)
	seen.At = d.time("time")
	seen.Latest = d.time("latest")
	seen.Stepped = d.bool("stepped")
	return seen, d.end()
}

// seen adds the time to a batch.
func (c *committer) seen(b *pebble.Batch) {
	must(b.Set(keySeen, appendSeen(nil, c.j.opts.Clock.Seen()), nil))
	c.seenAt = time.Now()
}

// loadSeen reads the time that was seen last. A journal of a program that kept none has the time of its last group.
func (j *Pebble) loadSeen() error {
	value, err := get(j.db, keySeen)
	if err == nil {
		j.seen, err = decodeSeen(value)
		return err
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	return within(j.db, []byte{prefixLog}, []byte{prefixLog + 1}, func(it *pebble.Iterator) error {
		if !it.Last() {
			return nil
		}
		row, err := openLogRow(it.Key(), it.Value())
		if err == nil {
			j.seen.At = row.at
		}
		return err
	})
}

// Seen returns what the journal's clock had shown before it was opened; zero in a new journal.
func (j *Pebble) Seen() clock.Seen { return j.seen }

// KeepTime writes the time that the clock shows, for the next start.
func (j *Pebble) KeepTime(ctx context.Context) error {
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		c.seen(b)
		return nil
	}, nil)
}
