package guess

import (
	"fmt"
	"slices"

	"github.com/moov-io/iso8583/encoding"

	"switchyard/spec"
)

// A dialect that packs digits fills up an odd number of them on one side with one filler. Another filler may be read as
// well, and digits that begin or end with 0 on the other side, but what is sent then is not what the peer reads.

// packing is how an odd number of packed digits is filled up.
type packing struct {
	right  bool
	filler byte
}

func packingOf(e encoding.Encoder) (p packing, ok bool) {
	switch e {
	case encoding.BCD, spec.ZBCD:
		return packing{}, true
	case encoding.LBCD, spec.ZLBCD:
		return packing{right: true}, true
	case spec.LBCDF, spec.ZLBCDF:
		return packing{right: true, filler: 0xF}, true
	}
	return p, false
}

// oddOne is an element of an odd number of packed digits as it stands in a message.
type oddOne struct {
	de int
	packing
	filled byte // what stands where the filler should
	far    byte // what stands on the other side
}

// oddOnes are those of a message that was read.
func oddOnes(c *spec.Codec, data []byte, m *spec.Message, pieces []spec.Piece) (all []oddOne) {
	fields := c.Spec().Fields
	for _, p := range pieces {
		f := fields[p.DE]
		if p.DE < 2 || f == nil || f.Spec() == nil {
			continue
		}
		how, ok := packingOf(f.Spec().Enc)
		digits := len(m.Bytes(p.DE))
		size := (digits + 1) / 2
		if !ok || digits%2 == 0 || size > p.To-p.From {
			continue
		}
		o := oddOne{p.DE, how, data[p.To-size] >> 4, data[p.To-1] & 15}
		if how.right {
			o.filled, o.far = o.far, o.filled
		}
		all = append(all, o)
	}
	return all
}

// doubt says what speaks against it that an element is written as the dialect writes it, "" if nothing does.
func (o oddOne) doubt(c *spec.Codec, m *spec.Message) string {
	switch {
	case o.filled != o.filler: // 0 where F belongs, or F where 0 does: a codec takes no other
		return fmt.Sprintf("DE%d is filled with %X, where %s fills with %X", o.de, o.filled, c.Name(), o.filler)
	case o.de == 22 && !o.right && o.far == 0 && !entryMode(m.Bytes(o.de)):
		return fmt.Sprintf("DE%d is no entry mode as %s reads it: it may be filled on the right", o.de, c.Name())
	}
	return ""
}

// open tells whether the bytes read as another value where they are filled on the other side.
func (o oddOne) open(m *spec.Message) bool {
	zeros := allOf(m.Bytes(o.de), func(c byte) bool { return c == '0' })
	return o.filler == 0 && o.far == 0 && !zeros && !slices.Contains(begunByCard, o.de)
}

// begunByCard are elements that begin with a card number, whose first digit is not 0.
var begunByCard = []int{2, 34, 35}

// entryMode tells whether an n3 point of service entry mode has a way of entry that there is in its first two digits:
// up to 10 of the standard, from 79 on of the networks.
func entryMode(v []byte) bool {
	const lastOfStandard, firstOfNetworks = 10, 79
	if len(v) != 3 || !allOf(v, isDigit) {
		return true // another form of it
	}
	way := number(v[:2])
	return way <= lastOfStandard || way >= firstOfNetworks
}

// Doubts say what in the bytes of a message that a codec reads speaks against it that the peer writes as the codec
// does: an odd number of packed digits that is filled up otherwise. They carry no value.
func Doubts(c *spec.Codec, data []byte, m *spec.Message, pieces []spec.Piece) (doubts []string) {
	for _, o := range oddOnes(c, data, m, pieces) {
		if doubt := o.doubt(c, m); doubt != "" {
			doubts = append(doubts, doubt)
		}
	}
	return doubts
}

// fillers are what the elements of an odd number of packed digits say, of all messages that were read in one way.
type fillers struct {
	doubts []string
	open   []int // DEs that read otherwise where they are filled on the other side
	shown  []int // DEs that showed the side
}

// maxDoubts bounds how many doubts, or DEs in one, a hypothesis names.
const maxDoubts = 3

func (f *fillers) note(c *spec.Codec, data []byte, m *spec.Message, pieces []spec.Piece) {
	for _, o := range oddOnes(c, data, m, pieces) {
		doubt := o.doubt(c, m)
		switch {
		case doubt != "" && !slices.Contains(f.doubts, doubt) && len(f.doubts) < maxDoubts:
			f.doubts = append(f.doubts, doubt)
		case doubt != "":
		case !o.open(m):
			f.shown = append(f.shown, o.de)
		case !slices.Contains(f.open, o.de):
			f.open = append(f.open, o.de)
		}
	}
}

// either are the DEs of which nothing shows the side that is filled.
func (f *fillers) either() []int {
	return slices.DeleteFunc(slices.Clone(f.open), func(de int) bool { return slices.Contains(f.shown, de) })
}
