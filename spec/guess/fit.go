package guess

import (
	"bytes"
	"errors"
	"slices"

	"switchyard/spec"
)

// reading is one way to read the bytes, and how well it does.
type reading struct {
	from   int // bytes in front, of a frame that began before
	length length
	header header
	anchor anchor
	codec  *spec.Codec // nil: none, so only framing, MTI and bitmap are looked at

	frames  int // that were cut
	read    int // of these: read to their end
	cutOff  int // 1 if the last one ends too early and is right as far as it goes
	linked  int // frames whose length leads to another frame or to the end
	atEnd   bool
	steady  bool // the header is the same in all frames
	trailer []byte
	des     int  // of the message that has most that was read
	lengths bool // an element with a length in front was read
	odd     bool // a card number of an odd number of digits was read
	fillers fillers
	absurd  bool   // a value was read that is none, such as a card number that begins with 0
	mti     string // of the first frame
	fault   error  // of the first frame that does not fit; it carries no value
	faultAt int    // its number, from 1
	score   int
}

// all tells whether everything was read, whole frames or cut ones.
func (r *reading) all() bool { return r.frames > 0 && r.read+r.cutOff == r.frames && r.codec != nil }

// measured tells whether something in front of a message says how long it is.
func (r *reading) measured() bool { return r.length.kind != noLength || r.header.kind == headerVisa }

// Weights in bits of evidence: what is one bit likelier to be seen if the reading is right.
const (
	bitsLinked    = 8  // a length that leads to another frame
	bitsEnd       = 6  // the last frame ends where the bytes do
	bitsText      = 8  // an MTI in ASCII or EBCDIC: four digits that are all right
	bitsPacked    = 2  // an MTI in BCD
	bitsHex       = 10 // a bitmap in hex: 16 digits
	bitsTPDU      = 6
	bitsNamed     = 8   // a header like ISO006000020, or Visa's
	bitsSomeText  = -8  // a header of some other text
	bitsFixed     = -14 // a header of no known kind
	bitsSteady    = 6   // it is the same in all frames
	bitsSkipped   = -8  // bytes in front that belong to nothing
	bitsRead      = 6   // a frame read to its end
	bitsElement   = 1   // each data element that was read
	bitsFault     = -14
	bitsNoCodec   = -8
	bitsKnownMTI  = 2
	bitsVersion   = -16 // the MTI is of another version of the standard than the dialect
	bitsTrailer   = -3
	bitsPlausible = 3 // a date, a time, a card number
	bitsAbsurd    = -6
	bitsInclusive = -1 // rarer
	bitsUnlinked  = -6 // a length that any bytes would be, of a frame that is not whole
	mostElements  = 24
)

// evaluate reads data in one way. It returns false where that way is none: frames without an MTI.
func evaluate(data []byte, r *reading, truncated bool) bool {
	frames, broken := cut(data, r.from, r.length, r.header, r.codec)
	if len(frames) == 0 {
		return false
	}
	r.frames, r.steady = len(frames), true
	strangers := 0
	for i, f := range frames {
		if !r.header.fits(f.body) {
			if !f.whole && len(f.body) < len(r.header.bytes) {
				r.cutOff = 1
				continue
			}
			strangers++
			continue
		}
		r.steady = r.steady && r.header.same(f.body)
		message := f.body[len(r.header.bytes):]
		mti, _, ok := r.anchor.at(message)
		if !ok && !f.whole {
			r.cutOff = 1
			continue
		}
		if !ok {
			strangers++
			continue
		}
		if r.mti == "" {
			r.mti = mti
		}
		if f.whole && r.measured() {
			r.linked++
		}
		r.message(i, f, message)
	}
	if strangers > 0 && strangers*2 >= len(frames) || r.mti == "" {
		return false
	}
	if strangers > 0 && r.fault == nil {
		r.fault, r.faultAt = errStranger, 0
	}
	last := frames[len(frames)-1]
	r.atEnd = last.whole && !broken && !truncated && r.measured()
	r.weigh(strangers, broken)
	return true
}

var errStranger = errors.New("a frame begins with no MTI where the others have one")

// message reads one message with the codec.
func (r *reading) message(i int, f frame, data []byte) {
	if r.codec == nil {
		return
	}
	var m spec.Message
	pieces, err := r.codec.Walk(data, &m)
	des := len(pieces) - 2
	var fault *spec.FieldError
	if errors.As(err, &fault) && fault.DE == -1 && f.whole && r.takeTrailer(data[min(fault.Offset, len(data)):]) {
		err = nil
	}
	switch {
	case err == nil && f.whole:
		r.read++
		r.fillers.note(r.codec, data, &m, pieces)
	case !f.whole && (err == nil || isShort(r.codec, data, fault)):
		r.cutOff = 1
	default:
		if r.fault == nil {
			r.fault, r.faultAt = err, i+1
		}
		r.score += bitsFault
	}
	r.des = max(r.des, des)
	r.score += bitsElement * min(max(des, 0), mostElements)
	r.plausible(&m)
	for _, p := range pieces {
		if p.DE > 1 && variable(r.codec, p.DE) {
			r.lengths = true
			r.odd = r.odd || p.DE == 2 && len(m.Bytes(2))%2 != 0
		}
	}
}

// takeTrailer takes what stands behind a message for a trailer, if it is one and the same behind each.
func (r *reading) takeTrailer(rest []byte) bool {
	const most = 2
	if len(rest) > most || isPrintable(rest[0]) {
		return false
	}
	if r.trailer == nil && r.read == 0 {
		r.trailer = rest
	}
	return bytes.Equal(r.trailer, rest)
}

// isShort tells whether a fault is that the bytes end too early: with more of them it stands elsewhere.
func isShort(c *spec.Codec, data []byte, fault *spec.FieldError) bool {
	const room = 1100 // above the longest element of a stock dialect
	var m spec.Message
	for _, filler := range []byte{'0', 0xF0, 0} {
		more := append(bytes.Clone(data), bytes.Repeat([]byte{filler}, room)...)
		_, err := c.Walk(more, &m)
		var then *spec.FieldError
		if !errors.As(err, &then) || then.DE == -1 || then.DE > fault.DE {
			return true
		}
	}
	return false
}

// weigh adds up the evidence.
func (r *reading) weigh(strangers int, broken bool) {
	score := &r.score
	*score += strangers * bitsFault
	if broken {
		*score += bitsFault
	}
	*score += bitsLinked * r.linked
	if r.atEnd {
		*score += bitsEnd
	}
	if r.linked == 0 && r.measured() && r.length.kind != ascii4 {
		*score += bitsUnlinked
	}
	if r.length.inclusive {
		*score += bitsInclusive
	}
	switch {
	case r.header.kind == noHeader:
	case r.header.kind == headerTPDU:
		*score += bitsTPDU
	case r.header.known():
		*score += bitsNamed
	case r.header.kind == headerText:
		*score += bitsSomeText
	default:
		*score += bitsFixed - len(r.header.bytes)/2
	}
	if r.header.kind != noHeader && r.steady && r.linked > 1 {
		*score += bitsSteady
	}
	if r.from > 0 {
		*score += bitsSkipped
	}
	if r.anchor.mti == codingBCD {
		*score += bitsPacked
	} else {
		*score += bitsText
	}
	if r.anchor.bitmap != bitmapBinary {
		*score += bitsHex
	}
	if spec.MTIName(r.mti) != "message" {
		*score += bitsKnownMTI
	}
	if len(r.trailer) > 0 {
		*score += bitsTrailer
	}
	if r.codec == nil {
		*score += bitsNoCodec
		return
	}
	*score += bitsRead * r.read
	if len(r.fillers.doubts) > 0 {
		*score += bitsFault
	}
	if version := version(r.codec); version != 0 && r.mti[0] != version {
		*score += bitsVersion
	}
}

// plausible weighs values: what is read where it does not stand is seldom a date or a card number.
func (r *reading) plausible(m *spec.Message) {
	weigh := func(ok bool) {
		if ok {
			r.score += bitsPlausible
		} else {
			r.score += bitsAbsurd
			r.absurd = true
		}
	}
	if v := m.Bytes(7); len(v) == 10 && allOf(v, isDigit) {
		weigh(date(v[:4]) && clock(v[4:]))
	}
	switch v := m.Bytes(12); {
	case len(v) == 6 && allOf(v, isDigit):
		weigh(clock(v))
	case len(v) == 12 && allOf(v, isDigit):
		weigh(date(v[2:6]) && clock(v[6:]))
	}
	if v := m.Bytes(13); len(v) == 4 && allOf(v, isDigit) {
		weigh(date(v) || date(slices.Concat(v[2:], []byte("01"))))
	}
	if v := m.Bytes(2); len(v) >= shortestCard && allOf(v, isDigit) {
		weigh(luhn(string(v)) && v[0] != '0')
	}
}

func date(mmdd []byte) bool {
	month, day := number(mmdd[:2]), number(mmdd[2:])
	return month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func clock(hhmmss []byte) bool {
	return number(hhmmss[:2]) < 24 && number(hhmmss[2:4]) < 60 && number(hhmmss[4:]) < 60
}

func number(digits []byte) (n int) {
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}
