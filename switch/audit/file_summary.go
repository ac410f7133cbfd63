package audit

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"switchyard/internal/money"
)

var summaryColumns = []string{
	"merchant", "merchant_name", "fee_plan", "currency", "purchases", "gross_minor", "refunds", "refunds_minor",
	"reversals",
	"net_minor", "carried_forward",
}

type summaryKey struct{ merchant, currency string }

// summarySum is what a merchant's records of one currency add up to.
type summarySum struct {
	name, feePlan               string // of the first; "" without a detail CSV
	listed                      bool   // the detail CSV had them
	purchases, refunds, reverse int64
	gross, refunded             int64
	found                       bool
}

func (r *fileReader) addSummary(p *presented, k *common) {
	key := summaryKey{k.merchant, currencyLetters(k.currency)}
	s := r.sums[key]
	if s == nil {
		s = &summarySum{name: k.merchantName, feePlan: k.feePlan, listed: p.listed}
		r.sums[key] = s
	}
	if p.debits() {
		s.purchases++
		s.gross += p.amount
	} else {
		s.refunds++
		s.refunded += p.amount
	}
	if p.reversal {
		s.reverse++
	}
}

// summary holds the summary file against the sums of the records.
func (r *fileReader) summary(in io.Reader) error {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	differ := func(format string, args ...any) { r.book.differ(SummaryCSV, r.name, format, args...) }
	header, err := rows.Read()
	if err != nil {
		differ("no header row: %v", err)
		return nil
	}
	columns, fault := columnsOf(header, summaryColumns)
	if fault != "" {
		differ("%s", fault)
		return nil
	}
	for line := 1; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			differ("row %d: %v", line, err)
			return nil
		}
		get := func(column string) string { return row[columns[column]] }
		s := r.sums[summaryKey{get("merchant"), money.Current(get("currency"))}]
		if s == nil || s.found {
			differ("row %d: merchant %q in %s has no records, or another row", line, get("merchant"), get("currency"))
			continue
		}
		s.found = true
		net := s.gross - s.refunded
		if !s.listed {
			s.name, s.feePlan = get("merchant_name"), get("fee_plan")
		}
		for _, f := range [...]struct{ column, want string }{
			{"merchant_name", s.name}, {"fee_plan", s.feePlan},
			{"purchases", digits(s.purchases)}, {"gross_minor", digits(s.gross)}, {"refunds", digits(s.refunds)},
			{"refunds_minor", digits(s.refunded)}, {"reversals", digits(s.reverse)}, {"net_minor", digits(net)},
			{"carried_forward", strconv.FormatBool(net <= 0)},
		} {
			if is := get(f.column); is != f.want {
				differ("row %d, merchant %s, column %s: %q, the records say %q", line, get("merchant"), f.column, is, f.want)
			}
		}
	}
	var left []string
	for key, s := range r.sums {
		if !s.found {
			left = append(left, fmt.Sprintf("merchant %s has records in %s and no row", key.merchant, key.currency))
		}
	}
	slices.Sort(left)
	for _, text := range left {
		differ("%s", text)
	}
	return nil
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }
