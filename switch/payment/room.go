package payment

import (
	"fmt"
	"time"

	"switchyard/internal/mutant"
)

// What of a payment's room is whose. An operation that stands, or may yet, takes some for good. One that moved nothing
// takes none, since it must not keep anything from being undone: it may be tried again, though not without end.
const (
	// maxParts is how many operations may stand for another part to be reversed or refunded. Voids, and a reversal or
	// refund of all that is left, need no such room: a capture is voided once, and there is something left again only
	// when a capture or increment was made or a void done.
	maxParts = 250
	// maxGrowing is the same for captures and increments, so that what they have done finds room to be undone in parts.
	maxGrowing = 200
	// MaxIncoming is how many records of clearing files are booked on a payment. What comes beyond is for a person: a file
	// must not take the room that undoing needs.
	MaxIncoming = 200
	// mostAppended is how many operations one request appends at most: a final capture with its release, or a request with
	// its reversal.
	mostAppended = 2
)

// How often a kind of operation may be tried on a payment that comes to nothing each time. So a record cannot grow
// without end, and what was refused for long is still possible.
const (
	triesAtOnce = 50
	triesHourly = 50 // beyond; then one a day
)

// roomBeside tells whether one more operation, which is of no request, leaves a request its room and what is at the
// issuer its reversal.
func (p *Payment) roomBeside() bool { return len(p.Ops)+p.reserved()+mostAppended <= MaxOps }

// growing refuses what live does, and captures and increments beyond the room that is theirs.
func (p *Payment) growing() *Refusal {
	if r := p.live(); r != nil {
		return r
	}
	if p.standing()+mostAppended > maxGrowing {
		return state("the payment has reached the %d operations that captures and increments may take", maxGrowing)
	}
	return nil
}

// mayTakeParts refuses another reversal or refund of a part once the room for them is used up: all that is left can
// still be taken.
func (p *Payment) mayTakeParts() *Refusal {
	if p.standing()+p.reserved()+mostAppended > maxParts {
		return state("the payment has reached %d operations: only all that is left can be reversed or refunded at once",
			maxParts)
	}
	return nil
}

// reserved is the room that reversals of what is at the issuer may need.
func (p *Payment) reserved() int {
	if p.Busy() {
		return 1
	}
	return 0
}

// standing counts the operations that stand or may yet.
func (p *Payment) standing() int {
	if mutant.On(mutant.DeclinedTakesRoom) {
		return len(p.Ops)
	}
	n := 0
	for i := range p.Ops {
		if !p.spent(i) {
			n++
		}
	}
	return n
}

// spent tells whether operation i takes none of a gateway's room: it moved nothing and never will, since it was
// declined, was not sent, or was undone, or it is the timeout reversal of such a one and done; or it came from outside.
func (p *Payment) spent(i int) bool {
	switch op := &p.Ops[i]; op.State {
	case StateDeclined, StateFailed:
		return true
	case StateUnknown:
		return p.TimeoutReversed(i)
	case StateApproved, StateClosed:
		return op.Kind == KindTimeoutReversal || op.Kind.Row().Incoming || op.Kind == KindWriteOff ||
			op.Kind == KindRepresent || op.Kind == KindAcceptDispute
	case StatePending, StateQueued, StateParked:
	}
	return false
}

// mayTryAgain refuses another operation of a kind for a while, where many of it came to nothing.
func (p *Payment) mayTryAgain(kind Kind, now time.Time) *Refusal {
	tries := 0
	var last time.Time
	for i := range p.Ops {
		if p.Ops[i].Kind == kind && p.spent(i) {
			tries++
			last = p.Ops[i].At
		}
	}
	pause := time.Duration(0)
	switch {
	case tries >= triesAtOnce+triesHourly:
		pause = 24 * time.Hour
	case tries >= triesAtOnce:
		pause = time.Hour
	}
	// A last try after now was dated by a clock that was put right since.
	if pause == 0 || last.After(now) || !now.Before(last.Add(pause)) {
		return nil
	}
	return &Refusal{Later: true, Message: fmt.Sprintf("%d such operations came to nothing: the next one is possible at %s",
		tries, last.Add(pause).UTC().Format(time.RFC3339))}
}
