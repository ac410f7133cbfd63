package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"switchyard/issuer-sim/message"
)

// Cleared is what the rules for clearing files go by in a presentment.
type Cleared struct {
	Card     message.Digits
	Merchant [15]byte
	Currency uint16
	Amount   int64 // minor units
	Category string
	ARN      message.ARN
	File     string // its id
	Second   bool   // a second presentment
	// Reference is DE95 of a second presentment; 0 if it has none.
	Reference uint64
}

// ClearingOrder is what they say of it.
type ClearingOrder struct {
	Reject     string // a code of PDS0005, four digits; empty: it is not rejected
	Element    string // that PDS0005 names, as D0026
	ChargeBack bool
	Reason     uint16 // DE25
	Percent    int    // of the amount
	Parts      int    // into which it goes, each charged back by itself
}

// clearingRule is one of them.
type clearingRule struct {
	rule       // what it asks for
	categories []string
	second     *bool // second presentments alone, or first ones alone
	order      ClearingOrder
}

// JudgeClearing holds the rules for clearing files against a presentment. Of those that fit, the first that rejects
// rejects, and the first that charges back does that. A draw to reject is of the file, too, so that a record which
// comes again in another file draws anew; one to charge back is of the acquirer reference, and of a second presentment
// of the chargeback that it answers.
func (rs *Rules) JudgeClearing(c *Cleared, seed uint64) (order ClearingOrder) {
	if rs == nil || len(rs.clearing) == 0 {
		return order
	}
	h := hashBytes(message.Mix(seed), c.ARN[:])
	for n := range rs.clearing {
		one := &rs.clearing[n]
		rejects := one.order.Reject != ""
		if rejects && order.Reject != "" || !rejects && order.ChargeBack || !one.fitsCleared(c) {
			continue
		}
		draw := message.Mix(h ^ message.Mix(uint64(n)+1))
		switch {
		case rejects:
			draw = hashBytes(draw, []byte(c.File))
		case c.Reference != 0:
			draw = message.Mix(draw ^ c.Reference)
		}
		switch {
		case one.probability < 1 && unit(draw) >= one.probability:
		case rejects:
			order.Reject, order.Element = one.order.Reject, one.order.Element
		default:
			order.ChargeBack, order.Reason = true, one.order.Reason
			order.Percent, order.Parts = one.order.Percent, one.order.Parts
		}
	}
	return order
}

func hashBytes(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = message.Mix(h ^ uint64(c))
	}
	return h
}

func (r *clearingRule) fitsCleared(c *Cleared) bool {
	if r.second != nil && *r.second != c.Second {
		return false
	}
	if len(r.categories) > 0 && !slices.Contains(r.categories, c.Category) {
		return false
	}
	return r.concerns(&message.Request{Card: c.Card, Merchant: c.Merchant, Currency: c.Currency, Amount: c.Amount})
}

type clearingShape struct {
	Name        string           `yaml:"name"`
	When        clearedShape     `yaml:"when"`
	Probability *float64         `yaml:"probability"`
	Reject      *rejectShape     `yaml:"reject"`
	ChargeBack  *chargeBackShape `yaml:"chargeback"`
}

type clearedShape struct {
	BIN      []string     `yaml:"bin"`
	PAN      []string     `yaml:"pan"`
	Merchant []string     `yaml:"merchant"`
	Category []string     `yaml:"category"`
	Currency []string     `yaml:"currency"`
	Amount   *amountShape `yaml:"amount"`
	Second   *bool        `yaml:"second"`
}

type rejectShape struct {
	Element int    `yaml:"element"`
	Code    string `yaml:"code"`
}

type chargeBackShape struct {
	Reason  string `yaml:"reason"`
	Percent *int   `yaml:"percent"`
	Parts   *int   `yaml:"parts"`
}

// maxParts bounds the parts in which a rule charges back.
const maxParts = 20

// maxElement is the last data element.
const maxElement = 128

func (f *clearingShape) compile() (clearingRule, error) {
	r := clearingRule{
		rule: rule{name: f.Name, probability: 1, to: math.MaxInt64}, categories: f.When.Category, second: f.When.Second,
	}
	asks := whenShape{
		BIN: f.When.BIN, PAN: f.When.PAN, Merchant: f.When.Merchant, Currency: f.When.Currency, Amount: f.When.Amount,
	}
	if err := asks.compile(&r.rule); err != nil {
		return r, fmt.Errorf("when: %w", err)
	}
	for _, category := range f.When.Category {
		if len(category) != 4 || !isDigits(category) {
			return r, fmt.Errorf("when: category %q: want four digits, in quotes", category)
		}
	}
	if f.Probability != nil {
		if r.probability = *f.Probability; !(r.probability >= 0 && r.probability <= 1) {
			return r, errors.New("probability: want 0 to 1")
		}
	}
	switch {
	case (f.Reject == nil) == (f.ChargeBack == nil):
		return r, errors.New("want a reject or a chargeback")
	case f.Reject != nil:
		r.order = ClearingOrder{Reject: f.Reject.Code, Element: fmt.Sprintf("D%04d", f.Reject.Element)}
		if len(f.Reject.Code) != 4 || !isDigits(f.Reject.Code) || f.Reject.Element < 0 || f.Reject.Element > maxElement {
			return r, fmt.Errorf("reject: want a code of four digits, in quotes, and an element up to %d", maxElement)
		}
		return r, nil
	}
	if r.second == nil { // one of first presentments, if it does not say
		r.second = new(bool)
	}
	return r, f.ChargeBack.compile(&r.order, *r.second)
}

func (f *chargeBackShape) compile(order *ClearingOrder, second bool) error {
	reason, ok := message.ParseNumber([]byte(f.Reason))
	if !ok || len(f.Reason) != 4 {
		return errors.New("chargeback, reason: want four digits, in quotes")
	}
	*order = ClearingOrder{ChargeBack: true, Reason: uint16(reason), Percent: 100, Parts: 1}
	if f.Percent != nil {
		if order.Percent = *f.Percent; order.Percent < 1 || order.Percent > 100 {
			return errors.New("chargeback, percent: want 1 to 100")
		}
	}
	if f.Parts == nil {
		return nil
	}
	order.Parts = *f.Parts
	switch {
	case order.Parts < 1 || order.Parts > maxParts:
		return fmt.Errorf("chargeback, parts: want 1 to %d", maxParts)
	case second && order.Parts > 1:
		return errors.New("chargeback, parts: want 1 of second presentments")
	}
	return nil
}

func isDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
