package presentment_test

import (
	"testing"
	"testing/synctest"

	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// However many operations want in while a date is being sealed: none enters it, and it is sealed as soon as what was
// under way has ended.
func TestNothingEntersAClosingDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const date, overlapping = payment.Date(20261121), 20
		d := presentment.NewDays(nil)
		if !d.Enter(date) {
			t.Fatal("an open date is closed")
		}
		sealed := make(chan error, 1)
		go func() { sealed <- d.Seal(t.Context(), date) }()
		synctest.Wait()
		entered := 0
		for range overlapping { // each begins before the one before it ends
			if d.Enter(date) {
				entered++
			}
		}
		if entered > 0 || !d.Closed(date) {
			t.Errorf("%d operations entered the date while it was being sealed; it is closed: %t", entered, d.Closed(date))
		}
		d.Leave(date)
		synctest.Wait()
		select {
		case err := <-sealed:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("what was under way has ended, and the date is not sealed")
		}
		for range entered {
			d.Leave(date)
		}
		if other := date.Next(); !d.Enter(other) || d.Closed(other) {
			t.Error("another date is closed")
		}
	})
}

// What a start finds closing is closed to everything.
func TestClosingDateAfterAStart(t *testing.T) {
	const date = payment.Date(20261121)
	d := presentment.NewDays([]payment.Date{date})
	if d.Enter(date) || !d.Closed(date) {
		t.Error("an operation entered a date that was being sealed before the start")
	}
	if err := d.Seal(t.Context(), date); err != nil {
		t.Error(err)
	}
}
