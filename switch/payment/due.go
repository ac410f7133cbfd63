package payment

import (
	"time"

	"switchyard/internal/mutant"
)

// Due is what is to be done for a payment at a moment although nobody asks for it.
type Due uint8

// The values of Due.
const (
	DueNothing Due = iota
	DueLater       // something is under way on which it depends
	DueCapture     // of all that is left, by the switch: Op.CaptureAt has come
	DueExpire      // the capture window has ended: what is not captured is given up
	DueRelease     // a void that is final gave a hold back: it is given up
)

// Due tells what is due at a moment. A capture by the switch is made once, whatever becomes of it. One that did not
// come before the window ended is made no more, unless the merchant's captures are taken past it.
func (p *Payment) Due(now time.Time) Due {
	root := &p.Ops[0]
	if root.State == StatePending {
		return DueLater
	}
	capture := p.CaptureDue(now)
	expire := p.PastWindow(now) && !root.ForcePost && KindExpire.follows(root.Kind)
	release := p.undone()
	if !capture && !expire && !release || p.live() != nil {
		return DueNothing
	}
	if p.undecided() {
		return DueLater
	}
	if release && p.Sums().Capturable() > 0 {
		return DueRelease
	}
	if capture {
		if _, r := p.CheckCapture(0, now); r == nil {
			return DueCapture
		}
	}
	if expire && p.Sums().Capturable() > 0 && !mutant.On(mutant.WindowForgotten) {
		return DueExpire
	}
	return DueNothing
}

// CaptureDue tells whether the time of the switch's own capture has come and it was not made.
func (p *Payment) CaptureDue(now time.Time) bool {
	at := p.Ops[0].CaptureAt
	if at.IsZero() || now.Before(at) {
		return false
	}
	for i := range p.Ops {
		if p.Ops[i].Automatic && !mutant.On(mutant.AutomaticTwice) {
			return false
		}
	}
	return true
}

// EndMissed cancels the switch's own capture where its time has come and everything is captured: what a void or an
// increment adds from then on is the gateway's to capture. Where something under way may yet give some back it waits,
// as the capture does. It tells whether it did.
func (p *Payment) EndMissed(now time.Time) bool {
	if !p.CaptureDue(now) || p.live() != nil || p.Unresolved() {
		return false
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindVoid && (op.State == StatePending || op.State == StateQueued ||
			op.State == StateParked) {
			return false
		}
	}
	if s := p.Sums(); s.Captured <= 0 || s.Capturable() > 0 {
		return false
	}
	p.CancelCapture("everything was captured when its time had come")
	return true
}

// CaptureAwaited tells whether the switch's own capture was asked for and is not made, due or not.
func (p *Payment) CaptureAwaited() bool {
	at := p.Ops[0].CaptureAt
	return !at.IsZero() && p.CaptureDue(at)
}

// CancelCapture cancels the switch's own capture, which is not made, and keeps why with what asked for it.
func (p *Payment) CancelCapture(why string) {
	root := &p.Ops[0]
	due := root.CaptureAt.UTC().Format(time.RFC3339)
	root.Reason = "the capture by the switch, due at " + due + ", is cancelled: " + why
	root.CaptureAt = time.Time{}
}

// CaptureCancelled says that the switch's own capture was cancelled, and why; "" where it was not.
func (p *Payment) CaptureCancelled() string { return p.Ops[0].Reason }

// CapturedBySwitch returns the switch's own capture where it is the only one that stands; NoTarget where it is not.
func (p *Payment) CapturedBySwitch() int {
	found := NoTarget
	for i := range p.Ops {
		switch {
		case p.Ops[i].Kind != KindCapture || !p.voidable(i):
		case found != NoTarget || !p.Ops[i].Automatic:
			return NoTarget
		default:
			found = i
		}
	}
	return found
}

// undone tells whether the payment is given up as a whole: a void of its capture that is final stands.
func (p *Payment) undone() bool {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindVoid && op.Final && op.Accepted() {
			return true
		}
	}
	return false
}

// MayExpire tells whether the end of the capture window may come to give something up, as the payment stands: it holds
// something, or what is under way may leave something.
func (p *Payment) MayExpire() bool {
	root := &p.Ops[0]
	if root.ForcePost || !KindExpire.follows(root.Kind) {
		return false
	}
	return root.State == StatePending || root.Accepted() && (p.Sums().Capturable() > 0 || p.undecided())
}

// undecided tells whether something is under way, or waits for a person, that may yet change what can be captured.
func (p *Payment) undecided() bool {
	if p.Busy() || p.Unresolved() {
		return true
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindVoid && op.State == StateParked { // done after all, it gives the hold back
			return true
		}
	}
	return false
}
