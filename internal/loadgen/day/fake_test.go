package day_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// fakeSwitch answers like a switch whose issuer declines the cards it is told to. A fault, where set, bends answers.
type fakeSwitch struct {
	mu       sync.Mutex
	declines map[string]string // card number → DE39
	byID     map[string]*fakePayment
	byKey    map[string]*fakeDone // merchant + key
	busy     int                  // refuse this many requests first
	fault    func(req *api.Request, a *api.Answer)
	forgets  bool // keys are not kept: a repeat is a new operation
	silent   int  // of so many requests at the issuer one gets no answer; 0 for none
	atIssuer int
	requests int
}

type fakePayment struct {
	payment.Payment
	merchant string
}

type fakeDone struct {
	answer api.Answer
	p      *fakePayment
}

func newFake(declines map[string]string) *fakeSwitch {
	return &fakeSwitch{declines: declines, byID: map[string]*fakePayment{}, byKey: map[string]*fakeDone{}}
}

func (f *fakeSwitch) Do(_ context.Context, req *api.Request) (*api.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	a := f.answer(req)
	if f.fault != nil {
		f.fault(req, &a)
	}
	return &a, nil
}

func (f *fakeSwitch) answer(req *api.Request) api.Answer {
	a := api.Answer{ID: req.ID, Op: req.Op}
	if f.busy > 0 {
		f.busy--
		a.Err = api.NewError(api.CodeBusy, "later")
		return a
	}
	if a.Err = req.Validate(); a.Err != nil {
		return a
	}
	p := f.byID[req.Payment]
	if req.OfKey != "" {
		p = f.byKey[req.Merchant+req.OfKey].p
	}
	merchant := req.Merchant
	if p != nil {
		merchant = p.merchant
	}
	if done := f.byKey[merchant+req.Key]; done != nil && !f.forgets {
		a = done.answer
		a.Replayed = true
		return done.p.show(a)
	}
	if p == nil {
		if req.Payment != "" {
			a.Err = api.NewError(api.CodeUnknownPayment, req.Payment)
			return a
		}
		p = &fakePayment{merchant: merchant}
		p.ID = payment.NewID(1, uint64(len(f.byID)+1))
		p.Currency = req.Currency
		p.Expires = time.Now().Add(time.Hour)
		f.byID[p.ID.String()] = p
	}
	if req.Op == api.OpStatus {
		defer p.resolve()
		for range p.Ops {
			a.History = append(a.History, api.HistoryItem{})
		}
		return p.show(a)
	}
	a = f.operate(p, req, a)
	if a.Err == nil {
		f.byKey[merchant+req.Key] = &fakeDone{a, p}
	}
	return p.show(a)
}

func (f *fakeSwitch) operate(p *fakePayment, req *api.Request, a api.Answer) api.Answer {
	op := payment.Op{State: payment.StateApproved, Amount: req.Amount, Target: payment.NoTarget}
	var refused *payment.Refusal
	a.ResponseCode, a.Approved = "00", true
	switch req.Op {
	case api.OpAuthorize, api.OpSale:
		op.Kind = payment.KindAuthorize
		if req.Op == api.OpSale {
			op.Kind, a.BusinessDate = payment.KindSale, "2026-11-21"
		}
		op.Granted = req.Amount
		if code := f.declines[req.Card.Number]; code != "" {
			op.State, a.ResponseCode, a.Approved = payment.StateDeclined, code, false
		}
	case api.OpCapture:
		op.Kind, op.Final = payment.KindCapture, req.Final
		op.Amount, refused = p.CheckCapture(req.Amount, time.Now())
		a.ResponseCode, a.BusinessDate, a.Capture = "", "2026-11-21", fmt.Sprint("C", len(p.Ops))
	case api.OpReverse:
		op.Kind = payment.KindReverse
		op.Amount, _, refused = p.CheckReverse(req.Amount, time.Now())
	case api.OpRefund:
		op.Kind = payment.KindRefund
		op.Amount, refused = p.CheckRefund(req.Amount, time.Now())
		op.Granted = op.Amount
		a.BusinessDate, a.Refund = "2026-11-21", fmt.Sprint("R", len(p.Ops))
	}
	if refused != nil {
		return api.Answer{ID: a.ID, Op: a.Op, Err: api.NewError(api.CodeInvalidState, refused.Message)}
	}
	a.Amount = op.Amount
	if req.Op != api.OpCapture {
		if f.atIssuer++; f.silent > 0 && f.atIssuer%f.silent == 0 {
			return p.unanswered(op, a)
		}
	}
	p.Ops = append(p.Ops, op)
	if op.Final {
		p.Ops = append(
			p.Ops, payment.Op{Kind: payment.KindRelease, State: payment.StateQueued, Amount: p.Sums().Capturable()},
		)
	}
	a.RRN = fmt.Sprintf("%06d%06d", p.ID.Counter(), len(p.Ops))
	return a
}

// unanswered enters an operation that the issuer did not answer: a reversal goes on, anything else gets one.
func (p *fakePayment) unanswered(op payment.Op, a api.Answer) api.Answer {
	a.ResponseCode = ""
	if op.Kind == payment.KindReverse {
		op.State = payment.StateQueued
		p.Ops = append(p.Ops, op)
	} else {
		a.Approved, op.State = false, payment.StateUnknown
		reversal := payment.Op{
			Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Amount: op.Amount, Target: len(p.Ops),
		}
		p.Ops = append(p.Ops, op, reversal)
	}
	a.RRN = fmt.Sprintf("%06d%06d", p.ID.Counter(), len(p.Ops))
	return a
}

// resolve ends what waits for the issuer: the next answer tells it.
func (p *fakePayment) resolve() {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.State == payment.StateQueued {
			op.State = payment.StateApproved
		}
	}
}

// show fills in what an answer says of the payment as it stands.
func (p *fakePayment) show(a api.Answer) api.Answer {
	if a.Err != nil {
		return a
	}
	s := p.Sums()
	a.Payment, a.Currency = p.ID.String(), p.Currency
	a.Authorized, a.Released, a.Captured, a.Refunded = s.Authorized, s.Released, s.Captured, s.Refunded
	a.Capturable, a.Refundable = s.Capturable(), s.Refundable()
	a.Status = map[payment.Standing]api.Status{
		payment.Reversing: api.StatusReversing, payment.Declined: api.StatusDeclined, payment.Reversed: api.StatusReversed,
		payment.Refunded: api.StatusRefunded, payment.PartiallyRefunded: api.StatusPartiallyRefunded,
		payment.Captured: api.StatusCaptured, payment.PartiallyCaptured: api.StatusPartiallyCaptured,
		payment.Authorized: api.StatusAuthorized,
	}[p.Standing(time.Now())]
	return a
}
