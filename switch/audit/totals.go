package audit

import (
	"cmp"
	"maps"
	"slices"
)

// The lines of the totals, in the order in which they are shown.
type line uint8

const (
	lineAuthorized line = iota // authorizations that stand, less what was released
	lineHeld                   // of these, not captured
	lineCaptured               // captures and sales, those that a file takes back among them
	lineRefunded
	lineTakenBack // by reversal presentments
	lineCount
)

var lineNames = [lineCount]string{"net authorized", "held", "captured", "refunded", "taken back"}

type book uint8

const (
	bookSwitch book = iota
	bookIssuer
	bookClearing
	bookPending // what of the switch's is not yet cleared
	bookCount
)

// totals adds the books up by currency. Only what is compared is added: what is apart is in none of them.
type totals map[string]*[lineCount][bookCount]Sum

func (t totals) add(currency string, l line, b book, minor int64) {
	of := t[currency]
	if of == nil {
		of = new([lineCount][bookCount]Sum)
		t[currency] = of
	}
	of[l][b].Count++
	of[l][b].Minor += minor
}

// report returns the lines by currency.
func (t totals) report() []Total {
	out := []Total{}
	for currency, of := range t {
		for l := range lineCount {
			sums := &of[l]
			if *sums == ([bookCount]Sum{}) {
				continue
			}
			total := Total{Currency: currency, Item: lineNames[l], Switch: &sums[bookSwitch], Issuer: &sums[bookIssuer]}
			if l >= lineCaptured {
				total.Clearing = &sums[bookClearing]
			}
			out = append(out, total)
		}
	}
	slices.SortStableFunc(out, func(a, b Total) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

// disagree returns the first line of a currency whose books differ, which no comparison of payments explained. What is
// taken back is told to the issuer by a file only, whenever that is presented.
func (t totals) disagree() (Difference, bool) {
	for _, currency := range slices.Sorted(maps.Keys(t)) {
		for l := range lineTakenBack {
			s := &t[currency][l]
			cleared := Sum{s[bookSwitch].Count - s[bookPending].Count, s[bookSwitch].Minor - s[bookPending].Minor}
			switch {
			case s[bookSwitch] != s[bookIssuer]:
				return Difference{Kind: Totals, Currency: currency, AmountMinor: s[bookSwitch].Minor - s[bookIssuer].Minor,
					Detail: lineNames[l] + ": switch and issuer add up to different sums"}, true
			case l >= lineCaptured && cleared != s[bookClearing]:
				return Difference{Kind: Totals, Currency: currency, AmountMinor: cleared.Minor - s[bookClearing].Minor,
					Detail: lineNames[l] + ": switch and clearing files add up to different sums"}, true
			}
		}
	}
	return Difference{}, false
}
