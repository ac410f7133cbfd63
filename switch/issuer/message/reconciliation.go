package message

import (
	"fmt"
	"time"

	"switchyard/internal/money"
	"switchyard/spec"
	"switchyard/switch/payment"
)

// Sum is how many messages there were, and what they came to.
type Sum struct {
	Number      int64 `json:"number"`
	AmountMinor int64 `json:"amount_minor"`
}

// Totals are what the messages of one business date, acquirer and currency came to, as an 0500 has them.
type Totals struct {
	Debits          Sum `json:"debits"`           // DE76, 88: sales and captures
	DebitReversals  Sum `json:"debit_reversals"`  // DE77, 89: what was taken back of them
	Credits         Sum `json:"credits"`          // DE74, 86: refunds and credits
	CreditReversals Sum `json:"credit_reversals"` // DE75, 87
}

// Net is DE97, what the acquirer is owed.
func (t *Totals) Net() int64 {
	return t.Debits.AmountMinor - t.DebitReversals.AmountMinor - t.Credits.AmountMinor + t.CreditReversals.AmountMinor
}

// figures are the elements of the totals, with how many digits each has.
func (t *Totals) figures() [8]figure {
	const digitsOfNumber, digitsOfAmount = 10, 16
	return [...]figure{
		{74, digitsOfNumber, &t.Credits.Number}, {75, digitsOfNumber, &t.CreditReversals.Number},
		{76, digitsOfNumber, &t.Debits.Number}, {77, digitsOfNumber, &t.DebitReversals.Number},
		{86, digitsOfAmount, &t.Credits.AmountMinor}, {87, digitsOfAmount, &t.CreditReversals.AmountMinor},
		{88, digitsOfAmount, &t.Debits.AmountMinor}, {89, digitsOfAmount, &t.DebitReversals.AmountMinor},
	}
}

type figure struct {
	de, width int
	value     *int64
}

const (
	deNet       = 97
	digitsOfNet = 16
)

// Reconciliation is what an 0500 is about, and says of it.
type Reconciliation struct {
	Date     payment.Date
	Acquirer string // DE32
	Currency string // ISO 4217 letters
	Totals   Totals
}

// Build writes the 0500 that is sent at a moment into m, but for its identity: DE7 and DE11.
func (r *Reconciliation) Build(m *spec.Message, at time.Time) error {
	currency, ok := money.Lookup(r.Currency)
	if !ok {
		return fmt.Errorf("currency %s of a reconciliation is not known", r.Currency)
	}
	m.Reset()
	m.SetMTI("0500")
	var clock [10]byte
	sent := at.UTC().AppendFormat(clock[:0], "0102150405")
	m.SetBytes(12, sent[4:])
	m.SetBytes(13, sent[:4])
	m.SetUint(15, uint64(r.Date)%10000, 4)
	m.Set(32, r.Acquirer)
	m.Set(50, currency.Numeric)
	for _, f := range r.Totals.figures() {
		m.SetUint(f.de, uint64(*f.value), f.width)
	}
	sign, net := "C", r.Totals.Net()
	if net < 0 {
		sign, net = "D", -net
	}
	m.Set(deNet, fmt.Sprintf("%s%0*d", sign, digitsOfNet, net))
	return nil
}

// TotalsOf reads the totals that an 0510 brings; false where it lacks one of them: a host need not tell its own.
func TotalsOf(m *spec.Message) (t Totals, ok bool) {
	for _, f := range t.figures() {
		n, there := m.Uint(f.de)
		if !there {
			return Totals{}, false
		}
		*f.value = int64(n)
	}
	return t, true
}

// Reconciliations are an 0500 and its answer with all that they may carry, to try a dialect with.
func Reconciliations() []*spec.Message {
	const most = 9_999_999_999
	r := Reconciliation{
		Date: samples[0].date, Acquirer: samples[0].acquirer, Currency: samples[0].currency,
		Totals: Totals{Debits: Sum{most, most}, DebitReversals: Sum{Number: 1}, Credits: Sum{Number: 1}},
	}
	request, answer := new(spec.Message), new(spec.Message)
	if err := r.Build(request, samples[0].at); err != nil {
		panic(err) // the samples are wrong, not the host
	}
	request.Set(7, samples[0].de7)
	request.SetUint(11, uint64(samples[0].stan), 6)
	answer.CopyFrom(request)
	answer.SetMTI("0510")
	answer.Set(39, "00")
	answer.Set(66, "2")
	return []*spec.Message{request, answer}
}
