package book

import (
	"slices"
	"time"

	"switchyard/issuer-sim/message"
)

// Total is what an acquirer's messages of one currency and business date came to: what a 0500 is held against.
type Total struct {
	Debits, Credits                 Sum // sales and captures; refunds
	DebitReversals, CreditReversals Sum
	Authorizations                  int64
}

// Sum is how many there were, and what they came to.
type Sum struct{ Number, AmountMinor int64 }

func (t *Total) count(amountMinor int64, credit, reversal bool) {
	s := &t.Debits
	switch {
	case credit && reversal:
		s = &t.CreditReversals
	case credit:
		s = &t.Credits
	case reversal:
		s = &t.DebitReversals
	}
	s.Number++
	s.AmountMinor += amountMinor
}

func (t *Total) add(o *Total) {
	for _, pair := range [][2]*Sum{
		{&t.Debits, &o.Debits}, {&t.Credits, &o.Credits},
		{&t.DebitReversals, &o.DebitReversals}, {&t.CreditReversals, &o.CreditReversals},
	} {
		pair[0].Number += pair[1].Number
		pair[0].AmountMinor += pair[1].AmountMinor
	}
	t.Authorizations += o.Authorizations
}

// Net is DE97: what the acquirer is owed.
func (t *Total) Net() int64 {
	return t.Debits.AmountMinor - t.DebitReversals.AmountMinor - t.Credits.AmountMinor + t.CreditReversals.AmountMinor
}

// totals are the totals of a shard, the newest maxTotals.
type totals struct {
	of    map[TotalKey]*datedTotal
	order []TotalKey
}

// datedTotal is a total with the moment, in seconds, of the first message that counted in it: the year of its date.
type datedTotal struct {
	Total
	begun uint32
}

// year is after how long a date of four digits is another year's: what comes for it a little less late, as a reversal
// may, is still of the first.
const year = 300 * day

// over tells whether a total is of the year before.
func (t *datedTotal) over(now uint32) bool { return now > t.begun && now-t.begun > year }

// TotalKey names a total.
type TotalKey struct {
	Acquirer message.Digits
	Currency uint16
	Date     uint16 // MMDD
}

// maxTotals is for each shard: two months of sixty currencies.
const maxTotals = 4096

// total is the one that a message counts in: of a business date, or without one of its day.
func (s *shard) total(r *message.Request, date uint16, at uint32) *Total {
	if date == 0 {
		_, m, d := time.Unix(int64(at), 0).UTC().Date()
		date = uint16(int(m)*100 + d)
	}
	key := TotalKey{r.Acquirer, r.Currency, date}
	if t := s.totals.of[key]; t != nil {
		if t.over(at) {
			*t = datedTotal{begun: at}
		}
		return &t.Total
	}
	if s.totals.of == nil {
		s.totals.of = map[TotalKey]*datedTotal{}
	}
	if len(s.totals.order) == maxTotals {
		delete(s.totals.of, s.totals.order[0])
		s.totals.order = slices.Delete(s.totals.order, 0, 1)
	}
	t := &datedTotal{begun: at}
	s.totals.of[key] = t
	s.totals.order = append(s.totals.order, key)
	return &t.Total
}

// Total adds up an acquirer's totals of a currency and business date, the last one of its month and day.
func (b *Book) Total(key TotalKey, now time.Time) (t Total) {
	for _, s := range b.shards {
		s.mu.Lock()
		if one := s.totals.of[key]; one != nil && !one.over(uint32(now.Unix())) {
			t.add(&one.Total)
		}
		s.mu.Unlock()
	}
	return t
}
