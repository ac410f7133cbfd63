package day

import (
	"context"
	"errors"
	"strconv"

	"switchyard/switch/api"
)

// play is one payment under way and what the switch should think of it.
type play struct {
	ctx    context.Context
	client Client
	book   *Book
	o      *Options
	plan   *Payment
	id     string // the switch's; known from the first answer
	ops    int    // operations sent; numbers the keys
	status api.Status
	should sums
}

// sums are a payment's, as the plan has them after each operation.
type sums struct{ authorized, released, captured, refunded int64 }

// step is one operation of a payment, what its answer must say, and what the payment comes to if it is made.
type step struct {
	req    *api.Request
	want   want
	after  sums
	clears int64 // what a clearing file must then carry for it; 0 for no record
}

// want is what the answer to one operation must say.
type want struct {
	approved bool
	code     string // DE39
	amount   int64  // of the operation; not looked at for a decline
	status   api.Status
}

// payment plays one payment from its first request to its last.
func (p *play) payment() error {
	switch p.plan.Kind {
	case Full:
		return p.steps(p.authorize, p.captureAll, p.refund, p.look)
	case Shipments:
		return p.steps(p.authorize, p.ship, p.refund, p.look)
	case Sale:
		return p.steps(p.sale, p.refund, p.look)
	case Reversed:
		return p.steps(p.authorize, p.reverse, p.look)
	default:
		return p.steps(p.decline, p.look)
	}
}

var (
	// errDeparted ends a payment whose answer was so far from the plan that going on would only repeat the fault. The
	// mismatch is in the book already.
	errDeparted = errors.New("departed from the plan")
	// errUnmade ends a payment whose first request was not made, for want of an answer from the issuer.
	errUnmade = errors.New("not made")
)

func (p *play) steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			if errors.Is(err, errDeparted) || errors.Is(err, errUnmade) {
				return nil
			}
			return err
		}
	}
	return nil
}

func (p *play) authorize() error {
	return p.do(step{
		req:   p.first(api.OpAuthorize),
		want:  want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusAuthorized},
		after: sums{authorized: p.plan.Amount},
	})
}

func (p *play) sale() error {
	return p.do(step{
		req:    p.first(api.OpSale),
		want:   want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusCaptured},
		after:  sums{authorized: p.plan.Amount, captured: p.plan.Amount},
		clears: p.plan.Amount,
	})
}

func (p *play) decline() error {
	return p.do(step{req: p.first(api.OpAuthorize), want: want{code: p.plan.Decline.Code, status: api.StatusDeclined}})
}

// captureAll names no amount: the default is all that is left.
func (p *play) captureAll() error {
	s := step{
		req:    p.later(api.OpCapture, 0),
		want:   want{approved: true, amount: p.plan.Amount, status: api.StatusCaptured},
		after:  p.should,
		clears: p.plan.Amount,
	}
	s.after.captured = p.plan.Amount
	return p.do(s)
}

// ship captures one shipment after another. Where they sum up to less than was authorized, the last one is final and
// releases the rest.
func (p *play) ship() error {
	short := p.plan.Captured() < p.plan.Amount
	for i, amount := range p.plan.Shipments {
		s := step{
			req:    p.later(api.OpCapture, amount),
			want:   want{approved: true, amount: amount, status: api.StatusPartiallyCaptured},
			after:  p.should,
			clears: amount,
		}
		s.after.captured += amount
		if i == len(p.plan.Shipments)-1 {
			s.want.status = api.StatusCaptured
			if short {
				s.req.Final, s.req.Present = true, s.req.Present.With(api.FieldFinal)
				s.after.released = p.plan.Amount - s.after.captured
			}
		}
		if err := p.do(s); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) reverse() error {
	s := step{
		req:   p.later(api.OpReverse, 0),
		want:  want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusReversed},
		after: p.should,
	}
	if p.plan.ByKey {
		s.req.Payment, s.req.Merchant, s.req.OfKey = "", p.plan.Merchant.ID, p.key(0)
		s.req.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey)
	}
	s.after.released = p.plan.Amount
	return p.do(s)
}

func (p *play) refund() error {
	if p.plan.Refund == 0 {
		return nil
	}
	s := step{
		want:   want{approved: true, code: "00", amount: p.plan.Refund, status: api.StatusPartiallyRefunded},
		after:  p.should,
		clears: p.plan.Refund,
	}
	amount := p.plan.Refund
	if amount == p.plan.Captured() {
		s.want.status, amount = api.StatusRefunded, 0
	}
	s.req = p.later(api.OpRefund, amount)
	s.after.refunded = p.plan.Refund
	return p.do(s)
}

// look reads the payment back, where the plan says so.
func (p *play) look() error {
	if !p.plan.Repeats {
		return nil
	}
	req := p.statusRequest()
	r, err := p.send(req)
	if err != nil {
		return err
	}
	if r.Err != nil {
		p.wrong(req, "error", r.Err.Error(), "the payment")
		return nil
	}
	p.checkPayment(req, r.Answer)
	if len(r.History) < p.ops {
		p.wrong(req, "history", strconv.Itoa(len(r.History))+" operations", "at least "+strconv.Itoa(p.ops))
	}
	return nil
}

func (p *play) statusRequest() *api.Request {
	return &api.Request{Op: api.OpStatus, Payment: p.id, Present: api.Fields(api.FieldPayment)}
}

// name says which payment it is, for a person who wants to look it up.
func (p *play) name() string {
	id := p.id
	if id == "" {
		id = "merchant " + p.plan.Merchant.ID + ", key " + p.key(0)
	}
	return id + " (" + p.plan.Kind.String() + ")"
}

// key is the idempotency key of the payment's operation i.
func (p *play) key(i int) string {
	return p.o.Plan.Run + "-" + strconv.Itoa(p.plan.Number) + "-" + strconv.Itoa(i)
}

// first is the request that makes the payment.
func (p *play) first(op api.Op) *api.Request {
	m := p.plan.Merchant
	req := &api.Request{
		Op: op, Key: p.key(p.ops), Merchant: m.ID, Terminal: p.plan.Terminal,
		Amount: p.plan.Amount, Currency: p.plan.Currency, Card: p.plan.Card,
		Entry: m.Entry, Initiator: m.Initiator, Reference: "order " + strconv.Itoa(p.plan.Number),
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency,
			api.FieldCard, api.FieldEntry, api.FieldInitiator, api.FieldReference),
	}
	if m.Entry != api.EntryEcommerce && m.Entry != api.EntryMOTO &&
		(p.plan.Decline == nil || p.plan.Decline.Code != codeWrongCVC) {
		req.Card.CVC = "" // nobody types it in at a terminal, and none may be kept for a stored card
	}
	return req
}

// codeWrongCVC is the decline that only a request with a CVC can meet.
const codeWrongCVC = "N7"

// later is a request on the payment; an amount of 0 leaves it to the default.
func (p *play) later(op api.Op, amount int64) *api.Request {
	req := &api.Request{Op: op, Key: p.key(p.ops), Payment: p.id, Present: api.Fields(api.FieldKey, api.FieldPayment)}
	if amount != 0 {
		req.Amount, req.Present = amount, req.Present.With(api.FieldAmount)
	}
	return req
}
