package book

import (
	"errors"

	"switchyard/issuer-sim/message"
)

// later is what came of a posting after it was settled.
type later struct {
	reversal origin // the record that took it back
	dispute  dispute
}

// origin is a record of a clearing file.
type origin struct{ file, record uint32 }

// dispute is a chargeback and what the acquirer answered.
type dispute struct {
	charged     int64 // 0: there is none
	reason      uint16
	represented int64 // of it, debited again
	answer      origin
}

// stands is what of a posting the cardholder has back.
func (d *dispute) stands() int64 { return d.charged - d.represented }

// laterOf returns what came of a posting, to be changed.
func (s *shard) laterOf(arn message.ARN) *later {
	l := s.later[arn]
	if l == nil {
		l = &later{}
		s.later[arn] = l
	}
	return l
}

// represent takes a second presentment: what was charged back is debited again, as a whole or in part, once.
func (s *shard) represent(p *Presentment, a *authorization, posting *posting, by origin) Settlement {
	l := s.later[posting.arn]
	switch {
	case l == nil || l.dispute.charged == 0:
		return SettledUndisputed
	case l.dispute.answer == by:
		return SettledAlready
	case l.dispute.answer != origin{}:
		return SettledDuplicate
	case posting.state == postingReversed:
		return SettledUndone
	case a.currency != p.Currency || a.card != p.Card || p.Credit || p.Reversal:
		return SettledMismatch
	case p.Function == SecondFull && p.Amount != l.dispute.charged, p.Amount > l.dispute.charged, p.Amount == 0:
		return SettledOver
	}
	l.dispute.represented, l.dispute.answer = p.Amount, by
	s.move(s.open(s.keep(a.card), a.currency), a.currency, 0, p.Amount, settled)
	return SettledSecond
}

// Why a chargeback or a request is refused.
var (
	ErrUnpresented = errors.New("no presentment of this acquirer reference stands")
	ErrDisputed    = errors.New("it was charged back before")
	ErrTooMuch     = errors.New("it is more than was presented")
	ErrNotCharged  = errors.New("it did not debit the cardholder")
)

// ChargeBack is an order to give a cardholder back what a presentment debited, or a part of it.
type ChargeBack struct {
	Card   message.Digits // of the presentment: two cards may have one acquirer reference
	ARN    message.ARN
	Amount int64  // minor units; 0 for all of it
	Reason uint16 // DE25
	Terms  Terms
}

// presented finds the presentment of a reference, with the lock of its shard held; nil if none stands.
func (s *shard) presented(arn message.ARN) (*authorization, *posting) {
	p := s.posted(arn)
	if p == nil || p.state != postingSettled {
		return nil, nil
	}
	return s.authorizations.at(p.authorization), p
}

// chargeBack credits the cardholder. It goes by the order and the shard alone, as settle does.
func (s *shard) chargeBack(c *ChargeBack) (Item, error) {
	a, p := s.presented(c.ARN)
	if p == nil || a.card != c.Card {
		return Item{}, ErrUnpresented
	}
	l := s.later[c.ARN]
	if c.Amount == 0 {
		c.Amount = p.amount
	}
	switch {
	case p.credit:
		return Item{}, ErrNotCharged
	case l != nil && l.dispute.charged != 0:
		return Item{}, ErrDisputed
	case c.Amount > p.amount || c.Amount < 0:
		return Item{}, ErrTooMuch
	}
	d := &s.laterOf(c.ARN).dispute
	d.charged, d.reason = c.Amount, c.Reason
	s.move(s.open(s.keep(a.card), a.currency), a.currency, 0, -c.Amount, settled)
	item := s.item(a, p)
	item.Kind, item.Amount, item.Reason, item.Terms = ItemChargeback, c.Amount, c.Reason, c.Terms
	return item, nil
}

// item is what a message about a presentment repeats of it.
func (s *shard) item(a *authorization, p *posting) Item {
	return Item{
		Card: a.card, Acquirer: a.Acquirer, RRN: a.rrn, ARN: p.arn, AuthCode: a.authCode, Merchant: a.merchant,
		Currency: a.currency, Local: p.local, Original: p.amount, Credit: p.credit, Source: s.book.files.name(p.file),
		To: s.book.files.addressee(p.file),
	}
}

// Lookup finds the presentment of a reference that stands, as a message about it repeats it.
func (b *Book) Lookup(arn message.ARN) (Item, error) {
	for _, s := range b.shards {
		s.mu.Lock()
		a, p := s.presented(arn)
		if p == nil {
			s.mu.Unlock()
			continue
		}
		item := s.item(a, p)
		s.mu.Unlock()
		return item, nil
	}
	return Item{}, ErrUnpresented
}

// ChargeBack credits the cardholder what a presentment debited, logs it, and puts it among what the next window tells
// its member. Flush writes it.
func (b *Book) ChargeBack(c ChargeBack) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	s := b.shardOf(c.Card)
	s.mu.Lock()
	item, err := s.chargeBack(&c)
	if err != nil {
		s.mu.Unlock()
		return Item{}, err
	}
	var position int64
	if b.log != nil {
		position = b.log.ChargeBack(&c, s.logID(c.Card))
	}
	b.window.add(item)
	s.mu.Unlock()
	return item, b.throttle(position)
}

// Original is the amount of a card's presentment, 0 if none of this reference stands; minor units.
func (b *Book) Original(card message.Digits, arn message.ARN) int64 {
	s := b.shardOf(card)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, p := s.presented(arn); p != nil && a.card == card {
		return p.amount
	}
	return 0
}

// Retrieve puts a request for the papers of a card's presentment among what the next window tells its member.
func (b *Book) Retrieve(card message.Digits, arn message.ARN, reason uint16) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	s := b.shardOf(card)
	s.mu.Lock()
	a, p := s.presented(arn)
	if p == nil || a.card != card {
		s.mu.Unlock()
		return Item{}, ErrUnpresented
	}
	item := s.item(a, p)
	item.Kind, item.Reason = ItemRetrieval, reason
	var position int64
	if b.log != nil { // before anything else happens to it, since the log is gone through in its order
		position = b.log.Retrieval(arn, reason)
	}
	b.window.add(item)
	s.mu.Unlock()
	return item, b.throttle(position)
}

// Fee is an order to collect a fee from a member, or to pay it one.
type Fee struct {
	Member   string // as in PDS0105, 11 digits
	Currency uint16
	Amount   int64
	Pays     bool // the member is paid
	Reason   uint16
	ARN      message.ARN // of the presentment that it is about; zero for none
	Terms    Terms
}

func (f *Fee) item() Item {
	return Item{
		Kind: ItemFee, To: Addressee{Member: f.Member}, Currency: f.Currency, Amount: f.Amount, Credit: f.Pays,
		Reason: f.Reason, ARN: f.ARN, Terms: f.Terms,
	}
}

// Charge puts a fee among what the next window tells its member.
func (b *Book) Charge(f *Fee) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	item := f.item()
	var position int64
	if b.log != nil {
		position = b.log.Fee(f)
	}
	b.window.add(item)
	return item, b.throttle(position)
}
