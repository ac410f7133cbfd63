package guess

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"switchyard/spec"
)

// lengthKind is what stands in front of a frame and says how long it is.
type lengthKind uint8

const (
	noLength lengthKind = iota
	binary2
	binary4
	bcd2
	ascii4
)

// length is a kind of length and whether it counts itself.
type length struct {
	kind      lengthKind
	inclusive bool
}

// lengths are all that are tried.
var lengths = []length{
	{binary2, false}, {ascii4, false}, {bcd2, false}, {binary4, false},
	{binary2, true}, {ascii4, true}, {bcd2, true}, {binary4, true}, {noLength, false},
}

func (l length) size() int { return [...]int{0, 2, 4, 2, 4}[l.kind] }

// String is the length in the text form of a framing.
func (l length) String() string {
	name := [...]string{"none", "binary2", "binary4", "bcd2", "ascii4"}[l.kind]
	if l.inclusive {
		name += "+inclusive"
	}
	return name
}

func (l length) words() string {
	words := [...]string{
		"no length in front", "two binary bytes of length", "four binary bytes of length", "two BCD bytes of length",
		"four ASCII digits of length",
	}[l.kind]
	if l.inclusive {
		words += " that count themselves"
	}
	return words
}

// leastBody and mostBody are how long a frame may say that it is, behind its length.
const (
	leastBody = 10 // an MTI and a bitmap
	mostBody  = spec.MaxMessage
)

// read returns how many bytes follow the length that data begins with; false where they do not begin with one.
func (l length) read(data []byte) (n int, ok bool) {
	size := l.size()
	if len(data) < size {
		return 0, false
	}
	switch l.kind {
	case noLength:
		return len(data), true
	case binary2:
		n = int(binary.BigEndian.Uint16(data))
	case binary4:
		n = int(min(binary.BigEndian.Uint32(data), mostBody+1))
	case bcd2:
		for _, b := range data[:size] {
			if b>>4 > 9 || b&15 > 9 {
				return 0, false
			}
			n = n*100 + int(b>>4)*10 + int(b&15)
		}
	case ascii4:
		for _, c := range data[:size] {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int(c-'0')
		}
	}
	if l.inclusive {
		n -= size
	}
	return n, n >= leastBody && n <= mostBody
}

// headerKind is what stands between a length and an MTI.
type headerKind uint8

const (
	noHeader headerKind = iota
	headerTPDU
	headerText
	headerVisa
	headerFixed
)

// header is a kind of header as its first frame has it.
type header struct {
	kind  headerKind
	bytes []byte
}

// Sizes of headers in bytes.
const (
	tpduSize   = 5
	isoSize    = 12 // ISO006000020
	visaSize   = 22
	mostHeader = 32
)

// headerOf says what the bytes in front of an MTI are. It takes none in which a card number stands: those would be part
// of a message.
func headerOf(before []byte) (h header, ok bool) {
	h.bytes = before
	switch n := len(before); {
	case n == 0:
		return h, true
	case n == tpduSize && before[0] == 0x60 && allOf(before, isPacked):
		h.kind = headerTPDU
	case n == visaSize && before[0] == visaSize:
		h.kind = headerVisa
	case n >= 3 && allPrintable(before) && !allOf(before, isDigit) && !bytes.ContainsRune(before, '+'):
		h.kind = headerText
	case n <= mostHeader:
		h.kind = headerFixed
	default:
		return h, false
	}
	return h, h.kind == headerTPDU || h.kind == headerVisa || !holdsCard(before, h.kind == headerFixed)
}

// fits tells whether a frame begins with a header of the same kind.
func (h header) fits(body []byte) bool {
	if len(body) < len(h.bytes) {
		return false
	}
	switch h.kind {
	case headerTPDU, headerVisa:
		return body[0] == h.bytes[0]
	case headerText:
		return bytes.Equal(body[:3], h.bytes[:3]) && allPrintable(body[:len(h.bytes)])
	default:
		return true
	}
}

// same tells whether a frame begins with just this header.
func (h header) same(body []byte) bool { return bytes.HasPrefix(body, h.bytes) }

// known tells whether it is of a kind whose bytes say nothing but where a message comes from and goes to.
func (h header) known() bool {
	switch h.kind {
	case headerText:
		return bytes.HasPrefix(h.bytes, []byte("ISO")) && len(h.bytes) == isoSize
	case headerFixed:
		return false
	default:
		return true
	}
}

// part is the header in the text form of a framing, with the sign in front that joins it to what stands before.
func (h header) part() string {
	switch h.kind {
	case headerTPDU:
		return fmt.Sprintf("+tpdu:%X", h.bytes)
	case headerText:
		return "+text:" + string(h.bytes)
	case headerVisa:
		return "+visa"
	case headerFixed:
		return fmt.Sprintf("+header:%x", h.bytes)
	default:
		return ""
	}
}

func (h header) words() string {
	switch h.kind {
	case headerTPDU:
		return fmt.Sprintf("a TPDU %X", h.bytes)
	case headerText:
		if h.known() {
			return "a text header " + string(h.bytes)
		}
		return fmt.Sprintf("a text header of %d characters", len(h.bytes))
	case headerVisa:
		return fmt.Sprintf("a Visa header of %d bytes", visaSize)
	case headerFixed:
		return fmt.Sprintf("a header of %d bytes", len(h.bytes))
	default:
		return ""
	}
}

// frame is a piece of the bytes: header, message and trailer.
type frame struct {
	at    int // where its length begins
	body  []byte
	whole bool // all of it is there
}

// maxFrames is how many frames are looked at.
const maxFrames = 16

// cut takes frames off data from a position on, until one is not whole or has no length. broken tells the latter. Where
// nothing else says how long a frame is, a codec does.
func cut(data []byte, from int, l length, h header, codec *spec.Codec) (frames []frame, broken bool) {
	for at := from; at < len(data) && len(frames) < maxFrames; {
		size := l.size()
		n, ok := l.read(data[at:])
		if l.kind == noLength && h.kind == headerVisa {
			n, ok = visaLength(data[at:])
		} else if l.kind == noLength && codec != nil {
			n = untilNext(data[at:], h, codec)
		}
		if !ok {
			return frames, len(data)-at >= max(size, 1)
		}
		end := at + size + n
		f := frame{at: at, body: data[at+size : min(end, len(data))], whole: end <= len(data)}
		frames = append(frames, f)
		if !f.whole {
			break
		}
		at = end
	}
	return frames, false
}

// untilNext is how many bytes the message has that data begins with, if another one with such a header stands behind
// it, and else how many there are.
func untilNext(data []byte, h header, codec *spec.Codec) int {
	if len(data) <= len(h.bytes) {
		return len(data)
	}
	n, err := codec.Measure(data[len(h.bytes):])
	if n += len(h.bytes); err != nil || n >= len(data) || !h.fits(data[n:]) {
		return len(data)
	}
	for _, a := range anchors(data[n+len(h.bytes):]) {
		if a.of(codec) {
			return n
		}
	}
	return len(data)
}

// visaLength is the length of a message that begins with a Visa header, which says it in bytes 3 and 4, itself counted.
func visaLength(data []byte) (n int, ok bool) {
	if len(data) < visaSize || data[0] != visaSize {
		return 0, false
	}
	n = int(binary.BigEndian.Uint16(data[3:]))
	return n, n >= visaSize+leastBody
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isPacked(c byte) bool { return c>>4 <= 9 && c&15 <= 9 }

func isPrintable(c byte) bool { return c >= ' ' && c <= '~' }

func allPrintable(data []byte) bool { return allOf(data, isPrintable) }

func allOf(data []byte, is func(byte) bool) bool {
	for _, c := range data {
		if !is(c) {
			return false
		}
	}
	return true
}

// shortestCard is the length in digits of the shortest card number.
const shortestCard = 12

// holdsCard tells whether a card number may stand in bytes, as ASCII or EBCDIC digits or, where asked, as packed ones.
func holdsCard(data []byte, alsoPacked bool) bool {
	var text, packed strings.Builder
	for _, b := range data {
		switch {
		case isDigit(b):
			text.WriteByte(b)
		case b >= 0xF0 && b <= 0xF9:
			text.WriteByte(b - 0xC0)
		default:
			text.WriteByte(' ')
		}
		for _, n := range []byte{b >> 4, b & 15} {
			if n > 9 {
				packed.WriteByte(' ')
			} else {
				packed.WriteByte('0' + n)
			}
		}
	}
	if alsoPacked {
		text.WriteString(" " + packed.String())
	}
	for _, digits := range strings.Fields(text.String()) {
		for n := shortestCard; n <= len(digits); n++ {
			for at := 0; at+n <= len(digits) && n <= 19; at++ {
				if run := digits[at : at+n]; strings.Trim(run, "0") != "" && run[0] != '0' && luhn(run) {
					return true
				}
			}
		}
	}
	return false
}

// luhn tells whether the last digit is the check digit of those before it.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 != 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
