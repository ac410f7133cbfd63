package book

import (
	"switchyard/internal/mutant"
	"switchyard/issuer-sim/message"
)

// original is what a reversal takes back, as far as something of it stands in the books.
type original struct {
	authorization *authorization // nil: it was declined, or holds nothing
	posting       *posting       // a sale, refund or capture
	increase      *increase      // an increment; with neither the first 0100 as a whole
}

// findOriginal finds what a reversal names: in the memory of messages by DE90, RRN and card, and after a day in the
// books, as long as they have it, by these or by RRN and card. By DE90 alone it is nothing: the numbers of messages are
// of an acquirer's link to a host, and this issuer may be two of its hosts, each of which was sent another message with
// the same STAN in the same second. It is not found
// where its own reversal came first, where it was refused as if it had not come, or where the books have forgotten it.
func (s *shard) findOriginal(r *message.Request, now uint32) (o original, found bool) {
	if r.Original.Class == message.ClassNone {
		return s.originalOf(r, now)
	}
	e := s.find(r.Original, &r.RRN, r.Card, now)
	if e == nil || e.fate == fateAwaited || e.fate == fateRefused {
		return s.inBooks(r)
	}
	if !e.code.Approves() || e.authorization == 0 {
		return o, true
	}
	if o.authorization = s.authorizations.at(e.authorization); o.authorization == nil {
		return o, false
	}
	switch {
	case e.Class != message.ClassAuthorization:
		o.posting = s.postings.at(e.part)
	case e.part != 0:
		o.increase = s.increases.at(e.part)
	}
	return o, true
}

// originalOf finds what a reversal names by its acquirer reference and card, which is that of a posting; or by its RRN
// and card alone, as it does for an issuer that is not told more: an
// authorization as a whole, and not what was captured of it, since that has the same RRN; an increment beside the RRN
// of its authorization; or what has an RRN of its own. What holds nothing is in the memory of messages alone.
func (s *shard) originalOf(r *message.Request, now uint32) (o original, found bool) {
	if p := s.posted(r.ARN); p != nil {
		if a := s.authorizations.at(p.authorization); a != nil && a.card == r.Card {
			return original{authorization: a, posting: p}, true
		}
	}
	if r.FirstRRN != (message.Reference{}) && r.FirstRRN != r.RRN {
		if a := s.authorizations.at(s.byRRN(r.Acquirer, &r.FirstRRN)); a != nil && a.card == r.Card {
			for i := range s.increasesOf(a) {
				if i.rrn == r.RRN {
					return original{authorization: a, increase: i}, true
				}
			}
		}
	}
	if a := s.authorizations.at(s.byRRN(r.Acquirer, &r.RRN)); a != nil && a.card == r.Card {
		if a.kind == message.KindAuthorize {
			return original{authorization: a}, true
		}
		if a.firstPosting != 0 && a.firstPosting == a.lastPosting {
			return original{authorization: a, posting: s.postings.at(a.firstPosting)}, true
		}
	}
	s.seekRRNs()
	named := seen{Moment: message.Moment{Acquirer: r.Acquirer}, rrn: r.RRN, card: r.Card}
	for number := s.seenByRRN.get(named.rrnPlace()); number != 0; {
		e := s.seen.at(number)
		if e == nil {
			break
		}
		number = e.beforeRRN
		if e.rrn == r.RRN && e.card == r.Card && e.Acquirer == r.Acquirer &&
			(e.at > now || now-e.at <= day) && (e.fate == fateAnswered || e.fate == fateSilent) {
			return o, !e.code.Approves() || e.authorization == 0
		}
	}
	return o, false
}

// inBooks finds what a reversal names in the books.
func (s *shard) inBooks(r *message.Request) (o original, found bool) {
	if a := s.authorizations.at(s.byMoment.get(r.Original.Place(r.Card))); a != nil && a.card == r.Card {
		o, found = s.within(a, &r.Original)
		if found && (a.rrn == r.RRN || a.rrn == r.FirstRRN || o.increase != nil) { // the books have no RRN of an increment
			return o, true
		}
		o = original{}
	}
	for _, acquirer := range [...]message.Digits{r.Original.Acquirer, r.Acquirer} {
		a := s.authorizations.at(s.byRRN(acquirer, &r.RRN))
		if a == nil || a.card != r.Card ||
			r.FirstRRN != (message.Reference{}) && r.FirstRRN != r.RRN && a.kind == message.KindAuthorize {
			continue // an increment that has no RRN of its own must not take its authorization with it
		}
		switch r.Original.Class {
		case message.ClassAuthorization:
			if a.kind == message.KindAuthorize {
				return original{authorization: a}, true
			}
		default: // of an authorization's captures DE90 alone tells which
			if a.kind != message.KindAuthorize && a.firstPosting != 0 && a.firstPosting == a.lastPosting {
				return original{authorization: a, posting: s.postings.at(a.firstPosting)}, true
			}
		}
	}
	return o, false
}

// applied tells whether an advice stands in the books already, as the very message that it is: with its RRN, too, since
// the numbers of messages are of an acquirer's link to a host, and this issuer may be two of its hosts.
func (s *shard) applied(r *message.Request) bool {
	a := s.authorizations.at(s.byMoment.get(r.Moment.Place(r.Card)))
	if r.Class == message.ClassReversal || a == nil || a.card != r.Card || a.rrn != r.RRN {
		return false
	}
	_, found := s.within(a, &r.Moment)
	return found
}

// within finds a message among what an authorization is made of.
func (s *shard) within(a *authorization, m *message.Moment) (o original, found bool) {
	if m.Class == message.ClassAuthorization {
		if a.kind == message.KindAuthorize && a.Moment == *m {
			return original{authorization: a}, true
		}
		for i := range s.increasesOf(a) {
			if i.Moment == *m {
				return original{authorization: a, increase: i}, true
			}
		}
		return o, false
	}
	for p := range s.postingsOf(a) {
		if p.class == m.Class && p.stan == m.STAN && p.de7 == m.DE7 && a.Acquirer == m.Acquirer {
			return original{authorization: a, posting: p}, true
		}
	}
	return o, false
}

// disagrees says what of a reversal cannot be its original's, with a code, or "": it is of another currency, or for
// another amount than its original asked for. The amount of a first 0100 may be any total with its increments,
// whichever of them the acquirer knows, and of what is left of them; the issuer knows no more than that.
func (s *shard) disagrees(r *message.Request, o *original) (c, why string) {
	a := o.authorization
	if a.currency != r.Currency && !mutant.On(mutant.ForeignReversal) {
		return message.CodeInvalid, "DE49 is not its original's"
	}
	const amount = "DE4 is not what its original asked for"
	switch {
	case o.posting != nil:
		// What a clearing file posted was never asked for here; what was granted in part asked for more.
		if asked := o.posting.requested; asked != 0 && asked != r.Amount {
			return message.CodeAmount, amount
		}
	case o.increase != nil:
		if asked := o.increase.requested; asked != 0 && asked != r.Amount {
			return message.CodeAmount, amount
		}
	case a.requested != 0:
		least, most := a.requested, a.requested
		for i := range s.increasesOf(a) {
			most += max(i.requested, i.amount)
		}
		if a.lowered || a.reversed || a.firstPosting != 0 || a.code.Is(message.CodePartial) {
			least = 0
		}
		if r.Amount < least || r.Amount > most {
			return message.CodeAmount, amount
		}
	}
	return "", ""
}
