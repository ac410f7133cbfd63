package audit

import "time"

// What has no outcome is given until its bound, by the switch's own clock: the times in the journal are that clock's,
// and the auditor's may be another. Where the switch's clock was ahead for a while and has been put right, a time in
// its future tells no age at all; that is said.

// clockSlack is how far ahead of the switch's clock a time may be that was taken while the books were read.
const clockSlack = time.Minute

// ages reports the operations that have had no outcome for longer than they may.
func (c *check) ages() {
	if c.now.IsZero() {
		return
	}
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		kind, bound := c.boundOf(op)
		if bound <= 0 {
			continue
		}
		switch age := c.now.Sub(op.At); {
		case age < -clockSlack:
			c.differ(kind, op, op.Amount, "%s is %s, and dated %s ahead of the switch's clock: nobody can tell since when",
				op.Op, op.State,
				(-age).Round(time.Second))
		case age > bound:
			c.differ(kind, op, op.Amount, "%s is %s since %s, %s by the switch's clock; %s may be", op.Op, op.State,
				op.At.UTC().Format(time.RFC3339), age.Round(time.Second), bound)
		}
	}
}

// boundOf returns how long an operation may stay as it is; 0: for good. A parked advice is a difference at any age.
func (c *check) boundOf(op *operation) (Kind, time.Duration) {
	open := op.State == statePending || op.State == stateQueued
	switch {
	case !open:
		return "", 0
	case op.row.takesBack:
		return VoidOverdue, c.options.VoidAge
	case op.State == statePending:
		return IntentOverdue, c.options.IntentAge
	}
	return AdviceOverdue, c.options.AdviceAge
}

// ahead lists what was accepted under a business date that is not due yet: a clock stood in the future then. A cutover
// by hand may open the next date early, and time zones are up to half a day ahead of UTC.
func (c *check) ahead(op *operation) {
	const most = 2 * 24 * time.Hour
	if c.now.IsZero() || op.BusinessDate == "" {
		return
	}
	if day, err := time.Parse(time.DateOnly, op.BusinessDate); err == nil && day.Sub(c.now) > most {
		c.apart(&c.report.Ahead, op, op.State)
	}
}
