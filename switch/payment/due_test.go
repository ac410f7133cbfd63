package payment_test

import (
	"testing"
	"time"

	"switchyard/switch/payment"
)

// The switch's own capture is given up where everything was captured when its time had come; not before that, and not
// while what is under way may yet give something back, or where nothing is captured.
func TestEndMissed(t *testing.T) {
	whole := op(payment.KindCapture, 1000)
	for _, c := range []struct {
		why  string
		due  time.Duration
		ops  []payment.Op
		want bool
	}{
		{"everything is captured", 0, of1000(whole), true},
		{"by an advice that is on its way", 0, of1000(op(payment.KindCapture, 1000, is(payment.StateQueued))), true},
		{"in parts", 0, of1000(op(payment.KindCapture, 400), op(payment.KindCapture, 600)), true},
		{"its time has not come", time.Second, of1000(whole), false},
		{"something is left", 0, of1000(op(payment.KindCapture, 999)), false},
		{"a capture was voided", 0, of1000(whole, op(payment.KindVoid, 1000, of(1))), false},
		{
			"the void of a part waits for a person", 0,
			of1000(op(payment.KindCapture, 400), op(payment.KindVoid, 400, of(1), is(payment.StateParked)),
				op(payment.KindCapture, 600)), false,
		},
		{
			"the void of a part is at the issuer", 0,
			of1000(op(payment.KindCapture, 400), op(payment.KindVoid, 400, of(1), is(payment.StatePending)),
				op(payment.KindCapture, 600)), false,
		},
		{
			"a reversal of the rest is at the issuer", 0,
			of1000(op(payment.KindCapture, 600), op(payment.KindReverse, 400, is(payment.StatePending))), false,
		},
		{"all is reversed", 0, of1000(op(payment.KindReverse, 1000)), false},
		{"it was declined", 0, []payment.Op{op(payment.KindAuthorize, 1000, is(payment.StateDeclined))}, false},
	} {
		p := made(c.ops...)
		now := begin.Add(time.Hour)
		p.Ops[0].CaptureAt = now.Add(c.due)
		if got := p.EndMissed(now); got != c.want || got == p.CaptureAwaited() {
			t.Errorf("%s: ended %t, awaited %t, want ended %t", c.why, got, p.CaptureAwaited(), c.want)
		}
	}
}
