package book_test

import (
	"testing"
	"time"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// The total of a month and day is that of its last year: one of the year before is begun anew, and not told. A reversal
// that comes late is of the year before still.
func TestTotalsOfTwoYears(t *testing.T) {
	books := book.New(1, book.Limits{Cards: 32, Authorizations: 1024, Messages: 1024}, new(rules.Current))
	first := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	acquirer, _ := message.ParseDigits([]byte("400001"))
	key := book.TotalKey{Acquirer: acquirer, Currency: 978, Date: 1126}
	process := func(mti, rrn string, stan uint64, original string, at time.Time) {
		t.Helper()
		var m spec.Message
		m.SetMTI(mti)
		m.Set(2, "4111111111111111")
		m.Set(3, "000000")
		m.SetUint(4, 1000, 12)
		m.Set(7, "1126120000")
		m.SetUint(11, stan, 6)
		m.Set(15, "1126")
		m.Set(32, "400001")
		m.Set(37, rrn)
		m.Set(41, "T1")
		m.Set(42, "M1")
		m.Set(49, "978")
		if original != "" {
			m.Set(90, original)
		}
		var (
			r   message.Request
			out book.Outcome
		)
		if err := r.Parse(&m); err != nil {
			t.Fatal(err)
		}
		if books.Process(&r, &out, at); out.Code.Text() != "00" {
			t.Fatalf("%s %s: %s, want 00", mti, rrn, out.Code.Text())
		}
	}
	want := func(when string, at time.Time, debits, reversed int64) {
		t.Helper()
		total := books.Total(key, at)
		if total.Debits.Number != debits || total.DebitReversals.Number != reversed {
			t.Errorf("%s: %+v, want %d debits, %d of them reversed", when, total, debits, reversed)
		}
	}
	process("0200", "R00000000001", 1, "", first)
	process("0200", "R00000000002", 2, "", first)
	want("on the date", first, 2, 0)
	late := first.AddDate(0, 6, 0)
	process("0420", "R00000000001", 3, "0200000001112612000000000400001"+"00000000000", late)
	want("half a year later", late, 2, 1)
	next := first.AddDate(1, 0, 0)
	want("before anything came in the next year", next, 0, 0)
	process("0200", "R00000000003", 4, "", next)
	want("in the next year", next, 1, 0)
}
