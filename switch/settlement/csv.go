package settlement

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// csvColumns are those of a row, in the order of csvRow.
var csvColumns = []string{
	"merchant", "merchant_name", "currency", "business_date", "opening_minor", "purchases", "gross_minor", "refunds",
	"refunds_minor", "rejected", "rejected_minor",
	"chargebacks", "chargebacks_minor", "represented", "represented_minor", "fee_acquirer_minor",
	"fee_scheme_minor", "fee_interchange_minor", "fee_chargeback_minor", "fee_passed_minor", "fees_minor",
	"reserve_held_minor", "reserve_released_minor", "net_minor", "payout_minor", "pay_on", "carried_forward_minor",
}

// WriteCSV writes the statements: RFC 4180, the header row always, a row a merchant, currency and business date. A
// merchant with whom nothing happened has a row of the period's last date.
func (r *Run) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(csvColumns); err != nil {
		return err
	}
	for i := range r.Statements {
		s := &r.Statements[i]
		days := s.Days
		if len(days) == 0 {
			days = []Day{{Date: r.To, OpeningMinor: s.OpeningMinor, CarriedForwardMinor: s.CarriedForwardMinor}}
		}
		for j := range days {
			if err := c.Write(s.csvRow(&days[j])); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

func (s *Statement) csvRow(d *Day) []string {
	payOn := ""
	if d.PayOn != nil {
		payOn = d.PayOn.String()
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{
		cell(s.Merchant), cell(s.MerchantName), s.Currency, d.Date.String(), number(d.OpeningMinor),
		strconv.Itoa(d.Purchases), number(d.GrossMinor), strconv.Itoa(d.Refunds), number(d.RefundsMinor),
		strconv.Itoa(d.Rejected), number(d.RejectedMinor),
		strconv.Itoa(d.Chargebacks), number(d.ChargebacksMinor), strconv.Itoa(d.Represented), number(d.RepresentedMinor),
		number(d.FeeAcquirerMinor), number(d.FeeSchemeMinor), number(d.FeeInterchangeMinor), number(d.FeeChargebackMinor),
		number(d.FeePassedMinor), number(d.FeesMinor),
		number(d.ReserveHeldMinor), number(d.ReserveReleasedMinor), number(d.NetMinor),
		number(d.PayoutMinor), payOn, number(d.CarriedForwardMinor),
	}
}

// cell is a text that a spreadsheet does not run as a formula: one that begins like one gets a ' before it, and so does
// one that begins with '.
func cell(text string) string {
	if text = Printable(text); text != "" && strings.IndexByte("=+-@'", text[0]) >= 0 {
		return "'" + text
	}
	return text
}

// Printable is a text with a point in the place of what does not print: control characters, and those that turn the
// direction of writing.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, text)
}
