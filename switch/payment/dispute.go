package payment

// A dispute is what a chargeback opens: the acquirer presents a second time what was charged back, or accepts that it
// is. What is decided is an operation whose Target is the chargeback's; what is presented a second time is a
// presentment of its own, which the clearing system may reject or settle.

// DisputeState is where a dispute has got to.
type DisputeState uint8

// The states of a dispute.
const (
	DisputeOpen        DisputeState = iota // somebody has to decide
	DisputeRepresented                     // it is presented a second time
	DisputeAccepted                        // nothing is presented any more
	DisputeLost                            // charged back again after it was presented a second time, or too late
)

var disputeStates = [...]string{"open", "represented", "accepted", "lost"}

// String returns the name that lists show.
func (s DisputeState) String() string { return disputeStates[s] }

// DisputeStates lists all of them.
func DisputeStates() []DisputeState {
	return []DisputeState{DisputeOpen, DisputeRepresented, DisputeAccepted, DisputeLost}
}

// Dispute is what became of a chargeback.
type Dispute struct {
	State       DisputeState
	Presentment int   // the operation that was charged back
	Represented int   // the second presentment that stands, or NoTarget
	Steps       []int // its operations in their order, the chargeback first
}

// SecondChargeback is the Number of a chargeback of what was presented a second time.
const SecondChargeback = 2

// Dispute folds the dispute that operation i, a chargeback, opened. One that counts for nothing opens none, and one
// that comes after a second presentment goes on with the dispute of that.
func (p *Payment) Dispute(i int) (d Dispute, opened bool) {
	if !p.opens(i) {
		return d, false
	}
	return p.dispute(i), true
}

func (p *Payment) opens(i int) bool {
	op := &p.Ops[i]
	return op.Kind == KindChargeback && op.Granted > 0 && op.Number != SecondChargeback
}

func (p *Payment) dispute(i int) Dispute {
	d := Dispute{Presentment: p.Ops[i].Target, Represented: NoTarget, Steps: []int{i}}
	for j := i + 1; j < len(p.Ops); j++ {
		op := &p.Ops[j]
		switch {
		case op.Kind == KindRepresent && op.Target == i:
			d.State, d.Represented = DisputeRepresented, j
		case op.Kind == KindAcceptDispute && op.Target == i:
			d.State = DisputeAccepted
		case op.Kind == KindReject && op.Target == d.Represented:
			d.State, d.Represented = DisputeOpen, NoTarget
		case op.Kind == KindSettle && op.Target == d.Represented:
		case op.Number == SecondChargeback && op.Kind == KindChargeback && op.Target == d.Presentment &&
			d.Represented != NoTarget:
			d.State = DisputeLost
		default:
			continue
		}
		d.Steps = append(d.Steps, j)
	}
	return d
}

// SecondPresentments are the operations that present operation i a second time, those that were rejected too.
func (p *Payment) SecondPresentments(i int) (all []int) {
	for j := i + 1; j < len(p.Ops); j++ {
		if p.SecondOf(j) == i {
			all = append(all, j)
		}
	}
	return all
}

// SecondOf is the operation that operation j presents a second time, or NoTarget.
func (p *Payment) SecondOf(j int) int {
	if op := &p.Ops[j]; op.Kind == KindRepresent && op.Target != NoTarget {
		return p.Ops[op.Target].Target
	}
	return NoTarget
}

// rejectsSecond is the second presentment that operation j, a reject, is of, or NoTarget.
func (p *Payment) rejectsSecond(j int) int {
	if op := &p.Ops[j]; op.Kind == KindReject && op.Target != NoTarget &&
		p.Ops[op.Target].Kind == KindRepresent {
		return op.Target
	}
	return NoTarget
}

// Represented is the second presentment of operation i that stands, or NoTarget.
func (p *Payment) Represented(i int) int {
	stands := NoTarget
	for _, j := range p.SecondPresentments(i) {
		if p.Presentment(j) != PresentmentRejected {
			stands = j
		}
	}
	return stands
}

// WholeDispute tells whether operation i, a second presentment, is of all that was charged back (DE24 205), and not of
// a part of it (282).
func (p *Payment) WholeDispute(i int) bool {
	op := &p.Ops[i]
	return op.Granted == p.Ops[op.Target].Amount
}

// CheckRepresent returns the amount of a second presentment of what operation i, a chargeback, took; an amount of 0
// asks for all that counts of it. date is the business date in whose file it would stand, due the last one that is in
// time.
//
// Of a presentment there is one second one at most (I8): a record is known by its acquirer reference and function.
func (p *Payment) CheckRepresent(i int, amount int64, date, due Date) (int64, *Refusal) {
	d, opened := p.Dispute(i)
	switch {
	case !opened:
		return 0, notDisputed(p, i)
	case d.State == DisputeAccepted:
		return 0, state("the dispute is accepted")
	case d.State == DisputeLost:
		return 0, state("it was charged back again after it was presented a second time: it is lost, or for arbitration")
	case p.Represented(d.Presentment) != NoTarget:
		return 0, state("its presentment is presented a second time already")
	case date > due:
		return 0, state("the last day for a second presentment was %s; its file would be of %s", due, date)
	case !p.roomBeside():
		return 0, state("the payment has reached %d operations", MaxOps)
	}
	return within(amount, p.Ops[i].Granted, "present a second time")
}

// CheckAcceptDispute refuses to accept what is presented a second time, and what is ended.
func (p *Payment) CheckAcceptDispute(i int) *Refusal {
	d, opened := p.Dispute(i)
	switch {
	case !opened:
		return notDisputed(p, i)
	case d.State == DisputeAccepted:
		return state("the dispute is accepted already")
	case d.State == DisputeRepresented:
		return state("the dispute is represented: it is accepted if it is charged back again")
	case !p.roomBeside():
		return state("the payment has reached %d operations", MaxOps)
	}
	return nil
}

func notDisputed(p *Payment, i int) *Refusal {
	if p.Ops[i].Kind == KindChargeback && p.Ops[i].Granted == 0 {
		return state("nothing of the chargeback counts, as it is of more than was presented: it is an exception")
	}
	return state("the operation opened no dispute")
}
