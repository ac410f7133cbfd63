package audit

// incoming holds what came in clearing files against what was presented (I18): a record is booked once, of all
// payments, and a chargeback counts for no more than its presentment, and for nothing once a file has taken that back.
// What a person has to look at is listed apart, for the books agree about it.
func (c *check) incoming() {
	type record struct {
		source string
		target int
	}
	booked := map[record]bool{}
	back := map[int]int64{}          // charged back, by presentment
	rejected := map[int]*operation{} // by presentment: of those that wait for a person
	var d disputes
	told := chargedParts{counted: map[chargedPart]bool{}, sum: map[int]int64{}}
	var s sums
	for i := range c.p.Ops {
		before := s
		c.p.add(&s, i)
		op := &c.p.Ops[i]
		if op.row.answers {
			d.answer(c, op, back)
		}
		if !op.row.incoming {
			continue
		}
		about := &c.p.Ops[op.Target]
		if of := (record{op.Source, op.Target}); booked[of] && !op.row.decided {
			c.differ(RecordTwice, op, op.Amount, "%s: record %s is booked twice", op.Op, op.Source)
		} else {
			booked[of] = true
			c.source(op)
		}
		switch op.Op {
		case opReject:
			if about.Op == opRepresent {
				d.reject(about)
				presented := c.p.Ops[about.Target].Target
				back[presented] += about.Granted
				if excess := max(0, s.beyond()) - max(0, before.beyond()); excess > 0 {
					c.apartMinor(&c.report.ChargebackExcess, op, op.State, excess)
				}
				continue
			}
			rejected[op.Target] = op
		case opResubmit, opWriteOff:
			if rejected[op.Target] == nil {
				c.differ(PresentmentTwice, op, op.Amount, "%s of %s %d, which was not rejected", op.Op, about.Op, about.Number)
			}
			delete(rejected, op.Target)
		case opChargeback:
			told.charge(c, op, about)
			if back[op.Target] += op.Granted; back[op.Target] > about.money() || !about.captures() {
				c.differ(Invariant, op, back[op.Target]-about.money(), "%s of %d is charged back by %d", about.Op, about.money(),
					back[op.Target])
			}
			if back := c.p.takenBackBy(op.Target); back != nil && back.N < op.N && op.Granted > 0 {
				c.differ(Invariant, op, op.Granted, "%s of %d counts as charged back by %d after operation %d took it back",
					about.Op, about.money(), op.Granted, back.N)
			}
			excess := op.Amount - op.Granted + max(0, s.beyond()) - max(0, before.beyond())
			if excess > 0 {
				c.apartMinor(&c.report.ChargebackExcess, op, op.State, excess)
			}
		}
	}
	for i := range c.p.Ops {
		if rejected[i] != nil {
			c.apart(&c.report.Rejected, &c.p.Ops[i], opReject)
		}
	}
}

// chargedParts are the chargebacks of a payment that the issuer tells apart by DE95.
type chargedParts struct {
	counted map[chargedPart]bool
	sum     map[int]int64 // by presentment: of those of the first one
}

// chargedPart is one of them.
type chargedPart struct {
	presentment int
	reference   string // DE95
	again       bool   // of what was presented a second time
}

// secondChargeback is the number of a chargeback of what was presented a second time.
const secondChargeback = 2

// charge holds a chargeback against those before it: one that came before counts for nothing, and all together for no
// more than was presented.
func (all *chargedParts) charge(c *check, op, about *operation) {
	of := chargedPart{op.Target, op.IssuerReference, op.Number == secondChargeback}
	if of.reference == "" || op.Granted == 0 {
		return
	}
	if all.counted[of] {
		c.differ(RecordTwice, op, op.Granted, "a chargeback with the issuer reference %s (DE95) counts for %s %d twice",
			of.reference, about.Op, about.Number)
	}
	all.counted[of] = true
	if of.again {
		return
	}
	if all.sum[op.Target] += op.Granted; all.sum[op.Target] > about.money() {
		c.differ(Invariant, op, all.sum[op.Target]-about.money(), "parts of %s of %d are charged back by %d", about.Op,
			about.money(), all.sum[op.Target])
	}
}

// disputes are the chargebacks of a payment that somebody has answered.
type disputes struct {
	accepted map[int]bool               // by chargeback
	second   map[chargedPart]*operation // the second presentment that stands, by presentment and reference
}

// answer holds what somebody decided about a chargeback: what is presented a second time is no more than it took, once
// at a time, and nothing once it was accepted.
func (d *disputes) answer(c *check, op *operation, back map[int]int64) {
	if d.accepted == nil {
		d.accepted, d.second = map[int]bool{}, map[chargedPart]*operation{}
	}
	of := &c.p.Ops[op.Target]
	if d.accepted[of.N] {
		c.differ(Invariant, op, op.Amount, "%s of the chargeback of %d, which was accepted", op.Op, of.Granted)
	}
	if op.Op == opAcceptDispute {
		d.accepted[of.N] = true
		return
	}
	is := chargedPart{presentment: of.Target, reference: of.IssuerReference}
	if before := d.second[is]; before != nil {
		c.differ(PresentmentTwice, op, op.Granted, "operation %d is presented a second time by operations %d and %d",
			of.Target, before.N, op.N)
	}
	if op.Granted > of.Granted || op.Granted != op.Amount || op.Granted == 0 {
		c.differ(Invariant, op, op.Granted, "%d of %d that were charged back are presented a second time", op.Granted,
			of.Granted)
	}
	d.second[is] = op
	back[of.Target] -= op.Granted
}

// reject takes a second presentment that the clearing system did not take for none.
func (d *disputes) reject(second *operation) {
	for of, stands := range d.second {
		if stands == second {
			delete(d.second, of)
		}
	}
}

// recorded is what a record of an incoming file was booked as first.
type recorded struct {
	op string
	by paymentID
}

// source enters the record that an operation is. A chargeback's is about one presentment and nothing else; those of a
// file's reject and of a settlement are about as many as the file has.
func (c *check) source(op *operation) {
	if op.row.decided { // the source is who decided
		return
	}
	if first, known := c.sources[op.Source]; known && (op.Op == opChargeback || first.op != op.Op) {
		c.differ(RecordTwice, op, op.Amount, "%s: record %s was booked as a %s of payment %s before", op.Op, op.Source,
			first.op, first.by)
		return
	}
	c.sources[op.Source] = recorded{op: op.Op, by: c.p.id}
}

// beyond is what the cardholder was paid back beyond what was captured; below 0 what may still be.
func (s *sums) beyond() int64 { return s.refunded + s.chargedBack - s.captured }

// rejected tells whether the clearing system rejected an operation's presentment: then the issuer does not settle it.
func (p *entry) rejected(op *operation) bool {
	for i := op.N + 1; i < len(p.Ops); i++ {
		if p.Ops[i].Op == opReject && p.Ops[i].Target == op.N {
			return true
		}
	}
	return false
}
