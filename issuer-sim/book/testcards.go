package book

import (
	"switchyard/issuer-sim/message"
)

// A TestCard is a card number with a fixed behaviour. Requests (0100, 0200) on it behave as told; advices and reversals
// are facts and are applied and answered as on any card, except on one that is unknown.
type TestCard struct {
	Number  string // 16 digits with their Luhn digit
	Code    string // DE39 of the answer; empty if there is none
	Purpose string // what the card does, one sentence

	conduct Conduct
}

// TestCards returns the documented test cards, one an outcome. The three digits before the last, which is the Luhn
// digit, are the response code where that is a number.
func TestCards() []TestCard {
	return append([]TestCard(nil), testCards...)
}

// TestCardFor returns the number of the first test card with a response code; empty if there is none.
func TestCardFor(code string) string {
	for _, c := range testCards {
		if c.Code == code {
			return c.Number
		}
	}
	return ""
}

var testCards = []TestCard{
	{"4000000000000515", message.CodeFunds, "Declines every amount for want of funds.", conductDecline},
	{"4000000000000549", message.CodeExpired, "Declines as expired, whatever expiry is sent.", conductDecline},
	{"4000000000000077", message.CodeCVC, "Declines for a wrong CVC, whatever CVC is sent.", conductDecline},
	{
		"4000000000000143", message.CodeUnknownCard,
		"Is no card of this issuer; advices on it are refused too.", conductDecline,
	},
	{"4000000000000416", message.CodeLost, "Was reported lost.", conductDecline},
	{"4000000000000432", message.CodeStolen, "Was reported stolen.", conductDecline},
	{"4000000000000614", message.CodeLimit, "Is above its limit with every amount.", conductDecline},
	{
		"4000000000000101", message.CodePartial,
		"Approves half of the amount, rounded up, whether a partial approval was asked for or not.", conductPartial,
	},
	{
		"4000000000000986", "",
		"Applies the request as a good card and never answers it: the reversal must give the hold back.", ConductSilent,
	},
	{
		"4000000000000994", "",
		"Loses the request: neither applied nor answered, so its reversal finds no original (25).", ConductDeaf,
	},
}

// Conduct is what a card number alone decides.
type Conduct uint8

// The conducts.
const (
	conductGood Conduct = iota
	conductDecline
	conductPartial
	ConductSilent // applied, not answered
	ConductDeaf   // neither
)

// testCardIndex finds a test card by its number.
var testCardIndex = func() map[message.Digits]testCard {
	index := map[message.Digits]testCard{}
	for _, c := range testCards {
		number, _ := message.ParseDigits([]byte(c.Number))
		index[number] = testCard{conduct: c.conduct, code: message.CodeOf(c.Code)}
	}
	return index
}()

type testCard struct {
	conduct Conduct
	code    message.Code
}
