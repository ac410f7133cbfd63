package server

import (
	"time"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// Values of DE66.
const (
	inBalance    = "1"
	outOfBalance = "2"
)

// reconciliation answers a 0500 or 0520: DE66 says whether the figures that it brings are the issuer's for its DE32,
// DE50 and DE15. The answer carries the issuer's.
func (w *worker) reconciliation(now time.Time) (v rules.Verdict, position int64, answered bool) {
	acquirer, ok32 := message.ParseDigits(w.req.Bytes(32))
	currency, ok50 := w.req.Uint(50)
	date, ok15 := w.req.Uint(15)
	if !ok32 || !ok50 || !ok15 {
		w.bad(badField, message.Missing(50, "a currency, with a business date in DE15"), nil)
		w.simple(message.CodeFormat)
		return rules.Verdict{}, 0, true
	}
	t := w.server.book.Total(book.TotalKey{Acquirer: acquirer, Currency: uint16(currency), Date: uint16(date)}, now)
	net := t.Net()
	w.simple(message.CodeApproved)
	w.resp.SetBytes(15, w.req.Bytes(15))
	w.resp.SetBytes(50, w.req.Bytes(50))
	result := inBalance
	for _, f := range []struct {
		de, width int
		value     int64
	}{
		{74, 10, t.Credits.Number}, {75, 10, t.CreditReversals.Number},
		{76, 10, t.Debits.Number}, {77, 10, t.DebitReversals.Number},
		{81, 10, t.Authorizations},
		{86, 16, t.Credits.AmountMinor}, {87, 16, t.CreditReversals.AmountMinor},
		{88, 16, t.Debits.AmountMinor}, {89, 16, t.DebitReversals.AmountMinor},
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
	return rules.Verdict{}, 0, true
}
