package day

import (
	"fmt"

	"switchyard/switch/api"
)

// check holds an answer against what is wanted. It returns false where nothing sensible can follow.
func (p *play) check(req *api.Request, r reply, w want, replayed bool) bool {
	if r.Err != nil {
		p.wrong(req, "error", r.Err.Error(), "none")
		return false
	}
	if p.id == "" {
		p.id = r.Payment
	}
	ok := true
	expect := func(field string, got, want any) {
		if got != want {
			ok = false
			p.wrong(req, field, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	expect("approved", r.Approved, w.approved)
	expect("response_code", r.ResponseCode, w.code)
	if !r.resent {
		expect("replayed", r.Replayed, replayed)
	}
	if w.approved {
		expect("amount", r.Amount, w.amount)
	}
	if req.Op == api.OpCapture {
		expect("capture is named", r.Capture != "", true)
	}
	if req.Op == api.OpRefund {
		expect("refund is named", r.Refund != "", true)
	}
	if req.Op == api.OpAuthorize || req.Op == api.OpSale || req.Op == api.OpRefund {
		expect("length of rrn", len(r.RRN), 12)
	}
	if req.Op == api.OpCapture || req.Op == api.OpSale || req.Op == api.OpRefund {
		expect("business_date is set", r.BusinessDate != "", true)
	}
	if w.status != unresolved { // else the payment's sums are still to come
		expect("status", r.Status, w.status)
		ok = p.checkPayment(req, r.Answer) && ok
	}
	return ok || r.Approved == w.approved
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
