package settlement

import (
	"errors"
	"fmt"

	"switchyard/internal/workday"
)

// An Item is a record of a clearing system's file that stands in a statement.
type Item struct {
	Date        workday.Date `json:"business_date"` // with which it is settled
	Kind        ItemKind     `json:"kind"`
	AmountMinor int64        `json:"amount_minor"` // what it adds to the net; what it takes from it is negative
	FeeMinor    int64        `json:"fee_minor"`    // charged for it; what is given back is negative
	ARN         string       `json:"acquirer_reference"`
	Reason      string       `json:"reason,omitempty"` // DE25
	File        string       `json:"file"`             // PDS0105
	Record      int          `json:"record"`
	// IssuerReference is DE95, by which chargebacks of parts of one presentment are told apart.
	IssuerReference string `json:"issuer_reference,omitempty"`
}

// ItemKind says what an item is.
type ItemKind string

// The kinds of items. What a record of a kind does is turned round where it takes an earlier one back.
const (
	Chargeback  ItemKind = "chargeback"  // 1442: the amount goes back to the cardholder
	Represented ItemKind = "represented" // 1240/205, 282: it comes again
	SchemeFee   ItemKind = "scheme_fee"  // 1740/700: collected, or paid
	Rejected    ItemKind = "rejected"    // behind 1644/691: what was presented was not taken, and counts no more
	Returned    ItemKind = "returned"    // 1240/200 as the clearing system gives it back: brings interchange alone
)

// A Receipt is what a record of a clearing system's file says of a merchant's money. Its item has neither date nor fee.
type Receipt struct {
	Key
	FeePlan string // of what was presented
	Item
	Presented *Presented // of what was rejected: the record as it was presented
	// InterchangeMinor is what the record charges of interchange (PDS0146); what it gives back is negative.
	InterchangeMinor int64
}

// Receive takes what came on the date that Close will end. Interchange is charged to merchants whose plan says so; of
// others it is kept, which means that the acquirer bears it.
func (l *Ledger) Receive(r *Receipt) (keptMinor int64, err error) {
	plan, err := l.plan.of(r.FeePlan)
	if err != nil {
		return 0, err
	}
	a := l.accounts[r.Key]
	if a == nil {
		return 0, errors.New("settlement: nothing was presented for this merchant in this currency")
	}
	today, item := &a.today, r.Item
	sign := 1
	switch r.Kind {
	case Chargeback:
		if item.FeeMinor, err = plan.fixed("chargeback_minor", plan.Chargeback, r.Currency); err != nil {
			return 0, err
		}
		if r.AmountMinor > 0 { // taken back
			sign, item.FeeMinor = -1, -item.FeeMinor
		}
		today.Chargebacks += sign
		l.add(&today.ChargebacksMinor, -r.AmountMinor)
		l.add(&today.FeeChargebackMinor, item.FeeMinor)
	case Represented:
		if r.AmountMinor < 0 {
			sign = -1
		}
		today.Represented += sign
		l.add(&today.RepresentedMinor, r.AmountMinor)
	case Rejected:
		if item.FeeMinor, err = l.reject(today, plan, r); err != nil {
			return 0, err
		}
	case SchemeFee:
		l.add(&today.FeePassedMinor, -r.AmountMinor)
	case Returned:
	default:
		return 0, fmt.Errorf("settlement: item of kind %q", r.Kind)
	}
	if r.Kind != Returned {
		a.waiting = append(a.waiting, item)
	}
	if !plan.Interchange {
		return r.InterchangeMinor, nil
	}
	l.add(&today.FeeInterchangeMinor, r.InterchangeMinor)
	return 0, nil
}

// reject takes a record back with its fees; what is held back of it stays until its day.
func (l *Ledger) reject(today *Sums, plan *feePlan, r *Receipt) (feeMinor int64, err error) {
	today.Rejected++
	l.add(&today.RejectedMinor, -r.AmountMinor)
	if r.Presented.Second { // it cost nothing
		return 0, nil
	}
	acquirer, scheme, err := plan.fees(r.Presented)
	l.add(&today.FeeAcquirerMinor, -acquirer)
	l.add(&today.FeeSchemeMinor, -scheme)
	return -acquirer - scheme, err
}

// Moved is what records of clearing systems move of merchants' money, in minor units of a currency: sums of what they
// say, before anybody asks whose it is.
type Moved struct {
	RejectedMinor    int64 `json:"rejected_minor"`    // debits less credits
	ChargebacksMinor int64 `json:"chargebacks_minor"` // less those taken back
	RepresentedMinor int64 `json:"represented_minor"` // that stand in no file of ours
	PassedMinor      int64 `json:"passed_minor"`      // fees collected, less those paid
	InterchangeMinor int64 `json:"interchange_minor"` // charged, less what is given back
}

// amounts are all of it.
func (m *Moved) amounts() []*int64 {
	return []*int64{
		&m.RejectedMinor, &m.ChargebacksMinor, &m.RepresentedMinor, &m.PassedMinor, &m.InterchangeMinor,
	}
}

// A Received is what came of a currency from clearing systems in the period, and where it went.
type Received struct {
	Currency string `json:"currency"`
	Files    Moved  `json:"files"`    // all that the files say
	Excepted Moved  `json:"excepted"` // of it, what is an exception and counts to nobody
	// KeptInterchangeMinor is interchange that the acquirer bears.
	KeptInterchangeMinor int64 `json:"kept_interchange_minor"`
	// PresentedAgainMinor is what our files present that stands in an earlier one, or that they present a second time
	// though nothing is known to be charged back, and is not counted, debits less credits, less what of an earlier period
	// is counted now.
	PresentedAgainMinor int64 `json:"presented_again_minor"`
	// CountedTwiceMinor is what is counted by more than one file of ours, but for the first: nothing, unless the program
	// is wrong.
	CountedTwiceMinor int64 `json:"counted_twice_minor"`
}

// AddAgain adds to what is presented again and not counted.
func (r *Received) AddAgain(minor int64) error {
	adder := Ledger{}
	if adder.add(&r.PresentedAgainMinor, minor); adder.tooMuch {
		return errTooMuch
	}
	return nil
}

// AddTwice adds to what is counted by more than one file of ours.
func (r *Received) AddTwice(minor int64) error {
	adder := Ledger{}
	if adder.add(&r.CountedTwiceMinor, minor); adder.tooMuch {
		return errTooMuch
	}
	return nil
}

// Add adds what a record says, which may be an exception, and what of its interchange is kept.
func (r *Received) Add(moved Moved, excepted bool, keptMinor int64) error {
	adder := Ledger{}
	into := []*Moved{&r.Files}
	if excepted {
		into = append(into, &r.Excepted)
	}
	for _, m := range into {
		for i, amount := range moved.amounts() {
			adder.add(m.amounts()[i], *amount)
		}
	}
	adder.add(&r.KeptInterchangeMinor, keptMinor)
	if adder.tooMuch {
		return errTooMuch
	}
	return nil
}
