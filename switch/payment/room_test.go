package payment_test

import (
	"testing"
	"time"

	"switchyard/switch/payment"
)

func atBegin(o *payment.Op) { o.At = begin }

// What was declined keeps nothing from being done or undone: after hundreds of declined refunds a capture can be made,
// voided and refunded, and all that is not captured released. The refund itself is tried again after a while.
func TestWhatCameToNothingTakesNoRoom(t *testing.T) {
	p := made(op(payment.KindAuthorize, 1000), op(payment.KindCapture, 400))
	for range 247 {
		p.Ops = append(p.Ops, op(payment.KindRefund, 400, is(payment.StateDeclined), atBegin))
	}
	if _, r := p.CheckCapture(100, begin); r != nil {
		t.Errorf("capture: %v", r)
	}
	if _, r := p.CheckVoid(1, begin); r != nil {
		t.Errorf("void: %v", r)
	}
	if _, _, r := p.CheckReverse(0, begin); r != nil {
		t.Errorf("reverse: %v", r)
	}
	if _, _, r := p.CheckReverse(100, begin); r != nil {
		t.Errorf("reverse a part: %v", r)
	}
	const day = 24 * time.Hour
	if _, r := p.CheckRefund(400, begin.Add(day-time.Second)); r == nil || !r.Later || r.Exceeds {
		t.Errorf("refund within a day: %v", r)
	}
	if _, r := p.CheckRefund(400, begin.Add(day)); r != nil {
		t.Errorf("refund after a day: %v", r)
	}
	if _, r := p.CheckRefund(100, begin.Add(day)); r != nil {
		t.Errorf("refund of a part after a day: %v", r)
	}
}

// How often a refund may be tried that comes to nothing each time.
func TestTries(t *testing.T) {
	for _, c := range []struct {
		tries int
		wait  time.Duration
	}{{49, 0}, {50, time.Hour}, {99, time.Hour}, {100, 24 * time.Hour}} {
		p := made(op(payment.KindSale, 1000))
		for range c.tries {
			p.Ops = append(p.Ops, op(payment.KindRefund, 1000, is(payment.StateFailed), atBegin))
		}
		if _, r := p.CheckRefund(0, begin.Add(c.wait)); r != nil {
			t.Errorf("%d tries, after %s: %v", c.tries, c.wait, r)
		}
		if _, r := p.CheckRefund(0, begin.Add(c.wait-1)); c.wait > 0 && (r == nil || !r.Later) {
			t.Errorf("%d tries, before %s: %v", c.tries, c.wait, r)
		}
		// The clock was put right since.
		if _, r := p.CheckRefund(0, begin.Add(-time.Second)); r != nil {
			t.Errorf("%d tries, the last of them dated ahead: %v", c.tries, r)
		}
	}
}

// What was undone takes no room either, once the issuer has acknowledged it.
func TestWhatWasUndoneTakesNoRoom(t *testing.T) {
	p := made(op(payment.KindSale, 1000))
	for i := 1; i < 40; i += 2 {
		p.Ops = append(p.Ops, op(payment.KindRefund, 1, is(payment.StateUnknown)), reversal(1, of(i)))
	}
	for range 248 {
		p.Ops = append(p.Ops, op(payment.KindRefund, 1))
	}
	_, r := p.CheckRefund(1, begin)
	if r == nil || r.Later || r.Exceeds {
		t.Errorf("a part more than there is room: %v", r)
	}
	p.Ops = p.Ops[:len(p.Ops)-1]
	if _, r := p.CheckRefund(1, begin); r != nil {
		t.Error(r)
	}
	p.Ops[2].State = payment.StateParked // it may still have to be undone
	if _, r := p.CheckRefund(1, begin); r == nil {
		t.Error("what is not undone takes no room")
	}
}
