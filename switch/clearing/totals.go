package clearing

import (
	"cmp"
	"slices"
)

// Totals is what a file adds up to. Debits and credits are the cardholder's: see Presentment.Debits.
type Totals struct {
	Messages     int              `json:"messages"`     // PDS0306: header and trailer counted in
	Presentments int              `json:"presentments"` // the 1240s
	SumMinor     int64            `json:"sum_minor"`    // PDS0301: plain sum of DE4, whatever the currency
	Currencies   []CurrencyTotals `json:"currencies"`   // of the 1240s, by Currency ascending
}

// CurrencyTotals are the sums of one currency's presentments, in its minor units.
type CurrencyTotals struct {
	Currency    string `json:"currency"` // ISO 4217 letters, or the digits of DE49 if those name none
	DebitCount  int    `json:"debit_count"`
	DebitMinor  int64  `json:"debit_minor"`
	CreditCount int    `json:"credit_count"`
	CreditMinor int64  `json:"credit_minor"`
}

// What PDS0301 and PDS0306 hold.
const (
	sumDigits   = 16
	maxSumMinor = 9_999_999_999_999_999
	maxMessages = 99_999_999
)

// What one file holds. Whoever has more for a destination makes several.
const (
	MaxPresentments = maxMessages - 2    // header and trailer are messages, too
	MaxSumMinor     = maxSumMinor        // of DE4 over all presentments
	MaxSummaryRows  = maxSummaryRows - 1 // merchants times currencies: with the header row what a spreadsheet takes
	MaxFileSequence = maxFileSequence    // of the files of a date
	MaxNodeSequence = 999                // of the files of a node and date, where nodes share a processor id
)

// A Tally adds up totals by currency. There are at most 1,000 entries: DE49 has three digits.
type Tally map[string]*CurrencyTotals

// Add counts an amount, which debits or credits the cardholder.
func (t Tally) Add(currency string, debit bool, amountMinor int64) {
	c := t[currency]
	if c == nil {
		c = &CurrencyTotals{Currency: currency}
		t[currency] = c
	}
	c.Add(debit, amountMinor)
}

// Add counts an amount of the currency.
func (c *CurrencyTotals) Add(debit bool, amountMinor int64) {
	if debit {
		c.DebitCount++
		c.DebitMinor += amountMinor
	} else {
		c.CreditCount++
		c.CreditMinor += amountMinor
	}
}

// Sorted are the totals by currency.
func (t Tally) Sorted() []CurrencyTotals {
	out := make([]CurrencyTotals, 0, len(t))
	for _, c := range t {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b CurrencyTotals) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}
