package flow

import (
	"context"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// looked looks at what the journal said to the outcome of operation i, which was received and must be recorded whatever
// it is. Where it would break I7 it is recorded without what it does to the sums, and what the issuer approved is
// undone.
func (f *Flow) looked(
	ctx context.Context, t *journal.Transition, i int, r *reply, err error,
) (*journal.Transition, error) {
	if !journal.IsBroken(err) {
		return t, err
	}
	if r.code() != "" {
		if t, err = f.notTaken(ctx, t.Payment, i, r); err != nil {
			return nil, err
		}
	}
	t.EvenBroken = true // it was broken before
	return t, f.o.Journal.Commit(ctx, t)
}

// notTaken begins anew with the payment as it is stored. An approval that must not count is recorded with its code, and
// undone like a request without an answer (I4); a reversal is left to a person. So the sums stay what the intent made
// them.
func (f *Flow) notTaken(ctx context.Context, p *payment.Payment, i int, r *reply) (*journal.Transition, error) {
	stored, err := f.o.Journal.Payment(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	*p = *stored
	p.Version++
	op := &p.Ops[i]
	r.call.RecordIn(op, f.o.Clock.Now())
	out := outcome{state: payment.StateDeclined}
	switch {
	case op.Kind.AskedReversal():
		out = outcome{state: payment.StateParked, parked: notTakenReason}
	case payment.Approving(op.ResponseCode, op.Kind):
		out = outcome{state: payment.StateUnknown, undo: true}
	}
	t := &journal.Transition{Payment: p, Closes: []int{i}}
	return t, f.note(ctx, t, i, out)
}

// notTakenReason says in a parked row and in an answer why an approval does not count.
const notTakenReason = "the switch could not take the issuer's approval: it breaks a money invariant"
