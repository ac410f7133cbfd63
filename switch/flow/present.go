package flow

import (
	"context"
	"errors"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// present is the presentment of operation i, a capture, sale or refund, with what its record takes from the
// configuration and from the payment as they are at this moment.
func (f *Flow) present(p *payment.Payment, i int) journal.Presentment {
	return presentment.Of(p, i, f.o.Clock.Confirmed(), f.profileOf(p))
}

// profileOf is the merchant of a payment as it is now.
func (f *Flow) profileOf(p *payment.Payment) *merchant.Profile {
	if profile := f.o.Merchants.Lookup(p.Merchant); profile != nil {
		return profile
	}
	return f.o.Merchants.Fallback(p.Merchant) // taken out of the merchants file since the payment was made
}

// presentAgain is the presentment of operation i, which takes another one back: it repeats what that one says.
func (f *Flow) presentAgain(ctx context.Context, p *payment.Payment, i int) (journal.Presentment, error) {
	target := p.Ops[i].Target
	original, err := f.o.Journal.Presentment(ctx, presentment.RefOf(p, target, p.Ops[target].Filed()))
	if errors.Is(err, journal.ErrNotFound) {
		original, err = f.present(p, target), nil
	}
	if err != nil {
		return journal.Presentment{}, err
	}
	row := journal.Presentment{PresentmentRef: presentment.RefOf(p, i, p.Ops[i].Date), Data: original.Data}
	if presentment.WindowOf(row.Data) != 0 { // it goes with a later one
		s, err := presentment.DecodeSnapshot(row.Data)
		if err != nil {
			return row, err
		}
		s.Window = 0
		row.Data = s.Encode()
	}
	return row, nil
}

// filed tells whether the presentment of an operation stands in a file, or in a date that is being sealed: it stays
// there, whatever becomes of the operation.
func (f *Flow) filed(op *payment.Op) bool {
	return op.Window != 0 && !mutant.On(mutant.WindowVoided) || f.o.Days.Closed(op.Filed())
}
