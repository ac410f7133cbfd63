package flow

import (
	"context"

	"switchyard/internal/money"
	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// operation is a request while it is served, by one goroutine: what is asked, by whom, and what was found and taken for
// it on the way. Each operation of the protocol is a method that reads from top to bottom.
type operation struct {
	*Flow
	req    *api.Request
	caller *api.Caller
	claim  journal.KeyClaim // of the request's key, which this call alone serves until endKey

	profile *merchant.Profile // of an operation that makes a payment
	route   Route
	id      payment.ID // of the payment that the request names

	issuer *exchange.Issuer // where it is sent
	call   *exchange.Call   // a slot there, and what is sent
	card   message.Card
	rrn    string       // of the first operation of a payment that it makes
	whole  bool         // of a void: the hold that comes back is given up, too
	date   payment.Date // the business date that it keeps from being sealed until leave; 0: none
}

// onPayment finds the payment that the request names and claims the key. Where first is false the answer stands
// already; otherwise endKey must follow.
func (x *operation) onPayment(ctx context.Context) (a api.Answer, first bool) {
	p, refusedWith := x.find(ctx, x.caller, x.req.Payment)
	if refusedWith != nil {
		return refused(refusedWith), false
	}
	x.id = p.ID
	if a, first = x.claimKey(ctx, p.Merchant, p.Currency); !first {
		return a, false
	}
	if refusedWith := x.cardInText(); refusedWith != nil {
		x.endKey()
		return refused(refusedWith), false
	}
	if x.req.Present.Has(api.FieldCurrency) && x.req.Currency != p.Currency {
		x.endKey()
		return refused(api.FieldError("currency", "expected the payment's own, "+p.Currency)), false
	}
	return a, true
}

// placed looks for card numbers where none may be, finds the merchant of a request that makes a payment, holds the
// currency against it, and finds the card's route.
func (x *operation) placed() *api.Error {
	if refusedWith := x.cardInText(); refusedWith != nil {
		return refusedWith
	}
	x.profile = x.o.Merchants.Lookup(x.req.Merchant)
	switch {
	case x.profile == nil:
		return api.FieldError("merchant", "no such merchant in the merchants file")
	case withdrawn(x.req.Currency):
		return api.FieldError("currency", "ISO 4217 has "+x.req.Currency+" no more")
	case !x.profile.Takes(x.req.Currency):
		return api.FieldError("currency", "the merchant does not take it")
	}
	if after := x.req.CaptureAfter; x.req.Op == api.OpAuthorize && after > x.captureWindow()-captureMargin {
		return api.FieldError("capture.after", "expected to end an hour before the capture window, or earlier")
	}
	var ok bool
	if x.route, ok = x.o.Routes.Route(x.req.Card.Number); !ok {
		return &api.Error{Code: api.CodeNoRoute, Field: "card.number", Message: "no route takes this card"}
	}
	return nil
}

// withdrawn tells whether ISO 4217 has a currency no more. It is asked once the key is known to be new: a repeat from
// before the currency went gets the first answer (I3).
func withdrawn(currency string) bool {
	c, _ := money.Lookup(currency)
	return c.Withdrawn
}

// makePayment serves a request that makes a payment: it claims the key, finds merchant and route, asks what else must
// hold before anything is counted (nil: nothing), counts the request against its limits and has it made.
func (x *operation) makePayment(
	ctx context.Context, allowed func() *api.Error, create func(context.Context) api.Answer,
) api.Answer {
	a, first := x.claimKey(ctx, x.req.Merchant, "")
	if !first {
		return a
	}
	defer x.endKey()
	if refusedWith := x.placed(); refusedWith != nil {
		return refused(refusedWith)
	}
	if allowed != nil {
		if refusedWith := allowed(); refusedWith != nil {
			return refused(refusedWith)
		}
	}
	counted, refusedWith := x.spend(ctx, x.profile, x.caller.Gateway, x.req.Currency, x.req.Amount)
	if refusedWith != nil {
		return refused(refusedWith)
	}
	a = create(ctx)
	counted.giveBackUnlessTaken(&a)
	return a
}

// done answers operation i of a payment.
func (x *operation) done(p *payment.Payment, i int) api.Answer {
	return answer(p, i, x.o.Clock.Confirmed())
}
