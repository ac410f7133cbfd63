package isotool_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/internal/capture"
	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// stock are codecs of embedded dialects.
func stock() []*spec.Codec {
	return []*spec.Codec{spec.MustCodec(spec.DefaultDialect), spec.MustCodec(spec.BCDDialect)}
}

// TestDialectAsFound: where no dialect reads a message to its end, one is shown that writes MTI and bitmap as they are
// there, and not one that takes a bitmap of hex digits for a binary one and so reads on.
func TestDialectAsFound(t *testing.T) {
	data, err := os.ReadFile("testdata/a13-third-bitmap.hex")
	if err != nil {
		t.Fatal(err)
	}
	r, err := isotool.Read(isotool.Input{Data: data, Candidates: append(stock(), spec.MustCodec("iso87binary"))})
	if err != nil {
		t.Fatal(err)
	}
	text := printed(t, r)
	for _, want := range []string{
		"    52  007 ", " 1125101112\n", "    62  011 ", " 000001\n", "    68  070 ", " 301\n",
		"wrong: bitmap at byte 20: want no third bitmap; it announces DE 129, which the dialect does not define; " +
			"1 bytes could not be read",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("a third bitmap: %q is not in\n%s", want, text)
		}
	}
}

// TestOwnDialect reads a message in a dialect of one's own, with a length of six digits.
func TestOwnDialect(t *testing.T) {
	file, err := os.Open("testdata/a12-de127-six-digits.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	codec, err := spec.OpenFile(file.Name(), file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/a12-de127-six-digits.hex")
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, isotool.Input{Data: data, Codec: codec})
	text := printed(t, r)
	if r.Form != capture.Hex || r.Faults() > 0 || !strings.Contains(text, "    55  127 DE127 ") {
		t.Errorf("%s, %d faults:\n%s", r.Form, r.Faults(), text)
	}
}

func read(t *testing.T, in isotool.Input) *isotool.Reading {
	t.Helper()
	if in.Candidates == nil {
		in.Candidates = stock()
	}
	r, err := isotool.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func printed(t *testing.T, r *isotool.Reading) string {
	t.Helper()
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWarnings: a frame that can be read, in which an odd number is filled up otherwise than the dialect fills it, has
// a warning, and no fault.
func TestWarnings(t *testing.T) {
	m := new(spec.Message)
	if err := isotool.ParseFields(m, []string{
		"mti=0100", "2=378282246310005", "3=000000", "4=000000001000", "11=000001", "22=051",
	}, isotool.Now{}); err != nil {
		t.Fatal(err)
	}
	for dialect, c := range map[string]struct{ ours, theirs, want string }{
		"iso87bcd": {"\x00\x51", "\x05\x10", "DE22 is no entry mode as iso87bcd reads it: it may be filled on the right"},
		"iso87binary-jpos": {"\x37\x82\x82\x24\x63\x10\x00\x50", "\x37\x82\x82\x24\x63\x10\x00\x5F",
			"DE2 is filled with F, where iso87binary-jpos fills with 0"},
	} {
		codec := spec.MustCodec(dialect)
		ours, err := codec.Pack(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		theirs := bytes.Replace(ours, []byte(c.ours), []byte(c.theirs), 1)
		for _, one := range []struct {
			data []byte
			want int
		}{{ours, 0}, {theirs, 1}} {
			r := read(t, isotool.Input{Data: one.data, Codec: codec, Framing: "none", Form: "binary"})
			text := printed(t, r)
			if r.Faults() > 0 || strings.Count(text, "  warning: "+c.want+"\n") != one.want {
				t.Errorf("%s: want %d warnings: %s\n%s", dialect, one.want, c.want, text)
			}
		}
	}
}

// TestCases decodes what other systems sent: form, framing and dialect are found.
func TestCases(t *testing.T) {
	for _, c := range []struct {
		file           string
		form           capture.Form
		framing        string
		frames, faults int
		want           []string
	}{
		{"a02a-track2-packed.hex", capture.Hex, "none", 1, 0, []string{
			"    27  035 Track 2 Data                                   hidden, 37 bytes", "    47  041 ", " TERM0001\n",
		}},
		{"a05a-len-tpdu-bcd.hex", capture.Hex, "bcd2+tpdu:6000100000", 1, 0, []string{
			"header 6000100000", "0800 network management request", "    17  003 Processing Code ", " 920000\n",
			"    30  041 ", " 37100013\n",
		}},
		{"a07b-ascii-len-incl.hex", capture.Hex, "ascii4+inclusive", 1, 0, []string{"    56  070 ", " 301\n"}},
		{"a18-visa-header.hex", capture.Hex, "none+visa", 1, 0, []string{
			"iso87bcd-ebcdic framed as none+visa", "0110 authorization response", "    32  002 ", " 411111******1111\n",
			"    50  007 ", " 0821065720\n", "    58  039 ", " 00\n",
		}},
		{"a21a-base24-header.hex", capture.Hex, "none+text:ISO006000020", 1, 0, []string{"    64  070 ", " 301\n"}},
		{"a22-hexdump.txt", capture.Dump, "none", 1, 0, []string{
			"iso87bcd-ebcdic framed as none", "0110 authorization response", "an MTI in BCD", "    10  002 ",
			" 411111******1111\n", "    22  004 ", " 000000001200\n", "    36  039 ", " 00\n",
		}},
		{"a23-capture-bad-frame.bin", capture.Raw, "binary2", 3, 1, []string{
			"frame 2 at byte 57, 75 bytes", "    97  011 Systems Trace Audit Number                     000459",
			"wrong: DE 61 (Reserved, Private) at byte 106: want 100 bytes, not 26; 29 bytes could not be read",
			"frame 3 at byte 132, 57 bytes", "   186  070 ",
		}},
	} {
		data, err := os.ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		var all []*spec.Codec
		for _, name := range spec.Stock() {
			all = append(all, spec.MustCodec(name))
		}
		r := read(t, isotool.Input{Data: data, Candidates: all})
		s := r.Streams[0]
		if r.Form != c.form || s.Framing != c.framing || len(s.Frames) != c.frames || r.Faults() != c.faults {
			t.Errorf("%s: %s, %s, %d frames, %d of them wrong", c.file, r.Form, s.Framing, len(s.Frames), r.Faults())
		}
		text := printed(t, r)
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", c.file, want, text)
			}
		}
		if strings.Contains(text, "41111111111111") || strings.Contains(text, "1111111111") {
			t.Errorf("%s shows a card number:\n%s", c.file, text)
		}
	}
}

// payment is an 0100 with all that may not be shown.
func payment(t *testing.T) *spec.Message {
	t.Helper()
	m := new(spec.Message)
	if err := isotool.ParseFields(m, []string{
		"mti=0100", "2=4111111111111111", "3=000000", "4=000000001000", "7=1121202501", "11=000001", "14=3107",
		"35=4111111111111111=3107101937", "41=TERM0001", "48.01=05", "48.11=937", "49=978", "52=9379379379379379",
		"63=CARD 4111111111111111",
	}, moment(time.Time{})); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestClearPAN shows card numbers where it is told to, and never tracks, CVC and PIN.
func TestClearPAN(t *testing.T) {
	const pan, cvc, expiry = "4111111111111111", "937", "3107"
	for _, codec := range stock() {
		frame, err := codec.PackFrame(nil, payment(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, clear := range []bool{false, true} {
			// The second reading is of a frame that ends too early.
			for _, data := range [][]byte{frame, frame[:len(frame)-3]} {
				r := read(t, isotool.Input{Data: data, Codec: codec, Framing: "binary2", ClearPAN: clear})
				asJSON, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{printed(t, r), string(asJSON)} {
					if strings.Contains(text, pan) != clear || strings.Contains(text, cvc) || strings.Contains(text, expiry) {
						t.Errorf("%s, clear %v:\n%s", codec.Name(), clear, text)
					}
				}
			}
		}
	}
}

// TestHeaderOfAMessage: a header that is configured too long takes some of the message; its card number is not shown.
func TestHeaderOfAMessage(t *testing.T) {
	for i, codec := range stock() {
		packed, err := codec.PackFrame(nil, payment(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range [][]int{{60, 46}, {30, 17}}[i] {
			format := "binary2+header:" + strings.Repeat("00", size)
			r := read(t, isotool.Input{Data: packed, Codec: codec, Framing: format, Form: capture.Raw})
			text := printed(t, r)
			if !strings.Contains(text, "header hidden") || strings.Contains(text, "31313131") ||
				strings.Contains(text, "11111111") {
				t.Errorf("%s, a header of %d bytes:\n%s", codec.Name(), size, text)
			}
		}
	}
}

// TestGoesOn reads on behind frames that are none: one that says how long it is, bytes that belong to nothing, and one
// whose end is missing.
func TestGoesOn(t *testing.T) {
	codec := stock()[0]
	format := framing.MustParse("ascii4+tpdu:6000030000")
	good, err := isotool.Append(nil, codec, format, payment(t))
	if err != nil {
		t.Fatal(err)
	}
	stream := bytes.Clone(good)
	stream = append(stream, "0010this is no"...)
	stream = append(stream, good...)
	stream = append(stream, "~~~~~~~"...)
	stream = append(stream, good...)
	stream = append(stream, good[:60]...)
	r := read(t, isotool.Input{Data: stream, Codec: codec, Framing: format.String()})
	var got []string
	for _, f := range r.Streams[0].Frames {
		what := f.MTI
		if f.Fault != nil {
			what += "!" + f.Fault.What
		}
		got = append(got, what)
	}
	want := []string{
		"0100", "!at byte 181: want a TPDU of 5 bytes that begins with 60", "0100",
		"!at byte 376: want a length of four ASCII digits", "0100",
		"0100!the bytes end after 60 of at least 181 of a frame",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	last := r.Streams[0].Frames[len(r.Streams[0].Frames)-1]
	if n := len(last.Fields); n == 0 || last.Fields[0].DE != 2 {
		t.Errorf("of the last frame %d fields were read", n)
	}
}

// TestOffsets: an offset is where in the input a field's bytes stand, whatever stands around messages.
func TestOffsets(t *testing.T) {
	codec := stock()[0]
	for _, text := range []string{
		"binary2", "ascii4+inclusive+tpdu:6000030000+trailer:03", "none+visa", "binary4+text:ISO006000020", "none+trailer:03",
	} {
		frame, err := isotool.Append(nil, codec, framing.MustParse(text), payment(t))
		if err != nil {
			t.Fatal(err)
		}
		data := append(bytes.Clone(frame), frame...)
		r := read(t, isotool.Input{Data: data, Codec: codec, Framing: text, Form: capture.Raw})
		if r.Faults() > 0 || len(r.Streams[0].Frames) != 2 {
			t.Errorf("%s: %s", text, printed(t, r))
			continue
		}
		for i, f := range r.Streams[0].Frames {
			for _, field := range f.Fields {
				if field.DE == 41 && string(data[field.Offset:field.Offset+field.Size]) != "TERM0001" {
					t.Errorf("%s, frame %d: DE41 at %d is %q", text, i+1, field.Offset, data[field.Offset:][:field.Size])
				}
			}
		}
	}
}

// TestConvert converts from each dialect and framing to each other, and back: the messages differ in nothing.
func TestConvert(t *testing.T) {
	for _, from := range stock() {
		for _, to := range stock() {
			first, err := isotool.Append(nil, from, framing.MustParse("ascii4"), payment(t))
			if err != nil {
				t.Fatal(err)
			}
			a := read(t, isotool.Input{Data: first, Codec: from, Framing: "ascii4", Form: capture.Raw})
			there, err := a.Convert(isotool.Target{Codec: to, Format: framing.MustParse("bcd2+tpdu:6000030000")})
			if err != nil {
				t.Fatal(err)
			}
			b := read(t, isotool.Input{Data: there, Codec: to, Framing: "bcd2+tpdu:6000030000", Form: capture.Raw})
			if d := isotool.Diff(a, b, false); len(d) > 0 {
				t.Errorf("%s to %s: %v", from.Name(), to.Name(), d)
			}
			back, err := b.Convert(isotool.Target{Codec: from, Format: framing.MustParse("ascii4")})
			if err != nil || !bytes.Equal(back, first) {
				t.Errorf("%s to %s and back: %x, want %x: %v", from.Name(), to.Name(), back, first, err)
			}
		}
	}
	bad := read(t, isotool.Input{Data: []byte("0800x"), Codec: stock()[0], Framing: "none"})
	_, err := bad.Convert(isotool.Target{Codec: stock()[0]})
	if err == nil || !strings.HasPrefix(err.Error(), "frame 1: ") {
		t.Errorf("of what cannot be read: %v", err)
	}
}

// TestConvertEditions puts a message of 1987 into the elements of 1993, and back.
func TestConvertEditions(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 25, 1, 0, time.UTC)
	ascii := spec.MustCodec(spec.DefaultDialect)
	asked := payment(t)
	if err := isotool.ParseFields(asked, []string{
		"12=202501", "13=1121", "18=5411", "22=810", "25=59", "32=123456", "37=632510000001", "42=MERCHANT", "63=",
	}, moment(time.Time{})); err != nil {
		t.Fatal(err)
	}
	asked.Unset(63)
	answer := new(spec.Message)
	answer.CopyFrom(asked)
	answer.SetMTI("0110")
	for _, de := range []int{2, 14, 18, 22, 25, 35, 52} {
		answer.Unset(de)
	}
	answer.Set(39, "51")
	for _, name := range []string{"iso93ascii", "iso93bcd"} {
		theirs := spec.MustCodec(name)
		for _, c := range []struct {
			m    *spec.Message
			want []string
		}{
			{asked, []string{"1100 ", "026", "261121202501"}},
			{answer, []string{"1110 ", "116"}},
		} {
			first, err := isotool.Append(nil, ascii, framing.MustParse("binary2"), c.m)
			if err != nil {
				t.Fatal(err)
			}
			in := isotool.Input{Data: first, Codec: ascii, Framing: "binary2", Form: capture.Raw}
			there, err := read(t, in).Convert(isotool.Target{Codec: theirs, Format: framing.MustParse("binary2"), At: at})
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, isotool.Input{Data: there, Codec: theirs, Framing: "binary2", Form: capture.Raw})
			text := printed(t, r)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s: want %q in\n%s", name, want, text)
				}
			}
			back, err := r.Convert(isotool.Target{Codec: ascii, Format: framing.MustParse("binary2"), At: at})
			if err != nil || !bytes.Equal(back, first) {
				t.Errorf("%s and back: %q, want %q: %v", name, back, first, err)
			}
		}
	}
	in := isotool.Input{Data: []byte("03008000000000000000"), Codec: ascii, Framing: "none", Form: capture.Raw}
	if _, err := read(t, in).Convert(isotool.Target{Codec: spec.MustCodec("iso93ascii"), At: at}); err == nil {
		t.Error("a message that ISO 8583:1993 does not have is converted")
	}
}

// TestDiff names the fields that differ, masked, and says so where what differs is hidden.
func TestDiff(t *testing.T) {
	codec := stock()[0]
	reading := func(change ...string) *isotool.Reading {
		m := payment(t)
		if err := isotool.ParseFields(m, change, moment(time.Time{})); err != nil {
			t.Fatal(err)
		}
		data, err := codec.PackFrame(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, isotool.Input{Data: data, Codec: codec, Framing: "binary2"})
	}
	var got []string
	a, b := reading("38=ABC123"), reading("4=000000002000", "2=4111110000111111", "11=000002")
	for _, d := range isotool.Diff(a, b, false, 11) {
		got = append(got, d.String())
	}
	want := []string{
		"frame 1: 002 Primary Account Number: 411111******1111 (one) | 411111******1111 (another)",
		"frame 1: 004 Amount, Transaction: 000000001000 | 000000002000",
		"frame 1: 038 Authorization Identification Response: ABC123 | (none)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDiffOfFaults: what could not be read is not alike.
func TestDiffOfFaults(t *testing.T) {
	reading := func(data string) *isotool.Reading {
		return read(t, isotool.Input{Data: []byte(data), Codec: stock()[0], Framing: "none", Form: capture.Raw})
	}
	whole, short := reading("08000020000000000000000001"), reading("0800002000000000000000")
	for _, c := range []struct {
		a, b *isotool.Reading
		want []string
	}{
		{whole, whole, nil},
		{reading("0800\xff"), reading("0800\xfe"), []string{"frame 1: 0800 wrong: bitmap", " | 0800 wrong: bitmap"}},
		{whole, short, []string{"frame 1: 0800 | 0800 wrong: DE 11", "frame 1: 011 "}},
		{short, whole, []string{"frame 1: 0800 wrong: DE 11", " | 0800", "frame 1: 011 "}},
	} {
		var lines []string
		for _, d := range isotool.Diff(c.a, c.b, false) {
			lines = append(lines, d.String())
		}
		text := strings.Join(lines, "\n")
		if (len(lines) > 0) != (len(c.want) > 0) {
			t.Errorf("%q, want %q", lines, c.want)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
}

// TestDrafts reads messages as people write them; what is wrong is named with its line.
func TestDrafts(t *testing.T) {
	now := moment(time.Date(2026, 11, 26, 8, 5, 4, 0, time.UTC))
	drafts, err := isotool.ParseJSON([]byte(`
{"mti": "0800", "fields": {"7": "now", "11": "000123", "70": "301"}, "expect": ["39=00"], "wait": "5s"}
{"mti": "0800", "fields": [{"de": 12, "value": "now"}, {"de": 13, "value": "now"}]}`), now)
	if err != nil || len(drafts) != 2 {
		t.Fatal(err, drafts)
	}
	a, b := drafts[0], drafts[1]
	if a.Message.String(7) != "1126080504" || a.Wait != 5*time.Second || len(a.Expect) != 1 || a.Line != 2 ||
		b.Message.String(12) != "080504" || b.Message.String(13) != "1126" || b.Line != 3 {
		t.Errorf("%+v %+v", a, b)
	}
	for text, want := range map[string]string{
		`{"mti": "0800"}` + "\n" + `{"mti": "080"}`:          "line 2: mti: want four digits",
		"\n\n" + `{"mti": "0800", "field": {}}`:              `line 3: json: unknown field "field"`,
		`{"mti": "0800", "fields": {"200": "x"}}`:            "line 1: fields: \"200\": want mti, the number of a DE",
		`{"mti": "0800", "fields": {"7": 5}}`:                "line 1: fields: want an object of strings",
		`{"mti": "0800", "wait": "soon"}`:                    "line 1: wait: want a time like 5s",
		`{"mti": "0800", "expect": ["x"]}`:                   "line 1: expect: \"x\": want mti, a DE or 48.TAG",
		"{}x\n":                                              "line 1: mti: want four digits",
		`{"mti": "0800"}` + "\n{\n\"fields\":\n{\"7\" 5}}":   "line 4: invalid character '5'",
		"\n{\n\"mti\":\n800}":                                "line 4: mti: want a string, not number",
		`[{"mti": "0800"}]`:                                  "line 1: want an object for each message, as in",
		"{\"mti\": \"0800\",\n":                              "line 1: want the rest of a message, the input ends",
		`{"mti":"0800","fields":{"7":9}}`:                    "an object of strings: want a string, not number",
		"":                                                   "want a message as JSON",
		`{"mti": "0800", "fields": {"48.1": "x"}}`:           "48.1: want a tag of two digits",
		`{"mti": "0800", "fields": {"49.11": "x"}}`:          "want mti, the number of a DE",
		`{"mti": "0800", "fields": {"65": "1"}}`:             "want mti, the number of a DE",
		`{"mti": "0800", "fields": [{"de": 1, "value":""}]}`: "want mti, the number of a DE",
	} {
		if _, err := isotool.ParseJSON([]byte(text), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// moment is a time as iso87ascii writes it.
func moment(t time.Time) isotool.Now {
	return isotool.Now{At: t, Codec: spec.MustCodec(spec.DefaultDialect)}
}

// TestNow is as long as the dialect has it, and refused where that is no time.
func TestNow(t *testing.T) {
	now := time.Date(2026, 11, 26, 8, 5, 4, 0, time.UTC)
	for dialect, want := range map[string][3]string{
		"iso87ascii": {"1126080504", "080504", "1126"}, "iso87bcd": {"1126080504", "080504", "1126"},
		"iso93ascii": {"1126080504", "261126080504", "2611"}, "iso93bcd": {"1126080504", "261126080504", "2611"},
	} {
		var m spec.Message
		codec := spec.MustCodec(dialect)
		fields := []string{"7=now", "12=now", "13=now"}
		if err := isotool.ParseFields(&m, fields, isotool.Now{At: now, Codec: codec}); err != nil {
			t.Error(err)
		}
		m.SetMTI(map[bool]string{false: "0800", true: "1804"}[codec.Version() == spec.ISO1993])
		if got := [3]string{m.String(7), m.String(12), m.String(13)}; got != want {
			t.Errorf("%s: %q, want %q", dialect, got, want)
		}
		if _, err := codec.Pack(nil, &m); err != nil {
			t.Errorf("%s: %v", dialect, err)
		}
	}
	source, err := spec.Source("iso87ascii")
	if err != nil {
		t.Fatal(err)
	}
	six, five := []byte(`"12":  {"type": "String", "length": 6`), []byte(`"12": {"type": "String", "length": 5`)
	odd := bytes.Replace(source, six, five, 1)
	codec, err := spec.OpenFile("odd.json", bytes.NewReader(odd))
	if err != nil {
		t.Fatal(err)
	}
	err = isotool.ParseFields(new(spec.Message), []string{"12=now"}, isotool.Now{At: now, Codec: codec})
	if err == nil || !strings.Contains(err.Error(), "has 5 digits in DE12: write them out") {
		t.Errorf("a DE12 of five digits: %v", err)
	}
}

// TestRoundTrip builds again what decode prints as JSON.
func TestRoundTrip(t *testing.T) {
	codec := stock()[0]
	m := new(spec.Message)
	fields := []string{"mti=0100", "2=4111111111111111", "4=000000001000", "11=000001"}
	if err := isotool.ParseFields(m, fields, moment(time.Time{})); err != nil {
		t.Fatal(err)
	}
	first, err := codec.PackFrame(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, isotool.Input{Data: first, ClearPAN: true})
	asJSON, err := json.Marshal(r.Streams[0].Frames[0])
	if err != nil {
		t.Fatal(err)
	}
	drafts, err := isotool.ParseJSON(asJSON, moment(time.Time{}))
	if err != nil {
		t.Fatalf("%v of %s", err, asJSON)
	}
	if again, err := codec.PackFrame(nil, &drafts[0].Message); err != nil || !bytes.Equal(first, again) {
		t.Errorf("%x, want %x: %v", again, first, err)
	}
}

// TestExpectations holds answers to what is expected of them.
func TestExpectations(t *testing.T) {
	m := payment(t)
	for text, want := range map[string]string{
		"3=000000": "", "3=1|000000": "", "mti=0100": "", "38": "expected 38, which is not there", "!38": "", "2": "",
		"!2":       "expected !2, which is 411111******1111",
		"41~^TERM": "", "41~^X": "expected 41~^X, which is TERM0001",
		"48.01=05": "", "48.11=1": "expected 48.11=1, which is another",
		"mti=0110": "expected mti=0110, which is 0100", "39=00": "expected 39=00, which is not there",
	} {
		e, err := isotool.ParseExpectation(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Check(m); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "x=1", "1=0", "2.01=5", "48.1", "41~(", "500"} {
		if _, err := isotool.ParseExpectation(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestOutputs: what is written in any form is read from it.
func TestOutputs(t *testing.T) {
	frame, err := stock()[1].PackFrame(nil, payment(t))
	if err != nil {
		t.Fatal(err)
	}
	for form, as := range map[string]capture.Form{
		"hex": capture.Hex, "base64": capture.Base64, "c": capture.Literal, "python": capture.Literal, "dump": capture.Dump,
		"binary": capture.Raw,
	} {
		text, err := isotool.Encode(form, frame)
		if err != nil {
			t.Fatal(err)
		}
		streams, err := capture.As(as, text)
		if err != nil || len(streams) != 1 || !bytes.Equal(streams[0].Data, frame) {
			t.Errorf("%s: %v of %s", form, err, text)
		}
	}
	if _, err := isotool.Encode("morse", nil); err == nil {
		t.Error("another form is taken")
	}
}

// FuzzRead: no input takes the reader down, and the frames of a stream cover it without a gap.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"a05a-len-tpdu-bcd.hex", "a22-hexdump.txt", "a23-capture-bad-frame.bin"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 0)
		f.Add(data, 3)
	}
	framings := []string{"", "binary2", "none", "ascii4+tpdu", "bcd2+inclusive", "none+visa", "none+trailer:03"}
	f.Fuzz(func(t *testing.T, data []byte, which int) {
		if len(data) > 2<<10 {
			return
		}
		text := framings[uint(which)%uint(len(framings))]
		r, err := isotool.Read(isotool.Input{Data: data, Framing: text, Candidates: stock()})
		if err != nil {
			return
		}
		for _, s := range r.Streams {
			at := 0
			for _, frame := range s.Frames {
				if frame.Offset != at || frame.Size <= 0 {
					t.Fatalf("a frame of %d bytes at %d, want it at %d", frame.Size, frame.Offset, at)
				}
				at += frame.Size
			}
		}
	})
}
