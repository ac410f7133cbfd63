package issuersim

// A TestCard is a card number with a fixed behaviour. Requests (0100, 0200) on it behave as told; advices and reversals
// are facts and are applied and answered as on any card, except on one that is unknown.
type TestCard struct {
	Number  string // 16 digits with their Luhn digit
	Code    string // DE39 of the answer; empty if there is none
	Purpose string // what the card does, one sentence
}

// TestCards returns the documented test cards, one an outcome. The last digit but one of each group of three names the
// response code where it is a number.
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
	{"4000000000000515", codeFunds, "Declines every amount for want of funds."},
	{"4000000000000549", codeExpired, "Declines as expired, whatever expiry is sent."},
	{"4000000000000077", codeCVC, "Declines for a wrong CVC, whatever CVC is sent."},
	{"4000000000000143", codeUnknownCard, "Is no card of this issuer; advices on it are refused too."},
	{"4000000000000416", codeLost, "Was reported lost."},
	{"4000000000000432", codeStolen, "Was reported stolen."},
	{"4000000000000614", codeLimit, "Is above its limit with every amount."},
	{"4000000000000101", codePartial, "Approves half of the amount, rounded up, whether a partial approval was asked for or not."},
	{"4000000000000986", "", "Applies the request as a good card and never answers it: the reversal must give the hold back."},
	{"4000000000000994", "", "Loses the request: neither applied nor answered, so its reversal finds no original (25)."},
}

// conduct is what a card number alone decides.
type conduct uint8

const (
	conductGood conduct = iota
	conductDecline
	conductPartial
	conductSilent // applied, not answered
	conductDeaf   // neither
)

type testCard struct {
	conduct conduct
	code    code
}

// testCardIndex finds a test card by its number.
var testCardIndex = func() map[digits]testCard {
	index := map[digits]testCard{}
	for _, c := range testCards {
		number, _ := parseDigits([]byte(c.Number))
		t := testCard{conduct: conductDecline, code: codeOf(c.Code)}
		switch c.Number {
		case "4000000000000101":
			t.conduct = conductPartial
		case "4000000000000986":
			t.conduct = conductSilent
		case "4000000000000994":
			t.conduct = conductDeaf
		}
		index[number] = t
	}
	return index
}()
