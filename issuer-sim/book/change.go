package book

import (
	"errors"

	"switchyard/issuer-sim/message"
)

// MaxBalance is the most that a card may be given in a currency, minor units.
const MaxBalance = 1_000_000_000_000

// Change is what the control HTTP changes of a card.
type Change struct {
	Status   CardStatus // CardStatuses for no change
	Limit    int64      // −1 for no change
	Currency uint16     // 0 for no change of the balance
	Balance  int64
}

// NoChange changes nothing of a card.
func NoChange() Change { return Change{Status: CardStatuses, Limit: -1} }

var errFull = errors.New("no room for one more card that differs from how cards are made")

// Change changes a card and logs it.
func (b *Book) Change(number message.Digits, c Change) error {
	s := b.shardOf(number)
	s.mu.Lock()
	if !s.room(number) {
		s.mu.Unlock()
		return errFull
	}
	s.change(number, c)
	var position int64
	if b.log != nil {
		position = b.log.Change(number, c, s.logID(number))
	}
	s.mu.Unlock()
	return b.Commit(position)
}

func (s *shard) change(number message.Digits, change Change) {
	c := s.keep(number)
	if change.Status < CardStatuses {
		c.status = change.Status
	}
	if change.Limit >= 0 {
		c.limit = change.Limit
	}
	if change.Currency != 0 {
		a := s.open(c, change.Currency)
		s.move(a, change.Currency, 0, a.balance-change.Balance, capital)
	}
}
