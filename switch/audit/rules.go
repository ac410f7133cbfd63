package audit

import "switchyard/internal/pan"

// names enters all that the payment names and reports what is named twice.
func (c *check) names() {
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		if op.row.ownsRRN && op.RRN != "" {
			c.once(RRNTwice, c.rrns, op, op.RRN, "RRN "+op.RRN)
		}
		if !op.row.silent {
			c.once(STANTwice, c.stans, op, op.Host+"\x00"+op.STAN+op.DE7, "STAN "+op.STAN+" of "+op.DE7+" to "+op.Host)
		}
		if op.Key != "" && !op.KeyHidden {
			c.once(KeyTwice, c.keys, op, c.p.Merchant+"\x00"+op.Key, "key "+op.Key+" of merchant "+c.p.Merchant)
		}
		if !op.row.clears || op.ARN == "" && !op.stands() {
			continue
		}
		if len(op.ARN) != len(arn{}) || !pan.Luhn(op.ARN) {
			c.differ(ARNInvalid, op, op.money(), "acquirer reference %q of %s", op.ARN, op.Op)
			continue
		}
		c.once(ARNTwice, c.arns, op, op.ARN, "acquirer reference "+op.ARN)
	}
}

func (c *check) once(kind Kind, names *register, op *operation, name, text string) {
	if before, twice := names.add(name, c.p.id, op.At); twice {
		c.differ(kind, op, 0, "%s was given to payment %s before", text, before)
	}
}

// rules holds the payment against I5, I7 and I18.
func (c *check) rules() {
	c.reversalsEnded()
	c.times()
	c.incoming()
	if _, broken := c.p.sums(); broken != "" {
		c.differ(Invariant, &c.p.Ops[0], 0, "%s", broken)
	}
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		n := c.p.reversals(i)
		if op.State == stateUnknown && n == 0 || n > 1 {
			c.differ(ReversalDue, op, op.Amount, "%s is %s and has %d reversals", op.Op, op.State, n)
		}
	}
}
