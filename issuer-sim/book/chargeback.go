package book

import (
	"errors"

	"switchyard/issuer-sim/message"
)

// Why a chargeback or a request is refused.
var (
	ErrUnpresented = errors.New("no presentment of this acquirer reference stands")
	ErrUnanswered  = errors.New("no second presentment stands that answers a chargeback of this reference")
	ErrDisputed    = errors.New("it was charged back before")
	ErrTooMuch     = errors.New("it is more than was presented, or is left of it")
	ErrNotCharged  = errors.New("it did not debit the cardholder")
)

// ChargeBack is an order to give a cardholder back what a presentment debited, or a part of it: all that is left of the
// first, several parts one after another, or what a second presentment has debited again, once.
type ChargeBack struct {
	Card   message.Digits // of the presentment: two cards may have one acquirer reference
	ARN    message.ARN
	Amount int64  // minor units; 0 for all that may be charged back
	Reason uint16 // DE25
	Second bool   // it is of a second presentment
	// Reference is DE95: of the chargeback that a second presentment has answered, 0 for the first that was answered and
	// is not charged back again. A first chargeback is given its own.
	Reference uint64
	Ruled     bool // a rule has ordered it
	Nth       int  // of a rule's first chargebacks: it is done if as many are; 0: it is ordered anew
	Terms     Terms
}

// presented finds the presentment of a reference, with the lock of its shard held; nil if none stands.
func (s *shard) presented(arn message.ARN) (*authorization, *posting) {
	p := s.posted(arn)
	if p == nil || p.state != postingSettled {
		return nil, nil
	}
	return s.authorizations.at(p.authorization), p
}

// again finds the dispute whose second presentment a chargeback is of.
func (l *later) again(c *ChargeBack) (*dispute, error) {
	err := ErrUnanswered
	if l == nil {
		return nil, err
	}
	for i := range l.disputes {
		switch d := &l.disputes[i]; {
		case d.answer == origin{}, c.Reference != 0 && c.Reference != d.reference:
		case d.again != 0:
			err = ErrDisputed
		default:
			return d, nil
		}
	}
	return nil, err
}

// chargeable finds what a chargeback is of, and the most that it may be of, which is more than 0.
func (s *shard) chargeable(c *ChargeBack) (a *authorization, p *posting, most int64, err error) {
	a, p = s.presented(c.ARN)
	l := s.later[c.ARN]
	switch {
	case p == nil || a.card != c.Card:
		return nil, nil, 0, ErrUnpresented
	case p.credit:
		return nil, nil, 0, ErrNotCharged
	case c.Second:
		d, err := l.again(c)
		if err != nil {
			return nil, nil, 0, err
		}
		most = d.represented
	default:
		if most = p.amount - l.charged(); most <= 0 || c.Nth != 0 && l.ruled() >= c.Nth {
			return nil, nil, 0, ErrDisputed
		}
	}
	if c.Amount < 0 || c.Amount > most {
		return nil, nil, 0, ErrTooMuch
	}
	return a, p, most, nil
}

// chargeBack credits the cardholder. It goes by the order and the shard alone, as settle does.
func (s *shard) chargeBack(c *ChargeBack) (Item, error) {
	a, p, most, err := s.chargeable(c)
	if err != nil {
		return Item{}, err
	}
	if c.Amount == 0 {
		c.Amount = most
	}
	l := s.laterOf(c.ARN)
	part := c.Amount < p.amount
	if c.Second {
		d, _ := l.again(c) // chargeable has found it
		c.Reference, part = d.reference, c.Amount < d.represented
		d.again, d.reason = c.Amount, c.Reason
	} else {
		l.disputes = append(l.disputes, dispute{
			reference: c.Reference, reason: c.Reason, ruled: c.Ruled, charged: c.Amount,
		})
	}
	s.move(s.open(s.keep(a.card), a.currency), a.currency, 0, -c.Amount, settled)
	item := s.item(a, p)
	item.Kind, item.Amount, item.Reason, item.Terms = ItemChargeback, c.Amount, c.Reason, c.Terms
	item.Second, item.Part, item.Reference = c.Second, part, c.Reference
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

// Chargeable is the most that a chargeback may be of, minor units, or why ChargeBack would refuse it.
func (b *Book) Chargeable(c ChargeBack) (mostMinor int64, err error) {
	s := b.shardOf(c.Card)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, mostMinor, err = s.chargeable(&c)
	return mostMinor, err
}

// ChargeBack credits the cardholder what a presentment debited, logs it, and puts it among what the next window tells
// its member. Flush writes it. One at a time is ordered: each first one gets the next reference.
func (b *Book) ChargeBack(c ChargeBack) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	if !c.Second {
		c.Reference = b.window.nextReference()
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
