package spec

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/padding"
	"github.com/moov-io/iso8583/prefix"
)

// MaxMessage is the longest message in bytes that a Codec packs or unpacks: what a 2-byte length can say.
const MaxMessage = math.MaxUint16

// MaxLength is the most that a length prefix of a DE may say: six digits.
const MaxLength = 999_999

// Codec packs and unpacks the messages of one dialect. It is immutable: any number of goroutines may share it.
type Codec struct {
	spec    *iso8583.MessageSpec
	version Version
	fields  [MaxDE + 1]layout // 0 is the MTI
	bitmap  bitmapLayout
	third   bitmapLayout // of DE65, where the third bitmap stands among the DEs
}

// Version returns the edition of ISO 8583 that the dialect speaks.
func (c *Codec) Version() Version { return c.version }

// Name returns the name that the spec gives itself.
func (c *Codec) Name() string { return c.spec.Name }

// Spec returns the spec that c was compiled from; it must not be changed.
func (c *Codec) Spec() *iso8583.MessageSpec { return c.spec }

// layout is one row of the table: all that packing and unpacking a DE needs.
type layout struct {
	kind   kind
	enc    enc
	pref   pref
	pad    pad
	padder byte  // the padding character
	plain  bool  // a fixed length of bytes that stand in the message as they are
	need   class // what each byte of the canonical value must be; 0 if anything goes
	shape  shape // what its bytes as a whole must be
	digits uint8 // length prefix: digits, bytes for a binary one
	packed bool  // two characters a byte
	left   bool  // of these, an odd number ends with a filler instead of beginning with a zero
	filler byte  // what is written there
	track  bool  // they are track data, not digits
	// What decode gives is right as it is: check would find nothing.
	decodesRight bool
	fixed        uint32 // a fixed DE's length, in what the encoding counts
	length       uint32 // the spec's length: what padding fills up to and the most that a prefix may say
}

// kind is the library's field type. kindNone is a DE that the spec does not define.
type kind uint8

const (
	kindNone    kind = iota
	kindText         // String and Binary: the canonical value is what is encoded
	kindNumeric      // Numeric: an int64 without leading zeros
	kindHex          // Hex: the canonical value is the hex text of the bytes that are encoded
)

type enc uint8

const (
	encASCII enc = iota
	encBinary
	encEBCDIC
	encEBCDIC1047
	encBCD        // digits to the right, a zero in front of an odd number
	encLBCD       // digits to the left, a zero behind an odd number
	encHexToASCII // bytes to hex text
	encASCIIToHex // hex text to bytes
	encPacked     // what encoding.go packs, which says how
	encSignBCD
)

type pref uint8

const (
	prefFixed pref = iota
	prefASCII
	prefBCD
	prefHex
	prefBinary
	prefEBCDIC // for both tables: their digits are the same bytes
)

type pad uint8

const (
	padNone pad = iota
	padLeft
	padRight
)

type bitmapLayout struct {
	hex    bool
	double bool // always both halves: 16 bytes
	fixed  bool // no bit stands for the presence of another bitmap
	// Where a third bitmap, of DE129 to DE192, may be: directly behind the second, or in order as DE65. Neither: there
	// is none.
	third, inOrder bool
}

var encodings = map[encoding.Encoder]enc{
	encoding.ASCII:           encASCII,
	encoding.Binary:          encBinary,
	encoding.EBCDIC:          encEBCDIC,
	encoding.EBCDIC1047:      encEBCDIC1047,
	encoding.BCD:             encBCD,
	encoding.LBCD:            encLBCD,
	encoding.BytesToASCIIHex: encHexToASCII,
	encoding.ASCIIHexToBytes: encASCIIToHex,
	LBCDF:                    encPacked,
	ZBCD:                     encPacked,
	ZLBCD:                    encPacked,
	ZLBCDF:                   encPacked,
	SignBCD:                  encSignBCD,
}

type prefixKind struct {
	pref   pref
	digits uint8
}

var prefixes = func() map[prefix.Prefixer]prefixKind {
	known := map[prefix.Prefixer]prefixKind{}
	for _, family := range []struct {
		pref pref
		of   prefix.Prefixers
	}{
		{prefASCII, prefix.ASCII}, {prefBCD, prefix.BCD}, {prefHex, prefix.Hex}, {prefBinary, prefix.Binary},
		{prefEBCDIC, prefix.EBCDIC}, {prefEBCDIC, prefix.EBCDIC1047},
	} {
		known[family.of.Fixed] = prefixKind{prefFixed, 0}
		for i, p := range variable(family.of) {
			known[p] = prefixKind{family.pref, uint8(i + 1)}
		}
	}
	return known
}()

// variable returns a family's length prefixes of one digit, two and so on. A binary one of more than four bytes is not
// among them: the library cannot read back what it writes.
func variable(family prefix.Prefixers) []prefix.Prefixer {
	all := []prefix.Prefixer{family.L, family.LL, family.LLL, family.LLLL, family.LLLLL, family.LLLLLL}
	if family.L == prefix.Binary.L {
		return all[:4]
	}
	return all
}

// Compile makes a codec of a spec. It refuses, naming the DE, what it cannot do exactly as the library does: composites
// and tracks (declare them as String and take them apart yourself), custom packers, padders, prefixes and encodings,
// DEs above 192, and combinations that the library itself cannot read back. What the library does not have, it knows
// from encoding.go. The codec's edition is ISO 8583:1987; Open and OpenFile read a dialect's own.
//
// A spec that defines DEs above 128 has a third bitmap: where its DE65 is a Bitmap it stands there, between DE64 and
// DE66, else directly behind the second one.
//
// The spec's fields must not be changed afterwards.
func Compile(s *iso8583.MessageSpec) (*Codec, error) {
	return compile(s, ISO1987)
}

func compile(s *iso8583.MessageSpec, version Version) (*Codec, error) {
	if s == nil {
		return nil, fmt.Errorf("spec: nothing to compile: want a MessageSpec")
	}
	c := &Codec{spec: s, version: version}
	fail := func(de int, err error) (*Codec, error) {
		return nil, fmt.Errorf("spec %q: DE %d (%s): %w", s.Name, de, version.FieldName(de), err)
	}
	for _, de := range []int{0, 1} {
		if s.Fields[de] == nil {
			return fail(de, fmt.Errorf("missing: every spec needs one"))
		}
	}
	for _, de := range slices.Sorted(maps.Keys(s.Fields)) {
		var err error
		switch {
		case de < 0 || de > MaxDE:
			err = fmt.Errorf("want DE 0 to %d", MaxDE)
		case s.Fields[de] == nil || s.Fields[de].Spec() == nil:
			err = fmt.Errorf("no field: want one with a spec")
		case de == 1:
			c.bitmap, err = compileBitmap(s.Fields[de])
		case de == 65 && isBitmap(s.Fields[de]):
			c.third, err = compileBitmap(s.Fields[de])
			c.third.inOrder = true
		default:
			c.fields[de], err = compileField(s.Fields[de])
		}
		if err != nil {
			return fail(de, err)
		}
	}
	if err := checkMTI(&c.fields[0]); err != nil {
		return fail(0, err)
	}
	if de, err := c.compileThird(); err != nil {
		return fail(de, err)
	}
	// Its values are checked apart, as four digits; a Numeric MTI does not lose its zero.
	c.fields[0].kind, c.fields[0].pad, c.fields[0].need, c.fields[0].shape = kindText, padNone, classDigit, shapeAny
	return c, nil
}

// compileThird sees where the third bitmap stands, if there is one. On an error it names the DE.
func (c *Codec) compileThird() (de int, err error) {
	beyond := slices.IndexFunc(c.fields[129:], func(l layout) bool { return l.kind != kindNone })
	switch {
	case c.third.inOrder && beyond < 0:
		return 65, fmt.Errorf("a Bitmap: want DEs from 129 on for its bits")
	case c.third.inOrder && (c.third.double || c.third.fixed):
		return 65, fmt.Errorf("want a Bitmap of 8 bytes without disableAutoExpand")
	case beyond < 0:
		return 0, nil
	case c.bitmap.fixed:
		return 129 + beyond, fmt.Errorf("want no DE above 128 with a bitmap that has disableAutoExpand")
	case c.third.inOrder:
		c.bitmap.inOrder = true
		return 0, nil
	case c.bitmap.double:
		return 129 + beyond, fmt.Errorf("want DE65 as a Bitmap, or a bitmap of 8 bytes, for DEs above 128")
	case c.fields[65].kind != kindNone:
		return 65, fmt.Errorf("want it absent, or a Bitmap: its bit stands for a third bitmap, as there are DEs above 128")
	}
	c.bitmap.third = true
	return 0, nil
}

func isBitmap(f field.Field) bool {
	_, ok := f.(*field.Bitmap)
	return ok
}

func compileBitmap(f field.Field) (bitmapLayout, error) {
	bitmap, ok := f.(*field.Bitmap)
	if !ok {
		return bitmapLayout{}, fmt.Errorf("type %s: want Bitmap", typeName(f))
	}
	s := bitmap.Spec()
	b := bitmapLayout{fixed: s.DisableAutoExpand}
	switch s.Enc {
	case encoding.Binary:
	case encoding.BytesToASCIIHex:
		b.hex = true
	default:
		return b, fmt.Errorf("encoding %s: want Binary or HexToASCII", encodingName(s.Enc))
	}
	switch s.Length {
	case 0, 8:
	case 16:
		b.double = true
	default:
		return b, fmt.Errorf("length %d: want 8 or 16 bytes", s.Length)
	}
	if p, ok := prefixes[s.Pref]; !ok || p.pref != prefFixed {
		return b, fmt.Errorf("prefix %s: want a Fixed one", prefixName(s.Pref))
	}
	return b, nil
}

// checkMTI refuses an MTI field that does not put four digits into the message.
func checkMTI(l *layout) error {
	if l.pref != prefFixed || l.fixed != 4 {
		return fmt.Errorf("want a fixed length of 4")
	}
	switch l.enc {
	case encASCII, encBinary, encEBCDIC, encEBCDIC1047, encBCD, encLBCD:
	default:
		return fmt.Errorf("want ASCII, Binary, EBCDIC, EBCDIC1047, BCD or LBCD encoding")
	}
	switch {
	case l.kind == kindText && l.pad == padNone:
	case l.kind == kindNumeric && l.pad == padLeft && l.padder == '0':
	default:
		return fmt.Errorf("want a String without padding, or a Numeric padded left with 0")
	}
	return nil
}

func compileField(f field.Field) (layout, error) {
	var l layout
	switch f.(type) {
	case *field.String, *field.Binary:
		l.kind = kindText
	case *field.Numeric:
		l.kind, l.need = kindNumeric, classDigit
	case *field.Hex:
		l.kind, l.need, l.shape = kindHex, classHex, shapeEven
	default:
		return l, fmt.Errorf("type %s cannot be compiled: want String, Numeric, Binary or Hex", typeName(f))
	}
	s := f.Spec()
	if s.Packer != nil || s.Unpacker != nil {
		return l, fmt.Errorf("a custom packer cannot be compiled")
	}

	var ok bool
	if l.enc, ok = encodings[s.Enc]; !ok {
		return l, fmt.Errorf("encoding %s cannot be compiled", encodingName(s.Enc))
	}
	p, ok := prefixes[s.Pref]
	if !ok {
		return l, fmt.Errorf("prefix %s cannot be compiled", prefixName(s.Pref))
	}
	l.pref, l.digits = p.pref, p.digits
	most := MaxLength
	if l.pref == prefFixed {
		most = MaxMessage
	}
	if s.Length < 0 || s.Length > most {
		return l, fmt.Errorf("length %d: want 0 to %d", s.Length, most)
	}
	l.length = uint32(s.Length)
	if l.pref == prefFixed {
		l.fixed = l.length
	}
	if err := l.compilePadding(s.Pad); err != nil {
		return l, err
	}
	if l.enc >= encPacked && (l.kind != kindText || l.pad != padNone) {
		return l, fmt.Errorf("encoding %s: want a String without padding", encodingName(s.Enc))
	}

	if l.kind == kindHex && l.enc != encBinary && l.enc != encHexToASCII {
		return l, fmt.Errorf("a Hex field in encoding %s cannot be compiled: want Binary or HexToASCII", encodingName(s.Enc))
	}
	if l.kind == kindNumeric && (l.enc == encHexToASCII || l.enc == encASCIIToHex) {
		return l, fmt.Errorf("a Numeric field in encoding %s cannot be compiled", encodingName(s.Enc))
	}
	// These two count hex digits on one side and bytes on the other, so that only together the library reads back what it
	// writes.
	if hexFixed := s.Pref == prefix.Hex.Fixed; hexFixed != (l.enc == encASCIIToHex) {
		return l, fmt.Errorf(
			"prefix %s with encoding %s: the library cannot read back what it packs; Hex.Fixed and ASCIIToHex go together",
			prefixName(s.Pref), encodingName(s.Enc))
	}
	if l.enc == encASCIIToHex {
		l.need, l.shape = classHex, shapeEven
		if l.pad != padNone {
			return l, fmt.Errorf("padding with encoding ASCIIToHex cannot be compiled")
		}
	}
	if l.kind == kindText {
		need, shape := classOf(s.Description)
		l.need, l.shape = l.need|need, max(l.shape, shape)
	}
	l.compilePacked(s.Enc)
	l.plain = l.kind == kindText && l.pref == prefFixed && l.pad == padNone && l.shape == shapeAny &&
		(l.enc == encASCII || l.enc == encBinary)
	switch {
	case l.enc == encASCII || l.enc == encEBCDIC1047:
		l.need |= classASCII
	case l.track:
		l.need |= classTrack
	case l.packed && l.enc != encSignBCD:
		l.need |= classDigit
	}
	l.decodesRight = l.packed && l.shape == shapeAny && (l.need == classDigit || l.track && l.need == classTrack)
	// The narrower class says it all, and check is quickest with one.
	switch {
	case l.need&classDigit != 0:
		l.need = classDigit
	case l.need&^classASCII != 0:
		l.need &^= classASCII
	}
	return l, nil
}

// compilePacked says how characters stand two in a byte, where they do.
func (l *layout) compilePacked(e encoding.Encoder) {
	switch l.enc {
	case encBCD:
		l.packed = true
	case encLBCD:
		l.packed, l.left = true, true
	case encPacked:
		p := e.(*packed)
		l.packed, l.track, l.left, l.filler = true, p.track, p.left, p.filler
	case encSignBCD:
		l.packed, l.shape = true, shapeSign
	}
}

func (l *layout) compilePadding(p padding.Padder) error {
	if p == nil {
		return nil
	}
	// The library does not export its padders' types.
	switch reflect.TypeOf(p) {
	case reflect.TypeOf(padding.None):
		return nil
	case reflect.TypeOf(padding.NewLeftPadder('0')):
		l.pad = padLeft
	case reflect.TypeOf(padding.NewRightPadder('0')):
		l.pad = padRight
	default:
		return fmt.Errorf("padding %T cannot be compiled", p)
	}
	character := p.Inspect()
	if len(character) != 1 || character[0] > 127 {
		return fmt.Errorf("padding character of %d bytes: want one of ASCII", len(character))
	}
	l.padder = character[0]
	if (l.enc == encBCD || l.enc == encLBCD) && classes[l.padder]&classDigit == 0 {
		return fmt.Errorf("padding with %q: BCD can be padded with digits only", l.padder)
	}
	return nil
}

// typeName is the Go type's last name: String for *field.String.
func typeName(f field.Field) string {
	name := fmt.Sprintf("%T", f)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// encodingName is what the library's JSON calls an encoding, the Go type for others.
func encodingName(e encoding.Encoder) string {
	for name, known := range encodingNames {
		if e == known {
			return name
		}
	}
	return fmt.Sprintf("%T", e)
}

func prefixName(p prefix.Prefixer) string {
	if p == nil {
		return "(none)"
	}
	return p.Inspect()
}
