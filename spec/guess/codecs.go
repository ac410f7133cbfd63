package guess

import (
	"github.com/moov-io/iso8583/encoding"

	"switchyard/spec"
)

// traits are what of a dialect a person would name.
type traits struct {
	mti, text, numbers coding
	bitmap             bitmapForm
	right              bool // an odd number of packed digits is filled on the right
}

// traitsOf looks at the elements that show them.
func traitsOf(c *spec.Codec) (t traits) {
	fields := c.Spec().Fields
	enc := func(des ...int) encoding.Encoder {
		for _, de := range des {
			if f := fields[de]; f != nil {
				return f.Spec().Enc
			}
		}
		return nil
	}
	coded := func(e encoding.Encoder) coding {
		switch e {
		case encoding.EBCDIC, encoding.EBCDIC1047:
			return codingEBCDIC
		}
		if _, packed := packingOf(e); packed {
			return codingBCD
		}
		return codingASCII
	}
	t.mti, t.text, t.numbers = coded(enc(0)), coded(enc(41, 37, 42)), coded(enc(3, 4, 7, 11))
	card, _ := packingOf(enc(2))
	t.right = card.right
	if t.bitmap = bitmapHex; enc(1) == encoding.Binary {
		t.bitmap = bitmapBinary
	}
	return t
}

// of tells whether a dialect writes MTI and bitmap as they were found.
func (a anchor) of(c *spec.Codec) bool {
	t := traitsOf(c)
	return t.mti == a.mti && (t.bitmap == bitmapBinary) == (a.bitmap == bitmapBinary)
}

// version is the digit of the standard's version in the dialect's MTIs: '0' of 1987, '1' of 1993; 0 if that cannot be
// told.
func version(c *spec.Codec) byte {
	switch f := c.Spec().Fields[12]; {
	case c.Version() == spec.ISO1993 || f != nil && f.Spec().Length == 12:
		return '1'
	case f == nil:
		return 0
	}
	return '0'
}

// variable tells whether a DE has a length in front of it.
func variable(c *spec.Codec, de int) bool {
	f := c.Spec().Fields[de]
	return f != nil && f.Spec().Pref != nil && !fixed[f.Spec().Pref.Inspect()]
}

var fixed = map[string]bool{
	"ASCII.Fixed": true, "BCD.Fixed": true, "Hex.Fixed": true, "Binary.Fixed": true, "EBCDIC.Fixed": true,
	"EBCDIC1047.Fixed": true,
}
