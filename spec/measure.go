package spec

import (
	"fmt"
	"sync"
)

// measured are the messages into which MTIs are read. They hold nothing else.
var measured = sync.Pool{New: func() any { return new(Message) }}

// Measure tells how many bytes the message has that data begins with, by its bitmaps and the lengths in front of its
// DEs. More than there are in data is how many to come back with at the least. It reads no value but the MTI: of a
// message that it measures some may be wrong. An error is a *FieldError: nobody can tell where such a message ends.
func (c *Codec) Measure(data []byte) (n int, err error) {
	mti := &c.fields[0]
	at := mti.wire(int(mti.fixed))
	if len(data) < at {
		return at, nil
	}
	m := measured.Get().(*Message)
	defer measured.Put(m)
	m.buf = append(m.buf[:0], data[:at]...)
	if _, err := mti.read(data[:at], 0, 0, m); err != nil {
		return 0, c.named(err)
	}
	front := c.bitmap.front(data, at)
	if len(data) < front {
		return front, nil
	}
	present, at, err := c.bitmap.read(data[:front], at)
	if err != nil {
		return 0, c.named(err)
	}
	for de := 2; de <= MaxDE; de++ {
		if present[word(de)]&bit(de) == 0 {
			continue
		}
		if de == 65 && c.third.inOrder {
			behind := at + c.third.size()
			if len(data) < behind {
				return behind, nil
			}
			if at, err = c.third.readHalves(data, at, de, present[2:]); err != nil {
				return 0, c.named(err)
			}
			continue
		}
		l := &c.fields[de]
		if l.kind == kindNone {
			return 0, c.named(&FieldError{DE: de, Offset: at, Want: "a DE that the spec defines"})
		}
		size := int(l.fixed)
		if l.pref != prefFixed {
			if behind := at + l.prefixWire(); len(data) < behind {
				return behind, nil
			}
			if size, at, err = l.readPrefix(data, at, de); err != nil {
				return 0, c.named(err)
			}
		}
		at += l.wire(size)
	}
	if at > MaxMessage {
		want := fmt.Sprintf("at most %d bytes, not %d", MaxMessage, at)
		return 0, c.named(&FieldError{DE: -1, Offset: MaxMessage, Want: want})
	}
	return at, nil
}

// front is where the bitmaps in front of the DEs end that begin at data[at:], as far as they are there to say so.
func (b *bitmapLayout) front(data []byte, at int) int {
	size := b.size()
	announces := func(half int) bool {
		c := data[at+half*size]
		if b.hex {
			c = nibble(c) << 4
		}
		return c&0x80 != 0
	}
	switch {
	case b.double:
		return at + 2*size
	case b.fixed || len(data) < at+size || !announces(0):
		return at + size
	case len(data) < at+2*size || !b.third || !announces(1):
		return at + 2*size
	}
	return at + 3*size
}

// size is how many bytes a bitmap of 64 bits has.
func (b *bitmapLayout) size() int {
	if b.hex {
		return 16
	}
	return 8
}
