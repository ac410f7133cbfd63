package payment

import (
	"fmt"
	"strings"
	"time"

	"switchyard/internal/mutant"
)

// Refusal is why an operation is not possible on a payment as it stands.
type Refusal struct {
	// Exceeds says that the amount is the reason, Later that the same is possible after a while; otherwise it is the
	// payment's state.
	Exceeds, Later bool
	Message        string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func state(format string, args ...any) *Refusal {
	return &Refusal{Message: fmt.Sprintf(format, args...)}
}

// within resolves an optional amount (0 asks for all that is left) against what is left.
func within(amount, left int64, what string) (int64, *Refusal) {
	if left <= 0 {
		return 0, state("nothing is left to %s", what)
	}
	if amount == 0 {
		return left, nil
	}
	if amount > left {
		units := "minor units are"
		if left == 1 {
			units = "minor unit is"
		}
		return 0, &Refusal{Exceeds: true, Message: fmt.Sprintf("only %d %s left to %s", left, units, what)}
	}
	return amount, nil
}

// live refuses operations on a payment that was not approved, or that nothing may follow.
func (p *Payment) live() *Refusal {
	switch root := &p.Ops[0]; {
	case !root.Accepted():
		return state("the payment is not approved")
	case root.Kind.Row().Alone != "":
		return state("%s", root.Kind.Row().Alone)
	case !p.roomBeside():
		return state("the payment has reached %d operations", MaxOps)
	}
	return nil
}

// PastWindow tells whether the capture window has ended at a moment.
func (p *Payment) PastWindow(now time.Time) bool { return now.After(p.Expires) }

// mayCapture refuses what can be captured no more, whatever is left of it.
func (p *Payment) mayCapture(now time.Time) *Refusal {
	if p.PastWindow(now) && !p.Ops[0].ForcePost && !mutant.On(mutant.LateCapture) {
		return state("the capture window has ended")
	}
	if p.undone() {
		return state("the payment was reversed as a whole")
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindCapture && op.Final && op.Accepted() && !p.Voided(i) {
			return state("the final capture is made")
		}
	}
	return nil
}

// CheckCapture returns the amount that a capture of amount (0: all that is left) takes.
func (p *Payment) CheckCapture(amount int64, now time.Time) (int64, *Refusal) {
	if r := p.growing(); r != nil {
		return 0, r
	}
	if !KindCapture.follows(p.Ops[0].Kind) {
		return 0, state("a sale is captured already")
	}
	if r := p.mayCapture(now); r != nil {
		return 0, r
	}
	if mutant.On(mutant.CaptureUnchecked) && amount > 0 {
		return amount, nil
	}
	return within(amount, p.Sums().Capturable(), "capture")
}

// CheckReverse returns the amount that a reversal of amount (0: all that is not captured) releases and what then stays
// authorized: 0 where nothing stays, so that no DE95 is sent.
func (p *Payment) CheckReverse(amount int64, now time.Time) (release, stays int64, r *Refusal) {
	if r := p.live(); r != nil {
		return 0, 0, r
	}
	if r := p.mayTryAgain(KindReverse, now); r != nil {
		return 0, 0, r
	}
	if p.Ops[0].Kind == KindSale {
		return 0, 0, state("a sale is undone by void or refund")
	}
	if p.Ops[0].Kind == KindVoice {
		return 0, 0, state("the authorization was obtained elsewhere")
	}
	s := p.Sums()
	release, r = within(amount, s.Capturable(), "release")
	if r != nil {
		return 0, 0, r
	}
	if release < s.Capturable() {
		if r := p.mayTakeParts(); r != nil {
			return 0, 0, r
		}
	}
	if release < s.Capturable() && p.disputed() {
		return 0, 0, state("a capture was taken back that the issuer may still count: only all that is left can be released")
	}
	return release, p.StaysAfter(release), nil
}

// StaysAfter returns what stays authorized, captures included, once the given rest is released (DE95); 0 where nothing
// does, or where the switch cannot say what the issuer counts: a reversal without DE95 then releases all that is not
// captured there.
func (p *Payment) StaysAfter(release int64) int64 {
	if p.disputed() {
		return 0
	}
	s := p.Sums()
	return s.Authorized - s.Released - release
}

// Overtaken tells whether what operation i leaves authorized at the issuer (DE95) is more than stands by now: something
// was released or taken back since it was recorded, as where a reversal presentment took back the capture that the
// release of a final capture's rest counts in. The issuer would hold the difference for nobody. What the issuer has
// refused since overtakes nothing: it is not done there, and may not be while what comes before it is missing.
func (p *Payment) Overtaken(i int) bool {
	s := p.Sums()
	stands := s.Authorized - s.Released
	for j := i + 1; j < len(p.Ops); j++ {
		op := &p.Ops[j]
		refused := op.State == StateParked && op.ResponseCode != "" && !Approving(op.ResponseCode, op.Kind)
		if refused && op.Kind.Row().Releases {
			stands += op.Amount
		}
	}
	return p.Ops[i].Stays > stands
}

// disputed tells whether the issuer may count a capture that the switch counts no more: its void was refused or is
// unanswered, or is a reversal presentment in a file that the issuer may not have read.
func (p *Payment) disputed() bool {
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Kind == KindVoidPresentment || op.Kind == KindVoid && op.Accepted() && op.State != StateApproved {
			return true
		}
	}
	return false
}

// CheckIncrement refuses an increment of a payment that no longer stands.
func (p *Payment) CheckIncrement(amount int64, now time.Time) *Refusal {
	if r := p.growing(); r != nil {
		return r
	}
	if r := p.mayTryAgain(KindIncrement, now); r != nil {
		return r
	}
	if !KindIncrement.follows(p.Ops[0].Kind) {
		return state("only an authorization can be incremented")
	}
	switch p.Standing(now) {
	case Authorized, PartiallyCaptured:
	default:
		return state("the authorization no longer stands")
	}
	if p.PastWindow(now) {
		return state("the capture window has ended")
	}
	if r := p.mayCapture(now); r != nil {
		return r
	}
	const maxMinor = 999_999_999_999 // DE4
	if p.Sums().Authorized+amount > maxMinor {
		return &Refusal{Exceeds: true, Message: "the total would not fit DE4's twelve digits"}
	}
	return nil
}

// CheckRefund returns the amount that a refund of amount (0: all that is captured and not refunded) pays back. What the
// clearing system has rejected is not among it, until it is presented again: nobody has paid it.
func (p *Payment) CheckRefund(amount int64, now time.Time) (int64, *Refusal) {
	if r := p.live(); r != nil {
		return 0, r
	}
	if r := p.mayTryAgain(KindRefund, now); r != nil {
		return 0, r
	}
	left := p.Refundable()
	if left == 0 && p.Sums().Refundable() > 0 {
		return 0, state("its presentment was rejected: what nobody has paid is not refunded")
	}
	amount, r := within(amount, left, "refund")
	if r == nil && amount < left {
		r = p.mayTakeParts()
	}
	return amount, r
}

// CheckRefundWindow refuses a refund longer after the last capture, or the sale, that stands than a window; 0: never.
func (p *Payment) CheckRefundWindow(window time.Duration, now time.Time) *Refusal {
	if window == 0 {
		return nil
	}
	var last time.Time
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind.Row().Captures && op.Counts() && !p.Voided(i) && last.Before(op.At) {
			last = op.At
		}
	}
	if end := last.Add(window); now.After(end) {
		return state("the refund window has ended at %s, %d days after the last capture", end.UTC().Format(time.RFC3339),
			window/(24*time.Hour))
	}
	return nil
}

// CheckVoid returns the capture or sale that a void undoes: operation target, or with NoTarget the only one that
// stands.
func (p *Payment) CheckVoid(target int, now time.Time) (int, *Refusal) {
	if r := p.live(); r != nil {
		return 0, r
	}
	if r := p.mayTryAgain(KindVoid, now); r != nil {
		return 0, r
	}
	if target == NoTarget {
		var r *Refusal
		if target, r = p.onlyVoidable(); r != nil {
			return 0, r
		}
	} else if target < 0 || target >= len(p.Ops) || !p.voidable(target) {
		return 0, state("no such capture stands")
	}
	s := p.Sums()
	left := s.Captured - p.Ops[target].Clears()
	if s.Refunded > left {
		return 0, state("it is refunded already")
	}
	if s := p.Presentment(target); s == PresentmentChargedBack || s == PresentmentRepresented {
		return 0, state("it is %s", s)
	}
	if s.Refunded+s.ChargedBack > left {
		return 0, state("another capture is charged back, and what was refunded may be of this one")
	}
	if s := p.Presentment(target); s == PresentmentRejected || s == PresentmentWrittenOff {
		return 0, state("its presentment is %s: nothing in a file would be taken back", s)
	}
	return target, nil
}

// onlyVoidable returns the only capture or sale that stands; of several one is to be named.
func (p *Payment) onlyVoidable() (int, *Refusal) {
	const mostNamed = 10
	target, several := NoTarget, 0
	var names []string
	for i := range p.Ops {
		if !p.voidable(i) {
			continue
		}
		target = i
		if several++; several <= mostNamed {
			names = append(names, OperationID(p.ID, i))
		}
	}
	switch {
	case several == 0:
		return 0, state("no capture stands")
	case several > mostNamed:
		return 0, state("the payment has %d captures: name one; the first are %s", several, strings.Join(names, ", "))
	case several > 1:
		return 0, state("the payment has several captures: name one of %s", strings.Join(names, ", "))
	}
	return target, nil
}

// voidable tells whether operation i is a capture or sale that stands.
func (p *Payment) voidable(i int) bool {
	op := &p.Ops[i]
	return op.Kind.Row().UndoneBy == KindVoid && op.Counts() && !p.Voided(i)
}
