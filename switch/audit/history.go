package audit

import "fmt"

// sums are a payment's money, minor units.
type sums struct {
	authorized int64 // granted: authorizations, increments, sales
	released   int64 // given back; will not be captured any more
	captured   int64 // captures and sales, less what voids took back
	refunded   int64
	// chargedBack is what the issuer took back of what was captured, by presentment never more than that was.
	chargedBack int64
	takenBack   int64 // of released: what reversal presentments took back; the issuer learns it from a file
}

func (s *sums) capturable() int64 { return s.authorized - s.released - s.captured }

// add applies one operation. What has no outcome yet counts against the merchant: money being released or taken back
// cannot be captured, money being refunded is gone.
func (p *entry) add(s *sums, i int) {
	op := &p.Ops[i]
	certain := op.State == stateApproved || i == 0 && p.standIn && op.promised()
	begun := op.promised() || op.State == statePending
	switch op.Op {
	case opAuthorize, opVoice, opIncrement:
		if certain {
			s.authorized += op.Granted
		}
	case opSale:
		if certain {
			s.authorized += op.Granted
			s.captured += op.Granted
		}
	case opCapture:
		if op.promised() {
			s.captured += op.Amount
		}
	case opReverse, opRelease, opExpire:
		if begun {
			s.released += op.Amount
		}
	case opVoid:
		if begun {
			s.captured -= op.Amount
			if target := &p.Ops[op.Target]; !certain || target.Op == opSale {
				s.released += op.Amount // once the issuer has undone a capture, its hold is back
			}
		}
	case opVoidPresentment:
		if begun {
			s.captured -= op.Amount
			s.released += op.Amount
			s.takenBack += op.Amount
		}
	case opChargeback:
		s.chargedBack += op.Granted
	case opRepresent:
		s.chargedBack -= op.Granted
	case opReject:
		if second := &p.Ops[op.Target]; second.Op == opRepresent {
			s.chargedBack += second.Granted
		}
	case opRefund:
		switch {
		case certain:
			s.refunded += op.Granted
		case op.State == statePending, op.State == stateUnknown && !p.undone(i):
			s.refunded += op.Amount
		}
	}
}

// sums adds the payment up and returns what breaks I7 at some step of it, or "".
func (p *entry) sums() (s sums, broken string) {
	reversed := false
	for i := range p.Ops {
		before := s
		p.add(&s, i)
		op := &p.Ops[i]
		switch {
		case broken != "":
		case s.authorized < 0 || s.released < 0 || s.captured < 0 || s.refunded < 0 || s.chargedBack < 0:
			broken = fmt.Sprintf("a sum is negative after operation %d", i)
		case s.captured+s.released > s.authorized:
			broken = fmt.Sprintf(
				"captured %d + released %d > authorized %d after operation %d", s.captured, s.released, s.authorized, i,
			)
		case s.refunded > s.captured:
			broken = fmt.Sprintf("refunded %d > captured %d after operation %d", s.refunded, s.captured, i)
		case (s.refunded > before.refunded || s.captured < before.captured) && s.chargedBack > 0 &&
			s.refunded+s.chargedBack > s.captured:
			broken = fmt.Sprintf("refunded %d + charged back %d > captured %d after operation %d", s.refunded, s.chargedBack,
				s.captured, i)
		case reversed && op.Op == opCapture && op.promised():
			broken = fmt.Sprintf("operation %d captures after a full reversal", i)
		}
		if op.Op == opReverse && op.State == stateApproved && s.capturable() == 0 && s.captured == 0 {
			reversed = true
		}
	}
	return s, broken
}

// undone tells whether operation i was undone for good: its reversal was acknowledged, or closed by a person.
func (p *entry) undone(i int) bool {
	for j := i + 1; j < len(p.Ops); j++ {
		if u := &p.Ops[j]; u.Op == opTimeoutReversal && u.Target == i &&
			(u.State == stateApproved || u.State == stateClosed) {
			return true
		}
	}
	return false
}

// reversals counts the reversal chains of operation i.
func (p *entry) reversals(i int) (n int) {
	for j := i + 1; j < len(p.Ops); j++ {
		if u := &p.Ops[j]; u.Op == opTimeoutReversal && u.Target == i {
			n++
		}
	}
	return n
}

// takenBackBy returns the void of operation i that stands or has no outcome yet, or nil.
func (p *entry) takenBackBy(i int) *operation {
	for j := i + 1; j < len(p.Ops); j++ {
		if v := &p.Ops[j]; v.row.takesBack && v.Target == i && (v.promised() || v.State == statePending) {
			return v
		}
	}
	return nil
}

// unfinished returns the first operation that keeps the issuer's book from being compared: one with a message on its
// way, else one that was refused or that a person closed; and nil where there is none.
func (p *entry) unfinished() (open, parked, closed *operation) {
	for i := range p.Ops {
		op := &p.Ops[i]
		switch op.State {
		case statePending, stateQueued:
			open = first(open, op)
		case stateParked:
			parked = first(parked, op)
		case stateClosed:
			closed = first(closed, op)
		case stateUnknown:
			if p.reversals(i) == 0 {
				open = first(open, op) // reported by itself; nothing can be expected of the issuer
			}
		}
	}
	return open, parked, closed
}

func first(known, found *operation) *operation {
	if known != nil {
		return known
	}
	return found
}
