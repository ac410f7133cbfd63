package clearing

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// A SummaryRow is what one merchant has in one currency and file, in minor units. Its gross and refunds are the
// merchant's share of the file's debits and credits, so that the rows of a currency add up to the IPM file's totals.
type SummaryRow struct {
	Merchant     string
	MerchantName string // as the first presentment has it, and so the fee plan
	FeePlan      string
	Currency     string
	Purchases    int   // records that debit the cardholder
	GrossMinor   int64 // their sum
	Refunds      int   // records that credit the cardholder: refunds, and purchases taken back
	RefundsMinor int64
	Reversals    int // how many of both take an earlier record back
}

// NetMinor is gross less refunds. It may be negative.
func (r *SummaryRow) NetMinor() int64 { return r.GrossMinor - r.RefundsMinor }

// CarriedForward reports whether the merchant is not paid out of this file, because there is nothing to pay: a net of
// zero or less is carried into the next.
func (r *SummaryRow) CarriedForward() bool { return r.NetMinor() <= 0 }

var summaryColumns = []string{
	"merchant", "merchant_name", "fee_plan", "currency", "purchases", "gross_minor", "refunds", "refunds_minor",
	"reversals", "net_minor", "carried_forward",
}

// maxSummaryRows bounds what a Summary holds: merchants times currencies.
const maxSummaryRows = 1 << 20

// A Summary adds up presentments by merchant and currency. It is for one goroutine.
type Summary struct {
	rows map[summaryKey]*SummaryRow
}

type summaryKey struct{ merchant, currency string }

// NewSummary returns an empty summary.
func NewSummary() *Summary { return &Summary{rows: map[summaryKey]*SummaryRow{}} }

// Add counts a presentment that Writer.Write took. It fails if there are more than a million merchants and currencies,
// or if a sum exceeds 16 digits, which no file's can.
func (s *Summary) Add(p *Presentment) error {
	key := summaryKey{p.Merchant, p.Currency}
	row := s.rows[key]
	if row == nil {
		if len(s.rows) == maxSummaryRows {
			return fmt.Errorf("clearing: the summary has %d rows already, no more are taken", maxSummaryRows)
		}
		row = &SummaryRow{Merchant: p.Merchant, MerchantName: p.MerchantName, FeePlan: p.FeePlan, Currency: p.Currency}
		s.rows[key] = row
	}
	count, sum := &row.Refunds, &row.RefundsMinor
	if p.Debits() {
		count, sum = &row.Purchases, &row.GrossMinor
	}
	if p.AmountMinor > maxSumMinor-*sum {
		return errors.New("clearing: a merchant's amounts would exceed 16 digits")
	}
	*count++
	*sum += p.AmountMinor
	if !p.ReversalOf.IsZero() {
		row.Reversals++
	}
	return nil
}

// Rows returns the rows by merchant and currency, ascending.
func (s *Summary) Rows() []SummaryRow {
	rows := make([]SummaryRow, 0, len(s.rows))
	for _, row := range s.rows {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b SummaryRow) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Currency, b.Currency))
	})
	return rows
}

// WriteCSV writes the summary file: RFC 4180, the header row always, a row a merchant and currency.
func (s *Summary) WriteCSV(w io.Writer) error {
	c := newCSV(w)
	if err := c.Write(summaryColumns); err != nil {
		return fmt.Errorf("clearing: %w", err)
	}
	for _, row := range s.Rows() {
		err := c.Write([]string{
			row.Merchant, row.MerchantName, row.FeePlan, row.Currency,
			strconv.Itoa(row.Purchases), strconv.FormatInt(row.GrossMinor, 10),
			strconv.Itoa(row.Refunds), strconv.FormatInt(row.RefundsMinor, 10), strconv.Itoa(row.Reversals),
			strconv.FormatInt(row.NetMinor(), 10), strconv.FormatBool(row.CarriedForward()),
		})
		if err != nil {
			return fmt.Errorf("clearing: %w", err)
		}
	}
	return flushCSV(c)
}
