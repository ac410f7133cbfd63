package flow

import (
	"context"
	"errors"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// voiceOp is the place of the capture in a payment that begins with it.
const voiceOp = 1

// voiceCapture captures an authorization that was obtained elsewhere: a payment that begins with its capture.
func (x *operation) voiceCapture(ctx context.Context) api.Answer {
	room := func() *api.Error { return x.roomForAdvice(x.route.Issuers[0].Name) }
	return x.makePayment(ctx, room, x.acceptVoice)
}

// acceptVoice makes the payment of a voice capture that is within its limits.
func (x *operation) acceptVoice(ctx context.Context) api.Answer {
	for {
		p := &payment.Payment{}
		if err := x.newPayment(ctx, p); err != nil {
			return refused(x.fault("make the payment", err))
		}
		p.Ops = []payment.Op{{
			Kind: payment.KindVoice, State: payment.StateApproved, Amount: x.req.Amount, Granted: x.req.Amount,
			Target: payment.NoTarget, At: p.Created, DoneAt: p.Created, Host: x.route.Issuers[0].Name,
			AuthCode: x.req.AuthCode, RRN: x.rrn,
		}}
		t, i, err := x.appendCapture(ctx, p, x.req.Amount, p.Created)
		if err == nil {
			err = x.o.Journal.Commit(ctx, t)
		}
		if errors.Is(err, journal.ErrDayClosed) {
			continue // a cutover came between: the next date
		}
		if err != nil {
			return refused(x.fault("accept the capture", err))
		}
		return x.captureAccepted(t, i)
	}
}
