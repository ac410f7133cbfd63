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
	if issuer := x.o.Issuers[p.Ops[0].Host]; issuer != nil && !issuer.Mapping.Private() {
		// Nothing but DE48 tells the host which authorization it raises: it would make a second one.
		return op, &payment.Refusal{Message: "the payment's issuer takes no increments: it is sent no private data"}
	}
	return op, p.CheckIncrement(x.req.Amount, now)
}
