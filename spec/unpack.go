package spec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
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
		return err
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
	for w, left := range present {
		for left != 0 {
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

// read returns the bits of the DEs that are present and the offset behind the bitmap. The bits that stand for the
// presence of another bitmap are cleared.
func (b *bitmapLayout) read(data []byte, at int) (present [2]uint64, next int, err error) {
	first := 1
	if b.double {
		first = 2
	}
	if at, err = b.readHalves(data, at, present[:first]); err != nil {
		return present, at, err
	}
	presence := present[0]>>63 != 0
	present[0] &^= 1 << 63
	if b.fixed || !presence {
		return present, at, nil
	}
	if b.double {
		return present, at, &FieldError{DE: 1, Offset: at, Want: "no third bitmap"}
	}
	next, err = b.readHalves(data, at, present[1:])
	if err == nil && present[1]&bit(65) != 0 {
		err = &FieldError{DE: 1, Offset: at, Want: "no third bitmap"}
	}
	return present, next, err
}

func (b *bitmapLayout) readHalves(data []byte, at int, halves []uint64) (int, error) {
	for i := range halves {
		if !b.hex {
			if len(data)-at < 8 {
				return at, &FieldError{DE: 1, Offset: at, Want: "8 bytes"}
			}
			halves[i] = binary.BigEndian.Uint64(data[at:])
			at += 8
			continue
		}
		if len(data)-at < 16 {
			return at, &FieldError{DE: 1, Offset: at, Want: "16 hex digits"}
		}
		for j, c := range data[at : at+16] {
			if classes[c]&classHex == 0 {
				return at, &FieldError{DE: 1, Offset: at + j, Want: "a hex digit"}
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
	wire := size
	switch l.enc {
	case encBCD, encLBCD:
		wire = (size + 1) / 2
	case encHexToASCII:
		wire = 2 * size
	}
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
	} else if bad := l.check(value); bad >= 0 {
		return at, &FieldError{DE: de, Offset: at, Want: l.content()}
	}
	m.fields[de] = e
	return next, nil
}

// decode appends to m.buf what the bytes on the wire stand for. bad is the index of the first byte that stands for
// nothing, -1 if there is none. size is the DE's length as its prefix or its spec counts it.
func (l *layout) decode(wire []byte, size int, m *Message) (e extent, bad int) {
	start := len(m.buf)
	buf := m.buf
	switch {
	case l.enc == encBCD || l.enc == encLBCD:
		for i, b := range wire {
			high, low := b>>4, b&15
			if low == 0xF && l.enc == encLBCD && size%2 != 0 && i == len(wire)-1 {
				low = 0 // the filler of hosts that do not fill with zero
			}
			if high > 9 || low > 9 {
				return e, i
			}
			buf = append(buf, '0'+high, '0'+low)
		}
		if size%2 != 0 {
			filler := start
			if l.enc == encLBCD {
				filler = len(buf) - 1
			}
			if buf[filler] != '0' {
				return e, (filler - start) / 2
			}
			if l.enc == encBCD {
				start++
			} else {
				buf = buf[:filler]
			}
		}
	case l.enc == encEBCDIC:
		for _, b := range wire {
			buf = append(buf, fromEBCDIC[b])
		}
	case l.enc == encEBCDIC1047:
		for i, b := range wire {
			c := fromEBCDIC1047[b]
			if c == notASCII {
				return e, i
			}
			buf = append(buf, c)
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

// wireContent is what decode asks for, in words.
func (l *layout) wireContent() string {
	switch l.enc {
	case encBCD, encLBCD:
		return "BCD digits, with a zero to fill an odd number of them"
	case encHexToASCII:
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

// readPrefix reads a length prefix and returns the length with the offset behind it.
func (l *layout) readPrefix(data []byte, at, de int) (size, next int, err error) {
	digits := int(l.digits)
	wire := digits
	switch l.pref {
	case prefBCD:
		wire = (digits + 1) / 2
	case prefHex:
		wire = 2 * digits
	}
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
