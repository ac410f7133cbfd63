package incoming

import (
	"context"
	"errors"
	"strconv"
	"time"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// place is the presentment that a record is about: operation op of a payment. why says that there is none.
type place struct {
	payment payment.ID
	op      int
	why     string
}

const (
	whyUnknown   = "no presentment of ours is found by its acquirer reference, or by RRN, authorization code and amount"
	whyAmbiguous = "several presentments of the payment have its RRN, authorization code and amount"
)

// find finds the presentments that records are about. The RRN leads to its payment without an index; what it does not
// find, since the record has another or that of a refund, is looked for where its acquirer reference or reject says.
func (a *applying) find(ctx context.Context, items []*item) ([]place, error) {
	places := make([]place, len(items))
	newest, err := a.o.Journal.NewestPayment(ctx)
	if err != nil {
		return nil, err
	}
	for i, it := range items {
		if !it.movesOne() {
			continue
		}
		if places[i], err = a.byRRN(ctx, it, newest); err == nil && places[i].why == whyUnknown && it.arn != "" {
			places[i], err = a.elsewhere(ctx, it)
		}
		if err != nil {
			return nil, err
		}
	}
	return places, nil
}

// reference names a presentment: a reversal has the ARN of what it takes back.
type reference struct {
	arn      string
	reversal bool
}

func (it *item) reference() reference { return reference{it.arn, it.reversal} }

func referenceOf(op *payment.Op) reference {
	return reference{op.ARN, op.Kind == payment.KindVoidPresentment}
}

// byRRN looks at the payments whose first request may have the record's RRN. What the record is booked on already is
// what it is about, whatever else there is by now that it could be.
func (a *applying) byRRN(ctx context.Context, it *item, newest uint64) (place, error) {
	found := place{why: whyUnknown}
	if !identity.IsRRN(it.rrn) {
		return found, nil
	}
	for id := range identity.PaymentsOf(it.rrn, newest) {
		p, err := a.o.Journal.Payment(ctx, id)
		if errors.Is(err, journal.ErrNotFound) {
			continue
		}
		if err != nil {
			return place{}, err
		}
		if target := p.ToldOf(a.source(it)); it.arn == "" && !it.second && target != payment.NoTarget {
			return place{payment: p.ID, op: target}, nil
		}
		if found.why == whyUnknown {
			found = it.among(p)
		}
		if found.why == "" && it.arn != "" {
			break // no other has its reference
		}
	}
	return found, nil
}

// among finds the record's presentment in a payment: by its ARN; without one by RRN, authorization code and amount.
func (it *item) among(p *payment.Payment) place {
	found := place{why: whyUnknown}
	for i := range p.Ops {
		op := &p.Ops[i]
		if !op.Kind.Row().Clears || op.Kind == payment.KindResubmit || op.Kind == payment.KindRepresent {
			continue // what is presented again, or a second time, has the name of the first
		}
		if it.arn != "" {
			if referenceOf(op) == it.reference() {
				return place{payment: p.ID, op: i}
			}
			continue
		}
		code, _ := presentment.Answered(p, i)
		amount := it.original
		if amount == 0 {
			amount = it.amount
		}
		if op.RRN != it.rrn || code != it.authCode || op.Clears() != amount || referenceOf(op).reversal != it.reversal {
			continue
		}
		if found.why == "" {
			return place{why: whyAmbiguous}
		}
		found = place{payment: p.ID, op: i}
	}
	return found
}

// original is the operation that an operation's presentment is of: what is presented again is its target's.
func original(p *payment.Payment, op int) int {
	if p.Ops[op].Kind == payment.KindResubmit {
		return p.Ops[op].Target
	}
	return op
}

// first is the operation that an operation's presentment is of, that of a second presentment, too.
func first(p *payment.Payment, op int) int {
	if of := p.SecondOf(op); of != payment.NoTarget {
		return of
	}
	return original(p, op)
}

// Where an acquirer reference has its date, YDDD.
const (
	arnDigits   = 23
	arnYear     = 7
	arnDay      = 8
	arnSequence = 11
)

// dateOf is the latest business date that an acquirer reference may be of, by what day it is; one ahead of its time may
// have begun.
func dateOf(arn string, today payment.Date) (payment.Date, bool) {
	if len(arn) != arnDigits {
		return 0, false
	}
	day, err := strconv.Atoi(arn[arnDay:arnSequence])
	digit := int(arn[arnYear]) - '0'
	if err != nil || day < 1 || day > 366 || digit < 0 || digit > 9 {
		return 0, false
	}
	const ahead = 7 // days
	latest := today.Time().AddDate(0, 0, ahead)
	for year := latest.Year(); ; year-- {
		at := time.Date(year, time.January, day, 0, 0, 0, 0, time.UTC)
		if year%10 == digit && !at.After(latest) {
			return payment.DateOf(at), at.Year() == year
		}
	}
}
