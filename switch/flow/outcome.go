package flow

import (
	"context"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// reply is what came of sending an intent.
type reply struct {
	err     error          // of Send: nothing was sent, or nothing came back
	call    *exchange.Call // holds the response where err is nil
	partial bool           // the request takes an approval for a lower amount
}

// code is DE39 of the response, "" where there is none: an answer without DE39 tells no outcome.
func (r *reply) code() string {
	if r.err != nil {
		return ""
	}
	return r.call.Code()
}

// unanswered tells whether the issuer may have seen the request, and nobody knows what it did.
func (r *reply) unanswered() bool { return !exchange.NotSent(r.err) && r.code() == "" }

// outcome is what a reply means for its operation.
type outcome struct {
	state   payment.State
	granted int64
	undo    bool   // a timeout reversal has to follow: the issuer did, or may have done, what does not stand
	parked  string // why a person has to decide, "" where nobody has to
}

// outcomeOf decides what came of operation i. It changes nothing and waits for nothing.
func outcomeOf(p *payment.Payment, i int, r *reply) outcome {
	op := &p.Ops[i]
	code := r.code()
	if exchange.NotSent(r.err) {
		return outcome{state: payment.StateFailed}
	}
	if code == "" {
		return unknown(op)
	}
	switch means := payment.Meaning(code); {
	case op.Kind.AskedReversal():
		return reversed(p, i, code)
	case means.Partial && (!r.partial || r.call.Amount() == 0): // a part of which nobody says how much is undone, too
		return outcome{state: payment.StateDeclined, undo: !mutant.On(mutant.PartialNotUndone)}
	case payment.Approving(code, op.Kind) && means.Partial:
		return outcome{state: payment.StateApproved, granted: r.call.Amount()}
	case payment.Approving(code, op.Kind):
		return outcome{state: payment.StateApproved, granted: op.Amount}
	}
	return outcome{state: payment.StateDeclined}
}

// unknown is the outcome where nobody knows what the issuer did: a request is undone by a timeout reversal, an
// unanswered reversal goes on as an advice, under its own identity (I5).
func unknown(op *payment.Op) outcome {
	switch {
	case op.Kind.AskedReversal():
		return outcome{state: payment.StateQueued}
	case mutant.On(mutant.TimeoutIsDecline):
		return outcome{state: payment.StateDeclined}
	}
	return outcome{state: payment.StateUnknown, undo: true}
}

// reversed is the outcome of reversal i that was answered with a code. One whose original the issuer approved and does
// not find any more is left to a person (I5).
func reversed(p *payment.Payment, i int, code string) outcome {
	switch means := payment.Meaning(code); {
	case means.Again: // no answer
		return outcome{state: payment.StateQueued}
	case p.ReversalDone(i, code):
		return outcome{state: payment.StateApproved, granted: p.Ops[i].Amount}
	case means.NotFound:
		return outcome{state: payment.StateParked, parked: saf.ParkedReason(p, i, code)}
	}
	return outcome{state: payment.StateDeclined}
}

// concludeOne writes what came of operation i into the payment and commits it (I2). For an unknown or unwanted outcome
// the reversal is queued in the same commit (I5). The payment's lock is held.
func (f *Flow) concludeOne(ctx context.Context, p *payment.Payment, i int, r *reply) error {
	if !mutant.On(mutant.HangUpEndsCommit) {
		ctx = context.WithoutCancel(ctx)
	}
	begin := time.Now()
	t := &journal.Transition{Payment: p, Closes: []int{i}}
	if err := f.received(ctx, t, i, r); err != nil {
		return err
	}
	t, err := f.looked(ctx, t, i, r, f.o.Journal.Commit(ctx, t))
	if err != nil {
		return err
	}
	f.concluded(t, i, begin)
	return nil
}

// received writes what came of operation i into the payment and the transition that stores it.
func (f *Flow) received(ctx context.Context, t *journal.Transition, i int, r *reply) error {
	p := t.Payment
	p.Version++
	op := &p.Ops[i]
	op.DoneAt = f.o.Clock.Now()
	switch {
	case r.code() != "":
		r.call.RecordIn(op, op.DoneAt)
	case r.unanswered():
		f.rememberUnanswered(p, i)
		if op.Late == "" { // the issuer may have approved another card than was meant: its reversal must find it (I5)
			op.Late = exchange.MisreadCode(r.err)
		}
	}
	if err := f.note(ctx, t, i, outcomeOf(p, i, r)); err != nil {
		return err
	}
	f.clear(p, i, t)
	return nil
}

// concluded is what follows the commit of an outcome.
func (f *Flow) concluded(t *journal.Transition, i int, begin time.Time) {
	f.metrics.outcome.Observe(time.Since(begin).Seconds())
	f.metrics.concluded(&t.Payment.Ops[i])
	f.deliver(t, nil)
}

// note writes an outcome into operation i and the transition that stores it, with the advice that follows
// from it: the timeout reversal of what is undone, or the reversal itself that goes on. The gateway is told of a
// reversal that is parked what it is told of one without an answer: accepted, and not done. Should a person have it
// sent again, it goes on as an advice.
func (f *Flow) note(ctx context.Context, t *journal.Transition, i int, out outcome) error {
	p := t.Payment
	op := &p.Ops[i]
	op.State, op.Granted = out.state, out.granted
	if root := &p.Ops[0]; mutant.On(mutant.AnsweredIsReversed) && op.State == payment.StateDeclined && !out.undo &&
		op.Kind == payment.KindIncrement && i == 1 {
		root.State, root.Granted = payment.StateUnknown, 0
		return f.undo(ctx, t, 0)
	}
	switch {
	case out.undo:
		return f.undo(ctx, t, i)
	case op.State == payment.StateQueued, op.State == payment.StateParked:
		op.Advised = true
		row := f.row(p, i)
		row.Parked, row.Reason = op.State == payment.StateParked, out.parked
		t.Queue = append(t.Queue, row)
	}
	return nil
}

// undo appends the timeout reversal of an operation and queues it.
func (f *Flow) undo(ctx context.Context, t *journal.Transition, target int) error {
	o := &t.Payment.Ops[target]
	issuer := f.o.Issuers[o.Host]
	if issuer == nil {
		return &hostGoneError{o.Host}
	}
	return f.queue(ctx, t, issuer, payment.Op{
		Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Advised: true, Amount: o.Amount, Target: target,
		At: o.DoneAt, RRN: o.RRN,
	})
}

// queue appends an advice to the transition's payment, with an identity and a store-and-forward row.
func (f *Flow) queue(ctx context.Context, t *journal.Transition, issuer *exchange.Issuer, op payment.Op) error {
	if err := issuer.Identify(ctx, &op); err != nil {
		return err
	}
	p := t.Payment
	p.Ops = append(p.Ops, op)
	t.Queue = append(t.Queue, f.row(p, len(p.Ops)-1))
	return nil
}

// row is the store-and-forward row of operation i.
func (f *Flow) row(p *payment.Payment, i int) journal.SAFRow {
	op := &p.Ops[i]
	return journal.SAFRow{
		SAFRef: journal.SAFRef{Host: op.Host}, Payment: p.ID, Op: i, Node: p.ID.Node(), Queued: f.o.Clock.Now(),
	}
}

// clear adds what operation i changes in the clearing of its date.
func (f *Flow) clear(p *payment.Payment, i int, t *journal.Transition) {
	op := &p.Ops[i]
	switch {
	case clears(op.Kind) && op.State == payment.StateApproved:
		t.Unsealed = op.Date
		if mutant.On(mutant.CreditNotCleared) && op.Kind == payment.KindCredit {
			return
		}
		t.Present = append(t.Present, f.present(p, i))
	case op.Kind == payment.KindVoid && op.Accepted():
		t.Unsealed = p.Ops[op.Target].Filed()
		if mutant.On(mutant.VoidStaysInFile) {
			return
		}
		t.Withdraw = append(t.Withdraw, presentment.RefOf(p, op.Target, t.Unsealed))
	}
}

// deliver hands the advices of a committed transition to store-and-forward. The void of a capture that got no answer
// has been sent as the advice that it goes on as, so it begins with a repeat; what was sent as a 0400, or not at all,
// does not. inHand is the payment where nobody else keeps it any more, or nil; the queue may keep it from here on.
func (f *Flow) deliver(t *journal.Transition, inHand *payment.Payment) {
	p := t.Payment
	if len(t.Queue) > 1 {
		inHand = nil // the first may be on its way while the second is queued
	}
	for _, row := range t.Queue {
		if row.Parked {
			f.o.SAF.AddParked(p, row)
			continue
		}
		op := &p.Ops[row.Op]
		f.o.SAF.Add(row, op.Kind == payment.KindVoid && p.Ops[op.Target].Kind.Fact(), inHand)
	}
}
