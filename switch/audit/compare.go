package audit

import "fmt"

// differ reports a difference of the payment, or of one of its operations.
func (c *check) differ(kind Kind, op *operation, minor int64, format string, args ...any) {
	d := Difference{
		Kind: kind, Payment: c.p.ID, Detail: fmt.Sprintf(format, args...), AmountMinor: minor, Currency: c.p.Currency,
	}
	if op != nil {
		d.RRN = op.RRN
	}
	c.report.differ(d)
}

// apart lists an operation apart.
func (c *check) apart(list *Apart, op *operation, state string) {
	c.apartMinor(list, op, state, op.Amount)
}

// apartMinor lists an operation apart with what of its amount is.
func (c *check) apartMinor(list *Apart, op *operation, state string, minor int64) {
	c.report.apart(list, Item{
		Payment: c.p.ID, Op: op.Op, State: state, RRN: op.RRN, BusinessDate: op.BusinessDate,
		AmountMinor: minor, Currency: c.p.Currency, Since: op.At,
	})
}

// counts tells whether an operation that clears goes into the totals: its business date is among those that are
// audited.
func (c *check) counts(op *operation) bool { return c.options.covers(op.filed()) }

// countOp adds what one operation moved to the totals.
func (c *check) countOp(op *operation, l line, b book, minor int64) {
	if c.counts(op) {
		c.count(l, b, minor)
	}
}

// count adds to the totals, unless the payment is apart.
func (c *check) count(l line, b book, minor int64) {
	if c.counted && minor != 0 {
		c.totals.add(c.p.Currency, l, b, minor)
	}
}
