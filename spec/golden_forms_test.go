package spec_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"switchyard/spec"
)

// changed is a stock dialect in which fields are written otherwise: its file, with lines of it replaced.
func changed(t *testing.T, stock string, fields map[string]string) *spec.Codec {
	t.Helper()
	text, err := os.ReadFile(stock + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Name   string                     `json:"name"`
		Fields map[string]json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for de, line := range fields {
		file.Fields[de] = json.RawMessage(line)
	}
	if text, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	c, err := spec.OpenFile(stock+"-changed.json", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Lines of a file that write x+n in the two forms, and DE93 and 96 in the two lengths.
var (
	signPacked = map[string]string{
		"28": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "SignBCD", "prefix": "ASCII.Fixed"}`,
		"29": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "SignBCD", "prefix": "ASCII.Fixed"}`,
		"30": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "SignBCD", "prefix": "ASCII.Fixed"}`,
		"31": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "SignBCD", "prefix": "ASCII.Fixed"}`,
		"97": `{"type": "String", "length": 17, "description": "[x+n16]", "enc": "SignBCD", "prefix": "ASCII.Fixed"}`,
	}
	signText = map[string]string{
		"28": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
		"29": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
		"30": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
		"31": `{"type": "String", "length": 9, "description": "[x+n8]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
		"97": `{"type": "String", "length": 17, "description": "[x+n16]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
	}
	long = map[string]string{
		"93": `{"type": "String", "length": 6, "description": "[an6]", "enc": "ASCII", "prefix": "ASCII.Fixed",
			"padding": {"type": "Right", "pad": " "}}`,
		"96": `{"type": "Hex", "length": 16, "description": "[b16]", "enc": "Binary", "prefix": "Binary.Fixed"}`,
	}
	longText = map[string]string{
		"93": long["93"],
		"96": `{"type": "Hex", "length": 16, "description": "[b16]", "enc": "HexToASCII", "prefix": "ASCII.Fixed"}`,
	}
	short = map[string]string{
		"93": `{"type": "String", "length": 5, "description": "[an5]", "enc": "ASCII", "prefix": "ASCII.Fixed",
			"padding": {"type": "Right", "pad": " "}}`,
		"96": `{"type": "Hex", "length": 8, "description": "[b8]", "enc": "Binary", "prefix": "Binary.Fixed"}`,
	}
)

// TestGoldenForms: what hosts write in two ways, each way as a stock dialect has it and as a file of one's own asks for
// it. The frames were put together by hand, from docs/iso8583.md.
func TestGoldenForms(t *testing.T) {
	amounts := values{
		0: "0200", 3: "000000", 11: "000123", 28: "C00000150", 29: "D00000025", 30: "C99999999", 31: "D00000000",
		97: "C0000000000530765",
	}
	const (
		amountBits   = "A020001E00000000 0000000080000000"
		amountText   = amountBits + "000000 000123 C00000150 D00000025 C99999999 D00000000 C0000000000530765"
		amountPacked = "0200" + amountBits + "000000 000123 43 00000150 44 00000025 43 99999999 44 00000000 " +
			"43 0000000000530765"
		amountBytes = "0200" + amountBits + "000000 000123 43 3030303030313530 44 3030303030303235 43 3939393939393939 " +
			"44 3030303030303030 43 30303030303030303030353330373635"
		amountEBCDIC = "F0F2F0F0" + amountBits + "F0F0F0F0F0F0 F0F0F0F1F2F3 C3 F0F0F0F0F0F1F5F0 C4 F0F0F0F0F0F0F2F5 " +
			"C3 F9F9F9F9F9F9F9F9 C4 F0F0F0F0F0F0F0F0 C3 F0F0F0F0F0F0F0F0F0F0F5F3F0F7F6F5"
	)
	network := values{0: "0820", 7: "1121202501", 11: "000001", 70: "301", 93: "AB12", 96: "0123456789ABCDEF"}
	networkLong := with(network, values{96: "0123456789ABCDEF0011223344556677"})
	const (
		networkBits   = "8220000000000000 0400000900000000"
		networkPacked = "0820" + networkBits + "1121202501 000001 0301 41423132"
		networkText   = "0820" + networkBits + "1121202501 000001 301 "
	)
	times := values{0: "0100", 3: "000000", 11: "000123", 12: "261121202501", 22: "0810"}
	timesLong := with(times, values{22: "000050S00000"})
	const n12 = `{"type": "String", "length": 12, "description": "[n12]", "enc": `
	const an12 = `{"type": "String", "length": 12, "description": "[an12]", "enc": "ASCII", "prefix": "ASCII.Fixed"}`
	const n4 = `{"type": "String", "length": 4, "description": "[n4]", "enc": `
	const asText, packed = `"ASCII", "prefix": "ASCII.Fixed"}`, `"BCD", "prefix": "BCD.Fixed"}`
	const timeBits = "2030040000000000"
	for _, c := range []struct {
		name, stock string
		changed     map[string]string
		say         values
		text        bool // the frame is characters, else hex
		frame       string
	}{
		{"x+n of characters", "iso87ascii", nil, amounts, true, "0200" + amountText},
		{"x+n of characters among BCD", "iso87bcd", nil, amounts, false, amountBytes},
		{"x+n of characters in EBCDIC", "iso87ebcdic", nil, amounts, false, amountEBCDIC},
		{"x+n packed", "iso87binary-jpos", nil, amounts, false, amountPacked},
		{"x+n packed by a file", "iso87bcd", signPacked, amounts, false, amountPacked},
		{"x+n of characters by a file", "iso87binary-jpos", signText, amounts, false, amountBytes},

		{"DE93 and 96 short", "iso87ascii", nil, network, true, networkText + "AB12_ 0123456789ABCDEF"},
		{"DE93 and 96 short, bytes", "iso87bcd", nil, network, false, networkPacked + "20 0123456789ABCDEF"},
		{"DE93 and 96 short by a file", "iso87binary-jpos", short, network, false, networkPacked + "20 0123456789ABCDEF"},
		{"DE93 and 96 long", "iso87binary-jpos", nil, networkLong, false,
			networkPacked + "2020 0123456789ABCDEF0011223344556677"},
		{"DE93 and 96 long by a file", "iso87bcd", long, networkLong, false,
			networkPacked + "2020 0123456789ABCDEF0011223344556677"},
		{"DE93 and 96 long by a file of characters", "iso87ascii", longText, networkLong, true,
			networkText + "AB12__ 0123456789ABCDEF0011223344556677"},

		{"DE12 of twelve, DE22 of four", "iso87ascii", map[string]string{"12": n12 + asText, "22": n4 + asText}, times, true,
			"0100" + timeBits + "000000 000123 261121202501 0810"},
		{"DE12 of twelve, DE22 of four, packed", "iso87bcd", map[string]string{"12": n12 + packed, "22": n4 + packed}, times,
			false, "0100" + timeBits + "000000 000123 261121202501 0810"},
		{"DE12 and DE22 of twelve", "iso87ascii", map[string]string{"12": n12 + asText, "22": an12}, timesLong, true,
			"0100" + timeBits + "000000 000123 261121202501 000050S00000"},
		{"DE12 and DE22 of twelve, packed", "iso87bcd", map[string]string{"12": n12 + packed, "22": an12}, timesLong, false,
			"0100" + timeBits + "000000 000123 261121202501 303030303530533030303030"},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec := spec.MustCodec(c.stock)
			if c.changed != nil {
				codec = changed(t, c.stock, c.changed)
			}
			frame := []byte(strings.NewReplacer(" ", "", "_", " ").Replace(c.frame))
			if !c.text {
				var err error
				if frame, err = hex.DecodeString(string(frame)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := codec.Pack(nil, c.say.message()); err != nil || string(got) != string(frame) {
				t.Errorf("packed %X, %v\n  want %X", got, err, frame)
			}
			var m spec.Message
			if err := codec.Unpack(frame, &m); err != nil || valuesOf(&m).String() != c.say.String() {
				t.Errorf("unpacked %v, %v\n    want %v", valuesOf(&m), err, c.say)
			}
			if n, err := codec.Measure(frame); err != nil || n != len(frame) {
				t.Errorf("it is measured as %d bytes, %v, want %d", n, err, len(frame))
			}
		})
	}
}
