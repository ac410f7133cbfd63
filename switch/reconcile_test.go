package txswitch_test

import (
	"context"
	"testing"
	"time"

	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/reconcile"
	"switchyard/switch/switchtest"
)

func asksIssuer(c *txswitch.Config) { c.Issuers[0].Reconcile = true }

// reconciled waits until the issuer has been asked about the only date that was closed, and returns the results.
func reconciled(t *testing.T, s *switchtest.System) (date string, results []reconcile.Result) {
	t.Helper()
	s.Await("the issuer has answered", func() bool {
		days, err := s.API().Reconciliations(context.Background(), "")
		if err != nil || len(days) != 1 || len(days[0].Hosts) != 1 || !days[0].Hosts[0].Ended {
			return false
		}
		date, results = days[0].Date, days[0].Hosts[0].Results
		return true
	})
	return date, results
}

// In every stock dialect the issuer's totals of a date are the switch's, to the last number: of captures, one of them
// voided, refunds, sales, and one that was not answered and is reversed.
func TestInBalanceWithTheIssuer(t *testing.T) {
	for _, dialect := range spec.Stock() {
		t.Run(dialect, func(t *testing.T) {
			s := switchtest.Start(t, switchtest.Options{
				Dialect: dialect, Deadline: time.Minute, IssuerData: true, Configure: asksIssuer,
			})
			a := s.Do(switchtest.Authorize("k1", 12345))
			wantApproved(t, a, "00")
			eachOperation(t, s, a)
			silent := switchtest.Authorize("k9", 888)
			silent.Op = api.OpSale
			leftUnanswered(t, s, silent)
			s.AwaitDrained()
			cutover(t, s, false)
			_, results := reconciled(t, s)
			if len(results) != 1 {
				t.Fatalf("results: %+v", results)
			}
			r := results[0]
			if r.Status != reconcile.InBalance || r.Balance != "1" || r.Theirs == nil || *r.Theirs != r.Ours ||
				r.Currency != "EUR" || r.Ours.Debits.Number != 4 || r.Ours.DebitReversals.Number != 2 ||
				r.Ours.Credits.Number != 1 || r.Ours.Net() != 2000+777-50 {
				t.Errorf("the result: %+v, theirs %+v", r, r.Theirs)
			}
		})
	}
}
