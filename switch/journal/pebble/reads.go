package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// with calls f with a value, which is f's for the call only.
func with(from pebble.Reader, key []byte, f func(value []byte) error) error {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return journal.ErrNotFound
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

// each calls f for each row from where the iterator stands on, ok if there is one, until f wants no more or ctx ends.
func each(ctx context.Context, it *pebble.Iterator, ok bool, f func() (more bool, err error)) error {
	for ; ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err := f(); err != nil || !more {
			return err
		}
	}
	return nil
}

// read is with of what is synced.
func (j *Journal) read(key []byte, f func(value []byte) error) error {
	v, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	return with(v.snapshot, key, f)
}

// scan is within what is synced.
func (j *Journal) scan(lower, upper []byte, f func(it *pebble.Iterator) error) error {
	v, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	return within(v.snapshot, lower, upper, f)
}

// Payment implements journal.Journal.
func (j *Journal) Payment(_ context.Context, id payment.ID) (p *payment.Payment, err error) {
	var key [paymentKeyLen]byte
	err = j.read(appendPaymentKey(key[:0], id), func(value []byte) (err error) {
		p, err = record.DecodePayment(id, value)
		return err
	})
	return p, err
}

// NewestPayment returns the highest counter of this node's payments, 0 if there is none.
func (j *Journal) NewestPayment(context.Context) (counter uint64, err error) {
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

// Key implements journal.Journal.
func (j *Journal) Key(_ context.Context, merchant, key string) (e journal.KeyEntry, err error) {
	var room [128]byte
	claim := appendClaim(room[:0], merchant, key)
	for range j.stretches.mayHold(j.hashKey(claim[claimHead:])) {
		return j.claimed(merchant, key)
	}
	return e, j.views.absent()
}

// claimed is Key where some stretch may hold it. It stands by itself because what it looks with goes to the heap, which
// a key that is new, as most are, need not pay for.
func (j *Journal) claimed(merchant, key string) (e journal.KeyEntry, err error) {
	claim := appendClaim(nil, merchant, key)
	var v *view // of one moment, whatever is swept and claimed again
	for s := range j.stretches.mayHold(j.hashKey(claim[claimHead:])) {
		if v == nil {
			if v, err = j.views.acquire(); err != nil {
				return e, err
			}
			defer v.release()
		}
		row := s.rowKey(claim)
		err = with(v.snapshot, row, func(value []byte) (err error) {
			e, err = record.DecodeKey(claimName(row), value)
			return err
		})
		if !errors.Is(err, journal.ErrNotFound) {
			return e, err
		}
	}
	return e, j.views.absent()
}

// ByReference implements journal.Journal. Newest is by time of creation.
func (j *Journal) ByReference(ctx context.Context, merchant, reference string, limit int) (ids []payment.ID,
	more bool, err error) {
	prefix := appendReferencePrefix(nil, merchant, reference)
	err = j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		for ok := it.Last(); ok; ok = it.Prev() {
			if err := ctx.Err(); err != nil {
				return err
			}
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

// Payments implements journal.Journal.
func (j *Journal) Payments(ctx context.Context, afterID payment.ID, yield func(*payment.Payment) bool) error {
	lower := append(appendPaymentKey(nil, afterID), 0)
	if afterID.IsZero() {
		lower = []byte{prefixPayment}
	}
	return j.scan(lower, []byte{prefixPayment + 1}, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			id, err := parsePaymentKey(it.Key())
			if err != nil {
				return false, err
			}
			p, err := record.DecodePayment(id, it.Value())
			return err == nil && yield(p), err
		})
	})
}

// SAF implements journal.Journal. Rows come in the order of their sequence. Dequeued rows leave tombstones at the
// head of a
// queue, so each scan remembers where the first row stood and the next one begins there.
func (j *Journal) SAF(ctx context.Context, host string, from uint64, yield func(journal.SAFRow) bool) error {
	if err := journal.CheckName("host of a store-and-forward queue", host); err != nil {
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
		return each(ctx, it, ok, func() (bool, error) {
			ref, err := parseSAFKey(it.Key())
			if err != nil {
				return false, err
			}
			row, err := record.DecodeSAF(ref, it.Value())
			return err == nil && yield(row), err
		})
	})
}

// lowMark returns the mark below which a host's queue holds nothing. There is one a host.
func (j *Journal) lowMark(host string) *atomic.Uint64 {
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

// SAFHosts implements journal.Journal.
func (j *Journal) SAFHosts(ctx context.Context) (hosts []string, err error) {
	err = j.scan([]byte{prefixSAF}, []byte{prefixSAF + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; {
			if err := ctx.Err(); err != nil {
				return err
			}
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

// Meta implements journal.Journal.
func (j *Journal) Meta(_ context.Context, name string) (value []byte, err error) {
	err = j.read(nameKey(prefixMeta, name), func(v []byte) error { value = bytes.Clone(v); return nil })
	return value, err
}

// Metas implements journal.Journal.
func (j *Journal) Metas(ctx context.Context, prefix string, yield func(name string, value []byte) bool) error {
	lower := nameKey(prefixMeta, prefix)
	return j.scan(lower, after(lower), func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			return yield(string(it.Key()[1:]), bytes.Clone(it.Value())), nil
		})
	})
}

// CounterNames lists the durable counters that numbers were ever taken from, sorted.
func (j *Journal) CounterNames(ctx context.Context) (names []string, err error) {
	err = j.scan([]byte{prefixCounter}, []byte{prefixCounter + 1}, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			names = append(names, string(it.Key()[1:]))
			return true, nil
		})
	})
	return names, err
}

// Day implements journal.Journal.
func (j *Journal) Day(_ context.Context, date payment.Date) (d journal.Day, err error) {
	err = j.read(dayKey(date), func(value []byte) (err error) {
		d, err = record.DecodeDay(date, value)
		return err
	})
	return d, err
}

// Days implements journal.Journal. They come in the order of their dates.
func (j *Journal) Days(ctx context.Context, yield func(journal.Day) bool) error {
	return j.scan([]byte{prefixDay}, []byte{prefixDay + 1}, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			d, err := readDay(it)
			return err == nil && yield(d), err
		})
	})
}

func readDay(it *pebble.Iterator) (journal.Day, error) {
	date, err := parseDayKey(it.Key())
	if err != nil {
		return journal.Day{}, err
	}
	return record.DecodeDay(date, it.Value())
}

// Presentments implements journal.Journal.
func (j *Journal) Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error {
	prefix := appendPresentedDate(nil, date)
	var ref journal.PresentmentRef
	return j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			err := readPresentedKey(&ref, it.Key())
			return err == nil && yield(journal.Presentment{PresentmentRef: ref, Data: bytes.Clone(it.Value())}), err
		})
	})
}

// Presentment implements journal.Journal.
func (j *Journal) Presentment(_ context.Context, ref journal.PresentmentRef) (journal.Presentment, error) {
	p := journal.Presentment{PresentmentRef: ref}
	var room [128]byte
	err := j.read(appendPresentedKey(room[:0], &ref), func(value []byte) error {
		p.Data = bytes.Clone(value)
		return nil
	})
	return p, err
}

// scanLog calls yield for each commit from a position on and returns the position after the last one that it yielded.
// The entry is yield's for the call only.
func scanLog(store pebble.Reader, from uint64, yield func(*record.LogRow, *record.LogEntry) bool) (next uint64,
	err error) {
	from = max(from, 1)
	next = from
	err = within(store, []byte{prefixLog}, []byte{prefixLog + 1}, func(it *pebble.Iterator) error {
		var c record.LogEntry
		// The row that holds from is the last one whose first position is not above it.
		ok := it.SeekLT(appendLogKey(nil, from+1))
		if !ok {
			ok = it.First()
		}
		for ; ok; ok = it.Next() {
			row, err := openRow(it.Key(), it.Value())
			if err != nil {
				return err
			}
			for row.Next(&c) {
				next = max(next, c.Position+1)
				if c.Position >= from && !yield(row, &c) {
					return nil
				}
			}
			if err := row.End(); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}
