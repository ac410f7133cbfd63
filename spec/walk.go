package spec

import "fmt"

// Piece is where in a message a DE stands: data[From:To], its length prefix with it. DE is 0 for the MTI and 1 for the
// bitmaps.
type Piece struct{ DE, From, To int }

// Walk reads data as Unpack does and tells, ascending, where each DE stands. Unlike Unpack it keeps what it could read
// of a message that is wrong: on an error, the one that Unpack returns, m has the MTI and the DEs in front of the
// fault, and pieces say where they are. It allocates; it is for people and tools, not for the way of a payment.
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
	if err != nil {
		return pieces, c.named(err)
	}
	pieces = append(pieces, Piece{1, at, next})
	at = next
	for de := 2; de <= MaxDE; de++ {
		if present[word(de)]&bit(de) == 0 {
			continue
		}
		if de == 65 && c.third.inOrder {
			next, err = c.third.readHalves(data, at, de, present[2:])
		} else if next, err = c.fields[de].read(data, at, de, m); err == nil {
			m.present[word(de)] |= bit(de)
		}
		if err != nil {
			return pieces, c.named(err)
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
