package guess

import (
	"encoding/binary"
	"math/bits"
)

// coding is how characters stand on the wire.
type coding uint8

const (
	codingASCII coding = iota
	codingBCD
	codingEBCDIC
)

// String is the coding's name in reasons.
func (c coding) String() string { return [...]string{"ASCII", "BCD", "EBCDIC"}[c] }

// bitmapForm is how a bitmap stands on the wire.
type bitmapForm uint8

const (
	bitmapBinary bitmapForm = iota
	bitmapHex
	bitmapHexEBCDIC
)

// String is the form's name in reasons.
func (b bitmapForm) String() string { return [...]string{"binary", "hex", "EBCDIC hex"}[b] }

// anchor is where an MTI and a bitmap may stand.
type anchor struct {
	mti    coding
	bitmap bitmapForm
}

// anchors lists how an MTI and a bitmap may be read at the beginning of data, the likelier forms first.
func anchors(data []byte) (found []anchor) {
	for _, mti := range []coding{codingASCII, codingEBCDIC, codingBCD} {
		_, n, ok := readMTI(data, mti)
		if !ok {
			continue
		}
		for _, form := range []bitmapForm{bitmapHex, bitmapHexEBCDIC, bitmapBinary} {
			if _, ok := readBitmap(data[n:], form); ok {
				found = append(found, anchor{mti, form})
			}
		}
	}
	return found
}

// at tells whether the anchor's MTI and bitmap can be read at the beginning of data, and returns the MTI and how many
// bytes both take.
func (a anchor) at(data []byte) (mti string, n int, ok bool) {
	mti, n, ok = readMTI(data, a.mti)
	if !ok {
		return "", 0, false
	}
	size, ok := readBitmap(data[n:], a.bitmap)
	return mti, n + size, ok
}

// readMTI reads four digits that may be an MTI: a version of the standard that there is, a class that it has, a
// function and an origin that it may have.
func readMTI(data []byte, c coding) (mti string, n int, ok bool) {
	var digits [4]byte
	switch c {
	case codingBCD:
		if n = 2; len(data) < n {
			return "", 0, false
		}
		digits = [4]byte{data[0] >> 4, data[0] & 15, data[1] >> 4, data[1] & 15}
	default:
		if n = 4; len(data) < n {
			return "", 0, false
		}
		zero := byte('0')
		if c == codingEBCDIC {
			zero = 0xF0
		}
		for i := range digits {
			digits[i] = data[i] - zero
		}
	}
	if digits[0] > 2 || digits[1] < 1 || digits[1] > 8 || digits[2] > 5 || digits[3] > 5 {
		return "", 0, false
	}
	for i := range digits {
		digits[i] += '0'
	}
	return string(digits[:]), n, true
}

// mostBits is how many data elements a message has at the most to count as one: a bitmap of random bits has more.
const mostBits = 72

// readBitmap reads the first bitmap, and the second if the first announces it, and returns how many bytes they take.
func readBitmap(data []byte, form bitmapForm) (n int, ok bool) {
	size, zero := 8, byte('0')
	switch form {
	case bitmapHex:
		size = 16
	case bitmapHexEBCDIC:
		size, zero = 16, 0xF0
	case bitmapBinary:
	}
	halves, set := 1, 0
	for i := 0; i < halves; i++ {
		if len(data) < size {
			return 0, false
		}
		var half uint64
		if form == bitmapBinary {
			if allPrintable(data[:size]) {
				return 0, false // text: no message has just these elements
			}
			half = binary.BigEndian.Uint64(data)
		} else if half, ok = readHex(data[:size], zero); !ok {
			return 0, false
		}
		data = data[size:]
		if i == 0 && half>>63 != 0 {
			half &^= 1 << 63
			halves = 2
		}
		set += bits.OnesCount64(half)
	}
	return halves * size, set > 0 && set <= mostBits
}

// readHex reads 16 hex digits; zero is the digit 0 of their coding.
func readHex(digits []byte, zero byte) (v uint64, ok bool) {
	upper, lower := byte('A'), byte('a')
	if zero != '0' {
		upper, lower = 0xC1, 0x81
	}
	for _, c := range digits {
		var n byte
		switch {
		case c >= zero && c <= zero+9:
			n = c - zero
		case c >= upper && c <= upper+5:
			n = c - upper + 10
		case c >= lower && c <= lower+5:
			n = c - lower + 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(n)
	}
	return v, true
}
