package spec

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// Piece is where in a message a DE stands: data[From:To], its length prefix with it. DE is 0 for the MTI and 1 for the
// bitmaps.
type Piece struct{ DE, From, To int }

// Walk reads data as Unpack does and tells, ascending, where each DE stands. Unlike Unpack it keeps what it could read
// of a message that is wrong: on an error, the one that Unpack returns, m has the MTI and the DEs in front of the
// fault, and pieces say where they are. Where the fault is a third bitmap that the dialect does not have, it is passed
// over, and the DEs up to 128 behind it are read, too. It allocates; it is for people and tools, not for the way of a
// payment.
func (c *Codec) Walk(data []byte, m *Message) (pieces []Piece, err error) {
	m.Reset()
	if len(data) > MaxMessage {
		want := fmt.Sprintf("at most %d bytes, not %d", MaxMessage, len(data))
		return nil, &FieldError{DE: -1, Offset: MaxMessage, Want: want}
	}
	m.buf = append(m.buf, data...)
	at, err := c.fields[0].read(data, 0, 0, m)
	if err != nil {
		return nil, c.named(err)
	}
	mti := m.fields[0]
	m.SetMTI(string(m.buf[mti.off : mti.off+mti.len]))
	pieces = append(pieces, Piece{0, 0, at})

	present, next, err := c.bitmap.read(data, at)
	if err == nil {
		pieces, err = c.walk(data, next, present, c.third.inOrder, append(pieces, Piece{1, at, next}), m)
		return pieces, c.named(err)
	}
	if fault := new(FieldError); errors.As(err, &fault) && fault.Want == wantNoThird && !c.bitmap.double {
		pieces = c.walkThird(data, at, next, present, pieces, m)
	}
	return pieces, c.named(err)
}

// walk reads the DEs behind the bitmaps. inOrder says that DE65 is the third bitmap.
func (c *Codec) walk(
	data []byte, at int, present bitmaps, inOrder bool, pieces []Piece, m *Message,
) (_ []Piece, err error) {
	for de := 2; de <= MaxDE; de++ {
		if present[word(de)]&bit(de) == 0 {
			continue
		}
		next := at
		if de == 65 && inOrder {
			layout := c.third
			if !layout.inOrder { // the dialect has none
				layout = c.bitmap
			}
			next, err = layout.readHalves(data, at, de, present[2:])
		} else if next, err = c.fields[de].read(data, at, de, m); err == nil {
			m.present[word(de)] |= bit(de)
		}
		if err != nil {
			return pieces, err
		}
		pieces = append(pieces, Piece{de, at, next})
		at = next
	}
	if at != len(data) {
		want := fmt.Sprintf("the message to end, not %d more bytes", len(data)-at)
		return pieces, &FieldError{DE: -1, Offset: at, Want: want}
	}
	return pieces, nil
}

// walkThird reads what it can of a message with a third bitmap that the dialect does not have: as if it stood directly
// behind the second one, where next is, or as DE65, if more of the message can be read so.
func (c *Codec) walkThird(data []byte, at, next int, present bitmaps, pieces []Piece, m *Message) []Piece {
	pieces = slices.Clip(pieces)
	behind, read := present, append(pieces, Piece{1, at, next})
	behind[1] &^= bit(65)
	if end, err := c.bitmap.readHalves(data, next, 1, behind[2:]); err == nil {
		read, _ = c.walk(data, end, behind, false, append(pieces, Piece{1, at, end}), m)
	}
	if announced(behind[2], read, data) {
		return read
	}
	var other Message
	other.CopyFrom(m)
	other.present = bitmaps{}
	inOrder, _ := c.walk(data, next, present, true, append(pieces, Piece{1, at, next}), &other)
	third := slices.IndexFunc(inOrder, func(p Piece) bool { return p.DE == 65 })
	if third < 0 {
		return read
	}
	_, _ = c.bitmap.readHalves(data, inOrder[third].From, 65, present[2:])
	if len(inOrder) <= len(read)+1 && !announced(present[2], inOrder, data) {
		return read
	}
	m.CopyFrom(&other)
	return inOrder
}

// announced tells whether a third bitmap is likely to be one: it announces DEs, and as many bytes are left for them.
func announced(third uint64, read []Piece, data []byte) bool {
	n := bits.OnesCount64(third)
	return n > 0 && len(read) > 2 && n <= len(data)-read[len(read)-1].To
}
