package flow

import (
	"context"

	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// status tells where a payment stands: by its id or by the key of one of its requests with its history, by reference a
// list.
func (f *Flow) status(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	switch {
	case req.Present.Has(api.FieldPayment):
		p, refusedWith := f.find(ctx, caller, req.Payment)
		if refusedWith != nil {
			return refused(refusedWith)
		}
		return f.story(p, 0)
	case req.Present.Has(api.FieldReference):
		return f.byReference(ctx, caller, req)
	}
	entry, used, err := f.keyEntry(ctx, req.Merchant, req.Key)
	switch {
	case err != nil:
		return refused(f.fault("read key", err))
	case !used:
		if refusedWith := f.forgotten(ctx, "key"); refusedWith != nil {
			return refused(refusedWith)
		}
	}
	if entry.Payment.IsZero() { // never used, or burned
		return refused(&api.Error{
			Code: api.CodeUnknownPayment, Field: "key", Message: "no request of this merchant has used the key",
		})
	}
	p, refusedWith := f.find(ctx, caller, entry.Payment.String())
	if refusedWith != nil {
		return refused(refusedWith)
	}
	if err := names(entry, p); err != nil {
		return refused(f.fault("read key", err))
	}
	return f.story(p, entry.Op)
}

// story is an answer with the payment's history; its operation is the i-th.
func (f *Flow) story(p *payment.Payment, i int) api.Answer {
	a := answer(p, i, f.o.Clock.Confirmed())
	a.History = make([]api.HistoryItem, len(p.Ops))
	for j := range p.Ops {
		op := &p.Ops[j]
		h := api.HistoryItem{
			At: op.At, Op: op.Kind.String(), State: op.State.String(), Key: op.Key, Amount: op.Amount,
			Approved: approved(op), ResponseCode: op.ResponseCode, RRN: op.RRN, STAN: string(appendSTAN(nil, op.STAN)),
		}
		h.Capture, h.Refund = named(p, j)
		h.Automatic, h.PastWindow = op.Automatic, op.PastWindow
		h.CaptureCancelled = j == 0 && p.CaptureCancelled() != ""
		if op.Kind.Row().Clears && op.Kind != payment.KindResubmit && op.Counts() && f.filed(op) &&
			!p.Withdrawn(j) {
			h.Presentment = p.Presentment(j).String()
		}
		a.History[j] = h
	}
	return a
}

// byReference lists the caller's payments with a reference.
func (f *Flow) byReference(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	ids, more, err := f.o.Journal.ByReference(ctx, req.Merchant, req.Reference, api.MaxListed)
	if hidden := pan.Hide(req.Reference); err == nil && f.o.MaskReferences && hidden != req.Reference {
		var masked []payment.ID // made since references are masked: later ones
		var moreMasked bool
		masked, moreMasked, err = f.o.Journal.ByReference(ctx, req.Merchant, hidden, api.MaxListed)
		ids, more = append(masked, ids...), more || moreMasked || len(masked)+len(ids) > api.MaxListed
		ids = ids[:min(len(ids), api.MaxListed)]
	}
	if err != nil {
		return refused(f.fault("read references", err))
	}
	a := api.Answer{More: more, Payments: []api.Answer{}}
	now := f.o.Clock.Confirmed()
	for _, id := range ids {
		p, err := f.o.Journal.Payment(ctx, id)
		if err != nil {
			return refused(f.fault("read payment", err))
		}
		if owns(caller, p) {
			a.Payments = append(a.Payments, answer(p, 0, now))
		}
	}
	if len(a.Payments) == 0 {
		if refusedWith := f.forgotten(ctx, "reference"); refusedWith != nil {
			return refused(refusedWith)
		}
	}
	return a
}
