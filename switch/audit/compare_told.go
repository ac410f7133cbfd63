package audit

import (
	"fmt"
	"slices"
	"strings"
)

// compareTold holds each operation that a gateway asked for against what the gateway was told of it.
func (c *check) compareTold() {
	if c.told.lines == 0 {
		return
	}
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		if op.Key == "" {
			continue
		}
		if b, ok := c.told.burned[c.told.name(c.p.Merchant, op.Key)]; ok {
			c.differ(ToldOutcome, op, op.Amount,
				"%s with key %s: a gateway was told (line %d) that nothing was done under this key", op.Op, b.key, b.line)
		}
		if t := c.told.byOp[c.told.name(c.p.ID, op.Key)]; t != nil {
			t.found = true
			c.toldOf(i, t)
		}
	}
}

// waiveTold claims what was told of a payment that is not compared.
func (c *check) waiveTold() {
	for i := range c.p.Ops {
		if t := c.told.byOp[c.told.name(c.p.ID, c.p.Ops[i].Key)]; t != nil {
			t.found = true
		}
	}
}

// toldOf compares one operation with its answer.
func (c *check) toldOf(i int, t *told) {
	op := &c.p.Ops[i]
	differ := func(kind Kind, format string, args ...any) {
		c.differ(kind, op, t.amount, "%s with key %s, told on line %d: %s", op.Op, op.Key, t.line, fmt.Sprintf(format,
			args...))
	}
	undone := slices.ContainsFunc(c.p.Ops[i+1:], func(u operation) bool {
		return u.Op == opTimeoutReversal &&
			u.Target == i
	})
	switch is := op.outcome(); {
	case is == 0 && op.State == statePending && t.outcome != 0:
		differ(ToldOutcome, "%s, the journal has no outcome", outcomeNames[t.outcome])
	case t.outcome == toldApproved && (undone || op.State == stateUnknown):
		differ(ToldReversed, "approved, and the switch has reversed it by itself; it is %s", op.State)
	case is != t.outcome:
		differ(ToldOutcome, "%s, the journal says %s", outcomeNames[t.outcome], op.State)
	}
	if want := op.toldAmount(); t.outcome == toldApproved && (t.amount != want || t.currency.Value() != c.p.Currency) {
		differ(ToldAmount, "%d %s, the journal says %d %s", t.amount, t.currency.Value(), want, c.p.Currency)
	}
	for _, f := range [...]struct {
		name, is, want string
		optional       bool
	}{
		{"RRN", t.rrn.String(), op.RRN, false},
		{"STAN", trimmed(t.stan[:]), op.STAN, op.STAN == "000000" || op.STAN == ""},
		{"response code", trimmed(t.code[:]), op.ResponseCode, true}, // an advice is answered before it has one
		{"authorization code", t.auth.String(), op.AuthCode, true},
		{"business date", t.date.Value(), op.BusinessDate, !op.row.clears},
	} {
		if f.is != f.want && !(f.optional && f.is == "") {
			differ(ToldData, "%s %q, the journal says %q", f.name, f.is, f.want)
		}
	}
	if t.made != 0 && t.made != int32(op.N) {
		differ(ToldData, "its id is %s-%d, the journal has it at %d", c.p.ID, t.made, op.N)
	}
	c.toldCleared(op, i, t)
}

// toldCleared wants the record of a capture, sale or refund that was told in a file, once its date is written.
func (c *check) toldCleared(op *operation, i int, t *told) {
	date := t.date.Value()
	if !op.row.clears || t.outcome != toldApproved || !c.written[date] || !c.options.covers(date) ||
		c.p.takenBackBy(i) != nil {
		return
	}
	if len(c.files.find(op.ARN).first) == 0 && c.missingOf(op) == nil &&
		(c.written[op.filed()] || !c.held(op)) {
		c.differ(ToldUncleared, op, t.amount, "%s with key %s, told on line %d, of business date %s stands in no file",
			op.Op, op.Key, t.line, date)
	}
}

// outcome is what an answer about the operation must say; 0: there is none yet.
func (op *operation) outcome() toldOutcome {
	switch op.State {
	case stateApproved:
		return toldApproved
	case stateDeclined:
		return toldDeclined
	case stateFailed, stateUnknown:
		return toldUndone
	case stateQueued, stateParked, stateClosed:
		return toldApproved // the switch's word, given before the issuer's
	}
	return 0
}

// toldAmount is the amount that an answer about an approved operation has.
func (op *operation) toldAmount() int64 {
	if op.row.granted {
		return op.Granted
	}
	return op.Amount
}

func trimmed(code []byte) string { return strings.TrimRight(string(code), "\x00") }

// unclaimedTold reports what gateways were told and the journal does not know. Of a range of dates it is what is
// missing from the payments that are read: another may clear elsewhere, or not at all by now.
func (a *auditor) unclaimedTold() {
	for _, d := range a.told.wrong {
		a.report.differ(d)
	}
	var left []*told
	for _, t := range a.told.byOp {
		if !t.found && !a.left(t.payment) {
			left = append(left, t)
		}
	}
	slices.SortFunc(left, func(x, y *told) int { return int(x.line - y.line) })
	for _, t := range left {
		cleared := ""
		if date := t.date.Value(); t.outcome == toldApproved && date != "" && a.written[date] {
			cleared = "; business date " + date + " is written without it"
		}
		a.report.differ(Difference{
			Kind: ToldMissing, Payment: t.payment.String(), RRN: t.rrn.String(), AmountMinor: t.amount,
			Currency: t.currency.Value(),
			Detail: fmt.Sprintf("%s, told on line %d: %s; the journal does not have it%s", t.op.Value(), t.line, t.text(),
				cleared),
		})
	}
}
