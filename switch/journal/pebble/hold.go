package pebble

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

// ErrDamaged says that a journal lacks what was synced: its newest log file ends too early, or is not there.
var ErrDamaged = errors.New("journal: damaged")

// syncedRecord is what every batch carries.
type syncedRecord struct {
	identity identity
	batch    uint64
	marked   bool // there has been a mark outside
}

const syncedLen = len(identity{}) + 8 + 1

func (r *syncedRecord) append(b []byte) []byte {
	b = append(b, r.identity[:]...)
	b = binary.BigEndian.AppendUint64(b, r.batch)
	if r.marked {
		return append(b, 1)
	}
	return append(b, 0)
}

// readSynced reads it; it is zero in a journal of a program that did not know it.
func readSynced(from pebble.Reader) (r syncedRecord, err error) {
	err = with(from, keySynced, func(v []byte) error {
		if len(v) != syncedLen || v[syncedLen-1] > 1 {
			return &record.FormatError{Record: "number of the newest batch", Field: "value", Offset: 0,
				Want: fmt.Sprintf("%d bytes, the last 0 or 1", syncedLen)}
		}
		copy(r.identity[:], v)
		r.batch, r.marked = binary.BigEndian.Uint64(v[len(r.identity):]), v[syncedLen-1] == 1
		return nil
	})
	if errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return r, err
}

// checkInside holds a journal against the mark in its folder before it is opened: opening one for writing makes new
// log files of what it finds, and a log that only was in another place could not be put back any more.
func checkInside(o *Options) error {
	m, err := readMark(o.FS, o.FS.PathJoin(o.Dir, insideMark))
	if errors.Is(err, journal.ErrNotFound) {
		return nil // new, or of a program that wrote none
	}
	if err != nil {
		return err
	}
	db, err := pebble.Open(o.Dir, &pebble.Options{
		FS: o.FS, ReadOnly: true, ErrorIfNotExists: true, Logger: silent{}, FormatMajorVersion: pebble.FormatTableFormatV6,
	})
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return fmt.Errorf("%w: %s has a mark and no journal", ErrDamaged, o.Dir)
	case err != nil:
		return openError(o.Dir, err)
	}
	r, err := readSynced(db)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	switch {
	case r.identity != m.Identity:
		return fmt.Errorf("%w: the mark in %s is another journal's", ErrDamaged, o.Dir)
	case r.batch < m.Batch && !mutant.On(mutant.DamagedLogTaken):
		return fmt.Errorf("%w: %s ends with batch %d, and batch %d was synced: its newest log file (*.log) is "+
			"damaged or missing",
			ErrDamaged, o.Dir, r.batch, m.Batch)
	}
	return nil
}

// silent drops what Pebble has to say of a store that is only looked at; errors are returned.
type silent struct{}

// Infof implements pebble.Logger.
func (silent) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (silent) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger.
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// openMarks holds the journal against the mark outside, gives it an identity if it has none, and begins its marks.
func (j *Journal) openMarks(c *committer) error {
	reason, err := j.judge(c)
	if err != nil {
		return err
	}
	if reason != "" {
		h := j.held.Load().With(reason, j.opts.Clock.Now())
		if err := j.db.Set(keyHold, encodeHold(h), pebble.Sync); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		j.held.Store(h)
	}
	fresh := c.synced.identity == identity{}
	if fresh {
		c.synced.identity = j.newIdentity()
	}
	if j.opts.Mark != "" && j.held.Load() == nil {
		// Before the journal says that there is one: a crash in between leaves a mark of nothing, which is taken over.
		if err := j.openOutside(c.mark()); err != nil {
			return err
		}
		fresh = fresh || !c.synced.marked
		c.synced.marked = true
	}
	if fresh {
		if err := j.db.Set(keySynced, c.synced.append(nil), pebble.Sync); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	j.inside, err = openMarker(j.opts.FS, j.opts.FS.PathJoin(j.opts.Dir, insideMark), c.mark(),
		func(err error) { j.fail("the journal's mark cannot be synced", err) })
	return err
}

// judge says why the mark outside tells of another past than the journal's, or "".
func (j *Journal) judge(c *committer) (reason string, err error) {
	if j.opts.Mark == "" {
		return "", nil
	}
	own := &c.synced
	m, err := readMark(j.opts.FS, j.opts.Mark)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		if own.marked {
			return fmt.Sprintf("its mark %s is not there: the data folder came from elsewhere, or the mark was moved",
				j.opts.Mark), nil
		}
		return "", nil
	case err != nil:
		return "", err
	case own.identity == identity{} && m.Batch == 0:
		own.identity = m.Identity // a first start that was broken off
		return "", nil
	case m.Identity != own.identity:
		return fmt.Sprintf("the mark %s is of another journal", j.opts.Mark), nil
	case m.Batch > own.batch:
		j.lost.Store(&m)
		return fmt.Sprintf("it is an earlier copy: it ends with batch %d, and its mark %s knows of batch %d", own.batch,
			j.opts.Mark, m.Batch), nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.Counters)) { // those of earlier dates first
		c.remember(name, m.Counters[name])
	}
	return "", nil
}

// openOutside begins the mark outside. It guards against what people do with folders, not against the disk: where it
// cannot be written the journal goes on without it, and says so.
func (j *Journal) openOutside(m *mark) (err error) {
	failed := func(err error) {
		j.logger.Error("the mark outside of the data folder cannot be written: an earlier copy of the folder "+
			"would not be recognised", zap.Error(err))
	}
	j.outside, err = openMarker(j.opts.FS, j.opts.Mark, m, failed)
	if errors.Is(err, fs.ErrPermission) {
		failed(err)
		return nil
	}
	return err
}

func (j *Journal) newIdentity() (id identity) {
	binary.BigEndian.PutUint64(id[:8], uint64(j.opts.Clock.Now().UnixNano()))
	binary.BigEndian.PutUint64(id[8:], j.opts.Seed)
	return id
}

// mark is the mark of the newest batch.
func (c *committer) mark() *mark {
	return &mark{Identity: c.synced.identity, Batch: c.synced.batch, Counters: maps.Clone(c.marked)}
}

// number gives a batch its number, which stands in it.
func (c *committer) number(g *group, b *pebble.Batch) {
	c.synced.batch++
	var room [syncedLen]byte
	must(b.Set(keySynced, c.synced.append(room[:0]), nil))
	g.mark = mark{Identity: c.synced.identity, Batch: c.synced.batch}
	if c.moved {
		g.mark.Counters, c.moved = maps.Clone(c.marked), false
	}
	g.released, c.released = c.released, false
}

// note takes a counter's next number into the mark of the batch under way.
func (c *committer) note(counter string, next uint64) {
	if c.j.opts.Marked == nil || !c.j.opts.Marked(counter) {
		return
	}
	c.remember(counter, next)
	c.moved = true
}

// ofOneTime tells whether a counter is one of many that follow each other, as one of each business date, by a part of
// its name. One that goes on for ever stays in the mark, however seldom it moves.
func ofOneTime(counter string) bool { return strings.Contains(counter, "/") }

func (c *committer) remember(counter string, next uint64) {
	c.order = append(slices.DeleteFunc(c.order, func(name string) bool { return name == counter }), counter)
	if len(c.order) > maxMarked {
		gone := max(0, slices.IndexFunc(c.order, ofOneTime))
		delete(c.marked, c.order[gone])
		c.order = slices.Delete(c.order, gone, gone+1)
	}
	c.marked[counter] = next
}

// writeMarks notes that a group is synced.
func (j *Journal) writeMarks(g *group) error {
	if g.released && j.opts.Mark != "" && j.outside == nil {
		if err := j.openOutside(&g.mark); err != nil {
			return err
		}
	}
	for _, k := range []*marker{j.inside, j.outside} {
		if k == nil {
			continue
		}
		write := k.synced
		if g.mark.Counters != nil {
			write = k.reserved
		}
		if err := write(&g.mark); err != nil {
			if k == j.inside {
				return err
			}
			k.failed(err)
		}
	}
	return nil
}

func encodeHold(h *journal.Hold) []byte {
	text, err := json.Marshal(h)
	must(err) // it has nothing that could not be encoded
	return text
}

func (j *Journal) loadHold() error {
	err := with(j.db, keyHold, func(v []byte) error {
		h := &journal.Hold{}
		if err := json.Unmarshal(v, h); err != nil {
			return &record.FormatError{Record: "hold", Field: "value", Offset: 0, Want: "JSON"}
		}
		j.held.Store(h)
		return nil
	})
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	return err
}

// Hold returns why the journal is held, nil if it is not. The journal itself takes what it is given all the same.
func (j *Journal) Hold() *journal.Hold { return j.held.Load() }

// LastCommit is the time of the newest commit when the journal was opened, the zero time if there was none.
func (j *Journal) LastCommit() time.Time { return j.last }

// Lost tells how many batches the mark outside knows of that the journal, which is held, does not have; ok is false
// where there is no mark that is ahead of it.
func (j *Journal) Lost() (batches uint64, ok bool) {
	m := j.lost.Load()
	if m == nil {
		return 0, false
	}
	return m.Batch, true
}

// AddHold holds the journal, for one more reason, until Release; durably.
func (j *Journal) AddHold(ctx context.Context, reason string) error {
	h := j.held.Load().With(reason, j.opts.Clock.Now())
	return j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		return b.Set(keyHold, encodeHold(h), nil)
	}, func() { j.held.Store(h) })
}

// Release ends the hold, durably. What the mark outside knows of is past from now on: the counters in it go on from
// where it saw them, and the mark follows this journal.
func (j *Journal) Release(ctx context.Context) error {
	return j.control(ctx, func(c *committer, b *pebble.Batch) error {
		if lost := j.lost.Load(); lost != nil {
			c.synced.batch = max(c.synced.batch, lost.Batch)
			for counter, next := range lost.Counters {
				if err := c.raise(b, counter, next); err != nil {
					return err
				}
			}
		}
		c.synced.marked = j.opts.Mark != ""
		c.moved, c.released = true, true
		return b.Delete(keyHold, nil)
	}, func() {
		j.held.Store(nil)
		j.lost.Store(nil)
	})
}

// raise moves a counter on to next, unless it is beyond.
func (c *committer) raise(b *pebble.Batch, counter string, next uint64) error {
	key := nameKey(prefixCounter, counter)
	have, known := c.counters[counter]
	if !known {
		value, err := get(c.j.db, key)
		if err == nil {
			have, err = record.DecodeNumber("counter "+counter, value)
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return err
		}
	}
	next = max(have, next)
	c.counters[counter] = next
	c.note(counter, next)
	return b.Set(key, record.AppendNumber(nil, next), nil)
}
