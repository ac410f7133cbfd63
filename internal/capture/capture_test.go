package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// echo is an 0800 in ASCII.
const echo = "0800822000000000000004000000000000001121202501000123301"

// TestForms reads the same bytes out of every form that is text.
func TestForms(t *testing.T) {
	data := append([]byte(echo), 0, 0xFF, '"', '\'', '\\', '\n')
	var numbers, goSlice, java []string
	for _, b := range data {
		numbers = append(numbers, fmt.Sprint(b))
		goSlice = append(goSlice, fmt.Sprintf("0x%02x", b))
		java = append(java, fmt.Sprintf("(byte)0x%02X", b))
	}
	cText := ""
	for i, b := range data {
		cText += fmt.Sprintf(`\x%02x`, b)
		if i == 20 {
			cText += "\"\n\t\"" // C joins strings that stand side by side
		}
	}
	for _, c := range []struct {
		name, text string
		form       Form
	}{
		{"hex", hex.EncodeToString(data), Hex},
		{"hex with line ends", strings.Join(strings.SplitAfter(hex.EncodeToString(data), "30"), "\n") + "\n", Hex},
		{"hex with spaces", fmt.Sprintf("% X", data), Hex},
		{"hex with colons", strings.ReplaceAll(fmt.Sprintf("% x", data), " ", ":"), Hex},
		{"hex with 0x", "0x" + strings.ReplaceAll(fmt.Sprintf("% x", data), " ", ", 0x"), Hex},
		{"hex with \\x", `\x` + strings.ReplaceAll(fmt.Sprintf("% x", data), " ", `\x`), Hex},
		{"base64", base64.StdEncoding.EncodeToString(data), Base64},
		{"base64 for URLs", base64.RawURLEncoding.EncodeToString(data), Base64},
		{"C string", "/* echo */ const char frame[] = \"" + cText + "\"; // sent\n", Literal},
		{"C array", "unsigned char frame[] = {" + strings.Join(numbers, ", ") + "};", Literal},
		{"Go slice", "frame := []byte{" + strings.Join(goSlice, ", ") + ",\n}", Literal},
		{"Java array", "byte[] frame = { " + strings.Join(java, ", ") + " };", Literal},
		{"Python bytes", `frame = b'` + echo + `\x00\xff"\'\\\n'`, Literal},
		{"Python fromhex", "bytes.fromhex('" + hex.EncodeToString(data) + "')", Literal},
		{"octal", `"` + echo + `\0\377\"'\\` + `\n"`, Literal},
		{"hexdump -C", dump(data, "%08x  ", true), Dump},
		{"xxd", dump(data, "%08x: ", false), Dump},
		{"tcpdump", dump(data, "\t0x%04x:  ", false), Dump},
		{"a logger", strings.ReplaceAll(dump(data, "%04x  ", true), "\n0", "\n2026-11-26 10:00:00.123 [7] DEBUG 0"), Dump},
	} {
		streams, err := As(c.form, []byte(c.text))
		if err != nil || len(streams) != 1 || !bytes.Equal(streams[0].Data, data) {
			t.Errorf("%s: %v, %+v\nof %s", c.name, err, streams, c.text)
		}
		if !isText([]byte(c.text)) {
			continue
		}
		ways, err := Ways([]byte(c.text))
		found := false
		for _, w := range ways {
			found = found || w.Form == c.form && len(w.Streams) == 1 && bytes.Equal(w.Streams[0].Data, data)
		}
		if err != nil || !found {
			t.Errorf("%s: Ways has no such way: %v %v", c.name, ways, err)
		}
	}
}

// dump writes lines of 16 bytes as xxd does, or hexdump if wide.
func dump(data []byte, offset string, wide bool) string {
	var b strings.Builder
	for at := 0; at < len(data); at += 16 {
		line := data[at:min(at+16, len(data))]
		var digits, text strings.Builder
		for i, c := range line {
			fmt.Fprintf(&digits, "%02x", c)
			if wide || i%2 != 0 {
				digits.WriteByte(' ')
			}
			if wide && i == 7 {
				digits.WriteByte(' ')
			}
			if c < ' ' || c > '~' {
				c = '.'
			}
			text.WriteByte(c)
		}
		fmt.Fprintf(&b, offset+"%-49s ", at, digits.String())
		if wide {
			fmt.Fprintf(&b, "|%s|\n", text.String())
		} else {
			fmt.Fprintf(&b, " %s\n", text.String())
		}
	}
	return b.String()
}

// TestDumpOfEveryLength writes dumps of data that looks like hex in its text column, of every length, with each
// column's layout: what is text is never taken for bytes.
func TestDumpOfEveryLength(t *testing.T) {
	for n := 1; n <= 40; n++ {
		data := bytes.Repeat([]byte("30 41 31"), 6)[:n]
		for _, text := range []string{dump(data, "%08x  ", true), dump(data, "%08x: ", false)} {
			streams, err := As(Dump, []byte(text))
			if err != nil || len(streams) != 1 || !bytes.Equal(streams[0].Data, data) {
				t.Errorf("%d bytes: %v, %+v\nof\n%s", n, err, streams, text)
			}
		}
	}
}

// TestDumps reads a file of a logger: two dumps, a line that is repeated, and a dump whose last line is longer.
func TestDumps(t *testing.T) {
	text := `10:00 sent 0037 bytes
00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000030  01                                                |.|
00000031
0000  01 10 72 20 00 00 02 00 00 00 10 41 11 11 11 11  ..r .......A....
0010  11 11 11 00 00 00 00 00 00 00 12 00 08 21 06 57 20 18 45 66 f0 f0
done
`
	streams, err := As(Dump, []byte(text))
	if err != nil || len(streams) != 2 {
		t.Fatal(err, streams)
	}
	if first := append(make([]byte, 0x30), 1); !bytes.Equal(streams[0].Data, first) || streams[0].Name != "dump 1" {
		t.Errorf("%x", streams[0].Data)
	}
	if n := len(streams[1].Data); n != 38 {
		t.Errorf("%d bytes, want 38", n)
	}
}

// TestErrors: what is wrong has its line and column, or its offset.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		form       Form
		text, want string
	}{
		{Hex, "3038\n30x8", "line 2, column 3: want a hex digit"},
		{Hex, "303", "line 1, column 4: want a second hex digit"},
		{Hex, " ", "line 1, column 1: want hex digits"},
		{Base64, "MDgw\nM$gw", "line 2, column 2: want a character of base64"},
		{Base64, "M", "want groups of four characters"},
		{Literal, "b'\\x30\n'", "line 1, column 2: want a string that ends on its line"},
		{Literal, `"\q"`, "line 1, column 2: want an escape of C or Python"},
		{Literal, "{1,\n300}", "line 2, column 1: want a byte: -128 to 255"},
		{Literal, "{1", "want an array that ends"},
		{Literal, "nothing", "want a string or an array"},
		{Dump, "hello", "want a line that begins with the offset 0000"},
		{Dump, "0000 30 31\n*\n0003 30", "line 1, column 1: want 3 bytes, as the next offset says, not 2"},
		{Pcap, "hello", "byte 0: want the magic number"},
		{Pcap, "\xd4\xc3\xb2\xa1", "byte 4: want a file header of 24 bytes"},
		{Pcap, "\xd4\xc3\xb2\xa1" + strings.Repeat("\x00", 16) + "\x93\x00\x00\x00", "byte 20: want Ethernet"},
		{Pcap, "\xd4\xc3\xb2\xa1" + strings.Repeat("\x00", 16) + "\x01\x00\x00\x00\x01\x02\x03",
			"byte 27: want a TCP packet with data behind the headers, where the file ends without a packet"},
		{Pcap, "\xd4\xc3\xb2\xa1" + strings.Repeat("\x00", 16) + "\x01\x00\x00\x00" + strings.Repeat("\x00", 8) +
			"\x3c\x00\x00\x00\x3c\x00\x00\x00\x01\x02", "byte 40: want a packet of 60 bytes, the first one, not 2"},
	} {
		_, err := As(c.form, []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.form, c.text, err, c.want)
		}
	}
}

// TestCases reads the dump of a peer's logger and the capture of one.
func TestCases(t *testing.T) {
	for name, want := range map[string]int{"a22-hexdump.txt": 38, "a23-capture-bad-frame.bin": 189} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		ways, err := Ways(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := ways[len(ways)-1].Streams[0].Data; len(got) != want {
			t.Errorf("%s: %d bytes, want %d", name, len(got), want)
		}
	}
}

// FuzzWays: no text and no bytes take a reader down, and none makes much of little.
func FuzzWays(f *testing.F) {
	f.Add([]byte(echo))
	f.Add([]byte("0x30, 0x38"))
	f.Add([]byte("b'08\\x00' {1, 0x22} \"a\" 'b'"))
	f.Add([]byte(dump([]byte(echo), "%08x  ", true)))
	f.Add([]byte("0000 30 31\n*\n0010 30\n0011"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, form := range Forms {
			streams, err := As(form, data)
			if err == nil && len(streams) == 0 {
				t.Fatalf("%s: no stream and no error", form)
			}
			total := 0
			for _, s := range streams {
				total += len(s.Data)
			}
			// Only a * stands for more than is written.
			if total > len(data) && !bytes.Contains(data, []byte("*")) {
				t.Fatalf("%s: %d bytes of %d", form, total, len(data))
			}
		}
		if ways, err := Ways(data); err == nil && len(ways) == 0 {
			t.Fatal("no way")
		}
	})
}
