package matching

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
)

// fileMoney is what a 685 is about: a file of ours in a currency.
type fileMoney struct{ file, currency string }

// sum685 is a 1644/685 about a file of the date.
type sum685 struct {
	item            Item
	date            workday.Date // of the file that it came in
	sums            bool         // it says what the file came to
	debits, credits int64
}

// maxPositions bounds the 685s about a date's files: one a file and currency and more.
const maxPositions = 262_144

// position takes a 1644/685.
func (m *matcher) position(r *clearing.Record) error {
	of := fileMoney{pds(r, pdsFile), money.Current(currencyOf(r, 49))}
	debits, debitsSaid := number(r, pdsDebits)
	credits, creditsSaid := number(r, pdsCredits)
	item := m.recordItem(r)
	item.Currency, item.NetMinor = of.currency, debits-credits
	w := m.window(cmp.Or(currencyOf(r, 50), of.currency))
	if m.ofDate(of.file) {
		if m.positions++; m.positions > maxPositions {
			return fmt.Errorf("matching: more than %d 1644/685 are about files of %s", maxPositions, m.o.Date)
		}
		m.posted[of] = append(m.posted[of], &sum685{
			item: item, date: m.files[len(m.files)-1].date, sums: debitsSaid && creditsSaid, debits: debits, credits: credits,
		})
		w.ours = true
	}
	w.date = m.files[len(m.files)-1].date
	// As it is settled, which is as it was presented where it does not say.
	if settled, said := number(r, pdsSettledDebits); said {
		debits = settled
	}
	if settled, said := number(r, pdsSettledCredits); said {
		credits = settled
	}
	m.sum(&w.debits, debits)
	m.sum(&w.credits, credits)
	if fees, said := signed(r, pdsSettledFees); said {
		m.sum(&w.fees, fees)
	}
	item.NetMinor = debits - credits
	m.put(&w.side, item)
	return nil
}

// number is a subelement of digits.
func number(r *clearing.Record, tag int) (int64, bool) {
	text, _ := r.PDS(tag)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// signed is a subelement of a C, for what a member is owed, or a D, for what it owes, and digits.
func signed(r *clearing.Record, tag int) (int64, bool) {
	text, _ := r.PDS(tag)
	digits, owes := strings.CutPrefix(text, "D")
	if !owes {
		digits = strings.TrimPrefix(text, "C")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if owes {
		n = -n
	}
	return n, err == nil
}

// window is what came since the last 1644/688 in a currency.
type window struct {
	debits, credits int64 // the cardholders'
	fees            int64 // that the member is owed; what it owes is negative
	side            Side
	ours            bool         // a 685 in it is about a file of the date
	date            workday.Date // of the newest file
}

func (m *matcher) window(currency string) *window {
	currency = money.Current(currency)
	w := m.windows[currency]
	if w == nil {
		w = &window{}
		m.windows[currency] = w
	}
	return w
}

// What DE3 of a fee says: it is paid to the member, or else collected from it.
const feePaid = "29"

// An entry of PDS0146 has 36 characters, of which the last 15 are the currency that is settled in and the amount in it.
const (
	entryWidth     = 36
	entrySettledIn = 21
	entrySettled   = 24
)

// moved takes what a chargeback or a fee moves of a window.
func (m *matcher) moved(r *clearing.Record) {
	numeric := cmp.Or(r.Text(50), r.Text(49))
	amount, _ := r.AmountMinor()
	if settled, err := strconv.ParseInt(r.Text(5), 10, 64); err == nil && r.Has(50) {
		amount = settled
	}
	currency := currencyOf(r, 49)
	if r.Has(50) {
		currency = currencyOf(r, 50)
	}
	w := m.window(currency)
	w.date = m.files[len(m.files)-1].date
	item := m.recordItem(r)
	item.ARN, item.Currency = clean(r.Text(31)), money.Current(currency)
	if r.MTI == "1740" {
		if !strings.HasPrefix(r.Text(3), feePaid) != r.Reversal() {
			amount = -amount
		}
		m.sum(&w.fees, amount)
		m.put(&w.side, item)
		return
	}
	var interchange int64 // goes back with the amount
	entries, _ := r.PDS(pdsInterchange)
	for ; len(entries) >= entryWidth; entries = entries[entryWidth:] {
		if part, err := strconv.ParseInt(entries[entrySettled:entryWidth], 10, 64); err == nil &&
			entries[entrySettledIn:entrySettled] == numeric {
			interchange += part // of twelve digits
		}
	}
	if r.Reversal() {
		m.sum(&w.debits, amount)
		m.sum(&w.fees, -interchange)
		item.NetMinor = amount
	} else {
		m.sum(&w.credits, amount)
		m.sum(&w.fees, interchange)
		item.NetMinor = -amount
	}
	m.put(&w.side, item)
}

// net is a 688 that covers a 685 of the date.
type net struct {
	item     Item
	file     string
	currency string
	date     workday.Date
	owed     int64 // to the member, with fees
}

// netted takes a 1644/688, which ends the window in its currency.
func (m *matcher) netted(r *clearing.Record) error {
	currency := currencyOf(r, 50)
	if !r.Has(50) {
		currency = currencyOf(r, 49)
	}
	currency = money.Current(currency)
	w := m.window(currency)
	delete(m.windows, currency)
	if !w.ours {
		return nil
	}
	file := m.files[len(m.files)-1]
	x := Match{Relation: Netted, Class: Matched, Currency: currency, By: byWindow, Ours: w.side}
	x.Ours.NetMinor = w.debits - w.credits
	item := m.recordItem(r)
	item.Currency, item.NetMinor = currency, x.Ours.NetMinor
	debits, saysDebits := number(r, pdsSettledDebits)
	credits, saysCredits := number(r, pdsSettledCredits)
	if saysDebits && saysCredits {
		item.NetMinor = debits - credits
	}
	fees, saysFees := signed(r, pdsSettledFees)
	for _, part := range []struct {
		name         string
		said         bool
		ours, theirs int64
	}{
		{"debits", saysDebits, w.debits, debits}, {"credits", saysCredits, w.credits, credits},
		{"fees", saysFees, w.fees, fees},
	} {
		if part.said && part.ours != part.theirs {
			x.Reasons = append(x.Reasons, Reason{
				Field: part.name, Ours: money.Format(part.ours, currency), Theirs: money.Format(part.theirs, currency),
			})
		}
	}
	if len(x.Reasons) > 0 {
		x.Class, x.Cause = Mismatched, Wrong
	}
	m.put(&x.Theirs, item)
	owed, said := signed(r, pdsSettledTotal)
	if !said {
		owed = item.NetMinor + fees
	}
	m.nets = append(m.nets, &net{item: item, file: file.id, currency: currency, date: file.date, owed: owed})
	m.ended = append(m.ended, &x)
	return nil
}

// matchSums matches what was presented in each file with its 685s, and tells of the 688s, and of 685s that none has
// covered.
func (m *matcher) matchSums(context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(m.outs)) {
		if err := m.matchFile(m.outs[id]); err != nil {
			return err
		}
	}
	var strangers []fileMoney
	for of := range m.posted {
		if m.outs[of.file] == nil || m.outs[of.file].by[of.currency] == nil {
			strangers = append(strangers, of)
		}
	}
	slices.SortFunc(strangers, func(a, b fileMoney) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.currency, b.currency))
	})
	for _, of := range strangers {
		x := Match{
			Relation: Settled, Class: FileOnly, Cause: Wrong, Currency: of.currency,
			Reasons: []Reason{{Why: "nothing was presented in this currency in file " + of.file}},
		}
		for _, p := range m.posted[of] {
			m.put(&x.Theirs, p.item)
		}
		if err := m.add(&x); err != nil {
			return err
		}
	}
	for _, x := range m.ended {
		if err := m.add(x); err != nil {
			return err
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(m.windows)) {
		w := m.windows[currency]
		if !w.ours {
			continue
		}
		x := Match{
			Relation: Netted, Class: LocalOnly, Cause: m.since(w.date), Currency: currency, By: byWindow, Ours: w.side,
			Reasons: []Reason{{Why: "no 1644/688 in the currency has come since"}},
		}
		x.Ours.NetMinor = w.debits - w.credits
		if err := m.add(&x); err != nil {
			return err
		}
	}
	return nil
}

// matchFile matches a file with the 699 about it, or else with its 685s, a currency at a time.
func (m *matcher) matchFile(f *outFile) error {
	refusal := m.refused[f.id]
	if refusal != nil {
		if err := m.fileRejected(f, refusal); err != nil {
			return err
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(f.by)) {
		p, posted := f.by[currency], m.posted[fileMoney{f.id, currency}]
		if len(posted) == 0 && (refusal != nil || p.accepted.Count == 0) {
			continue
		}
		if err := m.matchCurrency(f, currency, p, posted); err != nil {
			return err
		}
	}
	return nil
}

// fileRejected matches what of a file no record of its own rejects with the 699 that rejects it whole.
func (m *matcher) fileRejected(f *outFile, refusal *refusal) error {
	x := Match{Relation: Rejected, Class: Matched, By: []string{"file_id"}}
	m.put(&x.Ours, Item{Ref: f.id, NetMinor: f.accepted.NetMinor})
	x.Ours.Count = f.accepted.Count
	m.put(&x.Theirs, refusal.item)
	if refusal.booked.Count < f.accepted.Count {
		x.Class, x.Cause = Mismatched, Wrong
		if refusal.booked.Count == 0 {
			x.Cause = m.since(refusal.date)
		}
		x.Reasons = []Reason{{
			Field: "rejected", Ours: fmt.Sprint(refusal.booked.Count), Theirs: fmt.Sprint(f.accepted.Count),
			Why: "the journal has not booked all of its presentments as rejected",
		}}
	}
	return m.add(&x)
}

// matchCurrency matches what a file has presented in a currency, and was not rejected, with its 685s.
func (m *matcher) matchCurrency(f *outFile, currency string, p *presented, posted []*sum685) error {
	x := Match{Relation: Settled, Class: Matched, Currency: currency, By: byFile}
	m.put(&x.Ours, Item{Ref: f.id + "/" + currency, NetMinor: p.accepted.NetMinor, Currency: currency})
	x.Ours.Count = p.accepted.Count
	var debits, credits int64
	sums, newest := true, workday.Date(0)
	for _, one := range posted {
		m.put(&x.Theirs, one.item)
		m.sum(&debits, one.debits)
		m.sum(&credits, one.credits)
		sums, newest = sums && one.sums, max(newest, one.date)
	}
	if len(posted) == 0 {
		x.Class, x.Cause = LocalOnly, m.since(f.date)
		x.Reasons = []Reason{{Why: "no 1644/685 has come for it"}}
		return m.add(&x)
	}
	for _, part := range []struct {
		name         string
		ours, theirs int64
	}{{"debits", p.debits, debits}, {"credits", p.credits, credits}} {
		if sums && part.ours != part.theirs {
			x.Reasons = append(x.Reasons, Reason{
				Field: part.name, Ours: money.Format(part.ours, currency), Theirs: money.Format(part.theirs, currency),
			})
		}
	}
	switch {
	case len(x.Reasons) > 0:
		x.Class, x.Cause = Mismatched, Wrong
	case p.booked != p.accepted:
		x.Class, x.Cause = Mismatched, Wrong
		if p.booked.Count == 0 {
			x.Cause = m.since(newest)
		}
		x.Reasons = []Reason{{
			Field: "settled", Ours: fmt.Sprintf("%d, %s", p.booked.Count, money.Format(p.booked.NetMinor, currency)),
			Theirs: fmt.Sprintf("%d, %s", p.accepted.Count, money.Format(p.accepted.NetMinor, currency)),
			Why:    "the journal has not booked all of its presentments as settled",
		}}
	}
	return m.add(&x)
}
