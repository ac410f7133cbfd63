package payment

import (
	"time"

	"switchyard/internal/mutant"
)

// Place is where operation i stands among what clears of its payment, as its record says it at a moment: the
// sequence, from 1, and the count. Only what stands in files counts: a capture that was voided before its date was
// sealed has left no record. Of captures the count is all that stand, and one more while another may come; of sales
// and refunds it is the sequence.
func (p *Payment) Place(i int, now time.Time) (sequence, count int) {
	kind := p.Ops[i].Kind
	for j := range p.Ops {
		if j == i || p.Ops[j].Kind == kind && p.presented(j) {
			count++
			if j <= i {
				sequence++
			}
		}
	}
	switch {
	case kind != KindCapture:
		return sequence, sequence
	case p.mayComeToCapture(now):
		count++
	}
	return sequence, count
}

// presented tells whether operation i, a capture, sale or refund, has a record that stands in a file, or will.
func (p *Payment) presented(i int) bool {
	op := &p.Ops[i]
	if !op.Counts() {
		return false
	}
	if op.Kind != KindCapture {
		return true
	}
	for j := i + 1; j < len(p.Ops) && !mutant.On(mutant.VoidedStillCounts); j++ {
		if v := &p.Ops[j]; v.Kind == KindVoid && v.Target == i && (v.Accepted() || v.State == StatePending) {
			return false
		}
	}
	return true
}

// mayComeToCapture tells whether another capture may still be taken, now or once what is under way has its outcome.
func (p *Payment) mayComeToCapture(now time.Time) bool {
	return p.growing() == nil && p.mayCapture(now) == nil && (p.Sums().Capturable() > 0 || p.Unresolved())
}
