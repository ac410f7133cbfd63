package payment

// What the other side says of presentments in clearing files is operations, too: their Target is the presentment's, and
// their Source the record that they are. They are facts once they are here; the Check functions below say whether a
// record can be one.

// PresentmentState is where a presentment that stands in a file has got to.
type PresentmentState uint8

// The states of a presentment.
const (
	PresentmentSent        PresentmentState = iota // nothing was heard of it
	PresentmentRejected                            // the clearing system does not take it
	PresentmentSettled                             // it takes and settles it
	PresentmentChargedBack                         // the issuer charged it back, or a part of it
	PresentmentWrittenOff                          // it was rejected, and is not presented again
	PresentmentRepresented                         // what each chargeback of it took is presented a second time
)

var presentmentStates = [...]string{"presented", "rejected", "settled", "charged_back", "written_off", "represented"}

// String returns the name that histories and exports show.
func (s PresentmentState) String() string { return presentmentStates[s] }

// Presentment folds what was heard of operation i's presentment.
func (p *Payment) Presentment(i int) PresentmentState {
	s := PresentmentSent
	for j := i + 1; j < len(p.Ops); j++ {
		op := &p.Ops[j]
		switch {
		case op.Target != i:
		case op.Kind == KindReject:
			s = PresentmentRejected
		case op.Kind == KindResubmit:
			s = PresentmentSent
		case op.Kind == KindWriteOff:
			s = PresentmentWrittenOff
		case op.Kind == KindChargeback:
			s = PresentmentChargedBack
		case op.Kind == KindSettle && s == PresentmentSent:
			s = PresentmentSettled
		}
	}
	if s == PresentmentChargedBack && p.allRepresented(i) {
		return PresentmentRepresented
	}
	return s
}

// allRepresented tells whether what each dispute about operation i took is presented a second time, and there is one.
func (p *Payment) allRepresented(i int) bool {
	all := false
	for j := i + 1; j < len(p.Ops); j++ {
		if p.Ops[j].Target == i && p.opens(j) {
			if p.dispute(j).State != DisputeRepresented {
				return false
			}
			all = true
		}
	}
	return all
}

// LastPresented is the operation by which operation i is presented now: its newest resubmission, or itself.
func (p *Payment) LastPresented(i int) int {
	last := i
	for j := i + 1; j < len(p.Ops); j++ {
		if op := &p.Ops[j]; op.Kind == KindResubmit && op.Target == i {
			last = j
		}
	}
	return last
}

// CheckRejected refuses a resubmission or write-off of what is not rejected (I8: of the presentments of an operation
// one stands at most). What takes an earlier record back is not presented again: it was not taken, nor was that.
func (p *Payment) CheckRejected(i int) *Refusal {
	switch s := p.Presentment(i); {
	case !p.Ops[i].Kind.Row().Clears || p.Ops[i].Kind == KindResubmit:
		return state("a %s is presented by no file", p.Ops[i].Kind)
	case p.Ops[i].Kind == KindRepresent:
		return state("it is a second presentment: its dispute is open again")
	case s != PresentmentRejected:
		return state("its presentment is %s and not rejected", s)
	case !p.roomBeside():
		return state("the payment has reached %d operations", MaxOps)
	}
	return nil
}

// Told returns the operation that a record of an incoming file is, about operation target, or NoTarget where it is none
// yet.
func (p *Payment) Told(source string, target int) int {
	for i := target + 1; i < len(p.Ops); i++ {
		if p.Ops[i].Target == target && p.Ops[i].Source == source {
			return i
		}
	}
	return NoTarget
}

// ToldOf returns the operation that a record of an incoming file is about, or NoTarget where the payment has nothing of
// the record.
func (p *Payment) ToldOf(source string) int {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind.Row().Incoming && op.Source == source {
			return op.Target
		}
	}
	return NoTarget
}

// ExcessOf is what of operation i, a chargeback, is beyond what the cardholder was still owed: beyond its presentment,
// or paid back by a refund before.
func (p *Payment) ExcessOf(i int) int64 {
	var s Sums
	for j := range p.Ops[:i] {
		p.add(&s, j)
	}
	before := s.Excess()
	p.add(&s, i)
	op := &p.Ops[i]
	return op.Amount - op.Granted + s.Excess() - before
}

// CheckReject refuses a reject of what stands in no file, or of which more is known by now.
func (p *Payment) CheckReject(i int) *Refusal {
	if r := p.heardOf(i); r != nil {
		return r
	}
	if s := p.Presentment(i); s != PresentmentSent {
		return state("its presentment is %s already", s)
	}
	for j := i + 1; j < len(p.Ops); j++ {
		if p.takesAgain(j) == i {
			return state("it was charged back again already")
		}
	}
	return nil
}

// CheckSettle refuses a settlement of what stands in no file, was rejected, or is settled already.
func (p *Payment) CheckSettle(i int) *Refusal {
	if r := p.heardOf(i); r != nil {
		return r
	}
	for j := p.LastPresented(i) + 1; j < len(p.Ops); j++ {
		op := &p.Ops[j]
		if op.Target == i && (op.Kind == KindSettle || op.Kind == KindReject || op.Kind == KindWriteOff) {
			return state("its presentment is %s already", p.Presentment(i))
		}
	}
	return nil
}

// CheckChargeback refuses a chargeback that can be none, and returns what of its amount is of the presentment: all that
// is beyond it is excess. second is the second presentment that it takes (TakesAgain), once that stands in a file, and
// NoTarget before: nobody has read it then.
func (p *Payment) CheckChargeback(i int, c Chargeback, second int) (counts int64, r *Refusal) {
	op := &p.Ops[i]
	switch r := p.heardOf(i); {
	case r != nil:
		return 0, r
	case !op.Kind.Row().Captures:
		return 0, state("a %s debits no cardholder", op.Kind)
	case c.Amount <= 0:
		return 0, state("it is of no amount")
	case p.Presentment(i) == PresentmentRejected, p.Presentment(i) == PresentmentWrittenOff:
		return 0, state("its presentment was rejected")
	}
	if p.Voided(i) {
		return 0, nil // taken back: it is all excess, and nothing that is captured pays for it
	}
	return min(c.Amount, max(0, p.chargeable(i, c, second))), nil
}

// heardOf refuses what is said of an operation that has no presentment, and what the record has no room for.
func (p *Payment) heardOf(i int) *Refusal {
	op := &p.Ops[i]
	switch {
	case !op.Kind.Row().Clears || !op.Counts() || p.Withdrawn(i):
		return state("it stands in no clearing file")
	case !p.roomBeside():
		return state("the payment has reached %d operations", MaxOps)
	case p.incoming() >= MaxIncoming:
		return state("the payment has reached the %d operations that records of clearing files may take", MaxIncoming)
	}
	return nil
}

// incoming counts the records of clearing files that are booked on the payment.
func (p *Payment) incoming() int {
	n := 0
	for i := range p.Ops {
		if p.Ops[i].Kind.Row().Incoming {
			n++
		}
	}
	return n
}

// Refundable is what a refund may pay back now: nothing that is charged back, and nothing that was rejected.
func (p *Payment) Refundable() int64 { return max(0, p.Sums().Refundable()-p.unpresented()) }

// unpresented is the money of captures that the clearing system has rejected and that were not presented again: nobody
// pays it.
func (p *Payment) unpresented() (amount int64) {
	for i := range p.Ops {
		op := &p.Ops[i]
		if !op.Kind.Row().Captures || !op.Counts() || p.Voided(i) {
			continue
		}
		if s := p.Presentment(i); s == PresentmentRejected || s == PresentmentWrittenOff {
			amount += op.Clears()
		}
	}
	return amount
}

// Withdrawn tells whether operation i was voided before its date was sealed.
func (p *Payment) Withdrawn(i int) bool {
	for j := i + 1; j < len(p.Ops); j++ {
		if v := &p.Ops[j]; v.Kind == KindVoid && v.Target == i && (v.Accepted() || v.State == StatePending) {
			return true
		}
	}
	return false
}
