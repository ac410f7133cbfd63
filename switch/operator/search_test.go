package operator

import (
	"context"
	"slices"
	"testing"

	"switchyard/switch/payment"
)

// longJournal has so many payments, made as they are read.
type longJournal struct {
	Journal
	payments, read uint64
}

func (j *longJournal) Payments(_ context.Context, after payment.ID, yield func(*payment.Payment) bool) error {
	for n := after.Counter() + 1; n <= j.payments; n++ {
		j.read++
		op := payment.Op{Kind: payment.KindAuthorize, State: payment.StatePending, Target: payment.NoTarget}
		if !yield(&payment.Payment{ID: payment.NewID(1, n), Ops: []payment.Op{op}}) {
			break
		}
	}
	return nil
}

// A call looks at no more payments than it may, finds none or not, and the next one goes on behind them.
func TestSearchGoesOnCallByCall(t *testing.T) {
	const every = 2*maxLooked - 1
	j := &longJournal{payments: 3*maxLooked + 1}
	a := &API{o: Options{Journal: j}}
	s := &sought{limit: 1}
	s.must(func(p *payment.Payment) bool { return p.ID.Counter()%every == 0 })
	var found, next []uint64
	for range 10 {
		before := j.read
		page, err := a.search(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if looked := j.read - before; looked > maxLooked {
			t.Errorf("a call looked at %d payments", looked)
		}
		for _, p := range page.Payments {
			id, err := payment.ParseID(p.Payment)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, id.Counter())
		}
		if page.Next == "" {
			break
		}
		if s.after, err = payment.ParseID(page.Next); err != nil {
			t.Fatal(err)
		}
		next = append(next, s.after.Counter())
	}
	if want := []uint64{every}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if want := []uint64{maxLooked, every, every + maxLooked}; !slices.Equal(next, want) {
		t.Errorf("the calls ended at %v, want %v", next, want)
	}
}
