package payment_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/payment"
)

// ledger is what the payment should say, kept another way: the money lies in pots and each operation moves it, where
// the payment folds all its operations anew each time.
type ledger struct {
	free     int64 // can be captured or released
	released int64 // given back, or on its way there
	captured int64 // taken, less what is voided
	limbo    int64 // of captures whose void the issuer has not confirmed
	refunded int64 // of captured: paid back, or on its way there

	takenBack bool          // clearing took a capture back
	stands    map[int]int64 // captures and sales that nothing undoes, with their amounts
	open      map[int]bool  // operations whose outcome the issuer owes; a payment with one is reversing
}

// machine drives a payment as package flow does: what moves the issuer's money takes turns, captures come at any time.
type machine struct {
	p      *payment.Payment
	now    time.Time
	ledger ledger
	atHost int // the operation at the issuer, or payment.NoTarget
}

var begin = time.Date(2026, 11, 21, 20, 26, 1, 0, time.UTC)

const window = 30 * 24 * time.Hour

func (m *machine) add(op payment.Op) int {
	op.At = m.now
	m.p.Ops = append(m.p.Ops, op)
	m.p.Version++
	return len(m.p.Ops) - 1
}

// root makes the payment with an outcome of its first request.
func (m *machine) root(t *rapid.T) {
	kinds := []payment.Kind{
		payment.KindAuthorize, payment.KindAuthorize, payment.KindAuthorize, payment.KindSale, payment.KindVoice,
		payment.KindVerify, payment.KindStandIn, payment.KindCredit,
	}
	op := payment.Op{
		Kind: rapid.SampledFrom(kinds).Draw(t, "root"), State: payment.StateApproved, Target: payment.NoTarget,
	}
	op.Amount = rapid.Int64Range(1, 1000).Draw(t, "amount")
	if op.Kind == payment.KindVerify {
		op.Amount = 0
	}
	op.Granted = op.Amount
	switch op.Kind {
	case payment.KindStandIn:
		op.State = payment.StateQueued
	case payment.KindAuthorize, payment.KindSale, payment.KindCredit:
		switch rapid.IntRange(0, 9).Draw(t, "outcome") {
		case 0:
			op.State, op.Granted = payment.StateDeclined, 0
		case 1:
			op.State, op.Granted = payment.StateFailed, 0
		case 2:
			op.State, op.Granted = payment.StateUnknown, 0
		case 3:
			op.Granted = (op.Amount + 1) / 2
		}
	}
	m.ledger = ledger{stands: map[int]int64{}, open: map[int]bool{}}
	m.add(op)
	switch {
	case op.State == payment.StateUnknown:
		m.timeoutReversal(0)
	case op.Granted == 0, op.Kind == payment.KindCredit:
	case op.Kind == payment.KindSale:
		m.ledger.captured = op.Granted
		m.ledger.stands[0] = op.Granted
	default:
		m.ledger.free = op.Granted
	}
}

// timeoutReversal queues the reversal of an operation whose outcome is unknown.
func (m *machine) timeoutReversal(target int) {
	m.ledger.open[target] = true
	m.add(payment.Op{
		Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Amount: m.p.Ops[target].Amount, Target: target,
	})
}

func (m *machine) rootIs(kinds ...payment.Kind) bool {
	for _, k := range kinds {
		if m.p.Ops[0].Kind == k {
			return m.p.Ops[0].State == payment.StateApproved || k == payment.KindStandIn
		}
	}
	return false
}

// takes tells whether an operation on the payment may be possible at all.
func (m *machine) takes(kinds ...payment.Kind) bool { return m.rootIs(kinds...) }

// came tells whether operation i came to nothing: its own way of saying what takes no room.
func (m *machine) cameToNothing(i int) bool {
	op := &m.p.Ops[i]
	if op.Kind == payment.KindTimeoutReversal {
		return op.State == payment.StateApproved || op.State == payment.StateClosed
	}
	for _, reversal := range m.p.Ops[i+1:] {
		if reversal.Kind == payment.KindTimeoutReversal && reversal.Target == i && op.State == payment.StateUnknown {
			return reversal.State == payment.StateApproved || reversal.State == payment.StateClosed
		}
	}
	return op.State == payment.StateDeclined || op.State == payment.StateFailed
}

// room tells whether two more operations find room among those that stand, of so many.
func (m *machine) room(most int) bool {
	for i := range m.p.Ops {
		if !m.cameToNothing(i) {
			most--
		}
	}
	return most >= 2
}

// grows tells whether a capture or increment may be possible at all.
func (m *machine) grows(kinds ...payment.Kind) bool { return m.room(200) && m.takes(kinds...) }

// part tells whether a part of what is left may be taken, where one is asked for.
func (m *machine) part(ask, left int64) bool { return ask == 0 || ask >= left || m.room(250) }

// tries tells whether a kind may be tried again: fifty times at once, fifty more an hour apart, then a day.
func (m *machine) tries(kind payment.Kind) bool {
	n, since := 0, time.Duration(0)
	for i := range m.p.Ops {
		if m.p.Ops[i].Kind == kind && m.cameToNothing(i) {
			n++
			since = m.now.Sub(m.p.Ops[i].At)
		}
	}
	return n < 50 || n < 100 && since >= time.Hour || since >= 24*time.Hour
}

// asked draws an amount to ask for: 0 for all, mostly near what is left.
func asked(t *rapid.T, left int64) int64 {
	return rapid.OneOf(
		rapid.Just(int64(0)), rapid.Int64Range(1, max(1, left)), rapid.Int64Range(max(1, left), max(1, left)+3),
	).Draw(t, "asked")
}

// refused holds that a check refuses just when the ledger does, with an amount too large only where there is something.
func refused(t *rapid.T, r *payment.Refusal, may bool, amount, left int64) bool {
	t.Helper()
	exceeds := may && left > 0 && amount > left
	if want := !may || left <= 0 || exceeds; want != (r != nil) {
		t.Fatalf("asked for %d of %d, possible %v: %v", amount, left, may, r)
	}
	if r != nil && r.Exceeds != exceeds {
		t.Fatalf("asked for %d of %d: %v says exceeds %v", amount, left, r, r.Exceeds)
	}
	return r != nil
}

func (m *machine) capture(t *rapid.T) {
	l := &m.ledger
	ask, final := asked(t, l.free), rapid.IntRange(0, 4).Draw(t, "final") == 0
	if final && m.p.Unresolved() {
		return // flow answers busy
	}
	amount, r := m.p.CheckCapture(ask, m.now)
	may := m.grows(payment.KindAuthorize, payment.KindStandIn, payment.KindVoice) && !m.now.After(m.p.Expires) &&
		!m.finished()
	if refused(t, r, may, ask, l.free) {
		return
	}
	if want := ask; want != 0 && amount != want || want == 0 && amount != l.free {
		t.Fatalf("a capture of %d takes %d of %d", ask, amount, l.free)
	}
	i := m.add(payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Amount: amount, Target: payment.NoTarget, Final: final,
		Advised: true,
	})
	l.free -= amount
	l.captured += amount
	l.stands[i] = amount
	if !final {
		return
	}
	if l.free > 0 {
		m.add(payment.Op{
			Kind: payment.KindRelease, State: payment.StateQueued, Amount: l.free, Target: payment.NoTarget,
			Stays: m.p.StaysAfter(l.free), Advised: true,
		})
		l.released += l.free
		l.free = 0
	}
}

// finished tells whether a final capture stands.
func (m *machine) finished() bool {
	for i := range m.ledger.stands {
		if m.p.Ops[i].Final {
			return true
		}
	}
	return false
}

// disputed tells whether a capture was taken back that the issuer may still count.
func (m *machine) disputed() bool { return m.ledger.takenBack || m.ledger.limbo > 0 }

// mine tells whether the payment's turn is free and nothing is queued: what flow waits for before it asks an issuer.
func (m *machine) mine() bool { return m.atHost == payment.NoTarget && !m.p.Advising() }

func (m *machine) send(op payment.Op) int {
	op.State = payment.StatePending
	m.atHost = m.add(op)
	return m.atHost
}

func (m *machine) increment(t *rapid.T) {
	if !m.mine() {
		return
	}
	amount := rapid.Int64Range(1, 500).Draw(t, "asked")
	r := m.p.CheckIncrement(amount, m.now)
	l := &m.ledger
	may := m.tries(payment.KindIncrement) && m.grows(payment.KindAuthorize, payment.KindStandIn) &&
		l.free > 0 && l.refunded == 0 && len(l.open) == 0 && !m.finished() && !m.now.After(m.p.Expires)
	if !refused(t, r, may, amount, amount) {
		m.send(payment.Op{Kind: payment.KindIncrement, Amount: amount, Target: payment.NoTarget})
	}
}

func (m *machine) reverse(t *rapid.T) {
	if !m.mine() {
		return
	}
	l := &m.ledger
	ask := asked(t, l.free)
	release, stays, r := m.p.CheckReverse(ask, m.now)
	may := m.takes(payment.KindAuthorize, payment.KindStandIn) && m.tries(payment.KindReverse) && m.part(ask, l.free)
	if may && m.disputed() && ask != 0 && ask < l.free {
		if r == nil || r.Exceeds {
			t.Fatalf("a part of the hold may not be released: %v", r)
		}
		return
	}
	if refused(t, r, may, ask, l.free) {
		return
	}
	if want := l.captured + l.free - release; !m.disputed() && stays != want || m.disputed() && stays != 0 {
		t.Fatalf("after releasing %d of %d, %d captured: %d stay authorized", release, l.free, l.captured, stays)
	}
	l.free -= release
	l.released += release
	m.send(payment.Op{Kind: payment.KindReverse, Amount: release, Stays: stays, Target: payment.NoTarget})
}

// named draws what a void names: one of the captures that stand, some other operation, or nothing.
func (m *machine) named(t *rapid.T) (target int, valid bool) {
	l := &m.ledger
	target = rapid.IntRange(payment.NoTarget, len(m.p.Ops)).Draw(t, "target")
	if target == payment.NoTarget && len(l.stands) == 1 {
		for i := range l.stands {
			return target, l.refunded <= l.captured-l.stands[i]
		}
	}
	amount, stands := l.stands[target]
	return target, stands && l.refunded <= l.captured-amount
}

// void begins the undoing of a capture or sale: at the issuer, or once its date is sealed in clearing alone.
func (m *machine) void(t *rapid.T, sealed bool) {
	if !sealed && !m.mine() {
		return
	}
	name, valid := m.named(t)
	target, r := m.p.CheckVoid(name, m.now)
	may := m.takes(payment.KindAuthorize, payment.KindStandIn, payment.KindVoice, payment.KindSale) && valid &&
		m.tries(payment.KindVoid)
	if refused(t, r, may, 1, 1) {
		return
	}
	l := &m.ledger
	amount := l.stands[target]
	if name != payment.NoTarget && target != name || amount != m.p.Ops[target].Clears() {
		t.Fatalf("a void of %d takes operation %d, of %d", name, target, amount)
	}
	delete(l.stands, target)
	l.captured -= amount
	if sealed {
		l.released += amount
		l.takenBack = true
		m.add(payment.Op{
			Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: amount, Granted: amount, Target: target,
		})
		return
	}
	l.limbo += amount
	m.send(payment.Op{Kind: payment.KindVoid, Amount: amount, Target: target})
}

func (m *machine) refund(t *rapid.T) {
	if !m.mine() {
		return
	}
	l := &m.ledger
	left := l.captured - l.refunded
	ask := asked(t, left)
	amount, r := m.p.CheckRefund(ask, m.now)
	may := m.takes(payment.KindAuthorize, payment.KindStandIn, payment.KindVoice, payment.KindSale) &&
		m.tries(payment.KindRefund) && m.part(ask, left)
	if refused(t, r, may, ask, left) {
		return
	}
	l.refunded += amount
	m.send(payment.Op{Kind: payment.KindRefund, Amount: amount, Target: payment.NoTarget})
}

// outcome ends what is at the issuer.
func (m *machine) outcome(t *rapid.T) {
	i := m.atHost
	if i == payment.NoTarget {
		return
	}
	m.atHost = payment.NoTarget
	op := &m.p.Ops[i]
	switch outcome := rapid.SampledFrom([]string{"approved", "approved", "declined", "failed", "unknown", "partial"}).Draw(
		t, "outcome",
	); {
	case outcome == "approved":
		op.State, op.Granted = payment.StateApproved, op.Amount
		m.move(i)
	case outcome == "declined", outcome == "failed":
		op.State = payment.StateDeclined
		if outcome == "failed" {
			op.State = payment.StateFailed
		}
		m.giveBack(i)
	case op.Kind == payment.KindReverse, op.Kind == payment.KindVoid: // goes on as an advice
		op.State, op.Advised = payment.StateQueued, true
		m.ledger.open[i] = true
	case outcome == "partial": // nobody asked for it: declined, and undone
		op.State = payment.StateDeclined
		m.giveBack(i)
		m.timeoutReversal(i)
		delete(m.ledger.open, i)
	default:
		op.State = payment.StateUnknown
		m.timeoutReversal(i)
	}
}

// move moves the money of an operation that the issuer has approved.
func (m *machine) move(i int) {
	l, op := &m.ledger, &m.p.Ops[i]
	switch op.Kind {
	case payment.KindIncrement:
		l.free += op.Amount
	case payment.KindVoid:
		l.limbo -= op.Amount
		if m.p.Ops[op.Target].Kind == payment.KindCapture {
			l.free += op.Amount // the hold is back
		} else {
			l.released += op.Amount
		}
	}
}

// giveBack takes back what the intent of an operation reserved.
func (m *machine) giveBack(i int) {
	l, op := &m.ledger, &m.p.Ops[i]
	switch op.Kind {
	case payment.KindReverse:
		l.released -= op.Amount
		l.free += op.Amount
	case payment.KindVoid:
		l.limbo -= op.Amount
		l.captured += op.Amount
		l.stands[op.Target] = op.Amount
	case payment.KindRefund:
		l.refunded -= op.Amount
	}
}

// advice decides on an advice that is queued or parked: it is acknowledged, parked, closed by a person, or tried again.
func (m *machine) advice(t *rapid.T) {
	var waiting []int
	for i := range m.p.Ops {
		if s := m.p.Ops[i].State; s == payment.StateQueued || s == payment.StateParked {
			waiting = append(waiting, i)
		}
	}
	if len(waiting) == 0 || m.atHost != payment.NoTarget {
		return
	}
	i := rapid.SampledFrom(waiting).Draw(t, "advice")
	op := &m.p.Ops[i]
	if op.State == payment.StateParked {
		op.State = rapid.SampledFrom([]payment.State{payment.StateQueued, payment.StateClosed}).Draw(t, "decision")
	} else {
		op.State = rapid.SampledFrom([]payment.State{payment.StateApproved, payment.StateApproved, payment.StateParked}).Draw(
			t, "acknowledged",
		)
	}
	if op.State == payment.StateApproved {
		op.Granted = op.Amount
		m.move(i)
	}
	if op.State == payment.StateApproved || op.State == payment.StateClosed {
		delete(m.ledger.open, i)
		if op.Kind == payment.KindTimeoutReversal {
			if m.ledger.open[op.Target] {
				m.giveBack(op.Target)
			}
			delete(m.ledger.open, op.Target)
		}
	}
}

// standing is the first of the list that fits, by the ledger.
func (m *machine) standing() string {
	l, root := &m.ledger, &m.p.Ops[0]
	switch {
	case len(l.open) > 0:
		return "reversing"
	case root.State == payment.StateDeclined:
		return "declined"
	case root.State == payment.StateFailed:
		return "failed"
	case root.State == payment.StateUnknown:
		return "reversed"
	case root.Kind == payment.KindVerify:
		return "verified"
	case root.Kind == payment.KindCredit:
		return "credited"
	case l.captured == 0 && l.free == 0:
		return "reversed"
	case l.captured == 0 && m.now.After(m.p.Expires):
		return "expired"
	case l.refunded > 0 && l.refunded == l.captured:
		return "refunded"
	case l.refunded > 0:
		return "partially_refunded"
	case l.captured > 0 && l.free == 0:
		return "captured"
	case l.captured > 0:
		return "partially_captured"
	}
	return "authorized"
}

// hold compares the payment with the ledger.
func (m *machine) hold(t *rapid.T) {
	if broken := m.p.Invariant(); broken != "" {
		t.Fatalf("%s\n%s", broken, m)
	}
	l, s := &m.ledger, m.p.Sums()
	want := payment.Sums{
		Authorized: l.free + l.released + l.captured + l.limbo, Released: l.released + l.limbo, Captured: l.captured,
		Refunded: l.refunded,
	}
	if s != want || s.Capturable() != l.free || s.Refundable() != l.captured-l.refunded {
		t.Fatalf("the sums are %+v, capturable %d; want %+v, %d\n%s", s, s.Capturable(), want, l.free, m)
	}
	if got, want := m.p.Standing(m.now).String(), m.standing(); got != want {
		t.Fatalf("stands as %s, want %s\n%s", got, want, m)
	}
	if m.p.Busy() != (m.atHost != payment.NoTarget) {
		t.Fatalf("busy %v\n%s", m.p.Busy(), m)
	}
	if len(m.p.Ops) > payment.MaxOps {
		t.Fatalf("%d operations", len(m.p.Ops))
	}
}

func (m *machine) String() (s string) {
	for i := range m.p.Ops {
		op := &m.p.Ops[i]
		s += fmt.Sprintf(
			"%d %s %s amount %d granted %d target %d final %v stays %d\n", i, op.Kind, op.State, op.Amount, op.Granted,
			op.Target, op.Final, op.Stays,
		)
	}
	return s
}

// I7 for any order of operations and outcomes, and each check refuses just what the ledger does.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{p: &payment.Payment{Created: begin, Expires: begin.Add(window)}, now: begin, atHost: payment.NoTarget}
		m.root(t)
		if rapid.IntRange(0, 9).Draw(t, "crowded") == 0 {
			m.crowd(t)
		}
		t.Repeat(map[string]func(*rapid.T){
			"":          m.hold,
			"capture":   m.capture,
			"increment": m.increment,
			"reverse":   m.reverse,
			"void":      func(t *rapid.T) { m.void(t, false) },
			"take back": func(t *rapid.T) { m.void(t, true) },
			"refund":    m.refund,
			"outcome":   m.outcome,
			"advice":    m.advice,
			"days pass": func(t *rapid.T) {
				m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, window / 3, window}).Draw(t, "time"))
			},
		})
	})
}

// crowd fills the payment: with operations that stand, up to a few under a bound, or with some of a kind that came to
// nothing.
func (m *machine) crowd(t *rapid.T) {
	op := payment.Op{Kind: payment.KindIncrement, State: payment.StateApproved, Target: payment.NoTarget}
	n := rapid.SampledFrom([]int{250, 200}).Draw(t, "bound") - rapid.IntRange(0, 6).Draw(t, "room")
	if rapid.Bool().Draw(t, "declined") {
		op.State, op.Amount = payment.StateDeclined, 1
		op.Kind = rapid.SampledFrom([]payment.Kind{
			payment.KindIncrement, payment.KindRefund, payment.KindReverse, payment.KindVoid,
		}).Draw(t, "kind")
		n = rapid.SampledFrom([]int{48, 49, 50, 98, 99, 100, 300}).Draw(t, "declined")
		if op.Kind == payment.KindVoid {
			op.Target = 0
		}
	}
	for range n {
		m.add(op)
	}
}
