package saf

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/spec"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// advice is the head of a chain on its way: one attempt, of which a verdict is left.
type advice struct {
	q       *Queue
	h       *host
	c       *chain
	item    item             // the head, as it was when it was taken
	payment *payment.Payment // nil until it is read, unless it was handed over with the row
	endTurn func()
	unlock  func() // of the payment
	call    exchange.Call
	err     error // of sending
	broken  bool  // what follows from its answer breaks I7
	state   payment.State
	t       journal.Transition
	dequeue [1]journal.SAFRef
	verdict verdict
}

// verdict is what one attempt came to.
type verdict uint8

const (
	verdictDone   verdict = iota
	verdictRepeat         // sent, or could not be: again after a backoff
	verdictLater          // no room or closing: again soon
	verdictNoLink         // nothing was sent and nothing can be: the whole queue rests
)

// read takes the payment from the journal, where it is not in hand; false where the attempt is over.
func (a *advice) read() bool {
	if a.payment == nil {
		p, err := a.q.o.Journal.Payment(a.q.ctx, a.c.id)
		if err != nil {
			return a.fault(fmt.Errorf("read the payment: %w", err))
		}
		a.payment = p
	}
	switch {
	case a.item.op >= len(a.payment.Ops):
		return a.fault(fmt.Errorf("the row names operation %d of %d", a.item.op, len(a.payment.Ops)))
	case a.payment.Ops[a.item.op].State != payment.StateQueued:
		return a.over(verdictDone)
	}
	return true
}

// start sends the advice, with the next Flush of its host; false where the attempt is over.
func (a *advice) start() bool {
	p, i := a.payment, a.item.op
	number, expiry, err := a.q.o.Keyring.Open(p.SealKey, p.ID, p.SealedCard)
	if err != nil {
		return a.fault(err)
	}
	if mutant.On(mutant.RepeatWithNewSTAN) && a.item.sent {
		_ = a.h.issuer.Identify(a.q.ctx, &p.Ops[i])
	}
	if err := a.call.Pack(p, i, message.Card{PAN: number, Expiry: expiry}, nil, a.item.sent); err != nil {
		return a.fault(err)
	}
	if err := a.call.Start(a); err != nil {
		return a.over(verdictNoLink)
	}
	return true
}

// Received implements link.Receiver.
func (a *advice) Received(resp *spec.Message, err error) link.Flusher {
	if err == nil {
		a.call.Read(resp)
	}
	answered := a.h.answered // a may be somebody else's as soon as it is added
	a.err = err
	answered.Add(a)
	return answered
}

// ended tells whether the answer is one that ends the advice.
func (a *advice) ended() bool {
	if exchange.NotSent(a.err) {
		return a.over(verdictNoLink)
	}
	a.item.sent = true
	switch {
	case a.err != nil:
		a.q.metrics.unanswered.Inc()
	case judge(a.payment, a.item.op, a.call.Code()) == payment.StateQueued:
		a.q.metrics.repeat.Inc()
	default:
		return true
	}
	return a.over(verdictRepeat)
}

// over ends the attempt; it returns false.
func (a *advice) over(v verdict) bool {
	a.verdict = v
	return false
}

// fault logs what keeps an advice from being sent at all; it is tried again, since no advice is ever dropped.
func (a *advice) fault(err error) bool {
	if !errors.Is(err, journal.ErrClosed) {
		a.q.o.Logger.Error("store-and-forward: advice cannot be sent",
			zap.Stringer("payment", a.c.id), zap.Int("operation", a.item.op), zap.Error(err))
	}
	return a.over(verdictRepeat)
}

// judge says what a response code means for the advice of operation i: approved, parked, or still queued.
func judge(p *payment.Payment, i int, code string) payment.State {
	kind := p.Ops[i].Kind
	fact := kind.Fact()
	switch {
	case mutant.On(mutant.ReversalAcceptsAny) && kind != payment.KindCapture:
		return payment.StateApproved
	case payment.Meaning(code).Again:
		return payment.StateQueued
	case fact && payment.Approving(code, kind), !fact && p.ReversalDone(i, code):
		return payment.StateApproved
	}
	return payment.StateParked
}

// ParkedReason says in a parked row why a person has to decide.
func ParkedReason(p *payment.Payment, i int, code string) string {
	if payment.Meaning(code).NotFound && p.ApprovalRecorded(i) {
		return "response code " + code + ": the issuer does not find what it approved"
	}
	return "response code " + code
}

// decide writes the end of the advice into its payment and the transition that stores it. Where the answer's
// consequence breaks I7 the answer is recorded, the sums stay what they were, and a person decides.
func (a *advice) decide() {
	p, now := a.payment, a.q.o.Clock.Now()
	op := &p.Ops[a.item.op]
	code := op.AuthCode
	a.call.RecordIn(op, now)
	op.AuthCode = code // an advice's acknowledgement does not change the authorization code
	state, reason := judge(p, a.item.op, op.ResponseCode), ""
	switch {
	case a.broken:
		state, reason = payment.StateParked, brokenReason
	case state == payment.StateParked:
		reason = ParkedReason(p, a.item.op, op.ResponseCode)
	}
	a.state, op.State = state, state
	if state == payment.StateApproved {
		op.Granted = op.Amount
	}
	p.Version++
	a.dequeue[0] = journal.SAFRef{Host: a.h.issuer.Name, Seq: a.item.seq}
	a.t = journal.Transition{Payment: p, Dequeue: a.dequeue[:], EvenBroken: a.broken}
	if state == payment.StateParked {
		a.t.Queue = []journal.SAFRow{{
			SAFRef: journal.SAFRef{Host: a.h.issuer.Name}, Payment: p.ID, Op: a.item.op, Node: p.ID.Node(),
			Queued: now, Parked: true, Reason: reason,
		}}
	}
}

// brokenReason says in a parked row that the issuer's answer is recorded, and what follows from it is not.
const brokenReason = "what the issuer's answer would change breaks a money invariant"

// refuted tells whether an error of a commit says that it has to be decided anew: something else, such as another
// capture or a late approval of what is reversed, was committed meanwhile; or that the payment breaks I7.
func (a *advice) refuted(err error) bool {
	return errors.Is(err, journal.ErrVersion) || journal.IsBroken(err) && !a.broken
}

// committed goes on from the commit of the advice's end.
func (a *advice) committed(err error) {
	if err != nil {
		if !errors.Is(err, journal.ErrClosed) {
			a.q.o.Logger.Error("store-and-forward: outcome not committed",
				zap.Stringer("payment", a.c.id), zap.Error(err))
		}
		a.over(verdictRepeat)
		return
	}
	for _, row := range a.t.Queue {
		a.q.AddParked(a.payment, row)
	}
	a.q.metrics.countEnd(&a.payment.Ops[a.item.op], a.state)
	a.verdict = verdictDone
}

// free gives back what the attempt has taken.
func (a *advice) free() {
	if a.unlock != nil {
		a.unlock()
	}
	a.call.Free()
	if a.endTurn != nil {
		a.endTurn()
	}
	a.unlock, a.endTurn = nil, nil
}
