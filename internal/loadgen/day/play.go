package day

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/switch/api"
)

// Client sends one request and waits for its answer. An error is of the connection; a refusal stands in the answer.
// It may be used from many goroutines.
type Client interface {
	Do(ctx context.Context, req *api.Request) (*api.Answer, error)
}

// Options say how to play a day.
type Options struct {
	Plan     Plan
	Clients  []Client // connections; payments are spread over them
	Payments int      // number of payments
	InFlight int      // payments under way at the same time
	Progress func()   // called after each payment, from many goroutines; may be nil
}

// A request refused with retry is sent again: the nth time after n·retryPause, at most maxTries times in all.
const (
	maxTries   = 8
	retryPause = 50 * time.Millisecond
)

// Run plays the day and returns its book. It ends early, with an error, when a connection breaks or ctx ends: what
// became of the payments under way is then unknown to the driver, and the book is not complete.
func Run(ctx context.Context, o Options) (*Book, error) {
	if o.Payments < 1 || o.InFlight < 1 || len(o.Clients) == 0 {
		return nil, errors.New("day: payments, payments in flight and clients are needed")
	}
	if len(o.Plan.Merchants) == 0 || len(o.Plan.Declines) == 0 || o.Plan.Card == nil || o.Plan.Cards == 0 {
		return nil, errors.New("day: the plan needs merchants, declines and cards")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	book := newBook()
	start := time.Now()
	var next atomic.Int64
	var players sync.WaitGroup
	for w := range min(o.InFlight, o.Payments) {
		client := o.Clients[w%len(o.Clients)]
		players.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= o.Payments {
					return
				}
				p := play{ctx: ctx, client: client, book: book, run: o.Plan.Run, plan: o.Plan.Payment(n)}
				if err := p.payment(); err != nil {
					cancel(fmt.Errorf("payment %d (%s): %w", n, p.name(), err))
					return
				}
				book.finished()
				if o.Progress != nil {
					o.Progress()
				}
			}
		})
	}
	players.Wait()
	book.Elapsed = time.Since(start)
	return book, context.Cause(ctx)
}

// play is one payment under way and what the switch should think of it.
type play struct {
	ctx    context.Context
	client Client
	book   *Book
	run    string
	plan   *Payment
	id     string // the switch's; known from the first answer
	ops    int    // operations sent; numbers the keys
	should sums
}

// sums are a payment's, as the plan has them after each operation.
type sums struct{ authorized, released, captured, refunded int64 }

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

// errDeparted ends a payment whose answer was so far from the plan that going on would only repeat the fault. The
// mismatch is in the book already.
var errDeparted = errors.New("departed from the plan")

func (p *play) steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			if errors.Is(err, errDeparted) {
				return nil
			}
			return err
		}
	}
	return nil
}

func (p *play) authorize() error {
	p.should.authorized = p.plan.Amount
	return p.do(p.first(api.OpAuthorize), want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusAuthorized})
}

func (p *play) sale() error {
	p.should = sums{authorized: p.plan.Amount, captured: p.plan.Amount}
	p.book.presented(p.plan.Card.Number, p.plan.Amount)
	return p.do(p.first(api.OpSale), want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusCaptured})
}

func (p *play) decline() error {
	return p.do(p.first(api.OpAuthorize), want{code: p.plan.Decline.Code, status: api.StatusDeclined})
}

// captureAll names no amount: the default is all that is left.
func (p *play) captureAll() error {
	p.should.captured = p.plan.Amount
	p.book.presented(p.plan.Card.Number, p.plan.Amount)
	return p.do(p.later(api.OpCapture, 0), want{approved: true, amount: p.plan.Amount, status: api.StatusCaptured})
}

// ship captures one shipment after another. Where they sum up to less than was authorized, the last one is final and
// releases the rest.
func (p *play) ship() error {
	short := p.plan.Captured() < p.plan.Amount
	for i, amount := range p.plan.Shipments {
		req := p.later(api.OpCapture, amount)
		w := want{approved: true, amount: amount, status: api.StatusPartiallyCaptured}
		p.should.captured += amount
		if i == len(p.plan.Shipments)-1 {
			w.status = api.StatusCaptured
			if short {
				req.Final, req.Present = true, req.Present.With(api.FieldFinal)
				p.should.released = p.plan.Amount - p.should.captured
			}
		}
		p.book.presented(p.plan.Card.Number, amount)
		if err := p.do(req, w); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) reverse() error {
	req := p.later(api.OpReverse, 0)
	if p.plan.ByKey {
		req.Payment, req.Merchant, req.OfKey = "", p.plan.Merchant.ID, p.key(0)
		req.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey)
	}
	p.should.released = p.plan.Amount
	return p.do(req, want{approved: true, code: "00", amount: p.plan.Amount, status: api.StatusReversed})
}

func (p *play) refund() error {
	if p.plan.Refund == 0 {
		return nil
	}
	w := want{approved: true, code: "00", amount: p.plan.Refund, status: api.StatusPartiallyRefunded}
	amount := p.plan.Refund
	if amount == p.plan.Captured() {
		w.status, amount = api.StatusRefunded, 0
	}
	p.should.refunded = p.plan.Refund
	p.book.presented(p.plan.Card.Number, p.plan.Refund)
	return p.do(p.later(api.OpRefund, amount), w)
}

// look reads the payment back, where the plan says so.
func (p *play) look() error {
	if !p.plan.Repeats {
		return nil
	}
	req := &api.Request{Op: api.OpStatus, Payment: p.id, Present: api.Fields(api.FieldPayment)}
	a, err := p.send(req)
	if err != nil {
		return err
	}
	if a.Err != nil {
		p.wrong(req, "error", a.Err.Error(), "the payment")
		return nil
	}
	p.checkPayment(req, a)
	if len(a.History) < p.ops {
		p.wrong(req, "history", strconv.Itoa(len(a.History))+" operations", "at least "+strconv.Itoa(p.ops))
	}
	return nil
}

// do sends an operation, twice where the plan says so, and checks what comes back.
func (p *play) do(req *api.Request, w want) error {
	defer func() { p.ops++ }()
	if p.plan.Repeats && p.plan.AtOnce {
		return p.both(req, w)
	}
	a, err := p.send(req)
	if err != nil {
		return err
	}
	if !p.check(req, a, w, false) {
		return errDeparted
	}
	if !p.plan.Repeats {
		return nil
	}
	again, err := p.send(repeat(req))
	if err != nil {
		return err
	}
	p.check(req, again, w, true)
	p.same(req, a, again)
	return nil
}

// both sends the same request twice at the same time: one of them must be told that it is a repeat.
func (p *play) both(req *api.Request, w want) error {
	type reply struct {
		a   *api.Answer
		err error
	}
	other := make(chan reply, 1)
	twin := repeat(req)
	go func() {
		a, err := p.send(twin)
		other <- reply{a, err}
	}()
	a, err := p.send(req)
	r := <-other
	if err = errors.Join(err, r.err); err != nil {
		return err
	}
	b := r.a
	if a.Replayed {
		a, b = b, a
	}
	if !p.check(req, a, w, false) {
		return errDeparted
	}
	p.check(req, b, w, true)
	p.same(req, a, b)
	return nil
}

// send sends a request until it is taken or refused for good.
func (p *play) send(req *api.Request) (*api.Answer, error) {
	for try := 1; ; try++ {
		start := time.Now()
		a, err := p.client.Do(p.ctx, req)
		if err != nil {
			return nil, err
		}
		amount := a.Amount
		if req.Op == api.OpStatus || a.Replayed {
			amount = 0 // no money moved by it
		} else if !a.Approved {
			amount = req.Amount
		}
		p.book.answered(p.plan, req, amount, a, time.Since(start))
		if a.Err == nil || !a.Err.Retry() || try == maxTries {
			return a, nil
		}
		p.book.retried()
		select {
		case <-p.ctx.Done():
			return nil, context.Cause(p.ctx)
		case <-time.After(time.Duration(try) * retryPause):
		}
	}
}

// check holds an answer against the plan. It returns false where nothing sensible can follow.
func (p *play) check(req *api.Request, a *api.Answer, w want, replayed bool) bool {
	if a.Err != nil {
		p.wrong(req, "error", a.Err.Error(), "none")
		return false
	}
	if p.id == "" {
		p.id = a.Payment
	}
	ok := true
	expect := func(field string, got, want any) {
		if got != want {
			ok = false
			p.wrong(req, field, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	expect("approved", a.Approved, w.approved)
	expect("response_code", a.ResponseCode, w.code)
	expect("status", a.Status, w.status)
	expect("replayed", a.Replayed, replayed)
	if w.approved {
		expect("amount", a.Amount, w.amount)
	}
	switch req.Op {
	case api.OpCapture:
		expect("capture is named", a.Capture != "", true)
	case api.OpRefund:
		expect("refund is named", a.Refund != "", true)
	}
	if req.Op == api.OpAuthorize || req.Op == api.OpSale || req.Op == api.OpRefund {
		expect("length of rrn", len(a.RRN), 12)
	}
	if req.Op == api.OpCapture || req.Op == api.OpSale || req.Op == api.OpRefund {
		expect("business_date is set", a.BusinessDate != "", true)
	}
	ok = p.checkPayment(req, a) && ok
	return ok || a.Approved == w.approved
}

// checkPayment holds what an answer says of the payment as a whole against the plan.
func (p *play) checkPayment(req *api.Request, a *api.Answer) bool {
	ok := true
	expect := func(field string, got, want any) {
		if got != want {
			ok = false
			p.wrong(req, field, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	s := p.should
	expect("payment", a.Payment, p.id)
	expect("currency", a.Currency, p.plan.Currency)
	expect("authorized", a.Authorized, s.authorized)
	expect("released", a.Released, s.released)
	expect("captured", a.Captured, s.captured)
	expect("refunded", a.Refunded, s.refunded)
	expect("capturable", a.Capturable, s.authorized-s.released-s.captured)
	expect("refundable", a.Refundable, s.captured-s.refunded)
	return ok
}

// same holds the answer to a repeat against the first one: one operation, whatever was asked how often (I3).
func (p *play) same(req *api.Request, first, again *api.Answer) {
	expect := func(field, got, want string) {
		if got != want {
			p.wrong(req, "the repeat's "+field, got, want)
		}
	}
	expect("rrn", again.RRN, first.RRN)
	expect("stan", again.STAN, first.STAN)
	expect("auth_code", again.AuthCode, first.AuthCode)
	expect("capture", again.Capture, first.Capture)
	expect("refund", again.Refund, first.Refund)
}

func (p *play) wrong(req *api.Request, field, got, want string) {
	p.book.mismatch("%s: %s of %s is %q, expected %q", p.name(), field, req.Op, got, want)
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
	return p.run + "-" + strconv.Itoa(p.plan.Number) + "-" + strconv.Itoa(i)
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
	if m.Entry != api.EntryEcommerce && m.Entry != api.EntryMOTO && (p.plan.Decline == nil || p.plan.Decline.Code != codeWrongCVC) {
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

// repeat copies a request, because a client may write its own id into it.
func repeat(req *api.Request) *api.Request {
	twin := *req
	return &twin
}
