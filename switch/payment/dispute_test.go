package payment_test

import (
	"slices"
	"strings"
	"testing"

	"switchyard/switch/payment"
)

const (
	dueDate = payment.Date(20270105)
	inTime  = payment.Date(20261127)
)

// again is a chargeback of what was presented a second time.
func again(target int, amount int64) payment.Op {
	o := record(payment.KindChargeback, target, amount, amount)
	o.Number = payment.SecondChargeback
	return o
}

// A dispute is folded from what came and what was decided, and the money with it: what is presented a second time is
// charged back no more, until the second presentment is rejected or charged back itself.
func TestDisputes(t *testing.T) {
	capture := op(payment.KindCapture, 600)
	back := record(payment.KindChargeback, 1, 400, 400) // operation 2
	second := record(payment.KindRepresent, 2, 400, 400)
	part := record(payment.KindRepresent, 2, 300, 300)
	reject := record(payment.KindReject, 3, 400, 400)
	accept := record(payment.KindAcceptDispute, 2, 400, 400)
	for _, c := range []struct {
		why, state  string
		ops         []payment.Op
		presentment string
		refundable  int64
		steps       []int
		represents  string // what refuses a second presentment; "" if nothing does
		accepts     string
	}{
		{"charged back", "open", of1000(capture, back), "charged_back", 200, []int{2}, "", ""},
		{
			"presented a second time", "represented", of1000(capture, back, second), "represented", 600, []int{2, 3},
			"a second time already", "is represented",
		},
		{
			"a part of it", "represented", of1000(capture, back, part), "represented", 500, []int{2, 3},
			"a second time already", "is represented",
		},
		{
			"settled", "represented", of1000(capture, back, second, record(payment.KindSettle, 3, 400, 400)), "represented",
			600, []int{2, 3, 4}, "a second time already", "is represented",
		},
		{"rejected", "open", of1000(capture, back, second, reject), "charged_back", 200, []int{2, 3, 4}, "", ""},
		{
			"rejected, and once more", "represented", of1000(capture, back, second, reject, second), "represented", 600,
			[]int{2, 3, 4, 5}, "a second time already", "is represented",
		},
		{
			"charged back again", "lost", of1000(capture, back, second, again(1, 400)), "charged_back", 200, []int{2, 3, 4},
			"charged back again", "",
		},
		{
			"and accepted", "accepted", of1000(capture, back, second, again(1, 400), accept), "charged_back", 200,
			[]int{2, 3, 4, 5}, "accepted", "accepted already",
		},
		{
			"accepted", "accepted", of1000(capture, back, accept), "charged_back", 200, []int{2, 3}, "accepted",
			"accepted already",
		},
	} {
		p := made(c.ops...)
		d, opened := p.Dispute(2)
		if !opened || d.State.String() != c.state || d.Presentment != 1 || !slices.Equal(d.Steps, c.steps) {
			t.Errorf("%s: %+v, want %s with %v", c.why, d, c.state, c.steps)
		}
		if got := p.Presentment(1).String(); got != c.presentment {
			t.Errorf("%s: the presentment is %s, want %s", c.why, got, c.presentment)
		}
		if got := p.Refundable(); got != c.refundable || p.Invariant() != "" {
			t.Errorf("%s: refundable %d, want %d; %s", c.why, got, c.refundable, p.Invariant())
		}
		amount, r := p.CheckRepresent(2, 0, inTime, dueDate)
		if !refusedWith(r, c.represents) || r == nil && amount != 400 {
			t.Errorf("%s: %d can be presented a second time (%v), want %q", c.why, amount, r, c.represents)
		}
		if r := p.CheckAcceptDispute(2); !refusedWith(r, c.accepts) {
			t.Errorf("%s: accepted: %v, want %q", c.why, r, c.accepts)
		}
		if _, r := p.CheckVoid(1, begin); r == nil {
			t.Errorf("%s: it can be voided", c.why)
		}
		for i := range p.Ops {
			if _, opened := p.Dispute(i); opened != (i == 2) {
				t.Errorf("%s: operation %d opened a dispute: %t", c.why, i, opened)
			}
		}
	}
}

func refusedWith(r *payment.Refusal, want string) bool {
	if r == nil || want == "" {
		return r == nil && want == ""
	}
	return strings.Contains(r.Message, want)
}

// Not too late, not of more than was charged back, and not of what counts for nothing.
func TestWhatCanBePresentedASecondTime(t *testing.T) {
	capture := op(payment.KindCapture, 600)
	p := made(of1000(capture, record(payment.KindChargeback, 1, 700, 600), record(payment.KindChargeback, 1, 600, 0))...)
	for _, c := range []struct {
		why            string
		of             int
		amount, counts int64
		date           payment.Date
		refused        string
	}{
		{"all that counts", 2, 0, 600, dueDate, ""},
		{"a part", 2, 1, 1, inTime, ""},
		{"more than counts", 2, 601, 0, inTime, "only 600"},
		{"a day late", 2, 0, 0, dueDate.Next(), "the last day for a second presentment was 2027-01-05"},
		{"an exception", 3, 0, 0, inTime, "nothing of the chargeback counts"},
		{"a capture", 1, 0, 0, inTime, "opened no dispute"},
	} {
		counts, r := p.CheckRepresent(c.of, c.amount, c.date, dueDate)
		if counts != c.counts || !refusedWith(r, c.refused) {
			t.Errorf("%s: %d (%v), want %d, %q", c.why, counts, r, c.counts, c.refused)
		}
	}
	if r := p.CheckAcceptDispute(3); !refusedWith(r, "nothing of the chargeback counts") {
		t.Errorf("an exception is accepted: %v", r)
	}
	p.Ops = append(p.Ops, record(payment.KindRepresent, 2, 600, 600))
	if p.WholeDispute(4) {
		t.Error("600 of 700 are all of it")
	}
	// Two parts that were charged back before either was presented again: one of them can be.
	p = made(of1000(capture, record(payment.KindChargeback, 1, 400, 400), record(payment.KindChargeback, 1, 200, 200),
		record(payment.KindRepresent, 2, 400, 400))...)
	if !p.WholeDispute(4) {
		t.Error("400 of 400 are not all of it")
	}
	if _, r := p.CheckRepresent(3, 0, inTime, dueDate); !refusedWith(r, "a second time already") {
		t.Errorf("two second presentments of one: %v", r)
	}
}

// What is presented a second time can be charged back once it stands in a file, and be refunded; what is refunded and
// charged back beside is excess, and nothing that the switch pays goes beyond what was paid.
func TestMoneyOfSecondPresentments(t *testing.T) {
	capture := op(payment.KindCapture, 600)
	p := made(of1000(capture, record(payment.KindChargeback, 1, 600, 600), record(payment.KindRepresent, 2, 600, 600))...)
	for filed, want := range map[bool]int64{true: 600, false: 0} {
		says, second := payment.Chargeback{Amount: 600}, payment.NoTarget
		if filed {
			second, _ = p.TakesAgain(1, says)
		}
		if counts, r := p.CheckChargeback(1, says, second); counts != want || r != nil {
			t.Errorf("in a file %t: %d count (%v), want %d", filed, counts, r, want)
		}
	}
	if r := p.CheckReject(3); r != nil {
		t.Errorf("a reject of it: %v", r)
	}
	p.Ops = append(p.Ops, op(payment.KindRefund, 600))
	if broken := p.Invariant(); broken != "" || p.Refundable() != 0 {
		t.Errorf("refunded: %s, refundable %d", broken, p.Refundable())
	}
	p.Ops = append(p.Ops, again(1, 600))
	if broken := p.Invariant(); broken != "" || p.ExcessOf(5) != 600 || p.Refundable() != 0 {
		t.Errorf("charged back then: %s, excess %d, refundable %d", broken, p.ExcessOf(5), p.Refundable())
	}
	if r := p.CheckReject(3); r == nil {
		t.Error("what was charged back again is rejected")
	}
	p = made(of1000(capture, record(payment.KindChargeback, 1, 600, 600), record(payment.KindRepresent, 2, 600, 600),
		op(payment.KindRefund, 600), record(payment.KindReject, 3, 600, 600))...)
	if broken := p.Invariant(); broken != "" || p.ExcessOf(5) != 600 || p.Represented(1, "") != payment.NoTarget {
		t.Errorf("refunded and then rejected: %s, excess %d", broken, p.ExcessOf(5))
	}
}

// referenced is an operation with an issuer reference.
func referenced(o payment.Op, reference string) payment.Op {
	o.IssuerReference = reference
	return o
}

// Chargebacks of parts are told apart by the issuer's reference: each is decided about by itself, and the presentment
// is represented once all are.
func TestPartsAreDisputedByThemselves(t *testing.T) {
	capture, part := op(payment.KindCapture, 600), record(payment.KindChargeback, 1, 200, 200)
	ops := of1000(capture, referenced(part, "A"), referenced(part, "B"), record(payment.KindRepresent, 2, 200, 200))
	second := record(payment.KindRepresent, 3, 200, 200)
	for _, c := range []struct {
		why, first, second string // states of the disputes
		more               []payment.Op
		presentment        string
		refundable         int64
		again              string // what refuses to present the second part, "" if nothing does
	}{
		{"one of them", "represented", "open", nil, "charged_back", 400, ""},
		{"both", "represented", "represented", []payment.Op{second}, "represented", 600, "a second time already"},
		{
			"the second rejected", "represented", "open", []payment.Op{second, record(payment.KindReject, 5, 200, 200)},
			"charged_back", 400, "",
		},
		{
			"the first charged back again", "lost", "represented", []payment.Op{second, referenced(again(1, 200), "A")},
			"charged_back", 400, "a second time already",
		},
		{
			"the second accepted", "represented", "accepted", []payment.Op{record(payment.KindAcceptDispute, 3, 200, 200)},
			"charged_back", 400, "accepted",
		},
	} {
		p := made(append(slices.Clone(ops), c.more...)...)
		first, _ := p.Dispute(2)
		other, _ := p.Dispute(3)
		if first.State.String() != c.first || other.State.String() != c.second {
			t.Errorf("%s: %s and %s, want %s and %s", c.why, first.State, other.State, c.first, c.second)
		}
		if got := p.Presentment(1).String(); got != c.presentment || p.Refundable() != c.refundable || p.Invariant() != "" {
			t.Errorf("%s: %s, refundable %d, want %s, %d; %s", c.why, got, p.Refundable(), c.presentment, c.refundable,
				p.Invariant())
		}
		if _, r := p.CheckRepresent(3, 0, inTime, dueDate); !refusedWith(r, c.again) {
			t.Errorf("%s: the second is presented: %v, want %q", c.why, r, c.again)
		}
	}
	p := made(append(slices.Clone(ops), second, referenced(again(1, 200), "A"))...)
	if r := p.CheckReject(4); !refusedWith(r, "charged back again") {
		t.Errorf("the second presentment that was charged back again is rejected: %v", r)
	}
	if r := p.CheckReject(5); r != nil {
		t.Errorf("the other is not: %v", r)
	}
}

// All chargebacks of a presentment together count for no more than was presented, those of second presentments for no
// more than these; and one that came before counts for nothing.
func TestWhatOfPartsCounts(t *testing.T) {
	capture, part := op(payment.KindCapture, 600), record(payment.KindChargeback, 1, 200, 200)
	first := of1000(capture, referenced(part, "A"), referenced(part, "B"))
	presented := append(slices.Clone(first), record(payment.KindRepresent, 2, 200, 200),
		record(payment.KindRepresent, 3, 150, 150))
	lost := append(slices.Clone(presented), referenced(again(1, 120), "A"))
	bare := of1000(capture, part, record(payment.KindRepresent, 2, 200, 200))
	for _, c := range []struct {
		why    string
		ops    []payment.Op
		says   payment.Chargeback
		takes  int
		counts int64
		refuse string
	}{
		{"a third part", first, payment.Chargeback{Amount: 300, IssuerReference: "C"}, payment.NoTarget, 200, ""},
		{"without a reference", first, payment.Chargeback{Amount: 300}, payment.NoTarget, 200, ""},
		{"the first once more", first, payment.Chargeback{Amount: 200, IssuerReference: "A"}, payment.NoTarget, 0, ""},
		{
			"once more, with more", first, payment.Chargeback{Amount: 600, IssuerReference: "A"}, payment.NoTarget, 0, "",
		},
		{
			"the first once more, late", presented, payment.Chargeback{Amount: 200, IssuerReference: "A"}, payment.NoTarget, 0,
			"",
		},
		{
			"a third part, late", presented, payment.Chargeback{Amount: 600, IssuerReference: "C"}, payment.NoTarget, 200, "",
		},
		{
			"of the second presentment", presented,
			payment.Chargeback{Amount: 600, IssuerReference: "B", Arbitration: true}, 5, 150, "",
		},
		{
			"of one of two", presented, payment.Chargeback{Amount: 1, IssuerReference: "X", Arbitration: true},
			payment.NoTarget, 0, "which of 2 second presentments",
		},
		{
			"arbitration once more", lost, payment.Chargeback{Amount: 80, IssuerReference: "A", Arbitration: true}, 4, 0, "",
		},
		{
			"of the only one", append(slices.Clone(first), record(payment.KindRepresent, 3, 200, 200)),
			payment.Chargeback{Amount: 600, IssuerReference: "X", Arbitration: true}, 4, 200, "",
		},
		{
			"another's than the only one's", append(slices.Clone(first), record(payment.KindRepresent, 3, 200, 200)),
			payment.Chargeback{Amount: 600, IssuerReference: "A", Arbitration: true}, payment.NoTarget, 0,
			"which nothing presented a second time answers",
		},
		{"nothing tells apart", bare, payment.Chargeback{Amount: 600}, 3, 600, ""},
		{"by the function", bare, payment.Chargeback{Amount: 600, Arbitration: true}, 3, 600, ""},
		{
			"never more than was presented", append(slices.Clone(bare), again(1, 600)),
			payment.Chargeback{Amount: 400, IssuerReference: "C"}, payment.NoTarget, 0, "",
		},
		{
			"arbitration of none", first, payment.Chargeback{Amount: 200, IssuerReference: "A", Arbitration: true},
			payment.NoTarget, 0, "",
		},
	} {
		p := made(c.ops...)
		takes, r := p.TakesAgain(1, c.says)
		if takes != c.takes || !refusedWith(r, c.refuse) {
			t.Errorf("%s: it takes %d (%v), want %d, %q", c.why, takes, r, c.takes, c.refuse)
		}
		if r != nil {
			continue
		}
		if counts, r := p.CheckChargeback(1, c.says, takes); counts != c.counts || r != nil {
			t.Errorf("%s: %d count (%v), want %d", c.why, counts, r, c.counts)
		}
	}
	p := made(append(slices.Clone(first), referenced(record(payment.KindChargeback, 1, 200, 0), "A"))...)
	if _, r := p.CheckRepresent(4, 0, inTime, dueDate); !p.Repeats(4) || p.Repeats(2) || p.Repeats(3) ||
		!refusedWith(r, "came before") {
		t.Errorf("what came before: %t, %t, %t, %v", p.Repeats(4), p.Repeats(2), p.Repeats(3), r)
	}
}
