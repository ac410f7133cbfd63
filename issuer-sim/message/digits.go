package message

// Digits is a string of 0 to 19 decimal digits in one word: card numbers (DE2) and acquirer ids (DE32) are kept so.
// Strings of different lengths differ, leading zeros count: the strings of n digits follow those of n−1.
type Digits uint64

// MaxDigits is as many as fit: there are 1.1e19 strings of up to 19 digits, and 1.8e19 words.
const MaxDigits = 19

// digitsBase holds where the strings of n digits begin.
var digitsBase = func() (base [MaxDigits + 2]uint64) {
	power := uint64(1)
	for n := range MaxDigits + 1 {
		base[n+1] = base[n] + power
		power *= 10
	}
	return base
}()

// ParseDigits packs digits; false if there are more than 19 or one is none.
func ParseDigits(b []byte) (Digits, bool) {
	if len(b) > MaxDigits {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return Digits(digitsBase[len(b)] + v), true
}

// len is how many digits there are.
func (d Digits) len() int {
	n := 0
	for n < MaxDigits && uint64(d) >= digitsBase[n+1] {
		n++
	}
	return n
}

// Text is the digits as they were. Of a card number it must go no further than to the mask.
func (d Digits) Text() string {
	n := d.len()
	v := uint64(d) - digitsBase[n]
	var b [MaxDigits]byte
	for i := n - 1; i >= 0; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
	return string(b[:n])
}

// last returns the number that the last n digits make.
func (d Digits) last(n int) uint64 {
	v := uint64(d) - digitsBase[d.len()]
	return v % (digitsBase[n+1] - digitsBase[n])
}

// Luhn reports whether the last digit is the Luhn digit over the others, of 12 to 19: what every card number is.
func (d Digits) Luhn() bool {
	n := d.len()
	if n < MinCardDigits {
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

// Neighbour is another card number with the same digits but the last two, the last of which is its Luhn digit; of what
// is too short for a card number it is the number itself.
func (d Digits) Neighbour() Digits {
	if d.len() < MinCardDigits {
		return d
	}
	text := []byte(d.Text())
	tens, last := len(text)-2, len(text)-1
	text[tens] = '0' + (text[tens]-'0'+1)%10
	for text[last] = '0'; ; text[last]++ {
		if n, ok := ParseDigits(text); ok && n.Luhn() {
			return n
		}
	}
}

// MinCardDigits is the length of the shortest card number.
const MinCardDigits = 12

// Mix is a finalizer of good quality (splitmix64): each bit of x changes about half of the result's.
func Mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// HasPrefix tells whether d begins with p.
func (d Digits) HasPrefix(p Digits) bool {
	n, m := d.len(), p.len()
	if n < m {
		return false
	}
	// digitsBase[k+1] − digitsBase[k] is 10^k.
	return (uint64(d)-digitsBase[n])/(digitsBase[n-m+1]-digitsBase[n-m]) == uint64(p)-digitsBase[m]
}
