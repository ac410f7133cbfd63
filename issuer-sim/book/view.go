package book

import (
	"fmt"
	"strconv"
	"time"

	"switchyard/internal/pan"
	"switchyard/issuer-sim/message"
)

// Kept is how much is in memory.
type Kept struct {
	Cards          int    `json:"cards"`
	Authorizations int    `json:"authorizations"`
	Messages       int    `json:"messages"`
	ExpiredHolds   uint64 `json:"expired_holds"`
}

// Kept tells how much is kept.
func (b *Book) Kept() (k Kept) {
	for _, s := range b.shards {
		s.mu.Lock()
		k.Cards += s.cardIndex.used
		k.Authorizations += s.authorizations.len()
		k.Messages += s.seen.len()
		k.ExpiredHolds += s.expiredHolds
		s.mu.Unlock()
	}
	return k
}

func currencyName(numeric uint16) string {
	if c, ok := message.CurrencyOf(numeric); ok {
		return c.Alpha
	}
	return fmt.Sprintf("%03d", numeric)
}

// dispute adds what was charged back and came of it.
func (v *postingView) dispute(d *dispute) {
	reason := fmt.Sprintf("%04d", d.reason)
	v.ChargedBack += d.charged + d.again
	v.Represented += d.represented
	v.Reason = reason
	v.Disputes = append(v.Disputes, disputeView{
		Reference: ReferenceText(d.reference), Reason: reason, Amount: d.charged, Represented: d.represented, Again: d.again,
	})
}

// AuthorizationView is a line of GET /v1/authorizations.
type AuthorizationView struct {
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
	FileAlone    bool   `json:"file_alone,omitempty"` // a clearing record has told of it, and no message yet
	SettledFile  string `json:"settled_file,omitempty"`
	ChargedBack  int64  `json:"charged_back,omitempty"` // credited by a chargeback, whatever came after it
	Reason       string `json:"chargeback_reason,omitempty"`
	Represented  int64  `json:"represented,omitempty"` // of it, debited again by a second presentment
	// Disputes are its chargebacks, of which the figures before are the sums and the newest reason.
	Disputes []disputeView `json:"disputes,omitempty"`
}

type disputeView struct {
	Reference   string `json:"reference,omitempty"` // DE95
	Reason      string `json:"reason"`
	Amount      int64  `json:"amount"`
	Represented int64  `json:"represented,omitempty"`
	Again       int64  `json:"charged_back_again,omitempty"` // of what was represented
}

var kindNames = map[message.Kind]string{
	message.KindAuthorize: "authorization", message.KindSale: "sale", message.KindRefund: "refund",
	message.KindVoice: "voice",
}

func (s *shard) view(a *authorization) AuthorizationView {
	v := AuthorizationView{
		Kind: kindNames[a.kind], Acquirer: a.Acquirer.Text(), RRN: a.rrn.Text(), FirstRRN: a.firstRRN.Text(),
		STAN: fmt.Sprintf("%06d", a.STAN), DE7: fmt.Sprintf("%010d", a.DE7), PAN: pan.Mask(a.card.Text()),
		Merchant: message.Trimmed(a.merchant[:]), Currency: currencyName(a.currency),
		ResponseCode: a.code.Text(), AuthCode: message.Trimmed(a.authCode[:]),
		Authorized: a.authorized, Captured: a.captured, Hold: a.hold(), Reversed: a.reversed, OverHold: a.overHold,
		At: time.Unix(int64(a.at), 0).UTC(), Increments: []increaseView{}, Postings: []postingView{},
	}
	for i := range s.increasesOf(a) {
		v.Increments = append(v.Increments, increaseView{
			RRN: i.rrn.Text(), STAN: fmt.Sprintf("%06d", i.STAN), DE7: fmt.Sprintf("%010d", i.DE7),
			Amount: i.amount, Reversed: i.reversed,
		})
	}
	for p := range s.postingsOf(a) {
		one := postingView{
			ARN: p.arn.Text(), Amount: p.amount, Credit: p.credit, State: postingStateNames[p.state],
			FileAlone: p.early, SettledFile: s.book.files.name(p.file),
		}
		if p.number != 0 {
			one.Number = strconv.Itoa(int(p.number))
		}
		if l := s.later[p.arn]; l != nil {
			for i := range l.disputes {
				one.dispute(&l.disputes[i])
			}
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

// Each calls do with each authorization whose RRN is asked for, with nil each one, oldest first within a shard, until
// it returns false. What changes meanwhile is seen before or after its change.
func (b *Book) Each(asked func(rrn *message.Reference) bool, do func([]AuthorizationView) bool) {
	for _, s := range b.shards {
		next := uint64(0)
		for more := true; more; {
			var chunk []AuthorizationView
			s.mu.Lock()
			next = max(next, s.authorizations.first)
			for end := min(next+viewChunk, s.authorizations.next); next < end; next++ {
				if a := s.authorizations.at(next); asked == nil || asked(&a.rrn) {
					chunk = append(chunk, s.view(a))
				}
			}
			more = next < s.authorizations.next
			s.mu.Unlock()
			if len(chunk) > 0 && !do(chunk) {
				return
			}
		}
	}
}

// CardView is a card as GET /v1/cards shows it.
type CardView struct {
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

// Card shows a card.
func (b *Book) Card(number message.Digits) CardView {
	s := b.shardOf(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewCard(number)
}

// EachCard calls do with each card that is kept until it returns false.
func (b *Book) EachCard(do func([]CardView) bool) {
	for _, s := range b.shards {
		for next := uint32(1); ; {
			var chunk []CardView
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

func (s *shard) viewCard(number message.Digits) CardView {
	v := CardView{PAN: pan.Mask(number.Text()), Status: CardGood.String(), Accounts: []accountView{}}
	for _, t := range testCards {
		if d, _ := message.ParseDigits([]byte(t.Number)); d == number {
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
