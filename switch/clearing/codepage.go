package clearing

import (
	"fmt"

	"golang.org/x/text/encoding/charmap"
)

// CodePage is the encoding of every character in a file: MTIs, length digits and element values other than DE55.
type CodePage uint8

const (
	CP500 CodePage = iota // EBCDIC international, IBM code page 500; the default
	ASCII                 // a byte above 7E that a foreign file may hold is read as ISO 8859-1
)

// String is the name that the config, the manifest and reports use.
func (c CodePage) String() string {
	switch c {
	case CP500:
		return "cp500"
	case ASCII:
		return "ascii"
	}
	return fmt.Sprintf("code page %d", uint8(c))
}

// ParseCodePage is the inverse of String.
func ParseCodePage(name string) (CodePage, error) {
	switch name {
	case "cp500":
		return CP500, nil
	case "ascii":
		return ASCII, nil
	}
	return 0, fmt.Errorf("clearing: code page %q is neither cp500 nor ascii", name)
}

// The code page as two tables: cp500 holds exactly the 256 characters of ISO 8859-1, in another order, so one byte
// stands for one byte in both directions and nothing is ever lost.
var latin1FromCP500, cp500FromLatin1 = cp500Tables()

// cp500Tables takes code page 037 from x/text, which has no 500, and moves the seven characters at which the two
// differ. Code page 1148 differs from 500 at 9F alone (the euro sign for the currency sign), which no element of ours
// may hold, so files in it are read as 500.
func cp500Tables() (decode, encode [256]byte) {
	for i := range decode {
		decode[i] = byte(charmap.CodePage037.DecodeByte(byte(i)))
	}
	for code, char := range map[byte]byte{
		0x4A: '[', 0x4F: '!', 0x5A: ']', 0x5F: '^', 0xB0: 0xA2 /* ¢ */, 0xBA: 0xAC /* ¬ */, 0xBB: '|',
	} {
		decode[code] = char
	}
	for i, char := range decode {
		encode[char] = byte(i)
	}
	return decode, encode
}

// portable reports whether a character may stand in merchant and terminal data: printable ASCII at the same place in
// code pages 037, 500 and 1148, so that a reader that guessed another one of them still reads it right.
func portable(c byte) bool { return characters[c]&portableBit != 0 }

func translate(b []byte, table *[256]byte) {
	for i, c := range b {
		b[i] = table[c]
	}
}
