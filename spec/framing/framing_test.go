package framing_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"switchyard/spec/framing"
)

// limit is what the tests take of a message.
const limit = 4096

// formats are all that a length, a header and a trailer can be, and what stands around "MESSAGE" in them.
var formats = []struct{ text, frame string }{
	{"binary2", "0007 4d455353414745"},
	{"binary4", "00000007 4d455353414745"},
	{"bcd2", "0007 4d455353414745"},
	{"ascii4", "30303037 4d455353414745"},
	{"binary2+inclusive", "0009 4d455353414745"},
	{"binary4+inclusive", "0000000b 4d455353414745"},
	{"bcd2+inclusive", "0009 4d455353414745"},
	{"ascii4+inclusive", "30303131 4d455353414745"},
	{"none+trailer:03", "4d455353414745 03"},
	{"binary2+tpdu:6000030000", "000c 6000030000 4d455353414745"},
	{"bcd2+tpdu:6000030000", "0012 6000030000 4d455353414745"},
	{"ascii4+inclusive+tpdu:6012345678+trailer:0d0a", "30303138 6012345678 4d455353414745 0d0a"},
	{"binary2+header:00c0ffee", "000b 00c0ffee 4d455353414745"},
	{"binary2+text:ISO006000020", "0013 49534f303036303030303230 4d455353414745"},
	{"none+text:ISO006000020+trailer:03", "49534f303036303030303230 4d455353414745 03"},
	{
		"none+visa:16010200000000000000000000000000000000000000",
		"160102 001d 000000 000000 0000000000000000000000 4d455353414745",
	},
	{
		"binary2+header:0000+visa:16010200001111112222220000000000000000000000",
		"001f 0000 160102 001d 111111 222222 0000000000000000000000 4d455353414745",
	},
	{
		"binary2+tpdu:6000000000+header:01+text:A1+trailer:03",
		"0010 6000000000 01 4131 4d455353414745 03",
	},
}

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, text string) framing.Format {
	t.Helper()
	f, err := framing.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFormats appends a message in each format, twice, and reads both back, however the bytes come.
func TestFormats(t *testing.T) {
	for _, c := range formats {
		t.Run(c.text, func(t *testing.T) {
			f := parse(t, c.text)
			if f.String() != c.text {
				t.Errorf("its text form is %q", f)
			}
			want := bytesOf(t, c.frame)
			stream, err := f.Append([]byte("before"), []byte("MESSAGE"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(stream, append([]byte("before"), want...)) {
				t.Fatalf("appended %x, want %x behind what there was", stream, want)
			}
			if stream, err = f.Append(want, []byte("AGAIN")); err != nil {
				t.Fatal(err)
			}
			for name, r := range map[string]io.Reader{
				"at once":      bytes.NewReader(stream),
				"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			} {
				in := bufio.NewReaderSize(r, limit+framing.MaxOverhead)
				for _, message := range []string{"MESSAGE", "AGAIN"} {
					frame, err := f.Peek(in, limit)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if string(frame.Message) != message {
						t.Errorf("%s: read %q, want %q", name, frame.Message, message)
					}
					if !f.Buffered(in, limit) {
						t.Errorf("%s: a frame that was peeked is not there as a whole", name)
					}
					if _, err := in.Discard(frame.Size); err != nil {
						t.Fatal(err)
					}
				}
				if f.Buffered(in, limit) {
					t.Errorf("%s: a frame is there behind the last", name)
				}
				_, err := f.Peek(in, limit)
				if short := new(framing.CutShort); !errors.As(err, &short) || short.Got != 0 || !errors.Is(err, io.EOF) {
					t.Errorf("%s: at the end: %v", name, err)
				}
			}
		})
	}
}

// TestBeginnings cuts each beginning of a frame: it says that more is wanted, never more than there is.
func TestBeginnings(t *testing.T) {
	for _, c := range formats {
		f, whole := parse(t, c.text), bytesOf(t, c.frame)
		for n := range whole {
			frame, need, err := f.Cut(whole[:n], limit)
			if err != nil || need <= n || need > len(whole) || frame.Message != nil {
				t.Errorf("%s: %d of %d bytes: need %d, %v", c.text, n, len(whole), need, err)
			}
		}
	}
}

// TestOthersFrames reads frames that other programs sent.
func TestOthersFrames(t *testing.T) {
	for _, c := range []struct{ file, text, head, message string }{
		{"a05a-len-tpdu-bcd", "bcd2+tpdu", "6000100000", ""},
		{"a05a-len-tpdu-bcd", "binary2+tpdu", "", "data ends within the frame"},
		{"a07b-ascii-len-incl", "ascii4+inclusive", "", "0800822000000000000004000000000000001125101112000001301"},
		{"a18-visa-header", "none+visa", "160102003c00000000000000000000000000000000 00", ""},
		{"a21a-base24-header", "none+text:ISO006000020", "49534f303036303030303230", "08008220"},
	} {
		raw, err := os.ReadFile("testdata/" + c.file + ".hex")
		if err != nil {
			t.Fatal(err)
		}
		data := bytesOf(t, string(raw))
		frame, need, err := parse(t, c.text).Cut(data, limit)
		if err != nil {
			t.Fatalf("%s as %s: %v", c.file, c.text, err)
		}
		if c.message == "data ends within the frame" {
			if need <= len(data) {
				t.Errorf("%s as %s: cut %x", c.file, c.text, frame.Message)
			}
			continue
		}
		if !bytes.Equal(frame.Head, bytesOf(t, c.head)) {
			t.Errorf("%s as %s: headers %x, want %s", c.file, c.text, frame.Head, c.head)
		}
		if need != 0 || frame.Size != len(data) || !strings.HasPrefix(string(frame.Message), c.message) {
			t.Errorf("%s as %s: %q of %d bytes, need %d", c.file, c.text, frame.Message, frame.Size, need)
		}
	}
}

// TestAnswer answers requests: addresses are swapped, the rest is echoed, lengths are those of the answer.
func TestAnswer(t *testing.T) {
	for _, c := range []struct{ text, request, answer string }{
		{"binary2", "0001 41", "0002 4f4b"},
		{"binary2+tpdu:6000030000", "0006 6001230456 41", "0007 6004560123 4f4b"},
		{"bcd2+header:0000+trailer:03", "0004 1234 41 03", "0005 1234 4f4b 03"},
		{"none+text:ISO006000020+trailer:03", "49534f303136303030303735 41 03", "49534f303136303030303735 4f4b 03"},
		{
			"none+visa",
			"16810200171234567890120102030405060708090a 0b 41",
			"16810200187890121234560102030405060708090a 0b 4f4b",
		},
		{"binary2+tpdu:6000030000+set", "0006 6001230456 41", "0007 6000030000 4f4b"},
		{"binary2+header:0102+text:ISO+set+trailer:03", "0007 ffff 49534f 41 03", "0008 0102 49534f 4f4b 03"},
		{
			"none+visa:16020200000000110000220000000000000000000000+set",
			"18810200191234567890120102030405060708090a 0b cafe 41",
			"16020200180000110000220000000000000000000000 4f4b",
		},
		{ // a header that is longer than ours is echoed as it is long
			"none+visa",
			"18810200191234567890120102030405060708090a 0b cafe 41",
			"188102001a7890121234560102030405060708090a 0b cafe 4f4b",
		},
	} {
		f, request := parse(t, c.text), bytesOf(t, c.request)
		frame, _, err := f.Cut(request, limit)
		if err != nil || string(frame.Message) != "A" {
			t.Fatalf("%s: the request: %q, %v", c.text, frame.Message, err)
		}
		answer, err := f.Answer(nil, []byte("OK"), frame.Head)
		if err != nil {
			t.Fatal(err)
		}
		if want := bytesOf(t, c.answer); !bytes.Equal(answer, want) {
			t.Errorf("%s: answered %x, want %x", c.text, answer, want)
		}
		back, _, err := f.Cut(answer, limit)
		if err != nil || string(back.Message) != "OK" {
			t.Errorf("%s: the answer: %q, %v", c.text, back.Message, err)
		}
	}
}

// TestNoFrame holds what is refused, and whether it can be passed over.
func TestNoFrame(t *testing.T) {
	for _, c := range []struct {
		text, bytes string
		reason      framing.Reason
		size        int
		want        string
	}{
		{"binary2", "0000", framing.Empty, 2, "a message"},
		{"binary2", "1001", framing.TooLong, 4099, "at most 4096 bytes"},
		{"binary4", "00000000", framing.Empty, 4, "a message"},
		{"binary4", "30383030", framing.BadLength, 0, "a length of at most 131072"},
		{"binary4", "00001f00", framing.TooLong, 7940, "at most 4096 bytes"},
		{"ascii4", "30300033", framing.BadLength, 0, "a length of four ASCII digits"},
		{"ascii4+inclusive", "30303033", framing.BadLength, 0, "a length that counts its own 4 bytes"},
		{"ascii4+inclusive", "30303030", framing.Empty, 4, "a message"},
		{"bcd2", "00a0", framing.BadLength, 0, "a length of four BCD digits"},
		{"bcd2+tpdu", "0005 6000000000", framing.Empty, 7, "a message"},
		{"bcd2+tpdu", "0003 600000", framing.BadHeader, 5, "a TPDU of 5 bytes that begins with 60"},
		{"bcd2+tpdu", "0006 6800000000 41", framing.BadHeader, 8, "a TPDU of 5 bytes that begins with 60"},
		{"binary2+text:ISO01", "0006 495341303041", framing.BadHeader, 8, `a header like "ISO01"`},
		{"binary2+text:ISO01", "0006 49534f300041", framing.BadHeader, 8, `a header like "ISO01"`},
		{"binary2+header:000000", "0002 0000", framing.BadHeader, 4, "a header of 3 bytes"},
		{"binary2+trailer:03", "0002 4104", framing.BadHeader, 4, "the trailer 03"},
		{"none+text:ISO", "495341", framing.BadHeader, 0, `a header like "ISO"`},
		{"none+visa", "15", framing.BadHeader, 0, "a Visa header of at least 22 bytes that says how many it has"},
		{
			"none+visa", "1601020015" + strings.Repeat("00", 17), framing.BadLength, 0,
			"a Visa header whose length counts itself and the message",
		},
		{"none+visa+trailer:03", "1601020017" + strings.Repeat("00", 19), framing.BadHeader, 24, "the trailer 03"},
		{"none+trailer:03", "03", framing.Empty, 1, "a message"},
		{"none+trailer:03", strings.Repeat("41", limit+2), framing.TooLong, 0, "at most 4096 bytes"},
	} {
		_, need, err := parse(t, c.text).Cut(bytesOf(t, c.bytes), limit)
		refused := new(framing.Error)
		if !errors.As(err, &refused) || need != 0 {
			t.Errorf("%s: %s: need %d, %v", c.text, c.bytes, need, err)
			continue
		}
		if refused.Reason != c.reason || refused.Size != c.size || refused.Want != c.want {
			t.Errorf("%s: %.20s: %+v, want reason %d, size %d, %q", c.text, c.bytes, *refused, c.reason, c.size, c.want)
		}
	}
}

// TestTextForms holds what Parse makes of a text.
func TestTextForms(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "binary2",
		"tpdu":                        "binary2+tpdu:6000000000",
		"ascii4+tpdu":                 "ascii4+tpdu:6000000000",
		"inclusive":                   "binary2+inclusive",
		"none":                        "none",
		"none+visa":                   "none+visa:16010200000000000000000000000000000000000000",
		"header:AB+text:x":            "binary2+header:ab+text:x",
		"binary2+trailer:03":          "binary2+trailer:03",
		"tpdu+set+trailer:03":         "binary2+tpdu:6000000000+set+trailer:03",
		"none+text:ISO026000070+tpdu": "none+text:ISO026000070+tpdu:6000000000",
	} {
		f := parse(t, text)
		if f.String() != want {
			t.Errorf("%q is %q, want %q", text, f, want)
		}
		if again := parse(t, f.String()); again.String() != want {
			t.Errorf("%q is %q when read again", want, again)
		}
	}
	for text, want := range map[string]string{
		"binary3":         `framing "binary3": "binary3": want a length (binary2, binary4, bcd2, ascii4 or none)`,
		"binary2+ascii4":  `"ascii4": want the length first`,
		"none+inclusive":  `"inclusive": want a length that counts itself`,
		"tpdu+inclusive":  `"inclusive": want it once, behind the length`,
		"binary2:7":       `"binary2:7": want tpdu:, header:, text:, visa: or trailer: with a value`,
		"tpdu:600003":     `"tpdu:600003": want 60 and two addresses`,
		"tpdu:6100030000": `want 60 and two addresses`,
		"tpdu:60000a0000": `want decimal digits`,
		"tpdu+tpdu":       `"tpdu": want one at most`,
		"header":          `"header": want something behind a colon`,
		"header:abc":      `"header:abc": want 1 to 64 bytes in hex`,
		"text:é":          `want printable ASCII`,
		"trailer:03+tpdu": `"tpdu": want nothing behind the trailer`,
		"binary2+set":     `"set": want it once, behind the headers`,
		"tpdu+set+set":    `"set": want it once, behind the headers`,
		"tpdu+set+visa":   `"visa": want headers in front of set`,
		"tpdu+set:01":     `"set:01": want tpdu:`,
		"trailer:":        `"trailer:": want something behind a colon`,
		"visa:1701":       `want 22 bytes in hex, the first of them 16`,
		"binary2++tpdu":   `"": want a length`,
		"text:" + strings.Repeat("x", 60) + "+tpdu": `"tpdu": want headers of at most 64 bytes in all`,
	} {
		_, err := framing.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if f := (framing.Format{}); f.String() != framing.Default || !f.IsDefault() || !f.Delimited() {
		t.Errorf("the zero format is %q", f)
	}
}

// TestLongest holds a frame of each format to the longest message that it can take.
func TestLongest(t *testing.T) {
	for text, want := range map[string]int{
		"binary2": 65535, "binary4": 65535, "binary2+inclusive": 65533, "ascii4": 9999, "bcd2+inclusive+tpdu": 9992,
		"none+visa": 65513, "none+trailer:03": 65535, "ascii4+trailer:03": 9998,
	} {
		f := parse(t, text)
		if got := f.MaxMessage(); got != want {
			t.Errorf("%s takes %d bytes, want %d", text, got, want)
			continue
		}
		frame, err := f.Append(nil, make([]byte, want))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if back, _, err := f.Cut(frame, want); err != nil || len(back.Message) != want {
			t.Errorf("%s: read %d bytes back, %v", text, len(back.Message), err)
		}
		for _, n := range []int{0, want + 1} {
			if out, err := f.Append([]byte("x"), make([]byte, n)); err == nil || string(out) != "x" {
				t.Errorf("%s: appended %d bytes of %d", text, len(out), n)
			}
		}
	}
	if _, err := parse(t, "none+trailer:03").Append(nil, []byte("A\x03B")); err == nil {
		t.Error("a message with the trailer in it was framed by it")
	}
}

// TestEnding reads messages that alone say where they end: here a digit says how many letters follow.
func TestEnding(t *testing.T) {
	f := parse(t, "none+header:00").Ending(func(data []byte) (int, error) {
		n := int(data[0]-'0') + 1
		switch {
		case n < 1 || n > 10:
			return 0, errors.New("a digit first")
		case n > len(data):
			return 0, framing.ErrShort
		}
		return n, nil
	})
	in := bufio.NewReader(iotest.OneByteReader(strings.NewReader("\x003abc\x000\x001d\x00?")))
	for _, want := range []string{"3abc", "0", "1d"} {
		frame, err := f.Peek(in, limit)
		if err != nil || string(frame.Message) != want {
			t.Fatalf("%q, %v, want %q", frame.Message, err, want)
		}
		if _, err := in.Discard(frame.Size); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.Peek(in, limit)
	if refused := new(framing.Error); !errors.As(err, &refused) || refused.Want != "a message: a digit first" {
		t.Errorf("what is no message: %v", err)
	}
	if same := parse(t, "binary4").Ending(nil); !same.Delimited() {
		t.Error("a format with a length takes another end")
	}
	whole, _, err := parse(t, "none").Cut([]byte("all of it"), limit)
	if err != nil || string(whole.Message) != "all of it" {
		t.Errorf("without an end: %q, %v", whole.Message, err)
	}
}

// TestNothingAllocated holds the way of a frame to no allocation.
func TestNothingAllocated(t *testing.T) {
	for _, c := range formats {
		f, frame := parse(t, c.text), bytesOf(t, c.frame)
		source := bytes.NewReader(frame)
		in := bufio.NewReaderSize(source, limit+framing.MaxOverhead)
		out := make([]byte, 0, 256)
		message := []byte("MESSAGE")
		allocs := testing.AllocsPerRun(100, func() {
			source.Reset(frame)
			in.Reset(source)
			got, err := f.Peek(in, limit)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Answer(out, message, got.Head); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Append(out, message); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", c.text, allocs)
		}
	}
}
