package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// capture accepts a capture. It is final once committed; the issuer learns of it by store-and-forward.
func (f *Flow) capture(ctx context.Context, req *api.Request, id payment.ID, claim journal.KeyClaim) api.Answer {
	unlock := f.o.Turns.Lock(id)
	defer unlock()
	for {
		p, err := f.o.Journal.Payment(ctx, id)
		if err != nil {
			return f.fault("read payment", err)
		}
		now := f.o.Clock.Now()
		if refusedWith := f.roomForAdvice(p.Ops[0].Host); refusedWith != nil {
			return refused(refusedWith)
		}
		amount, r := p.CheckCapture(req.Amount, f.o.Clock.Confirmed())
		if r != nil {
			return refusal(r)
		}
		if req.Final && p.Unresolved() {
			return refused(api.NewError(api.CodeBusy, "an earlier request has no outcome yet, so what a final capture leaves is not known"))
		}
		a, err := f.acceptCapture(ctx, p, req, claim, amount, now)
		var gone *hostGoneError
		switch {
		case errors.Is(err, journal.ErrDayClosed):
			continue // a cutover came between: the next date
		case errors.As(err, &gone):
			return f.hostGone(gone)
		case err != nil:
			return f.fault("accept the capture", err)
		}
		return a
	}
}

// roomForAdvice refuses what ends in an advice while the queue of its host is full (I13).
func (f *Flow) roomForAdvice(host string) *api.Error {
	if f.o.SAF.Room(host, f.InFlight()) {
		return nil
	}
	return api.NewError(api.CodeBusy, "the issuer's store-and-forward queue is full")
}

// acceptCapture appends a capture to a payment, with the release of the rest where it is final, and commits it.
func (f *Flow) acceptCapture(ctx context.Context, p *payment.Payment, req *api.Request, claim journal.KeyClaim, amount int64, now time.Time) (api.Answer, error) {
	root := &p.Ops[0]
	issuer := f.o.Issuers[root.Host]
	if issuer == nil {
		return api.Answer{}, &hostGoneError{root.Host}
	}
	i := len(p.Ops)
	rest := p.Sums().Capturable() - amount
	capture := payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Advised: true, Key: req.Key, Amount: amount,
		Target: payment.NoTarget, Final: req.Final, At: now, DoneAt: now, RRN: root.RRN,
		Number: nextNumber(p, payment.KindCapture, i), Date: f.o.Journal.OpenDay(),
	}
	var err error
	if capture.ARN, err = f.arn(ctx, p, capture.Date); err != nil {
		return api.Answer{}, err
	}
	ops := []payment.Op{capture}
	if req.Final && rest > 0 && root.Kind != payment.KindVoice { // of what was authorized elsewhere the issuer holds nothing
		ops = append(ops, payment.Op{
			Kind: payment.KindRelease, State: payment.StateQueued, Advised: true, Amount: rest, Target: payment.NoTarget,
			Stays: p.StaysAfter(rest), At: now, DoneAt: now, RRN: root.RRN,
		})
	}
	t := &journal.Transition{Payment: p, Day: capture.Date}
	claim.Op = i
	t.Keys = []journal.KeyClaim{claim}
	if err := f.queueOps(ctx, p, issuer, ops, t); err != nil {
		return api.Answer{}, err
	}
	t.Present = []journal.Presentment{f.present(p, i)}
	p.Version++
	if err := f.o.Journal.Commit(ctx, t); err != nil {
		return api.Answer{}, err
	}
	f.metrics.accepted()
	f.deliver(p, t)
	return answer(p, i, f.o.Clock.Confirmed()), nil
}

// queueOps appends advices to a payment, each with an identity and a store-and-forward row.
func (f *Flow) queueOps(ctx context.Context, p *payment.Payment, issuer *exchange.Issuer, ops []payment.Op, t *journal.Transition) error {
	for _, op := range ops {
		if err := issuer.Identify(ctx, &op); err != nil {
			return err
		}
		p.Ops = append(p.Ops, op)
		t.Queue = append(t.Queue, f.row(p, len(p.Ops)-1))
	}
	return nil
}

// voiceOp is the place of the capture in a payment that begins with it.
const voiceOp = 1

// voiceCapture captures an authorization that was obtained elsewhere: a payment that begins with its capture.
func (f *Flow) voiceCapture(ctx context.Context, caller *api.Caller, req *api.Request, claim journal.KeyClaim) api.Answer {
	profile, route, refusedWith := f.profileAndRoute(req)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	host := route.Issuers[0].Name
	if refusedWith := f.roomForAdvice(host); refusedWith != nil {
		return refused(refusedWith)
	}
	counted, refusedWith := f.spend(ctx, profile, caller.Gateway, req.Currency, req.Amount)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	a := f.voiceWithin(ctx, caller, req, claim, profile, route)
	counted.settle(&a)
	return a
}

// voiceWithin makes the payment of a voice capture that is within its limits.
func (f *Flow) voiceWithin(
	ctx context.Context, caller *api.Caller, req *api.Request, claim journal.KeyClaim,
	profile *merchant.Profile, route Route,
) api.Answer {
	host := route.Issuers[0].Name
	for {
		p, err := f.newPayment(ctx, caller, req, profile, route)
		if err != nil {
			return f.fault("make the payment", err)
		}
		root := payment.Op{
			Kind: payment.KindVoice, State: payment.StateApproved, Amount: req.Amount, Granted: req.Amount, Target: payment.NoTarget,
			At: p.Created, DoneAt: p.Created, Host: host, AuthCode: req.AuthCode,
		}
		root.RRN = f.o.IDs.RRN(p.ID, p.Created)
		p.Ops = []payment.Op{root}
		a, err := f.acceptCapture(ctx, p, req, claim, req.Amount, p.Created)
		if errors.Is(err, journal.ErrDayClosed) {
			continue
		}
		if err != nil {
			return f.fault("accept the capture", err)
		}
		return a
	}
}
