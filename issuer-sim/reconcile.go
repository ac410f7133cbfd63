package issuersim

import (
	"slices"
	"time"

	"switchyard/spec"
)

// total is what an acquirer's messages of one currency and business date came to: what a 0500 is held against.
type total struct {
	debits, credits                 sum // sales and captures; refunds
	debitReversals, creditReversals sum
	authorizations                  int64
}

type sum struct{ number, amountMinor int64 }

func (t *total) count(amountMinor int64, credit, reversal bool) {
	s := &t.debits
	switch {
	case credit && reversal:
		s = &t.creditReversals
	case credit:
		s = &t.credits
	case reversal:
		s = &t.debitReversals
	}
	s.number++
	s.amountMinor += amountMinor
}

func (t *total) add(o *total) {
	for _, pair := range [][2]*sum{
		{&t.debits, &o.debits}, {&t.credits, &o.credits},
		{&t.debitReversals, &o.debitReversals}, {&t.creditReversals, &o.creditReversals},
	} {
		pair[0].number += pair[1].number
		pair[0].amountMinor += pair[1].amountMinor
	}
	t.authorizations += o.authorizations
}

// net is DE97: what the acquirer is owed.
func (t *total) net() int64 {
	return t.debits.amountMinor - t.debitReversals.amountMinor - t.credits.amountMinor + t.creditReversals.amountMinor
}

// totals are the totals of a shard, the newest maxTotals.
type totals struct {
	of    map[totalKey]*total
	order []totalKey
}

type totalKey struct {
	acquirer digits
	currency uint16
	date     uint16 // MMDD
}

// maxTotals is for each shard: two months of sixty currencies.
const maxTotals = 4096

// total is the one that a message counts in: of a business date, or without one of its day.
func (s *shard) total(r *request, date uint16, at uint32) *total {
	if date == 0 {
		_, m, d := time.Unix(int64(at), 0).UTC().Date()
		date = uint16(int(m)*100 + d)
	}
	key := totalKey{r.acquirer, r.currency, date}
	if t := s.totals.of[key]; t != nil {
		return t
	}
	if s.totals.of == nil {
		s.totals.of = map[totalKey]*total{}
	}
	if len(s.totals.order) == maxTotals {
		delete(s.totals.of, s.totals.order[0])
		s.totals.order = slices.Delete(s.totals.order, 0, 1)
	}
	t := &total{}
	s.totals.of[key] = t
	s.totals.order = append(s.totals.order, key)
	return t
}

// total adds up an acquirer's totals of a currency and business date.
func (i *issuer) total(key totalKey) (t total) {
	for _, s := range i.shards {
		s.mu.Lock()
		if one := s.totals.of[key]; one != nil {
			t.add(one)
		}
		s.mu.Unlock()
	}
	return t
}

// Values of DE66.
const (
	inBalance    = "1"
	outOfBalance = "2"
)

// reconciliation answers a 0500 or 0520: DE66 says whether the figures that it brings are the issuer's for its DE32, DE50
// and DE15. The answer carries the issuer's.
func (w *worker) reconciliation(time.Time) (v verdict, position int64, answered bool) {
	acquirer, ok32 := parseDigits(w.req.Bytes(32))
	currency, ok50 := w.req.Uint(50)
	date, ok15 := w.req.Uint(15)
	if !ok32 || !ok50 || !ok15 {
		w.bad(badField, missing(50, "a currency, with a business date in DE15"))
		w.simple(codeFormat)
		return verdict{}, 0, true
	}
	t := w.server.issuer.total(totalKey{acquirer, uint16(currency), uint16(date)})
	net := t.net()
	w.simple(codeApproved)
	w.resp.SetBytes(15, w.req.Bytes(15))
	w.resp.SetBytes(50, w.req.Bytes(50))
	result := inBalance
	for _, f := range []struct {
		de, width int
		value     int64
	}{
		{74, 10, t.credits.number}, {75, 10, t.creditReversals.number}, {76, 10, t.debits.number}, {77, 10, t.debitReversals.number},
		{81, 10, t.authorizations},
		{86, 16, t.credits.amountMinor}, {87, 16, t.creditReversals.amountMinor},
		{88, 16, t.debits.amountMinor}, {89, 16, t.debitReversals.amountMinor},
	} {
		w.resp.SetUint(f.de, uint64(f.value), f.width)
		if theirs := w.req.Bytes(f.de); theirs != nil && string(theirs) != string(w.resp.Bytes(f.de)) {
			result = outOfBalance
		}
	}
	sign := "C"
	if net < 0 {
		sign, net = "D", -net
	}
	var m spec.Message
	m.SetUint(97, uint64(net), 16)
	w.resp.Set(97, sign+m.String(97))
	if theirs := w.req.Bytes(97); theirs != nil && string(theirs) != string(w.resp.Bytes(97)) && net != 0 {
		result = outOfBalance
	}
	w.resp.Set(66, result)
	return verdict{}, 0, true
}
