package spec_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"

	"switchyard/spec"
)

func hexText(b []byte) string { return hex.EncodeToString(b) }

// TestPacked says which bytes a value is in each of the packed encodings, and which bytes are read as it.
func TestPacked(t *testing.T) {
	const card, track = "378282246310005", "5555555555554444=29121010000012345678"
	for _, test := range []struct {
		enc         encoding.Encoder
		value, wire string
		also        []string // read as the value too
		not         []string
	}{
		{encoding.BCD, card, "0378282246310005", nil, []string{"F378282246310005", "037828224631000A"}},
		{encoding.LBCD, card, "3782822463100050", []string{"378282246310005F"}, []string{"3782822463100051"}},
		{spec.LBCDF, card, "378282246310005F", []string{"3782822463100050"},
			[]string{"378282246310005A", "37828A246310005F"}},
		{spec.LBCDF, "1234", "1234", nil, []string{"123F"}},
		{spec.ZBCD, track, "05555555555554444D29121010000012345678", nil, []string{"F5555555555554444D29121010000012345678"}},
		{spec.ZLBCD, track, "5555555555554444D291210100000123456780", []string{"5555555555554444D29121010000012345678F"},
			nil},
		{spec.ZLBCDF, track, "5555555555554444D29121010000012345678F", []string{"5555555555554444D291210100000123456780"},
			[]string{"5555555555554444D291210100000123456781"}},
		{spec.ZLBCDF, ":;<=>?", "ABCDEF", nil, nil},
		{spec.SignBCD, "C12345678", "4312345678", nil, []string{"4212345678", "431234567A"}},
		{spec.SignBCD, "D1234567", "4401234567", nil, []string{"4411234567"}},
		{spec.SignBCD, "D", "44", nil, nil},
	} {
		c, err := spec.Compile(simple(field.NewString(&field.Spec{
			Length: len(test.value), Enc: test.enc, Pref: prefix.ASCII.Fixed,
		})))
		if err != nil {
			t.Fatal(err)
		}
		const header = "0100\x40\x00\x00\x00\x00\x00\x00\x00"
		frame := checkPack(t, c, values{0: "0100", 2: test.value})
		if got := strings.ToUpper(hexText([]byte(strings.TrimPrefix(string(frame), header)))); got != test.wire {
			t.Errorf("%v: %s is packed as %s, want %s", test.enc, test.value, got, test.wire)
		}
		for i, wire := range append(append([]string{test.wire}, test.also...), test.not...) {
			raw, err := hex.DecodeString(wire)
			if err != nil {
				t.Fatal(err)
			}
			checkUnpack(t, c, append([]byte(header), raw...))
			var m spec.Message
			err = c.Unpack(append([]byte(header), raw...), &m)
			if taken := i <= len(test.also); (err == nil) != taken || taken && m.String(2) != test.value {
				t.Errorf("%v: %s is read as %s, %v; want %s taken: %t", test.enc, wire, m.String(2), err, test.value, taken)
			}
		}
	}
}

// TestSeparatorD: a D in track data is the separator, which packed data gives back as =.
func TestSeparatorD(t *testing.T) {
	frame := checkPack(t, bcdCodec, values{0: "0200", 35: "4000000000000002D3012"})
	var m spec.Message
	if err := bcdCodec.Unpack(frame, &m); err != nil || m.String(35) != "4000000000000002=3012" {
		t.Errorf("%x is read as %s, %v", frame, m.String(35), err)
	}
	for _, value := range []string{"400000000000000d", "4000E", "4000 "} {
		if _, err := bcdCodec.Pack(nil, values{0: "0200", 35: value}.message()); err == nil {
			t.Errorf("%q is taken for track data", value)
		}
	}
}

// TestPackedRefused: the encodings that the library does not have are for plain texts.
func TestPackedRefused(t *testing.T) {
	for _, enc := range []string{"LBCDF", "ZBCD", "ZLBCD", "ZLBCDF", "SignBCD"} {
		want := `f.json: spec "mine": DE 2 (Primary Account Number): encoding ` + enc + `: want a String without padding`
		for _, kind := range []string{`"type": "Numeric"`, `"type": "String", "padding": {"type": "Left", "pad": "0"}`} {
			_, err := spec.OpenFile("f.json", strings.NewReader(file(
				`"2": {`+kind+`, "length": 6, "enc": "`+enc+`", "prefix": "BCD.LL"}`)))
			if err == nil || err.Error() != want {
				t.Errorf("%s of %s: %v\n want %s", kind, enc, err, want)
			}
		}
	}
}

// TestLongLengths holds length prefixes of five and six digits to the library.
func TestLongLengths(t *testing.T) {
	value := strings.Repeat("x", 12345)
	for name, want := range map[string]string{
		"ASCII.LLLLL": "12345", "ASCII.LLLLLL": "012345", "BCD.LLLLL": "\x01\x23\x45", "BCD.LLLLLL": "\x01\x23\x45",
		"EBCDIC.LLLLLL": "\xf0\xf1\xf2\xf3\xf4\xf5", "Hex.LLLLL": "0000003039", "Hex.LLLLLL": "000000003039",
	} {
		c, err := spec.OpenFile("f.json", strings.NewReader(file(
			`"2": {"type": "String", "length": 99999, "enc": "ASCII", "prefix": "`+name+`"}`)))
		if err != nil {
			t.Fatal(err)
		}
		frame := checkPack(t, c, values{0: "0100", 2: value})
		if !strings.HasSuffix(string(frame), want+value) {
			t.Errorf("%s: packed %q, want %q before the value", name, frame[:min(len(frame), 30)], want)
		}
		checkUnpack(t, c, frame)
	}
	for name, want := range map[string]string{
		"Binary.LLLLL": "f.json: DE 2: prefix: unknown \"Binary.LLLLL\", want one of ASCII.Fixed,",
		"ASCII.LLLLLL": `f.json: spec "mine": DE 2 (Primary Account Number): length 1000000: want 0 to 999999`,
	} {
		_, err := spec.OpenFile("f.json", strings.NewReader(file(
			`"2": {"type": "String", "length": 1000000, "enc": "ASCII", "prefix": "`+name+`"}`)))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\n want %s", name, err, want)
		}
	}
}
