package journaltest

import (
	"errors"
	"reflect"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// A walk finds what Payment finds, in whatever order it is asked, as of its first read, and nothing of one payment
// stands in the next. Once the journal is closed it finds nothing.
func walk(t *testing.T, store Store) {
	j := store(t)(t)
	made := func(n uint64) *payment.Payment {
		p := Fresh(n)
		switch n % 3 {
		case 1:
			p = Captured(n, 0)
			p.SealedCard = []byte{1, 2, byte(n)}
			p.Ops[1].Final, p.Ops[1].RRN = true, "000000000001"
		case 2:
			p.SealedCard, p.Acquirer, p.Ops[0].Advised = []byte{9}, "400001", true
		}
		return p
	}
	const last = 120
	for n := uint64(2); n <= last; n += 2 {
		commit(t, j, &journal.Transition{Payment: made(n)})
	}
	w := j.Walk()
	find := func(n uint64, want error) {
		t.Helper()
		got, err := w.Payment(payment.NewID(1, n))
		if !errors.Is(err, want) {
			t.Fatalf("payment %d: %v, want %v", n, err, want)
		}
		if err == nil && !reflect.DeepEqual(got, made(n)) {
			t.Errorf("payment %d: %+v, want %+v", n, got, made(n))
		}
	}
	find(2, nil)
	commit(t, j, &journal.Transition{Payment: made(3)})
	later := made(4)
	later.Version, later.Reference = 2, "later"
	commit(t, j, &journal.Transition{Payment: later})
	for _, n := range []uint64{4, 6, 6, 8, 10, 60, 62, 116, 118, last, 12, 10, 2, last, 2} {
		find(n, nil)
	}
	for _, n := range []uint64{1, 3, 5, 7, 61, last - 1, 1} {
		find(n, journal.ErrNotFound)
		find(n+1, nil)
	}
	find(last+1, journal.ErrNotFound)
	find(2, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = j.Walk()
	if got, err := w.Payment(later.ID); err != nil || !reflect.DeepEqual(got, later) {
		t.Errorf("another walk: %+v, %v", got, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	w = j.Walk()
	if _, err := w.Payment(later.ID); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("of a closed journal: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
