package loadgen

import (
	"strconv"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/api"
)

// brand is a range of card numbers for tests: published test prefixes of each scheme, of which no card is ever issued.
type brand struct {
	prefix string
	length int
	cvc    int
}

// brands and how the cards are dealt out to them: of ten cards four are Visa, four Mastercard, one each Amex and JCB.
var (
	visa       = brand{"411111", 16, 3}
	mastercard = brand{"555555", 16, 3}
	mcSeries2  = brand{"222300", 16, 3}
	amex       = brand{"378282", 15, 4}
	jcb        = brand{"353011", 16, 3}
	deal       = [...]brand{visa, mastercard, visa, amex, mcSeries2, visa, mastercard, jcb, visa, mastercard}
)

// The number of different cards: at most, and where nobody says. It bounds what an issuer must remember of them.
const (
	MaxCards     = 100_000_000
	DefaultCards = 10_000_000
)

// Cards makes card numbers from counters, so that none need be kept.
type Cards struct {
	expiry string
}

// NewCards makes cards that are good for three years from now on.
func NewCards(now time.Time) Cards {
	return Cards{expiry: now.AddDate(3, 0, 0).Format("0601")}
}

// Card returns card number n, modulo MaxCards: the same n gives the same number, with a valid Luhn digit.
func (c Cards) Card(n uint64) api.Card {
	var number [maxCard]byte
	var cvc [4]byte
	return api.Card{
		Number: string(appendCard(number[:0], n)), Expiry: c.expiry, CVC: string(appendCVC(cvc[:0], n)),
	}
}

// maxCard is the longest card number.
const maxCard = 19

// appendCard appends the digits of card n.
func appendCard(to []byte, n uint64) []byte {
	n %= MaxCards
	b := &deal[n%uint64(len(deal))]
	start := len(to)
	to = append(to, b.prefix...)
	for range b.length - len(b.prefix) {
		to = append(to, '0')
	}
	number := to[start:]
	last := len(number) - 1
	for i := last - 1; i >= len(b.prefix); i-- {
		number[i] = '0' + byte(n%10)
		n /= 10
	}
	number[last] = pan.LuhnDigit(string(number[:last]))
	return to
}

// appendCVC appends three or four digits that follow from card n.
func appendCVC(to []byte, n uint64) []byte {
	n %= MaxCards
	low, span := uint64(100), uint64(900)
	if deal[n%uint64(len(deal))].cvc == 4 {
		low, span = 1000, 9000
	}
	return strconv.AppendUint(to, low+n*7919%span, 10)
}
