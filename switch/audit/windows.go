package audit

import "time"

// What is done for a payment although nobody asks for it then: a capture by the switch, and the end of the capture
// window. When these are due is fixed with the authorization.

// times holds the payment's captures and the end of its window against its window, and the switch's own captures
// against what was asked for.
func (c *check) times() {
	if c.p.Expires.IsZero() { // an export of before
		return
	}
	at, automatic := c.p.Ops[0].CaptureAt, 0
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		past := op.At.After(c.p.Expires)
		if op.Op == opExpire && !past {
			c.differ(CaptureTime, op, op.Amount, "what was left is given up at %s, and its window ends at %s",
				op.At.Format(time.RFC3339Nano), c.p.Expires.Format(time.RFC3339Nano))
		}
		if op.Op != opCapture {
			continue
		}
		if past != op.PastWindow {
			c.differ(CaptureTime, op, op.Amount, "accepted at %s, its window ends at %s, marked as past it: %t",
				op.At.Format(time.RFC3339Nano), c.p.Expires.Format(time.RFC3339Nano), op.PastWindow)
		}
		if !op.Automatic {
			continue
		}
		if automatic++; at.IsZero() || op.At.Before(at) || automatic > 1 {
			c.differ(CaptureTime, op, op.Amount, "capture %d by the switch, at %s; one was asked for at %s", automatic,
				op.At.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
		}
	}
	c.overdue(automatic > 0)
}

// overdue reports what is left to capture although it should have been captured by the switch, or given up, for longer
// than may be. What has a message on its way, or waits for a person, is said elsewhere.
func (c *check) overdue(made bool) {
	root := &c.p.Ops[0]
	if c.now.IsZero() || c.options.WindowAge <= 0 || root.Op != opAuthorize {
		return
	}
	sums, broken := c.p.sums()
	left := sums.capturable()
	if open, parked, _ := c.p.unfinished(); open != nil || parked != nil || broken != "" || left <= 0 {
		return
	}
	ended := c.now.After(c.p.Expires) && !root.ForcePost
	report := func(kind Kind, what string, since time.Time) {
		if age := c.now.Sub(since); age > c.options.WindowAge {
			c.differ(kind, root, left, "%s at %s, and %d minor units are left %s after by the switch's clock; %s may be", what,
				since.UTC().Format(time.RFC3339), left, age.Round(time.Second), c.options.WindowAge)
		}
	}
	switch {
	case ended:
		report(WindowOverdue, "its window ended", c.p.Expires)
	case !root.CaptureAt.IsZero() && !made:
		report(CaptureOverdue, "the switch was to capture it", root.CaptureAt)
	}
}
