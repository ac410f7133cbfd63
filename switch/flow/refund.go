package flow

import (
	"context"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// refund pays back what was captured, or a part of it.
func (x *operation) refund(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	return x.atIssuer(ctx, x.refunded)
}

// refunded is the operation of a refund.
func (x *operation) refunded(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal) {
	amount, r := p.CheckRefund(x.req.Amount, now)
	if r == nil {
		r = p.CheckRefundWindow(x.profileOf(p).RefundWindow(), now)
	}
	return payment.Op{Kind: payment.KindRefund, Amount: amount, Target: payment.NoTarget}, r
}
