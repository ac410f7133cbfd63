package spec_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/spec"
)

// testdata/cases are messages that other people's systems sent and that once could not be read.

func readCase(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "cases", name))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// TestCases reads each case and packs it again to the same bytes.
func TestCases(t *testing.T) {
	lengths, err := os.ReadFile("testdata/cases/a12-de127-six-digits.json")
	if err != nil {
		t.Fatal(err)
	}
	sixDigits, err := spec.OpenFile("a12.json", strings.NewReader(string(lengths)))
	if err != nil {
		t.Fatal(err)
	}
	third := thirdCodec(t, `"7": {"type": "String", "length": 10, "enc": "ASCII", "prefix": "ASCII.Fixed"},
		"11": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.Fixed"},
		"70": {"type": "String", "length": 3, "enc": "ASCII", "prefix": "ASCII.Fixed"},
		"129": {"type": "String", "length": 1, "enc": "ASCII", "prefix": "ASCII.Fixed"}`)
	for _, test := range []struct {
		file  string
		codec *spec.Codec
		want  values
	}{
		{"a02a-track2-packed.hex", bcdCodec, values{
			0: "0200", 3: "000000", 4: "000000001500", 11: "107989", 22: "071", 24: "021", 25: "00",
			35: "5555555555554444=29121010000012345678", 41: "TERM0001",
		}},
		{"a12-de127-six-digits.hex", sixDigits, values{
			0: "0800", 7: "0211052645", 11: "220211", 70: "301", 127: "800000000000000000XXXXXXXXXXXXXX",
		}},
		{"a13-third-bitmap.hex", third, values{0: "0800", 7: "1125101112", 11: "000001", 70: "301", 129: "X"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			frame := readCase(t, test.file)
			var m spec.Message
			if err := test.codec.Unpack(frame, &m); err != nil {
				t.Fatal(err)
			}
			if got := valuesOf(&m); got.String() != test.want.String() {
				t.Errorf("unpacked %v\n    want %v", got, test.want)
			}
			if again, err := test.codec.Pack(nil, &m); err != nil || string(again) != string(frame) {
				t.Errorf("packed %x, %v\n  want %x", again, err, frame)
			}
		})
	}
}
