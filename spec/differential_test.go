package spec_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/padding"
	"github.com/moov-io/iso8583/prefix"

	"switchyard/spec"
)

// The library is the reference here. Where both accept, they must agree to the byte; where the library refuses, the
// codec must; where only the codec refuses, one of the rules in docs/iso8583.md must say so, and those are written down
// a second time in this file, without the codec's tables.

// values are the canonical values of a message by DE; 0 is the MTI.
type values map[int]string

func (v values) String() string {
	var b strings.Builder
	for _, de := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(&b, " %d=%q", de, v[de])
	}
	return b.String()
}

// libraryPack packs by the library.
func libraryPack(s *iso8583.MessageSpec, v values) (frame []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m := iso8583.NewMessage(s)
	m.MTI(v[0])
	for de, value := range v {
		if de == 0 {
			continue
		}
		raw := []byte(value)
		if _, ok := s.Fields[de].(*field.Hex); ok {
			if raw, err = hex.DecodeString(value); err != nil {
				return nil, err
			}
		}
		if err := m.BinaryField(de, raw); err != nil {
			return nil, err
		}
	}
	return m.Pack()
}

// libraryUnpack unpacks by the library.
func libraryUnpack(s *iso8583.MessageSpec, frame []byte) (v values, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m := iso8583.NewMessage(s)
	if err := m.Unpack(bytes.Clone(frame)); err != nil {
		return nil, err
	}
	v = values{}
	for de, f := range m.GetFields() {
		switch f := f.(type) {
		case *field.Bitmap:
		case *field.Binary:
			v[de] = string(f.Value())
		default:
			if v[de], err = f.String(); err != nil {
				return nil, err
			}
		}
	}
	if _, ok := s.Fields[0].(*field.Numeric); ok {
		v[0] = fmt.Sprintf("%04s", v[0])
	}
	return v, nil
}

func (v values) message() *spec.Message {
	var m spec.Message
	m.SetMTI(v[0])
	for de, value := range v {
		if de != 0 {
			m.Set(de, value)
		}
	}
	return &m
}

func valuesOf(m *spec.Message) values {
	v := values{0: m.MTI()}
	for de, value := range m.Fields {
		v[de] = string(value)
	}
	return v
}

// stricter says by which rule the codec may refuse values that the library takes; empty if by none.
func stricter(s *iso8583.MessageSpec, v values) string {
	if !regexp.MustCompile(`^[0-9]{4}$`).MatchString(v[0]) {
		return "MTI"
	}
	for de, value := range v {
		if de == 0 {
			continue
		}
		f := s.Fields[de].Spec()
		if bitmap := s.Fields[1].Spec(); de > 64 && bitmap.Length != 16 && (bitmap.DisableAutoExpand || de == 65) {
			return "beyond the bitmap"
		}
		if f.Enc == encoding.EBCDIC1047 && strings.ContainsFunc(value, func(r rune) bool { return r > 127 }) {
			return "EBCDIC1047 is for ASCII"
		}
		want := `^`
		if _, ok := s.Fields[de].(*field.Numeric); ok {
			want = `^[0-9]*$`
		} else if at := strings.LastIndex(f.Description, "["); at >= 0 {
			switch format := f.Description[at+1:]; {
			case strings.HasPrefix(format, "x+n"):
				want = `^[CD][0-9]*$`
			case strings.HasPrefix(format, "ns"):
				want = `^[ -~]*$`
			case strings.HasPrefix(format, "n"):
				want = `^[0-9]*$`
			case strings.HasPrefix(format, "z"):
				want = `^[0-9:;<=>?D]*$`
			case strings.HasPrefix(format, "b"):
				want = `^([0-9A-Fa-f]{2})*$`
			default:
				want = `^[ -~]*$`
			}
		}
		if !regexp.MustCompile(want).MatchString(value) {
			return fmt.Sprintf("DE %d is not %s", de, want)
		}
	}
	return ""
}

func checkPack(t *testing.T, c *spec.Codec, v values) []byte {
	t.Helper()
	want, libErr := libraryPack(c.Spec(), v)
	got, err := c.Pack(nil, v.message())
	switch {
	case err == nil && libErr != nil:
		t.Fatalf("the codec packed %v, the library refuses: %v", v, libErr)
	case err == nil && !bytes.Equal(got, want):
		t.Fatalf("values %v\n  codec   %x\n  library %x", v, got, want)
	case err != nil && libErr == nil && len(want) <= spec.MaxMessage && stricter(c.Spec(), v) == "":
		t.Fatalf("values %v\n  library %x\n  codec: %v, and no rule says so", v, want, err)
	}
	if err != nil {
		return nil
	}
	return got
}

func checkUnpack(t *testing.T, c *spec.Codec, frame []byte) {
	t.Helper()
	want, libErr := libraryUnpack(c.Spec(), frame)
	var m spec.Message
	err := c.Unpack(frame, &m)
	if err != nil {
		if libErr != nil || stricter(c.Spec(), want) != "" {
			return
		}
		// What the library does not write like that is a sign, a byte too many, a filler or a third bitmap.
		if again, err := libraryPack(c.Spec(), want); err != nil || !bytes.Equal(again, frame) {
			return
		}
		t.Fatalf("frame %x\n  library %v\n  codec: %v, and no rule says so", frame, want, err)
	}
	if libErr != nil {
		t.Fatalf("frame %x\n  the codec unpacked %v, the library refuses: %v", frame, valuesOf(&m), libErr)
	}
	if got := valuesOf(&m); !maps.Equal(got, want) {
		t.Fatalf("frame %x\n  codec   %v\n  library %v", frame, got, want)
	}
	checkPack(t, c, want)
}

// pick returns one of a list.
func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// randomSpec makes a spec of all the kinds of fields that Compile takes.
func randomSpec(r *rand.Rand) *iso8583.MessageSpec {
	mti := &field.Spec{Length: 4, Enc: pick[encoding.Encoder](
		r, encoding.ASCII, encoding.BCD, encoding.EBCDIC, encoding.EBCDIC1047, encoding.LBCD,
	), Pref: prefix.ASCII.Fixed}
	s := &iso8583.MessageSpec{Name: "random", Fields: map[int]field.Field{
		0: field.NewString(mti),
		1: field.NewBitmap(&field.Spec{
			Length: pick(r, 0, 8, 8, 16), Enc: pick[encoding.Encoder](r, encoding.Binary, encoding.BytesToASCIIHex),
			Pref: prefix.Binary.Fixed, DisableAutoExpand: r.IntN(4) == 0}),
	}}
	if r.IntN(4) == 0 {
		mti.Pad = padding.Left('0')
		s.Fields[0] = field.NewNumeric(mti)
	}
	encodings := []encoding.Encoder{encoding.ASCII, encoding.Binary, encoding.EBCDIC, encoding.EBCDIC1047, encoding.BCD,
		encoding.LBCD, encoding.BytesToASCIIHex, encoding.ASCIIHexToBytes,
		spec.LBCDF, spec.ZBCD, spec.ZLBCD, spec.ZLBCDF, spec.SignBCD}
	families := []prefix.Prefixers{prefix.ASCII, prefix.BCD, prefix.Hex, prefix.Binary, prefix.EBCDIC, prefix.EBCDIC1047}
	for de := 2; de <= 128; de++ {
		if r.IntN(20) == 0 {
			continue // not defined
		}
		for {
			f := &field.Spec{
				Length:      r.IntN(24),
				Description: "field" + pick(r, "", "", " [n6]", " [an..3]", " [z37]", " [b8]", " [x+n8]", " (n6)"),
				Enc:         pick(r, encodings...),
				Pad: pick[padding.Padder](
					r, nil, nil, padding.None, padding.Left('0'), padding.Left(' '), padding.Right(' '), padding.Right('0'),
					padding.Right('F'), padding.Right(0),
				),
			}
			family := pick(r, families...)
			f.Pref = pick(r, family.Fixed, family.Fixed, family.L, family.LL, family.LLL, family.LLLL,
				family.LLLLL, family.LLLLLL)
			s.Fields[de] = pick[field.Field](r, field.NewString(f), field.NewBinary(f), field.NewNumeric(f), field.NewHex(f))
			if _, err := spec.Compile(&iso8583.MessageSpec{Fields: map[int]field.Field{
				0: s.Fields[0], 1: s.Fields[1], 2: s.Fields[de],
			}}); err == nil {
				break
			}
		}
	}
	return s
}

// randomValues makes a message that mostly fits a spec.
func randomValues(r *rand.Rand, s *iso8583.MessageSpec) values {
	v := values{0: pick(r, "0100", "0110", "0420", "9999", "0800")}
	if r.IntN(50) == 0 {
		v[0] = pick(r, "01a0", "100", "+100", "")
	}
	last := pick(r, 64, 128)
	for range r.IntN(16) {
		de := 2 + r.IntN(last-1)
		f := s.Fields[de]
		if f == nil || de == 65 && r.IntN(20) != 0 {
			continue
		}
		v[de] = randomValue(r, f)
	}
	return v
}

func randomValue(r *rand.Rand, f field.Field) string {
	s := f.Spec()
	n := s.Length
	if !strings.HasSuffix(s.Pref.Inspect(), "Fixed") || s.Pad != nil && r.IntN(2) == 0 {
		n = r.IntN(min(s.Length, 40) + 1)
	}
	if _, isHex := f.(*field.Hex); isHex || s.Enc == encoding.ASCIIHexToBytes {
		n *= 2
	}
	_, isNumeric := f.(*field.Numeric)
	_, isHex := f.(*field.Hex)
	format := ""
	if at := strings.LastIndex(s.Description, "["); at >= 0 {
		format = s.Description[at+1:]
	}
	const digits, printableText = "0123456789", "0123456789 ABCxyz'~[]!^|"
	var alphabet string
	switch {
	case isNumeric, s.Enc == encoding.BCD, s.Enc == encoding.LBCD, s.Enc == spec.LBCDF, s.Enc == spec.SignBCD:
		alphabet = digits
	case s.Enc == spec.ZBCD, s.Enc == spec.ZLBCD, s.Enc == spec.ZLBCDF:
		alphabet = "0123456789:;<=>?D"
	case isHex || s.Enc == encoding.ASCIIHexToBytes || format != "" && format[0] == 'b':
		alphabet = "0123456789ABCDEFabcdef"
	case format == "":
		alphabet = printableText
		if s.Enc == encoding.Binary || s.Enc == encoding.EBCDIC || s.Enc == encoding.BytesToASCIIHex {
			alphabet = "0 \x00\x80\xffA"
		}
	case format[0] == 'z':
		alphabet = "0123456789=D"
	case format[0] == 'n' && format[1] != 's' || format[0] == 'x':
		alphabet = digits
	default:
		alphabet = printableText
	}
	if r.IntN(30) == 0 {
		n = max(0, n+r.IntN(5)-2)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	if n > 0 && (strings.HasPrefix(format, "x+n") || s.Enc == spec.SignBCD) {
		b[0] = pick[byte](r, 'C', 'D')
	}
	if n > 0 && r.IntN(40) == 0 {
		b[r.IntN(n)] = pick[byte](r, '+', '-', ' ', 0x80, 'G')
	}
	return string(b)
}

// edit changes a frame as the bytes say, three for each edit.
func edit(frame, edits []byte) []byte {
	frame = bytes.Clone(frame)
	for ; len(edits) >= 3; edits = edits[3:] {
		at := 0
		if len(frame) > 0 {
			at = int(edits[0]) * 7 % len(frame)
		}
		switch edits[1] % 5 {
		case 0:
			frame = append(frame, edits[2])
		case 1:
			frame = frame[:at]
		case 2:
			if len(frame) > 0 {
				frame[at] = edits[2]
			}
		case 3:
			if len(frame) > 0 {
				frame[at] ^= 1 << (edits[2] % 8)
			}
		case 4:
			frame = append(frame[:at:at], append([]byte{edits[2]}, frame[at:]...)...)
		}
	}
	return frame
}

// codecFor returns an embedded dialect or, behind the last, the codec of a random spec.
func codecFor(t *testing.T, dialect uint8, r *rand.Rand) *spec.Codec {
	if n := int(dialect) % (len(stockCodecs) + 1); n < len(stockCodecs) {
		return stockCodecs[n]
	}
	c, err := spec.Compile(randomSpec(r))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	asciiCodec = spec.MustCodec(spec.DefaultDialect)
	bcdCodec   = spec.MustCodec(spec.BCDDialect)

	stockCodecs = func() (all []*spec.Codec) {
		for _, name := range spec.Stock() {
			all = append(all, spec.MustCodec(name))
		}
		return slices.Clip(all)
	}()
	differentialKinds = uint8(len(stockCodecs) + 1)
)

// differential is one round: a message that the seed makes, packed by both; its frame, and the frame with edits,
// unpacked by both.
func differential(t *testing.T, dialect uint8, seed uint64, edits []byte) {
	r := rand.New(rand.NewPCG(seed, 8583))
	c := codecFor(t, dialect, r)
	frame := checkPack(t, c, randomValues(r, c.Spec()))
	if frame == nil {
		return
	}
	checkUnpack(t, c, frame)
	checkUnpack(t, c, edit(frame, edits))
}

func TestDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(4000) {
		edits := make([]byte, 3*(1+r.IntN(3)))
		for i := range edits {
			edits[i] = byte(r.Uint32())
		}
		dialect := uint8(seed) % differentialKinds
		differential(t, dialect, seed, edits)
		if t.Failed() {
			t.Logf("dialect %d, seed %d, edits %x", dialect, seed, edits)
			return
		}
	}
}

// FuzzPackDifferential lets the fuzzer choose the messages and one DE's value freely.
func FuzzPackDifferential(f *testing.F) {
	for dialect := range differentialKinds {
		f.Add(dialect, uint64(dialect), uint8(2), "4111111111111111")
		f.Add(dialect, uint64(7), uint8(48), "0102050201C")
		f.Add(dialect, uint64(9), uint8(97), "C0000000000000001")
		f.Add(dialect, uint64(11), uint8(4), "+00000000123")
	}
	f.Fuzz(func(t *testing.T, dialect uint8, seed uint64, de uint8, value string) {
		r := rand.New(rand.NewPCG(seed, 8583))
		c := codecFor(t, dialect, r)
		v := randomValues(r, c.Spec())
		if c.Spec().Fields[int(de)] != nil && de > 1 {
			v[int(de)] = value
		}
		if frame := checkPack(t, c, v); frame != nil {
			checkUnpack(t, c, frame)
		}
	})
}

// FuzzUnpackDifferential lets the fuzzer choose a frame, and edits of one that the seed makes.
func FuzzUnpackDifferential(f *testing.F) {
	for dialect, c := range append(stockCodecs, asciiCodec) {
		m := benchMessage(c)
		if c.Version() == spec.ISO1987 {
			m.Set(90, "010000012311212025010000040000100000000000")
		} else {
			m.Set(56, "11000001231121202501000006400001")
		}
		frame, err := c.Pack(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(dialect), uint64(dialect), frame)
		f.Add(uint8(dialect), uint64(dialect), []byte{1, 2, '+', 2, 3, 7})
	}
	f.Fuzz(func(t *testing.T, dialect uint8, seed uint64, data []byte) {
		checkUnpack(t, codecFor(t, dialect, rand.New(rand.NewPCG(seed, 8583))), data)
		differential(t, dialect, seed, data[:min(len(data), 30)])
	})
}
