package flow

import (
	"context"

	"switchyard/switch/issuer/exchange"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// commitReceived commits what came of operation i, which was received and must be recorded whatever it is. Where it
// would break I7 it is recorded without what it does to the sums, and what the issuer approved is undone.
func (f *Flow) commitReceived(
	ctx context.Context, p *payment.Payment, i int, call *exchange.Call, sent error, t *journal.Transition,
) (*journal.Transition, error) {
	err := f.o.Journal.Commit(ctx, t)
	if !journal.IsBroken(err) {
		return t, err
	}
	if sent == nil && call.Code() != "" {
		if t, err = f.notTaken(ctx, p, i, call); err != nil {
			return nil, err
		}
	}
	t.EvenBroken = true // it was broken before
	return t, f.o.Journal.Commit(ctx, t)
}

// notTaken begins anew with the payment as it is stored. An approval that must not count is recorded with its code, and
// undone like a request without an answer (I4); a reversal is left to a person. So the sums stay what the intent made
// them.
func (f *Flow) notTaken(
	ctx context.Context, p *payment.Payment, i int, call *exchange.Call,
) (*journal.Transition, error) {
	stored, err := f.o.Journal.Payment(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	*p = *stored
	p.Version++
	t := &journal.Transition{Payment: p, Closes: []int{i}}
	op := &p.Ops[i]
	call.RecordIn(op, f.o.Clock.Now())
	switch {
	case op.Kind.AskedReversal():
		f.park(p, i, t)
		t.Queue[0].Reason = notTakenReason
	case payment.Approving(op.ResponseCode, op.Kind):
		op.State = payment.StateUnknown
		return t, f.undo(ctx, p, i, op.Amount, t)
	default:
		op.State = payment.StateDeclined
	}
	return t, nil
}

// notTakenReason says in a parked row and in an answer why an approval does not count.
const notTakenReason = "the switch could not take the issuer's approval: it breaks a money invariant"
