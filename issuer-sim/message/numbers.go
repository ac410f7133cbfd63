package message

import (
	"switchyard/internal/money"
)

// ParseNumber reads a number of 1 to 6 digits.
func ParseNumber(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 6 {
		return 0, false
	}
	var n uint32
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint32(c-'0')
	}
	return n, true
}

// ParseAmount reads an amount of up to 19 digits.
func ParseAmount(b []byte) (uint64, bool) {
	d, ok := ParseDigits(b)
	if !ok {
		return 0, false
	}
	return d.last(len(b)), true
}

// CurrencyOf finds a currency by the number that DE49 says.
func CurrencyOf(numeric uint16) (money.Currency, bool) {
	b := [3]byte{'0' + byte(numeric/100%10), '0' + byte(numeric/10%10), '0' + byte(numeric%10)}
	return money.ByNumeric(string(b[:]))
}
