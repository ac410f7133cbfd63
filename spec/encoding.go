package spec

import (
	"fmt"

	"github.com/moov-io/iso8583/encoding"
)

// Encodings that hosts use and the library does not have. They are the library's Encoders, so that its messages pack by
// them too: that is the reference that the codec is held to.
var (
	// LBCDF is BCD with the digits to the left and F behind an odd number of them. A zero there is read as well.
	LBCDF encoding.Encoder = &packed{name: "LBCDF", left: true, filler: 0xF}
	// ZBCD is track data (z), two characters a byte, to the right, with a zero in front of an odd number of them. The
	// characters 0 to 9 and :;<=>? are the nibbles 0 to F, so that D stands for the separator =; a D in a value is one.
	ZBCD encoding.Encoder = &packed{name: "ZBCD", track: true}
	// ZLBCD is ZBCD to the left with a zero behind. F there is read as well.
	ZLBCD encoding.Encoder = &packed{name: "ZLBCD", track: true, left: true}
	// ZLBCDF is ZBCD to the left with F behind. A zero there is read as well.
	ZLBCDF encoding.Encoder = &packed{name: "ZLBCDF", track: true, left: true, filler: 0xF}
	// SignBCD is an amount with its sign (x+n): C or D in ASCII, then the digits in BCD, to the right. A length counts
	// the sign and the digits.
	SignBCD encoding.Encoder = signBCD{}
)

// packed puts two characters into a byte.
type packed struct {
	name   string
	track  bool // z, else digits
	left   bool // an odd number of characters begins with the first nibble and ends before the last
	filler byte // the nibble that is then left over
}

// String is the encoding's name in a spec.
func (p *packed) String() string { return p.name }

// Encode implements encoding.Encoder.
func (p *packed) Encode(value []byte) ([]byte, error) {
	nibbles := make([]byte, 0, len(value)+1)
	if len(value)%2 != 0 && !p.left {
		nibbles = append(nibbles, p.filler)
	}
	for i, c := range value {
		n := c - '0'
		if p.track && c == 'D' {
			n = '=' - '0'
		}
		if n > 0xF || n > 9 && !p.track {
			return nil, fmt.Errorf("%s: character %d of the value cannot be encoded", p.name, i)
		}
		nibbles = append(nibbles, n)
	}
	if len(value)%2 != 0 && p.left {
		nibbles = append(nibbles, p.filler)
	}
	encoded := make([]byte, 0, len(nibbles)/2)
	for i := 0; i < len(nibbles); i += 2 {
		encoded = append(encoded, nibbles[i]<<4|nibbles[i+1])
	}
	return encoded, nil
}

// Decode implements encoding.Encoder.
func (p *packed) Decode(data []byte, length int) ([]byte, int, error) {
	read := (length + 1) / 2
	if length < 0 || len(data) < read {
		return nil, 0, fmt.Errorf("%s: want %d bytes for a length of %d, not %d", p.name, read, length, len(data))
	}
	all := make([]byte, 0, 2*read)
	for _, b := range data[:read] {
		all = append(all, b>>4, b&15)
	}
	value := all
	if length%2 != 0 {
		filler := all[0]
		value = all[1:]
		if p.left {
			filler, value = all[length], all[:length]
		}
		if filler != 0 && !(p.left && filler == 0xF) {
			return nil, 0, fmt.Errorf("%s: nibble %X stands where an odd length wants a filler", p.name, filler)
		}
	}
	for i, n := range value {
		if n > 9 && !p.track {
			return nil, 0, fmt.Errorf("%s: nibble %d is no digit", p.name, i)
		}
		value[i] = '0' + n
	}
	return value, read, nil
}

type signBCD struct{}

// String is the encoding's name in a spec.
func (signBCD) String() string { return "SignBCD" }

// Encode implements encoding.Encoder.
func (signBCD) Encode(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != 'C' && value[0] != 'D' {
		return nil, fmt.Errorf("SignBCD: want C or D and then digits")
	}
	digits, err := encoding.BCD.Encode(value[1:])
	if err != nil {
		return nil, err
	}
	return append([]byte{value[0]}, digits...), nil
}

// Decode implements encoding.Encoder.
func (signBCD) Decode(data []byte, length int) ([]byte, int, error) {
	if length < 1 || len(data) < 1+length/2 {
		return nil, 0, fmt.Errorf("SignBCD: want a sign and the digits of a length of %d, not %d bytes", length, len(data))
	}
	digits, read, err := encoding.BCD.Decode(data[1:], length-1)
	if err != nil {
		return nil, 0, err
	}
	return append([]byte{data[0]}, digits...), 1 + read, nil
}
