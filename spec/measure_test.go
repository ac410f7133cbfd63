package spec_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"switchyard/spec"
)

// TestMeasure finds the end of each kind of message of each dialect, whatever stands behind it, and asks for more, and
// never for too much, as long as it is not there as a whole.
func TestMeasure(t *testing.T) {
	for _, c := range measured(t) {
		messages := messages87()
		if c.Version() == spec.ISO1993 {
			messages = messages93()
		}
		if c.Name() == "third" {
			messages = []values{{0: "0100", 2: "a", 70: "bb", 129: "ccc", 192: ""}, {0: "0100", 3: "d"}}
		}
		for _, v := range messages {
			packed, err := c.Pack(nil, v.message())
			if err != nil {
				t.Fatal(err)
			}
			behind := append(slices.Clone(packed), packed...)
			if n, err := c.Measure(behind); n != len(packed) || err != nil {
				t.Errorf("%s %s: %d bytes, %v, want %d", c.Name(), v[0], n, err, len(packed))
			}
			for cut := range packed {
				if n, err := c.Measure(packed[:cut]); n <= cut || n > len(packed) || err != nil {
					t.Fatalf("%s %s: of %d bytes %d, %v", c.Name(), v[0], cut, n, err)
				}
			}
		}
	}
}

// measured are the embedded dialects, and both with a third bitmap.
func measured(t testing.TB) (codecs []*spec.Codec) {
	t.Helper()
	codecs = slices.Clone(stockCodecs)
	for _, inOrder := range []bool{false, true} {
		third, err := spec.Compile(thirdSpec(inOrder))
		if err != nil {
			t.Fatal(err)
		}
		codecs = append(codecs, third)
	}
	return codecs
}

func TestMeasureRefuses(t *testing.T) {
	for _, c := range []struct {
		codec      *spec.Codec
		data, want string
	}{
		{asciiCodec, "08x0", "MTI at byte 0: want digits"},
		{asciiCodec, "0800822x", ""}, // the bitmap's end is waited for
		{asciiCodec, "0800022x000000000000", "bitmap at byte 7: want a hex digit"},
		{asciiCodec, "080080000000000000008000000000000000", "bitmap at byte 20: want no third bitmap"},
		{asciiCodec, "010040000000000000001x", "DE 2 (Primary Account Number) at byte 20: want a length prefix of digits"},
		{asciiCodec, "0100400000000000000020",
			"DE 2 (Primary Account Number) at byte 20: want a length of at most 19, not 20"},
	} {
		n, err := c.codec.Measure([]byte(c.data))
		if c.want == "" && (err != nil || n <= len(c.data)) || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%q: %d, %v, want %s", c.data, n, err, c.want)
		}
	}
}

// FuzzMeasure holds Measure to Walk: a message that can be read ends where Measure says, and what Measure asks for
// while bytes come in is never more than there will be.
func FuzzMeasure(f *testing.F) {
	f.Add([]byte(echo), uint8(0))
	f.Add([]byte(echo+"\x03"), uint8(0))
	packed, _ := hex.DecodeString("011072200000020000001041111111111111110000000000000012000821065720184566f0f0")
	f.Add(packed, uint8(5))
	codecs := measured(f)
	f.Add([]byte("0100"+"8000000000000000"+"8000000000000000"+"8000000000000000"+"1x"), uint8(len(codecs)-2))
	f.Fuzz(func(t *testing.T, data []byte, dialect uint8) {
		if len(data) > 2<<10 {
			return
		}
		codec := codecs[int(dialect)%len(codecs)]
		n, err := codec.Measure(data)
		var m spec.Message
		_, walked := codec.Walk(data, &m)
		var fault *spec.FieldError
		switch {
		case walked == nil && (n != len(data) || err != nil):
			t.Fatalf("a message of %d bytes: %d, %v", len(data), n, err)
		case errors.As(walked, &fault) && fault.DE == -1 && (n != fault.Offset || err != nil):
			t.Fatalf("a message that ends at %d: %d, %v", fault.Offset, n, err)
		case err != nil:
			if !errors.As(err, &fault) || n != 0 || codec.Unpack(data, &m) == nil {
				t.Fatalf("%d, %v", n, err)
			}
			return
		case n > len(data):
			return
		}
		for cut := range n {
			if more, err := codec.Measure(data[:cut]); err != nil || more <= cut || more > n {
				t.Fatalf("of %d of %d bytes: %d, %v", cut, n, more, err)
			}
		}
	})
}
