package book

import (
	"switchyard/issuer-sim/message"
)

// Presentment is what the issuer goes by in a record of a clearing file.
type Presentment struct {
	Card     message.Digits
	Acquirer message.Digits
	RRN      message.Reference
	ARN      message.ARN
	Amount   int64 // minor units
	Currency uint16
	Date     uint16 // MMDD of the file
	Merchant [15]byte
	Credit   bool
	Reversal bool // PDS0025: it takes an earlier one back
}

// Settlement is what came of a presentment.
type Settlement uint8

// What may come of it. Those up to SettledReversal changed something.
const (
	SettledPosting  Settlement = iota // a posting found and settled
	SettledNew                        // no posting was there: the cardholder was debited or credited now
	SettledReversal                   // a posting taken back
	SettledAlready                    // done before
	settledMismatch                   // the posting is of another amount, side or currency
	settledUndone                     // the posting was reversed: nothing is due
	settledUnknown                    // the reversal of no posting
	SettledNoCard                     // the number is no card's, or there is no room for it
	settlements
)

var settlementReasons = [settlements]string{
	settledMismatch: "the posting is of another amount, side or currency",
	settledUndone:   "the posting was reversed before",
	settledUnknown:  "it takes back what was never posted",
	SettledNoCard:   "its number is no card of this issuer",
}

// Reason says why a presentment was not done.
func (s Settlement) Reason() string { return settlementReasons[s] }

// settle takes a presentment: it moves the posting that it is about from unsettled to settled. Only where there is none
// does it post one, so nothing is debited twice. It goes by the presentment and the shard alone, as apply does.
func (s *shard) settle(p *Presentment, file uint32) Settlement {
	if !p.Card.Luhn() || testCardIndex[p.Card].code.Is(message.CodeUnknownCard) || !s.room(p.Card) {
		return SettledNoCard
	}
	number := s.findPosting(p)
	if number == 0 {
		if p.Reversal {
			return settledUnknown
		}
		if !s.booksOf(p.Currency).fits(p.Amount + openingMinor(p.Currency)) {
			return settledMismatch
		}
		number = s.post(p)
		s.settlePosting(number, file)
		return SettledNew
	}
	posting := s.postings.at(number)
	a := s.authorizations.at(posting.authorization)
	switch {
	case p.Reversal && posting.state == postingReversed:
		return SettledAlready
	// A reversal has the amount of what it takes back; its side is that of the original turned round, which DE3 keeps.
	case posting.amount != p.Amount || posting.credit != p.Credit || a.currency != p.Currency || a.card != p.Card:
		return settledMismatch
	case p.Reversal:
		s.reversePosting(a, posting, false) // by now there is no hold to return to
		return SettledReversal
	case posting.state == postingReversed:
		return settledUndone
	case posting.state == postingSettled:
		return SettledAlready
	}
	s.settlePosting(number, file)
	if posting.arn == (message.ARN{}) && p.ARN != (message.ARN{}) {
		// Whoever sent it had told no reference: from now on it is known by this one, for what takes it back.
		posting.arn, s.byARN[p.ARN] = p.ARN, number
	}
	return SettledPosting
}

// findPosting finds a presentment's posting by its ARN, or without one by RRN, amount and side among those that no file
// has settled; 0 if there is none.
func (s *shard) findPosting(p *Presentment) uint32 {
	if p.ARN != (message.ARN{}) {
		if n := s.byARN[p.ARN]; n != 0 {
			return n
		}
	}
	a := s.authorizations.at(s.byRRN(p.Acquirer, &p.RRN))
	if a == nil {
		return 0
	}
	for n := a.firstPosting; n != 0; {
		posting := s.postings.at(n)
		known := posting.arn == message.ARN{} || p.ARN == message.ARN{}
		if known && posting.amount == p.Amount && posting.credit == p.Credit && posting.state == postingUnsettled {
			return n
		}
		n = posting.next
	}
	return 0
}

// post makes the posting that a presentment should have found.
func (s *shard) post(p *Presentment) uint32 {
	number := s.byRRN(p.Acquirer, &p.RRN)
	a := s.authorizations.at(number)
	if a == nil || a.card != p.Card || a.currency != p.Currency {
		kind := message.KindVoice
		if p.Credit {
			kind = message.KindRefund
		}
		number, a = s.approved(authorization{
			Moment: message.Moment{Acquirer: p.Acquirer}, card: p.Card, rrn: p.RRN, currency: p.Currency, kind: kind,
			merchant: p.Merchant,
		})
	}
	before, debit := a.hold(), p.Amount
	if p.Credit {
		debit = -debit
	} else {
		a.overHold = a.overHold || a.kind == message.KindAuthorize && a.captured+debit > a.authorized
		a.captured += debit
	}
	n := s.addPosting(a, posting{
		amount: p.Amount, authorization: number, date: p.Date, arn: p.ARN, credit: p.Credit, early: true,
	})
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

// Settle takes one presentment of a clearing file and logs it.
func (b *Book) Settle(p *Presentment, file uint32) (Settlement, error) {
	s := b.shardOf(p.Card)
	s.mu.Lock()
	did := s.settle(p, file)
	var position int64
	if b.log != nil && did <= SettledReversal {
		position = b.log.Presentment(p, s.logID(p.Card))
	}
	s.mu.Unlock()
	return did, b.throttle(position)
}
