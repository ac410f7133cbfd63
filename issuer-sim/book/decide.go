package book

import (
	"time"

	"switchyard/issuer-sim/message"
)

// decide says how a message that was not seen before is answered. It changes nothing; apply does what it approved.
func (s *shard) decide(r *message.Request, out *Outcome, at uint32, now time.Time) {
	out.Amount = r.Amount
	refuse := func(c string) { out.Code = message.CodeOf(c) }
	if c := out.Verdict.Code; c != (message.Code{}) && !c.Approves() {
		out.Code = c
		return
	}
	if r.Kind == message.KindUnsupported {
		refuse(message.CodeInvalid)
		return
	}
	if r.Class == message.ClassReversal {
		s.decideReversal(r, out, at)
		return
	}
	test := testCardIndex[r.Card]
	if !r.Card.Luhn() || test.code.Is(message.CodeUnknownCard) {
		refuse(message.CodeUnknownCard)
		return
	}
	if !s.room(r.Card) {
		refuse(message.CodeMalfunction)
		return
	}
	if r.Amount == 0 && r.Kind != message.KindVerify || !s.booksOf(r.Currency).fits(r.Amount+openingMinor(r.Currency)) {
		refuse(message.CodeAmount)
		return
	}
	if r.Advice {
		s.decideAdvice(r, out)
		return
	}
	s.decideRequest(r, out, test, now)
}

// decideRequest answers a 0100 or 0200.
func (s *shard) decideRequest(r *message.Request, out *Outcome, test testCard, now time.Time) {
	refuse := func(c string) { out.Code = message.CodeOf(c) }
	card := s.lookup(r.Card)
	switch test.conduct {
	case conductDecline:
		out.Code = test.code
		return
	case ConductDeaf, ConductSilent:
		out.Conduct = test.conduct
	case conductGood, conductPartial:
	}
	switch {
	case card != nil && card.status != CardGood:
		refuse(cardStatusCodes[card.status])
		return
	case r.Expiry != 0 && r.Expiry < yearMonth(now):
		refuse(message.CodeExpired)
		return
	case r.CVC == message.CVCWrong:
		refuse(message.CodeCVC)
		return
	case s.posted(r.ARN) != nil,
		s.byRRN(r.Acquirer, &r.RRN) != 0 && r.Kind != message.KindVerify && r.Kind != message.KindIncrement:
		refuse(message.CodeDuplicate)
		return
	}
	switch r.Kind {
	case message.KindVerify:
		refuse(message.CodeVerified)
		return
	case message.KindRefund:
		refuse(message.CodeApproved)
		return
	case message.KindIncrement:
		a := s.authorizations.at(s.byRRN(r.Acquirer, &r.FirstRRN))
		if a == nil || a.kind != message.KindAuthorize || a.card != r.Card || a.currency != r.Currency || a.reversed {
			refuse(message.CodeNoOriginal)
			return
		}
	default: // money decides
	}
	if card != nil && card.limit != 0 && r.Amount > card.limit {
		refuse(message.CodeLimit)
		return
	}
	spendable := s.spendable(r.Card, r.Currency)
	switch {
	case test.conduct == conductPartial && spendable >= r.Amount && r.Amount > 1:
		refuse(message.CodePartial)
		out.Amount = r.Amount - r.Amount/2
	case spendable >= r.Amount:
		refuse(message.CodeApproved)
		if c := out.Verdict.Code; c != (message.Code{}) {
			out.Code = c
			if c.Is(message.CodePartial) {
				out.Amount = r.Amount - r.Amount/2
			}
		}
	case r.PartialOK && spendable > 0 && r.Kind != message.KindIncrement:
		refuse(message.CodePartial)
		out.Amount = spendable
	default:
		refuse(message.CodeFunds)
	}
}

// decideAdvice answers a 0120 or 0220: a fact, taken whatever the card's state and money.
func (s *shard) decideAdvice(r *message.Request, out *Outcome) {
	out.Code = message.CodeOf(message.CodeApproved)
	a := s.authorizations.at(s.byRRN(r.Acquirer, &r.RRN))
	switch r.Kind {
	case message.KindIncrement:
		first := s.authorizations.at(s.byRRN(r.Acquirer, &r.FirstRRN))
		if first == nil || first.kind != message.KindAuthorize || first.card != r.Card || first.currency != r.Currency {
			out.Code = message.CodeOf(message.CodeNoOriginal)
		}
	case message.KindAuthorize, message.KindRefund:
		if a != nil && !a.onlyCleared(r) || r.Kind == message.KindRefund && s.posted(r.ARN) != nil {
			out.Code = message.CodeOf(message.CodeDuplicate)
		}
	case message.KindCapture, message.KindVoice:
		// The same capture under another STAN is an error of the sender's, and a second debit if it went through.
		if posted := s.posted(r.ARN); posted != nil {
			if !posted.early || posted.amount != r.Amount {
				out.Code = message.CodeOf(message.CodeDuplicate)
			}
			return
		}
		if a == nil {
			return
		}
		if a.card != r.Card || a.currency != r.Currency {
			out.Code = message.CodeOf(message.CodeInvalid)
			return
		}
		asks := r.Kind == message.KindVoice && r.ARN != (message.ARN{})
		if r.Number == 0 && !asks {
			return
		}
		for p := range s.postingsOf(a) {
			// What was posted without its acquirer reference, and is told of again with it by who knows the file alone.
			again := asks && p.arn == (message.ARN{}) && p.amount == r.Amount && !p.credit && p.state != postingReversed
			if again || r.Number != 0 && p.number == r.Number {
				out.Code = message.CodeOf(message.CodeDuplicate)
			}
		}
	default: // as they come
	}
}

// decideReversal answers a 04xx.
func (s *shard) decideReversal(r *message.Request, out *Outcome, at uint32) {
	out.Code = message.CodeOf(message.CodeApproved)
	o, found := s.findOriginal(r, at)
	switch {
	case !found:
		out.Code = message.CodeOf(message.CodeNoOriginal)
		return
	case r.Original.Class == message.ClassReversal:
		out.Code = message.CodeOf(message.CodeInvalid)
		return
	case o.authorization == nil:
		return
	}
	a := o.authorization
	whole := a.kind == message.KindAuthorize && o.increase == nil && o.posting == nil
	if r.Kind == message.KindRelease && (!whole || r.Stays > a.authorized) {
		out.Code = message.CodeOf(message.CodeInvalid)
		out.Why = "DE95 leaves more than is authorized, or is of no authorization"
		return
	}
	if c, why := s.disagrees(r, &o); c != "" {
		out.Code, out.Why = message.CodeOf(c), why
	}
}

// yearMonth is a moment as an expiry, YYMM: a card is good through its last month, by UTC.
func yearMonth(now time.Time) uint16 {
	y, m, _ := now.UTC().Date()
	return uint16(y%100*100 + int(m))
}
