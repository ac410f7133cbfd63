package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"switchyard/internal/mutant"
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// create serves authorize, sale and verify: the operations that make a payment.
func (f *Flow) create(ctx context.Context, caller *api.Caller, req *api.Request, claim journal.KeyClaim) api.Answer {
	profile, route, refusedWith := f.profileAndRoute(req)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	counted, refusedWith := f.spend(ctx, profile, caller.Gateway, req.Currency, req.Amount)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	a := f.createWithin(ctx, caller, req, claim, profile, route)
	counted.settle(&a)
	return a
}

// createWithin makes the payment of a request that is within its limits.
func (f *Flow) createWithin(
	ctx context.Context, caller *api.Caller, req *api.Request, claim journal.KeyClaim,
	profile *merchant.Profile, route Route,
) api.Answer {
	emv, err := storedEMV(req)
	if err != nil {
		return refused(api.FieldError("emv", err.Error()))
	}
	issuers, refusedWith := f.withRoom(route.Issuers)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	issuer, call, err := f.acquire(ctx, issuers)
	if errors.Is(err, link.ErrUnavailable) && f.mayStandIn(req, profile) {
		return f.standIn(ctx, caller, req, claim, profile, route)
	}
	if err != nil {
		return f.fault("take a slot", err)
	}
	defer func() { call.Free() }()
	p, err := f.newPayment(ctx, caller, req, profile, route)
	if err != nil {
		return f.fault("make the payment", err)
	}
	op := payment.Op{
		Kind: kindOf(req.Op), State: payment.StatePending, Key: req.Key, Amount: req.Amount, Target: payment.NoTarget, At: p.Created,
	}
	op.RRN = f.o.IDs.RRN(p.ID, p.Created)
	if err := issuer.Identify(ctx, &op); err != nil {
		return f.fault("take a STAN", err)
	}
	p.EMV = emv
	p.Ops = append(make([]payment.Op, 0, 2), op)
	t := &journal.Transition{Payment: p, Keys: []journal.KeyClaim{claim}, Opens: []int{0}}
	card := message.Card{PAN: req.Card.Number, Expiry: req.Card.Expiry}
	leave, refusedWith := f.commitIntent(ctx, t, 0, call, card, req)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	defer leave()
	sent := f.send(ctx, call)
	for tries := 1; tries < maxTries && exchange.NotSent(sent); tries++ {
		another, err := f.intendAgain(ctx, p, issuers, card, req)
		if err != nil {
			break
		}
		call.Free()
		call = another
		sent = f.send(ctx, call)
	}
	// Nobody else changes the payment before its outcome stands, but a late answer may come while it is being committed.
	unlock := f.o.Turns.Lock(p.ID)
	err = f.conclude(ctx, p, 0, call, sent, req.Partial)
	unlock()
	if err != nil {
		return f.fault("commit the outcome", err)
	}
	return answer(p, 0, f.o.Clock.Confirmed())
}

// maxTries bounds how often a request is tried of which no byte was sent.
const maxTries = 3

// intendAgain takes another slot for a request that provably was not sent, on any link of its issuers, and commits its
// intent anew under a new identity. An error leaves the payment as it was.
func (f *Flow) intendAgain(ctx context.Context, p *payment.Payment, issuers []*exchange.Issuer, card message.Card, req *api.Request) (*exchange.Call, error) {
	issuer, call, err := f.acquire(ctx, issuers)
	if err != nil {
		return nil, err
	}
	before := p.Ops[0]
	err = issuer.Identify(ctx, &p.Ops[0])
	if err == nil {
		err = call.Pack(p, 0, card, req, false)
	}
	if err == nil {
		err = f.save(ctx, p)
	}
	if err != nil {
		p.Ops[0] = before
		call.Free()
		return nil, err
	}
	return call, nil
}

func kindOf(op api.Op) payment.Kind {
	switch op {
	case api.OpSale:
		return payment.KindSale
	case api.OpVerify:
		return payment.KindVerify
	}
	return payment.KindAuthorize
}

// profileAndRoute finds the merchant of a request that makes a payment, holds the currency against it, and finds the card's
// route.
func (f *Flow) profileAndRoute(req *api.Request) (*merchant.Profile, Route, *api.Error) {
	profile := f.o.Merchants.Lookup(req.Merchant)
	switch {
	case profile == nil:
		return nil, Route{}, api.FieldError("merchant", "no such merchant in the merchants file")
	case !profile.Takes(req.Currency):
		return nil, Route{}, api.FieldError("currency", "the merchant does not take it")
	}
	route, ok := f.o.Routes.Route(req.Card.Number)
	if !ok {
		return nil, Route{}, &api.Error{Code: api.CodeNoRoute, Field: "card.number", Message: "no route takes this card"}
	}
	return profile, route, nil
}

// withRoom returns those of a route's issuers whose queue has room for the reversal that may have to follow a request. It is
// refused if none has: they answer nothing (I13).
func (f *Flow) withRoom(issuers []*exchange.Issuer) ([]*exchange.Issuer, *api.Error) {
	inFlight := f.InFlight()
	full := func(x *exchange.Issuer) bool { return !f.o.SAF.RoomForRequest(x.Name, inFlight) }
	if !slices.ContainsFunc(issuers, full) {
		return issuers, nil
	}
	issuers = slices.DeleteFunc(slices.Clone(issuers), full)
	if len(issuers) == 0 {
		return nil, api.NewError(api.CodeBusy, "the issuer's store-and-forward queue has no room for another reversal")
	}
	return issuers, nil
}

// acquire takes a slot towards the first of a route's issuers that has one free; a host that is full is passed over
// like one without a link. While none has, it waits for the first that has a link, or has one coming back, and looks
// at the others once more before it gives up. Nothing is sent yet, so trying the next one is safe.
func (f *Flow) acquire(ctx context.Context, issuers []*exchange.Issuer) (*exchange.Issuer, *exchange.Call, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, f.o.AdmissionTimeout)
	defer cancel()
	x, call := free(issuers)
	var err error
	if call == nil {
		x, call, err = await(ctx, issuers)
	}
	if call == nil {
		x, call = free(issuers)
	}
	if call == nil {
		return nil, nil, err
	}
	f.metrics.slot.Observe(time.Since(begin).Seconds())
	return x, call, nil
}

// free takes a slot of the first issuer that has one.
func free(issuers []*exchange.Issuer) (*exchange.Issuer, *exchange.Call) {
	if mutant.On(mutant.FullHostWaitedFor) {
		return nil, nil
	}
	for _, x := range issuers {
		if call, ok := x.TryAcquire(); ok {
			return x, call
		}
	}
	return nil, nil
}

// await waits for a slot of the first issuer at which there is anything to wait for. A queue that is too long to
// join leaves the wait to the next one.
func await(ctx context.Context, issuers []*exchange.Issuer) (*exchange.Issuer, *exchange.Call, error) {
	refused := error(link.ErrUnavailable)
	for _, x := range issuers {
		call, err := x.Acquire(ctx)
		if err == nil {
			return x, call, nil
		}
		if !errors.Is(refused, link.ErrBusy) { // the host that was busy says what the route is
			refused = err
		}
	}
	return nil, nil, refused
}

// newPayment makes the record of a payment without operations.
func (f *Flow) newPayment(ctx context.Context, caller *api.Caller, req *api.Request, profile *merchant.Profile, route Route) (*payment.Payment, error) {
	id, err := f.o.IDs.Payment(ctx)
	if err != nil {
		return nil, err
	}
	now := f.o.Clock.Now()
	p := &payment.Payment{
		ID: id, Gateway: caller.Gateway, Merchant: req.Merchant, Terminal: req.Terminal, Currency: req.Currency,
		Reference: req.Reference, Entry: uint8(req.Entry), Initiator: uint8(req.Initiator), MCC: profile.MCC,
		Route: route.Destination, ECI: req.ThreeDS.ECI, Sequence: req.Card.Sequence,
		Created: now, Expires: now.Add(profile.CaptureWindow()),
	}
	f.o.Builder.Record(p, profile)
	f.sealCard(p, &req.Card)
	return p, nil
}

// storedEMV is what of the chip data is stored (I12).
func storedEMV(req *api.Request) (string, error) {
	if req.EMV == "" {
		return "", nil
	}
	return spec.FilterEMV(req.EMV)
}

// arn makes the acquirer reference number of a payment's presentment accepted on a date: under the BIN of the
// payment's acquirer, or under those that the configuration names instead.
func (f *Flow) arn(ctx context.Context, p *payment.Payment, date payment.Date) (string, error) {
	const binLen = 6
	bins := f.o.AcquirerBINs
	if len(bins) == 0 {
		bins = []string{f.o.Builder.Acquirer(p)[:binLen]}
	}
	bin, seq, err := f.o.IDs.ARN(ctx, bins, date)
	if err != nil {
		return "", err
	}
	return clearing.ARN(bin, date.Time(), seq)
}

// clears tells whether an operation that is sent online stands in the clearing of its own business date.
func clears(k payment.Kind) bool { return k.Row().Clears && k.Row().Request != "" }
