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
		if c.p.Ops[i].row.clears {
			c.presentment(i)
		}
	}
}

// waiveFiles claims the presentments of a payment that is apart.
func (c *check) waiveFiles() {
	for i := range c.p.Ops {
		f := c.files.find(c.p.Ops[i].ARN)
		f.claim()
	}
}

// presentment compares one capture, sale or refund with what the files say of it.
func (c *check) presentment(i int) {
	op := &c.p.Ops[i]
	f := c.files.find(op.ARN)
	f.claim()
	first := f.first
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
			c.differ(
				PresentmentVoided, op, p.amount, "%s %d was voided before its date was sealed, yet stands in %s", op.Op, op.Number,
				p.where(),
			)
		}
	default:
		c.presented(op, c.again(op, first))
	}
	c.secondTime(op, f.second)
	c.takenBack(op, void, f.reversals)
}

// inOrder copies presentments, those of earlier files first: a date with windows may have several of one capture. Its
// files go on in their sequence, whatever the processor id is by then.
func inOrder(found []*presented) []*presented {
	const sequenceDigits = 5 // which end a file id
	sequence := func(id string) string { return id[max(0, len(id)-sequenceDigits):] }
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b *presented) int {
		return cmp.Or(cmp.Compare(a.file.date, b.file.date), cmp.Compare(sequence(a.file.id), sequence(b.file.id)),
			cmp.Compare(a.file.id, b.file.id))
	})
	return found
}

// again expects each resubmission of op in the files of its business date, with the reference of op and once, and
// returns the other presentments of that. They move nothing: the totals have what was presented first. With windows op
// may have been rejected and presented again within its date: then its own record stands in the earlier file.
func (c *check) again(op *operation, found []*presented) (others []*presented) {
	others = inOrder(found)
	for i := op.N + 1; i < len(c.p.Ops); i++ {
		r := &c.p.Ops[i]
		if r.Op != opResubmit || r.Target != op.N {
			continue
		}
		if r.ARN != op.ARN {
			c.differ(ARNInvalid, r, op.money(), "%s %d of %s is presented again as %s", op.Op, op.Number, op.ARN, r.ARN)
		}
		own := r.filed() == op.filed()
		at := slices.IndexFunc(others, func(p *presented) bool {
			if p.file.date != r.filed() {
				return false
			}
			before := own
			own = false
			return !before
		})
		switch {
		case at >= 0:
			c.samePresentment(op, r, others[at])
			others = slices.Delete(others, at, at+1)
		case c.written[r.filed()] && c.counts(r) && !c.inMissingFile(r, op.money()):
			c.differ(PresentmentMissing, r, op.money(), "%s %d is presented again on %s, no file says so", op.Op, op.Number,
				r.filed())
		}
	}
	return others
}

// secondTime expects each second presentment of op in the files of its business date, once, and no other: several of
// one date are told apart by DE95. It moves nothing in the totals, which have what was presented first.
func (c *check) secondTime(op *operation, found []*presented) {
	found = inOrder(found)
	for i := op.N + 1; i < len(c.p.Ops); i++ {
		r := &c.p.Ops[i]
		if r.Op != opRepresent || c.p.Ops[r.Target].Target != op.N {
			continue
		}
		if r.ARN != op.ARN {
			c.differ(ARNInvalid, r, r.Granted, "%s %d of %s is presented a second time as %s", op.Op, op.Number, op.ARN, r.ARN)
		}
		at := slices.IndexFunc(found, func(p *presented) bool {
			return p.file.date == r.filed() && p.common.Value().issuerRef == c.p.Ops[r.Target].IssuerReference
		})
		if at < 0 { // one that says another is different
			at = slices.IndexFunc(found, func(p *presented) bool { return p.file.date == r.filed() })
		}
		switch {
		case at >= 0:
			c.samePresentment(op, r, found[at])
			found = slices.Delete(found, at, at+1)
		case c.written[r.filed()] && c.counts(r) && !c.inMissingFile(r, r.Granted):
			c.differ(PresentmentMissing, r, r.Granted, "%s %d is presented a second time on %s, no file says so", op.Op,
				op.Number, r.filed())
		}
	}
	for _, p := range found {
		c.differ(PresentmentTwice, op, p.amount, "%s %d is presented a second time in %s; the journal has no such record, "+
			"or another file has it", op.Op, op.Number, p.where())
	}
}

// presented expects exactly one first presentment of op, once its business date has its files.
func (c *check) presented(op *operation, found []*presented) {
	c.ahead(op)
	line := op.row.line
	switch {
	case len(found) == 0 && !c.counts(op):
		return // its file is not read
	case len(found) == 0 && c.written[op.filed()]:
		if c.inMissingFile(op, op.money()) {
			return
		}
		c.differ(PresentmentMissing, op, op.money(), "%s %d of business date %s stands in no file", op.Op, op.Number,
			op.filed())
		return
	case len(found) == 0 && op.CarriedTo != "" && !c.held(op):
		c.countOp(op, line, bookPending, op.money())
		c.differ(PresentmentAside, op, op.money(),
			"%s %d of business date %s could not be cleared, and is in the clearing of %s", op.Op, op.Number,
			op.BusinessDate, op.CarriedTo)
		return
	case len(found) == 0:
		c.apart(&c.report.NotCleared, op, op.State)
		c.countOp(op, line, bookPending, op.money())
		return
	case len(found) > 1:
		c.differ(PresentmentTwice, op, op.money(), "%s %d stands in %s", op.Op, op.Number, places(found))
	}
	for _, p := range found {
		c.countOp(op, line, bookClearing, p.amount)
		c.samePresentment(op, op, p)
		if p.file.date != op.filed() {
			c.differ(PresentmentDate, op, op.money(), "%s %d of business date %s stands in %s of %s", op.Op, op.Number,
				op.filed(), p.where(), p.file.date)
		}
	}
}

// takenBack expects exactly one reversal presentment where void is one and its business date has its files, else none.
func (c *check) takenBack(op, void *operation, found []*presented) {
	due := void != nil && void.Op == opVoidPresentment && void.promised()
	switch {
	case !due:
		for _, p := range found {
			c.differ(
				PresentmentUnknown, op, p.amount, "%s %d is taken back by %s; the journal does not know of it", op.Op, op.Number,
				p.where(),
			)
		}
		return
	case len(found) == 0 && !c.counts(void):
		return
	case len(found) == 0 && c.written[void.filed()]:
		if c.inMissingFile(void, op.money()) {
			return
		}
		c.differ(ReversalMissing, op, op.money(), "%s %d was taken back on %s, no file says so (PDS0025)", op.Op, op.Number,
			void.filed())
		return
	case len(found) == 0 && void.CarriedTo != "" && !c.held(void):
		c.differ(PresentmentAside, op, op.money(),
			"that %s %d was taken back on %s could not be cleared, and is in the clearing of %s", op.Op, op.Number,
			void.BusinessDate, void.CarriedTo)
		return
	case len(found) == 0:
		c.apart(&c.report.NotCleared, void, void.State)
		return
	case len(found) > 1:
		c.differ(PresentmentTwice, op, op.money(), "%s %d is taken back by %s", op.Op, op.Number, places(found))
	}
	for _, p := range found {
		c.countOp(void, lineTakenBack, bookClearing, p.amount)
		c.samePresentment(op, void, p)
		if p.file.date != void.filed() {
			c.differ(PresentmentDate, op, op.money(), "%s %d was taken back on %s, stands in %s of %s", op.Op, op.Number,
				void.filed(), p.where(), p.file.date)
		}
		if of := p.reverses.Value(); of != yearMonthDay(op.filed()) {
			c.differ(PresentmentData, op, op.money(), "%s takes back a presentment of %s (PDS0025), that of %s %d is of %s",
				p.where(), of, op.Op, op.Number, yearMonthDay(op.filed()))
		}
	}
}

// held tells whether an operation waits for a date with settlement: its destination had none on any date that was
// sealed since the operation's own, or it was refused, and none of them has put the operation aside.
func (c *check) held(op *operation) bool {
	if op.Clearing == nil {
		return false
	}
	for date, d := range c.calendar.days {
		between := date == op.BusinessDate || op.BusinessDate < date && date < op.filed()
		if between && d.Data != nil &&
			(!slices.Contains(d.Data.Held, op.Clearing.Destination) || d.Data.putAside(c.p.ID, op.N)) {
			return false
		}
	}
	d := c.calendar.days[op.BusinessDate]
	return d != nil && d.Data != nil
}

// filed is the business date in whose files an operation is expected.
func (op *operation) filed() string {
	if op.CarriedTo != "" {
		return op.CarriedTo
	}
	return op.BusinessDate
}

// yearMonthDay turns YYYY-MM-DD into YYMMDD.
func yearMonthDay(date string) string {
	if len(date) != len("2006-01-02") {
		return date
	}
	return date[2:4] + date[5:7] + date[8:]
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
		currency := p.currencyOf()
		a.totals.add(currency, l, bookClearing, p.amount)
		a.report.differ(Difference{Kind: PresentmentUnknown, RRN: p.rrn.String(), AmountMinor: p.amount, Currency: currency,
			Detail: fmt.Sprintf("%s with acquirer reference %s; the journal does not know it", p.where(), p.arn)})
	}
}
