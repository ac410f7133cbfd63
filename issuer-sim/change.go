package issuersim

import "errors"

// maxBalance is the most that a card may be given in a currency, minor units.
const maxBalance = 1_000_000_000_000

// cardChange is what the control HTTP changes of a card.
type cardChange struct {
	status   CardStatus // cardStatuses for no change
	limit    int64      // −1 for no change
	currency uint16     // 0 for no change of the balance
	balance  int64
}

var errFull = errors.New("no room for one more card that differs from how cards are made")

// change changes a card and logs it.
func (i *issuer) change(number digits, c cardChange) error {
	s := i.shardOf(number)
	s.mu.Lock()
	if !s.room(number) {
		s.mu.Unlock()
		return errFull
	}
	s.change(number, c)
	var position int64
	if i.log != nil {
		position = i.log.appendChange(s, number, c)
	}
	s.mu.Unlock()
	return i.commit(position)
}

func (s *shard) change(number digits, change cardChange) {
	c := s.keep(number)
	if change.status < cardStatuses {
		c.status = change.status
	}
	if change.limit >= 0 {
		c.limit = change.limit
	}
	if change.currency != 0 {
		a := s.open(c, change.currency)
		s.move(a, change.currency, 0, a.balance-change.balance, capital)
	}
}
