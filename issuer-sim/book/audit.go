package book

import "fmt"

// Audit adds up what each card and authorization says and holds it against the books. It looks at everything that is
// kept, a shard at a time, and returns what is wrong, nil if nothing is.
func (b *Book) Audit() (wrong []string) {
	for n, s := range b.shards {
		s.mu.Lock()
		wrong = append(wrong, s.audit(n)...)
		s.mu.Unlock()
	}
	return wrong
}

func (s *shard) audit(n int) (wrong []string) {
	type figures struct{ cards, heldByCards, holds int64 }
	found := map[uint16]*figures{}
	of := func(currency uint16) *figures {
		if found[currency] == nil {
			found[currency] = &figures{}
		}
		return found[currency]
	}
	for number := range s.cardIndex.numbers {
		c := s.cards.at(uint32(number))
		for a := &c.account; a.currency != 0; a = s.accounts.at(a.next) {
			f := of(a.currency)
			f.cards += a.balance
			f.heldByCards += a.held
			if a.next == 0 {
				break
			}
		}
	}
	for number := s.authorizations.first; number < s.authorizations.next; number++ {
		a := s.authorizations.at(number)
		of(a.currency).holds += a.hold()
	}
	for currency, f := range found {
		b := s.booksOf(currency)
		for _, check := range []struct {
			what      string
			got, want int64
		}{
			{"balances of the cards", f.cards, b.balance[available] + b.balance[held]},
			{"holds of the cards", f.heldByCards, b.balance[held]},
			{"holds of the authorizations", f.holds, b.balance[held]},
		} {
			if check.got != check.want {
				wrong = append(wrong, fmt.Sprintf("shard %d, %s: %s add up to %d, the books say %d",
					n, currencyName(currency), check.what, check.got, check.want))
			}
		}
	}
	return wrong
}
