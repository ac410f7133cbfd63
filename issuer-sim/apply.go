package issuersim

import "switchyard/internal/mutant"

// apply does what was decided and remembers it. It goes by the request and the outcome's code and amount alone, so that
// the log, which holds these, is read back by applying it again.
func (s *shard) apply(r *request, out *outcome, at uint32, known *seen) {
	memory := seen{moment: r.moment, rrn: r.rrn, card: r.card, amount: out.amount, at: at, code: out.code, tries: out.tries}
	if out.conduct == conductSilent {
		memory.fate = fateSilent
	}
	switch {
	case r.class == classReversal:
		s.applyReversal(r, out, at)
	case out.code.approves():
		memory.authorization, memory.part = s.applyApproved(r, out, at)
	}
	if known != nil && known.fate == fateRefused {
		memory.before = known.before
		*known = memory
		return
	}
	s.remember(memory)
}

// applyApproved does what an approved request or advice asks for, and says what it made.
func (s *shard) applyApproved(r *request, out *outcome, at uint32) (number uint64, part uint32) {
	switch r.kind {
	case kindVerify:
		return 0, 0
	case kindIncrement:
		number = s.byRRN[authorizationKey{r.acquirer, r.firstRRN}]
		a := s.authorizations.at(number)
		if a == nil {
			return 0, 0
		}
		before := a.hold()
		a.authorized += out.amount
		n, i := s.increases.add()
		*i = increase{moment: r.moment, rrn: r.rrn, amount: out.amount, requested: r.amount, next: a.firstIncrease}
		a.firstIncrease = n
		s.byMoment[r.moment.of(r.card)] = number
		s.total(r, r.date, at).authorizations++
		s.rehold(a, before, 0)
		return number, n
	case kindCapture, kindVoice:
		if posted := s.posted(r.arn); posted != nil && !mutant.On(mutant.PostedAgain) {
			// Its clearing record came first.
			posted.early, posted.number = false, r.number
			posted.requested, posted.class, posted.stan, posted.de7 = r.amount, r.class, r.stan, r.de7
			s.byMoment[r.moment.of(r.card)] = posted.authorization
			if a := s.authorizations.at(posted.authorization); a.kind == kindVoice && a.authCode == [6]byte{} {
				a.authCode = r.authCode
			}
			return posted.authorization, s.byARN[r.arn]
		}
		number = s.byRRN[authorizationKey{r.acquirer, r.rrn}]
	}
	a := s.authorizations.at(number)
	if a == nil {
		number, a = s.approved(authorization{
			moment: r.moment, card: r.card, rrn: r.rrn, firstRRN: r.firstRRN, at: at, currency: r.currency, kind: r.kind,
			code: out.code, authCode: out.authCode, merchant: r.merchant, requested: r.amount,
		})
		switch r.kind {
		case kindAuthorize:
			a.authorized = out.amount
		case kindSale:
			a.authorized = out.amount
		case kindCapture, kindVoice:
			// A capture whose authorization is not known any more stands alone, as one obtained elsewhere does.
			a.authCode, a.overHold, a.kind = r.authCode, r.kind == kindCapture, kindVoice
		}
	}
	s.byMoment[r.moment.of(r.card)] = number
	if r.kind == kindAuthorize {
		s.total(r, r.date, at).authorizations++
		s.rehold(a, 0, 0)
		return number, 0
	}
	s.total(r, r.date, at).count(out.amount, r.credit, false)
	before := a.hold()
	debit := out.amount
	if r.credit {
		debit = -debit
	} else {
		if a.kind == kindAuthorize && (a.captured+debit > a.authorized) {
			a.overHold = true
		}
		a.captured += debit
	}
	part = s.addPosting(a, posting{
		amount: out.amount, requested: r.amount, authorization: number, number: r.number, date: r.date, arn: r.arn,
		credit: r.credit, class: r.class, stan: r.stan, de7: r.de7,
	})
	s.rehold(a, before, debit)
	return number, part
}

// rehold brings the books to what an authorization holds now, which was before, and debits the cardholder.
func (s *shard) rehold(a *authorization, before, debit int64) {
	s.move(s.open(s.keep(a.card), a.currency), a.currency, a.hold()-before, debit, unsettled)
}

func (s *shard) applyReversal(r *request, out *outcome, at uint32) {
	switch {
	case out.code.is(codeNoOriginal):
		if r.kind == kindReverse && s.find(r.original, &r.rrn, r.card, at) == nil {
			s.remember(seen{moment: r.original, rrn: r.rrn, card: r.card, at: at, fate: fateAwaited})
		}
		return
	case !out.code.approves():
		return
	}
	o, found := s.findOriginal(r, at)
	a := o.authorization
	if !found || a == nil {
		return
	}
	before := a.hold()
	switch {
	case r.kind == kindRelease:
		a.authorized, a.lowered = min(a.authorized, r.stays), true
		s.rehold(a, before, 0)
	case o.increase != nil:
		if i := o.increase; !i.reversed {
			i.reversed = true
			a.authorized = max(0, a.authorized-i.amount)
			s.rehold(a, before, 0)
		}
	case o.posting == nil:
		a.authorized, a.reversed = min(a.authorized, a.captured), true
		for i := range s.increasesOf(a) {
			i.reversed = true
		}
		s.rehold(a, before, 0)
	default:
		p := o.posting
		if p.state == postingReversed {
			return
		}
		date := r.date
		if date == 0 {
			date = p.date
		}
		s.total(r, date, at).count(p.amount, p.credit, true)
		s.reversePosting(a, p, true)
	}
}

// reversePosting takes a posting back, from wherever it is on its way. With rehold, the hold that a capture took is back.
func (s *shard) reversePosting(a *authorization, p *posting, rehold bool) {
	if p.state == postingReversed {
		return
	}
	side := unsettled
	if p.state == postingSettled {
		side = settled
	}
	p.state = postingReversed
	before := a.hold()
	debit := p.amount
	if p.credit {
		debit = -debit
	} else {
		a.captured -= p.amount
		if a.kind == kindAuthorize && !rehold {
			a.authorized = before + a.captured
		}
	}
	a.reversed = a.reversed || a.kind != kindAuthorize
	s.move(s.open(s.keep(a.card), a.currency), a.currency, a.hold()-before, -debit, side)
}
