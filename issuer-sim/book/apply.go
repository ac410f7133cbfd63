package book

import (
	"switchyard/internal/mutant"
	"switchyard/issuer-sim/message"
)

// apply does what was decided and remembers it. It goes by the request and the outcome's code and amount alone, so that
// the log, which holds these, is read back by applying it again.
func (s *shard) apply(r *message.Request, out *Outcome, at uint32, known *seen) {
	memory := seen{
		Moment: r.Moment, rrn: r.RRN, card: r.Card, amount: out.Amount, at: at, code: out.Code, tries: out.tries,
	}
	if out.Conduct == ConductSilent {
		memory.fate = fateSilent
	}
	switch {
	case r.Class == message.ClassReversal:
		s.applyReversal(r, out, at)
	case out.Code.Approves():
		memory.authorization, memory.part = s.applyApproved(r, out, at)
	}
	if known != nil && known.fate == fateRefused {
		memory.before, memory.beforeRRN = known.before, known.beforeRRN
		*known = memory
		return
	}
	s.remember(memory)
}

// applyApproved does what an approved request or advice asks for, and says what it made.
func (s *shard) applyApproved(r *message.Request, out *Outcome, at uint32) (number uint64, part uint32) {
	switch r.Kind {
	case message.KindVerify:
		return 0, 0
	case message.KindIncrement:
		number = s.byRRN(r.Acquirer, &r.FirstRRN)
		a := s.authorizations.at(number)
		if a == nil {
			return 0, 0
		}
		before := a.hold()
		a.authorized += out.Amount
		n, i := s.increases.add()
		*i = increase{Moment: r.Moment, rrn: r.RRN, amount: out.Amount, requested: r.Amount, next: a.firstIncrease}
		a.firstIncrease = n
		s.byMoment.put(r.Moment.Place(r.Card), number)
		s.total(r, r.Date, at).Authorizations++
		s.rehold(a, before, 0)
		return number, n
	case message.KindCapture, message.KindVoice:
		if part := s.recorded(r); part != 0 && !mutant.On(mutant.PostedAgain) {
			posted := s.postings.at(part)
			posted.early, posted.number, posted.date = false, r.Number, r.Date
			posted.requested, posted.class, posted.stan, posted.de7 = r.Amount, r.Class, r.STAN, r.DE7
			s.total(r, r.Date, at).count(posted.amount, false, false)
			s.byMoment.put(r.Moment.Place(r.Card), posted.authorization)
			if a := s.authorizations.at(posted.authorization); a.kind == message.KindVoice && a.authCode == [6]byte{} {
				a.authCode = r.AuthCode
			}
			return posted.authorization, part
		}
		number = s.byRRN(r.Acquirer, &r.RRN)
	case message.KindAuthorize:
		if number = s.byRRN(r.Acquirer, &r.RRN); number != 0 {
			s.authorizeCleared(number, r, out, at)
			return number, 0
		}
	default: // the others begin an authorization, or stand alone
	}
	a := s.authorizations.at(number)
	if a == nil {
		number, a = s.approved(authorization{
			Moment: r.Moment, card: r.Card, rrn: r.RRN, firstRRN: r.FirstRRN, at: at, currency: r.Currency, kind: r.Kind,
			code: out.Code, authCode: out.AuthCode, merchant: r.Merchant, requested: r.Amount,
		})
		switch r.Kind {
		case message.KindAuthorize:
			a.authorized = out.Amount
		case message.KindSale:
			a.authorized = out.Amount
		case message.KindCapture, message.KindVoice:
			// A capture whose authorization is not known any more stands alone, as one obtained elsewhere does.
			a.authCode, a.overHold, a.kind = r.AuthCode, r.Kind == message.KindCapture, message.KindVoice
		default: // a refund holds nothing
		}
	}
	s.byMoment.put(r.Moment.Place(r.Card), number)
	if r.Kind == message.KindAuthorize {
		s.total(r, r.Date, at).Authorizations++
		s.rehold(a, 0, 0)
		return number, 0
	}
	s.total(r, r.Date, at).count(out.Amount, r.Credit, false)
	before := a.hold()
	debit := out.Amount
	if r.Credit {
		debit = -debit
	} else {
		if a.kind == message.KindAuthorize && (a.captured+debit > a.authorized) {
			a.overHold = true
		}
		a.captured += debit
	}
	part = s.addPosting(a, posting{
		amount: out.Amount, requested: r.Amount, authorization: number, number: r.Number, date: r.Date, arn: r.ARN,
		credit: r.Credit, class: r.Class, stan: r.STAN, de7: r.DE7,
	})
	s.rehold(a, before, debit)
	return number, part
}

// recorded is the posting that a capture tells of and whose clearing record came first: by its acquirer reference or,
// where whoever sends it tells none, by RRN and amount among those that records alone have told of; 0 if there is none.
func (s *shard) recorded(r *message.Request) (part uint32) {
	if r.ARN != (message.ARN{}) {
		return s.byARN[r.ARN]
	}
	a := s.authorizations.at(s.byRRN(r.Acquirer, &r.RRN))
	if a == nil || a.card != r.Card || a.currency != r.Currency {
		return 0
	}
	for n := a.firstPosting; n != 0; {
		posting := s.postings.at(n)
		if posting.early && posting.amount == r.Amount && !posting.credit {
			return n
		}
		n = posting.next
	}
	return 0
}

// authorizeCleared makes what clearing records alone have told of the authorization that its advice tells of now: what
// they debited is a part of it.
func (s *shard) authorizeCleared(number uint64, r *message.Request, out *Outcome, at uint32) {
	a := s.authorizations.at(number)
	a.Moment, a.at, a.kind, a.code, a.authCode = r.Moment, at, r.Kind, out.Code, out.AuthCode
	a.merchant, a.requested, a.authorized = r.Merchant, r.Amount, out.Amount
	a.overHold = a.captured > a.authorized
	s.byMoment.put(r.Moment.Place(r.Card), number)
	s.total(r, r.Date, at).Authorizations++
	s.rehold(a, 0, 0)
}

// rehold brings the books to what an authorization holds now, which was before, and debits the cardholder.
func (s *shard) rehold(a *authorization, before, debit int64) {
	s.move(s.open(s.keep(a.card), a.currency), a.currency, a.hold()-before, debit, unsettled)
}

func (s *shard) applyReversal(r *message.Request, out *Outcome, at uint32) {
	switch {
	case out.Code.Is(message.CodeNoOriginal):
		if of := awaits(r); r.Kind == message.KindReverse && s.find(of, &r.RRN, r.Card, at) == nil {
			s.awaitsRRNs = s.awaitsRRNs || of.Class == message.ClassNone
			s.remember(seen{Moment: of, rrn: r.RRN, card: r.Card, at: at, fate: fateAwaited})
		}
		return
	case !out.Code.Approves():
		return
	}
	o, found := s.findOriginal(r, at)
	a := o.authorization
	if !found || a == nil {
		return
	}
	before := a.hold()
	switch {
	case r.Kind == message.KindRelease:
		a.authorized, a.lowered = min(a.authorized, r.Stays), true
		for i := range s.increasesOf(a) {
			i.lowered = true
		}
		s.rehold(a, before, 0)
	case o.increase != nil:
		if i := o.increase; !i.reversed {
			i.reversed = true
			if !i.lowered {
				a.authorized = max(0, a.authorized-i.amount)
			}
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
		date := r.Date
		if date == 0 {
			date = p.date
		}
		if !p.early { // what no message told of counted in no total
			s.total(r, date, at).count(p.amount, p.credit, true)
		}
		s.reversePosting(a, p, true)
	}
}

// reversePosting takes a posting back, from wherever it is on its way. With rehold, the hold that a capture took is
// back.
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
	debit := p.amount - s.later[p.arn].stands() // that the cardholder has back
	if p.credit {
		debit = -debit
	} else {
		a.captured -= p.amount
		if a.kind == message.KindAuthorize && !rehold {
			a.authorized = before + a.captured
		}
	}
	a.reversed = a.reversed || a.kind != message.KindAuthorize
	s.move(s.open(s.keep(a.card), a.currency), a.currency, a.hold()-before, -debit, side)
}
