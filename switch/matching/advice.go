package matching

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/workday"
)

// adviceColumns are those of a bank's advice; others are passed over.
var adviceColumns = []string{"date", "currency", "amount", "reference"}

// adviceKey is what rows of an advice are about: the file with the 688, and the currency.
type adviceKey struct{ reference, currency string }

// advised is what an advice says of a 688: a row, or several parts of it.
type advised struct {
	side  Side
	first workday.Date
	taken bool
}

// The bounds of an advice.
const (
	maxAdviceRows  = 262_144
	maxAdviceBytes = 64 << 20
)

// matchAdvice matches the 688s of the date with what the bank has advised.
func (m *matcher) matchAdvice(context.Context) error {
	if len(m.src.Advice) == 0 {
		return nil
	}
	rows := map[adviceKey]*advised{}
	for i := range m.src.Advice {
		if err := m.readAdvice(&m.src.Advice[i], rows); err != nil {
			return fmt.Errorf("%s: %w", m.src.Advice[i].Name, err)
		}
	}
	known := map[string]bool{} // files with a 688, of any date nearby
	for _, f := range m.files {
		known[f.id] = true
	}
	for _, n := range m.nets {
		if err := m.paid(n, rows[adviceKey{n.file, n.currency}]); err != nil {
			return err
		}
	}
	keys := slices.SortedFunc(maps.Keys(rows), func(a, b adviceKey) int {
		return cmp.Or(cmp.Compare(a.reference, b.reference), cmp.Compare(a.currency, b.currency))
	})
	for _, key := range keys {
		a := rows[key]
		if a.taken || known[key.reference] || a.first < m.o.Date || a.first > m.last() {
			continue // of a 688 of another date
		}
		x := Match{Relation: Paid, Class: FileOnly, Cause: Wrong, Currency: key.currency, Theirs: a.side, Reasons: []Reason{{
			Why: "no file that came back has its reference",
		}}}
		if date, isFile := dateOf(key.reference); isFile && m.nearby(date) {
			x.Cause = m.since(date)
		}
		if err := m.add(&x); err != nil {
			return err
		}
	}
	return nil
}

// paid matches a 688 with the rows about it.
func (m *matcher) paid(n *net, a *advised) error {
	x := Match{Relation: Paid, Class: Matched, Currency: n.currency, By: []string{"reference", "currency"}}
	item := n.item
	item.NetMinor = n.owed
	m.put(&x.Ours, item)
	switch {
	case a == nil && n.owed == 0:
		return nil // there is nothing to pay
	case a == nil:
		x.Class, x.Cause = LocalOnly, m.since(n.date)
		x.Reasons = []Reason{{Why: "the bank has not advised it"}}
	default:
		x.Theirs, a.taken = a.side, true
		if a.side.NetMinor != n.owed {
			x.Class, x.Cause = Mismatched, Wrong
			x.Reasons = []Reason{{
				Field: "amount", Ours: money.Format(n.owed, n.currency), Theirs: money.Format(a.side.NetMinor, n.currency),
			}}
		}
	}
	return m.add(&x)
}

// readAdvice reads an advice. What is wrong with it is an error that says line, column and what was expected.
func (m *matcher) readAdvice(f *File, rows map[adviceKey]*advised) (err error) {
	file, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	limited := &io.LimitedReader{R: file, N: maxAdviceBytes}
	in := csv.NewReader(limited)
	in.FieldsPerRecord = 0 // as many as the header
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("line 1: the header row is missing: expected date, currency, amount, reference")
	}
	if err != nil {
		return err
	}
	places := make([]int, len(adviceColumns))
	for i, name := range adviceColumns {
		places[i] = slices.IndexFunc(header, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), name)
		})
		if places[i] < 0 {
			return fmt.Errorf("line 1: no column %s: expected date, currency, amount, reference", name)
		}
	}
	for n := 0; ; n++ {
		fields, err := in.Read()
		switch {
		case limited.N <= 0:
			return fmt.Errorf("it is longer than %d bytes", maxAdviceBytes)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == maxAdviceRows:
			return fmt.Errorf("it has more than %d rows", maxAdviceRows)
		}
		values := make([]string, len(places))
		for i, place := range places {
			values[i] = strings.TrimSpace(fields[place])
		}
		if column, err := m.advise(values, rows); err != nil {
			line, at := in.FieldPos(places[column])
			return fmt.Errorf("line %d, column %d (%s): %w", line, at, adviceColumns[column], err)
		}
	}
}

// advise takes a row: date, currency, amount and reference. An error comes with the column that it is about.
func (m *matcher) advise(values []string, rows map[adviceKey]*advised) (column int, err error) {
	date, err := workday.Parse(values[0])
	if err != nil {
		return 0, err
	}
	currency, known := money.Lookup(values[1])
	if !known {
		return 1, fmt.Errorf("%q is no currency of ISO 4217", clean(values[1]))
	}
	amount, err := ParseAmount(values[2], currency.Alpha)
	if err != nil {
		return 2, err
	}
	if values[3] == "" {
		return 3, errors.New("is empty: expected the id of the file with the 1644/688")
	}
	key := adviceKey{clean(values[3]), money.Current(currency.Alpha)}
	a := rows[key]
	if a == nil {
		a = &advised{first: date}
		rows[key] = a
	}
	a.first = min(a.first, date)
	m.put(&a.side, Item{
		Ref: fmt.Sprintf("advice/%s/%s/%s", key.reference, key.currency, date), NetMinor: amount, Currency: key.currency,
	})
	return 0, nil
}

// ParseAmount reads an amount of a currency as people write it, 1234.56 or -5, as minor units.
func ParseAmount(text, currency string) (int64, error) {
	c, known := money.Lookup(currency)
	if !known {
		return 0, fmt.Errorf("%q is no currency of ISO 4217", clean(currency))
	}
	fault := fmt.Errorf("%q: expected an amount such as 1234.56 with %d decimals at the most", clean(text), c.Exponent)
	digits, negative := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(digits, ".")
	if whole == "" || point && decimals == "" || len(decimals) > c.Exponent ||
		strings.Trim(whole+decimals, "0123456789") != "" {
		return 0, fault
	}
	minor, err := strconv.ParseInt(whole+decimals+strings.Repeat("0", c.Exponent-len(decimals)), 10, 64)
	if err != nil {
		return 0, fault
	}
	if negative {
		minor = -minor
	}
	return minor, nil
}
