package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// intentOf is the transition that stores operation i of a payment, just appended, as an intent under a key.
func intentOf(p *payment.Payment, i int, claim journal.KeyClaim) *journal.Transition {
	claim.Op = i
	p.Version++
	return &journal.Transition{
		Payment: p, Keys: []journal.KeyClaim{claim}, Opens: []int{i}, Timers: timersOf(p, i),
	}
}

// commitIntent dates operation i where it clears, packs its frame and commits its intent (I1). The frame is packed
// first, so that what cannot be sent is refused with nothing stored. After a nil leave must be called, once the
// outcome is committed.
func (x *operation) commitIntent(ctx context.Context, t *journal.Transition, i int) *api.Error {
	begin := time.Now()
	for {
		if refusedWith := x.dated(ctx, t, i); refusedWith != nil {
			return refusedWith
		}
		if err := x.pack(t.Payment, i); err != nil {
			x.leave()
			return x.fault("pack the request", err)
		}
		err := x.o.Journal.Commit(ctx, t)
		if err == nil {
			x.metrics.intent.Observe(time.Since(begin).Seconds())
			x.metrics.begun.Inc()
			return nil
		}
		x.leave()
		if !cutBetween(err, &t.Payment.Ops[i]) {
			return x.intentRefused(err)
		}
	}
}

// cutBetween tells whether an intent was refused because a cutover came between: it is for the next date.
func cutBetween(err error, op *payment.Op) bool {
	return errors.Is(err, journal.ErrDayClosed) && clears(op.Kind)
}

// intentRefused translates why an intent was not committed.
func (f *Flow) intentRefused(err error) *api.Error {
	var taken *journal.KeyTakenError
	if errors.As(err, &taken) {
		return &api.Error{Code: api.CodeConflict, Field: "key", Message: "the key is taken"}
	}
	return f.fault("commit the intent", err)
}

// pack builds the frame of operation i. What of the request is never stored goes with the payment's first message only.
func (x *operation) pack(p *payment.Payment, i int) error {
	if i > 0 {
		return x.call.Pack(p, i, x.card, nil, false)
	}
	return x.call.Pack(p, i, x.card, x.req, false)
}

// dated gives a sale or refund the open business date and an ARN, and enters the date that the operation's outcome may
// change.
func (x *operation) dated(ctx context.Context, t *journal.Transition, i int) *api.Error {
	p := t.Payment
	op := &p.Ops[i]
	if op.Kind == payment.KindVoid {
		target := &p.Ops[op.Target]
		date := target.Filed()
		if x.filed(target) || !x.o.Days.Enter(date) {
			return closedMeanwhile
		}
		x.date = date
		return nil
	}
	if !clears(op.Kind) {
		return nil
	}
	op.Date = x.o.Journal.OpenDay()
	for !x.o.Days.Enter(op.Date) {
		op.Date = x.o.Journal.OpenDay()
	}
	x.date, t.Day = op.Date, op.Date
	var err error
	if op.ARN, err = x.arn(ctx, p, op.Date); err != nil {
		x.leave()
		return x.fault("take an ARN", err)
	}
	op.Number = nextNumber(p, op.Kind, i)
	return nil
}

// leave lets the business date go that the operation has kept from being sealed.
func (x *operation) leave() {
	if x.date != 0 {
		x.o.Days.Leave(x.date)
		x.date = 0
	}
}

// clears tells whether an operation that is sent online stands in the clearing of its own business date.
func clears(k payment.Kind) bool { return k.Row().Clears && k.Row().Request != "" }

// nextNumber counts the captures, or the refunds, before operation i.
func nextNumber(p *payment.Payment, kind payment.Kind, i int) int {
	n := 1
	for j := range i {
		if k := p.Ops[j].Kind; k == kind || kind == payment.KindCapture && k == payment.KindSale {
			n++
		}
	}
	return n
}

// arn makes the acquirer reference number of a payment's presentment accepted on a date: under the BIN of the
// payment's acquirer, or under those that the configuration names instead.
func (f *Flow) arn(ctx context.Context, p *payment.Payment, date payment.Date) (string, error) {
	const binLen = 6
	bins := f.o.AcquirerBINs
	if len(bins) == 0 {
		bins = []string{f.o.Builder.Acquirer(p)[:binLen]}
	}
	bin, seq, err := f.o.IDs.ARN(ctx, bins, date)
	if err != nil {
		return "", err
	}
	return clearing.ARN(bin, date.Time(), seq)
}
