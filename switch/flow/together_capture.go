package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/internal/lane"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// The common way of captures: one step, since the issuer is told later.
//
//	Take ─▶ accept ─▶ CommitAll ─▶ answer
//
// What has to wait (for its payment, which another request is changing, or for its key) or is not plain goes alone from
// the beginning (capture.go).

// capturing is a capture on the common way.
type capturing struct {
	joint
	unlock func() // of the payment
	t      *journal.Transition
	i      int // of the operation
}

// accept takes a batch from requests to answers: all captures are committed before any of them is told (I2). Once the
// reads of payments have to wait for the disk the rest goes alone: captures often come long after their authorizations,
// and the disk serves many reads at once in the time of one.
func (f *Flow) accept(batch []*capturing) {
	var allowed []*capturing
	var ts []*journal.Transition
	var reads lane.Reads
	for _, x := range batch {
		if reads.Slow() {
			x.anew()
			continue
		}
		begin := time.Now()
		if x.allow() {
			allowed, ts = append(allowed, x), append(ts, x.t)
		}
		reads.Took(begin)
	}
	if len(allowed) == 0 {
		return
	}
	errs := make([]error, len(ts))
	f.o.Journal.CommitAll(context.Background(), ts, errs)
	told := allowed[:0]
	for i, x := range allowed {
		if x.committed(errs[i]) {
			told = append(told, x)
		}
	}
	for _, x := range told {
		x.asked.To.Flush()
	}
}

// committed answers a capture whose commit has ended; false where it begins anew.
func (x *capturing) committed(err error) bool {
	switch {
	case errors.Is(err, journal.ErrDayClosed):
		x.giveBack()
		x.anew() // a cutover came between: it is for the next date
		return false
	case err != nil:
		x.said = refused(x.fault("accept the capture", err))
	default:
		x.said = x.captureAccepted(x.t, x.i)
	}
	x.giveBack()
	x.answer()
	return true
}

// allow takes all that a capture's commit needs; false where the request is answered already, or goes on alone. It
// waits for nothing but the read of its payment and, now and then, the sync of a new block of numbers.
func (x *capturing) allow() bool {
	refusedWith, common := x.take()
	if common {
		return true
	}
	x.giveBack()
	if refusedWith == nil {
		x.anew()
		return false
	}
	x.answerAlone(refused(refusedWith))
	return false
}

// take is capture without a wait, up to its commit; common is false where there is one, or an error.
func (x *capturing) take() (refusedWith *api.Error, common bool) {
	if refusedWith := x.closed(); refusedWith != nil {
		return refusedWith, false
	}
	id, err := payment.ParseID(x.req.Payment)
	if err != nil {
		return nil, false
	}
	if x.unlock = x.o.Turns.TryLock(id); x.unlock == nil {
		return nil, false
	}
	p, refusedWith := x.find(context.Background(), x.caller, x.req.Payment)
	if refusedWith != nil {
		return refusedWith, false
	}
	x.id = p.ID
	if x.req.Present.Has(api.FieldCurrency) && x.req.Currency != p.Currency || !x.claimNew(p.Merchant, p.Currency) {
		return nil, false
	}
	if refusedWith := x.cardInText(); refusedWith != nil {
		return refusedWith, false
	}
	x.t, x.i, refusedWith = x.allowCapture(context.Background(), p)
	return refusedWith, refusedWith == nil
}

// giveBack gives back what take took, whatever that was.
func (x *capturing) giveBack() {
	if x.unlock != nil {
		x.unlock()
	}
	if x.claim.Key != "" {
		x.endKey()
	}
}
