package issuersim

import "time"

// decide says how a message that was not seen before is answered. It changes nothing; apply does what it approved.
func (s *shard) decide(r *request, out *outcome, at uint32, now time.Time) {
	out.amount = r.amount
	refuse := func(c string) { out.code = codeOf(c) }
	if c := out.verdict.code; c != (code{}) && !c.approves() {
		out.code = c
		return
	}
	if r.kind == kindUnsupported {
		refuse(codeInvalid)
		return
	}
	if r.class == classReversal {
		s.decideReversal(r, out, at)
		return
	}
	test := testCardIndex[r.card]
	if !r.card.luhn() || test.code.is(codeUnknownCard) {
		refuse(codeUnknownCard)
		return
	}
	if !s.room(r.card) {
		refuse(codeMalfunction)
		return
	}
	if r.amount == 0 && r.kind != kindVerify || !s.booksOf(r.currency).fits(r.amount+openingMinor(r.currency)) {
		refuse(codeAmount)
		return
	}
	if r.advice {
		s.decideAdvice(r, out)
		return
	}
	s.decideRequest(r, out, test, now)
}

// decideRequest answers a 0100 or 0200.
func (s *shard) decideRequest(r *request, out *outcome, test testCard, now time.Time) {
	refuse := func(c string) { out.code = codeOf(c) }
	card := s.lookup(r.card)
	switch test.conduct {
	case conductDecline:
		out.code = test.code
		return
	case conductDeaf, conductSilent:
		out.conduct = test.conduct
	}
	switch {
	case card != nil && card.status != CardGood:
		refuse(cardStatusCodes[card.status])
		return
	case r.expiry != 0 && r.expiry < yearMonth(now):
		refuse(codeExpired)
		return
	case r.cvc == cvcWrong:
		refuse(codeCVC)
		return
	case s.posted(r.arn) != nil, s.byRRN[authorizationKey{r.acquirer, r.rrn}] != 0 && r.kind != kindVerify && r.kind != kindIncrement:
		refuse(codeDuplicate)
		return
	}
	switch r.kind {
	case kindVerify:
		refuse(codeVerified)
		return
	case kindRefund:
		refuse(codeApproved)
		return
	case kindIncrement:
		a := s.authorizations.at(s.byRRN[authorizationKey{r.acquirer, r.firstRRN}])
		if a == nil || a.kind != kindAuthorize || a.card != r.card || a.currency != r.currency || a.reversed {
			refuse(codeNoOriginal)
			return
		}
	}
	if card != nil && card.limit != 0 && r.amount > card.limit {
		refuse(codeLimit)
		return
	}
	spendable := s.spendable(r.card, r.currency)
	switch {
	case test.conduct == conductPartial && spendable >= r.amount && r.amount > 1:
		refuse(codePartial)
		out.amount = r.amount - r.amount/2
	case spendable >= r.amount:
		refuse(codeApproved)
		if c := out.verdict.code; c != (code{}) {
			out.code = c
			if c.is(codePartial) {
				out.amount = r.amount - r.amount/2
			}
		}
	case r.partialOK && spendable > 0 && r.kind != kindIncrement:
		refuse(codePartial)
		out.amount = spendable
	default:
		refuse(codeFunds)
	}
}

// decideAdvice answers a 0120 or 0220: a fact, taken whatever the card's state and money.
func (s *shard) decideAdvice(r *request, out *outcome) {
	out.code = codeOf(codeApproved)
	a := s.authorizations.at(s.byRRN[authorizationKey{r.acquirer, r.rrn}])
	switch r.kind {
	case kindIncrement:
		first := s.authorizations.at(s.byRRN[authorizationKey{r.acquirer, r.firstRRN}])
		if first == nil || first.kind != kindAuthorize || first.card != r.card || first.currency != r.currency {
			out.code = codeOf(codeNoOriginal)
		}
	case kindAuthorize, kindRefund:
		if a != nil {
			out.code = codeOf(codeDuplicate)
		}
	case kindCapture, kindVoice:
		// The same capture under another STAN is an error of the sender's, and a second debit if it went through.
		if posted := s.posted(r.arn); posted != nil {
			if !posted.early || posted.amount != r.amount {
				out.code = codeOf(codeDuplicate)
			}
			return
		}
		if a == nil {
			return
		}
		if a.card != r.card || a.currency != r.currency {
			out.code = codeOf(codeInvalid)
			return
		}
		if r.number == 0 {
			return
		}
		for p := range s.postingsOf(a) {
			if p.number == r.number {
				out.code = codeOf(codeDuplicate)
			}
		}
	}
}

// decideReversal answers a 04xx.
func (s *shard) decideReversal(r *request, out *outcome, at uint32) {
	out.code = codeOf(codeApproved)
	o, found := s.findOriginal(r, at)
	switch {
	case !found:
		out.code = codeOf(codeNoOriginal)
		return
	case r.original.class == classReversal:
		out.code = codeOf(codeInvalid)
		return
	case o.authorization == nil:
		return
	}
	a := o.authorization
	whole := a.kind == kindAuthorize && o.increase == nil && o.posting == nil
	if r.kind == kindRelease && (!whole || r.stays > a.authorized) {
		out.code, out.why = codeOf(codeInvalid), "DE95 leaves more than is authorized, or is of no authorization"
		return
	}
	if c, why := s.disagrees(r, &o); c != "" {
		out.code, out.why = codeOf(c), why
	}
}

// yearMonth is a moment as an expiry, YYMM: a card is good through its last month, by UTC.
func yearMonth(now time.Time) uint16 {
	y, m, _ := now.UTC().Date()
	return uint16(y%100*100 + int(m))
}
