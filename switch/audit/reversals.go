package audit

// approving tells whether a code is an issuer's approval of something that a reversal could give back.
func approving(code string) bool { return code == "00" || code == "08" || code == "10" || code == "11" }

// approvalRecorded tells whether the journal has the issuer's approval of a request or advice, in time or late. A
// verification holds nothing.
func (op *operation) approvalRecorded() bool {
	return op.Op != opVerify && (approving(op.ResponseCode) || approving(op.Late))
}

// reversalsEnded reports reversals that ended because the issuer found nothing, though the journal has its approval
// (I5).
func (c *check) reversalsEnded() {
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		if op.State != stateApproved || op.ResponseCode != "21" && op.ResponseCode != "25" {
			continue
		}
		if o := c.original(i); o != nil {
			c.differ(ReversalEnded, op, op.Amount, "%s ended on %s, and the issuer's approval of %s is recorded",
				op.Op, op.ResponseCode, o.Op)
		}
	}
}

// original returns an operation that reversal i takes back and that the issuer approved; nil if there is none.
func (c *check) original(i int) *operation {
	switch op := &c.p.Ops[i]; op.Op {
	case opTimeoutReversal, opVoid:
		if o := &c.p.Ops[op.Target]; o.approvalRecorded() {
			return o
		}
	case opExpire:
		if !c.p.everCaptured() { // the hold may have lapsed by itself
			return nil
		}
		return c.approvedBefore(i)
	case opReverse, opRelease:
		return c.approvedBefore(i)
	}
	return nil
}

// approvedBefore returns an authorization or increment before operation i that the issuer approved; nil if there is
// none.
func (c *check) approvedBefore(i int) *operation {
	for j := range c.p.Ops[:i] {
		if o := &c.p.Ops[j]; (o.Op == opAuthorize || o.Op == opIncrement) && o.approvalRecorded() {
			return o
		}
	}
	return nil
}

// everCaptured tells whether the journal has a capture that the switch gave its word for, be it taken back since.
func (p *entry) everCaptured() bool {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Op == opCapture && op.promised() {
			return true
		}
	}
	return false
}
