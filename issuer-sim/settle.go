package issuersim

// presentment is what the issuer goes by in a record of a clearing file.
type presentment struct {
	card     digits
	acquirer digits
	rrn      reference
	arn      arn
	amount   int64 // minor units
	currency uint16
	date     uint16 // MMDD of the file
	merchant [15]byte
	credit   bool
	reversal bool // PDS0025: it takes an earlier one back
}

// settlement is what came of a presentment.
type settlement uint8

const (
	settledPosting  settlement = iota // a posting found and settled
	settledNew                        // no posting was there: the cardholder was debited or credited now
	settledReversal                   // a posting taken back
	settledAlready                    // done before
	settledMismatch                   // the posting is of another amount, side or currency
	settledUndone                     // the posting was reversed: nothing is due
	settledUnknown                    // the reversal of no posting
	settledNoCard                     // the number is no card's, or there is no room for it
	settlements
)

var settlementReasons = [settlements]string{
	settledMismatch: "the posting is of another amount, side or currency",
	settledUndone:   "the posting was reversed before",
	settledUnknown:  "it takes back what was never posted",
	settledNoCard:   "its number is no card of this issuer",
}

// settle takes a presentment: it moves the posting that it is about from unsettled to settled. Only where there is none
// does it post one, so nothing is debited twice. It goes by the presentment and the shard alone, as apply does.
func (s *shard) settle(p *presentment, file uint32) settlement {
	if !p.card.luhn() || testCardIndex[p.card].code.is(codeUnknownCard) || !s.room(p.card) {
		return settledNoCard
	}
	number := s.findPosting(p)
	if number == 0 {
		if p.reversal {
			return settledUnknown
		}
		if !s.booksOf(p.currency).fits(p.amount + openingMinor(p.currency)) {
			return settledMismatch
		}
		number = s.post(p)
		s.settlePosting(number, file)
		return settledNew
	}
	posting := s.postings.at(number)
	a := s.authorizations.at(posting.authorization)
	switch {
	case p.reversal && posting.state == postingReversed:
		return settledAlready
	// A reversal has the amount of what it takes back; its side is that of the original turned round, which DE3 keeps.
	case posting.amount != p.amount || posting.credit != p.credit || a.currency != p.currency || a.card != p.card:
		return settledMismatch
	case p.reversal:
		s.reversePosting(a, posting, false) // by now there is no hold to return to
		return settledReversal
	case posting.state == postingReversed:
		return settledUndone
	case posting.state == postingSettled:
		return settledAlready
	}
	s.settlePosting(number, file)
	return settledPosting
}

// findPosting finds a presentment's posting by its ARN, or without one by RRN, amount and side among those that no file
// has settled; 0 if there is none.
func (s *shard) findPosting(p *presentment) uint32 {
	if p.arn != (arn{}) {
		if n := s.byARN[p.arn]; n != 0 {
			return n
		}
	}
	a := s.authorizations.at(s.byRRN[authorizationKey{p.acquirer, p.rrn}])
	if a == nil {
		return 0
	}
	for n := a.firstPosting; n != 0; {
		posting := s.postings.at(n)
		known := posting.arn == arn{} || p.arn == arn{}
		if known && posting.amount == p.amount && posting.credit == p.credit && posting.state == postingUnsettled {
			return n
		}
		n = posting.next
	}
	return 0
}

// post makes the posting that a presentment should have found.
func (s *shard) post(p *presentment) uint32 {
	number := s.byRRN[authorizationKey{p.acquirer, p.rrn}]
	a := s.authorizations.at(number)
	if a == nil || a.card != p.card || a.currency != p.currency {
		kind := kindVoice
		if p.credit {
			kind = kindRefund
		}
		number, a = s.approved(authorization{
			moment: moment{acquirer: p.acquirer}, card: p.card, rrn: p.rrn, currency: p.currency, kind: kind, merchant: p.merchant,
		})
	}
	before, debit := a.hold(), p.amount
	if p.credit {
		debit = -debit
	} else {
		a.overHold = a.overHold || a.kind == kindAuthorize && a.captured+debit > a.authorized
		a.captured += debit
	}
	n := s.addPosting(a, posting{amount: p.amount, authorization: number, date: p.date, arn: p.arn, credit: p.credit, early: true})
	s.rehold(a, before, debit)
	return n
}

func (s *shard) settlePosting(number, file uint32) {
	p := s.postings.at(number)
	p.state, p.file = postingSettled, file
	amount := p.amount
	if p.credit {
		amount = -amount
	}
	b := s.booksOf(s.authorizations.at(p.authorization).currency)
	b.move(unsettled, settled, amount)
	b.assert()
}
