package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/payment"
)

// with calls f with a value, which is f's for the call only.
func with(from pebble.Reader, key []byte, f func(value []byte) error) error {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("journal: read of key %x: %w", key, err)
	}
	err = f(value)
	_ = closer.Close() // frees a cached block
	return err
}

// get returns a copy of a value.
func get(from pebble.Reader, key []byte) (value []byte, err error) {
	err = with(from, key, func(v []byte) error { value = bytes.Clone(v); return nil })
	return value, err
}

// within runs f over the keys from lower up to upper.
func within(from pebble.Reader, lower, upper []byte, f func(it *pebble.Iterator) error) error {
	it, err := from.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("journal: scan: %w", err)
	}
	err = f(it)
	if closed := it.Close(); err == nil && closed != nil {
		err = fmt.Errorf("journal: scan: %w", closed)
	}
	return err
}

// read is with of what is synced.
func (j *Pebble) read(key []byte, f func(value []byte) error) error {
	v, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	return with(v.snapshot, key, f)
}

// scan is within what is synced.
func (j *Pebble) scan(lower, upper []byte, f func(it *pebble.Iterator) error) error {
	v, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	return within(v.snapshot, lower, upper, f)
}

// Payment implements Journal.
func (j *Pebble) Payment(id payment.ID) (p *payment.Payment, err error) {
	var key [paymentKeyLen]byte
	err = j.read(appendPaymentKey(key[:0], id), func(value []byte) (err error) {
		p, err = decodePayment(id, value)
		return err
	})
	return p, err
}

// NewestPayment returns the highest counter of this node's payments, 0 if there is none.
func (j *Pebble) NewestPayment() (counter uint64, err error) {
	prefix := binary.BigEndian.AppendUint32([]byte{prefixPayment}, j.opts.Node)
	err = j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		if !it.Last() {
			return nil
		}
		id, err := parsePaymentKey(it.Key())
		counter = id.Counter()
		return err
	})
	return counter, err
}

// Key implements Journal.
func (j *Pebble) Key(merchant, key string) (e KeyEntry, err error) {
	var room [128]byte
	k := appendClaimKey(room[:0], merchant, key)
	if j.filter.absent(j.hashKey(k)) {
		return e, j.views.absent()
	}
	err = j.read(k, func(value []byte) (err error) {
		e, err = decodeClaim(k, value)
		return err
	})
	return e, err
}

// ByReference implements Journal. Newest is by time of creation.
func (j *Pebble) ByReference(merchant, reference string, limit int) (ids []payment.ID, more bool, err error) {
	prefix := appendReferencePrefix(nil, merchant, reference)
	err = j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		for ok := it.Last(); ok; ok = it.Prev() {
			if len(ids) >= limit {
				more = true
				return nil
			}
			tail := it.Key()[len(prefix):]
			if len(tail) != referenceTailLen {
				return badKey(it.Key(), "R, a merchant, 00, a reference, 00, 8 and 12 bytes")
			}
			ids = append(ids, payment.ID(tail[8:]))
		}
		return nil
	})
	return ids, more, err
}

// Payments implements Journal.
func (j *Pebble) Payments(afterID payment.ID, yield func(*payment.Payment) bool) error {
	lower := append(appendPaymentKey(nil, afterID), 0)
	if afterID.IsZero() {
		lower = []byte{prefixPayment}
	}
	return j.scan(lower, []byte{prefixPayment + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			id, err := parsePaymentKey(it.Key())
			if err != nil {
				return err
			}
			p, err := decodePayment(id, it.Value())
			if err != nil {
				return err
			}
			if !yield(p) {
				return nil
			}
		}
		return nil
	})
}

// SAF implements Journal. Rows come in the order of their sequence. Dequeued rows leave tombstones at the head of a
// queue, so each scan remembers where the first row stood and the next one begins there.
func (j *Pebble) SAF(host string, from uint64, yield func(SAFRow) bool) error {
	if err := checkName("host of a store-and-forward queue", host); err != nil {
		return err
	}
	v, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	mark := j.lowMark(host)
	low := mark.Load()
	first := max(from, low)
	prefix := appendSAFPrefix(nil, host)
	lower := binary.BigEndian.AppendUint64(bytes.Clone(prefix), first)
	return within(v.snapshot, lower, after(prefix), func(it *pebble.Iterator) error {
		ok := it.First()
		if first == low {
			to := safSeq(v.position, 0) // no row left: the next one is of a commit that the view does not show
			if ok {
				ref, err := parseSAFKey(it.Key())
				if err != nil {
					return err
				}
				to = ref.Seq
			}
			raise(mark, to)
		}
		for ; ok; ok = it.Next() {
			ref, err := parseSAFKey(it.Key())
			if err != nil {
				return err
			}
			row, err := decodeSAF(ref, it.Value())
			if err != nil {
				return err
			}
			if !yield(row) {
				return nil
			}
		}
		return nil
	})
}

// lowMark returns the mark below which a host's queue holds nothing. There is one a host.
func (j *Pebble) lowMark(host string) *atomic.Uint64 {
	if m, ok := j.safLow.Load(host); ok {
		return m.(*atomic.Uint64)
	}
	m, _ := j.safLow.LoadOrStore(host, new(atomic.Uint64))
	return m.(*atomic.Uint64)
}

func raise(mark *atomic.Uint64, to uint64) {
	for {
		at := mark.Load()
		if at >= to || mark.CompareAndSwap(at, to) {
			return
		}
	}
}

// SAFHosts implements Journal.
func (j *Pebble) SAFHosts() (hosts []string, err error) {
	err = j.scan([]byte{prefixSAF}, []byte{prefixSAF + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; {
			ref, err := parseSAFKey(it.Key())
			if err != nil {
				return err
			}
			hosts = append(hosts, ref.Host)
			ok = it.SeekGE(after(appendSAFPrefix(nil, ref.Host)))
		}
		return nil
	})
	return hosts, err
}

// Meta implements Journal.
func (j *Pebble) Meta(name string) (value []byte, err error) {
	err = j.read(nameKey(prefixMeta, name), func(v []byte) error { value = bytes.Clone(v); return nil })
	return value, err
}

// CounterNames lists the durable counters that numbers were ever taken from, sorted.
func (j *Pebble) CounterNames() (names []string, err error) {
	err = j.scan([]byte{prefixCounter}, []byte{prefixCounter + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			names = append(names, string(it.Key()[1:]))
		}
		return nil
	})
	return names, err
}

// Day implements Journal.
func (j *Pebble) Day(date payment.Date) (d Day, err error) {
	err = j.read(dayKey(date), func(value []byte) (err error) {
		d, err = decodeDay(date, value)
		return err
	})
	return d, err
}

// Days implements Journal. They come in the order of their dates.
func (j *Pebble) Days(yield func(Day) bool) error {
	return j.scan([]byte{prefixDay}, []byte{prefixDay + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			d, err := readDay(it)
			if err != nil {
				return err
			}
			if !yield(d) {
				return nil
			}
		}
		return nil
	})
}

func readDay(it *pebble.Iterator) (Day, error) {
	date, err := parseDayKey(it.Key())
	if err != nil {
		return Day{}, err
	}
	return decodeDay(date, it.Value())
}

// Presentments implements Journal.
func (j *Pebble) Presentments(date payment.Date, yield func(Presentment) bool) error {
	prefix := appendPresentedDate(nil, date)
	return j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			ref, err := parsePresentedKey(it.Key())
			if err != nil {
				return err
			}
			if !yield(Presentment{PresentmentRef: ref, Data: bytes.Clone(it.Value())}) {
				return nil
			}
		}
		return nil
	})
}

// Presentment implements Journal.
func (j *Pebble) Presentment(ref PresentmentRef) (Presentment, error) {
	p := Presentment{PresentmentRef: ref}
	var room [128]byte
	err := j.read(appendPresentedKey(room[:0], &ref), func(value []byte) error {
		p.Data = bytes.Clone(value)
		return nil
	})
	return p, err
}

// Log implements Journal. Positions begin at 1; one that burned a key is skipped.
func (j *Pebble) Log(from uint64, yield func(LogEntry) bool) (next uint64, err error) {
	v, err := j.views.acquire()
	if err != nil {
		return from, err
	}
	defer v.release()
	return scanLog(v.snapshot, from, func(_ *logRow, c *logCommit) bool {
		if c.Payment.IsZero() {
			return true
		}
		e := c.LogEntry
		e.Opens = append([]int(nil), e.Opens...)
		e.Closes = append([]int(nil), e.Closes...)
		return yield(e)
	})
}

// scanLog calls yield for each commit from a position on and returns the position after the last one that it yielded. The
// entry is yield's for the call only.
func scanLog(store pebble.Reader, from uint64, yield func(*logRow, *logCommit) bool) (next uint64, err error) {
	from = max(from, 1)
	next = from
	err = within(store, []byte{prefixLog}, []byte{prefixLog + 1}, func(it *pebble.Iterator) error {
		var c logCommit
		// The row that holds from is the last one whose first position is not above it.
		ok := it.SeekLT(appendLogKey(nil, from+1))
		if !ok {
			ok = it.First()
		}
		for ; ok; ok = it.Next() {
			row, err := openLogRow(it.Key(), it.Value())
			if err != nil {
				return err
			}
			for row.next(&c) {
				next = max(next, c.Position+1)
				if c.Position >= from && !yield(row, &c) {
					return nil
				}
			}
			if err := row.end(); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}
