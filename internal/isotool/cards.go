package isotool

import "switchyard/internal/pan"

// span is bytes of a message.
type span struct{ from, to int }

// Card numbers have so many digits.
const shortestCard, longestCard = 13, 19

// cards are where in a message card numbers may stand, as ASCII or EBCDIC digits or, where its dialect packs them, as
// packed ones. A message that is not read to its end may be read in the wrong dialect, so that digits of a card stand
// in whatever element comes next.
func cards(message []byte, packed bool) (spans []span) {
	var digits []byte // of a run, packed: two a byte
	var at []int      // the byte of each
	flush := func() {
		for from := range digits {
			for n := longestCard; n >= shortestCard; n-- {
				if from+n <= len(digits) && digits[from] >= '2' && digits[from] <= '6' && pan.Luhn(string(digits[from:from+n])) {
					spans = append(spans, span{at[from], at[from+n-1] + 1})
					break
				}
			}
		}
		digits, at = digits[:0], at[:0]
	}
	for i, b := range message {
		if !packed {
			break
		}
		for _, nibble := range []byte{b >> 4, b & 15} {
			if nibble > 9 {
				flush()
				continue
			}
			digits, at = append(digits, '0'+nibble), append(at, i)
		}
	}
	flush()
	for _, zero := range []byte{'0', 0xF0} {
		for i, b := range message {
			if b < zero || b > zero+9 {
				flush()
				continue
			}
			digits, at = append(digits, '0'+b-zero), append(at, i)
		}
		flush()
	}
	return spans
}

// overlaps tells whether a piece of a message has bytes of a span.
func overlaps(spans []span, from, to int) bool {
	for _, s := range spans {
		if from < s.to && to > s.from {
			return true
		}
	}
	return false
}
