package issuersim

import (
	"fmt"
	"strconv"
	"time"

	"switchyard/internal/pan"
)

// kept is how much is in memory.
type kept struct {
	Cards          int    `json:"cards"`
	Authorizations int    `json:"authorizations"`
	Messages       int    `json:"messages"`
	ExpiredHolds   uint64 `json:"expired_holds"`
}

func (i *issuer) kept() (k kept) {
	for _, s := range i.shards {
		s.mu.Lock()
		k.Cards += len(s.cardIndex)
		k.Authorizations += s.authorizations.len()
		k.Messages += s.seen.len()
		k.ExpiredHolds += s.expiredHolds
		s.mu.Unlock()
	}
	return k
}

// ledger adds the books up. Each shard's balance by themselves, so the sum is right though the shards are looked at one
// after another.
func (i *issuer) ledger() Ledger {
	l := Ledger{Currencies: map[string]Balances{}, Balanced: true}
	for _, s := range i.shards {
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

// audit adds up what each card and authorization says and holds it against the books. It looks at everything that is
// kept, a shard at a time, and returns what is wrong, nil if nothing is.
func (i *issuer) audit() (wrong []string) {
	for n, s := range i.shards {
		s.mu.Lock()
		wrong = append(wrong, s.audit(n)...)
		s.mu.Unlock()
	}
	return wrong
}

func (s *shard) audit(n int) (wrong []string) {
	type figures struct{ cards, heldByCards, holds, unsettled, settled int64 }
	found := map[uint16]*figures{}
	of := func(currency uint16) *figures {
		if found[currency] == nil {
			found[currency] = &figures{}
		}
		return found[currency]
	}
	for _, index := range s.cardIndex {
		c := s.cards.at(index)
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
				wrong = append(wrong, fmt.Sprintf("shard %d, %s: %s add up to %d, the books say %d", n, currencyName(currency), check.what, check.got, check.want))
			}
		}
	}
	return wrong
}

func currencyName(numeric uint16) string {
	if c, ok := currencyOf(numeric); ok {
		return c.Alpha
	}
	return fmt.Sprintf("%03d", numeric)
}

// authorizationView is a line of GET /v1/authorizations.
type authorizationView struct {
	Kind         string         `json:"kind"`
	Acquirer     string         `json:"acquirer"`
	RRN          string         `json:"rrn"`
	FirstRRN     string         `json:"first_rrn,omitempty"`
	STAN         string         `json:"stan"`
	DE7          string         `json:"de7"`
	PAN          string         `json:"pan"`
	Merchant     string         `json:"merchant"`
	Currency     string         `json:"currency"`
	ResponseCode string         `json:"response_code"`
	AuthCode     string         `json:"auth_code"`
	Authorized   int64          `json:"authorized"`
	Captured     int64          `json:"captured"`
	Hold         int64          `json:"hold"`
	Reversed     bool           `json:"reversed"`
	OverHold     bool           `json:"over_hold"`
	At           time.Time      `json:"at"`
	Increments   []increaseView `json:"increments"`
	Postings     []postingView  `json:"postings"`
}

type increaseView struct {
	RRN      string `json:"rrn"`
	STAN     string `json:"stan"`
	DE7      string `json:"de7"`
	Amount   int64  `json:"amount"`
	Reversed bool   `json:"reversed"`
}

type postingView struct {
	Number       string `json:"number"`
	ARN          string `json:"arn"`
	Amount       int64  `json:"amount"`
	Credit       bool   `json:"credit"`
	BusinessDate string `json:"business_date"`
	State        string `json:"state"`
	SettledFile  string `json:"settled_file,omitempty"`
}

var kindNames = map[kind]string{kindAuthorize: "authorization", kindSale: "sale", kindRefund: "refund", kindVoice: "voice"}

func (s *shard) view(a *authorization) authorizationView {
	v := authorizationView{
		Kind: kindNames[a.kind], Acquirer: a.acquirer.text(), RRN: a.rrn.text(), FirstRRN: a.firstRRN.text(),
		STAN: fmt.Sprintf("%06d", a.stan), DE7: fmt.Sprintf("%010d", a.de7), PAN: pan.Mask(a.card.text()),
		Merchant: trimmed(a.merchant[:]), Currency: currencyName(a.currency), ResponseCode: a.code.text(), AuthCode: trimmed(a.authCode[:]),
		Authorized: a.authorized, Captured: a.captured, Hold: a.hold(), Reversed: a.reversed, OverHold: a.overHold,
		At: time.Unix(int64(a.at), 0).UTC(), Increments: []increaseView{}, Postings: []postingView{},
	}
	for i := range s.increasesOf(a) {
		v.Increments = append(v.Increments, increaseView{
			RRN: i.rrn.text(), STAN: fmt.Sprintf("%06d", i.stan), DE7: fmt.Sprintf("%010d", i.de7), Amount: i.amount, Reversed: i.reversed,
		})
	}
	for p := range s.postingsOf(a) {
		one := postingView{
			ARN: p.arn.text(), Amount: p.amount, Credit: p.credit, State: postingStateNames[p.state], SettledFile: s.issuer.files.name(p.file),
		}
		if p.number != 0 {
			one.Number = strconv.Itoa(int(p.number))
		}
		if p.date != 0 {
			one.BusinessDate = fmt.Sprintf("%04d", p.date)
		}
		v.Postings = append(v.Postings, one)
	}
	return v
}

// viewChunk is how many authorizations are looked at under one hold of a shard's lock.
const viewChunk = 256

// each calls do with each authorization, oldest first within a shard, until it returns false. What changes meanwhile is
// seen before or after its change.
func (i *issuer) each(do func([]authorizationView) bool) {
	for _, s := range i.shards {
		next := uint64(0)
		for {
			var chunk []authorizationView
			s.mu.Lock()
			next = max(next, s.authorizations.first)
			for len(chunk) < viewChunk && next < s.authorizations.next {
				chunk = append(chunk, s.view(s.authorizations.at(next)))
				next++
			}
			s.mu.Unlock()
			if len(chunk) == 0 {
				break
			}
			if !do(chunk) {
				return
			}
		}
	}
}

// cardView is a card as GET /v1/cards shows it.
type cardView struct {
	PAN        string        `json:"pan"`
	Status     string        `json:"status"`
	LimitMinor int64         `json:"limit"`
	Stored     bool          `json:"stored"` // false: it is as cards are made
	Test       string        `json:"test,omitempty"`
	Accounts   []accountView `json:"accounts"`
}

// accountView is a card's money in one currency, minor units.
type accountView struct {
	Currency  string `json:"currency"`
	Balance   int64  `json:"balance"`
	Held      int64  `json:"held"`
	Available int64  `json:"available"`
}

func (i *issuer) card(number digits) cardView {
	s := i.shardOf(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewCard(number)
}

// eachCard calls do with each card that is kept until it returns false.
func (i *issuer) eachCard(do func([]cardView) bool) {
	for _, s := range i.shards {
		for next := uint32(1); ; {
			var chunk []cardView
			s.mu.Lock()
			for len(chunk) < viewChunk && next <= s.cards.used {
				chunk = append(chunk, s.viewCard(s.cards.at(next).number))
				next++
			}
			s.mu.Unlock()
			if len(chunk) == 0 {
				break
			}
			if !do(chunk) {
				return
			}
		}
	}
}

func (s *shard) viewCard(number digits) cardView {
	v := cardView{PAN: pan.Mask(number.text()), Status: CardGood.String(), Accounts: []accountView{}}
	for _, t := range testCards {
		if d, _ := parseDigits([]byte(t.Number)); d == number {
			v.Test = t.Purpose
		}
	}
	c := s.lookup(number)
	if c == nil {
		return v
	}
	v.Stored, v.Status, v.LimitMinor = true, c.status.String(), c.limit
	for a := &c.account; a.currency != 0; a = s.accounts.at(a.next) {
		v.Accounts = append(v.Accounts, accountView{currencyName(a.currency), a.balance, a.held, a.balance - a.held})
		if a.next == 0 {
			break
		}
	}
	return v
}
