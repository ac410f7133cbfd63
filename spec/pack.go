package spec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/moov-io/iso8583/encoding"
)

// LengthHeader is how many bytes the length in front of a frame takes: big-endian, not counting itself.
const LengthHeader = 2

// Pack appends m in the codec's dialect to dst. It does not allocate when dst has the room. On an error, a *FieldError,
// it returns dst as it was.
func (c *Codec) Pack(dst []byte, m *Message) ([]byte, error) {
	start := len(dst)
	out, err := c.pack(dst, m)
	if err != nil {
		return dst, c.named(err)
	}
	if n := len(out) - start; n > MaxMessage {
		return dst, &FieldError{DE: -1, Offset: -1, Want: fmt.Sprintf("at most %d bytes, not %d", MaxMessage, n)}
	}
	return out, nil
}

// PackFrame appends m as Pack does, with its length in front (see LengthHeader).
func (c *Codec) PackFrame(dst []byte, m *Message) ([]byte, error) {
	start := len(dst)
	out, err := c.Pack(append(dst, 0, 0), m)
	if err != nil {
		return dst, err
	}
	binary.BigEndian.PutUint16(out[start:], uint16(len(out)-start-LengthHeader))
	return out, nil
}

func (c *Codec) pack(dst []byte, m *Message) ([]byte, error) {
	mti := &c.fields[0]
	if !m.hasMTI || mti.check(m.mti[:]) >= 0 {
		return nil, &FieldError{DE: 0, Offset: -1, Want: "four digits"}
	}
	dst, err := mti.append(dst, m.mti[:], 0)
	if err != nil {
		return nil, err
	}
	if dst, err = c.bitmap.append(dst, m.present); err != nil {
		return nil, err
	}
	for w, left := range m.present {
		if w == 1 && c.third.inOrder && m.present[2] != 0 {
			dst = c.third.appendHalf(dst, m.present[2])
		}
		for left != 0 {
			lead := bits.LeadingZeros64(left)
			left &^= 1 << (63 - lead)
			de := w*64 + lead + 1
			l := &c.fields[de]
			e := m.fields[de]
			if dst, err = l.append(dst, m.buf[e.off:e.off+e.len], de); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

// append writes the bitmaps in front of the DEs. Bit 1 says that a second one follows, bit 65 that there is a third.
func (b *bitmapLayout) append(dst []byte, present bitmaps) ([]byte, error) {
	count := 1
	if present[1] != 0 || b.double {
		count = 2
	}
	if err := b.fits(present); err != nil {
		return nil, err
	}
	if present[2] != 0 {
		present[1] |= bit(65)
		if count = 2; b.third {
			count = 3
		}
	}
	if present[1] != 0 && !b.double {
		present[0] |= bit(1)
	}
	for _, bitmap := range present[:count] {
		dst = b.appendHalf(dst, bitmap)
	}
	return dst, nil
}

// fits refuses DEs that the bitmaps have no bit for.
func (b *bitmapLayout) fits(present bitmaps) error {
	beyond := func(w int, want string) error {
		return &FieldError{DE: w*64 + 1 + bits.LeadingZeros64(present[w]), Offset: -1, Want: want}
	}
	switch {
	case present[2] != 0 && !b.third && !b.inOrder:
		return beyond(2, "a DE up to 128: this spec has no third bitmap")
	case b.fixed && !b.double && present[1] != 0:
		return beyond(1, "a DE up to 64: this spec's bitmap ends there")
	case present[1]&bit(65) != 0 && (!b.double || b.inOrder):
		return &FieldError{DE: 65, Offset: -1, Want: "it absent: its bit stands for a third bitmap"}
	}
	return nil
}

// appendHalf writes one bitmap of 64 bits.
func (b *bitmapLayout) appendHalf(dst []byte, bitmap uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, bitmap)
	if b.hex {
		return hexInPlace(dst, 8)
	}
	return dst
}

// append writes one DE with its length prefix, if any: what the library's defaultPacker does.
func (l *layout) append(dst []byte, value []byte, de int) ([]byte, error) {
	if l.plain && len(value) == int(l.fixed) && l.quick(value) {
		return append(dst, value...), nil
	}
	switch l.kind {
	case kindNone:
		return nil, &FieldError{DE: de, Offset: -1, Want: "a DE that the spec defines"}
	case kindNumeric:
		value = trimZeros(value)
		if v, ok := parseUint(value); !ok || v > math.MaxInt64 {
			return nil, &FieldError{DE: de, Offset: -1, Want: "a decimal number below 2^63"}
		}
	default:
		if l.check(value) >= 0 {
			return nil, &FieldError{DE: de, Offset: -1, Want: l.content()}
		}
	}

	// size counts what the length counts: characters, digits or bytes.
	size := len(value)
	if l.kind == kindHex || l.enc == encASCIIToHex {
		size /= 2
	}
	fill := 0
	if l.pad != padNone && size < int(l.length) {
		fill = int(l.length) - size
		size = int(l.length)
	}
	if l.pref == prefFixed {
		if size != int(l.fixed) {
			return nil, &FieldError{DE: de, Offset: -1, Want: fmt.Sprintf("a length of %d, not %d", l.fixed, size)}
		}
	} else {
		if size > int(l.length) {
			return nil, &FieldError{DE: de, Offset: -1, Want: fmt.Sprintf("a length of at most %d, not %d", l.length, size)}
		}
		var ok bool
		if dst, ok = l.appendPrefix(dst, size); !ok {
			return nil, &FieldError{
				DE: de, Offset: -1, Want: fmt.Sprintf("a length that a prefix of %d can say, not %d", l.digits, size),
			}
		}
	}

	if l.packed {
		return l.appendPacked(dst, value, fill), nil
	}
	if l.pad == padLeft {
		dst = l.appendFill(dst, fill)
	}
	dst = l.appendValue(dst, value)
	if l.pad == padRight {
		dst = l.appendFill(dst, fill)
	}
	return dst, nil
}

// appendValue encodes a checked value in any encoding that is not packed.
func (l *layout) appendValue(dst, value []byte) []byte {
	switch {
	case l.kind == kindHex && l.enc == encHexToASCII:
		for _, c := range value {
			dst = append(dst, upper(c))
		}
		return dst
	case l.kind == kindHex || l.enc == encASCIIToHex:
		for i := 0; i+1 < len(value); i += 2 {
			dst = append(dst, nibble(value[i])<<4|nibble(value[i+1]))
		}
		return dst
	}
	switch l.enc {
	case encEBCDIC:
		return appendTranslated(dst, value, &toEBCDIC)
	case encEBCDIC1047:
		return appendTranslated(dst, value, &toEBCDIC1047)
	case encHexToASCII:
		return hexInPlace(append(dst, value...), len(value))
	}
	return append(dst, value...)
}

func appendTranslated(dst, value []byte, table *[256]byte) []byte {
	start := len(dst)
	dst = append(dst, value...)
	translate(dst[start:], table)
	return dst
}

// translate does it in place, which needs no check of a bound.
func translate(text []byte, table *[256]byte) {
	for i := range text {
		text[i] = table[text[i]]
	}
}

// appendFill appends n encoded padding characters.
func (l *layout) appendFill(dst []byte, n int) []byte {
	c := l.padder
	switch l.enc {
	case encEBCDIC:
		c = toEBCDIC[c]
	case encEBCDIC1047:
		c = toEBCDIC1047[c]
	case encHexToASCII:
		for range n {
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
		return dst
	}
	for range n {
		dst = append(dst, c)
	}
	return dst
}

// appendPacked appends a checked value with fill padding digits, two characters a byte, the sign of an amount aside.
func (l *layout) appendPacked(dst, value []byte, fill int) []byte {
	if l.enc == encSignBCD {
		dst, value = append(dst, value[0]), value[1:]
	}
	if fill != 0 {
		return l.appendPadded(dst, value, fill)
	}
	if len(value)%2 != 0 && !l.left {
		dst, value = append(dst, packedNibble[value[0]]), value[1:]
	}
	for ; len(value) >= 2; value = value[2:] {
		dst = append(dst, packedNibble[value[0]]<<4|packedNibble[value[1]])
	}
	if len(value) != 0 {
		dst = append(dst, packedNibble[value[0]]<<4|l.filler)
	}
	return dst
}

// packedNibble is the nibble of a character: the digits, what follows them in ASCII, and D for the separator =.
var packedNibble = func() (t [256]byte) {
	for n := range byte(16) {
		t['0'+n] = n
	}
	t['D'] = t['=']
	return t
}()

// appendPadded is appendPacked for digits that are padded.
func (l *layout) appendPadded(dst, digits []byte, fill int) []byte {
	before, after := 0, 0
	switch l.pad {
	case padLeft:
		before = fill
	case padRight:
		after = fill
	}
	var high byte
	odd := false
	put := func(n byte) {
		if odd = !odd; odd {
			high = n << 4
		} else {
			dst = append(dst, high|n)
		}
	}
	if !l.left && (len(digits)+fill)%2 != 0 {
		put(0)
	}
	for range before {
		put(l.padder - '0')
	}
	for _, c := range digits {
		put(c - '0')
	}
	for range after {
		put(l.padder - '0')
	}
	if odd {
		put(0)
	}
	return dst
}

// appendPrefix writes a length; false if it has more digits than the prefix.
func (l *layout) appendPrefix(dst []byte, size int) ([]byte, bool) {
	digits := int(l.digits)
	switch l.pref {
	case prefBinary:
		if size>>(8*digits) != 0 {
			return dst, false
		}
		for shift := 8 * (digits - 1); shift >= 0; shift -= 8 {
			dst = append(dst, byte(size>>shift))
		}
		return dst, true
	case prefHex:
		if size>>(8*digits) != 0 {
			return dst, false
		}
		for shift := 8*digits - 4; shift >= 0; shift -= 4 {
			dst = append(dst, hexDigits[size>>shift&15])
		}
		return dst, true
	}
	if size >= powersOfTen[digits] {
		return dst, false
	}
	if l.pref == prefBCD {
		if digits%2 != 0 {
			digits++
		}
		for ; digits > 0; digits -= 2 {
			pair := size / powersOfTen[digits-2] % 100
			dst = append(dst, byte(pair/10<<4|pair%10))
		}
		return dst, true
	}
	zero := byte('0')
	if l.pref == prefEBCDIC {
		zero = ebcdicZero
	}
	for ; digits > 0; digits-- {
		dst = append(dst, zero+byte(size/powersOfTen[digits-1]%10))
	}
	return dst, true
}

var powersOfTen = [...]int{1, 10, 100, 1000, 10000, 100000, 1000000}

const hexDigits = "0123456789ABCDEF"

// ebcdicZero is 0 in both EBCDIC tables; the other digits follow it.
const ebcdicZero = 0xF0

// The tables come from the library's own encoders, so that there is one source of them. 0 to 127 for code page 1047:
// the library writes the rest as UTF-8, whose length it then gets wrong, so that the codec keeps to ASCII there.
var (
	toEBCDIC, fromEBCDIC         = ebcdicTables(encoding.EBCDIC, 256)
	toEBCDIC1047, fromEBCDIC1047 = ebcdicTables(encoding.EBCDIC1047, 128)
)

// notASCII stands in a from-table for a byte that encodes nothing that the codec takes.
const notASCII = 0xFF

func ebcdicTables(enc encoding.Encoder, upTo int) (to, from [256]byte) {
	for i := range from {
		from[i] = notASCII
		if decoded, _, err := enc.Decode([]byte{byte(i)}, 1); err == nil && len(decoded) == 1 && int(decoded[0]) < upTo {
			from[i] = decoded[0]
		}
	}
	for i := range upTo {
		encoded, err := enc.Encode([]byte{byte(i)})
		if err != nil || len(encoded) != 1 {
			panic(fmt.Sprintf("spec: the library encodes character %d in EBCDIC as %d bytes", i, len(encoded)))
		}
		to[i] = encoded[0]
	}
	return to, from
}

// hexInPlace turns the last n bytes of dst into hex text.
func hexInPlace(dst []byte, n int) []byte {
	start := len(dst) - n
	for range n {
		dst = append(dst, 0)
	}
	for i := n - 1; i >= 0; i-- {
		b := dst[start+i]
		dst[start+2*i], dst[start+2*i+1] = hexDigits[b>>4], hexDigits[b&15]
	}
	return dst
}

// nibble is the value of a hex digit of either case.
func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// trimZeros is what an int64 makes of digits: no leading zeros, at least one digit; an empty value is 0.
func trimZeros(digits []byte) []byte {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return zero
	}
	return digits
}

var zero = []byte("0")
