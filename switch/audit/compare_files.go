package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// compareFiles holds the payment's captures, sales, refunds and voids against the clearing files. It does so for a
// payment with a message on its way too: a capture is final once it is accepted, whatever the issuer has said by now.
func (c *check) compareFiles() {
	for i := range c.p.Ops {
		if c.p.Ops[i].presentable() {
			c.presentment(i)
		}
	}
}

// waiveFiles claims the presentments of a payment that is apart.
func (c *check) waiveFiles() {
	for i := range c.p.Ops {
		first, reversals := c.files.find(c.p.Ops[i].ARN)
		for _, p := range slices.Concat(first, reversals) {
			p.claimed = true
		}
	}
}

// presentment compares one capture, sale or refund with what the files say of it.
func (c *check) presentment(i int) {
	op := &c.p.Ops[i]
	first, reversals := c.files.find(op.ARN)
	for _, p := range slices.Concat(first, reversals) {
		p.claimed = true
	}
	void := c.p.takenBackBy(i)
	switch {
	case !op.stands():
		for _, p := range first {
			c.differ(PresentmentDenied, op, p.amount, "%s %d is %s, yet stands in %s", op.Op, op.Number, op.State, p.where())
		}
	case void != nil && void.Op == opVoid && void.State == statePending:
		// The issuer's answer decides whether it is presented.
	case void != nil && void.Op == opVoid:
		for _, p := range first {
			c.differ(PresentmentVoided, op, p.amount, "%s %d was voided before its date was sealed, yet stands in %s", op.Op, op.Number, p.where())
		}
	default:
		c.presented(op, first)
	}
	c.takenBack(op, void, reversals)
}

// presented expects exactly one first presentment of op, once its business date has its files.
func (c *check) presented(op *operation, found []*presented) {
	line := lineCaptured
	if op.Op == opRefund {
		line = lineRefunded
	}
	switch {
	case len(found) == 0 && c.written[op.BusinessDate]:
		c.differ(PresentmentMissing, op, op.money(), "%s %d of business date %s stands in no file", op.Op, op.Number, op.BusinessDate)
		return
	case len(found) == 0:
		c.apart(&c.report.NotCleared, op, op.State)
		c.count(line, bookPending, op.money())
		return
	case len(found) > 1:
		c.differ(PresentmentTwice, op, op.money(), "%s %d stands in %s", op.Op, op.Number, places(found))
	}
	for _, p := range found {
		c.count(line, bookClearing, p.amount)
		c.samePresentment(op, p)
		if p.file.date != op.BusinessDate {
			c.differ(PresentmentDate, op, op.money(), "%s %d of business date %s stands in %s of %s", op.Op, op.Number, op.BusinessDate, p.where(), p.file.date)
		}
	}
}

// takenBack expects exactly one reversal presentment where void is one and its business date has its files, else none.
func (c *check) takenBack(op, void *operation, found []*presented) {
	due := void != nil && void.Op == opVoidPresentment && void.promised()
	switch {
	case !due:
		for _, p := range found {
			c.differ(PresentmentUnknown, op, p.amount, "%s %d is taken back by %s; the journal does not know of it", op.Op, op.Number, p.where())
		}
		return
	case len(found) == 0 && c.written[void.BusinessDate]:
		c.differ(ReversalMissing, op, op.money(), "%s %d was taken back on %s, no file says so (PDS0025)", op.Op, op.Number, void.BusinessDate)
		return
	case len(found) == 0:
		c.apart(&c.report.NotCleared, void, void.State)
		return
	case len(found) > 1:
		c.differ(PresentmentTwice, op, op.money(), "%s %d is taken back by %s", op.Op, op.Number, places(found))
	}
	for _, p := range found {
		c.count(lineTakenBack, bookClearing, p.amount)
		c.samePresentment(op, p)
		if p.file.date != void.BusinessDate {
			c.differ(PresentmentDate, op, op.money(), "%s %d was taken back on %s, stands in %s of %s", op.Op, op.Number, void.BusinessDate, p.where(), p.file.date)
		}
		if of := p.reverses.Value(); of != yearMonthDay(op.BusinessDate) {
			c.differ(PresentmentData, op, op.money(), "%s takes back a presentment of %s (PDS0025), that of %s %d is of %s", p.where(), of, op.Op, op.Number, yearMonthDay(op.BusinessDate))
		}
	}
}

// yearMonthDay turns YYYY-MM-DD into YYMMDD.
func yearMonthDay(date string) string {
	if len(date) != len("2006-01-02") {
		return date
	}
	return date[2:4] + date[5:7] + date[8:]
}

// samePresentment compares a presentment, or its reversal, with the operation.
func (c *check) samePresentment(op *operation, p *presented) {
	if p.amount != op.money() {
		c.differ(PresentmentAmount, op, op.money()-p.amount, "%s %d: switch %d, %s %d", op.Op, op.Number, op.money(), p.where(), p.amount)
	}
	if is := p.currency.Value(); is != c.p.Currency {
		c.differ(PresentmentCurrency, op, op.money(), "%s %d: switch %s, %s %s", op.Op, op.Number, c.p.Currency, p.where(), is)
	}
	if refund := op.Op == opRefund; p.credit != refund {
		c.differ(PresentmentSign, op, op.money(), "%s %d has the other sign in %s", op.Op, op.Number, p.where())
	}
	auth := op.AuthCode
	if op.Op == opCapture {
		auth = c.p.Ops[0].AuthCode
	}
	for _, field := range [...]struct{ name, want, is string }{
		{"card", masked(c.p.PAN), p.pan.Value()},
		{"RRN", op.RRN, p.rrn.String()},
		{"authorization code", auth, p.auth.String()},
		{"merchant", c.p.Merchant, p.merchant.Value()},
	} {
		if field.is != field.want {
			c.differ(PresentmentData, op, op.money(), "%s of %s %d: switch %q, %s %q", field.name, op.Op, op.Number, field.want, p.where(), field.is)
		}
	}
}

func places(found []*presented) string {
	names := make([]string, len(found))
	for i, p := range found {
		names[i] = p.where()
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// unclaimedPresentments reports what stands in a file and the journal does not know, in the order of the files.
func (a *auditor) unclaimedPresentments() {
	var left []*presented
	for _, p := range a.files.byARN {
		for ; p != nil; p = p.next {
			if !p.claimed {
				left = append(left, p)
			}
		}
	}
	slices.SortFunc(left, func(x, y *presented) int {
		return cmp.Or(strings.Compare(x.file.id, y.file.id), cmp.Compare(x.message, y.message))
	})
	for _, p := range left {
		l := lineCaptured
		switch {
		case p.reversal:
			l = lineTakenBack
		case p.credit:
			l = lineRefunded
		}
		currency := p.currency.Value()
		a.totals.add(currency, l, bookClearing, p.amount)
		a.report.differ(Difference{Kind: PresentmentUnknown, RRN: p.rrn.String(), AmountMinor: p.amount, Currency: currency,
			Detail: fmt.Sprintf("%s with acquirer reference %s; the journal does not know it", p.where(), p.arn)})
	}
}
