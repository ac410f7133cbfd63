package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// Verify reads every record of the journal and holds what is kept twice against each other: keys, references,
// store-and-forward rows and presentments against the payments, and the payments against the log. It calls found for
// each thing that is wrong, until that returns false. A damaged record is reported and passed over; the error returned
// is one of reading.
//
// It looks at one synced moment and may run beside commits, but it keeps a few dozen bytes a payment and reads
// everything: on a large journal run it on a checkpoint.
func (j *Journal) Verify(found func(problem string) bool) error {
	view, err := j.views.acquire()
	if err != nil {
		return err
	}
	defer view.release()
	v := verifier{store: view.snapshot, next: view.position, found: found, versions: map[payment.ID]uint64{},
		queued: map[journal.IntentRef]int{}}
	if v.stretches, err = readStretches(v.store, v.next); err != nil {
		if v.report("%v", err) != nil {
			return nil
		}
	}
	if v.swept, err = readSwept(v.store); err != nil && v.report("%v", err) != nil {
		return nil
	}
	for _, check := range []func() error{v.log, v.queues, v.payments, v.unstored, v.claims, v.references, v.days,
		v.presentments, v.events, v.timers, v.acts, v.rest} {
		if err := check(); err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// errEnough ends a scan because found returned false.
var errEnough = errors.New("journal: enough")

type verifier struct {
	store     pebble.Reader
	stretches []*stretch // of idempotency keys, those that are not swept
	swept     uint64     // keys claimed below this log position are swept
	next      uint64     // log position after the last commit
	found     func(string) bool
	enough    bool
	versions  map[payment.ID]uint64     // by the log
	queued    map[journal.IntentRef]int // store-and-forward rows of an operation
}

// report hands a problem on and returns errEnough when no more are wanted.
func (v *verifier) report(format string, args ...any) error {
	if v.enough = v.enough || !v.found(fmt.Sprintf(format, args...)); v.enough {
		return errEnough
	}
	return nil
}

// each calls check for every record of a prefix; what it returns as damage is reported.
func (v *verifier) each(prefix byte, check func(key, value []byte) (damage, err error)) error {
	if v.enough {
		return errEnough
	}
	return within(v.store, []byte{prefix}, []byte{prefix + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			damage, err := check(it.Key(), it.Value())
			if err == nil && damage != nil {
				err = v.report("%v", damage)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// payment reads a payment; nil if there is none or it is damaged, which payments reports.
func (v *verifier) payment(id payment.ID) (*payment.Payment, error) {
	value, err := get(v.store, appendPaymentKey(nil, id))
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := record.DecodePayment(id, value)
	if err != nil {
		return nil, nil
	}
	return p, nil
}

// claimed: what a commit claimed lies in the stretch of its position, until it is swept.
func (v *verifier) claimed(c *record.LogEntry) error {
	s := stretchAt(v.stretches, c.Position)
	if s == nil || c.Position < v.swept {
		return nil
	}
	for _, k := range c.Keys {
		row := s.rowKey(appendClaim(nil, k.Merchant, k.Key))
		if err := v.expect(row, "%s: log position %d claims it, it is not there", claimName(row)(), c.Position); err != nil {
			return err
		}
	}
	return nil
}

// log: positions without a gap, and each payment's versions one after the other. Keys that were claimed are there.
func (v *verifier) log() error {
	next := uint64(1)
	err := v.each(prefixLog, func(key, value []byte) (error, error) {
		row, err := openRow(key, value)
		if err != nil {
			return err, nil
		}
		if row.First != next {
			if err := v.report("log row %d: expected position %d", row.First, next); err != nil {
				return nil, err
			}
		}
		next = row.First + uint64(row.Count)
		var c record.LogEntry
		for row.Next(&c) {
			if err := v.claimed(&c); err != nil {
				return nil, err
			}
			if c.Payment.IsZero() {
				continue
			}
			if before := v.versions[c.Payment]; c.Version != before+1 {
				if err := v.report(
					"log position %d: version %d of payment %s after %d", c.Position, c.Version, c.Payment, before,
				); err != nil {
					return nil, err
				}
			}
			v.versions[c.Payment] = c.Version
		}
		return row.End(), nil
	})
	if err == nil && next != v.next {
		err = v.report("the log ends at position %d, expected %d", next, v.next)
	}
	return err
}

// queues: each row is of a payment's queued or parked operation.
func (v *verifier) queues() error {
	return v.each(prefixSAF, func(key, value []byte) (error, error) {
		ref, err := parseSAFKey(key)
		if err != nil {
			return err, nil
		}
		row, err := record.DecodeSAF(ref, value)
		if err != nil {
			return err, nil
		}
		if ref.Seq >= safSeq(v.next, 0) {
			if err := v.report(
				"store-and-forward row %d of %q: its sequence is past the log's end", ref.Seq, ref.Host,
			); err != nil {
				return nil, err
			}
		}
		v.queued[journal.IntentRef{Payment: row.Payment, Op: row.Op}]++
		p, err := v.payment(row.Payment)
		if err != nil {
			return nil, err
		}
		switch {
		case p == nil:
			return nil, v.report("store-and-forward row %d of %q: its payment %s is not there", ref.Seq, ref.Host, row.Payment)
		case row.Op >= len(p.Ops):
			return nil, v.report(
				"store-and-forward row %d of %q: payment %s has no operation %d", ref.Seq, ref.Host, p.ID, row.Op,
			)
		case p.Ops[row.Op].State != payment.StateQueued && p.Ops[row.Op].State != payment.StateParked:
			return nil, v.report(
				"store-and-forward row %d of %q: operation %d of payment %s is %s", ref.Seq, ref.Host, row.Op, p.ID,
				p.Ops[row.Op].State,
			)
		}
		return nil, nil
	})
}

// payments: each is in the log with its version, found by its reference, queued where it says so, and in the clearing
// of its date.
func (v *verifier) payments() error {
	return v.each(prefixPayment, func(key, value []byte) (error, error) {
		id, err := parsePaymentKey(key)
		if err != nil {
			return err, nil
		}
		logged := v.versions[id]
		delete(v.versions, id)
		p, err := record.DecodePayment(id, value)
		if err != nil {
			return err, nil
		}
		if p.Version != logged {
			if err := v.report("payment %s: version %d, the log has %d", id, p.Version, logged); err != nil {
				return nil, err
			}
		}
		if broken := p.Invariant(); broken != "" {
			if err := v.report("payment %s: %s", id, broken); err != nil {
				return nil, err
			}
		}
		if p.Reference != "" {
			if err := v.expect(appendReferenceKey(nil, p), "payment %s: its reference does not lead to it", id); err != nil {
				return nil, err
			}
		}
		for i := range p.Ops {
			op := &p.Ops[i]
			if rows := v.queued[journal.IntentRef{Payment: id, Op: i}]; rows > 1 || rows == 0 &&
				op.State == payment.StateQueued {
				if err := v.report(
					"payment %s: operation %d is %s and has %d store-and-forward rows", id, i, op.State, rows,
				); err != nil {
					return nil, err
				}
			}
			if clears(p, i) {
				ref := journal.PresentmentRef{Date: op.Filed(), Destination: p.Route, Payment: id, Op: i}
				key := appendPresentedKey(nil, &ref)
				err := v.expect(key, "payment %s: operation %d (%s) is not in the clearing of %s", id, i, op.Kind, ref.Date)
				if err != nil {
					return nil, err
				}
			}
		}
		return nil, nil
	})
}

// clears tells whether an operation must stand in the clearing of its date: a capture from its acceptance on, a sale or
// refund once approved, unless a void has withdrawn it.
func clears(p *payment.Payment, i int) bool {
	if op := &p.Ops[i]; !op.Kind.Row().Clears || !op.Counts() {
		return false
	}
	for j := i + 1; j < len(p.Ops); j++ {
		if void := &p.Ops[j]; void.Kind == payment.KindVoid && void.Target == i && standing(void) {
			return false
		}
	}
	return true
}

// standing tells whether an operation was accepted, whatever has become of its advice.
func standing(op *payment.Op) bool {
	switch op.State {
	case payment.StateApproved, payment.StateQueued, payment.StateParked, payment.StateClosed:
		return true
	case payment.StatePending, payment.StateDeclined, payment.StateFailed, payment.StateUnknown:
	}
	return false
}

// expect reports the absence of a key.
func (v *verifier) expect(key []byte, format string, args ...any) error {
	_, err := get(v.store, key)
	if errors.Is(err, journal.ErrNotFound) {
		return v.report(format, args...)
	}
	return err
}

// unstored: payments that stand in the log only.
func (v *verifier) unstored() error {
	for id, version := range v.versions {
		if err := v.report("payment %s: version %d is in the log, the payment is not there", id, version); err != nil {
			return err
		}
	}
	return nil
}

// claims: each idempotency key lies in a stretch that is kept, and leads to an operation, or was burned.
func (v *verifier) claims() error {
	check := func(key, value []byte) (error, error) {
		if !slices.ContainsFunc(v.stretches, func(s *stretch) bool { return bytes.HasPrefix(key, s.prefix()) }) {
			return nil, v.report("%s: it lies in no stretch that is asked", claimName(key)())
		}
		e, err := record.DecodeKey(claimName(key), value)
		if err != nil || e.Payment.IsZero() {
			return err, nil
		}
		p, err := v.payment(e.Payment)
		switch {
		case err != nil:
			return nil, err
		case p == nil:
			return nil, v.report("%s: its payment %s is not there", claimName(key)(), e.Payment)
		case e.Op >= len(p.Ops):
			return nil, v.report("%s: payment %s has no operation %d", claimName(key)(), e.Payment, e.Op)
		}
		return nil, nil
	}
	if err := v.each(prefixClaim, check); err != nil {
		return err
	}
	return v.each(prefixKey, check)
}

// references: each leads to a payment that has it.
func (v *verifier) references() error {
	return v.each(prefixReference, func(key, _ []byte) (error, error) {
		if len(key) < referenceTailLen {
			return badKey(key, "a reference"), nil
		}
		id := payment.ID(key[len(key)-len(payment.ID{}):])
		p, err := v.payment(id)
		if err != nil {
			return nil, err
		}
		if p == nil || !bytes.Equal(appendReferenceKey(nil, p), key) {
			return nil, v.report("reference key %x: payment %s does not have this reference", key, id)
		}
		return nil, nil
	})
}

// days: at most one is open, and none after it.
func (v *verifier) days() error {
	var open payment.Date
	return v.each(prefixDay, func(key, value []byte) (error, error) {
		date, err := parseDayKey(key)
		if err != nil {
			return err, nil
		}
		d, err := record.DecodeDay(date, value)
		if err != nil {
			return err, nil
		}
		if open != 0 {
			return nil, v.report("business date %s comes after %s, which is open", date, open)
		}
		if d.State == journal.DayOpen {
			open = date
		}
		return nil, nil
	})
}

// presentments: each is of an operation of its date, in a day that exists.
func (v *verifier) presentments() error {
	return v.each(prefixPresented, func(key, _ []byte) (error, error) {
		ref, err := parsePresentedKey(key)
		if err != nil {
			return err, nil
		}
		p, err := v.payment(ref.Payment)
		switch {
		case err != nil:
			return nil, err
		case p == nil:
			return nil, v.report("presentment on %s: its payment %s is not there", ref.Date, ref.Payment)
		case ref.Op >= len(p.Ops):
			return nil, v.report("presentment on %s: payment %s has no operation %d", ref.Date, p.ID, ref.Op)
		case p.Ops[ref.Op].Filed() != ref.Date:
			filed := p.Ops[ref.Op].Filed()
			return nil, v.report("presentment on %s: operation %d of payment %s is of %q", ref.Date, ref.Op, p.ID, filed)
		}
		return nil, v.expect(dayKey(ref.Date), "presentment on %s: there is no such business date", ref.Date)
	})
}

// events: each is of a payment, and of a commit that the log has.
func (v *verifier) events() error {
	return v.each(prefixEvent, func(key, value []byte) (error, error) {
		position, err := parseNumberKey(key)
		if err != nil {
			return err, nil
		}
		e, err := record.DecodeEvent(position, value)
		if err != nil {
			return err, nil
		}
		if position >= journal.EventPosition(v.next, 0) {
			return nil, v.report("event %d: its position is past the log's end", position)
		}
		p, err := v.payment(e.Payment)
		if err != nil || p != nil {
			return nil, err
		}
		return nil, v.report("event %d: its payment %s is not there", position, e.Payment)
	})
}

// timers: each is of a payment.
func (v *verifier) timers() error {
	return v.each(prefixTimer, func(key, value []byte) (error, error) {
		t, err := parseTimer(key, value)
		if err != nil {
			return err, nil
		}
		p, err := v.payment(t.Payment)
		if err != nil || p != nil {
			return nil, err
		}
		return nil, v.report("timer at %s: its payment %s is not there", t.At.Format(time.RFC3339), t.Payment)
	})
}

// acts: each follows from the one before, and the newest is the one that was noted.
func (v *verifier) acts() error {
	noted, err := readLastAct(v.store)
	if err != nil {
		return v.report("%v", err)
	}
	var last lastAct
	err = v.each(prefixAct, func(key, value []byte) (error, error) {
		number, err := parseNumberKey(key)
		if err != nil {
			return err, nil
		}
		a, err := record.DecodeAct(number, value)
		if err != nil {
			return err, nil
		}
		if number != last.number+1 || a.Before != last.hash {
			err = v.report("act %d does not follow from act %d: one was changed or taken out", number, last.number)
		}
		last = lastAct{number, a.Hash()}
		return nil, err
	})
	if err == nil && last != noted {
		err = v.report("the acts end with %d, which is not the newest that was added (%d), or was changed", last.number,
			noted.number)
	}
	return err
}

// rest: counters and the journal's own numbers can be read, and no key is of an unknown kind.
func (v *verifier) rest() error {
	err := v.each(prefixCounter, func(key, value []byte) (error, error) {
		_, err := record.DecodeNumber("counter "+string(key[1:]), value)
		return err, nil
	})
	if err == nil {
		err = v.seen()
	}
	if err != nil {
		return err
	}
	return within(v.store, nil, nil, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; {
			prefix := it.Key()[0]
			if bytes.IndexByte([]byte(prefixes), prefix) < 0 {
				if err := v.report("key %x: no record begins with %02x", it.Key(), prefix); err != nil {
					return err
				}
			}
			ok = it.SeekGE([]byte{prefix + 1})
		}
		return nil
	})
}

// seen: the time seen last, where there is one.
func (v *verifier) seen() error {
	value, err := get(v.store, keySeen)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err == nil {
		if _, damage := record.DecodeSeen(value); damage != nil {
			return v.report("%v", damage)
		}
	}
	return err
}
