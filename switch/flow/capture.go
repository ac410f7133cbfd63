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

// capture accepts a capture. It is final once committed; the issuer learns of it by store-and-forward. Most go together
// with others instead (together_capture.go).
func (x *operation) capture(ctx context.Context) api.Answer {
	a, first := x.onPayment(ctx)
	if !first {
		return a
	}
	defer x.endKey()
	unlock := x.o.Turns.Lock(x.id)
	defer unlock()
	for {
		p, err := x.o.Journal.Payment(ctx, x.id)
		if err != nil {
			return refused(x.fault("read payment", err))
		}
		t, i, refusedWith := x.allowCapture(ctx, p)
		if refusedWith != nil {
			return refused(refusedWith)
		}
		err = x.o.Journal.Commit(ctx, t)
		switch {
		case errors.Is(err, journal.ErrDayClosed):
			continue // a cutover came between: the next date
		case err != nil:
			return refused(x.fault("accept the capture", err))
		}
		return x.captureAccepted(t, i)
	}
}

// allowCapture appends the capture that is asked for to its payment, where it is allowed, and returns the transition
// that accepts it as operation i.
func (x *operation) allowCapture(ctx context.Context, p *payment.Payment) (t *journal.Transition, i int, _ *api.Error) {
	now := x.o.Clock.Now()
	if refusedWith := x.roomForAdvice(p.Ops[0].Host); refusedWith != nil {
		return nil, 0, refusedWith
	}
	amount, r := p.CheckCapture(x.req.Amount, x.o.Clock.Confirmed())
	if r != nil {
		return nil, 0, refusal(r)
	}
	if x.req.Final && p.Unresolved() {
		return nil, 0, api.NewError(api.CodeBusy,
			"an earlier request has no outcome yet, so what a final capture leaves is not known")
	}
	t, i, err := x.appendCapture(ctx, p, amount, now)
	if err != nil {
		return nil, 0, x.fault("accept the capture", err)
	}
	return t, i, nil
}

// appendCapture appends a capture to a payment, with the release of the rest where it is final, and returns the
// transition that accepts it as operation i, on the business date that is open.
func (x *operation) appendCapture(ctx context.Context, p *payment.Payment, amount int64, now time.Time) (
	t *journal.Transition, i int, err error,
) {
	host := p.Ops[0].Host
	issuer := x.o.Issuers[host]
	if issuer == nil {
		return nil, 0, &hostGoneError{host}
	}
	i = len(p.Ops)
	capture, release := captured(p, amount, x.req.Final, now)
	capture.Key, capture.Date = x.req.Key, x.o.Journal.OpenDay()
	if capture.ARN, err = x.arn(ctx, p, capture.Date); err != nil {
		return nil, 0, err
	}
	t = &journal.Transition{Payment: p, Day: capture.Date}
	if claim := x.claim; claim.Key != "" {
		claim.Op = i
		t.Keys = []journal.KeyClaim{claim}
	}
	for _, op := range []payment.Op{capture, release} {
		if op.Kind == payment.KindNone {
			continue
		}
		if err := x.queue(ctx, t, issuer, op); err != nil {
			return nil, 0, err
		}
	}
	t.Present = []journal.Presentment{x.present(p, i)}
	p.Version++
	return t, i, nil
}

// captureAccepted hands on what a committed capture queued, with the payment itself, and answers.
func (x *operation) captureAccepted(t *journal.Transition, i int) api.Answer {
	x.metrics.accepted()
	a := x.done(t.Payment, i)
	x.deliver(t, t.Payment)
	return a
}

// captured is the operation of a capture and, where it is final and leaves something that the issuer holds, that of the
// rest's release.
func captured(p *payment.Payment, amount int64, final bool, now time.Time) (capture, release payment.Op) {
	root := &p.Ops[0]
	capture = payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Advised: true, Amount: amount, Target: payment.NoTarget,
		Final: final, At: now, DoneAt: now, RRN: root.RRN, Number: nextNumber(p, payment.KindCapture, len(p.Ops)),
		PastWindow: p.PastWindow(now) && !mutant.On(mutant.LateCapture),
	}
	rest := p.Sums().Capturable() - amount
	if final && rest > 0 && root.Kind != payment.KindVoice { // of what was authorized elsewhere the issuer holds nothing
		release = payment.Op{
			Kind: payment.KindRelease, State: payment.StateQueued, Advised: true, Amount: rest, Target: payment.NoTarget,
			Stays: p.StaysAfter(rest), At: now, DoneAt: now, RRN: root.RRN,
		}
	}
	return capture, release
}
