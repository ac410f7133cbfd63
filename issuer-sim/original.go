package issuersim

import "switchyard/internal/mutant"

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
func (s *shard) findOriginal(r *request, now uint32) (o original, found bool) {
	e := s.find(r.original, &r.rrn, r.card, now)
	if e == nil || e.fate == fateAwaited || e.fate == fateRefused {
		return s.inBooks(r)
	}
	if !e.code.approves() || e.authorization == 0 {
		return o, true
	}
	if o.authorization = s.authorizations.at(e.authorization); o.authorization == nil {
		return o, false
	}
	switch {
	case e.class != classAuthorization:
		o.posting = s.postings.at(e.part)
	case e.part != 0:
		o.increase = s.increases.at(e.part)
	}
	return o, true
}

// inBooks finds what a reversal names in the books.
func (s *shard) inBooks(r *request) (o original, found bool) {
	if a := s.authorizations.at(s.byMoment[r.original.of(r.card)]); a != nil && a.card == r.card {
		o, found = s.within(a, &r.original)
		if found && (a.rrn == r.rrn || a.rrn == r.firstRRN || o.increase != nil) { // the books have no RRN of an increment
			return o, true
		}
		o = original{}
	}
	for _, acquirer := range [...]digits{r.original.acquirer, r.acquirer} {
		a := s.authorizations.at(s.byRRN[authorizationKey{acquirer, r.rrn}])
		if a == nil || a.card != r.card || r.firstRRN != (reference{}) && r.firstRRN != r.rrn && a.kind == kindAuthorize {
			continue // an increment that has no RRN of its own must not take its authorization with it
		}
		switch r.original.class {
		case classAuthorization:
			if a.kind == kindAuthorize {
				return original{authorization: a}, true
			}
		default: // of an authorization's captures DE90 alone tells which
			if a.kind != kindAuthorize && a.firstPosting != 0 && a.firstPosting == a.lastPosting {
				return original{authorization: a, posting: s.postings.at(a.firstPosting)}, true
			}
		}
	}
	return o, false
}

// applied tells whether an advice stands in the books already, as the very message that it is: with its RRN, too, since
// the numbers of messages are of an acquirer's link to a host, and this issuer may be two of its hosts.
func (s *shard) applied(r *request) bool {
	a := s.authorizations.at(s.byMoment[r.moment.of(r.card)])
	if r.class == classReversal || a == nil || a.card != r.card || a.rrn != r.rrn {
		return false
	}
	_, found := s.within(a, &r.moment)
	return found
}

// within finds a message among what an authorization is made of.
func (s *shard) within(a *authorization, m *moment) (o original, found bool) {
	if m.class == classAuthorization {
		if a.kind == kindAuthorize && a.moment == *m {
			return original{authorization: a}, true
		}
		for i := range s.increasesOf(a) {
			if i.moment == *m {
				return original{authorization: a, increase: i}, true
			}
		}
		return o, false
	}
	for p := range s.postingsOf(a) {
		if p.class == m.class && p.stan == m.stan && p.de7 == m.de7 && a.acquirer == m.acquirer {
			return original{authorization: a, posting: p}, true
		}
	}
	return o, false
}

// of is a moment's place in the index of the books: a hash, so that a place is a word; who looks it up compares the
// moment.
func (m *moment) of(card digits) uint64 {
	h := mix(uint64(card)) ^ uint64(m.acquirer)
	h = mix(h) ^ uint64(m.stan)<<8 ^ uint64(m.class)
	return mix(mix(h) ^ uint64(m.de7))
}

// disagrees says what of a reversal cannot be its original's, with a code, or "": it is of another currency, or for
// another amount than its original asked for. The amount of a first 0100 may be any total with its increments,
// whichever of them the acquirer knows, and of what is left of them; the issuer knows no more than that.
func (s *shard) disagrees(r *request, o *original) (c, why string) {
	a := o.authorization
	if a.currency != r.currency && !mutant.On(mutant.ForeignReversal) {
		return codeInvalid, "DE49 is not its original's"
	}
	const amount = "DE4 is not what its original asked for"
	switch {
	case o.posting != nil:
		// What a clearing file posted was never asked for here; what was granted in part asked for more.
		if asked := o.posting.requested; asked != 0 && asked != r.amount {
			return codeAmount, amount
		}
	case o.increase != nil:
		if asked := o.increase.requested; asked != 0 && asked != r.amount {
			return codeAmount, amount
		}
	case a.requested != 0:
		least, most := a.requested, a.requested
		for i := range s.increasesOf(a) {
			most += max(i.requested, i.amount)
		}
		if a.lowered || a.reversed || a.firstPosting != 0 || a.code.is(codePartial) {
			least = 0
		}
		if r.amount < least || r.amount > most {
			return codeAmount, amount
		}
	}
	return "", ""
}
