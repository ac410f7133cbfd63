package settlement

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"switchyard/internal/workday"
)

// Presented is what a record of a clearing file says of a merchant's money.
type Presented struct {
	Merchant     string
	MerchantName string
	FeePlan      string // "" for that of merchants without one
	Scheme       string // pan.Brand of the card
	Currency     string // ISO 4217 letters
	AmountMinor  int64
	Refund       bool // a refund or credit, else a purchase
	Reversal     bool // takes an earlier record back
	Second       bool // a second presentment: what was charged back is asked for again
}

// Debits tells whether the record debits the cardholder, which is to the merchant's favour.
func (p *Presented) Debits() bool { return p.Refund == p.Reversal }

// A Key names an account: what a merchant has in a currency.
type Key struct{ Merchant, Currency string }

// A Ledger computes business dates, one after the other: all that is presented on one, then Close. It is for one
// goroutine. After an error it is of no more use.
type Ledger struct {
	plan     *Plan
	accounts map[Key]*account
	tooMuch  bool // a sum did not fit
}

// An account is what a merchant has in a currency.
type account struct {
	Statement             // since Begin
	today     Sums        // of the date that is not closed
	gross     []planGross // of it, that a reserve is of
	waiting   []Item      // of it
	touched   bool        // since Begin
}

// planGross is the gross of a date under a fee plan.
type planGross struct {
	plan  *feePlan
	minor int64
}

// MaxAccounts bounds what a ledger holds: merchants times currencies.
const MaxAccounts = 1 << 20

var errTooMuch = errors.New("settlement: amounts add up to more than 64 bits hold")

// NewLedger begins without balances.
func NewLedger(plan *Plan) *Ledger { return &Ledger{plan: plan, accounts: map[Key]*account{}} }

// account finds or makes the account of a key.
func (l *Ledger) account(key Key) (*account, error) {
	a := l.accounts[key]
	if a != nil {
		return a, nil
	}
	if len(l.accounts) == MaxAccounts {
		return nil, fmt.Errorf("more than %d merchants and currencies", MaxAccounts)
	}
	a = &account{Statement: Statement{Merchant: key.Merchant, Currency: key.Currency}}
	l.accounts[key] = a
	return a, nil
}

// add adds up, and remembers where a sum did not fit.
func (l *Ledger) add(to *int64, n int64) {
	sum := *to + n
	if n > 0 && sum < *to || n < 0 && sum > *to {
		l.tooMuch = true
	}
	*to = sum
}

// Present takes what was presented on the date that Close will end. An error says which field is wrong.
func (l *Ledger) Present(p *Presented) error {
	if p.AmountMinor < 1 {
		return fmt.Errorf("amount_minor: %d: expected a positive amount", p.AmountMinor)
	}
	if err := isCurrency(p.Currency); err != nil {
		return fmt.Errorf("currency: %w", err)
	}
	plan, err := l.plan.of(p.FeePlan)
	if err != nil {
		return err
	}
	a, err := l.account(Key{p.Merchant, p.Currency})
	if err != nil {
		return err
	}
	a.MerchantName, a.touched = p.MerchantName, true
	if !slices.Contains(a.FeePlans, plan.Name) {
		a.FeePlans = append(a.FeePlans, plan.Name)
	}
	today := &a.today
	switch {
	case p.Second && p.Debits():
		today.Represented++
		l.add(&today.RepresentedMinor, p.AmountMinor)
		return nil
	case p.Second:
		today.Represented--
		l.add(&today.RepresentedMinor, -p.AmountMinor)
		return nil
	case p.Debits():
		today.Purchases++
		l.add(&today.GrossMinor, p.AmountMinor)
		l.reserveOf(a, plan, p.AmountMinor)
	default:
		today.Refunds++
		l.add(&today.RefundsMinor, p.AmountMinor)
	}
	acquirer, scheme, err := plan.fees(p)
	l.add(&today.FeeAcquirerMinor, acquirer)
	l.add(&today.FeeSchemeMinor, scheme)
	return err
}

// reserveOf notes the gross that a reserve is of.
func (l *Ledger) reserveOf(a *account, plan *feePlan, minor int64) {
	if plan.Reserve == nil {
		return
	}
	at := slices.IndexFunc(a.gross, func(g planGross) bool { return g.plan == plan })
	if at < 0 {
		at = len(a.gross)
		a.gross = append(a.gross, planGross{plan: plan})
	}
	l.add(&a.gross[at].minor, minor)
}

// Close ends a business date, which must be later than the one before: reserves are held back and released, what is
// above zero is paid, and the rest is carried forward.
func (l *Ledger) Close(d workday.Date) error {
	for _, a := range l.accounts {
		if err := l.close(a, d); err != nil {
			return fmt.Errorf("settlement: %s: %w", a.Currency, err)
		}
	}
	if l.tooMuch {
		return errTooMuch
	}
	return nil
}

func (l *Ledger) close(a *account, d workday.Date) error {
	sums := a.today
	for _, g := range a.gross {
		held := Tranche{Held: d, Release: d + workday.Date(g.plan.Reserve.Days), Minor: g.plan.Reserve.Percent.Of(g.minor)}
		if held.Minor > 0 {
			l.add(&sums.ReserveHeldMinor, held.Minor)
			a.Reserve = append(a.Reserve, held)
		}
	}
	a.Reserve = slices.DeleteFunc(a.Reserve, func(t Tranche) bool {
		due := t.Release <= d
		if due {
			l.add(&sums.ReserveReleasedMinor, t.Minor)
		}
		return due
	})
	for _, item := range a.waiting {
		item.Date = d
		a.Items = append(a.Items, item)
	}
	empty := sums == (Sums{}) && len(a.waiting) == 0
	a.today, a.gross, a.waiting = Sums{}, a.gross[:0], a.waiting[:0]
	if empty {
		return nil
	}
	a.touched = true
	l.settle(&sums)
	day := Day{Date: d, OpeningMinor: a.CarriedForwardMinor, Sums: sums}
	balance := day.OpeningMinor
	l.add(&balance, sums.NetMinor)
	if day.CarriedForwardMinor = balance; balance > 0 {
		payOn, err := l.plan.calendarOf(a.Currency).After(d, l.plan.payoutDays)
		if err != nil {
			return err
		}
		day.PayoutMinor, day.PayOn, day.CarriedForwardMinor = balance, &payOn, 0
	}
	a.CarriedForwardMinor = day.CarriedForwardMinor
	l.total(a, &day)
	return nil
}

// settle fills in what follows from the other sums: the fees of all kinds, and the net.
func (l *Ledger) settle(s *Sums) {
	for _, fee := range []int64{
		s.FeeAcquirerMinor, s.FeeSchemeMinor, s.FeeInterchangeMinor, s.FeeChargebackMinor, s.FeePassedMinor,
	} {
		l.add(&s.FeesMinor, fee)
	}
	for _, part := range []int64{
		s.GrossMinor, -s.RefundsMinor, -s.RejectedMinor, -s.ChargebacksMinor,
		s.RepresentedMinor, -s.FeesMinor, -s.ReserveHeldMinor,
		s.ReserveReleasedMinor,
	} {
		l.add(&s.NetMinor, part)
	}
}

// total adds a date to the statement.
func (l *Ledger) total(a *account, day *Day) {
	a.Days = append(a.Days, *day)
	l.add(&a.PaidMinor, day.PayoutMinor)
	l.add(&a.ReserveMinor, day.ReserveHeldMinor-day.ReserveReleasedMinor)
	l.addSums(&a.Totals, &day.Sums)
}

func (l *Ledger) addSums(to, of *Sums) {
	to.Purchases += of.Purchases
	to.Refunds += of.Refunds
	to.Rejected += of.Rejected
	to.Chargebacks += of.Chargebacks
	to.Represented += of.Represented
	amounts := of.amounts()
	for i, into := range to.amounts() {
		l.add(into, *amounts[i])
	}
}

// Begin begins the statements behind the date that was closed last: what stands in the accounts is their opening.
func (l *Ledger) Begin() {
	for _, a := range l.accounts {
		a.Statement = Statement{
			Merchant: a.Merchant, MerchantName: a.MerchantName, Currency: a.Currency,
			OpeningMinor: a.CarriedForwardMinor, CarriedForwardMinor: a.CarriedForwardMinor,
			ReserveOpeningMinor: a.ReserveMinor, ReserveMinor: a.ReserveMinor, Reserve: a.Reserve,
		}
		a.touched = a.OpeningMinor != 0 || a.ReserveMinor != 0
	}
}

// Statements are those of all accounts in which something happened or stands since Begin, by merchant and currency.
func (l *Ledger) Statements() []Statement {
	list := make([]Statement, 0, len(l.accounts))
	for _, a := range l.accounts {
		if !a.touched {
			continue
		}
		s := a.Statement
		slices.Sort(s.FeePlans)
		// Not null in JSON.
		s.FeePlans, s.Reserve = orEmpty(s.FeePlans), orEmpty(s.Reserve)
		s.Days, s.Items = orEmpty(s.Days), orEmpty(s.Items)
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}

func orEmpty[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}
