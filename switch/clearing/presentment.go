package clearing

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Presentment is everything that one record of a file is made from, fixed when the capture or refund is accepted.
// A file is a function of its Header and its presentments in order; nothing else is looked up (I8).
//
// The PAN is in the clear here and goes to DE2 only.
type Presentment struct {
	PAN         string // DE2, 8 to 19 digits
	Expiry      string // DE14, YYMM, or ""
	Credit      bool   // a refund: DE3 200000 instead of 000000
	AmountMinor int64  // DE4, 1 to 999,999,999,999 minor units of Currency
	Currency    string // ISO 4217 letters; DE49 its digits, PDS0148 its exponent

	LocalTime    time.Time // DE12, printed in its own location
	POSDataCode  string    // DE22, twelve letters or digits
	CardSequence string    // DE23, up to three digits, or ""
	FunctionCode string    // DE24: "200" first presentment; "205" or "282" second, full or partial
	// DE25, four digits, or ""; "1403" and "1404" for several captures; a second presentment has one
	MessageReason  string
	MCC            string    // DE26, four digits
	OriginalMinor  int64     // DE30 of a second presentment: the first one's amount; else 0
	ARN            string    // DE31, 23 digits with the check digit; see ARN
	AcquirerID     string    // DE32, 6 to 11 digits, or ""
	ForwarderID    string    // DE33 and DE94, 6 to 11 digits
	RRN            string    // DE37, twelve letters or digits, or ""
	AuthCode       string    // DE38, up to six letters or digits, or ""
	ServiceCode    string    // DE40, three digits, or ""
	Terminal       string    // DE41, up to 8 characters, or ""
	Merchant       string    // DE42, up to 15 characters, or ""
	Acceptor       Acceptor  // DE43
	OtherAmounts   string    // DE54, up to 999 characters, or ""
	ChipData       []byte    // DE55, up to 255 bytes, or nil
	NetworkID      string    // DE63, where longer than 15 characters DE105 instead; up to 64, or ""
	TerminalType   string    // PDS0023, three characters, or ""
	ReversalOf     time.Time // PDS0025: the day of the reversed presentment; zero if this reverses nothing
	ECommerceLevel string    // PDS0052, three characters, or ""
	PDS            []PDS     // any others, in any order, none twice; not those above nor those of other messages

	// IssuerReference is DE95 of a second presentment, that of the chargeback which it answers: up to 10 characters, or
	// "".
	IssuerReference string

	// For the CSV files only.
	PaymentID    string
	CaptureID    string
	Reference    string // the merchant's own
	Key          string // idempotency key
	Sequence     int    // which capture of its authorization, from 1
	Count        int    // of captures; Sequence + 1 or more while more may come
	AcceptedAt   time.Time
	PastWindow   bool // the capture came past its window
	MerchantName string
	FeePlan      string
}

// A PDS is one private data subelement.
type PDS struct {
	Tag   int // 1 to 9999
	Value string
}

// maxAmountMinor is the most that DE4 holds.
const maxAmountMinor = 999_999_999_999

// Debits reports whether the record debits the cardholder: a purchase does, a refund does not, and reversing either
// turns it round.
func (p *Presentment) Debits() bool { return p.Credit == !p.ReversalOf.IsZero() }

// Validate reports as a *FieldError the first element that cannot be written. What passes here never fails
// Writer.Write on its own account, so checking when a capture is accepted keeps the day from failing to close.
func (p *Presentment) Validate() error {
	var r recordBuilder
	return r.presentment(p, 1)
}

// A Checker is Presentment.Validate for one after the other, in one buffer. It is for one goroutine; the zero value
// is ready.
type Checker struct{ record recordBuilder }

// Check is p.Validate.
func (c *Checker) Check(p *Presentment) error { return c.record.presentment(p, 1) }

// An Acceptor is the merchant's name and place, DE43. Together with separators it fits 99 characters of portable text;
// Fit makes any acceptor do so.
type Acceptor struct {
	Name          string // required
	Street        string
	City          string
	PostalCode    string // up to 10 characters
	State         string // up to 3
	CountryAlpha3 string // ISO 3166 letters, required
}

// The widths that Fit cuts to. The first three sum to what DE43 leaves beside its fixed parts and separators:
// 99 − 3 − 10 − 3 − 3 = 80.
const (
	acceptorName    = 22
	acceptorStreet  = 45
	acceptorCity    = 13
	acceptorPostal  = 10
	acceptorState   = 3
	acceptorCountry = 3
	acceptorTail    = acceptorPostal + acceptorState + acceptorCountry
)

// Fit returns the acceptor as it can be written, so that no merchant's data keeps a day from closing: letters lose
// their accents, characters that the code pages disagree on become blanks or a look-alike, and each part is cut to its
// width. Call it when the capture is accepted; what it returns is fixed from then on. Only an absent name or country
// still fails Validate.
func (a Acceptor) Fit() Acceptor {
	return Acceptor{
		Name:          fit(a.Name, acceptorName),
		Street:        fit(a.Street, acceptorStreet),
		City:          fit(a.City, acceptorCity),
		PostalCode:    fit(a.PostalCode, acceptorPostal),
		State:         fit(a.State, acceptorState),
		CountryAlpha3: strings.ToUpper(fit(a.CountryAlpha3, acceptorCountry)),
	}
}

// lookAlikes stand in for letters that have no decomposition and for characters that are not portable.
var lookAlikes = map[rune]string{
	'ß': "ss", 'Æ': "AE", 'æ': "ae", 'Ø': "O", 'ø': "o", 'Œ': "OE", 'œ': "oe", 'Ł': "L", 'ł': "l", 'Đ': "D", 'đ': "d",
	'ı': "i", '’': "'", '–': "-", '—': "-", '[': "(", ']': ")", '\\': "/", '|': "/",
}

func fit(s string, width int) string {
	if fits(s) { // as most are
		return strings.TrimRight(s[:min(len(s), width)], " ")
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch like, ok := lookAlikes[r]; {
		case ok:
			b.WriteString(like)
		case r < unicode.MaxASCII && portable(byte(r)):
			b.WriteRune(r)
		case !unicode.Is(unicode.Mn, r):
			b.WriteByte(' ')
		}
	}
	fitted := strings.Join(strings.Fields(b.String()), " ")
	return strings.TrimRight(fitted[:min(len(fitted), width)], " ")
}

// fits tells whether nothing of a text has to be replaced: portable characters, and no blank before it or two in a row.
func fits(s string) bool {
	blank := true
	for i := range len(s) {
		c := s[i]
		if !portable(c) || c == '\\' || blank && c == ' ' {
			return false
		}
		blank = c == ' '
	}
	return true
}

// A FieldError says which element of a presentment or header cannot be written, and why. It never quotes card data.
type FieldError struct {
	DE     int // 0 if it is a PDS
	PDS    int // 0 if it is a DE
	Reason string
}

func (e *FieldError) Error() string { return "clearing: " + fieldName(e.DE, e.PDS) + ": " + e.Reason }

// FieldName is how an element, or with a DE of 0 a subelement, is called: "DE31 acquirer reference".
func FieldName(de, pds int) string { return fieldName(de, pds) }

// fieldName is how errors and findings call an element: "DE31 acquirer reference", "PDS0105 file id".
func fieldName(de, pds int) string {
	if pds != 0 {
		name := fmt.Sprintf("PDS%04d", pds)
		if known := pdsNames[pds]; known != "" {
			name += " " + known
		}
		return name
	}
	if de < 2 || de > maxDE || layout[de].kind == 0 {
		return fmt.Sprintf("DE%d", de)
	}
	return fmt.Sprintf("DE%d %s", de, layout[de].name)
}
