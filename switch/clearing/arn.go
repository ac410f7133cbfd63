package clearing

import (
	"fmt"
	"strconv"
	"time"

	"switchyard/internal/pan"
)

// arnLength and its parts: format 1, acquirer BIN 6, YDDD 4, sequence 11, check digit 1.
const (
	arnLength      = 23
	arnBINLength   = 6
	arnDayStart    = 1 + arnBINLength
	maxARNSequence = 99_999_999_999
)

// ARN makes an acquirer reference number (DE31): the digit 1, the acquirer's BIN of six digits, the date as YDDD (last
// digit of the year, day of the year) in date's location, an eleven-digit sequence and the Luhn digit over those 22.
// It fails if the BIN is not six digits or the sequence exceeds 99,999,999,999.
//
// The reference repeats after ten years or when a sequence repeats within a day: keeping the sequence unique is the
// caller's part.
func ARN(acquirerBIN string, date time.Time, sequence uint64) (string, error) {
	if len(acquirerBIN) != arnBINLength || !allDigits(acquirerBIN) {
		return "", fmt.Errorf("clearing: acquirer BIN %q is not six digits", acquirerBIN)
	}
	if sequence > maxARNSequence {
		return "", fmt.Errorf("clearing: acquirer reference sequence %d has more than eleven digits", sequence)
	}
	b := make([]byte, 0, arnLength)
	b = append(b, '1')
	b = append(b, acquirerBIN...)
	b = append(b, byte('0'+date.Year()%10))
	b = appendPadded(b, uint64(date.YearDay()), 3)
	b = appendPadded(b, sequence, 11)
	return string(append(b, pan.LuhnDigit(string(b)))), nil
}

// arnFault says what is wrong with an acquirer reference number: its length, a character, the day of the year or the
// check digit. The first digit may be any.
func arnFault(arn string) string {
	if reason := check(&layout[31], arn); reason != "" {
		return reason
	}
	if day := arn[arnDayStart+1 : arnDayStart+4]; day < "001" || day > "366" {
		return "day of the year " + day + " is not 001 to 366"
	}
	if want := pan.LuhnDigit(arn[:arnLength-1]); want != arn[arnLength-1] {
		return "check digit is " + arn[arnLength-1:] + ", " + string(want) + " expected"
	}
	return ""
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// appendPadded appends n with leading zeros to width digits; a longer n is appended whole.
func appendPadded(b []byte, n uint64, width int) []byte {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	for range width - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}
