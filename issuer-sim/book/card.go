package book

import (
	"fmt"
	"slices"

	"switchyard/internal/money"
	"switchyard/issuer-sim/message"
)

// A CardStatus is what the issuer knows of a card beside its money. The numbers stand in the data log.
type CardStatus uint8

// The statuses. Requests on a card that is not good are declined: 41 lost, 43 stolen, 57 blocked.
const (
	CardGood     CardStatus = 0
	CardLost     CardStatus = 1
	CardStolen   CardStatus = 2
	CardBlocked  CardStatus = 3
	CardStatuses CardStatus = 4 // how many there are; of a change: none
)

var cardStatusNames = [CardStatuses]string{"good", "lost", "stolen", "blocked"}

// String is the status as the control HTTP says it.
func (s CardStatus) String() string { return cardStatusNames[s] }

// ParseCardStatus reads a status as the control HTTP says it.
func ParseCardStatus(text string) (CardStatus, error) {
	n := slices.Index(cardStatusNames[:], text)
	if n < 0 {
		return 0, fmt.Errorf("status: want one of %v", cardStatusNames)
	}
	return CardStatus(n), nil
}

var cardStatusCodes = [CardStatuses]string{"", message.CodeLost, message.CodeStolen, message.CodeNotPermitted}

// card is a card that differs from how cards are made, with its first account. 10 million of them, with the index, take
// under 1 GiB.
type card struct {
	number  message.Digits
	limit   int64 // the most that one request may ask for, minor units of any currency; 0 for none
	account cardAccount
	id      uint32 // names the card in the log; 0 while it stands in none
	status  CardStatus
}

// cardAccount is a card's money in one currency, minor units.
type cardAccount struct {
	balance  int64 // what was put in, less postings
	held     int64 // of it, behind holds
	next     uint32
	currency uint16 // 0: the account is not open
}

// openingUnits is what a card has in each currency to begin with: 1,000,000.00, or without decimals 1,000,000.
const openingUnits = 1_000_000

func openingMinor(currency uint16) int64 {
	if int(currency) < len(openings) {
		return openings[currency]
	}
	return openingMinorOf(money.Currency{})
}

// openings are the opening balances by the number of the currency, known or not.
var openings = func() (all [1000]int64) {
	for n := range all {
		c, _ := message.CurrencyOf(uint16(n))
		all[n] = openingMinorOf(c)
	}
	return all
}()

func openingMinorOf(c money.Currency) int64 {
	minor := int64(openingUnits)
	for range c.Exponent {
		minor *= 10
	}
	return minor
}

// authorization is what was approved under one RRN: an authorization with its captures, or a sale, a refund or a
// capture that stands alone.
type authorization struct {
	message.Moment // of the request that made it
	card           message.Digits
	rrn            message.Reference
	firstRRN       message.Reference // that a refund names
	authorized     int64
	requested      int64 // DE4 of the request that made it; 0 where it is not known
	captured       int64 // debits that stand, less none of the credits
	firstPosting   uint32
	lastPosting    uint32
	firstIncrease  uint32
	at             uint32 // Unix seconds; 0: a clearing record made it, and no message has come
	currency       uint16
	kind           message.Kind // KindAuthorize, KindSale, KindRefund or KindVoice
	reversed       bool
	lowered        bool // a reversal with DE95 took a part of it back
	overHold       bool // more was captured than authorized, or after the hold was gone
	code           message.Code
	authCode       [6]byte
	merchant       [15]byte
}

// onlyCleared tells whether the issuer knows of what an advice tells of by clearing records alone, which came first.
func (a *authorization) onlyCleared(r *message.Request) bool {
	return r.Kind == message.KindAuthorize && a.kind == message.KindVoice && a.at == 0 && a.card == r.Card &&
		a.currency == r.Currency
}

// hold is what the authorization keeps from the cardholder's spending.
func (a *authorization) hold() int64 {
	if a.kind != message.KindAuthorize {
		return 0
	}
	return max(0, a.authorized-a.captured)
}

// increase is an increment of an authorization.
type increase struct {
	message.Moment
	rrn       message.Reference
	amount    int64
	requested int64 // DE4 of its request; 0 where it is not known
	next      uint32
	reversed  bool
	lowered   bool // a reversal with DE95 came behind it, and said what stays of the whole: no part of that is its own
}

// postingState is where a posting is on its way.
type postingState uint8

const (
	postingUnsettled postingState = iota
	postingSettled
	postingReversed
)

var postingStateNames = [...]string{"unsettled", "settled", "reversed"}

// posting is money that moved: a debit of the cardholder, or a credit.
type posting struct {
	amount        int64
	requested     int64 // DE4 of its message; 0 where a clearing file made it or it is not known
	authorization uint64
	next          uint32
	number        uint32 // capture or refund number; 0 if none was given
	file          uint32 // the clearing file that settled it; 0 for none
	record        uint32 // of that file, by DE71; 0 if it is not known
	local         uint32 // DE12 of that record, seconds since 2000; 0 if it is not known
	stan, de7     uint32 // of its message
	date          uint16 // MMDD
	class         message.Class
	arn           message.ARN
	state         postingState
	credit        bool
	early         bool // a clearing file made it: its advice is still to come, and will post nothing
}
