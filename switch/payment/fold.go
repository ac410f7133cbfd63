package payment

import "time"

// Sums folds the operations into the payment's money. An operation under way counts against the gateway in both
// directions: a pending void neither frees its amount for another capture nor leaves it there for a refund.
func (p *Payment) Sums() Sums {
	var s Sums
	for i := range p.Ops {
		p.add(&s, i)
	}
	return s
}

func (p *Payment) add(s *Sums, i int) {
	op := &p.Ops[i]
	row := op.Kind.Row()
	if row.Refunds && (op.State == StatePending || op.State == StateUnknown && !p.TimeoutReversed(i)) {
		s.Refunded += op.Amount // it may be, or may yet be, made
		return
	}
	if !op.Counts() {
		return
	}
	if row.Authorizes {
		s.Authorized += op.Granted
	}
	if row.Captures {
		s.Captured += op.Clears()
	}
	if row.Releases {
		s.Released += op.Amount
	}
	if row.Refunds {
		s.Refunded += op.Granted
	}
	if row.ChargesBack {
		s.ChargedBack += op.Granted
	}
	if row.Represents {
		s.ChargedBack -= op.Granted
	}
	if second := p.rejectsSecond(i); second != NoTarget {
		s.ChargedBack += p.Ops[second].Granted
	}
	if row.TakesBack {
		s.Captured -= op.Amount
		if p.voidReleases(op) {
			s.Released += op.Amount
		}
	}
}

// Accepted tells whether the operation is the switch's last word, whatever has become of its advice.
func (op *Op) Accepted() bool {
	switch op.State {
	case StateApproved, StateQueued, StateParked, StateClosed:
		return true
	case StatePending, StateDeclined, StateFailed, StateUnknown:
	}
	return false
}

// voidReleases tells whether what a void takes back is gone from the authorization too. A capture undone at the issuer
// gives its hold back; a sale has none, and a reversal presentment reaches the issuer when the hold is long gone.
func (p *Payment) voidReleases(void *Op) bool {
	return void.Kind == KindVoidPresentment || void.State != StateApproved || p.Ops[void.Target].Kind != KindCapture
}

// TimeoutReversed tells whether operation i, whose outcome was unknown or unwanted, is undone for good: the issuer
// acknowledged its timeout reversal, or a person closed it.
func (p *Payment) TimeoutReversed(i int) bool {
	for j := i + 1; j < len(p.Ops); j++ {
		if u := &p.Ops[j]; u.Kind == KindTimeoutReversal && u.Target == i {
			return u.State == StateApproved || u.State == StateClosed
		}
	}
	return false
}

// Voided tells whether operation i (a capture or sale) is undone by a void that stands or is under way.
func (p *Payment) Voided(i int) bool {
	for j := i + 1; j < len(p.Ops); j++ {
		if v := &p.Ops[j]; v.Kind.Row().TakesBack && v.Target == i && v.Counts() {
			return true
		}
	}
	return false
}

// Standing is where a payment stands, in the order of the list in docs/design.md. Package flow gives it the wire's
// name.
type Standing uint8

// The standings; the first that fits is taken.
const (
	Pending Standing = iota
	Reversing
	Declined
	Failed
	Verified
	Credited
	Reversed
	Expired
	ChargedBack
	Refunded
	PartiallyRefunded
	Captured
	PartiallyCaptured
	Authorized
)

var standingNames = [...]string{
	"pending", "reversing", "declined", "failed", "verified", "credited", "reversed", "expired", "charged_back",
	"refunded", "partially_refunded", "captured", "partially_captured", "authorized",
}

// Standings lists all, in their order.
func Standings() []Standing {
	all := make([]Standing, len(standingNames))
	for i := range all {
		all[i] = Standing(i)
	}
	return all
}

// String returns the standing's name.
func (s Standing) String() string { return standingNames[s] }

// Standing folds the operations into where the payment stands at a moment.
func (p *Payment) Standing(now time.Time) Standing {
	if len(p.Ops) == 0 || p.Ops[0].State == StatePending {
		return Pending
	}
	if p.reversing() || p.undone() && p.Sums().Capturable() > 0 {
		return Reversing
	}
	switch root := &p.Ops[0]; {
	case root.State == StateDeclined:
		return Declined
	case root.State == StateFailed:
		return Failed
	case root.State == StateUnknown:
		return Reversed
	case root.Kind.Row().Alone != "":
		return root.Kind.Row().Stands
	}
	s := p.Sums()
	switch {
	case s.Captured == 0 && p.expired(now):
		return Expired
	case s.Captured == 0 && s.Capturable() == 0:
		return Reversed
	case s.Captured > 0 && s.Refundable() == 0 && s.ChargedBack > 0:
		return ChargedBack
	case s.Captured > 0 && s.Refundable() == 0:
		return Refunded
	case s.Refunded > 0:
		return PartiallyRefunded
	case s.Captured > 0 && s.Capturable() == 0:
		return Captured
	case s.Captured > 0:
		return PartiallyCaptured
	}
	return Authorized
}

// expired tells whether what was not captured in time is given up, or is about to be.
func (p *Payment) expired(now time.Time) bool {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindExpire && op.Counts() {
			return true
		}
	}
	return p.PastWindow(now) && !p.Ops[0].ForcePost && p.Sums().Capturable() > 0
}

// reversing tells whether the outcome of some operation is unknown and its reversal still under way.
func (p *Payment) reversing() bool {
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.State == StateUnknown && !p.TimeoutReversed(i):
			return true
		case op.Kind.AskedReversal() && (op.State == StateQueued || op.State == StateParked):
			return true
		}
	}
	return false
}

// Advising tells whether an advice of the payment is queued: what must reach the issuer before anything new may.
func (p *Payment) Advising() bool {
	for i := range p.Ops {
		if p.Ops[i].State == StateQueued {
			return true
		}
	}
	return false
}

// Busy tells whether a request of the payment, beyond its first, is at the issuer.
func (p *Payment) Busy() bool {
	for i := range p.Ops {
		if p.Ops[i].State == StatePending {
			return true
		}
	}
	return false
}

// Unresolved tells whether something is under way that changes what is authorized or released, so that nobody can say
// what a final capture would leave to release.
func (p *Payment) Unresolved() bool {
	for i := range p.Ops {
		op := &p.Ops[i]
		row := op.Kind.Row()
		switch {
		case row.Authorizes && op.State == StatePending && row.After != nil:
			return true
		case op.Kind.AskedReversal() && (op.State == StatePending || op.State == StateQueued):
			return true
		}
	}
	return false
}

// Invariant returns what of I7 the payment breaks, or "".
func (p *Payment) Invariant() string {
	s := p.Sums()
	switch {
	case s.Authorized < 0 || s.Released < 0 || s.Captured < 0 || s.Refunded < 0 || s.ChargedBack < 0:
		return "I7: a sum is negative"
	case s.Captured+s.Released > s.Authorized:
		return "I7: captured + released > authorized"
	case s.Refunded > s.Captured:
		return "I7: refunded > captured"
	case s.ChargedBack > 0:
		return p.afterChargebacks()
	}
	return ""
}

// afterChargebacks holds what the switch itself has paid or taken back against the chargebacks that came before it. One
// that comes after it may go beyond what was captured: it is the issuer's, and is booked as it came (I18).
func (p *Payment) afterChargebacks() string {
	var s Sums
	for i := range p.Ops {
		before := s
		p.add(&s, i)
		ours := s.Refunded > before.Refunded || s.Captured < before.Captured
		if ours && s.ChargedBack > 0 && s.Refunded+s.ChargedBack > s.Captured {
			return "I7: refunded + charged back > captured"
		}
	}
	return ""
}
