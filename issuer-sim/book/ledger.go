package book

import (
	"fmt"
	"math"
)

// The accounts of the books. Each currency has one of each; their sum is zero at every moment, since money only moves
// from one to another. Balances are what the issuer owes: positive for cardholders, negative for what it put in.
type account uint8

const (
	available account = iota // cardholders' money that they can spend
	held                     // cardholders' money behind holds
	unsettled                // owed to acquirers: cleared, not yet in a clearing file
	settled                  // owed to acquirers: a clearing file has asked for it
	capital                  // what the issuer gave to its cards to begin with
	accounts
)

var accountNames = [accounts]string{"available", "holds", "unsettled", "settled", "capital"}

// maxBook is the largest balance of an account in minor units, either way. Nothing is approved that would pass it, so
// that sums never overflow.
const maxBook = math.MaxInt64 / 4

// books are the accounts of one currency in one shard, in minor units.
type books struct {
	currency uint16 // DE49
	balance  [accounts]int64
}

// move moves an amount of either sign from one account to another.
func (b *books) move(from, to account, amountMinor int64) {
	b.balance[from] -= amountMinor
	b.balance[to] += amountMinor
}

// fits tells whether an amount can still be moved without passing maxBook.
func (b *books) fits(amountMinor int64) bool {
	for _, balance := range b.balance {
		if balance > maxBook-amountMinor || balance < amountMinor-maxBook {
			return false
		}
	}
	return true
}

// assert panics if the books do not balance: an error of the simulator, after which no figure of it can be believed.
func (b *books) assert() {
	var sum int64
	for _, balance := range b.balance {
		sum += balance
	}
	if sum != 0 || b.balance[held] < 0 {
		panic(fmt.Sprintf("issuersim: the books in currency %03d do not balance: sum %d, held %d",
			b.currency, sum, b.balance[held]))
	}
}

// A Ledger is what the books of all shards add up to.
type Ledger struct {
	Currencies map[string]Balances `json:"currencies"` // by ISO 4217 letters
	Balanced   bool                `json:"balanced"`   // of every currency
}

// Balances are the accounts of one currency in minor units.
type Balances struct {
	Cardholders int64 `json:"cardholders"` // available and held
	Available   int64 `json:"available"`
	Holds       int64 `json:"holds"`
	Unsettled   int64 `json:"unsettled"`
	Settled     int64 `json:"settled"`
	Capital     int64 `json:"capital"`
	// Balanced: the sum is zero, and cards and authorizations add up to it where they were looked at.
	Balanced bool `json:"balanced"`
}

// Each calls do with each account's balance and its name.
func (l *Balances) Each(do func(account string, minor int64)) {
	for n, v := range [accounts]int64{l.Available, l.Holds, l.Unsettled, l.Settled, l.Capital} {
		do(accountNames[n], v)
	}
}

func (l *Balances) add(b *books) {
	l.Available += b.balance[available]
	l.Holds += b.balance[held]
	l.Cardholders = l.Available + l.Holds
	l.Unsettled += b.balance[unsettled]
	l.Settled += b.balance[settled]
	l.Capital += b.balance[capital]
}

// Ledger adds the books up. Each shard's balance by themselves, so the sum is right though the shards are looked at one
// after another.
func (b *Book) Ledger() Ledger {
	l := Ledger{Currencies: map[string]Balances{}, Balanced: true}
	for _, s := range b.shards {
		s.mu.Lock()
		for n := range s.books {
			b := &s.books[n]
			name := currencyName(b.currency)
			sum := l.Currencies[name]
			sum.add(b)
			l.Currencies[name] = sum
		}
		s.mu.Unlock()
	}
	for name, b := range l.Currencies {
		b.Balanced = b.Cardholders+b.Unsettled+b.Settled+b.Capital == 0
		l.Currencies[name] = b
		l.Balanced = l.Balanced && b.Balanced
	}
	return l
}
