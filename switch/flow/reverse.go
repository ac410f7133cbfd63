package flow

import (
	"context"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// reverse gives up an authorization, or a part of it.
func (x *operation) reverse(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	return x.atIssuer(ctx, x.givenUp)
}

// givenUp is the operation of a reverse.
func (x *operation) givenUp(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
	amount, stays, r := p.CheckReverse(x.req.Amount, now)
	return payment.Op{
		Kind: payment.KindReverse, Amount: amount, Stays: stays, Target: payment.NoTarget, RRN: p.Ops[0].RRN,
	}, r
}
