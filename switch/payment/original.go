package payment

import "switchyard/internal/mutant"

// ReversalDone tells whether a response code ends reversal i: 00 does, and 21 or 25 where no approval of its original
// is recorded (I5). An issuer that approved the original and now does not find it has forgotten a hold or a debit,
// which still stands or does not: nobody can say before a person has asked. The hold that a window's end gives up may
// have lapsed by itself by then, as every hold does in the end: where nothing was captured no money is in question.
func (p *Payment) ReversalDone(i int, code string) bool {
	row := Meaning(code)
	if row.NotFound {
		lapsed := p.Ops[i].Kind == KindExpire && !p.everCaptured()
		return lapsed || !p.ApprovalRecorded(i) || mutant.On(mutant.NotFoundEndsAny)
	}
	return row.Done
}

// everCaptured tells whether a capture was accepted, be it taken back since.
func (p *Payment) everCaptured() bool {
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Kind == KindCapture && op.Accepted() {
			return true
		}
	}
	return false
}

// ApprovalRecorded tells whether the issuer's approval of what operation i reverses stands in the record. The original
// of a timeout reversal and of a void is their target; a reverse and a release are about the first request and take its
// increments with it.
func (p *Payment) ApprovalRecorded(i int) bool {
	op := &p.Ops[i]
	row := op.Kind.Row()
	switch {
	case row.Reverses && row.Original == OriginalTarget:
		return p.Ops[op.Target].approvalRecorded()
	case row.Reverses:
		for j := range p.Ops[:i] {
			if o := &p.Ops[j]; o.Kind.Row().UndoneBy == KindReverse && o.approvalRecorded() {
				return true
			}
		}
	}
	return false
}

// approvalRecorded tells whether the issuer approved a request or advice: in time, too late (I6), or for a part that
// was not wanted, which counts as declined. A verification holds nothing that a reversal could give back.
func (op *Op) approvalRecorded() bool {
	return op.Kind != KindVerify && (Approving(op.ResponseCode, op.Kind) || Approving(op.Late, op.Kind))
}

// ReversalToResume returns the timeout reversal of operation i that ended because the issuer found nothing, before the
// issuer's late approval of it came (I6); NoTarget where there is none. It has to go on.
func (p *Payment) ReversalToResume(i int) int {
	for j := i + 1; j < len(p.Ops); j++ {
		u := &p.Ops[j]
		if u.Kind == KindTimeoutReversal && u.Target == i && u.State == StateApproved && !p.ReversalDone(j, u.ResponseCode) {
			return j
		}
	}
	return NoTarget
}
