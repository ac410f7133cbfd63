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
	AuthCode [6]byte // DE38; zero for none
	Local    uint32  // DE12, seconds since 2000 where the card was used; 0 if it is not known
	Record   uint32  // DE71; 0 in logs of earlier days
	// Reference is DE95 of a second presentment: that of the chargeback that it answers; 0 if it says none.
	Reference uint64
	Function  Function
	Credit    bool
	Reversal  bool // PDS0025: it takes an earlier one back
}

// Function is what DE24 makes of a presentment. The numbers stand in the data log.
type Function uint8

// The functions.
const (
	FirstPresentment Function = 0 // 200
	SecondFull       Function = 1 // 205: all that was charged back is asked for again
	SecondPartial    Function = 2 // 282: a part of it
	functions        Function = 3
)

// Valid tells whether there is such a function.
func (f Function) Valid() bool { return f < functions }

// Settlement is what came of a presentment.
type Settlement uint8

// What may come of it. Those up to SettledSecond changed something, those up to SettledAlready are accepted.
const (
	SettledPosting    Settlement = iota // a posting found and settled
	SettledNew                          // no posting was there: the cardholder was debited or credited now
	SettledReversal                     // a posting taken back
	SettledSecond                       // a second presentment: what was charged back is debited again
	SettledAlready                      // done before, by this record of this file
	SettledMismatch                     // the posting is of another amount, side or currency
	SettledUndone                       // the posting was reversed: nothing is due
	SettledUnknown                      // the reversal of what no record has presented
	SettledDuplicate                    // another record has done it
	SettledUndisputed                   // a second presentment of what was not charged back
	SettledOver                         // … of more than was, or called full and of less
	SettledDisputed                     // the reversal of what was charged back
	SettledNoCard                       // the number is no card's, or there is no room for it
	settlements
)

var settlementReasons = [settlements]string{
	SettledMismatch:   "the posting is of another amount, side or currency",
	SettledUndone:     "the posting was reversed before",
	SettledUnknown:    "it takes back what no file has presented",
	SettledDuplicate:  "it was presented before, by another record",
	SettledUndisputed: "no chargeback stands that it could answer",
	SettledOver:       "it is not of what was charged back",
	SettledDisputed:   "it takes back what was charged back",
	SettledNoCard:     "its number is no card of this issuer",
}

// Changed tells whether it changed the books.
func (s Settlement) Changed() bool { return s <= SettledSecond }

// Accepted tells whether the presentment stands: it changed the books, or has done so before.
func (s Settlement) Accepted() bool { return s <= SettledAlready }

// Reason says why a presentment was not done.
func (s Settlement) Reason() string { return settlementReasons[s] }

// settle takes a presentment: it moves the posting that it is about from unsettled to settled. Only where there is none
// does it post one, so nothing is debited twice. It goes by the presentment and the shard alone, as apply does. Of what
// the log has, accepted is known.
func (s *shard) settle(p *Presentment, file uint32, accepted bool) Settlement {
	if !p.Card.Luhn() || testCardIndex[p.Card].code.Is(message.CodeUnknownCard) || !s.room(p.Card) {
		return SettledNoCard
	}
	number := s.findPosting(p)
	if number == 0 {
		if p.Reversal {
			return SettledUnknown
		}
		if !s.booksOf(p.Currency).fits(p.Amount + openingMinor(p.Currency)) {
			return SettledMismatch
		}
		if p.Function != FirstPresentment {
			return SettledUndisputed
		}
		number = s.post(p)
		s.settlePosting(number, file, p)
		return SettledNew
	}
	posting := s.postings.at(number)
	a := s.authorizations.at(posting.authorization)
	by := origin{file, p.Record}
	l := s.later[posting.arn] // nil for most
	switch {
	case p.Function != FirstPresentment:
		return s.represent(p, a, posting, by)
	// A reversal has the amount of what it takes back; its side is that of the original turned round, which DE3 keeps.
	case posting.amount != p.Amount || posting.credit != p.Credit || a.currency != p.Currency || a.card != p.Card:
		return SettledMismatch
	case p.Reversal && l != nil && l.reversal == by:
		return SettledAlready
	case p.Reversal && l != nil && l.reversal != (origin{}):
		return SettledDuplicate
	case p.Reversal && l.stands() > 0:
		return SettledDisputed // the cardholder has it back
	// Where no file has presented it there is nothing that one could take back: the member's totals never had it.
	case p.Reversal && posting.file == 0 && posting.state == postingReversed:
		return SettledUndone
	case p.Reversal && posting.file == 0 && !accepted:
		return SettledUnknown
	case p.Reversal:
		// By now there is no hold to return to. Where an 0420 has taken it back nothing moves, and the member's totals have
		// it once, by this record.
		s.reversePosting(a, posting, false)
		s.known(posting, number, p)
		if posting.arn != (message.ARN{}) {
			s.laterOf(posting.arn).reversal = by
		}
		return SettledReversal
	case posting.file == file && (posting.record == 0 || posting.record == p.Record):
		return SettledAlready // and maybe reversed since
	case posting.state == postingReversed:
		return SettledUndone
	case posting.state == postingSettled:
		return SettledDuplicate
	}
	s.settlePosting(number, file, p)
	s.known(posting, number, p)
	return SettledPosting
}

// known gives a posting the reference of its presentment where whoever sent it had told none: from now on it is known
// by this one, for what takes it back.
func (s *shard) known(posting *posting, number uint32, p *Presentment) {
	if posting.arn == (message.ARN{}) && p.ARN != (message.ARN{}) {
		posting.arn, s.byARN[p.ARN] = p.ARN, number
	}
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
			merchant: p.Merchant, authCode: p.AuthCode,
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

func (s *shard) settlePosting(number, file uint32, by *Presentment) {
	p := s.postings.at(number)
	p.state, p.file, p.record, p.local = postingSettled, file, by.Record, by.Local
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
	did := s.settle(p, file, false)
	var position int64
	if b.log != nil && did.Changed() {
		position = b.log.Presentment(p, s.logID(p.Card))
	}
	s.mu.Unlock()
	return did, b.throttle(position)
}

// Presented tells whether a presentment stands by this very record: of a file that was cut short and is given again.
func (b *Book) Presented(p *Presentment, file uint32) bool {
	s := b.shardOf(p.Card)
	s.mu.Lock()
	defer s.mu.Unlock()
	posting := s.posted(p.ARN)
	if posting == nil {
		return false
	}
	by, l := origin{file, p.Record}, s.later[p.ARN]
	return posting.file == file && posting.record == p.Record || l != nil && l.reversal == by || l.answeredBy(by) != nil
}
