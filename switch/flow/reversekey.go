package flow

import (
	"context"

	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// reverseByKey reverses what a request made whose answer the gateway may have lost. A key that was never used is
// burned, so that the request it was meant for is refused should it still arrive.
func (x *operation) reverseByKey(ctx context.Context) api.Answer {
	if x.req.OfKey == x.req.Key {
		return refused(api.FieldError("of_key", "expected another key than the reversal's own"))
	}
	entry, a, burned := x.burn(ctx)
	if burned {
		return a
	}
	p, refusedWith := x.find(ctx, x.caller, entry.Payment.String())
	if refusedWith != nil {
		return refused(refusedWith)
	}
	req := *x.req
	req.Payment = p.ID.String()
	named := operation{Flow: x.Flow, caller: x.caller, req: &req}
	root := &p.Ops[0]
	switch {
	case root.Kind == payment.KindVoice && entry.Op == voiceOp:
		req.Capture, req.Present = payment.OperationID(p.ID, voiceOp), req.Present.With(api.FieldCapture)
	case entry.Op != 0:
		return refused(api.FieldError("of_key",
			"names a request on a payment that it did not make: reverse or void by the payment"))
	case root.State == payment.StateUnknown:
		return named.reversedAlready(ctx, p)
	case root.Kind != payment.KindSale:
		return named.reverseWhole(ctx)
	}
	return named.voidWhole(ctx, p.Ops[entry.Op].Clears())
}

// reverseWhole gives up an authorization. Where the switch captured it by itself there is nothing to release: then the
// capture is taken back, and the hold that comes back with it is given up in its turn.
func (x *operation) reverseWhole(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	a = x.atIssuer(ctx, x.givenUp)
	if a.Err == nil || a.Err.Code != api.CodeInvalidState {
		return a
	}
	p, err := x.o.Journal.Payment(ctx, x.id)
	if err != nil {
		return refused(x.fault("read payment", err))
	}
	i := p.CapturedBySwitch()
	if i == payment.NoTarget {
		return a
	}
	if wrong := x.notWhole(p.Ops[i].Clears()); wrong != nil {
		return refused(wrong)
	}
	x.whole = true
	return x.releaseNow(ctx, x.takeBack(ctx))
}

// releaseNow gives up the hold that a void gave back, where that was asked for, and answers with what stands then. What
// cannot be done now is by the void's timer.
func (x *operation) releaseNow(ctx context.Context, voided api.Answer) api.Answer {
	if voided.Err != nil {
		return voided
	}
	p, err := x.o.Journal.Payment(context.WithoutCancel(ctx), x.id)
	if err != nil {
		return voided
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == payment.KindVoid && op.Final && op.State == payment.StateApproved {
			return x.done(x.serveNow(ctx, p, journal.Timer{At: timersOf(p, i)[0], Payment: p.ID}), i)
		}
	}
	return voided
}

// reversedAlready answers a reversal whose work is under way, or done: the outcome is unknown, and the switch reverses
// it. The reversal's own key is left free, but must not be another request's.
func (x *operation) reversedAlready(ctx context.Context, p *payment.Payment) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	a = x.done(p, 0)
	a.Approved, a.NoIntent = true, true
	return a
}

// voidWhole takes a sale or capture back, which a reversal with an amount can name as a whole only.
func (x *operation) voidWhole(ctx context.Context, whole int64) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	if wrong := x.notWhole(whole); wrong != nil {
		return refused(wrong)
	}
	return x.takeBack(ctx)
}

// notWhole refuses an amount that is not the whole of a sale or capture.
func (x *operation) notWhole(whole int64) *api.Error {
	if x.req.Present.Has(api.FieldAmount) && x.req.Amount != whole {
		return api.FieldError("amount", "a sale or capture is undone as a whole")
	}
	return nil
}

// burn looks up the key that a reversal names, once no request with it is being served. done is true where it made no
// payment: it is burned then, and with it the reversal's own key, which no other request may use.
func (x *operation) burn(ctx context.Context) (of journal.KeyEntry, a api.Answer, done bool) {
	waiting, cancel := context.WithTimeout(ctx, x.o.Deadline)
	defer cancel()
	req := x.req
	// In one order, whichever is whose: two reversals that name each other's key must not wait for each other.
	for _, key := range []string{min(req.Key, req.OfKey), max(req.Key, req.OfKey)} {
		k := merchantKey{req.Merchant, key}
		if err := x.keys.beginWhenFree(waiting, k); err != nil {
			return of, refused(api.NewError(api.CodeBusy, "a request with this key or of_key is still being served")), true
		}
		defer x.keys.end(k)
	}
	own, ownUsed, err := x.keyEntry(ctx, req.Merchant, req.Key)
	if err != nil {
		return of, refused(x.fault("read key", err)), true
	}
	of, used, err := x.keyEntry(ctx, req.Merchant, req.OfKey)
	if err != nil {
		return of, refused(x.fault("read key", err)), true
	}
	if used && !of.Payment.IsZero() {
		return of, a, false
	}
	if !used {
		if refusedWith := x.forgotten(ctx, "of_key"); refusedWith != nil {
			return of, refused(refusedWith), true
		}
	}
	mac := x.bodyMAC(req, "")
	if ownUsed && !(used && own.Payment.IsZero() && own.MAC == mac) {
		return of, refused(keyConflict("the key was used with another request")), true
	}
	for _, burns := range [...]struct {
		is         bool
		field, key string
	}{{!used, "of_key", req.OfKey}, {!ownUsed, "key", req.Key}} {
		if burns.is && pan.In(burns.key) {
			return of, refused(inText(burns.field)), true
		}
	}
	if !used {
		if err := x.o.Journal.BurnKey(ctx, journal.KeyClaim{Merchant: req.Merchant, Key: req.OfKey}); err != nil {
			return of, refused(x.fault("burn the key", err)), true
		}
	}
	if !ownUsed {
		if err := x.o.Journal.BurnKey(ctx, journal.KeyClaim{Merchant: req.Merchant, Key: req.Key, MAC: mac}); err != nil {
			return of, refused(x.fault("burn the key", err)), true
		}
	}
	return of, nothingMade(req), true
}

// nothingMade answers a reversal of a key that was never used.
func nothingMade(req *api.Request) api.Answer {
	return api.Answer{
		Status: api.StatusReversed, Approved: true, NoIntent: true, Currency: req.Currency,
		Reason: "no request used the key; one that does from now on is refused",
	}
}
