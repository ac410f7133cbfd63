package flow

import (
	"context"
	"encoding/binary"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// dayOf is a journal with an open business date and the mark of a counter, and with nothing else.
type dayOf struct {
	journal.Journal
	open payment.Date
	mark []byte
}

func (j *dayOf) OpenDay() payment.Date { return j.open }

func (j *dayOf) Meta(context.Context, string) ([]byte, error) {
	if j.mark == nil {
		return nil, journal.ErrNotFound
	}
	return j.mark, nil
}

func (j *dayOf) PutMeta(_ context.Context, _ string, value []byte) error {
	j.mark = value
	return nil
}

// A counter is of the date that is open when it counts, whenever its request came, and so is its mark; a date that an
// operator goes back to begins anew.
func TestCountersAreOfTheOpenDate(t *testing.T) {
	j := &dayOf{open: 20261121}
	c := &dayCounter{}
	take := func(want bool) payment.Date {
		t.Helper()
		date, ok, err := c.take(t.Context(), j, 1, 2)
		if err != nil || ok != want || date != j.open {
			t.Errorf("on %s: %t, %v, of %s, want %t", j.open, ok, err, date, want)
		}
		return date
	}
	before := take(true)
	j.open = 20261122
	take(true)
	c.giveBack(before, 1) // late, and of another date
	take(true)
	take(false)
	if marked := payment.Date(binary.BigEndian.Uint32(j.mark)); marked != j.open {
		t.Errorf("the mark is of %s, want %s", marked, j.open)
	}
	c = &dayCounter{} // another start
	take(false)
	j.open = 20261121
	take(true)
}
