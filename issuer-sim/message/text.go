package message

import "encoding/binary"

// Reference is DE37, an RRN; blank-padded.
type Reference [12]byte

// Place is an RRN's place, with its acquirer, in the index of the books: a hash, so that a place is a word; who looks
// it up compares both.
func (r *Reference) Place(acquirer Digits) uint64 {
	h := Mix(uint64(acquirer)) ^ binary.LittleEndian.Uint64(r[:8])
	return Mix(Mix(h) ^ uint64(binary.LittleEndian.Uint32(r[8:])))
}

// Text is the RRN without its padding.
func (r Reference) Text() string { return Trimmed(r[:]) }

// Fill copies a field into a fixed array and pads it with blanks; false if it is longer.
func Fill(to, from []byte) bool {
	n := copy(to, from)
	for i := n; i < len(to); i++ {
		to[i] = ' '
	}
	return len(from) <= len(to)
}

// Trimmed is fixed text without its padding.
func Trimmed(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return string(b)
}

// ARN is an acquirer reference number: its 23 digits, two a byte; zero if there is none.
type ARN [12]byte

const arnDigits = 23

// ParseARN packs 23 digits; false otherwise.
func ParseARN(b []byte) (a ARN, ok bool) {
	if len(b) != arnDigits {
		return a, false
	}
	for i, c := range b {
		if c < '0' || c > '9' {
			return ARN{}, false
		}
		if i%2 == 0 {
			a[i/2] = (c - '0' + 1) << 4 // plus one, so that an ARN of zeros is not the absent one
		} else {
			a[i/2] |= c - '0' + 1
		}
	}
	return a, true
}

// Text is the ARN's digits; empty for none.
func (a ARN) Text() string {
	if a == (ARN{}) {
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

// TrimBlanks is fixed text without the blanks behind it.
func TrimBlanks(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
