package clearing

import (
	"fmt"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/pan"
)

// A piece is one part of an element or subelement that has several in fixed places.
type piece struct {
	name  string
	width int                       // in characters; 0 is what is left
	means func(value string) string // what a code says, or nil
}

// A composition is what an element is made of: its parts once, or as often as they fit.
type composition struct {
	parts    []piece
	repeated bool // each is an entry
	sums     bool // what could be a card number is an amount
}

var (
	partsOfFileID = composition{parts: []piece{
		{"type", 3, fileIDTypes}, {"date", 6, nil}, {"processor", processorDigits, nil}, {"sequence", 5, nil},
	}}
	partsOfSettlement = composition{parts: []piece{
		{"transfer agent", 11, nil}, {"account", 28, nil}, {"level", 1, nil}, {"service", 10, nil},
		{"exchange rate class", 1, nil}, {"reconciliation date", 6, nil}, {"reconciliation cycle", 2, nil},
		{"settlement date", 6, nil}, {"settlement cycle", 2, nil},
	}}
	partsOfSum = composition{sums: true, parts: []piece{{"amount", sumDigits, nil}}}
	partsOfNet = composition{sums: true, parts: []piece{{"debit or credit", 1, creditOrDebit}, {"amount", 16, nil}}}
)

// partsOfDE are the parts of data elements, in the words of ISO 8583:1993. The codes within DE22 differ between
// schemes and are not explained.
var partsOfDE = map[int]composition{
	3:  {parts: []piece{{"transaction type", 2, transactionTypes}, {"account from", 2, nil}, {"account to", 2, nil}}},
	12: {parts: []piece{{"date", 6, nil}, {"time", 6, nil}}},
	22: {parts: []piece{
		{"card data input capability", 1, nil}, {"cardholder authentication capability", 1, nil},
		{"card capture capability", 1, nil}, {"operating environment", 1, nil}, {"cardholder present", 1, nil},
		{"card present", 1, nil}, {"card data input mode", 1, nil}, {"cardholder authentication method", 1, nil},
		{"cardholder authentication entity", 1, nil}, {"card data output capability", 1, nil},
		{"terminal output capability", 1, nil}, {"PIN capture capability", 1, nil},
	}},
	30: {parts: []piece{{"transaction amount", 12, nil}, {"reconciliation amount", 12, nil}}},
	31: {parts: []piece{
		{"kind of BIN", 1, nil}, {"acquirer BIN", arnBINLength, nil}, {"date, YDDD", 4, nil}, {"sequence", 11, nil},
		{"check digit", 1, nil},
	}},
	54: {repeated: true, parts: []piece{
		{"account", 2, nil}, {"kind", 2, nil}, {"currency", 3, currencyLetters}, {"sign", 1, creditOrDebit},
		{"amount", 12, nil},
	}},
	63: {parts: []piece{{"life cycle", 1, nil}, {"network id", shortNetworkID, nil}}},
}

// partsOfPDS are the parts of subelements.
var partsOfPDS = map[int]composition{
	pdsErrors: {repeated: true, parts: []piece{
		{"element", 5, nil}, {"severity", 2, nil}, {"error", 4, nil}, {"subfield", 3, nil},
	}},
	pdsReversal: {parts: []piece{{"indicator", 1, nil}, {"day of the original", 6, nil}}},
	26:          {parts: []piece{{"indicator", 1, nil}, {"day of the original", 6, nil}}},
	pdsFileID:   partsOfFileID,
	146: {repeated: true, parts: []piece{
		{"fee type", 2, nil}, {"processing", 2, transactionTypes}, {"settlement indicator", 2, nil},
		{"currency", 3, currencyLetters}, {"amount", 12, nil}, {"reconciliation currency", 3, currencyLetters},
		{"reconciliation amount", 12, nil},
	}},
	pdsExponents: {repeated: true, parts: []piece{{"currency", 3, currencyLetters}, {"decimals", 1, nil}}},
	158: {parts: []piece{
		{"card program", 3, nil}, {"arrangement type", 1, nil}, {"service id", 6, nil},
		{"interchange rate designator", 2, nil}, {"business date", 6, nil}, {"business cycle", 2, nil}, {"flags", 0, nil},
	}},
	159: partsOfSettlement,
	164: {repeated: true, parts: []piece{
		{"currency", 3, currencyLetters}, {"rate", 11, nil}, {"type", 1, nil}, {"date", 6, nil}, {"cycle", 2, nil},
	}},
	pdsSourceFile: partsOfFileID,
	300:           partsOfFileID,
	pdsSum:        partsOfSum,
	359:           partsOfSettlement,
	380:           partsOfSum,
	381:           partsOfSum,
	384:           partsOfNet,
	390:           partsOfSum,
	391:           partsOfSum,
	394:           partsOfNet,
	395:           partsOfNet,
	396:           partsOfNet,
}

// cut cuts a value into its parts; nil where they do not fit it, as in files of others.
func (c composition) cut(value string) (out []string) {
	chars := []rune(value)
	width, open := 0, false
	for _, p := range c.parts {
		width, open = width+p.width, open || p.width == 0
	}
	switch {
	case width == 0 || len(chars) < width, !open && !c.repeated && len(chars) != width,
		c.repeated && len(chars)%width != 0:
		return nil
	}
	for len(chars) > 0 {
		for _, p := range c.parts {
			n := p.width
			if n == 0 {
				n = len(chars)
			}
			text := string(chars[:n])
			if holds := mustHold[p.name]; holds != nil && !holds(text) {
				return nil
			}
			out, chars = append(out, text), chars[n:]
		}
	}
	return out
}

// mustHold is what parts of these names are held to before a value is taken for what its parts say: digits of several
// parts in a row may look like a card number, and a card number in the wrong place must not be taken apart.
var mustHold = map[string]func(string) bool{
	"date": isDate, "business date": isDate, "reconciliation date": isDate, "settlement date": isDate,
	"day of the original": isDate,
	"currency":            isCurrency, "reconciliation currency": isCurrency,
	"sign":       func(v string) bool { return v == "C" || v == "D" },
	"life cycle": func(v string) bool { return v[0] < '0' || v[0] > '9' }, // a letter or a blank before the network id
	"element":    func(v string) bool { return v[0] == '0' || v[0] > '9' },
}

func isCurrency(numeric string) bool { return numeric == "000" || currencyLetters(numeric) != "" }

// mask masks what could be a card number in a value, part by part: digits of two parts are no number.
func (c composition) mask(value string) string {
	parts := c.cut(value)
	if parts == nil {
		return pan.MaskIn(value)
	}
	if c.sums {
		return value
	}
	for i, p := range parts {
		parts[i] = pan.MaskIn(p)
	}
	return strings.Join(parts, "")
}

// split is what a value is made of, for a person; nil where that is no more than the value.
func (c composition) split(value string) (out []Field) {
	cut := c.cut(value)
	if len(cut) < 2 {
		return nil
	}
	for i, text := range cut {
		p := c.parts[i%len(c.parts)]
		f := Field{Name: p.name, Value: printable(text)}
		if !c.sums {
			f.Value = visible(text)
		}
		if len(cut) > len(c.parts) {
			f.Name = strconv.Itoa(i/len(c.parts)+1) + " " + f.Name
		}
		if p.means != nil {
			f.Means = p.means(text)
		}
		if text != "" {
			out = append(out, f)
		}
	}
	return out
}

// MaskElement masks what could be a card number in an element's value in ISO 8859-1, or with a DE of 0 in that of a
// subelement. It is not for DE2 and DE55.
func MaskElement(de, pds int, value []byte) []byte {
	c := partsOfPDS[pds]
	if de != 0 {
		c = partsOfDE[de]
	}
	text := utf8FromLatin1(value)
	masked := c.mask(text)
	if masked == text {
		return value
	}
	out := make([]byte, 0, len(value))
	for _, r := range masked {
		out = append(out, byte(r))
	}
	return out
}

// pdsField is a subelement as it is shown.
func pdsField(tag int, value string) Field {
	f := Field{
		Field: fmt.Sprintf("PDS%04d", tag), Name: pdsNames[tag], Value: printable(partsOfPDS[tag].mask(value)),
		Parts: partsOfPDS[tag].split(value),
	}
	if tag == pdsMode {
		f.Means = modeName(value)
	}
	return f
}

// parts are what a data element is made of.
func (r *Record) parts(de int) []Field {
	switch de {
	case 43:
		return acceptorParts(r.Text(43))
	case deChip:
		return chipTags(r.Get(deChip))
	}
	return partsOfDE[de].split(r.Text(de))
}

// acceptorParts takes DE43 apart: name\street\city\, postal code, state and country.
func acceptorParts(v string) []Field {
	parts := strings.Split(v, `\`)
	if len(parts) != 4 {
		return nil
	}
	tail := []rune(parts[3])
	if len(tail) != acceptorTail {
		return nil
	}
	values := append(parts[:3:3], string(tail[:acceptorPostal]),
		string(tail[acceptorPostal:acceptorPostal+acceptorState]), string(tail[acceptorPostal+acceptorState:]))
	out := make([]Field, 0, len(values))
	for i, name := range [...]string{"name", "street", "city", "postal code", "state", "country"} {
		out = append(out, Field{Name: name, Value: strings.TrimRight(visible(values[i]), " ")})
	}
	return out
}

// meaning says in words what an element's code says, or "".
func (r *Record) meaning(de int) string {
	amount := func(value, numeric string) string {
		c, known := money.ByNumeric(numeric)
		n, err := strconv.ParseInt(value, 10, 64)
		if !known || err != nil || n < 0 {
			return ""
		}
		return money.Format(n, c.Alpha)
	}
	switch value := r.Text(de); de {
	case 4:
		if minor, ok := r.AmountMinor(); ok {
			return money.Format(minor, r.Currency())
		}
	case 5:
		return amount(value, r.Text(50))
	case 6:
		return amount(value, r.Text(51))
	case 9, 10:
		return conversionRate(value)
	case 25:
		return map[string]string{"1403": "more captures", "1404": "the last of several captures"}[value]
	case 30:
		if len(value) == 24 {
			return amount(value[:12], r.Text(49))
		}
	case 31:
		return checkDigit(value)
	case 49, 50, 51:
		return currencyLetters(value)
	}
	return ""
}

// conversionRate reads a rate whose first digit is the number of its decimals.
func conversionRate(v string) string {
	if len(v) != 8 || !allDigits(v) {
		return ""
	}
	digits, decimals := v[1:], int(v[0]-'0')
	if decimals > len(digits) {
		digits = strings.Repeat("0", decimals-len(digits)) + digits
	}
	whole := strings.TrimLeft(digits[:len(digits)-decimals], "0")
	if whole == "" {
		whole = "0"
	}
	if decimals == 0 {
		return whole
	}
	return whole + "." + digits[len(digits)-decimals:]
}

// checkDigit says so where an acquirer reference has another check digit than it should.
func checkDigit(arn string) string {
	if len(arn) != arnLength || !allDigits(arn) {
		return ""
	}
	if want := pan.LuhnDigit(arn[:arnLength-1]); want != arn[arnLength-1] {
		return "check digit " + string(want) + " expected"
	}
	return ""
}

func currencyLetters(numeric string) string {
	c, _ := money.ByNumeric(numeric)
	return c.Alpha
}

func transactionTypes(v string) string {
	return map[string]string{"00": "purchase", "20": "refund", "28": "credit"}[v]
}

func creditOrDebit(v string) string { return map[string]string{"C": "credit", "D": "debit"}[v] }

func fileIDTypes(v string) string {
	return map[string]string{"001": "made by the clearing system", "002": "made by a member"}[v]
}

// chipNames names the tags of DE55 that are usual in clearing.
var chipNames = map[string]string{
	"4F": "application id", "50": "application label", "57": "track 2", "5A": "card number", "5F20": "cardholder name",
	"5F24": "expiry", "5F2A": "transaction currency", "5F34": "card sequence", "71": "issuer script 1",
	"72": "issuer script 2", "82": "application interchange profile", "84": "dedicated file name",
	"8A": "response code", "91": "issuer authentication data", "95": "terminal verification results",
	"9A": "transaction date", "9B": "transaction status", "9C": "transaction type", "9F02": "amount, authorized",
	"9F03": "amount, other", "9F06": "terminal's application id", "9F07": "application usage control",
	"9F09": "application version", "9F10": "issuer application data", "9F1A": "terminal country",
	"9F1E": "terminal serial number", "9F26": "application cryptogram", "9F27": "cryptogram information",
	"9F33": "terminal capabilities", "9F34": "cardholder verification results", "9F35": "terminal type",
	"9F36": "application transaction counter", "9F37": "unpredictable number", "9F41": "transaction sequence",
	"9F53": "transaction category", "9F6E": "form factor",
}
