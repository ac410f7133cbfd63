package book

import (
	"sync"

	"switchyard/issuer-sim/message"
)

// shardCount is how many ways the cards are split. Two connections rarely meet in one of so many.
const shardCount = 32

// shard holds some of the cards with all that belongs to them. Its mutex is the only one on the way of a message but
// the log's, which is taken inside it.
type shard struct {
	mu             sync.Mutex
	book           *Book
	cardIndex      index // by the number itself
	cards          slab[card]
	accounts       slab[cardAccount] // of cards with more than one
	authorizations ring[authorization]
	rrnIndex       index // authorizations by acquirer and RRN: byRRN
	byMoment       index // authorizations by what made or changed them, by message.Moment.Place
	increases      slab[increase]
	postings       slab[posting]
	byARN          map[message.ARN]uint32
	later          map[message.ARN]*later // what came of postings after they were settled
	seen           ring[seen]
	seenIndex      index // the newest message of a moment and card, by message.Moment.Place
	seenByRRN      index // the newest message of an RRN and card, by seen.rrnPlace, once seeksRRNs
	seeksRRNs      bool  // some reversal said nothing of its original but the RRN
	awaitsRRNs     bool  // some reversal came before its original, of which it said the RRN alone
	books          []books
	totals         totals
	peeked         uint64 // of peek; nobody reads it
	expiredHolds   uint64 // authorizations that went with money still held
}

func newShard(i *Book, limits Limits) *shard {
	return &shard{
		book:           i,
		authorizations: newRing[authorization](limits.Authorizations / shardCount),
		byARN:          map[message.ARN]uint32{},
		later:          map[message.ARN]*later{},
		seen:           newRing[seen](limits.Messages / shardCount),
	}
}

// peek looks at all places at once that a message is looked for in one after the other: none is in a cache, and memory
// answers several questions in the time of one.
func (s *shard) peek(r *message.Request) {
	place := r.Moment.Place(r.Card)
	s.peeked = s.seenIndex.peek(place) ^ s.byMoment.peek(place) ^ s.rrnIndex.peek(r.RRN.Place(r.Acquirer)) ^
		s.cardIndex.peek(uint64(r.Card))
}

// booksOf returns the books of a currency, opened if need be.
func (s *shard) booksOf(currency uint16) *books {
	for i := range s.books {
		if s.books[i].currency == currency {
			return &s.books[i]
		}
	}
	s.books = append(s.books, books{currency: currency})
	return &s.books[len(s.books)-1]
}

// lookup returns a kept card, nil if it is as cards are made.
func (s *shard) lookup(number message.Digits) *card {
	if n := s.cardIndex.get(uint64(number)); n != 0 {
		return s.cards.at(uint32(n))
	}
	return nil
}

// keep returns a card to change.
func (s *shard) keep(number message.Digits) *card {
	if c := s.lookup(number); c != nil {
		return c
	}
	n, c := s.cards.add()
	*c = card{number: number}
	s.cardIndex.put(uint64(number), uint64(n))
	return c
}

// room tells whether one more card may be kept.
func (s *shard) room(number message.Digits) bool {
	return s.cardIndex.used < s.book.limits.Cards/shardCount || s.lookup(number) != nil
}

// accountOf returns a card's account in a currency, nil if it is not open.
func (s *shard) accountOf(c *card, currency uint16) *cardAccount {
	if c == nil {
		return nil
	}
	for a := &c.account; ; a = s.accounts.at(a.next) {
		if a.currency == currency {
			return a
		}
		if a.next == 0 {
			return nil
		}
	}
}

// open returns a card's account in a currency to change. A new one is given what cards are made with.
func (s *shard) open(c *card, currency uint16) *cardAccount {
	if a := s.accountOf(c, currency); a != nil {
		return a
	}
	opening := openingMinor(currency)
	fresh := cardAccount{balance: opening, currency: currency}
	s.booksOf(currency).move(capital, available, opening)
	if c.account.currency == 0 {
		c.account = fresh
		return &c.account
	}
	n, a := s.accounts.add()
	fresh.next, c.account.next = c.account.next, n
	*a = fresh
	return a
}

// spendable is what a card can spend in a currency.
func (s *shard) spendable(number message.Digits, currency uint16) int64 {
	if a := s.accountOf(s.lookup(number), currency); a != nil {
		return a.balance - a.held
	}
	return openingMinor(currency)
}

// approved makes the record of an approved request.
func (s *shard) approved(a authorization) (uint64, *authorization) {
	if s.authorizations.full() {
		s.evict(s.authorizations.first)
	}
	number, place := s.authorizations.add()
	*place = a
	s.rrnIndex.put(a.rrn.Place(a.Acquirer), number)
	return number, place
}

// evict forgets an authorization. A hold that still stands expires, so that the books stay right.
func (s *shard) evict(number uint64) {
	a := s.authorizations.at(number)
	if hold := a.hold(); hold != 0 {
		s.expiredHolds++
		s.move(s.open(s.keep(a.card), a.currency), a.currency, -hold, 0, unsettled)
		a.authorized = a.captured
	}
	for n := a.firstPosting; n != 0; {
		p := s.postings.at(n)
		if p.arn != (message.ARN{}) {
			delete(s.byARN, p.arn)
			delete(s.later, p.arn)
		}
		s.forget(&message.Moment{Acquirer: a.Acquirer, STAN: p.stan, Class: p.class, DE7: p.de7}, a.card, number)
		s.postings.remove(n)
		n = p.next
	}
	for n := a.firstIncrease; n != 0; {
		i := s.increases.at(n)
		s.forget(&i.Moment, a.card, number)
		s.increases.remove(n)
		n = i.next
	}
	s.forget(&a.Moment, a.card, number)
	s.rrnIndex.remove(a.rrn.Place(a.Acquirer), number)
}

// byRRN returns the number of the authorization under an RRN, 0 if there is none.
func (s *shard) byRRN(acquirer message.Digits, rrn *message.Reference) uint64 {
	number := s.rrnIndex.get(rrn.Place(acquirer))
	if a := s.authorizations.at(number); a == nil || a.Acquirer != acquirer || a.rrn != *rrn {
		return 0
	}
	return number
}

// forget takes a moment out of the index of the books, if it still stands for the authorization.
func (s *shard) forget(m *message.Moment, card message.Digits, number uint64) {
	s.byMoment.remove(m.Place(card), number)
}

// move changes what is held of an account and what was debited from it to the acquirers' side, and asserts that the
// books balance after it. Negative amounts go the other way.
func (s *shard) move(a *cardAccount, currency uint16, holdMinor, debitMinor int64, side account) {
	b := s.booksOf(currency)
	a.held += holdMinor
	b.move(available, held, holdMinor)
	a.balance -= debitMinor
	b.move(available, side, debitMinor)
	b.assert()
}

// addPosting appends a posting to an authorization.
func (s *shard) addPosting(a *authorization, p posting) uint32 {
	n, place := s.postings.add()
	*place = p
	if a.lastPosting == 0 {
		a.firstPosting = n
	} else {
		s.postings.at(a.lastPosting).next = n
	}
	a.lastPosting = n
	if p.arn != (message.ARN{}) {
		s.byARN[p.arn] = n
	}
	return n
}

// posted returns the posting of an ARN, nil if there is none.
func (s *shard) posted(a message.ARN) *posting {
	if a == (message.ARN{}) {
		return nil
	}
	if n := s.byARN[a]; n != 0 {
		return s.postings.at(n)
	}
	return nil
}

// postingsOf yields an authorization's postings in their order.
func (s *shard) postingsOf(a *authorization) func(func(*posting) bool) {
	return func(yield func(*posting) bool) {
		for n := a.firstPosting; n != 0; {
			p := s.postings.at(n)
			if !yield(p) {
				return
			}
			n = p.next
		}
	}
}

// increasesOf yields an authorization's increments, newest first.
func (s *shard) increasesOf(a *authorization) func(func(*increase) bool) {
	return func(yield func(*increase) bool) {
		for n := a.firstIncrease; n != 0; {
			i := s.increases.at(n)
			if !yield(i) {
				return
			}
			n = i.next
		}
	}
}
