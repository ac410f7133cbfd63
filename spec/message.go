package spec

import (
	"fmt"
	"math/bits"
	"slices"
)

// MaxDE is the highest data element: three bitmaps of 64.
const MaxDE = 192

// bitmaps is what all presence bits of a message take: one bit a DE, bit de-1, counted from the most significant bit as
// on the wire.
type bitmaps [MaxDE / 64]uint64

// Message is one ISO 8583 message by its values: an MTI and the data elements 2 to 192, in one buffer that is reused.
//
// Values are canonical, without what a dialect adds on the wire: digits with their leading zeros ("000123"), text
// without padding, hex text for a field of the library's type Hex, the raw bytes for one of type Binary, and a decimal
// without leading zeros for one of type Numeric.
//
// The zero value is an empty message, ready for use. A Message must not be used by two goroutines at once.
type Message struct {
	present bitmaps
	fields  [MaxDE + 1]extent // where in buf a present DE lies; stale for an absent one
	buf     []byte
	mti     [4]byte
	hasMTI  bool
}

// extent is a piece of Message.buf.
type extent struct{ off, len uint32 }

// Reset empties m and keeps its memory.
func (m *Message) Reset() {
	m.present = bitmaps{}
	m.buf = m.buf[:0]
	m.hasMTI = false
}

// Wipe is Reset, and overwrites what m held: card data, which its memory would keep.
func (m *Message) Wipe() {
	clear(m.buf[:cap(m.buf)])
	m.Reset()
}

// SetMTI sets the message type indicator. Pack refuses one that is not four digits.
func (m *Message) SetMTI(mti string) {
	m.hasMTI = len(mti) == len(m.mti)
	copy(m.mti[:], mti)
}

// MTI returns the message type indicator, empty if there is none. It does not allocate for the MTIs that MTIName knows.
func (m *Message) MTI() string {
	if !m.hasMTI {
		return ""
	}
	if known, ok := mtiNames[string(m.mti[:])]; ok {
		return known.mti
	}
	return string(m.mti[:])
}

// MTIBytes returns the message type indicator, nil if there is none. It is valid until m changes.
func (m *Message) MTIBytes() []byte {
	if !m.hasMTI {
		return nil
	}
	return m.mti[:]
}

// Has reports whether the DE is present, possibly with an empty value.
func (m *Message) Has(de int) bool {
	return m.present[word(de)]&bit(de) != 0
}

// Set sets a DE to a copy of the canonical value. Whether it fits its format is for Pack to say. It panics if de is not
// 2 to 192, as do all methods that take a DE.
func (m *Message) Set(de int, value string) {
	copy(m.room(de, len(value)), value)
}

// SetBytes is Set for bytes.
func (m *Message) SetBytes(de int, value []byte) {
	copy(m.room(de, len(value)), value)
}

// SetUint sets a DE to a decimal number, zero-padded to width digits; a number of more digits takes as many as it
// needs, which a fixed DE then refuses to pack.
func (m *Message) SetUint(de int, v uint64, width int) {
	digits := decimalLen(v)
	room := m.room(de, max(digits, width))
	for i := len(room) - 1; i >= 0; i-- {
		room[i] = '0' + byte(v%10)
		v /= 10
	}
}

// Unset removes a DE.
func (m *Message) Unset(de int) {
	m.present[word(de)] &^= bit(de)
}

// Bytes returns the canonical value of a DE, nil if it is absent, empty and not nil if it is present and empty. It lies
// in m's buffer: valid until the next call that changes m, not to be written to.
func (m *Message) Bytes(de int) []byte {
	if !m.Has(de) {
		return nil
	}
	e := m.fields[de]
	return m.buf[e.off : e.off+e.len : e.off+e.len]
}

// String returns a copy of the canonical value of a DE, empty if it is absent.
func (m *Message) String(de int) string {
	return string(m.Bytes(de))
}

// Uint returns the value of a DE as a decimal number; false if it is absent, empty, not all digits or above 2⁶⁴−1.
func (m *Message) Uint(de int) (uint64, bool) {
	return parseUint(m.Bytes(de))
}

// CopyFrom makes m a copy of o that shares no memory with it.
func (m *Message) CopyFrom(o *Message) {
	if m == o {
		return
	}
	m.present, m.fields = o.present, o.fields
	m.mti, m.hasMTI = o.mti, o.hasMTI
	m.buf = append(m.buf[:0], o.buf...)
}

// Fields yields each present DE with its canonical value, ascending. The values are valid as those of Bytes are; m must
// not change meanwhile.
func (m *Message) Fields(yield func(de int, value []byte) bool) {
	for w, left := range m.present {
		for left != 0 {
			lead := bits.LeadingZeros64(left)
			left &^= 1 << (63 - lead)
			de := w*64 + lead + 1
			e := m.fields[de]
			if !yield(de, m.buf[e.off:e.off+e.len:e.off+e.len]) {
				return
			}
		}
	}
}

// room marks a DE present and returns the n bytes of the buffer that its value goes to.
func (m *Message) room(de, n int) []byte {
	if de < 2 || de > MaxDE {
		panic(fmt.Sprintf("spec: DE %d: want 2 to %d", de, MaxDE))
	}
	w, b := word(de), bit(de)
	e := &m.fields[de]
	if m.present[w]&b != 0 && n <= int(e.len) {
		// In place, so that a field set over and over does not make the buffer grow.
		e.len = uint32(n)
		return m.buf[e.off:][:n]
	}
	off := len(m.buf)
	if cap(m.buf)-off < n {
		m.buf = slices.Grow(m.buf, n)
	}
	m.buf = m.buf[:off+n]
	m.present[w] |= b
	*e = extent{off: uint32(off), len: uint32(n)}
	return m.buf[off:]
}

// word and bit say where a DE stands in present. Indexing by word panics at a DE below 1 or above 192.
func word(de int) int { return (de - 1) >> 6 }

func bit(de int) uint64 { return 1 << (63 - uint(de-1)&63) }

func decimalLen(v uint64) int {
	n := 1
	for v >= 10 {
		v /= 10
		n++
	}
	return n
}

// parseUint reads a decimal of digits only.
func parseUint(digits []byte) (uint64, bool) {
	if len(digits) == 0 {
		return 0, false
	}
	var v uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false
		}
		hi, lo := bits.Mul64(v, 10)
		sum, carry := bits.Add64(lo, d, 0)
		if hi != 0 || carry != 0 {
			return 0, false
		}
		v = sum
	}
	return v, true
}
