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
		{
			"taken back in a file before", of1000(capture, op(payment.KindVoidPresentment, 600, of(1)),
				record(payment.KindChargeback, 1, 600, 0)), 0, 600, payment.Authorized, "",
		},
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
		state := p.Presentment(1)
		want := c.refundable
		if state == payment.PresentmentRejected {
			want = 0
		}
		if amount, refused := p.CheckRefund(0, begin); c.broken == "" && amount != want {
			t.Errorf("%s: %d can be refunded (%v), want %d", c.why, amount, refused, want)
		}
		free := !p.Voided(1) && (state == payment.PresentmentSent || state == payment.PresentmentSettled)
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
		_, noBack := p.CheckChargeback(1, payment.Chargeback{Amount: 1}, payment.NoTarget)
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
	little, all := payment.Chargeback{Amount: 1}, payment.Chargeback{Amount: 600}
	if _, refused := voided.CheckChargeback(1, little, payment.NoTarget); refused == nil {
		t.Error("what was voided before it stood in a file is charged back")
	}
	twice := made(of1000(capture, back)...)
	if counts, refused := twice.CheckChargeback(1, all, payment.NoTarget); counts != 500 || refused != nil {
		t.Errorf("of a second chargeback %d count (%v), want 500", counts, refused)
	}
	if counts, refused := made(op(payment.KindCredit, 1000)).CheckChargeback(0, little, payment.NoTarget); refused == nil {
		t.Errorf("of a credit %d are charged back", counts)
	}
}

// Of a payment with several captures what came about one binds no other.
func TestCapturesAsideAreFree(t *testing.T) {
	first, second := op(payment.KindCapture, 600), op(payment.KindCapture, 400)
	back := record(payment.KindChargeback, 1, 600, 600)
	for _, c := range []struct {
		why    string
		ops    []payment.Op
		voids  bool // the second
		refund int64
	}{
		{"charged back", of1000(first, second, back), true, 400},
		{"charged back, and again", of1000(first, second, back, record(payment.KindChargeback, 1, 600, 0)), true, 400},
		{"charged back, a part refunded", of1000(first, second, op(payment.KindRefund, 1), back), false, 399},
		{"rejected", of1000(first, second, record(payment.KindReject, 1, 600, 600)), true, 400},
		{
			"written off", of1000(first, second, record(payment.KindReject, 1, 600, 600),
				record(payment.KindWriteOff, 1, 600, 600)), true, 400,
		},
		{
			"presented again", of1000(first, second, record(payment.KindReject, 1, 600, 600),
				record(payment.KindResubmit, 1, 600, 600)), true, 1000,
		},
	} {
		p := made(c.ops...)
		if _, refused := p.CheckVoid(2, begin); (refused == nil) != c.voids {
			t.Errorf("%s: a void of the other: %v", c.why, refused)
		}
		if amount, refused := p.CheckRefund(0, begin); amount != c.refund {
			t.Errorf("%s: %d can be refunded (%v), want %d", c.why, amount, refused, c.refund)
		}
		if _, refused := p.CheckRefund(c.refund+1, begin); refused == nil || !refused.Exceeds {
			t.Errorf("%s: a refund of more: %v", c.why, refused)
		}
	}
	// What was taken back before it was charged back is paid by no other capture.
	p := made(of1000(first, second, op(payment.KindVoidPresentment, 600, of(1)))...)
	counts, refused := p.CheckChargeback(1, payment.Chargeback{Amount: 600}, payment.NoTarget)
	if counts != 0 || refused != nil {
		t.Fatalf("of the chargeback %d count (%v), want 0", counts, refused)
	}
	p.Ops = append(p.Ops, record(payment.KindChargeback, 1, 600, counts))
	if excess := p.ExcessOf(len(p.Ops) - 1); excess != 600 {
		t.Errorf("excess %d, want 600", excess)
	}
	if amount, refused := p.CheckRefund(0, begin); amount != 400 {
		t.Errorf("%d can be refunded (%v), want 400", amount, refused)
	}
	if _, refused := p.CheckVoid(2, begin); refused != nil {
		t.Errorf("a void of the other: %v", refused)
	}
}

// However many records a file has about a payment, there is room to undo what is at the issuer.
func TestRecordsLeaveRoom(t *testing.T) {
	booked := 0
	p := made(of1000(op(payment.KindCapture, 600))...)
	for ; ; booked++ {
		counts, refused := p.CheckChargeback(1, payment.Chargeback{Amount: 1}, payment.NoTarget)
		if refused != nil {
			break
		}
		p.Ops = append(p.Ops, record(payment.KindChargeback, 1, 1, counts))
	}
	if booked != payment.MaxIncoming {
		t.Errorf("%d records are booked, want %d", booked, payment.MaxIncoming)
	}
	if _, refused := p.CheckRefund(1, begin); refused != nil {
		t.Errorf("a refund: %v", refused)
	}
	full := made(of1000(op(payment.KindCapture, 600))...)
	for len(full.Ops) < payment.MaxOps-3 {
		full.Ops = append(full.Ops, op(payment.KindRefund, 1, is(payment.StateDeclined)))
	}
	full.Ops = append(full.Ops, op(payment.KindRefund, 1, is(payment.StatePending)))
	if refused := full.CheckReject(1); refused == nil {
		t.Error("a record takes the room of a timeout reversal")
	}
	full.Ops[len(full.Ops)-1].State = payment.StateDeclined
	if refused := full.CheckReject(1); refused != nil {
		t.Errorf("with nothing at the issuer: %v", refused)
	}
}
