// Package presentment is what flow and cutover have in common of an operation that clears: the name of its presentment
// in the journal, the snapshot that stands with it, and which business dates may still be changed.
//
// It guarantees that what a record takes from the configuration is fixed when the operation is accepted (I8), and by
// [Days] that no date is sealed while an operation that changes it has no outcome. It knows neither how a presentment
// comes about, which is package flow's, nor files and records, which are package cutover's.
package presentment

import (
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// RefOf names the presentment of operation i in the clearing of a date.
func RefOf(p *payment.Payment, i int, date payment.Date) journal.PresentmentRef {
	return journal.PresentmentRef{Date: date, Destination: p.Route, Payment: p.ID, Op: i}
}

// Of is the presentment of operation i, a capture, sale or refund, on its own date, with what its record takes from the
// merchant's profile and from the payment as they are at a moment.
func Of(p *payment.Payment, i int, now time.Time, profile *merchant.Profile) journal.Presentment {
	s := SnapshotOf(p, i, now, profile)
	return journal.Presentment{PresentmentRef: RefOf(p, i, p.Ops[i].Date), Data: s.Encode()}
}
