package flow

import (
	"context"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// increment raises an authorization by an amount.
func (x *operation) increment(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	p, err := x.o.Journal.Payment(ctx, x.id)
	if err != nil {
		return refused(x.fault("read payment", err))
	}
	counted, refusedWith := x.spend(ctx, x.profileOf(p), p.Gateway, p.Currency, x.req.Amount)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	a = x.atIssuer(ctx, x.incremented)
	counted.giveBackUnlessTaken(&a)
	return a
}

// incremented is the operation of an increment.
func (x *operation) incremented(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
	op := payment.Op{Kind: payment.KindIncrement, Amount: x.req.Amount, Target: payment.NoTarget}
	return op, p.CheckIncrement(x.req.Amount, now)
}
