package flow

import (
	"context"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/payment"
)

// preparation checks an operation against the payment as it stands and returns the operation to append. It changes
// nothing and waits for nothing.
type preparation func(p *payment.Payment, now time.Time) (payment.Op, *payment.Refusal)

// atIssuer serves an operation on an existing payment that the issuer answers. It waits for the payment's turn and for
// its queued advices, so that the payment's messages reach the issuer in order; past the deadline nothing is sent.
func (x *operation) atIssuer(ctx context.Context, prepare preparation) api.Answer {
	held, cancel := context.WithTimeout(ctx, x.o.Deadline)
	defer cancel()
	for {
		if err := x.o.SAF.Wait(held, x.id); err != nil {
			return refused(noTurn)
		}
		endTurn, err := x.o.Turns.Take(held, x.id)
		if err != nil {
			return refused(noTurn)
		}
		a := x.inTurn(ctx, prepare)
		endTurn()
		if a.Err != advisedFirst {
			return a
		}
		// Wait does not know of an advice so far back in a long queue that it is not in memory.
		pause := time.NewTimer(advisingPause)
		select {
		case <-pause.C:
		case <-held.Done():
			pause.Stop()
			return refused(noTurn)
		}
	}
}

// advisingPause is how long a request rests that found an advice queued where none was waited for.
const advisingPause = 10 * time.Millisecond

var (
	noTurn = api.NewError(api.CodeIssuerUnavailable,
		"earlier messages of this payment have not reached the issuer yet; nothing was sent")
	// advisedFirst stays inside: an advice was queued in between, which goes first.
	advisedFirst = api.NewError(api.CodeInternal, "an advice goes first")
	// closedMeanwhile refuses a void at the issuer whose capture's business date or window was closed before its
	// intent.
	closedMeanwhile = api.NewError(api.CodeBusy, "the capture's business date was closed at this moment")
)

// inTurn makes one attempt while the payment's turn is held.
func (x *operation) inTurn(ctx context.Context, prepare preparation) api.Answer {
	p, err := x.o.Journal.Payment(ctx, x.id)
	if err != nil {
		return refused(x.fault("read payment", err))
	}
	if p.Advising() {
		return refused(advisedFirst)
	}
	if _, r := prepare(p, x.o.Clock.Confirmed()); r != nil {
		return refused(refusal(r))
	}
	x.issuer = x.o.Issuers[p.Ops[0].Host]
	if x.issuer == nil {
		return refused(x.fault("find the host", &hostGoneError{p.Ops[0].Host}))
	}
	issuers := []*exchange.Issuer{x.issuer}
	if x.req.Op == api.OpIncrement || x.req.Op == api.OpRefund {
		if _, refusedWith := x.withRoom(issuers); refusedWith != nil {
			return refused(refusedWith)
		}
	}
	if _, x.call, err = x.acquire(ctx, issuers); err != nil {
		return refused(x.fault("take a slot", err))
	}
	defer x.call.Free()
	i, refusedWith := x.intend(ctx, prepare)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	defer x.leave()
	r := x.send(ctx)
	unlock := x.o.Turns.Lock(x.id)
	defer unlock()
	// The gateway may have hung up meanwhile.
	if p, err = x.o.Journal.Payment(context.WithoutCancel(ctx), x.id); err != nil {
		return refused(x.fault("read payment", err))
	}
	if err := x.concludeOne(ctx, p, i, &r); err != nil {
		return refused(x.fault("commit the outcome", err))
	}
	return x.done(p, i)
}

// intend appends the operation and commits its intent under the payment's lock.
func (x *operation) intend(ctx context.Context, prepare preparation) (i int, _ *api.Error) {
	unlock := x.o.Turns.Lock(x.id)
	defer unlock()
	p, err := x.o.Journal.Payment(ctx, x.id)
	if err != nil {
		return 0, x.fault("read payment", err)
	}
	if p.Advising() {
		return 0, advisedFirst
	}
	now := x.o.Clock.Now()
	op, r := prepare(p, x.o.Clock.Confirmed())
	if r != nil {
		return 0, refusal(r)
	}
	if x.card, err = x.openCard(p); err != nil {
		return 0, x.fault("open the card", err)
	}
	op.State, op.Key, op.At = payment.StatePending, x.req.Key, now
	if op.RRN == "" {
		if op.RRN, err = x.o.IDs.LaterRRN(ctx, now); err != nil {
			return 0, x.fault("take an RRN", err)
		}
	}
	if err := x.issuer.Identify(ctx, &op); err != nil {
		return 0, x.fault("take a STAN", err)
	}
	p.Ops = append(p.Ops, op)
	i = len(p.Ops) - 1
	return i, x.commitIntent(ctx, intentOf(p, i, x.claim), i)
}

// send sends a committed intent. The gateway may hang up and the switch may stop: what is sent is seen through.
func (x *operation) send(ctx context.Context) reply {
	begin := time.Now()
	err := x.call.Send(context.WithoutCancel(ctx))
	x.metrics.issuer.Observe(time.Since(begin).Seconds())
	return reply{err: err, call: x.call}
}
