package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// void takes a capture or sale back as a whole: at the issuer while its business date is open, by a reversal
// presentment after.
func (x *operation) void(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	return x.takeBack(ctx)
}

// takeBack serves a void whose key is claimed.
func (x *operation) takeBack(ctx context.Context) api.Answer {
	named := payment.NoTarget
	if x.req.Present.Has(api.FieldCapture) {
		i, ok := parseOperationID(x.id, x.req.Capture)
		if !ok {
			return refused(api.FieldError("capture", "no such capture of this payment"))
		}
		named = i
	}
	for {
		if a, served := x.voidPresentment(ctx, named); served {
			return a
		}
		a := x.atIssuer(ctx, func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
			return x.voided(p, named, now)
		})
		if a.Err != closedMeanwhile {
			return a
		}
	}
}

// voided is the operation of a void at the issuer, of the capture or sale that is named.
func (x *operation) voided(p *payment.Payment, named int, now time.Time) (payment.Op, *payment.Refusal) {
	target, r := p.CheckVoid(named, now)
	if r != nil {
		return payment.Op{}, r
	}
	o := &p.Ops[target]
	if issuer := x.o.Issuers[o.Host]; o.Kind == payment.KindCapture && issuer != nil && !issuer.Mapping.Originals() &&
		!x.filed(o) && !mutant.On(mutant.VoidWithoutOriginal) {
		// A capture has the RRN of its authorization: the host would not know which of them is undone.
		return payment.Op{}, &payment.Refusal{Message: "the payment's issuer is not told originals, and cannot take back a " +
			"capture until its record is in a file, at the latest once its business date is closed"}
	}
	p.EndMissed(x.o.Clock.Confirmed()) // it is not for what the void gives back
	return payment.Op{
		Kind: payment.KindVoid, Amount: o.Clears(), Target: target, RRN: o.RRN, Final: x.whole,
	}, nil
}

// voidPresentment serves a void whose capture stands in the clearing of a closed date or window; false where it does
// not, or where the issuer has not been told all of the payment yet. What it is told of the capture must not come
// behind the reversal presentment in a file: the reversal of the rest, which a final capture leaves, says what stays
// with the capture in it, and the issuer would hold that for nobody.
func (x *operation) voidPresentment(ctx context.Context, named int) (_ api.Answer, served bool) {
	unlock := x.o.Turns.Lock(x.id)
	defer unlock()
	for {
		p, err := x.o.Journal.Payment(ctx, x.id)
		if err != nil {
			return refused(x.fault("read payment", err)), true
		}
		now := x.o.Clock.Now()
		target, r := p.CheckVoid(named, now)
		if r != nil {
			return refused(refusal(r)), true
		}
		if !x.filed(&p.Ops[target]) || p.Advising() {
			return api.Answer{}, false
		}
		op := takenBack(p, target, now)
		op.Key, op.Date = x.req.Key, x.o.Journal.OpenDay()
		p.Ops = append(p.Ops, op)
		i := len(p.Ops) - 1
		row, err := x.presentAgain(ctx, p, i)
		if err != nil {
			return refused(x.fault("read what the void takes back", err)), true
		}
		err = x.o.Journal.Commit(ctx, finalOf(p, i, x.claim, row))
		switch {
		case errors.Is(err, journal.ErrDayClosed):
			continue // a cutover came between: the next date
		case err != nil:
			return refused(x.fault("commit the void", err)), true
		}
		x.metrics.accepted()
		return x.done(p, i), true
	}
}

// takenBack is the operation of a reversal presentment: it repeats what its target has in clearing.
func takenBack(p *payment.Payment, target int, now time.Time) payment.Op {
	o := &p.Ops[target]
	return payment.Op{
		Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: o.Clears(), Granted: o.Clears(),
		Target: target, At: now, DoneAt: now, ARN: o.ARN, RRN: o.RRN, Number: o.Number,
	}
}

// finalOf is the transition that stores operation i of a payment, just appended, which is final at once and stands in
// the clearing of its date.
func finalOf(p *payment.Payment, i int, claim journal.KeyClaim, row journal.Presentment) *journal.Transition {
	claim.Op = i
	p.Version++
	return &journal.Transition{
		Payment: p, Keys: []journal.KeyClaim{claim}, Day: p.Ops[i].Date, Present: []journal.Presentment{row},
	}
}
