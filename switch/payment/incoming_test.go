package payment_test

import (
	"testing"

	"switchyard/switch/payment"
)

// record is what came in a clearing file about operation target.
func record(kind payment.Kind, target int, amount, counts int64) payment.Op {
	return payment.Op{
		Kind: kind, State: payment.StateApproved, Amount: amount, Granted: counts, Target: target, Source: "f/1",
	}
}

// What is charged back can be refunded and voided no more, and a chargeback of what was refunded is excess.
func TestChargebacks(t *testing.T) {
	capture := op(payment.KindCapture, 600, is(payment.StateQueued))
	refund := op(payment.KindRefund, 500)
	for _, c := range []struct {
		why        string
		ops        []payment.Op
		refundable int64
		excess     int64 // of the last operation
		standing   payment.Standing
		broken     string
	}{
		{"all of it", of1000(capture, record(payment.KindChargeback, 1, 600, 600)), 0, 0, payment.ChargedBack, ""},
		{"a part", of1000(capture, record(payment.KindChargeback, 1, 200, 200)), 400, 0, payment.PartiallyCaptured, ""},
		{"more", of1000(capture, record(payment.KindChargeback, 1, 700, 600)), 0, 100, payment.ChargedBack, ""},
		{
			"what was refunded", of1000(capture, refund, record(payment.KindChargeback, 1, 600, 600)), 0, 500,
			payment.ChargedBack, "",
		},
		{
			"and refunded then", of1000(capture, record(payment.KindChargeback, 1, 600, 600), refund), 0, 0,
			payment.ChargedBack, "I7: refunded + charged back > captured",
		},
		{
			"and voided then", of1000(capture, record(payment.KindChargeback, 1, 600, 600),
				op(payment.KindVoidPresentment, 600, of(1))), 0, 0, payment.Authorized,
			"I7: refunded + charged back > captured",
		},
		{"settled", of1000(capture, record(payment.KindSettle, 1, 600, 600)), 600, 0, payment.PartiallyCaptured, ""},
		{"rejected", of1000(capture, record(payment.KindReject, 1, 600, 600)), 600, 0, payment.PartiallyCaptured, ""},
	} {
		p := made(c.ops...)
		if got := p.Sums().Refundable(); got != c.refundable {
			t.Errorf("%s: refundable %d, want %d", c.why, got, c.refundable)
		}
		last := len(p.Ops) - 1
		if got := p.ExcessOf(last); p.Ops[last].Kind == payment.KindChargeback && got != c.excess {
			t.Errorf("%s: excess %d, want %d", c.why, got, c.excess)
		}
		if got := p.Invariant(); got != c.broken {
			t.Errorf("%s: invariant %q, want %q", c.why, got, c.broken)
		}
		if got := p.Standing(begin); c.broken == "" && got != c.standing {
			t.Errorf("%s: %s, want %s", c.why, got, c.standing)
		}
		if amount, refused := p.CheckRefund(0, begin); c.broken == "" && amount != c.refundable {
			t.Errorf("%s: %d can be refunded (%v), want %d", c.why, amount, refused, c.refundable)
		}
		state := p.Presentment(1)
		free := state == payment.PresentmentSent || state == payment.PresentmentSettled
		if _, refused := p.CheckVoid(1, begin); c.broken == "" && (refused == nil) != free {
			t.Errorf("%s: a void: %v", c.why, refused)
		}
	}
}

// What became of a presentment is folded from what came, in whatever order.
func TestPresentmentState(t *testing.T) {
	capture := op(payment.KindCapture, 600)
	reject, settle := record(payment.KindReject, 1, 600, 600), record(payment.KindSettle, 1, 600, 600)
	back := record(payment.KindChargeback, 1, 100, 100)
	for want, ops := range map[string][]payment.Op{
		"presented":    of1000(capture),
		"rejected":     of1000(capture, reject),
		"settled":      of1000(capture, settle),
		"charged_back": of1000(capture, back, settle),
	} {
		p := made(ops...)
		if got := p.Presentment(1).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		_, noBack := p.CheckChargeback(1, 1)
		noReject, noSettle := p.CheckReject(1), p.CheckSettle(1)
		if (noReject == nil) != (want == "presented") || (noSettle == nil) != (want == "presented") ||
			(noBack == nil) != (want != "rejected") {
			t.Errorf("%s: reject %v, settle %v, charge back %v", want, noReject, noSettle, noBack)
		}
	}
	resubmit, writeOff := record(payment.KindResubmit, 1, 600, 600), record(payment.KindWriteOff, 1, 600, 600)
	for want, ops := range map[string][]payment.Op{
		"presented":   of1000(capture, reject, resubmit),
		"rejected":    of1000(capture, reject, resubmit, reject),
		"settled":     of1000(capture, reject, resubmit, settle),
		"written_off": of1000(capture, reject, resubmit, reject, writeOff),
	} {
		p := made(ops...)
		if got := p.Presentment(1).String(); got != want || p.LastPresented(1) != 3 {
			t.Errorf("got %s by operation %d, want %s by 3", got, p.LastPresented(1), want)
		}
		if refused := p.CheckRejected(1); (refused == nil) != (want == "rejected") {
			t.Errorf("%s: presented again: %v", want, refused)
		}
		if refused := p.CheckSettle(1); (refused == nil) != (want == "presented") {
			t.Errorf("%s: settled: %v", want, refused)
		}
	}
	voided := made(of1000(capture, op(payment.KindVoid, 600, of(1)))...)
	if _, refused := voided.CheckChargeback(1, 1); refused == nil {
		t.Error("what was voided before it stood in a file is charged back")
	}
	if counts, refused := made(of1000(capture, back)...).CheckChargeback(1, 600); counts != 500 || refused != nil {
		t.Errorf("of a second chargeback %d count (%v), want 500", counts, refused)
	}
	if counts, refused := made(op(payment.KindCredit, 1000)).CheckChargeback(0, 1); refused == nil {
		t.Errorf("of a credit %d are charged back", counts)
	}
}
