package clearing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// An Order is what somebody tells the clearing system to send at the end of the window.
type Order struct {
	ARN      string `json:"arn"`
	Amount   int64  `json:"amount"`   // minor units; of a chargeback 0 for all that is left
	Reason   string `json:"reason"`   // DE25, four digits
	Member   string `json:"member"`   // of a fee
	Currency string `json:"currency"` // of a fee, letters
	Pays     bool   `json:"pays"`     // of a fee: the member is paid
	Second   bool   `json:"second"`   // of a chargeback: it is of a second presentment
	// Reference is DE95 of the chargeback that a second presentment has answered; empty for the first that was answered
	// and is not charged back again.
	Reference string `json:"reference"`
}

// Ordered is what will be sent.
type Ordered struct {
	Kind     string `json:"kind"`
	ARN      string `json:"arn,omitempty"`
	Member   string `json:"member"`
	Amount   int64  `json:"amount,omitempty"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	Source   string `json:"source_file,omitempty"` // of the presentment
	Second   bool   `json:"second,omitempty"`
	// Reference is DE95, which the messages of the dispute have: a chargeback, its answer, a second chargeback.
	Reference string `json:"reference,omitempty"`
}

// ErrOrder is an order that cannot be read.
var ErrOrder = errors.New("the order cannot be carried out")

func orderError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOrder, fmt.Sprintf(format, args...))
}

var kindNames = map[book.ItemKind]string{
	book.ItemChargeback: "chargeback", book.ItemRetrieval: "retrieval_request", book.ItemFee: "fee",
}

func ordered(i *book.Item) Ordered {
	o := Ordered{
		Kind: kindNames[i.Kind], ARN: i.ARN.Text(), Member: i.To.Member, Amount: i.Amount,
		Reason: fmt.Sprintf("%04d", i.Reason), Source: i.Source, Second: i.Second,
		Reference: book.ReferenceText(i.Reference),
	}
	if c, ok := message.CurrencyOf(i.Currency); ok {
		o.Currency = c.Alpha
	}
	return o
}

func (o *Order) reason() (uint16, error) {
	if len(o.Reason) != 4 || !allDigits(o.Reason) {
		return 0, orderError("reason: expected four digits, as in DE25")
	}
	n, _ := message.ParseNumber([]byte(o.Reason))
	return uint16(n), nil
}

// of finds the presentment that an order is about.
func (d *Desk) of(o *Order) (item book.Item, reason uint16, err error) {
	if reason, err = o.reason(); err != nil {
		return item, 0, err
	}
	arn, err := parseARN(o.ARN)
	if err != nil {
		return item, 0, orderError("%v", err)
	}
	item, err = d.books.Lookup(arn)
	return item, reason, err
}

// ChargeBack credits a cardholder what a presentment debited, or what a second one debited again, or a part of it, and
// tells the member at the end of the window.
func (d *Desk) ChargeBack(o *Order) (Ordered, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of, reason, err := d.of(o)
	if err != nil {
		return Ordered{}, err
	}
	c := book.ChargeBack{Card: of.Card, ARN: of.ARN, Reason: reason, Second: o.Second}
	if o.Reference != "" {
		var ok bool
		if c.Reference, ok = book.ParseReference(o.Reference); !ok || !o.Second {
			return Ordered{}, orderError("reference: expected the ten digits of a chargeback's DE95, with second")
		}
	}
	most, err := d.books.Chargeable(c)
	switch {
	case err != nil:
		return Ordered{}, err
	case o.Amount == 0:
		c.Amount = most
	case o.Amount < 0 || o.Amount > most:
		return Ordered{}, fmt.Errorf("%w: %d of %d", book.ErrTooMuch, o.Amount, most)
	default:
		c.Amount = o.Amount
	}
	var ok bool
	if c.Terms, ok = d.money.of(c.Card, of.Currency, c.Amount, c.Amount < of.Original); !ok {
		return Ordered{}, orderError("the amount has more than twelve digits in what is settled in")
	}
	item, err := d.books.ChargeBack(c)
	if err != nil {
		return Ordered{}, err
	}
	return ordered(&item), d.books.Flush()
}

// Retrieve asks the member for the papers of a presentment at the end of the window.
func (d *Desk) Retrieve(o *Order) (Ordered, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of, reason, err := d.of(o)
	if err != nil {
		return Ordered{}, err
	}
	item, err := d.books.Retrieve(of.Card, of.ARN, reason)
	if err != nil {
		return Ordered{}, err
	}
	return ordered(&item), d.books.Flush()
}

// Charge collects a fee from a member, or pays it one, at the end of the window.
func (d *Desk) Charge(o *Order) (Ordered, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := book.Fee{Amount: o.Amount, Pays: o.Pays}
	var err error
	if f.Reason, err = o.reason(); err != nil {
		return Ordered{}, err
	}
	if o.Member == "" || len(o.Member) > processorDigits || !allDigits(o.Member) {
		return Ordered{}, orderError("member: expected a processor id of 1 to %d digits", processorDigits)
	}
	f.Member = padded(o.Member)
	if f.Currency, err = currencyNumber(o.Currency); err != nil {
		return Ordered{}, orderError("currency: %v", err)
	}
	if f.Amount < 1 || f.Amount > maxAmount {
		return Ordered{}, orderError("amount: expected 1 to %d minor units", int64(maxAmount))
	}
	if o.ARN != "" {
		if f.ARN, err = parseARN(o.ARN); err != nil {
			return Ordered{}, orderError("%v", err)
		}
	}
	var ok bool
	if f.Terms, ok = d.money.converted(f.Currency, f.Amount); !ok {
		return Ordered{}, orderError("the amount has more than twelve digits in what is settled in")
	}
	item, err := d.books.Charge(&f)
	if err != nil {
		return Ordered{}, err
	}
	return ordered(&item), d.books.Flush()
}

// Status is what waits for the end of the window: the answer to GET /v1/clearing.
type Status struct {
	Taken     int              `json:"taken"`   // files, ever
	Waiting   int              `json:"waiting"` // chargebacks, requests and fees
	Positions []StatusPosition `json:"positions"`
	Ends      *time.Time       `json:"ends,omitempty"` // by the clock
}

// StatusPosition is what the window has come to so far, for a member, a mode and a currency; minor units.
type StatusPosition struct {
	Member   string `json:"member"`
	Mode     string `json:"mode"` // PDS0122, P or T
	Currency string `json:"currency"`
	Debits   int64  `json:"debits"`  // of cardholders
	Credits  int64  `json:"credits"` // of cardholders: refunds and chargebacks
	Fees     int64  `json:"fees"`    // that the member owes
	Owed     int64  `json:"owed"`    // to the member, after fees
}

// Status tells what waits for the end of the window.
func (d *Desk) Status() Status {
	w := d.books.Window(d.o.Now().UTC().Format(fileIDDateLayout))
	s := Status{Taken: d.books.FilesTaken(), Waiting: len(w.Items), Positions: []StatusPosition{}}
	if len(d.schedule) > 0 {
		ends := d.schedule.after(d.o.Now())
		s.Ends = &ends
	}
	for key, p := range w.Positions {
		one := StatusPosition{
			Member: key.Member, Mode: key.Mode, Debits: p.Debits.AmountMinor, Credits: p.Credits.AmountMinor, Fees: p.Fees,
			Owed: p.Net() - p.Fees,
		}
		if c, ok := message.CurrencyOf(key.Currency); ok {
			one.Currency = c.Alpha
		}
		s.Positions = append(s.Positions, one)
	}
	slices.SortFunc(s.Positions, func(a, b StatusPosition) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Currency, b.Currency))
	})
	return s
}
