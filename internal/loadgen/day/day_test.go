package day_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"switchyard/internal/loadgen/day"
	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

func number(prefix string, n uint64) string {
	s := fmt.Sprintf("%s%09d", prefix, n)
	return s + string(pan.LuhnDigit(s))
}

func testPlan(seed uint64) day.Plan {
	p := day.Plan{
		Seed: seed, Run: "t", Merchants: day.Merchants, Cards: 1000,
		Card: func(n uint64) api.Card {
			return api.Card{Number: number([]string{"400000", "222300"}[n%2], n), Expiry: "3012", CVC: "123"}
		},
	}
	for i, code := range []string{"51", "54", "N7", "14", "41", "61"} {
		p.Declines = append(p.Declines, day.Decline{
			Code: code, Why: "why", Card: api.Card{Number: number("411111", uint64(i)), Expiry: "3012", CVC: "123"},
		})
	}
	return p
}

func declines(p day.Plan) map[string]string {
	m := map[string]string{}
	for _, d := range p.Declines {
		m[d.Card.Number] = d.Code
	}
	return m
}

func TestPlanHasTheMixInEveryHundred(t *testing.T) {
	plan := testPlan(7)
	codes := map[string]int{}
	for block := range 6 {
		kinds, refunds := map[day.Kind]int{}, 0
		for i := range 100 {
			p := plan.Payment(block*100 + i)
			kinds[p.Kind]++
			if p.Refund > 0 {
				refunds++
				if p.Refund > p.Captured() {
					t.Errorf("payment %d refunds %d of %d captured", p.Number, p.Refund, p.Captured())
				}
			}
			if p.Decline != nil {
				codes[p.Decline.Code]++
			}
		}
		want := map[day.Kind]int{day.Full: 80, day.Shipments: 8, day.Sale: 5, day.Reversed: 5, day.Declined: 2}
		if !reflect.DeepEqual(kinds, want) || refunds != 8 {
			t.Errorf("hundred %d: %v and %d refunds, want %v and 8", block, kinds, refunds, want)
		}
	}
	if len(codes) != 6 {
		t.Errorf("declines of 600 payments: %v, want each of the six", codes)
	}
}

func TestPlanFollowsFromSeedAndNumber(t *testing.T) {
	a, b, other := testPlan(7), testPlan(7), testPlan(8)
	differ := false
	for n := range 500 {
		x, y := a.Payment(499-n), b.Payment(499-n)
		if !reflect.DeepEqual(x.Shipments, y.Shipments) || x.Card != y.Card || x.Amount != y.Amount || x.Kind != y.Kind ||
			x.Refund != y.Refund {
			t.Fatalf("payment %d is not the same twice: %+v, %+v", 499-n, x, y)
		}
		if z := other.Payment(499 - n); z.Amount != x.Amount {
			differ = true
		}
	}
	if !differ {
		t.Error("another seed gives the same amounts")
	}
}

func TestPlanIsWellFormed(t *testing.T) {
	plan := testPlan(1)
	currencies, entries := map[string]bool{}, map[api.Entry]bool{}
	for n := range 5000 {
		p := plan.Payment(n)
		currencies[p.Currency] = true
		entries[p.Merchant.Entry] = true
		if p.Amount < 10 {
			t.Errorf("payment %d: amount %d", n, p.Amount)
		}
		for _, s := range p.Shipments {
			if s < 1 {
				t.Errorf("payment %d: shipments %v of %d", n, p.Shipments, p.Amount)
			}
		}
		if p.Captured() > p.Amount {
			t.Errorf("payment %d captures %d of %d", n, p.Captured(), p.Amount)
		}
	}
	if len(currencies) != 5 || len(entries) != 4 {
		t.Errorf("currencies %v, ways of entry %v; want 5 and 4", currencies, entries)
	}
}

func TestMerchantsFitTheirFields(t *testing.T) {
	for _, m := range day.Merchants {
		if len(m.ID) != api.MaxMerchant || len(m.MCC) != 4 || len(m.Country) != 3 || m.Terminals < 1 || m.Terminals > 999 {
			t.Errorf("%+v does not fit DE42, DE18 or DE43", m)
		}
		if _, ok := money.Lookup(m.Currency); !ok {
			t.Errorf("%s: no currency %q", m.ID, m.Currency)
		}
	}
}

func play(t *testing.T, f *fakeSwitch, plan day.Plan, payments int) *day.Book {
	t.Helper()
	book, err := day.Run(
		context.Background(), day.Options{Plan: plan, Clients: []day.Client{f}, Payments: payments, InFlight: 8},
	)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestHonestSwitchMatches(t *testing.T) {
	plan := testPlan(3)
	f := newFake(declines(plan))
	f.busy = 5
	book := play(t, f, plan, 1000)
	if n, examples := book.Mismatches(); n != 0 {
		t.Fatalf("%d mismatches: %s", n, strings.Join(examples, "\n"))
	}
	if book.Payments() != 1000 || book.Retries() != 5 || book.Requests() != uint64(f.requests) {
		t.Errorf(
			"%d payments, %d retries, %d requests; want 1000, 5, %d", book.Payments(), book.Retries(), book.Requests(),
			f.requests,
		)
	}
	counts := map[day.Outcome]uint64{}
	for _, l := range book.Lines() {
		counts[l.Outcome] = l.Count
	}
	for outcome, want := range map[day.Outcome]uint64{
		{Op: "authorize", Outcome: "approved"}: 930, {Op: "sale", Outcome: "approved"}: 50,
		{Op: "refund", Outcome: "approved"}: 80, {Op: "reverse", Outcome: "approved"}: 50,
		{Op: "authorize", Outcome: "declined 51 why"}: 4, {Op: "authorize", Outcome: "error busy"}: 5,
	} {
		if counts[outcome] != want {
			t.Errorf("%v: %d, want %d", outcome, counts[outcome], want)
		}
	}
	if counts[day.Outcome{Op: "authorize", Outcome: "replayed"}] == 0 ||
		counts[day.Outcome{Op: "status", Outcome: "found"}] == 0 {
		t.Errorf("nothing was repeated or looked up: %v", counts)
	}
	var owed day.Total
	for _, total := range book.Clearing() {
		owed.Messages += total.Messages
		owed.SumMinor += total.SumMinor
	}
	if have := f.presentments(); owed != have {
		t.Errorf("the book expects %+v in clearing, the switch has %+v", owed, have)
	}
}

// presentments adds up what the fake would clear.
func (f *fakeSwitch) presentments() (t day.Total) {
	for _, p := range f.byID {
		for _, op := range p.Ops {
			if op.State == payment.StateUnknown {
				continue
			}
			switch op.Kind.String() {
			case "sale", "capture", "refund":
				t.Messages++
				t.SumMinor += op.Amount
			}
		}
	}
	return t
}

// Each fault is one that a switch must never have; the day must see it.
func TestFaultsAreSeen(t *testing.T) {
	faults := map[string]func(f *fakeSwitch){
		"a decline told as an approval": func(f *fakeSwitch) { f.declines = nil },
		"a repeat that is executed again": func(f *fakeSwitch) {
			f.forgets = true
		},
		"a repeat that is not marked": func(f *fakeSwitch) {
			f.fault = func(_ *api.Request, a *api.Answer) { a.Replayed = false }
		},
		"a sum that is off by one": func(f *fakeSwitch) {
			f.fault = func(req *api.Request, a *api.Answer) {
				if req.Op == api.OpRefund {
					a.Refunded++
				}
			}
		},
		"an operation that is refused": func(f *fakeSwitch) {
			f.fault = func(req *api.Request, a *api.Answer) {
				if req.Op == api.OpReverse {
					*a = api.Answer{Err: api.NewError(api.CodeInvalidState, "no")}
				}
			}
		},
		"a history that lacks operations": func(f *fakeSwitch) {
			f.fault = func(req *api.Request, a *api.Answer) { a.History = nil }
		},
	}
	for name, bend := range faults {
		t.Run(name, func(t *testing.T) {
			plan := testPlan(3)
			f := newFake(declines(plan))
			bend(f)
			if n, examples := play(t, f, plan, 1000).Mismatches(); n == 0 || len(examples) == 0 {
				t.Error("not seen")
			}
		})
	}
}

type brokenClient struct{}

func (brokenClient) Do(context.Context, *api.Request) (*api.Answer, error) {
	return nil, errors.New("connection reset")
}

func TestBrokenConnectionEndsTheDay(t *testing.T) {
	_, err := day.Run(context.Background(), day.Options{
		Plan: testPlan(1), Clients: []day.Client{brokenClient{}}, Payments: 100, InFlight: 4,
	})
	if err == nil || !strings.Contains(err.Error(), "connection reset") || !strings.Contains(err.Error(), "key t-") {
		t.Errorf("error %v, want the connection's with the payment's key", err)
	}
}
