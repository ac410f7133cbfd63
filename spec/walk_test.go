package spec_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"switchyard/spec"
)

// echo is an 0800 in iso87ascii: MTI, two bitmaps, DE7, 11 and 70.
const echo = "0800822000000000000004000000000000001121202501000123301"

// TestWalk reads a message whole, cut and with a fault in it: what stands in front of the fault is kept.
func TestWalk(t *testing.T) {
	all := []spec.Piece{{0, 0, 4}, {1, 4, 36}, {7, 36, 46}, {11, 46, 52}, {70, 52, 55}}
	for _, c := range []struct {
		name, data string
		read       int // pieces
		want       *spec.FieldError
	}{
		{"whole", echo, 5, nil},
		{"more", echo + "\x03", 5, &spec.FieldError{DE: -1, Offset: 55, Want: "the message to end, not 1 more bytes"}},
		{"cut", echo[:54], 4, &spec.FieldError{DE: 70, Offset: 52, Want: "3 bytes, not 2"}},
		{"wrong", echo[:46] + "00x123301", 3, &spec.FieldError{DE: 11, Offset: 46, Want: "digits"}},
		{"no bitmap", echo[:4] + "x", 1, &spec.FieldError{DE: 1, Offset: 4, Want: "16 hex digits"}},
		{"nothing", "", 0, &spec.FieldError{DE: 0, Offset: 0, Want: "4 bytes, not 0"}},
	} {
		var m spec.Message
		pieces, err := asciiCodec.Walk([]byte(c.data), &m)
		if !slices.Equal(pieces, all[:c.read]) {
			t.Errorf("%s: %v, want %v", c.name, pieces, all[:c.read])
		}
		var got *spec.FieldError
		if errors.As(err, &got) != (c.want != nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		read := 0
		for range m.Fields {
			read++
		}
		if read != max(c.read-2, 0) {
			t.Errorf("%s: %d DEs were kept, want %d", c.name, read, c.read-2)
		}
	}
}

// TestWalkThird reads on behind a third bitmap that the dialect does not have, wherever it stands; it says still that
// there is none.
func TestWalkThird(t *testing.T) {
	const fault = "bitmap at byte 20: want no third bitmap"
	for _, c := range []struct {
		name, data string
		want       []spec.Piece
	}{
		{"behind the second", "0800" + "8220000000000000" + "8400000000000000" + "8000000000000000" + "1125101112" +
			"000001" + "301" + "X", []spec.Piece{{0, 0, 4}, {1, 4, 52}, {7, 52, 62}, {11, 62, 68}, {70, 68, 71}}},
		{"as DE65", "0800" + "8220000000000000" + "8400000000000000" + "1125101112" + "000001" + "8000000000000000" +
			"301" + "X", []spec.Piece{{0, 0, 4}, {1, 4, 36}, {7, 36, 46}, {11, 46, 52}, {65, 52, 68}, {70, 68, 71}}},
		{"cut", "0800" + "8220000000000000" + "8400000000000000" + "80", []spec.Piece{{0, 0, 4}, {1, 4, 36}}},
	} {
		var m spec.Message
		pieces, err := asciiCodec.Walk([]byte(c.data), &m)
		if err == nil || err.Error() != fault || !slices.Equal(pieces, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, pieces, err, c.want)
		}
		if m.Has(70) != (len(c.want) > 2) || m.Has(70) && m.String(70) != "301" || m.Has(65) {
			t.Errorf("%s: DE70 is %q", c.name, m.String(70))
		}
	}
}

// FuzzWalk holds Walk to Unpack: the same error, the same message where there is none, and pieces without a gap.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(echo), uint8(0))
	f.Add([]byte(echo[:50]), uint8(0))
	f.Add([]byte("0800"+"8000000000000000"+"8000000000000000"+"\x80\x00\x00\x00\x00\x00\x00\x001x"),
		uint8(len(stockCodecs)))
	f.Add([]byte("0800"+"8220000000000000"+"8400000000000000"+"8000000000000000"+"1125101112"+"000001"+"301X"), uint8(0))
	f.Add([]byte("0800"+"8220000000000000"+"8400000000000000"+"1125101112"+"000001"+"8000000000000000"+"301X"), uint8(0))
	packed, _ := hex.DecodeString("0800822000000000000004000000000000001121202501000123" + "0301")
	f.Add(packed, uint8(1))
	third, err := spec.Compile(thirdSpec(true))
	if err != nil {
		f.Fatal(err)
	}
	codecs := append(stockCodecs, third)
	f.Fuzz(func(t *testing.T, data []byte, dialect uint8) {
		codec := codecs[int(dialect)%len(codecs)]
		var walked, unpacked spec.Message
		pieces, err := codec.Walk(data, &walked)
		want := codec.Unpack(data, &unpacked)
		if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
			t.Fatalf("Walk: %v, Unpack: %v", err, want)
		}
		end := 0
		for _, p := range pieces {
			if p.From != end || p.To < p.From || p.To > len(data) {
				t.Fatalf("pieces %v of %d bytes", pieces, len(data))
			}
			end = p.To
		}
		if err == nil && (end != len(data) || spec.Describe(codec, &walked) != spec.Describe(codec, &unpacked)) {
			t.Fatalf("Walk read %d of %d bytes, or another message", end, len(data))
		}
	})
}
