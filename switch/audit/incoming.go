package audit

// incoming holds what came in clearing files against what was presented (I18): a record is booked once, a chargeback
// counts for no more than its presentment, and what a person has to look at is told.
func (c *check) incoming() {
	type record struct {
		source string
		target int
	}
	booked := map[record]bool{}
	back := map[int]int64{}          // charged back, by presentment
	rejected := map[int]*operation{} // by presentment: of those that wait for a person
	var s sums
	for i := range c.p.Ops {
		before := s
		c.p.add(&s, i)
		op := &c.p.Ops[i]
		if !op.row.incoming {
			continue
		}
		about := &c.p.Ops[op.Target]
		if of := (record{op.Source, op.Target}); booked[of] && !op.row.decided {
			c.differ(RecordTwice, op, op.Amount, "%s: record %s is booked twice", op.Op, op.Source)
		} else {
			booked[of] = true
		}
		switch op.Op {
		case opReject:
			rejected[op.Target] = op
		case opResubmit, opWriteOff:
			if rejected[op.Target] == nil {
				c.differ(PresentmentTwice, op, op.Amount, "%s of %s %d, which was not rejected", op.Op, about.Op, about.Number)
			}
			delete(rejected, op.Target)
		case opChargeback:
			if back[op.Target] += op.Granted; back[op.Target] > about.money() || !about.captures() {
				c.differ(Invariant, op, back[op.Target]-about.money(), "%s of %d is charged back by %d", about.Op, about.money(),
					back[op.Target])
			}
			excess := op.Amount - op.Granted + max(0, s.beyond()) - max(0, before.beyond())
			if excess > 0 {
				c.differ(ChargebackExcess, op, excess, "record %s charges %d back, %d more than was still owed", op.Source,
					op.Amount, excess)
			}
		}
	}
	for i := range c.p.Ops {
		if op, about := rejected[i], &c.p.Ops[i]; op != nil {
			c.differ(Rejected, op, op.Amount, "%s %d was rejected by record %s", about.Op, about.Number, op.Source)
		}
	}
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
