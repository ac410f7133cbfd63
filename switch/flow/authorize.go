package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// authorize serves authorize, sale and verify: the operations that make a payment and are asked of the issuer.
func (x *operation) authorize(ctx context.Context) api.Answer {
	return x.makePayment(ctx, nil, x.create)
}

// create makes the payment of a request that is within its limits.
func (x *operation) create(ctx context.Context) api.Answer {
	emv, err := storedEMV(x.req)
	if err != nil {
		return refused(api.FieldError("emv", err.Error()))
	}
	issuers, refusedWith := x.withRoom(x.route.Issuers)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	x.issuer, x.call, err = x.acquire(ctx, issuers)
	if errors.Is(err, link.ErrUnavailable) && x.mayStandIn() {
		return x.standIn(ctx)
	}
	if err != nil {
		return refused(x.fault("take a slot", err))
	}
	defer func() { x.call.Free() }()
	p := &payment.Payment{}
	if refusedWith := x.fill(ctx, p, make([]payment.Op, 0, 2), emv); refusedWith != nil {
		return refused(refusedWith)
	}
	if refusedWith := x.commitIntent(ctx, intentOf(p, 0, x.claim), 0); refusedWith != nil {
		return refused(refusedWith)
	}
	defer x.leave()
	return x.seeThrough(ctx, p, issuers, x.send(ctx))
}

// seeThrough takes a payment that was sent to its answer. What provably was not sent is tried again.
func (x *operation) seeThrough(
	ctx context.Context, p *payment.Payment, issuers []*exchange.Issuer, r reply,
) api.Answer {
	for tries := 1; tries < maxTries && exchange.NotSent(r.err) && x.intendAgain(ctx, p, issuers); tries++ {
		r = x.send(ctx)
	}
	// Nobody else changes the payment before its outcome stands, but a late answer may come while it is being committed.
	unlock := x.o.Turns.Lock(p.ID)
	r.partial = x.req.Partial
	err := x.concludeOne(ctx, p, 0, &r)
	unlock()
	if err != nil {
		return refused(x.fault("commit the outcome", err))
	}
	return x.done(x.captureNow(ctx, p), 0)
}

// fill makes p the record of the request's payment with its first operation, which has room and is given an identity
// towards the host.
func (x *operation) fill(ctx context.Context, p *payment.Payment, room []payment.Op, emv string) *api.Error {
	if err := x.newPayment(ctx, p); err != nil {
		return x.fault("make the payment", err)
	}
	p.EMV = emv
	p.Ops = append(room, x.first(p))
	if err := x.issuer.Identify(ctx, &p.Ops[0]); err != nil {
		return x.fault("take a STAN", err)
	}
	x.card = message.Card{PAN: x.req.Card.Number, Expiry: x.req.Card.Expiry}
	return nil
}

// first is the operation that makes a payment, before it has an identity towards its host.
func (x *operation) first(p *payment.Payment) payment.Op {
	return payment.Op{
		Kind: firstKinds[x.req.Op], State: payment.StatePending, Key: x.req.Key, Amount: x.req.Amount,
		Target: payment.NoTarget, At: p.Created, RRN: x.rrn, CaptureAt: x.captureAt(p), ForcePost: x.forcePost(),
	}
}

// captureAt is when the switch captures the payment that the request makes; zero: it does not.
func (x *operation) captureAt(p *payment.Payment) time.Time {
	switch {
	case !x.req.CapturedBySwitch():
		return time.Time{}
	case x.req.CaptureAfter == 0:
		return p.Created
	}
	// From where the window begins: a clock that is behind by now and put right later makes it come no earlier.
	return p.Expires.Add(x.req.CaptureAfter - x.captureWindow())
}

// forcePost tells whether captures of the payment that the request makes are taken past its window.
func (x *operation) forcePost() bool { return x.req.Op == api.OpAuthorize && x.profile.ForcePost }

// captureNow captures a payment that was just approved, where that was asked for, and returns it as it stands then.
// What cannot be done now is by its timer.
func (x *operation) captureNow(ctx context.Context, p *payment.Payment) *payment.Payment {
	if !x.req.CapturedBySwitch() || x.req.CaptureAfter != 0 {
		return p
	}
	return x.serveNow(ctx, p, journal.Timer{At: timersOf(p, 0)[0], Payment: p.ID})
}

// newPayment makes p the record of a payment without operations.
func (x *operation) newPayment(ctx context.Context, p *payment.Payment) error {
	id, err := x.o.IDs.Payment(ctx)
	if err != nil {
		return err
	}
	now, req := x.o.Clock.Now(), x.req
	*p = payment.Payment{
		SealedCard: p.SealedCard, // its memory
		ID:         id, Gateway: x.caller.Gateway, Merchant: req.Merchant, Terminal: req.Terminal, Currency: req.Currency,
		Reference: x.keptReference(), Entry: uint8(req.Entry), Initiator: uint8(req.Initiator), MCC: x.profile.MCC,
		Route: x.route.Destination, ECI: req.ThreeDS.ECI, Sequence: req.Card.Sequence,
		// A clock that is behind by now and put right later has ended no window that it began.
		Created: now, Expires: x.o.Clock.Latest().Add(x.captureWindow()),
	}
	x.o.Builder.Record(p, x.profile)
	x.sealCard(p, &req.Card)
	var room [32]byte
	text := pan.AppendMask(room[:0], req.Card.Number)
	mask := len(text)
	pieces := string(x.o.IDs.AppendRRN(text, id, now)) // one piece of memory for both
	p.MaskedPAN, x.rrn = pieces[:mask], pieces[mask:]
	return nil
}

// captureWindow is how long the payment that the request makes may be captured.
func (x *operation) captureWindow() time.Duration {
	asked := merchant.Asked{Card: x.req.Card.Number, Entry: x.req.Entry, Initiator: x.req.Initiator}
	return x.profile.CaptureWindow(&x.o.CaptureWindows, &asked)
}

// maxTries bounds how often a request is tried of which no byte was sent.
const maxTries = 3

// intendAgain takes another slot for a request that provably was not sent, on any link of its issuers, and commits its
// intent anew under a new identity. Where it fails the payment is as it was.
func (x *operation) intendAgain(ctx context.Context, p *payment.Payment, issuers []*exchange.Issuer) bool {
	issuer, call, err := x.acquire(ctx, issuers)
	if err != nil {
		return false
	}
	old, before := x.call, p.Ops[0]
	x.call = call
	if err = issuer.Identify(ctx, &p.Ops[0]); err == nil {
		err = x.pack(p, 0)
	}
	if err == nil {
		p.Version++
		if err = x.o.Journal.Commit(ctx, &journal.Transition{Payment: p}); err != nil {
			p.Version--
		}
	}
	if err != nil {
		p.Ops[0] = before
		x.call = old
		call.Free()
		return false
	}
	old.Free()
	x.issuer = issuer
	return true
}
