package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// versionSlots bounds the version table: the payments of the last seconds under full load, which is where almost every
// second transition of a payment finds its first. 2 MiB.
const versionSlots = 1 << 17

// versionTable holds the versions of this node's newest payments, so that their transitions need no look-up. A payment
// lies in the slot of its counter and makes way for a higher counter only. So a counter above both its slot's and the
// highest that was stored at the start has never been used.
type versionTable struct {
	node  uint32
	start uint64 // highest counter stored when the journal was opened
	slots []versionSlot
}

type versionSlot struct{ counter, version uint64 }

func (t *versionTable) init(node uint32, start uint64) {
	*t = versionTable{node: node, start: start, slots: make([]versionSlot, versionSlots)}
}

// get returns the version of a payment, 0 for one that does not exist, and false if it has to be looked up.
func (t *versionTable) get(id payment.ID) (version uint64, known bool) {
	if id.Node() != t.node {
		return 0, false
	}
	n := id.Counter()
	switch s := &t.slots[n%versionSlots]; {
	case s.counter == n && s.version > 0:
		return s.version, true
	case s.counter < n && n > t.start:
		return 0, true
	}
	return 0, false
}

// put notes a version and tells whether the table holds it.
func (t *versionTable) put(id payment.ID, version uint64) bool {
	if id.Node() != t.node {
		return false
	}
	n := id.Counter()
	s := &t.slots[n%versionSlots]
	if s.counter > n {
		return false
	}
	*s = versionSlot{n, version}
	return true
}

// intentList knows the open intents and the log position of the oldest: where OpenIntents must begin to read after a
// restart. It holds what is in flight, which the callers bound.
type intentList struct {
	positions map[journal.IntentRef]uint64
	queue     []openedAt // in order of position; closed ones are dropped from the front, or all at once when they prevail
}

type openedAt struct {
	ref      journal.IntentRef
	position uint64
}

// intentSlack is how many closed intents the queue may hold beyond as many as are open.
const intentSlack = 1024

func (l *intentList) open(ref journal.IntentRef, position uint64) {
	if l.positions == nil {
		l.positions = map[journal.IntentRef]uint64{}
	}
	l.positions[ref] = position
	if len(l.queue) > 2*len(l.positions)+intentSlack {
		l.queue = slices.DeleteFunc(l.queue, l.closed)
	}
	l.queue = append(l.queue, openedAt{ref, position})
}

func (l *intentList) close(ref journal.IntentRef) { delete(l.positions, ref) }

func (l *intentList) closed(o openedAt) bool {
	at, open := l.positions[o.ref]
	return !open || at != o.position
}

// low returns the position of the oldest open intent, or next if none is open.
func (l *intentList) low(next uint64) uint64 {
	for i := range l.queue {
		if !l.closed(l.queue[i]) {
			l.queue = l.queue[i:]
			return l.queue[0].position
		}
	}
	l.queue = l.queue[:0]
	return next
}

// refs lists the open intents in the order in which they were opened.
func (l *intentList) refs() []journal.IntentRef {
	open := make([]journal.IntentRef, 0, len(l.positions))
	for _, o := range l.queue {
		if !l.closed(o) {
			open = append(open, o.ref)
		}
	}
	return open
}

// load reads what the committer must know from the store.
func (c *committer) load() error {
	start, err := c.newestPayment()
	if err != nil {
		return err
	}
	c.versions.init(c.j.opts.Node, start)
	if err := c.loadDays(); err != nil {
		return err
	}
	if c.synced, err = readSynced(c.j.db); err != nil {
		return err
	}
	return c.loadLog()
}

// newestPayment returns the highest counter of this node's payments.
func (c *committer) newestPayment() (counter uint64, err error) {
	var last []byte
	prefix := binary.BigEndian.AppendUint32([]byte{prefixPayment}, c.j.opts.Node)
	err = within(c.j.db, prefix, after(prefix), func(it *pebble.Iterator) error {
		if it.Last() {
			last = append(last, it.Key()...)
		}
		return nil
	})
	if err != nil || last == nil {
		return 0, err
	}
	id, err := parsePaymentKey(last)
	return id.Counter(), err
}

func (c *committer) loadDays() error {
	return within(c.j.db, []byte{prefixDay}, []byte{prefixDay + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			d, err := readDay(it)
			if err != nil {
				return err
			}
			if d.State == journal.DayOpen {
				if c.openDay != 0 {
					return fmt.Errorf("journal: business dates %s and %s are both open", c.openDay, d.Date)
				}
				c.openDay = d.Date
				c.j.openDay.Store(int32(d.Date))
			}
			c.days[d.Date] = d.State
		}
		return nil
	})
}

// loadLog finds the open intents from the low-water mark on, and the end of the log.
func (c *committer) loadLog() error {
	low := uint64(1)
	switch value, err := get(c.j.db, keyLow); {
	case err == nil:
		if low, err = record.DecodeNumber("low-water mark of open intents", value); err != nil {
			return err
		}
	case !errors.Is(err, journal.ErrNotFound):
		return err
	}
	next, err := scanLog(c.j.db, low, func(_ *record.LogRow, e *record.LogEntry) bool {
		for _, op := range e.Opens {
			c.intents.open(journal.IntentRef{Payment: e.Payment, Op: op}, e.Position)
		}
		for _, op := range e.Closes {
			c.intents.close(journal.IntentRef{Payment: e.Payment, Op: op})
		}
		return true
	})
	if err != nil {
		return err
	}
	c.position = next
	c.lowWritten = low
	c.j.intents = c.intents.refs()
	if err := c.loadStretches(); err != nil {
		return err
	}
	return c.loadLast()
}

// loadLast finds the time of the newest commit.
func (c *committer) loadLast() error {
	return within(c.j.db, []byte{prefixLog}, []byte{prefixLog + 1}, func(it *pebble.Iterator) error {
		if !it.Last() {
			return nil
		}
		row, err := openRow(it.Key(), it.Value())
		if err == nil {
			c.j.last = row.At
		}
		return err
	})
}
