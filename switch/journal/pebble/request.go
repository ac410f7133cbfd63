package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// request is a transition on its way through the committer: encoded by its caller, so that the one committer only
// checks and copies.
type request struct {
	// control, if set, is run by the committer between groups instead of everything below; see control.go.
	control func(c *committer, b *pebble.Batch) error

	id       payment.ID // zero: burns keys and touches no payment
	version  uint64
	day      payment.Date
	unsealed payment.Date
	dates    []payment.Date // of presentments added and withdrawn
	opens    []int
	closes   []int

	// Rows are slices of buf: a key, and a value unless the row is a deletion.
	buf     []byte
	payment row
	claims  []keyRow
	rows    []row
	entry   row // the log entry, all of it value

	// Set by the committer.
	position uint64
	taken    int // the claim that was refused, with err = errTaken
	holds    journal.KeyEntry
	err      error
	after    func() // run once synced, before the caller wakes

	started time.Time
	state   atomic.Int32
	lot     *lot          // it was handed over with others; nil: by itself
	done    chan struct{} // one token when one by itself is finished; it is made once and used again
}

// keyRow is the row of an idempotency key. The committer puts it into a stretch.
type keyRow struct {
	row
	hash uint64 // of its name
}

type row struct {
	kind            rowKind
	key, value, end int // where the key begins, the value begins, the value ends
}

type rowKind uint8

const (
	rowSet rowKind = iota
	rowDelete
	rowQueue // a set whose key ends with a sequence that the committer fills in
	rowEvent // likewise, with a position
)

// The states of a request. Whoever moves it from queued decides its fate: the committer by taking it, the caller by
// giving up.
const (
	requestQueued = iota
	requestTaken
	requestAbandoned
	requestFinished
)

// errTaken says that a claim was refused; Commit makes a KeyTakenError of it.
var errTaken = errors.New("journal: key taken")

// maxRetained bounds the buffer that a pooled request keeps.
const maxRetained = 64 << 10

func (r *request) key(kind rowKind) row { return row{kind: kind, key: len(r.buf)} }

func (r *request) reset() {
	*r = request{
		dates: r.dates[:0], opens: r.opens[:0], closes: r.closes[:0],
		buf: r.buf[:0], claims: r.claims[:0], rows: r.rows[:0],
		done: r.done,
	}
	if cap(r.buf) > maxRetained {
		r.buf = nil
	}
}

// encode fills r with t. latest is what its keys are kept from.
func (r *request) encode(t *journal.Transition, latest time.Time, hashKey func([]byte) uint64) (err error) {
	p := t.Payment
	if err := t.Check(); err != nil {
		return err
	}
	r.id, r.version, r.day, r.unsealed = p.ID, p.Version, t.Day, t.Unsealed
	r.opens = append(r.opens, t.Opens...)
	r.closes = append(r.closes, t.Closes...)

	r.payment = r.key(rowSet)
	r.buf = appendPaymentKey(r.buf, p.ID)
	r.payment.value = len(r.buf)
	if r.buf, err = record.AppendPayment(r.buf, p); err != nil {
		return err
	}
	r.payment.end = len(r.buf)

	r.encodeClaims(p.ID, t.Keys, latest, hashKey)
	if p.Version == 1 && p.Reference != "" {
		w := r.key(rowSet)
		r.buf = appendReferenceKey(r.buf, p)
		w.value, w.end = len(r.buf), len(r.buf)
		r.rows = append(r.rows, w)
	}
	for i := range t.Queue {
		w := r.key(rowQueue)
		r.buf = appendSAFKey(r.buf, journal.SAFRef{Host: t.Queue[i].Host})
		w.value = len(r.buf)
		r.buf = record.AppendSAF(r.buf, &t.Queue[i])
		w.end = len(r.buf)
		r.rows = append(r.rows, w)
	}
	for i := range t.Dequeue {
		w := r.key(rowDelete)
		r.buf = appendSAFKey(r.buf, t.Dequeue[i])
		w.value, w.end = len(r.buf), len(r.buf)
		r.rows = append(r.rows, w)
	}
	for i := range t.Present {
		w := r.key(rowSet)
		r.buf = appendPresentedKey(r.buf, &t.Present[i].PresentmentRef)
		w.value = len(r.buf)
		r.buf = append(r.buf, t.Present[i].Data...)
		w.end = len(r.buf)
		r.rows = append(r.rows, w)
		r.dates = append(r.dates, t.Present[i].Date)
	}
	for i := range t.Withdraw {
		w := r.key(rowDelete)
		r.buf = appendPresentedKey(r.buf, &t.Withdraw[i])
		w.value, w.end = len(r.buf), len(r.buf)
		r.rows = append(r.rows, w)
		r.dates = append(r.dates, t.Withdraw[i].Date)
	}
	for i := range t.Events {
		w := r.key(rowEvent)
		r.buf = appendNumberKey(r.buf, prefixEvent, 0)
		w.value = len(r.buf)
		r.buf = record.AppendEvent(r.buf, p.ID, &t.Events[i])
		w.end = len(r.buf)
		r.rows = append(r.rows, w)
	}
	for _, at := range t.Timers {
		r.encodeTimer(rowSet, at, p.ID)
	}
	for _, at := range t.Fired {
		r.encodeTimer(rowDelete, at, p.ID)
	}
	r.encodeEntry(p.ID, p.Version, t.Opens, t.Closes, t.Keys)
	return nil
}

func (r *request) encodeTimer(kind rowKind, at time.Time, id payment.ID) {
	w := r.key(kind)
	r.buf = appendTimerKey(r.buf, at, id)
	w.value, w.end = len(r.buf), len(r.buf)
	r.rows = append(r.rows, w)
}

// claimOf is a claim as appendClaim made it.
func (r *request) claimOf(w *keyRow) []byte { return r.buf[w.key:w.value:w.value] }

// encodeClaims adds the rows of claimed keys; a zero id burns them.
func (r *request) encodeClaims(id payment.ID, keys []journal.KeyClaim, at time.Time, hashKey func([]byte) uint64) {
	for i := range keys {
		k := &keys[i]
		w := r.key(rowSet)
		r.buf = appendClaim(r.buf, k.Merchant, k.Key)
		w.value = len(r.buf)
		hash := hashKey(r.buf[w.key+claimHead:])
		r.buf = record.AppendKey(r.buf, &journal.KeyEntry{Payment: id, Op: k.Op, MAC: k.MAC, Claimed: at})
		w.end = len(r.buf)
		r.claims = append(r.claims, keyRow{w, hash})
	}
}

func (r *request) encodeEntry(id payment.ID, version uint64, opens, closes []int, keys []journal.KeyClaim) {
	r.entry = row{key: len(r.buf), value: len(r.buf)}
	r.buf = record.AppendLogEntry(r.buf, id, version, opens, closes, keys)
	r.entry.end = len(r.buf)
}

// finish ends a request and wakes its caller. It may be called twice: after a failure everything is finished.
func (r *request) finish(err error) {
	if !r.state.CompareAndSwap(requestTaken, requestFinished) {
		return
	}
	r.err = err
	if r.lot != nil {
		r.lot.ended(1)
		return
	}
	r.done <- struct{}{}
}

// Commit implements journal.Journal.
func (j *Journal) Commit(ctx context.Context, t *journal.Transition) error {
	r, err := j.prepare(t, time.Now(), j.opts.Clock.Latest())
	if err != nil {
		return err
	}
	if acknowledgedEarly(t) {
		go j.submit(ctx, r)
		return nil
	}
	err = j.submit(ctx, r)
	if errors.Is(err, errAbandoned) {
		return ctx.Err() // the committer still has r
	}
	return j.conclude(r, t, err)
}

// prepare makes the request of a transition, or refuses what no state of the journal could take.
func (j *Journal) prepare(t *journal.Transition, started, latest time.Time) (*request, error) {
	r := j.requests.Get().(*request)
	r.reset()
	r.started = started
	err := r.encode(t, latest, j.hashKey)
	if err == nil {
		err = j.money.Check(t)
	}
	if err != nil {
		j.requests.Put(r)
		return nil, err
	}
	return r, nil
}

// acknowledgedEarly plants two bugs.
func acknowledgedEarly(t *journal.Transition) bool {
	return mutant.On(mutant.AnswerBeforeSync) && len(t.Closes) > 0 && len(t.Queue) == 0 ||
		mutant.On(mutant.SendBeforeSync) && len(t.Opens) > 0 && t.Payment.Version == 1
}

// conclude makes of what submit returned for a request what Commit returns, and gives the request back.
func (j *Journal) conclude(r *request, t *journal.Transition, err error) error {
	switch {
	case err == nil:
		for i := range t.Queue {
			t.Queue[i].Seq = safSeq(r.position, i)
		}
		for i := range t.Events {
			t.Events[i].Position, t.Events[i].Payment = journal.EventPosition(r.position, i), t.Payment.ID
		}
	case errors.Is(err, errTaken):
		err = &journal.KeyTakenError{Claim: t.Keys[r.taken], Holds: r.holds}
	}
	j.requests.Put(r)
	return err
}

// BurnKey implements journal.Journal.
func (j *Journal) BurnKey(ctx context.Context, claim journal.KeyClaim) error {
	claim.Op = 0
	keys := []journal.KeyClaim{claim}
	if err := claim.Check(); err != nil {
		return err
	}
	r := j.requests.Get().(*request)
	r.reset()
	r.started = time.Now()
	r.encodeClaims(payment.ID{}, keys, j.opts.Clock.Latest(), j.hashKey)
	r.encodeEntry(payment.ID{}, 0, nil, nil, keys)
	err := j.submit(ctx, r)
	switch {
	case errors.Is(err, errTaken):
		err = &journal.KeyTakenError{Claim: keys[0], Holds: r.holds}
	case errors.Is(err, errAbandoned):
		return ctx.Err()
	}
	j.requests.Put(r)
	return err
}

// errAbandoned says that the caller gave up first: the committer will find the request and put it back.
var errAbandoned = errors.New("journal: abandoned")

// submit queues r and waits for it.
func (j *Journal) submit(ctx context.Context, r *request) error {
	r.state.Store(requestQueued)
	if _, err := j.queue.push(ctx, r); err != nil {
		return err
	}
	ended := ctx.Done()
	if ended == nil { // half of all commits, and a select costs twice a receive
		<-r.done
		return r.err
	}
	select {
	case <-r.done:
	case <-ended:
		if r.state.CompareAndSwap(requestQueued, requestAbandoned) {
			return errAbandoned
		}
		<-r.done
	}
	return r.err
}

// safSeq is the sequence of row i of the commit at a log position: unique and rising without a counter of its own.
func safSeq(position uint64, i int) uint64 { return position*journal.MaxQueued + uint64(i) }

// fillSeqs writes the sequences of queued rows and the positions of events into their keys.
func (r *request) fillSeqs() {
	queued, events := 0, 0
	for i := range r.rows {
		switch w := &r.rows[i]; w.kind {
		case rowQueue:
			binary.BigEndian.PutUint64(r.buf[w.value-safSeqLen:w.value], safSeq(r.position, queued))
			queued++
		case rowEvent:
			binary.BigEndian.PutUint64(r.buf[w.value-safSeqLen:w.value], journal.EventPosition(r.position, events))
			events++
		case rowSet, rowDelete:
		}
	}
}

// put copies a row into a batch.
func (r *request) put(b *pebble.Batch, w row) error {
	if w.kind == rowDelete {
		return b.Delete(r.buf[w.key:w.value], nil)
	}
	return b.Set(r.buf[w.key:w.value], r.buf[w.value:w.end], nil)
}
