// Package pan holds what the whole system must do alike with a card number: the Luhn check, the mask under which a
// card may be shown (I12: first six and last four), and the brand that its first digits name.
//
// It validates no card and stores nothing; a number whose Luhn digit fits need not exist.
package pan

// Luhn reports whether digits is a number of two digits or more whose last digit is the Luhn digit over the others.
// Anything but ASCII digits is false.
func Luhn(digits string) bool {
	if len(digits) < 2 {
		return false
	}
	last := len(digits) - 1
	d := LuhnDigit(digits[:last])
	return d != 0 && d == digits[last]
}

// LuhnDigit returns the check digit, '0' to '9', that belongs after digits. It returns the zero byte if digits is empty
// or holds anything but ASCII digits.
func LuhnDigit(digits string) byte {
	if digits == "" {
		return 0
	}
	sum, double := 0, true // the digit beside the check digit is doubled, then every second one leftwards
	for i := len(digits) - 1; i >= 0; i-- {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0
		}
		d := int(c - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return byte('0' + (10-sum%10)%10)
}

// The lengths that the mask goes by. A number shorter than minShown would have fewer than three digits hidden
// between the first six and the last four, so its first six are hidden too.
const (
	shownFirst = 6
	shownLast  = 4
	minShown   = 13
	maxPAN     = 19
)

// Mask is the only form in which a card number may be shown, logged or written beside the IPM file: "400000******0002".
// A number shorter than 13 shows its last four only, one of four or fewer nothing at all.
func Mask(pan string) string {
	var room [maxPAN]byte
	return string(AppendMask(room[:0], pan))
}

// AppendMask appends the mask of a card number.
func AppendMask(b []byte, pan string) []byte {
	first, last := 0, 0
	switch n := len(pan); {
	case n >= minShown:
		first, last = shownFirst, shownLast
	case n > shownLast:
		last = shownLast
	}
	b = append(b, pan...)
	shown := b[len(b)-len(pan):]
	for i := first; i < len(shown)-last; i++ {
		shown[i] = '*'
	}
	return b
}

// MaskIn masks what could be a card number in a text: each run of 13 to 19 digits with a right Luhn digit. A text
// without one is returned as it is.
func MaskIn(text string) string {
	var masked []byte // nil while there was none
	done := 0         // of text that stands in masked
	for i := 0; i < len(text); i++ {
		begin := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if run := text[begin:i]; len(run) >= minShown && len(run) <= maxPAN && Luhn(run) {
			masked = AppendMask(append(masked, text[done:begin]...), run)
			done = i
		}
	}
	if masked == nil {
		return text
	}
	return string(append(masked, text[done:]...))
}

// Brands lists what Brand returns.
func Brands() []string { return []string{"visa", "mastercard", "amex", "jcb", "other"} }

// Brand names the card scheme by the published IIN ranges: "visa" (4), "mastercard" (51 to 55, 2221 to 2720), "amex"
// (34, 37), "jcb" (3528 to 3589), else "other".
func Brand(pan string) string {
	if len(pan) < 4 {
		return "other"
	}
	iin := 0
	for i := range 4 {
		if pan[i] < '0' || pan[i] > '9' {
			return "other"
		}
		iin = iin*10 + int(pan[i]-'0')
	}
	switch {
	case iin/1000 == 4:
		return "visa"
	case iin >= 5100 && iin <= 5599, iin >= 2221 && iin <= 2720:
		return "mastercard"
	case iin/100 == 34, iin/100 == 37:
		return "amex"
	case iin >= 3528 && iin <= 3589:
		return "jcb"
	}
	return "other"
}
