// Package money knows the currencies of ISO 4217: the letters that a gateway writes, the three digits that DE49
// carries, and how many decimals the minor unit has. It prints amounts for people.
//
// It guarantees that a currency is answered by its letters and by its digits alike, and that a look-up allocates
// nothing, so it may stand on the path of a payment. It is not arithmetic: amounts are int64 minor units everywhere,
// and nothing here adds, rounds or converts them.
package money

import (
	"strconv"

	"github.com/bojanz/currency"
)

// A Currency is one entry of ISO 4217.
type Currency struct {
	Alpha    string // three upper-case letters, "EUR"
	Numeric  string // three digits, as DE49 carries them, "978"
	Exponent int    // decimals of the minor unit, 0 to 4: JPY 0, EUR 2, KWD 3
	// Withdrawn says that ISO 4217 has it no more: what was accepted in it is cleared and shown, nothing new is.
	Withdrawn bool
}

// withdrawn are the currencies that the list had when payments in them could be accepted. Where a successor took over
// the digits (XCG those of ANG), they mean the successor.
var withdrawn = []Currency{
	{Alpha: "ANG", Numeric: "532", Exponent: 2, Withdrawn: true}, // XCG since 2025-03-31
	{Alpha: "BGN", Numeric: "975", Exponent: 2, Withdrawn: true}, // EUR since 2026-01-01
}

// Both indexes hold a position in known plus one, so that the zero value means "no such currency". They are arrays
// and not maps because every possible key fits: 26³ letters, 10³ digits.
var (
	known     []Currency
	byAlpha   [26 * 26 * 26]uint16
	byNumeric [1000]uint16
)

func init() {
	codes := currency.GetCurrencyCodes()
	known = make([]Currency, 0, len(codes)+len(withdrawn))
	for _, code := range codes {
		numeric, _ := currency.GetNumericCode(code)
		digits, _ := currency.GetDigits(code)
		add(Currency{Alpha: code, Numeric: numeric, Exponent: int(digits)})
	}
	for _, c := range withdrawn {
		add(c)
	}
}

// add puts a currency into the list; what stands under its digits already stays.
func add(c Currency) {
	known = append(known, c)
	byAlpha[alphaIndex(c.Alpha)] = uint16(len(known))
	if i := numericIndex(c.Numeric); byNumeric[i] == 0 {
		byNumeric[i] = uint16(len(known))
	}
}

// Lookup finds a currency by its three upper-case letters. It allocates nothing.
func Lookup(alpha string) (Currency, bool) {
	if i := alphaIndex(alpha); i >= 0 && byAlpha[i] != 0 {
		return known[byAlpha[i]-1], true
	}
	return Currency{}, false
}

// ByNumeric finds a currency by its three digits, the value of DE49. It allocates nothing.
func ByNumeric(numeric string) (Currency, bool) {
	if i := numericIndex(numeric); i >= 0 && byNumeric[i] != 0 {
		return known[byNumeric[i]-1], true
	}
	return Currency{}, false
}

// Current is the letters that stand for a currency's digits today: XCG for ANG. What is unknown stays as it is. Books
// of different days are held against each other by it.
func Current(alpha string) string {
	if c, ok := Lookup(alpha); ok && c.Withdrawn {
		c, _ = ByNumeric(c.Numeric)
		return c.Alpha
	}
	return alpha
}

// Format prints an amount of minor units for a person: Format(1234, "EUR") is "12.34 EUR", Format(1234, "JPY") is
// "1234 JPY". Where the currency is not known its exponent is not either, and the unit is said:
// "1234 minor units of ZZZ".
func Format(minor int64, alpha string) string {
	c, ok := Lookup(alpha)
	if !ok {
		return strconv.FormatInt(minor, 10) + " minor units of " + alpha
	}
	var buf [32]byte // sign, 19 digits, point, blank, three letters
	out := strconv.AppendInt(buf[:0], minor, 10)
	if c.Exponent > 0 {
		first := 0 // of the digits
		if minor < 0 {
			first = 1
		}
		for len(out)-first <= c.Exponent {
			out = append(out, 0)
			copy(out[first+1:], out[first:])
			out[first] = '0'
		}
		point := len(out) - c.Exponent
		out = append(out, 0)
		copy(out[point+1:], out[point:])
		out[point] = '.'
	}
	out = append(out, ' ')
	return string(append(out, c.Alpha...))
}

// alphaIndex is the place of three upper-case letters in byAlpha, or -1.
func alphaIndex(s string) int {
	if len(s) != 3 {
		return -1
	}
	index := 0
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return -1
		}
		index = index*26 + int(s[i]-'A')
	}
	return index
}

// numericIndex is the place of three digits in byNumeric, or -1.
func numericIndex(s string) int {
	if len(s) != 3 {
		return -1
	}
	index := 0
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		index = index*10 + int(s[i]-'0')
	}
	return index
}
