package payment_test

import (
	"slices"
	"testing"
	"time"

	"switchyard/switch/payment"
)

// op is one operation of a table: approved unless it says otherwise.
func op(kind payment.Kind, amount int64, change ...func(*payment.Op)) payment.Op {
	o := payment.Op{Kind: kind, State: payment.StateApproved, Amount: amount, Granted: amount, Target: payment.NoTarget}
	for _, c := range change {
		c(&o)
	}
	return o
}

func is(s payment.State) func(*payment.Op) {
	return func(o *payment.Op) {
		if o.State = s; s != payment.StateApproved {
			o.Granted = 0
		}
	}
}

func granted(o *payment.Op) { o.Granted = o.Amount }

func of(target int) func(*payment.Op) { return func(o *payment.Op) { o.Target = target } }

// reversal is a timeout reversal.
func reversal(amount int64, change ...func(*payment.Op)) payment.Op {
	return op(payment.KindTimeoutReversal, amount, change...)
}

func final(o *payment.Op) { o.Final = true }

func of1000(ops ...payment.Op) []payment.Op {
	return append([]payment.Op{op(payment.KindAuthorize, 1000)}, ops...)
}

func made(ops ...payment.Op) *payment.Payment {
	return &payment.Payment{Created: begin, Expires: begin.Add(window), Ops: ops}
}

func TestStanding(t *testing.T) {
	captured := op(payment.KindCapture, 1000, is(payment.StateQueued))
	for _, c := range []struct {
		want string
		why  string
		ops  []payment.Op
	}{
		{"pending", "no operation", nil},
		{"pending", "at the issuer", []payment.Op{op(payment.KindAuthorize, 1000, is(payment.StatePending))}},
		{
			"reversing", "undone whole, and its hold is not released yet",
			of1000(op(payment.KindCapture, 1000), op(payment.KindVoid, 1000, of(1), final)),
		},
		{
			"reversed", "undone whole",
			of1000(
				op(payment.KindCapture, 1000), op(payment.KindVoid, 1000, of(1), final),
				op(payment.KindRelease, 1000, is(payment.StateQueued)),
			),
		},
		{
			"authorized", "its capture is voided",
			of1000(op(payment.KindCapture, 1000), op(payment.KindVoid, 1000, of(1))),
		},
		{
			"reversing", "no answer",
			[]payment.Op{
				op(payment.KindAuthorize, 1000, is(payment.StateUnknown)), reversal(1000, is(payment.StateQueued), of(0)),
			},
		},
		{
			"reversing", "its reversal is parked",
			[]payment.Op{op(payment.KindSale, 1000, is(payment.StateUnknown)), reversal(1000, is(payment.StateParked), of(0))},
		},
		{
			"reversed", "no answer, acknowledged",
			[]payment.Op{op(payment.KindSale, 1000, is(payment.StateUnknown)), reversal(1000, of(0))},
		},
		{
			"reversed", "no answer, closed by a person",
			[]payment.Op{op(payment.KindSale, 1000, is(payment.StateUnknown)), reversal(1000, is(payment.StateClosed), of(0))},
		},
		{
			"reversing", "an increment without an answer",
			of1000(op(payment.KindIncrement, 5, is(payment.StateUnknown)), reversal(5, is(payment.StateQueued), of(1))),
		},
		{
			"authorized", "an increment undone",
			of1000(op(payment.KindIncrement, 5, is(payment.StateUnknown)), reversal(5, of(1))),
		},
		{"reversing", "a reversal without an answer", of1000(op(payment.KindReverse, 1000, is(payment.StateQueued)))},
		{"reversing", "a void that is parked", of1000(captured, op(payment.KindVoid, 1000, is(payment.StateParked), of(1)))},
		{"declined", "", []payment.Op{op(payment.KindAuthorize, 1000, is(payment.StateDeclined))}},
		{
			"declined", "approved in part, not asked for",
			[]payment.Op{
				op(payment.KindAuthorize, 1000, is(payment.StateDeclined)), reversal(500, is(payment.StateQueued), of(0)),
			},
		},
		{"failed", "", []payment.Op{op(payment.KindAuthorize, 1000, is(payment.StateFailed))}},
		{"verified", "", []payment.Op{op(payment.KindVerify, 0)}},
		{"credited", "", []payment.Op{op(payment.KindCredit, 1000)}},
		{"declined", "a credit", []payment.Op{op(payment.KindCredit, 1000, is(payment.StateDeclined))}},
		{
			"reversing", "a credit without an answer",
			[]payment.Op{op(payment.KindCredit, 1000, is(payment.StateUnknown)), reversal(1000, is(payment.StateQueued), of(0))},
		},
		{
			"reversed", "a credit without an answer, acknowledged",
			[]payment.Op{op(payment.KindCredit, 1000, is(payment.StateUnknown)), reversal(1000, of(0))},
		},
		{"reversed", "released", of1000(op(payment.KindReverse, 1000))},
		{"reversed", "a sale voided", []payment.Op{op(payment.KindSale, 1000), op(payment.KindVoid, 1000, of(0))}},
		{"reversed", "a sale voided after its date was sealed", []payment.Op{
			op(payment.KindSale, 1000), op(payment.KindVoidPresentment, 1000, of(0)),
		}},
		{"authorized", "a capture voided: the hold is back", of1000(captured, op(payment.KindVoid, 1000, of(1)))},
		{"captured", "a void declined", of1000(captured, op(payment.KindVoid, 1000, is(payment.StateDeclined), of(1)))},
		{"refunded", "", of1000(captured, op(payment.KindRefund, 1000))},
		{"refunded", "the rest is not captured", of1000(op(payment.KindCapture, 400), op(payment.KindRefund, 400))},
		{"captured", "a refund declined", of1000(captured, op(payment.KindRefund, 1000, is(payment.StateDeclined)))},
		{"partially_refunded", "", of1000(captured, op(payment.KindRefund, 1))},
		{"partially_refunded", "a refund under way counts", of1000(
			captured, op(payment.KindRefund, 1, is(payment.StatePending)),
		)},
		{"captured", "", of1000(captured)},
		{"captured", "parked: a capture is a fact", of1000(op(payment.KindCapture, 1000, is(payment.StateParked)))},
		{"captured", "the rest is released", of1000(
			op(payment.KindCapture, 400, final), op(payment.KindRelease, 600, is(payment.StateQueued)),
		)},
		{"captured", "a sale", []payment.Op{op(payment.KindSale, 1000)}},
		{"partially_captured", "", of1000(op(payment.KindCapture, 999))},
		{"authorized", "", of1000()},
		{"authorized", "a stand-in that the issuer was not told of yet", []payment.Op{op(
			payment.KindStandIn, 1000, is(payment.StateQueued), granted,
		)}},
		{"authorized", "released in part", of1000(op(payment.KindReverse, 999))},
		{"authorized", "a reversal declined", of1000(op(payment.KindReverse, 1000, is(payment.StateDeclined)))},
	} {
		p := made(c.ops...)
		if got := p.Standing(p.Expires).String(); got != c.want {
			t.Errorf("%s (%s): got %s", c.want, c.why, got)
		}
		if broken := p.Invariant(); broken != "" {
			t.Errorf("%s (%s): %s", c.want, c.why, broken)
		}
	}
	late := begin.Add(window + time.Second)
	for want, ops := range map[string][]payment.Op{
		"expired": of1000(), "partially_captured": of1000(op(payment.KindCapture, 1)),
		"reversed": of1000(op(payment.KindReverse, 1000)), "verified": {op(payment.KindVerify, 0)},
		"credited": {op(payment.KindCredit, 1000)},
	} {
		if got := made(ops...).Standing(late).String(); got != want {
			t.Errorf("after the window: got %s, want %s", got, want)
		}
	}
}

// Every way in which a check refuses, and what it says.
func TestRefusals(t *testing.T) {
	capture := func(amount int64, late time.Duration) func(*payment.Payment) *payment.Refusal {
		return func(p *payment.Payment) *payment.Refusal { _, r := p.CheckCapture(amount, begin.Add(late)); return r }
	}
	increment := func(amount int64, late time.Duration) func(*payment.Payment) *payment.Refusal {
		return func(p *payment.Payment) *payment.Refusal { return p.CheckIncrement(amount, begin.Add(late)) }
	}
	reverse := func(amount int64) func(*payment.Payment) *payment.Refusal {
		return func(p *payment.Payment) *payment.Refusal { _, _, r := p.CheckReverse(amount, begin); return r }
	}
	refund := func(amount int64) func(*payment.Payment) *payment.Refusal {
		return func(p *payment.Payment) *payment.Refusal { _, r := p.CheckRefund(amount, begin); return r }
	}
	void := func(target int) func(*payment.Payment) *payment.Refusal {
		return func(p *payment.Payment) *payment.Refusal { _, r := p.CheckVoid(target, begin); return r }
	}
	sale := []payment.Op{op(payment.KindSale, 1000)}
	credit := []payment.Op{op(payment.KindCredit, 1000)}
	voice := []payment.Op{op(payment.KindVoice, 1000), op(payment.KindCapture, 400)}
	many := of1000()
	for len(many) < 250-1 {
		many = append(many, op(payment.KindIncrement, 0))
	}
	busy := of1000(many[1 : 250-2]...)
	busy[1].State = payment.StatePending
	const onlyAll = "the payment has reached 250 operations: only all that is left can be reversed or refunded at once"
	for _, c := range []struct {
		want    string // "" taken, else the message; a leading ! says that the amount is the reason
		check   func(*payment.Payment) *payment.Refusal
		ops     []payment.Op
		comment string
	}{
		{"", capture(1000, window), of1000(), "on the last moment of the window"},
		{"", capture(0, 0), of1000(op(payment.KindCapture, 999)), ""},
		{"the payment is not approved", capture(
			0, 0,
		), []payment.Op{op(payment.KindAuthorize, 1000, is(payment.StateDeclined))}, ""},
		{"the payment is not approved", refund(0), []payment.Op{op(payment.KindSale, 1000, is(payment.StateUnknown))}, ""},
		{"the payment is not approved", void(0), []payment.Op{op(payment.KindSale, 1000, is(payment.StatePending))}, ""},
		{"a verification reserves nothing", reverse(0), []payment.Op{op(payment.KindVerify, 0)}, ""},
		{"a credit is final: nothing can follow it", capture(0, 0), credit, ""},
		{"a credit is final: nothing can follow it", increment(1, 0), credit, ""},
		{"a credit is final: nothing can follow it", reverse(0), credit, ""},
		{"a credit is final: nothing can follow it", refund(0), credit, ""},
		{"a credit is final: nothing can follow it", void(0), credit, ""},
		{"a credit is final: nothing can follow it", void(payment.NoTarget), credit, ""},
		{onlyAll, reverse(1), many, ""},
		{"", reverse(0), many, "all that is left can always be taken"},
		{"", reverse(1000), many, "by its amount, too"},
		{onlyAll, reverse(1), busy, "the last place is that of the increment's reversal"},
		{"", reverse(1), busy[:len(busy)-1], ""},
		{"the payment has reached the 200 operations that captures and increments may take", capture(0, 0), many[:199], ""},
		{"the payment has reached the 200 operations that captures and increments may take", increment(1, 0), many[:199], ""},
		{"", capture(0, 0), many[:198], ""},
		{"", reverse(0), many[:199], "what captures did can be undone"},
		{"a sale is captured already", capture(0, 0), sale, ""},
		{"the capture window has ended", capture(0, window+1), of1000(), ""},
		{"the final capture is made", capture(1, 0), of1000(op(payment.KindCapture, 400, final)), ""},
		{"", capture(1, 0), of1000(
			op(payment.KindCapture, 400, final), op(payment.KindVoid, 400, of(1)),
		), "the final capture is voided"},
		{"nothing is left to capture", capture(1, 0), of1000(op(payment.KindCapture, 1000)), ""},
		{"nothing is left to capture", capture(
			0, 0,
		), of1000(op(payment.KindReverse, 1000, is(payment.StatePending))), "its reversal is at the issuer"},
		{"!only 600 minor units are left to capture", capture(601, 0), of1000(op(payment.KindCapture, 400)), ""},
		{"!only 1 minor unit is left to capture", capture(2, 0), of1000(op(payment.KindCapture, 999)), ""},
		{"!only 600 minor units are left to capture", capture(601, 0), of1000(
			op(payment.KindCapture, 400), op(payment.KindVoid, 400, is(payment.StatePending), of(1)),
		), "a void under way frees nothing"},
		{"!only 1000 minor units are left to capture", capture(
			1001, 0,
		), of1000(op(payment.KindIncrement, 400, is(payment.StatePending))), "an increment under way adds nothing"},

		{"", increment(1, window), of1000(op(payment.KindCapture, 400)), ""},
		{"only an authorization can be incremented", increment(1, 0), voice, ""},
		{"the authorization no longer stands", increment(1, 0), of1000(op(payment.KindReverse, 1000)), ""},
		{"the authorization no longer stands", increment(1, 0), of1000(op(payment.KindCapture, 1000)), ""},
		{"the authorization no longer stands", increment(1, window+1), of1000(), ""},
		{"the capture window has ended", increment(1, window+1), of1000(op(payment.KindCapture, 1)), ""},
		{"the final capture is made", increment(1, 0), of1000(op(payment.KindCapture, 100), op(
			payment.KindCapture, 400, final,
		), op(payment.KindRelease, 500), op(payment.KindVoid, 100, of(1))), ""},
		{"!the total would not fit DE4's twelve digits", increment(999_999_999_000, 0), of1000(), ""},
		{"", increment(999_999_998_999, 0), of1000(), ""},

		{"", reverse(600), of1000(op(payment.KindCapture, 400)), ""},
		{"a sale is undone by void or refund", reverse(0), sale, ""},
		{"the authorization was obtained elsewhere", reverse(0), voice, ""},
		{"nothing is left to release", reverse(0), of1000(op(payment.KindCapture, 1000)), ""},
		{"!only 600 minor units are left to release", reverse(601), of1000(op(payment.KindCapture, 400)), ""},
		{
			"a capture was taken back that the issuer may still count: only all that is left can be released", reverse(599),
			of1000(op(payment.KindCapture, 400), op(payment.KindVoidPresentment, 400, of(1))), "",
		},
		{"", reverse(600), of1000(op(payment.KindCapture, 400), op(payment.KindVoidPresentment, 400, of(1))), ""},

		{"", refund(400), voice, ""},
		{"nothing is left to refund", refund(0), of1000(), ""},
		{"nothing is left to refund", refund(0), of1000(
			op(payment.KindCapture, 400), op(payment.KindVoid, 400, is(payment.StateQueued), of(1)),
		), ""},
		{"!only 300 minor units are left to refund", refund(301), of1000(
			op(payment.KindCapture, 400), op(payment.KindRefund, 100, is(payment.StateUnknown)),
		), "nobody knows whether the refund was made"},

		{"", void(payment.NoTarget), of1000(op(payment.KindCapture, 400, is(payment.StateParked))), ""},
		{"", void(0), sale, ""},
		{"no capture stands", void(payment.NoTarget), of1000(), ""},
		{"the payment has several captures: name one of P00000000000-1, P00000000000-3", void(payment.NoTarget), of1000(
			op(payment.KindCapture, 1), op(payment.KindIncrement, 5), op(payment.KindCapture, 2),
		), ""},
		{"the payment has 12 captures: name one; the first are " +
			"P00000000000-1, P00000000000-2, P00000000000-3, P00000000000-4, P00000000000-5, P00000000000-6, " +
			"P00000000000-7, P00000000000-8, P00000000000-9, P00000000000-10",
			void(payment.NoTarget), of1000(slices.Repeat([]payment.Op{op(payment.KindCapture, 1)}, 12)...), ""},
		{"", void(payment.NoTarget), of1000(
			op(payment.KindCapture, 1), op(payment.KindCapture, 2), op(payment.KindVoid, 1, of(1)),
		), ""},
		{"no such capture stands", void(0), of1000(op(payment.KindCapture, 1)), "an authorization"},
		{"no such capture stands", void(-2), of1000(op(payment.KindCapture, 1)), ""},
		{"no such capture stands", void(2), of1000(op(payment.KindCapture, 1)), ""},
		{"no such capture stands", void(1), of1000(
			op(payment.KindCapture, 1), op(payment.KindVoid, 1, is(payment.StatePending), of(1)),
		), ""},
		{"it is refunded already", void(1), of1000(op(payment.KindCapture, 400), op(payment.KindRefund, 1)), ""},
		{"", void(1), of1000(
			op(payment.KindCapture, 400), op(payment.KindCapture, 600), op(payment.KindRefund, 600),
		), "the other capture covers the refund"},
	} {
		r := c.check(made(c.ops...))
		got := ""
		if r != nil {
			if got = r.Error(); r.Exceeds {
				got = "!" + got
			}
		}
		if got != c.want {
			t.Errorf("%q %s\n got %q", c.want, c.comment, got)
		}
	}
}

// What stays authorized is what the issuer replaces its amount with (DE95), captures included.
func TestStays(t *testing.T) {
	for _, c := range []struct {
		ops   []payment.Op
		ask   int64
		stays int64
	}{
		{of1000(), 300, 700},
		{of1000(), 0, 0},
		{of1000(op(payment.KindIncrement, 200), op(payment.KindCapture, 400)), 100, 1100},
		{of1000(op(payment.KindCapture, 400)), 0, 400},
		{of1000(op(payment.KindCapture, 400), op(payment.KindReverse, 100)), 100, 800},
		{of1000(op(payment.KindCapture, 400), op(payment.KindVoid, 400, of(1))), 100, 900},
		{of1000(op(payment.KindCapture, 400), op(payment.KindVoidPresentment, 400, of(1))), 0, 0},
		{of1000(op(payment.KindCapture, 400), op(payment.KindVoid, 400, is(payment.StateClosed), of(1))), 0, 0},
	} {
		_, stays, r := made(c.ops...).CheckReverse(c.ask, begin)
		if r != nil || stays != c.stays {
			t.Errorf("%v, %d released: %d stay, %v; want %d", c.ops, c.ask, stays, r, c.stays)
		}
	}
}

func TestUnresolved(t *testing.T) {
	for _, c := range []struct {
		want bool
		op   payment.Op
	}{
		{false, op(payment.KindCapture, 1, is(payment.StateQueued))},
		{true, op(payment.KindIncrement, 1, is(payment.StatePending))},
		{false, op(payment.KindIncrement, 1, is(payment.StateUnknown))},
		{true, op(payment.KindReverse, 1, is(payment.StatePending))},
		{true, op(payment.KindReverse, 1, is(payment.StateQueued))},
		{true, op(payment.KindVoid, 1, is(payment.StateQueued), of(1))},
		{false, op(payment.KindVoid, 1, is(payment.StateParked), of(1))},
		{false, op(payment.KindRefund, 1, is(payment.StatePending))},
	} {
		if got := made(of1000(op(payment.KindCapture, 10), c.op)...).Unresolved(); got != c.want {
			t.Errorf("%s %s: %v", c.op.Kind, c.op.State, got)
		}
	}
}

// Invariant tells what a broken record breaks.
func TestInvariant(t *testing.T) {
	for want, ops := range map[string][]payment.Op{
		"":                                     of1000(op(payment.KindCapture, 1000), op(payment.KindRefund, 1000)),
		"I7: captured + released > authorized": of1000(op(payment.KindCapture, 1001)),
		"I7: refunded > captured":              of1000(op(payment.KindCapture, 400), op(payment.KindRefund, 401)),
		"I7: a sum is negative":                of1000(op(payment.KindReverse, -1)),
	} {
		if got := made(ops...).Invariant(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
