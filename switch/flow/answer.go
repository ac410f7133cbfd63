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
	a := summary(p, now)
	a.Approved = approved(op)
	a.Amount = op.Amount
	if op.State == payment.StateApproved && op.Granted > 0 && !mutant.On(mutant.AnswerTellsAsked) {
		a.Amount = op.Granted
	}
	a.RRN, a.STAN = op.RRN, stanText(op.STAN)
	a.NetworkID, a.AVS, a.CVCResult = op.NetworkID, op.AVS, op.CVCResult
	a.BusinessDate = op.Date.String()
	a.AuthCode = op.AuthCode
	if !op.Advised {
		a.ResponseCode = op.ResponseCode
	}
	a.Reason = reason(p, i)
	switch op.Kind {
	case payment.KindCapture, payment.KindSale:
		if a.Approved {
			a.Capture = operationID(p.ID, i)
		}
	case payment.KindRefund:
		a.Refund = operationID(p.ID, i)
	}
	return a
}

// summary is the part of an answer that speaks of the payment as a whole.
func summary(p *payment.Payment, now time.Time) api.Answer {
	s := p.Sums()
	return api.Answer{
		Payment: p.ID.String(), Status: status(p.Standing(now)), Currency: p.Currency, Created: p.Created,
		Authorized: s.Authorized, Released: s.Released, Captured: s.Captured, Refunded: s.Refunded,
		Capturable: s.Capturable(), Refundable: s.Refundable(),
	}
}

// approved is the operation's first answer: an advised operation was accepted whatever has become of its advice.
func approved(op *payment.Op) bool {
	return op.State == payment.StateApproved || op.Advised && op.Kind != payment.KindUndo
}

// status is the wire's name of a standing: package payment names them as DESIGN's list does.
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
		if p.Undone(i) {
			return why + "; the request is reversed"
		}
		return why + "; the request is being reversed"
	case payment.StateQueued:
		if op.Kind == payment.KindStandIn {
			return "approved by the switch while the issuer is unreachable; the issuer is being told"
		}
		return "accepted; the issuer is being told"
	case payment.StateParked:
		if op.Kind == payment.KindReverse || op.Kind == payment.KindVoid {
			return "accepted; the issuer refused it, and a person decides"
		}
	}
	switch {
	case op.Kind == payment.KindStandIn:
		return "approved by the switch while the issuer was unreachable"
	case op.Advised:
		return "accepted"
	}
	if op.State == payment.StateDeclined && op.ResponseCode == "10" {
		return "approved for a lower amount, which the request did not allow; it is being reversed"
	}
	return responseText(op.ResponseCode)
}

// responseText is DE39 in words.
func responseText(code string) string {
	switch code {
	case "":
		return ""
	case "00":
		return "approved"
	case "08":
		return "approved with identification"
	case "10":
		return "approved for a lower amount"
	case "11":
		return "approved (VIP)"
	case "01", "02":
		return "the issuer wants to be called"
	case "03":
		return "invalid merchant"
	case "04", "07":
		return "the card is to be kept"
	case "05":
		return "do not honour"
	case "12":
		return "invalid transaction"
	case "13":
		return "invalid amount"
	case "14":
		return "no such card"
	case "15":
		return "no such issuer"
	case "21":
		return "no action taken"
	case "25":
		return "original not found"
	case "30":
		return "format error"
	case "41":
		return "lost card"
	case "43":
		return "stolen card"
	case "51":
		return "insufficient funds"
	case "54":
		return "expired card"
	case "57":
		return "not permitted to the cardholder"
	case "58":
		return "not permitted to the terminal"
	case "59":
		return "suspected fraud"
	case "61":
		return "over the card's limit"
	case "62":
		return "restricted card"
	case "63":
		return "security violation"
	case "65":
		return "over the card's number of uses"
	case "85":
		return "no reason to decline"
	case "91":
		return "the issuer is unavailable"
	case "92":
		return "no way to the issuer"
	case "93":
		return "against the law"
	case "94":
		return "duplicate transmission"
	case "96":
		return "system malfunction at the issuer"
	case "N7":
		return "wrong card verification code"
	}
	return "response code " + code
}

func stanText(stan uint32) string {
	if stan == 0 {
		return ""
	}
	s := strconv.Itoa(int(stan))
	return "000000"[len(s):] + s
}

// operationID names a capture or refund: the payment's id and the operation's place in it.
func operationID(id payment.ID, i int) string { return id.String() + "-" + strconv.Itoa(i) }

// parseOperationID finds the operation that an id of the given payment names.
func parseOperationID(id payment.ID, text string) (int, bool) {
	rest, ok := strings.CutPrefix(text, id.String()+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == rest
}
