package flow

import (
	"context"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
)

// credit pays a cardholder without a payment that it would pay back, for a merchant that may.
func (x *operation) credit(ctx context.Context) api.Answer {
	return x.makePayment(ctx, x.mayCredit, x.create)
}

// mayCredit refuses merchants that credits were not opened for: nothing but its merchant's limits bounds a credit.
func (x *operation) mayCredit() *api.Error {
	if x.profile.Credits || mutant.On(mutant.AnyoneCredits) {
		return nil
	}
	return api.FieldError("merchant", "expected one that may credit: its profile has no credits: true")
}
