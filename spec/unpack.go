package spec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Unpack resets m and reads a message, without a length in front, into it. data is copied: m keeps nothing of it. It
// does not allocate once m has grown to the messages that it meets. On an error, a *FieldError, m is empty.
func (c *Codec) Unpack(data []byte, m *Message) error {
	m.Reset()
	if len(data) > MaxMessage {
		return &FieldError{DE: -1, Offset: MaxMessage, Want: fmt.Sprintf("at most %d bytes, not %d", MaxMessage, len(data))}
	}
	m.buf = append(m.buf, data...)
	if err := c.unpack(data, m); err != nil {
		m.Reset()
		return c.named(err)
	}
	return nil
}

// unpack reads data, a copy of which m.buf begins with. Values that stand in the message as they are canonical are
// extents of that copy; others are appended to it.
func (c *Codec) unpack(data []byte, m *Message) error {
	at, err := c.fields[0].read(data, 0, 0, m)
	if err != nil {
		return err
	}
	mti := m.fields[0]
	copy(m.mti[:], m.buf[mti.off:mti.off+mti.len])
	m.hasMTI = true

	present, at, err := c.bitmap.read(data, at)
	if err != nil {
		return err
	}
	for w := range present {
		if w == 1 && c.third.inOrder && present[1]&bit(65) != 0 {
			present[1] &^= bit(65)
			if at, err = c.third.readHalves(data, at, 65, present[2:]); err != nil {
				return err
			}
		}
		for left := present[w]; left != 0; {
			lead := bits.LeadingZeros64(left)
			left &^= 1 << (63 - lead)
			de := w*64 + lead + 1
			if at, err = c.fields[de].read(data, at, de, m); err != nil {
				return err
			}
		}
	}
	if at != len(data) {
		return &FieldError{DE: -1, Offset: at, Want: fmt.Sprintf("the message to end, not %d more bytes", len(data)-at)}
	}
	m.present = present
	return nil
}

// wantNoThird is wanted where a third bitmap is announced and the spec has none.
const wantNoThird = "no third bitmap"

// read returns the bits of the DEs that are present and the offset behind the bitmaps in front. The bits that stand for
// the presence of another bitmap there are cleared; bit 65 stays where the third bitmap stands among the DEs.
func (b *bitmapLayout) read(data []byte, at int) (present bitmaps, next int, err error) {
	first := 1
	if b.double {
		first = 2
	}
	if at, err = b.readHalves(data, at, 1, present[:first]); err != nil {
		return present, at, err
	}
	more := present[0]&bit(1) != 0
	present[0] &^= bit(1)
	switch {
	case b.fixed || !more:
		return present, at, nil
	case b.double:
		return present, at, &FieldError{DE: 1, Offset: at, Want: wantNoThird}
	}
	if next, err = b.readHalves(data, at, 1, present[1:2]); err != nil {
		return present, at, err
	}
	switch {
	case present[1]&bit(65) == 0 || b.inOrder:
		return present, next, nil
	case !b.third:
		return present, next, &FieldError{DE: 1, Offset: at, Want: wantNoThird}
	}
	present[1] &^= bit(65)
	next, err = b.readHalves(data, next, 1, present[2:])
	return present, next, err
}

// readHalves reads bitmaps of 64 bits each, which stand in de.
func (b *bitmapLayout) readHalves(data []byte, at, de int, halves []uint64) (int, error) {
	for i := range halves {
		if !b.hex {
			if len(data)-at < 8 {
				return at, &FieldError{DE: de, Offset: at, Want: "8 bytes"}
			}
			halves[i] = binary.BigEndian.Uint64(data[at:])
			at += 8
			continue
		}
		if len(data)-at < 16 {
			return at, &FieldError{DE: de, Offset: at, Want: "16 hex digits"}
		}
		for j, c := range data[at : at+16] {
			if classes[c]&classHex == 0 {
				return at, &FieldError{DE: de, Offset: at + j, Want: "a hex digit"}
			}
			halves[i] = halves[i]<<4 | uint64(nibble(c))
		}
		at += 16
	}
	return at, nil
}

// read takes the DE that begins at data[at:] into m and returns the offset behind it: what the library's
// defaultUnpacker does.
func (l *layout) read(data []byte, at, de int, m *Message) (int, error) {
	if l.plain && len(data)-at >= int(l.fixed) && l.quick(data[at:at+int(l.fixed)]) {
		m.fields[de] = extent{uint32(at), l.fixed}
		return at + int(l.fixed), nil
	}
	if l.kind == kindNone {
		return at, &FieldError{DE: de, Offset: at, Want: "a DE that the spec defines"}
	}
	size := int(l.fixed)
	if l.pref != prefFixed {
		var err error
		if size, at, err = l.readPrefix(data, at, de); err != nil {
			return at, err
		}
	}
	wire := l.wire(size)
	if len(data)-at < wire {
		return at, &FieldError{DE: de, Offset: at, Want: fmt.Sprintf("%d bytes, not %d", wire, len(data)-at)}
	}
	next := at + wire
	e := extent{uint32(at), uint32(wire)}
	if (l.enc != encASCII && l.enc != encBinary) || l.kind == kindHex {
		var bad int
		if e, bad = l.decode(data[at:next], size, m); bad >= 0 {
			return at, &FieldError{DE: de, Offset: at + bad, Want: l.wireContent()}
		}
	}

	value := m.buf[e.off : e.off+e.len]
	if l.pad != padNone {
		trimmed := l.unpad(value)
		if l.pad == padLeft {
			e.off += uint32(len(value) - len(trimmed))
		}
		e.len = uint32(len(trimmed))
		value = trimmed
	}
	if l.kind == kindNumeric {
		digits := trimZeros(value)
		if v, ok := parseUint(digits); !ok || v > math.MaxInt64 {
			return at, &FieldError{DE: de, Offset: at, Want: "a decimal number below 2^63"}
		}
		if len(value) == 0 {
			e.off = uint32(len(m.buf))
			m.buf = append(m.buf, '0')
		} else {
			e.off += uint32(len(value) - len(digits))
		}
		e.len = uint32(len(digits))
	} else if !l.decodesRight {
		if bad := l.check(value); bad >= 0 {
			return at, &FieldError{DE: de, Offset: at, Want: l.content()}
		}
	}
	m.fields[de] = e
	return next, nil
}

// wire is how many bytes a DE has whose length is size, as its prefix or its spec counts it.
func (l *layout) wire(size int) int {
	switch {
	case l.enc == encSignBCD && size > 0:
		return 1 + size/2
	case l.packed:
		return (size + 1) / 2
	case l.enc == encHexToASCII:
		return 2 * size
	}
	return size
}

// decode appends to m.buf what the bytes on the wire stand for. bad is the index of the first byte that stands for
// nothing, -1 if there is none. size is the DE's length as its prefix or its spec counts it.
func (l *layout) decode(wire []byte, size int, m *Message) (e extent, bad int) {
	start := len(m.buf)
	buf := m.buf
	switch {
	case l.packed:
		return l.unpackNibbles(wire, size, m)
	case l.enc == encEBCDIC:
		buf = slices.Grow(buf, len(wire))[:start+len(wire)]
		for i, b := range wire {
			buf[start+i] = fromEBCDIC[b]
		}
	case l.enc == encEBCDIC1047:
		buf = slices.Grow(buf, len(wire))[:start+len(wire)]
		value, all := buf[start:], byte(0)
		for i, b := range wire {
			c := fromEBCDIC1047[b]
			value[i] = c
			all |= c
		}
		if all >= 128 {
			return e, bytes.IndexByte(value, notASCII)
		}
	case l.enc == encHexToASCII:
		for i, c := range wire {
			if classes[c]&classHex == 0 {
				return e, i
			}
			if l.kind == kindHex {
				buf = append(buf, upper(c))
			} else if i%2 != 0 {
				buf = append(buf, nibble(wire[i-1])<<4|nibble(c))
			}
		}
	default: // bytes on the wire, hex text in the message
		for _, b := range wire {
			buf = append(buf, hexDigits[b>>4], hexDigits[b&15])
		}
	}
	m.buf = buf
	return extent{uint32(start), uint32(len(buf) - start)}, -1
}

// unpackNibbles is decode for characters that stand two in a byte, behind a sign or not.
func (l *layout) unpackNibbles(wire []byte, size int, m *Message) (e extent, bad int) {
	start := len(m.buf)
	buf := slices.Grow(m.buf, 2*len(wire))[:start+2*len(wire)]
	sign := 0
	if l.enc == encSignBCD && len(wire) > 0 {
		sign = 1
	}
	body, value := wire[sign:], buf[start+sign:]
	off, n := start+sign, 2*len(body)
	odd := (size-sign)%2 != 0
	if odd && l.left {
		n--
		last := body[len(body)-1]
		body = body[:len(body)-1]
		if bad := l.nibbles(value, body); bad >= 0 {
			return e, bad
		}
		if filler := last & 15; filler != 0 && filler != 0xF || last>>4 > 9 && !l.track {
			return e, len(body)
		}
		value[n-1] = '0' + last>>4
	} else {
		if bad := l.nibbles(value, body); bad >= 0 {
			return e, sign + bad
		}
		if odd {
			if value[0] != '0' {
				return e, sign
			}
			off, n = off+1, n-1
		}
	}
	if sign != 0 {
		off, n = off-1, n+1
		buf[off] = wire[0]
	}
	m.buf = buf
	return extent{uint32(off), uint32(n)}, -1
}

// nibbles writes two characters for each byte. It returns the index of the first byte that holds none, or -1.
func (l *layout) nibbles(value, wire []byte) int {
	value = value[:2*len(wire)]
	over := byte(0)
	for i, b := range wire {
		high, low := b>>4, b&15
		value[2*i], value[2*i+1] = '0'+high, '0'+low
		over |= (high + 6) | (low + 6) // a fifth bit for what is no digit
	}
	if l.track || over < 16 {
		return -1
	}
	return slices.IndexFunc(wire, func(b byte) bool { return b>>4 > 9 || b&15 > 9 })
}

// wireContent is what decode asks for, in words.
func (l *layout) wireContent() string {
	switch {
	case l.packed && l.left:
		return "BCD digits, with a zero or F behind an odd number of them"
	case l.packed:
		return "BCD digits, with a zero to fill an odd number of them"
	case l.enc == encHexToASCII:
		return "a hex digit"
	}
	return "an ASCII character in EBCDIC"
}

// unpad takes the padding off a decoded value.
func (l *layout) unpad(value []byte) []byte {
	if l.kind == kindHex {
		high, low := hexDigits[l.padder>>4], hexDigits[l.padder&15]
		if l.pad == padLeft {
			for len(value) >= 2 && value[0] == high && value[1] == low {
				value = value[2:]
			}
			return value
		}
		for n := len(value); n >= 2 && value[n-2] == high && value[n-1] == low; n = len(value) {
			value = value[:n-2]
		}
		return value
	}
	if l.pad == padLeft {
		for len(value) > 0 && value[0] == l.padder {
			value = value[1:]
		}
		return value
	}
	for len(value) > 0 && value[len(value)-1] == l.padder {
		value = value[:len(value)-1]
	}
	return value
}

// prefixWire is how many bytes a length prefix has.
func (l *layout) prefixWire() int {
	digits := int(l.digits)
	switch l.pref {
	case prefBCD:
		return (digits + 1) / 2
	case prefHex:
		return 2 * digits
	}
	return digits
}

// readPrefix reads a length prefix and returns the length with the offset behind it.
func (l *layout) readPrefix(data []byte, at, de int) (size, next int, err error) {
	digits, wire := int(l.digits), l.prefixWire()
	if len(data)-at < wire {
		return 0, at, &FieldError{
			DE: de, Offset: at, Want: fmt.Sprintf("a length prefix of %d bytes, not %d", wire, len(data)-at),
		}
	}
	fail := func() (int, int, error) {
		return 0, at, &FieldError{DE: de, Offset: at, Want: "a length prefix of digits"}
	}
	raw := data[at : at+wire]
	switch l.pref {
	case prefASCII:
		for _, c := range raw {
			if c < '0' || c > '9' {
				return fail()
			}
			size = size*10 + int(c-'0')
		}
	case prefEBCDIC:
		for _, c := range raw {
			if c < ebcdicZero || c > ebcdicZero+9 {
				return fail()
			}
			size = size*10 + int(c-ebcdicZero)
		}
	case prefBCD:
		for _, b := range raw {
			high, low := int(b>>4), int(b&15)
			if high > 9 || low > 9 {
				return fail()
			}
			size = size*100 + high*10 + low
		}
		if size >= powersOfTen[digits] {
			return fail()
		}
	case prefHex:
		for _, c := range raw {
			if classes[c]&classHex == 0 {
				return fail()
			}
			size = size<<4 | int(nibble(c))
		}
	case prefBinary:
		for _, b := range raw {
			size = size<<8 | int(b)
		}
	}
	if size > int(l.length) {
		return 0, at, &FieldError{DE: de, Offset: at, Want: fmt.Sprintf("a length of at most %d, not %d", l.length, size)}
	}
	return size, at + wire, nil
}
