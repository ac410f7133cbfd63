package flow

import (
	"strconv"
	"strings"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// answer builds the answer to operation i of a payment, for its first request and for repeats alike.
func answer(p *payment.Payment, i int, now time.Time) api.Answer {
	op := &p.Ops[i]
	var room [18]byte
	text := p.ID.AppendTo(room[:0])
	cut := len(text)
	pieces := string(appendSTAN(text, op.STAN)) // one piece of memory for both
	a := summary(p, pieces[:cut], now)
	a.Approved = approved(op)
	a.Amount = op.Amount
	if op.State == payment.StateApproved && op.Granted > 0 && !mutant.On(mutant.AnswerTellsAsked) {
		a.Amount = op.Granted
	}
	a.RRN, a.STAN = op.RRN, pieces[cut:]
	a.NetworkID, a.AVS, a.CVCResult = op.NetworkID, op.AVS, op.CVCResult
	a.BusinessDate = op.Date.String()
	a.AuthCode = op.AuthCode
	if !op.Advised {
		a.ResponseCode = op.ResponseCode
	}
	a.Reason = reason(p, i)
	a.Capture, a.Refund = named(p, i)
	return a
}

// named returns the id by which an operation is named later: of a capture or sale that was approved, or of what pays
// the cardholder.
func named(p *payment.Payment, i int) (capture, refund string) {
	op := &p.Ops[i]
	switch {
	case op.Kind.Row().Captures && approved(op):
		capture = payment.OperationID(p.ID, i)
	case op.Kind.Credits():
		refund = payment.OperationID(p.ID, i)
	}
	return capture, refund
}

// summary is the part of an answer that speaks of the payment as a whole, whose id is told as text.
func summary(p *payment.Payment, id string, now time.Time) api.Answer {
	s := p.Sums()
	return api.Answer{
		Payment: id, Status: status(p.Standing(now)), Currency: p.Currency, Created: p.Created,
		Authorized: s.Authorized, Released: s.Released, Captured: s.Captured, Refunded: s.Refunded,
		ChargedBack: s.ChargedBack, Capturable: s.Capturable(), Refundable: p.Refundable(),
	}
}

// approved is the operation's first answer: an advised operation was accepted whatever has become of its advice.
func approved(op *payment.Op) bool {
	return op.State == payment.StateApproved || op.Advised && op.Kind != payment.KindTimeoutReversal
}

// status is the wire's name of a standing: package payment names them alike.
func status(s payment.Standing) api.Status { return api.Status(s.String()) }

// reason says an outcome in words.
func reason(p *payment.Payment, i int) string {
	op := &p.Ops[i]
	switch op.State {
	case payment.StatePending:
		return "at the issuer"
	case payment.StateFailed:
		return "nothing was sent to the issuer"
	case payment.StateUnknown:
		why := "no answer from the issuer in time"
		if op.ResponseCode != "" {
			why = notTakenReason
		}
		if p.TimeoutReversed(i) {
			return why + "; the request is reversed"
		}
		return why + "; the request is being reversed"
	case payment.StateQueued:
		if op.Kind == payment.KindStandIn {
			return "approved by the switch while the issuer is unreachable; the issuer is being told"
		}
		return "accepted; the issuer is being told"
	case payment.StateParked:
		if op.Kind.AskedReversal() {
			return "accepted; the issuer refused it, and a person decides"
		}
	case payment.StateApproved, payment.StateDeclined, payment.StateClosed:
	}
	switch {
	case op.Kind == payment.KindStandIn:
		return "approved by the switch while the issuer was unreachable"
	case op.Advised:
		return "accepted"
	}
	if op.State == payment.StateDeclined && payment.Meaning(op.ResponseCode).Partial {
		return "approved for a lower amount, which the request did not allow; it is being reversed"
	}
	return payment.Words(op.ResponseCode)
}

// appendSTAN appends a STAN as text; 0 is none.
func appendSTAN(b []byte, stan uint32) []byte {
	if stan == 0 {
		return b
	}
	var digits [6]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + stan%10)
		stan /= 10
	}
	return append(b, digits[:]...)
}

// parseOperationID finds the operation that an id of the given payment names.
func parseOperationID(id payment.ID, text string) (int, bool) {
	rest, ok := strings.CutPrefix(text, id.String()+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == rest
}
