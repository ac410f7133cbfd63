package pebble

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// Walk implements journal.Journal.
func (j *Journal) Walk() journal.Walk { return &walk{j: j} }

// walk is an iterator over payments, and one that is read over and over: a lookup by key, and a payment made anew for
// each, is most of what it takes to close a day.
type walk struct {
	j    *Journal
	view *view            // nil before the first read
	it   *pebble.Iterator // of view
	on   bool             // it stands on a row
	key  [paymentKeyLen]byte
	p    payment.Payment
	read bool // p is what the key names
}

// stepsAhead is how many rows are passed over before one is looked for by its key, which takes as long as some of them.
const stepsAhead = 8

// Payment implements journal.Walk.
func (w *walk) Payment(id payment.ID) (*payment.Payment, error) {
	if w.read && w.p.ID == id {
		return &w.p, nil
	}
	if w.it == nil {
		if err := w.begin(); err != nil {
			return nil, err
		}
	}
	w.read = false
	key := appendPaymentKey(w.key[:0], id)
	for range stepsAhead {
		if !w.on || bytes.Compare(w.it.Key(), key) >= 0 {
			break
		}
		w.on = w.it.Next()
	}
	if !w.on || !bytes.Equal(w.it.Key(), key) {
		w.on = w.it.SeekGE(key)
	}
	if err := w.it.Error(); err != nil {
		return nil, fmt.Errorf("journal: read of key %x: %w", key, err)
	}
	if !w.on || !bytes.Equal(w.it.Key(), key) {
		return nil, journal.ErrNotFound
	}
	value, err := w.it.ValueAndErr()
	if err != nil {
		return nil, fmt.Errorf("journal: read of key %x: %w", key, err)
	}
	if err := record.DecodePaymentInto(&w.p, id, value); err != nil {
		return nil, err
	}
	w.read = true
	return &w.p, nil
}

func (w *walk) begin() (err error) {
	if w.view, err = w.j.views.acquire(); err != nil {
		return err
	}
	w.it, err = w.view.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: []byte{prefixPayment}, UpperBound: []byte{prefixPayment + 1},
	})
	if err != nil {
		w.view.release()
		w.view = nil
		return fmt.Errorf("journal: scan: %w", err)
	}
	return nil
}

// Close implements journal.Walk.
func (w *walk) Close() (err error) {
	if w.it != nil {
		if err = w.it.Close(); err != nil {
			err = fmt.Errorf("journal: scan: %w", err)
		}
		w.view.release()
	}
	w.it, w.view, w.on, w.read = nil, nil, false, false
	return err
}
