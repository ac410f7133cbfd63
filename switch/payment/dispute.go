package payment

import "slices"

// A dispute is what a chargeback opens: the acquirer presents a second time what was charged back, or accepts that it
// is. What is decided is an operation whose Target is the chargeback's; what is presented a second time is a
// presentment of its own, which the clearing system may reject or settle.
//
// Several chargebacks of parts of one presentment are told apart by the issuer's reference, which their second
// presentments repeat: each has a dispute of its own. Those without one are not: of them one is presented a second
// time.

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
		case d.Represented != NoTarget && p.takesAgain(j) == d.Represented:
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

// standingSeconds are the second presentments of operation i that were made before operation end, and not rejected.
func (p *Payment) standingSeconds(i, end int) (all []int) {
	for j := i + 1; j < end; j++ {
		if p.SecondOf(j) == i {
			all = append(all, j)
		} else if second := p.rejectsSecond(j); second != NoTarget {
			all = slices.DeleteFunc(all, func(of int) bool { return of == second })
		}
	}
	return all
}

// Represented is the second presentment that stands of what a chargeback of operation i with an issuer reference took,
// or NoTarget.
func (p *Payment) Represented(i int, issuerReference string) int {
	second, _ := p.secondFor(i, issuerReference, len(p.Ops))
	return second
}

// secondFor is Represented as it stood before operation end; all are those of any reference.
func (p *Payment) secondFor(i int, issuerReference string, end int) (second int, all []int) {
	second, all = NoTarget, p.standingSeconds(i, end)
	for _, j := range all {
		if p.Ops[p.Ops[j].Target].IssuerReference == issuerReference {
			second = j
		}
	}
	return second, all
}

// Chargeback is what a record of one says.
type Chargeback struct {
	Amount          int64
	IssuerReference string // DE95, or ""
	Arbitration     bool   // DE24 says that it takes what was presented a second time
}

// TakesAgain is the second presentment of operation i that a chargeback takes, or NoTarget where it takes of the first.
// An arbitration is of the second presentment with its reference, or of the only one that stands, as it may have
// another than the first chargeback; but not where that reference is another chargeback's. Of what has no reference the
// function says nothing: it takes the second presentment of what had none.
func (p *Payment) TakesAgain(i int, c Chargeback) (second int, r *Refusal) {
	second, all := p.secondFor(i, c.IssuerReference, len(p.Ops))
	switch {
	case !c.Arbitration && c.IssuerReference != "":
		return NoTarget, nil
	case second != NoTarget || !c.Arbitration || len(all) == 0:
		return second, nil
	case p.charged(i, c.IssuerReference, NoTarget, len(p.Ops)):
		return NoTarget, state("its issuer reference (DE95) is that of a chargeback which nothing presented a second time " +
			"answers")
	case len(all) == 1:
		return all[0], nil
	}
	return NoTarget, state("its issuer reference (DE95) does not say which of %d second presentments it takes", len(all))
}

// takesAgain is the second presentment that operation j, a chargeback, took, or NoTarget.
func (p *Payment) takesAgain(j int) int {
	op := &p.Ops[j]
	if op.Kind != KindChargeback || op.Number != SecondChargeback {
		return NoTarget
	}
	second, all := p.secondFor(op.Target, op.IssuerReference, j)
	if second == NoTarget && len(all) == 1 {
		return all[0]
	}
	return second
}

// Repeats tells whether operation i is a chargeback that came before: of the same presentment, with the same reference.
func (p *Payment) Repeats(i int) bool {
	op := &p.Ops[i]
	return op.Kind == KindChargeback && p.charged(op.Target, op.IssuerReference, p.takesAgain(i), i)
}

// charged tells whether a chargeback of operation of with an issuer reference stands before operation end; of its
// second presentment second, unless that is NoTarget.
func (p *Payment) charged(of int, issuerReference string, second, end int) bool {
	for j := of + 1; j < end && issuerReference != ""; j++ {
		if op := &p.Ops[j]; op.Kind == KindChargeback && op.Target == of && op.IssuerReference == issuerReference &&
			p.takesAgain(j) == second {
			return true
		}
	}
	return false
}

// chargeable is what a chargeback of operation i may count for: what no other took of the presentment that it takes,
// the first or second, and never more than is not charged back of what was presented. One that came before counts for
// nothing.
func (p *Payment) chargeable(i int, c Chargeback, second int) int64 {
	if p.charged(i, c.IssuerReference, second, len(p.Ops)) {
		return 0
	}
	ofFirst := p.Ops[i].Clears()
	all, ofSecond := ofFirst, int64(0)
	for _, j := range p.standingSeconds(i, len(p.Ops)) {
		all += p.Ops[j].Granted
		if j == second {
			ofSecond = p.Ops[j].Granted
		}
	}
	for j := i + 1; j < len(p.Ops); j++ {
		op := &p.Ops[j]
		if op.Kind != KindChargeback || op.Target != i {
			continue
		}
		all -= op.Granted
		switch p.takesAgain(j) {
		case NoTarget:
			ofFirst -= op.Granted
		case second:
			ofSecond -= op.Granted
		}
	}
	switch {
	case second == NoTarget:
		return min(ofFirst, all)
	case c.IssuerReference == "" && p.Ops[p.Ops[second].Target].IssuerReference == "":
		return min(ofFirst+ofSecond, all) // nothing tells the two apart
	}
	return min(ofSecond, all)
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
// Of a presentment there is one second one at most by issuer reference (I8): a record is known by that, its acquirer
// reference and its function.
func (p *Payment) CheckRepresent(i int, amount int64, date, due Date) (int64, *Refusal) {
	d, opened := p.Dispute(i)
	switch {
	case !opened:
		return 0, notDisputed(p, i)
	case d.State == DisputeAccepted:
		return 0, state("the dispute is accepted")
	case d.State == DisputeLost:
		return 0, state("it was charged back again after it was presented a second time: it is lost, or for arbitration")
	case p.Represented(d.Presentment, p.Ops[i].IssuerReference) != NoTarget:
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
	switch {
	case p.Repeats(i):
		return state("nothing of the chargeback counts, as it came before: it is an exception")
	case p.Ops[i].Kind == KindChargeback && p.Ops[i].Granted == 0:
		return state("nothing of the chargeback counts, as it is of more than was presented: it is an exception")
	}
	return state("the operation opened no dispute")
}
