package issuersim

// digits is a string of 0 to 19 decimal digits in one word: card numbers (DE2) and acquirer ids (DE32) are kept so.
// Strings of different lengths differ, leading zeros count: the strings of n digits follow those of n−1.
type digits uint64

// maxDigits is as many as fit: there are 1.1e19 strings of up to 19 digits, and 1.8e19 words.
const maxDigits = 19

// digitsBase holds where the strings of n digits begin.
var digitsBase = func() (base [maxDigits + 2]uint64) {
	power := uint64(1)
	for n := range maxDigits + 1 {
		base[n+1] = base[n] + power
		power *= 10
	}
	return base
}()

// parseDigits packs digits; false if there are more than 19 or one is none.
func parseDigits(b []byte) (digits, bool) {
	if len(b) > maxDigits {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return digits(digitsBase[len(b)] + v), true
}

// len is how many digits there are.
func (d digits) len() int {
	n := 0
	for n < maxDigits && uint64(d) >= digitsBase[n+1] {
		n++
	}
	return n
}

// text is the digits as they were. Of a card number it must go no further than to the mask.
func (d digits) text() string {
	n := d.len()
	v := uint64(d) - digitsBase[n]
	var b [maxDigits]byte
	for i := n - 1; i >= 0; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
	return string(b[:n])
}

// last returns the number that the last n digits make.
func (d digits) last(n int) uint64 {
	v := uint64(d) - digitsBase[d.len()]
	return v % (digitsBase[n+1] - digitsBase[n])
}

// luhn reports whether the last digit is the Luhn digit over the others, of 12 to 19: what every card number is.
func (d digits) luhn() bool {
	n := d.len()
	if n < minCardDigits {
		return false
	}
	v := uint64(d) - digitsBase[n]
	sum := uint64(0)
	for double := false; v != 0; double = !double {
		digit := v % 10
		v /= 10
		if double {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}

// minCardDigits is the length of the shortest card number.
const minCardDigits = 12

// reference is DE37, an RRN; blank-padded.
type reference [12]byte

func (r reference) text() string { return trimmed(r[:]) }

// fill copies a field into a fixed array and pads it with blanks; false if it is longer.
func fill(to, from []byte) bool {
	n := copy(to, from)
	for i := n; i < len(to); i++ {
		to[i] = ' '
	}
	return len(from) <= len(to)
}

// trimmed is fixed text without its padding.
func trimmed(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return string(b)
}

// arn is an acquirer reference number: its 23 digits, two a byte; zero if there is none.
type arn [12]byte

const arnDigits = 23

// parseARN packs 23 digits; false otherwise.
func parseARN(b []byte) (a arn, ok bool) {
	if len(b) != arnDigits {
		return a, false
	}
	for i, c := range b {
		if c < '0' || c > '9' {
			return arn{}, false
		}
		if i%2 == 0 {
			a[i/2] = (c - '0' + 1) << 4 // plus one, so that an ARN of zeros is not the absent one
		} else {
			a[i/2] |= c - '0' + 1
		}
	}
	return a, true
}

func (a arn) text() string {
	if a == (arn{}) {
		return ""
	}
	var b [arnDigits]byte
	for i := range b {
		nibble := a[i/2]
		if i%2 == 0 {
			nibble >>= 4
		}
		b[i] = '0' + nibble&15 - 1
	}
	return string(b[:])
}

// mix is a finalizer of good quality (splitmix64): each bit of x changes about half of the result's.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// hasPrefix tells whether d begins with p.
func (d digits) hasPrefix(p digits) bool {
	n, m := d.len(), p.len()
	if n < m {
		return false
	}
	// digitsBase[k+1] − digitsBase[k] is 10^k.
	return (uint64(d)-digitsBase[n])/(digitsBase[n-m+1]-digitsBase[n-m]) == uint64(p)-digitsBase[m]
}
