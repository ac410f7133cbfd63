package spec_test

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"

	"switchyard/spec"
)

// The library takes bit 129 for a fourth bitmap and knows no bitmap among the DEs. What it packs by a spec whose
// bitmaps are of a fixed length, with the bits of other bitmaps set by hand, is the reference for both layouts.

const third = `"65": {"type": "Bitmap", "length": 8, "enc": "Binary", "prefix": "Binary.Fixed"},`

// thirdCodec compiles a spec with an MTI and a bitmap in hex and more.
func thirdCodec(t *testing.T, more string) *spec.Codec {
	t.Helper()
	c, err := spec.OpenFile("third.json", strings.NewReader(strings.Replace(
		file(more), `"enc": "Binary"`, `"enc": "HexToASCII"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// thirdSpec defines DE2 to DE192 as texts of up to 9 characters.
func thirdSpec(inOrder bool) *iso8583.MessageSpec {
	s := &iso8583.MessageSpec{Name: "third", Fields: map[int]field.Field{
		0: field.NewString(&field.Spec{Length: 4, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}),
		1: field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.BytesToASCIIHex, Pref: prefix.Hex.Fixed}),
	}}
	for de := 2; de <= spec.MaxDE; de++ {
		if de != 65 {
			s.Fields[de] = field.NewString(&field.Spec{Length: 9, Enc: encoding.ASCII, Pref: prefix.ASCII.L})
		}
	}
	if inOrder {
		s.Fields[65] = field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed})
	}
	return s
}

// thirdReference packs v, which has a DE above 128, by the library.
func thirdReference(t *testing.T, v values, inOrder bool) string {
	t.Helper()
	s := thirdSpec(false)
	bitmap := &field.Spec{Length: 24, Enc: encoding.Binary, Pref: prefix.Binary.Fixed, DisableAutoExpand: true}
	v = maps.Clone(v)
	v[65] = ""
	s.Fields[65] = field.NewString(&field.Spec{Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed})
	if inOrder {
		bitmap.Length = 16
		raw := make([]byte, 8)
		for de := range v {
			if de > 128 {
				raw[(de-129)/8] |= 0x80 >> ((de - 129) % 8)
			}
		}
		v[65] = string(raw)
		s.Fields[65] = field.NewBinary(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed})
	}
	s.Fields[1] = field.NewBitmap(bitmap)
	frame, err := libraryPack(s, v)
	if err != nil {
		t.Fatal(err)
	}
	frame[4] |= 0x80
	// The bitmaps in front are hex text in the spec under test.
	n := 4 + bitmap.Length
	return string(frame[:4]) + strings.ToUpper(hexText(frame[4:n])) + string(frame[n:])
}

func TestThirdBitmap(t *testing.T) {
	for _, inOrder := range []bool{false, true} {
		c, err := spec.Compile(thirdSpec(inOrder))
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(129, 192))
		for range 500 {
			v := values{0: "0100"}
			for range r.IntN(12) {
				if de := 2 + r.IntN(spec.MaxDE-1); de != 65 {
					v[de] = "abcdefghi"[:r.IntN(10)]
				}
			}
			v[129+r.IntN(64)] = "x"
			frame, err := c.Pack(nil, v.message())
			if err != nil {
				t.Fatalf("in order %t, %v: %v", inOrder, v, err)
			}
			if want := thirdReference(t, v, inOrder); string(frame) != want {
				t.Fatalf("in order %t, %v\n  packed %q\n library %q", inOrder, v, frame, want)
			}
			var m spec.Message
			if err := c.Unpack(frame, &m); err != nil || valuesOf(&m).String() != v.String() {
				t.Fatalf("in order %t\n  packed   %v\n  unpacked %v, %v", inOrder, v, valuesOf(&m), err)
			}
			edited := edit(frame, []byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
			if c.Unpack(edited, &m) != nil {
				continue
			}
			if _, err := c.Pack(nil, &m); err != nil {
				t.Fatalf("in order %t: unpacked %v of %q, which does not pack: %v", inOrder, valuesOf(&m), edited, err)
			}
		}
		for _, v := range []values{{0: "0100", 2: "a"}, {0: "0100", 2: "a", 66: "b", 128: "c"}} {
			frame := checkPack(t, c, v)
			if frame == nil {
				t.Fatalf("in order %t: %v is refused", inOrder, v)
			}
			var m spec.Message
			if err := c.Unpack(frame, &m); err != nil || valuesOf(&m).String() != v.String() {
				t.Errorf("in order %t: %v comes back as %v, %v", inOrder, v, valuesOf(&m), err)
			}
		}
		if _, err := c.Pack(nil, values{0: "0100", 65: "a"}.message()); err == nil ||
			!strings.Contains(err.Error(), "DE 65 (Bitmap, Extended): want it absent: its bit stands for a third bitmap") {
			t.Errorf("in order %t: DE65 of a message's own: %v", inOrder, err)
		}
	}
}

func TestThirdBitmapCut(t *testing.T) {
	behind, err := spec.Compile(thirdSpec(false))
	if err != nil {
		t.Fatal(err)
	}
	inOrder, err := spec.Compile(thirdSpec(true))
	if err != nil {
		t.Fatal(err)
	}
	const two = "0100" + "8000000000000000" + "8000000000000000"
	for _, test := range []struct {
		codec *spec.Codec
		frame string
		want  string
	}{
		{behind, two + "800000000000000", "bitmap at byte 36: want 16 hex digits"},
		{behind, two + "80000000000000G0", "bitmap at byte 50: want a hex digit"},
		{inOrder, two + "\x80\x00\x00", "DE 65 (Bitmap, Extended) at byte 36: want 8 bytes"},
		{asciiCodec, two, "bitmap at byte 20: want no third bitmap"},
	} {
		if err := test.codec.Unpack([]byte(test.frame), &spec.Message{}); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v\n want %s", test.frame, err, test.want)
		}
	}
	if _, err := asciiCodec.Pack(nil, values{0: "0100", 130: "1"}.message()); err == nil ||
		err.Error() != "DE 130 (DE 130): want a DE up to 128: this spec has no third bitmap" {
		t.Errorf("DE130 without a third bitmap: %v", err)
	}
}

func TestThirdBitmapRefused(t *testing.T) {
	const de130 = `"130": {"type": "String", "length": 1, "enc": "ASCII", "prefix": "ASCII.Fixed"}`
	const de65 = `"65": {"type": "Hex", "length": 1, "enc": "Binary", "prefix": "Binary.Fixed"},`
	for _, test := range []struct{ name, json, want string }{
		{"for nothing", strings.Replace(file(strings.TrimSuffix(third, ",")), "mine", "x", 1),
			`f.json: spec "x": DE 65 (Bitmap, Extended): a Bitmap: want DEs from 129 on for its bits`},
		{"of 16 bytes", file(strings.Replace(third, `8`, `16`, 1) + de130),
			`f.json: spec "mine": DE 65 (Bitmap, Extended): want a Bitmap of 8 bytes without disableAutoExpand`},
		{"beside a DE65", file(de65 + de130),
			`f.json: spec "mine": DE 65 (Bitmap, Extended): want it absent, or a Bitmap: its bit stands for a third bitmap, ` +
				`as there are DEs above 128`},
		{"behind a fixed one", strings.Replace(file(de130), `"length": 8,`, `"length": 8, "disableAutoExpand": true,`, 1),
			`f.json: spec "mine": DE 130 (DE 130): want no DE above 128 with a bitmap that has disableAutoExpand`},
		{"behind two that are always there", strings.Replace(file(de130), `"length": 8,`, `"length": 16,`, 1),
			`f.json: spec "mine": DE 130 (DE 130): want DE65 as a Bitmap, or a bitmap of 8 bytes, for DEs above 128`},
	} {
		if _, err := spec.OpenFile("f.json", strings.NewReader(test.json)); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v\n want %s", test.name, err, test.want)
		}
	}
}
