package pan

// Free text, such as a merchant's reference, is nobody's to keep a card number in. What counts as one there: 12 to 19
// digits, in one piece or in groups with one or two blanks or dashes between them, that a scheme gives out by their
// first digits and their number, with a right Luhn digit. An order number that merely passes Luhn is none; and neither
// is what stands in an identifier of hexadecimal digits, as a UUID or a hash is written, which one in some ten thousand
// would be by chance.

// scheme is what numbers of a scheme begin with, and how many digits they have.
type scheme struct {
	from, to    int // of the first six digits
	least, most int
}

// schemes are the published ranges. Where ranges of several schemes meet, each has its own row.
var schemes = []scheme{
	{400000, 499999, 13, 13}, {400000, 499999, 16, 16}, {400000, 499999, 19, 19}, // Visa
	{510000, 559999, 16, 16}, {222100, 272099, 16, 16}, // Mastercard
	{340000, 349999, 15, 15}, {370000, 379999, 15, 15}, // American Express
	{352800, 358999, 16, 19},                                                     // JCB
	{601100, 601199, 16, 19}, {644000, 659999, 16, 19}, {622126, 622925, 16, 19}, // Discover
	{300000, 305999, 14, 19}, {309500, 309599, 14, 19}, {360000, 369999, 14, 19}, {380000, 399999, 14, 19}, // Diners Club
	{620000, 629999, 16, 19}, {810000, 817199, 16, 19}, // UnionPay
	{500000, 500999, 12, 19}, {501800, 501899, 12, 19}, {502000, 502099, 12, 19}, {503800, 503899, 12, 19}, // Maestro
	{560000, 589999, 12, 19}, {630400, 630499, 12, 19}, {675900, 676399, 12, 19},
}

// leastPAN is how many digits the shortest card number has.
const leastPAN = 12

// OfScheme tells whether digits are a number as a scheme gives them out, with a right Luhn digit.
func OfScheme(digits string) bool {
	if len(digits) < leastPAN || len(digits) > maxPAN {
		return false
	}
	first := 0
	for _, c := range []byte(digits[:shownFirst]) {
		if c < '0' || c > '9' {
			return false
		}
		first = first*10 + int(c-'0')
	}
	for _, s := range schemes {
		if first >= s.from && first <= s.to && len(digits) >= s.least && len(digits) <= s.most {
			return Luhn(digits)
		}
	}
	return false
}

// In tells whether a card number stands in a text.
func In(text string) bool {
	_, _, is := find(text, 0)
	return is
}

// Names tells whether a text has the digits of a number, whatever stands between them.
func Names(text, number string) bool {
	if len(number) < leastPAN || len(text) < len(number) {
		return false
	}
	var room [64]byte
	digits := room[:0]
	for i := range len(text) {
		if isDigit(text[i]) {
			digits = append(digits, text[i])
		}
	}
	for i := 0; i+len(number) <= len(digits); i++ {
		if string(digits[i:i+len(number)]) == number {
			return true
		}
	}
	return false
}

// Hide masks the card numbers that stand in a text, as [Mask] does: what stands between their digits stays. A text
// without one is returned as it is.
func Hide(text string) string {
	begin, end, is := find(text, 0)
	if !is {
		return text
	}
	hidden := []byte(text)
	for ; is; begin, end, is = find(text, end) {
		digits := 0
		for i := begin; i < end; i++ {
			if isDigit(text[i]) {
				digits++
			}
		}
		first := shownFirst
		if digits < minShown {
			first = 0
		}
		at := 0
		for i := begin; i < end; i++ {
			if !isDigit(text[i]) {
				continue
			}
			if at >= first && at < digits-shownLast {
				hidden[i] = '*'
			}
			at++
		}
	}
	return string(hidden)
}

// find is the first card number in a text from an index on.
func find(text string, from int) (begin, end int, is bool) {
	if len(text)-from < leastPAN { // most texts: nothing is looked at twice
		return 0, 0, false
	}
	for i := from; i+leastPAN <= len(text); i++ {
		if !isDigit(text[i]) || i > 0 && isDigit(text[i-1]) {
			continue
		}
		var room [maxPAN]byte
		digits := room[:0]
		for at := i; at < len(text); {
			if isDigit(text[at]) {
				if len(digits) == maxPAN {
					break
				}
				digits = append(digits, text[at])
				at++
				if at < len(text) && isDigit(text[at]) {
					continue
				}
				if OfScheme(string(digits)) && !identifier(text, i, at) {
					return i, at, true
				}
				continue
			}
			next := at
			for next < len(text) && next < at+2 && (text[next] == ' ' || text[next] == '-') {
				next++
			}
			if next == at || next == len(text) || !isDigit(text[next]) {
				break
			}
			at = next
		}
	}
	return 0, 0, false
}

// identifier tells whether a part of a text stands in 32 hexadecimal digits or more, with a letter among them: in a
// UUID, or a hash.
func identifier(text string, begin, end int) bool {
	const least = 32
	in := func(c byte) bool { return isDigit(c) || c == '-' || hexLetter(c) }
	for begin > 0 && in(text[begin-1]) {
		begin--
	}
	for end < len(text) && in(text[end]) {
		end++
	}
	digits, letters := 0, 0
	for i := begin; i < end; i++ {
		switch {
		case isDigit(text[i]):
			digits++
		case hexLetter(text[i]):
			letters++
		}
	}
	return letters > 0 && digits+letters >= least
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func hexLetter(c byte) bool { return c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
