package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// preparation checks an operation against the payment as it stands and returns the operation to append.
type preparation func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal)

func (f *Flow) increment(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
	p, err := f.o.Journal.Payment(ctx, id)
	if err != nil {
		return f.fault("read payment", err)
	}
	counted, refusedWith := f.spend(ctx, f.profileOf(p), p.Gateway, p.Currency, req.Amount)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	a := f.atIssuer(ctx, req, id, claim, func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
		return payment.Op{Kind: payment.KindIncrement, Amount: req.Amount, Target: payment.NoTarget}, p.CheckIncrement(req.Amount, now)
	})
	counted.settle(&a)
	return a
}

func (f *Flow) refund(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
	return f.atIssuer(ctx, req, id, claim, func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
		amount, r := p.CheckRefund(req.Amount, now)
		return payment.Op{Kind: payment.KindRefund, Amount: amount, Target: payment.NoTarget}, r
	})
}

func (f *Flow) reverse(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
	return f.atIssuer(ctx, req, id, claim, func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
		amount, stays, r := p.CheckReverse(req.Amount, now)
		return payment.Op{Kind: payment.KindReverse, Amount: amount, Stays: stays, Target: payment.NoTarget, RRN: p.Ops[0].RRN}, r
	})
}

// void undoes a capture or sale: at the issuer while its business date is open, by a reversal presentment after.
func (f *Flow) void(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
	named := payment.NoTarget
	if req.Present.Has(api.FieldCapture) {
		i, ok := parseOperationID(id, req.Capture)
		if !ok {
			return refused(api.FieldError("capture", "no such capture of this payment"))
		}
		named = i
	}
	for {
		if a, done := f.voidPresentment(ctx, req, id, claim, named); done {
			return a
		}
		a := f.atIssuer(ctx, req, id, claim, func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
			target, r := p.CheckVoid(named, now)
			if r != nil {
				return payment.Op{}, r
			}
			o := &p.Ops[target]
			return payment.Op{Kind: payment.KindVoid, Amount: o.Clears(), Target: target, RRN: o.RRN}, nil
		})
		if a.Err != closedMeanwhile {
			return a
		}
	}
}

// voidPresentment serves a void whose capture stands in the clearing of a closed date. done is false where it does not.
func (f *Flow) voidPresentment(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim, named int) (a api.Answer, done bool) {
	unlock := f.o.Turns.Lock(id)
	defer unlock()
	for {
		p, err := f.o.Journal.Payment(ctx, id)
		if err != nil {
			return f.fault("read payment", err), true
		}
		now := f.o.Clock.Now()
		target, r := p.CheckVoid(named, now)
		if r != nil {
			return refusal(r), true
		}
		o := &p.Ops[target]
		if !f.o.Days.Closed(o.Filed()) {
			return api.Answer{}, false
		}
		p.Ops = append(p.Ops, payment.Op{
			Kind: payment.KindVoidPresentment, State: payment.StateApproved, Key: req.Key, Amount: o.Clears(), Granted: o.Clears(),
			Target: target, At: now, DoneAt: now, Date: f.o.Journal.OpenDay(), ARN: o.ARN, RRN: o.RRN, Number: o.Number,
		})
		i := len(p.Ops) - 1
		p.Version++
		claim.Op = i
		row, err := f.presentAgain(ctx, p, i)
		if err != nil {
			return f.fault("read what the void takes back", err), true
		}
		err = f.o.Journal.Commit(ctx, &journal.Transition{
			Payment: p, Keys: []journal.KeyClaim{claim}, Day: p.Ops[i].Date, Present: []journal.Presentment{row},
		})
		switch {
		case errors.Is(err, journal.ErrDayClosed):
			continue // a cutover came between: the next date
		case err != nil:
			return f.fault("commit the void", err), true
		}
		f.metrics.accepted()
		return answer(p, i, f.o.Clock.Confirmed()), true
	}
}

// atIssuer serves an operation on an existing payment that the issuer answers. It waits for the payment's turn and for
// its queued advices, so that the payment's messages reach the issuer in order; past the deadline nothing is sent.
func (f *Flow) atIssuer(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim, prepare preparation) api.Answer {
	held, cancel := context.WithTimeout(ctx, f.o.Deadline)
	defer cancel()
	for {
		if err := f.o.SAF.Wait(held, id); err != nil {
			return refused(late)
		}
		release, err := f.o.Turns.Take(held, id)
		if err != nil {
			return refused(late)
		}
		a, advising := f.inTurn(ctx, req, id, claim, prepare)
		release()
		if !advising {
			return a
		}
		// Wait does not know of an advice so far back in a long queue that it is not in memory.
		pause := time.NewTimer(advisingPause)
		select {
		case <-pause.C:
		case <-held.Done():
			pause.Stop()
			return refused(late)
		}
	}
}

// advisingPause is how long a request rests that found an advice queued where none was waited for.
const advisingPause = 10 * time.Millisecond

var late = api.NewError(api.CodeIssuerUnavailable, "earlier messages of this payment have not reached the issuer yet; nothing was sent")

// inTurn makes one attempt while the payment's turn is held. advising says that an advice was queued in between, which
// goes first.
func (f *Flow) inTurn(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim, prepare preparation) (a api.Answer, advising bool) {
	p, err := f.o.Journal.Payment(ctx, id)
	if err != nil {
		return f.fault("read payment", err), false
	}
	if p.Advising() {
		return api.Answer{}, true
	}
	if _, r := prepare(p, f.o.Clock.Confirmed()); r != nil {
		return refusal(r), false
	}
	issuer := f.o.Issuers[p.Ops[0].Host]
	if issuer == nil {
		return f.hostGone(&hostGoneError{p.Ops[0].Host}), false
	}
	issuers := []*exchange.Issuer{issuer}
	if req.Op == api.OpIncrement || req.Op == api.OpRefund {
		var refusedWith *api.Error
		if issuers, refusedWith = f.withRoom(issuers); refusedWith != nil {
			return refused(refusedWith), false
		}
	}
	_, call, err := f.acquire(ctx, issuers)
	if err != nil {
		return f.fault("take a slot", err), false
	}
	defer call.Free()
	begun, a, advising := f.intend(ctx, req, id, claim, prepare, issuer, call)
	if !begun.ok {
		return a, advising
	}
	defer begun.leave()
	i := begun.op
	sent := f.send(ctx, call)
	unlock := f.o.Turns.Lock(id)
	defer unlock()
	if p, err = f.o.Journal.Payment(ctx, id); err != nil {
		return f.fault("read payment", err), false
	}
	if err := f.conclude(ctx, p, i, call, sent, false); err != nil {
		return f.fault("commit the outcome", err), false
	}
	return answer(p, i, f.o.Clock.Confirmed()), false
}

// intent is one that was committed, if ok: of operation op, which holds its business date until leave.
type intent struct {
	ok    bool
	op    int
	leave func()
}

// intend appends the operation and commits its intent under the payment's lock.
func (f *Flow) intend(
	ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim, prepare preparation,
	issuer *exchange.Issuer, call *exchange.Call,
) (begun intent, a api.Answer, advising bool) {
	unlock := f.o.Turns.Lock(id)
	defer unlock()
	p, err := f.o.Journal.Payment(ctx, id)
	if err != nil {
		return begun, f.fault("read payment", err), false
	}
	if p.Advising() {
		return begun, api.Answer{}, true
	}
	now := f.o.Clock.Now()
	op, r := prepare(p, f.o.Clock.Confirmed())
	if r != nil {
		return begun, refusal(r), false
	}
	card, err := f.openCard(p)
	if err != nil {
		return begun, f.fault("open the card", err), false
	}
	op.State, op.Key, op.At = payment.StatePending, req.Key, now
	if op.RRN == "" {
		if op.RRN, err = f.o.IDs.LaterRRN(ctx, now); err != nil {
			return begun, f.fault("take an RRN", err), false
		}
	}
	if err := issuer.Identify(ctx, &op); err != nil {
		return begun, f.fault("take a STAN", err), false
	}
	p.Ops = append(p.Ops, op)
	i := len(p.Ops) - 1
	claim.Op = i
	t := &journal.Transition{Payment: p, Keys: []journal.KeyClaim{claim}, Opens: []int{i}}
	leave, refusedWith := f.commitIntent(ctx, t, i, call, card, nil)
	if refusedWith != nil {
		return begun, refused(refusedWith), false
	}
	return intent{ok: true, op: i, leave: leave}, api.Answer{}, false
}

// reverseByKey reverses what a request made whose answer the gateway may have lost. A key that was never used is
// burned, so that the request it was meant for is refused should it still arrive.
func (f *Flow) reverseByKey(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	if req.OfKey == req.Key {
		return refused(api.FieldError("of_key", "expected another key than the reversal's own"))
	}
	entry, a, done := f.burn(ctx, req)
	if done {
		return a
	}
	p, refusedWith := f.find(ctx, caller, entry.Payment.String())
	if refusedWith != nil {
		return refused(refusedWith)
	}
	named := *req
	named.Payment = p.ID.String()
	root := &p.Ops[0]
	switch {
	case root.Kind == payment.KindVoice && entry.Op == voiceOp:
		named.Capture, named.Present = operationID(p.ID, voiceOp), req.Present.With(api.FieldCapture)
	case entry.Op != 0:
		return refused(api.FieldError("of_key", "names a request on a payment that it did not make: reverse or void by the payment"))
	case root.State == payment.StateUnknown:
		// What it asks for is under way, or done: its outcome is unknown, and the switch reverses it. The reversal's own key is
		// left free, but must not be another request's.
		return f.onPayment(ctx, caller, &named, func(context.Context, *api.Request, payment.ID, journal.KeyClaim) api.Answer {
			a := answer(p, 0, f.o.Clock.Confirmed())
			a.Approved, a.NoIntent = true, true
			return a
		})
	case root.Kind != payment.KindSale:
		return f.onPayment(ctx, caller, &named, f.reverse)
	}
	whole := p.Ops[entry.Op].Clears()
	return f.onPayment(ctx, caller, &named, func(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
		if req.Present.Has(api.FieldAmount) && req.Amount != whole {
			return refused(api.FieldError("amount", "a sale or capture is undone as a whole"))
		}
		return f.void(ctx, req, id, claim)
	})
}

// burn looks up the key that a reversal names, once no request with it is being served. done is true where it made no
// payment: it is burned then, and with it the reversal's own key, which no other request may use.
func (f *Flow) burn(ctx context.Context, req *api.Request) (of journal.KeyEntry, a api.Answer, done bool) {
	held, cancel := context.WithTimeout(ctx, f.o.Deadline)
	defer cancel()
	// In one order, whichever is whose: two reversals that name each other's key must not wait for each other.
	for _, key := range []string{min(req.Key, req.OfKey), max(req.Key, req.OfKey)} {
		k := merchantKey{req.Merchant, key}
		if err := f.keys.hold(held, k); err != nil {
			return of, refused(api.NewError(api.CodeBusy, "a request with this key or of_key is still being served")), true
		}
		defer f.keys.end(k)
	}
	own, ownUsed, err := f.keyEntry(ctx, req.Merchant, req.Key)
	if err != nil {
		return of, f.fault("read key", err), true
	}
	of, used, err := f.keyEntry(ctx, req.Merchant, req.OfKey)
	if err != nil {
		return of, f.fault("read key", err), true
	}
	if used && !of.Payment.IsZero() {
		return of, a, false
	}
	mac := f.bodyMAC(req, "")
	if ownUsed && !(used && own.Payment.IsZero() && own.MAC == mac) {
		return of, refused(&api.Error{Code: api.CodeConflict, Field: "key", Message: "the key was used with another request"}), true
	}
	for _, k := range []struct {
		journal.KeyClaim
		used bool
	}{{journal.KeyClaim{Merchant: req.Merchant, Key: req.OfKey}, used}, {journal.KeyClaim{Merchant: req.Merchant, Key: req.Key, MAC: mac}, ownUsed}} {
		if k.used {
			continue
		}
		if err := f.o.Journal.BurnKey(ctx, k.KeyClaim); err != nil {
			return of, f.fault("burn the key", err), true
		}
	}
	return of, burned(req), true
}

// burned answers a reversal of a key that was never used.
func burned(req *api.Request) api.Answer {
	return api.Answer{
		Status: api.StatusReversed, Approved: true, NoIntent: true, Currency: req.Currency,
		Reason: "no request used the key; one that does from now on is refused",
	}
}
