package audit

import (
	"fmt"
	"strconv"
	"strings"
	"unique"
)

// The books hold millions of short codes. They are kept as arrays of their fixed length, and words that repeat
// (currencies, merchants, dates, file ids) as one pointer each.
type (
	rrn      [12]byte // DE37
	arn      [23]byte // DE31
	authCode [6]byte  // DE38
	word     = unique.Handle[string]
)

// fill copies s into a code. A longer s is an error: cut off, it could equal another one.
func fill(code []byte, name, s string) error {
	if copy(code, s) < len(s) {
		return fmt.Errorf("field %s: %d characters, expected at most %d", name, len(s), len(code))
	}
	return nil
}

func (c authCode) String() string { return strings.TrimRight(string(c[:]), "\x00") }
func (c rrn) String() string      { return strings.TrimRight(string(c[:]), "\x00") }
func (c arn) String() string      { return strings.TrimRight(string(c[:]), "\x00") }

// A paymentID is the text form, P and eleven base-36 digits, as a number. 0 is none.
type paymentID uint64

const paymentDigits = 11

func parsePaymentID(s string) (paymentID, error) {
	if len(s) == 1+paymentDigits && s[0] == 'P' {
		if n, err := strconv.ParseUint(s[1:], 36, 64); err == nil && n > 0 {
			return paymentID(n), nil
		}
	}
	return 0, fmt.Errorf("field payment: %q: expected P and %d digits or letters", s, paymentDigits)
}

// String returns the text form, "" for none.
func (id paymentID) String() string {
	if id == 0 {
		return ""
	}
	digits := strings.ToUpper(strconv.FormatUint(uint64(id), 36))
	return "P" + strings.Repeat("0", paymentDigits-len(digits)) + digits
}

// masked keeps a full card number out of a report whatever book it stands in.
func masked(pan string) string {
	if strings.Contains(pan, "*") {
		return pan
	}
	return fmt.Sprintf("an unmasked number of %d characters", len(pan))
}
