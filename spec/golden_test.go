package spec_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchyard/spec"
)

var writeGolden = flag.Bool("write-golden", false, "write testdata/golden anew; the decoder of the test still reads it")

// messages87 has a message of each kind of ISO 8583:1987: the first that are given, and each other kind with the DEs of
// one of these, whose number stands for it.
func messages87() []values {
	card := values{
		2: "378282246310005", 3: "000000", 4: "000000012345", 7: "1121202501", 11: "000123", 12: "202501", 13: "1121",
		14: "3012", 18: "5411", 22: "051", 25: "00", 32: "40000", 37: "632510000001", 41: "TERM0001", 42: "MERCHANT-1",
		43: "CORNER SHOP            BERLIN        DEU", 48: "0102050201C", 49: "978",
	}
	request := with(card, values{
		0: "0100", 23: "001", 35: "5555555555554444=29121010000012345678", 52: "0123456789ABCDEF",
		55: "9F02060000000123459F1A020276",
	})
	answer := values{
		0: "0110", 3: "000000", 4: "000000010000", 7: "1121202501", 11: "000123", 12: "202501", 13: "1121", 32: "40000",
		37: "632510000001", 38: "A1B2", 39: "10", 41: "TERM0001", 42: "MERCHANT-1", 48: "1501Y1601M", 49: "978",
		54: "0057978D000000012345",
	}
	sale := with(card, values{0: "0200", 15: "1122", 28: "D00000150", 48: "0601107237400001632500000000000001"})
	advice := with(card, values{0: "0220", 15: "1122", 38: "A1B2C3", 90: "010000012311212025010000004000000000000000"})
	reversal := values{
		0: "0420", 2: "4000000000000000002", 3: "000000", 4: "000000012345", 7: "1121202511", 11: "000124", 12: "202511",
		13: "1121", 25: "00", 32: "40000", 37: "632510000001", 38: "A1B2C3", 41: "TERM0001", 42: "MERCHANT-1",
		48: "04044000", 49: "978", 90: "010000012311212025010000004000000000000000",
		95: "000000007345000000000000000000000000000000",
	}
	totals := values{
		0: "0500", 7: "1121235959", 11: "000009", 15: "1121", 32: "40000", 50: "978", 74: "0000000002", 75: "0000000000",
		76: "0000000041", 77: "0000000001", 81: "0000000099", 86: "0000000000012345", 87: "0000000000000000",
		88: "0000000000543210", 89: "0000000000000100", 97: "D0000000000530765",
	}
	balance := values{
		0: "0510", 7: "1121235959", 11: "000009", 15: "1121", 39: "00", 50: "978", 66: "1", 97: "D0000000000530765",
		128: "0123456789ABCDEF",
	}
	network := values{0: "0800", 7: "1121202501", 11: "000001", 32: "40000", 70: "301"}
	echoed := with(network, values{0: "0810", 39: "00"})
	return kinds(map[string]values{
		"0100 0101 0120 0121": request, "0110 0130 0210 0230 0410 0430": answer, "0200 0201": sale, "0220 0221": advice,
		"0400 0401 0420 0421": reversal, "0500 0501 0520 0521": totals, "0510 0530": balance, "0800 0801 0820": network,
		"0810": echoed,
	})
}

// messages93 are those of ISO 8583:1993.
func messages93() []values {
	card := values{
		2: "378282246310005", 3: "000000", 4: "000000012345", 7: "1121202501", 11: "000123", 12: "261121202501", 14: "3012",
		22: "510101511340", 24: "100", 26: "5411", 32: "40000", 37: "632510000001", 41: "TERM0001", 42: "MERCHANT-1",
		43: "CORNER SHOP\\MAIN STREET 1\\BERLIN\\10115     DEU", 48: "0102050201C", 49: "978",
	}
	request := with(card, values{
		23: "001", 35: "5555555555554444=29121010000012345678", 52: "0123456789ABCDEF", 53: "01020304",
		55: "9F02060000000123459F1A020276",
	})
	answer := values{
		3: "000000", 4: "000000010000", 7: "1121202501", 11: "000123", 12: "261121202501", 30: "000000012345000000000000",
		32: "40000", 37: "632510000001", 38: "A1B2", 39: "002", 41: "TERM0001", 42: "MERCHANT-1", 49: "978",
		54: "0057978D000000012345",
	}
	advice := with(card, values{24: "200", 38: "A1B2C3", 56: "11000001232611212025010540000"})
	reversal := values{
		2: "4000000000000000002", 3: "000000", 4: "000000007345", 7: "1121202511", 11: "000124", 12: "261121202511",
		24: "401", 25: "4000", 30: "000000012345000000000000", 32: "40000", 37: "632510000001", 41: "TERM0001",
		42: "MERCHANT-1", 49: "978", 56: "11000001232611212025010540000",
	}
	totals := values{
		7: "1121235959", 11: "000009", 12: "261121235959", 24: "500", 28: "261121", 32: "40000", 50: "978",
		74: "0000000002", 76: "0000000041", 86: "0000000000012345", 88: "0000000000543210", 97: "D0000000000530765",
		128: "0123456789ABCDEF",
	}
	network := values{7: "1121202501", 11: "000001", 12: "261121202501", 24: "831", 32: "40000", 93: "12345", 94: "54321"}
	return kinds(map[string]values{
		"1100 1101 1120 1121 1200 1201": request, "1110 1130 1210 1230 1430": answer, "1220 1221": advice,
		"1420 1421": reversal, "1520 1521": totals, "1530": with(totals, values{39: "500"}), "1804 1805": network,
		"1814": with(network, values{39: "800"}),
	})
}

func with(v, more values) values {
	v = maps.Clone(v)
	maps.Copy(v, more)
	return v
}

// kinds gives each MTI of a list its values, ascending.
func kinds(of map[string]values) (all []values) {
	for mtis, v := range of {
		for _, mti := range strings.Fields(mtis) {
			all = append(all, with(v, values{0: mti}))
		}
	}
	slices.SortFunc(all, func(a, b values) int { return strings.Compare(a[0], b[0]) })
	return all
}

// TestGolden: of each stock dialect a frame of each kind of message stands in testdata/golden. The codec packs and
// reads it, and so does the decoder below, which was written from docs/iso8583.md and knows no spec.
func TestGolden(t *testing.T) {
	for _, c := range stockCodecs {
		messages := messages87()
		if c.Version() == spec.ISO1993 {
			messages = messages93()
		}
		name := filepath.Join("testdata", "golden", c.Name()+".txt")
		if *writeGolden {
			var text strings.Builder
			for _, v := range messages {
				frame, err := c.Pack(nil, v.message())
				if err != nil {
					t.Fatalf("%s %s: %v", c.Name(), v[0], err)
				}
				fmt.Fprintf(&text, "%s %X\n", v[0], frame)
			}
			if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(string(text))
		if len(lines) != 2*len(messages) {
			t.Fatalf("%s has %d frames, want %d", name, len(lines)/2, len(messages))
		}
		for i, v := range messages {
			frame, err := hex.DecodeString(lines[2*i+1])
			if err != nil || lines[2*i] != v[0] {
				t.Fatalf("%s: frame %s, %v; want %s", name, lines[2*i], err, v[0])
			}
			if got, err := habits[c.Name()].decode(frame); err != nil || got.String() != v.String() {
				t.Errorf("%s %s\n decoder %v, %v\n    want %v", c.Name(), v[0], got, err, v)
			}
			var m spec.Message
			if err := c.Unpack(frame, &m); err != nil || valuesOf(&m).String() != v.String() {
				t.Errorf("%s %s\nunpacked %v, %v\n    want %v", c.Name(), v[0], valuesOf(&m), err, v)
			}
			if got, err := c.Pack(nil, v.message()); err != nil || string(got) != string(frame) {
				t.Errorf("%s %s\n  packed %X, %v\n    want %X", c.Name(), v[0], got, err, frame)
			}
		}
	}
}

// TestGoldenKinds: there is a frame for each MTI that has a name, but for administrative messages.
func TestGoldenKinds(t *testing.T) {
	have := map[string]bool{}
	for _, v := range append(messages87(), messages93()...) {
		have[v[0]] = true
	}
	for n := range 2000 {
		mti := fmt.Sprintf("%04d", n)
		if named := spec.MTIName(mti) != "message"; named != have[mti] && mti != "1644" {
			t.Errorf("MTI %s has a name: %t, a golden frame: %t", mti, named, have[mti])
		}
	}
}

// habit is how a dialect writes what the standard leaves open.
type habit struct {
	formats  map[int]string
	ebcdic   bool
	bcd      bool // numbers and lengths, two digits a byte
	left     bool // an odd number of digits in a variable n begins with the first nibble
	signed   bool // x+n: a character, then BCD
	bitmaps  bool // of bytes, not hex text
	bytes    bool // b is bytes, not hex text
	chipText bool // the length of DE55 counts hex digits
	octet    bool // a length is a byte, in binary; track 2 is packed as numbers are, and so are currencies
}

var (
	all87 = with(formats87, values{28: "x+n8", 55: "b...999"})
	all93 = with(formats93, values{50: "an3", 76: "n10", 86: "n16", 88: "n16", 93: "n..11", 94: "n..11"})

	habits = map[string]habit{
		"iso87ascii":       {formats: all87, chipText: true},
		"iso87bcd":         {formats: all87, bcd: true, bitmaps: true, bytes: true},
		"iso87binary":      {formats: all87, chipText: true, bitmaps: true},
		"iso87binary-jpos": {formats: all87, bcd: true, left: true, signed: true, bitmaps: true, bytes: true},
		"iso87ebcdic":      {formats: all87, ebcdic: true, bitmaps: true, bytes: true},
		"iso87bcd-ebcdic":  {formats: all87, bcd: true, ebcdic: true, octet: true, bitmaps: true, bytes: true},
		"iso93ascii":       {formats: all93},
		"iso93bcd":         {formats: all93, bcd: true, signed: true, bitmaps: true, bytes: true},
	}
)

// wire is what is left of a frame. What is read past its end is an error of decode's.
type wire struct{ left []byte }

func (w *wire) take(n int) []byte {
	taken := w.left[:n]
	w.left = w.left[n:]
	return taken
}

func (h habit) decode(frame []byte) (v values, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	w := &wire{frame}
	v = values{0: h.number(w, 4, false)}
	bits := h.bitmap(w)
	if bits[0] == '1' {
		bits += h.bitmap(w)
	}
	for de := 2; de <= len(bits); de++ {
		if bits[de-1] == '1' {
			v[de] = h.field(w, de)
		}
	}
	if len(w.left) != 0 {
		return v, fmt.Errorf("%d bytes are left", len(w.left))
	}
	return v, nil
}

func (h habit) bitmap(w *wire) string {
	text := string(w.take(8))
	if h.bitmaps {
		text = fmt.Sprintf("%X", text)
	} else {
		text += string(w.take(8))
	}
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%064b", n)
}

func (h habit) field(w *wire, de int) string {
	format := h.formats[de]
	class := strings.TrimRight(format, ".0123456789")
	n, err := strconv.Atoi(strings.TrimLeft(format, "abnsxz+."))
	if err != nil {
		panic(fmt.Sprintf("no format of DE%d", de))
	}
	dots := strings.Count(format, ".")
	if dots != 0 && h.octet {
		n = int(w.take(1)[0])
	} else if dots != 0 {
		if n, err = strconv.Atoi(h.number(w, dots, false)); err != nil {
			panic(err)
		}
	}
	switch {
	case class == "b" && h.bytes:
		return fmt.Sprintf("%X", w.take(n))
	case class == "b" && h.chipText && de == 55:
		return string(w.take(n))
	case class == "b":
		return string(w.take(2 * n))
	case class == "x+n" && h.signed:
		return string(w.take(1)) + h.number(w, n, false)
	case class == "x+n":
		return h.text(w, n+1)
	case class == "z" && h.bcd && de == 35:
		track := fmt.Sprintf("%X", w.take((n+1)/2))
		if h.octet {
			track = track[len(track)-n:]
		}
		return strings.Replace(track[:n], "D", "=", 1)
	case class == "n" && (h.octet || de < 49 || de > 51):
		return h.number(w, n, h.left && dots != 0)
	case dots != 0:
		return h.text(w, n)
	}
	return strings.TrimRight(h.text(w, n), " ")
}

func (h habit) number(w *wire, n int, left bool) string {
	if !h.bcd {
		return h.text(w, n)
	}
	digits := fmt.Sprintf("%X", w.take((n+1)/2))
	if left {
		return digits[:n]
	}
	return digits[len(digits)-n:]
}

func (h habit) text(w *wire, n int) string {
	taken := w.take(n)
	if !h.ebcdic {
		return string(taken)
	}
	text := make([]byte, n)
	for i, b := range taken {
		switch {
		case b >= 0xF0 && b <= 0xF9:
			text[i] = '0' + b - 0xF0
		case b >= 0xC1 && b <= 0xC9:
			text[i] = 'A' + b - 0xC1
		case b >= 0xD1 && b <= 0xD9:
			text[i] = 'J' + b - 0xD1
		case b >= 0xE2 && b <= 0xE9:
			text[i] = 'S' + b - 0xE2
		case b == 0x40:
			text[i] = ' '
		case b == 0x60:
			text[i] = '-'
		case b == 0x7E:
			text[i] = '='
		default:
			panic(fmt.Sprintf("EBCDIC %X", b))
		}
	}
	return string(text)
}
