package spec_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"

	"switchyard/spec"
)

// TestStock holds the names, editions and constants of the embedded dialects.
func TestStock(t *testing.T) {
	for _, name := range spec.Stock() {
		c, err := spec.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		want := spec.ISO1987
		if strings.HasPrefix(name, "iso93") {
			want = spec.ISO1993
		}
		if c.Name() != name || c.Version() != want {
			t.Errorf("%s: name %s, version %d; want version %d", name, c.Name(), c.Version(), want)
		}
	}
	if stock := spec.Stock(); stock[0] != spec.DefaultDialect || !slices.Contains(stock, spec.BCDDialect) {
		t.Errorf("stock dialects %q", stock)
	}
	c, err := spec.OpenFile("mine.json", strings.NewReader(strings.Replace(
		file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.LL"}`),
		`"fields"`, `"version": 1993, "fields"`, 1)))
	if err != nil || c.Version() != spec.ISO1993 {
		t.Errorf("a file's version: %v, %v; want 1993", c, err)
	}
	_, err = spec.OpenFile("mine.json", strings.NewReader(strings.Replace(
		file(`"39": {"type": "String", "length": 1000000, "enc": "ASCII", "prefix": "ASCII.Fixed"}`),
		`"fields"`, `"version": 1993, "fields"`, 1)))
	if want := `mine.json: spec "mine": DE 39 (Action Code): length 1000000: want 0 to 65535`; err == nil ||
		err.Error() != want {
		t.Errorf("a file of 1993: %v\n want %s", err, want)
	}
}

// TestTrackInCharacters: a host that was built to the DE35 of iso87bcd as it once was, 37 bytes for 37 characters, has
// it back with a file of its own.
func TestTrackInCharacters(t *testing.T) {
	source, err := spec.Source(spec.BCDDialect)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), `"enc": "ZLBCDF"`, `"enc": "ASCII"`, 1)
	c, err := spec.OpenFile("mine.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const track = "4000000000000002=3012101"
	v := values{0: "0200", 35: track}
	frame := checkPack(t, c, v)
	if want := "\x02\x00\x00\x00\x00\x00\x20\x00\x00\x00\x24" + track; string(frame) != want {
		t.Errorf("packed %q, want %q", frame, want)
	}
	checkUnpack(t, c, frame)
}

// TestDialectsAgree holds the embedded specs to the standard's names and to each other: a Message means the same in all
// of one edition.
func TestDialectsAgree(t *testing.T) {
	for _, dialect := range stockCodecs {
		base := asciiCodec
		if dialect.Version() == spec.ISO1993 {
			base = spec.MustCodec("iso93ascii")
		}
		for de := 2; de <= 128; de++ {
			f, reference := dialect.Spec().Fields[de], base.Spec().Fields[de]
			if f == nil {
				t.Errorf("%s: DE %d is missing", dialect.Name(), de)
				continue
			}
			name := dialect.Version().FieldName(de)
			if !strings.HasPrefix(f.Spec().Description, name+" [") {
				t.Errorf("%s: DE %d is described as %q, want the name %q and a format",
					dialect.Name(), de, f.Spec().Description, name)
			}
			if de == 55 {
				continue // counted in characters in one and in bytes in the other
			}
			if dialect.Name() == "iso87binary-jpos" && (de == 93 || de == 96) {
				continue // longer there
			}
			description, length := reference.Spec().Description, reference.Spec().Length
			if dialect.Name() == octetDialect { // whose length is a byte
				description, length = octetFormat(description), min(length, 255)
			}
			if a, b := description, f.Spec().Description; a != b {
				t.Errorf("DE %d is %q in %s and %q in %s", de, a, base.Name(), b, dialect.Name())
			}
			if a, b := length, f.Spec().Length; a != b {
				t.Errorf("DE %d has length %d in %s and %d in %s", de, a, base.Name(), b, dialect.Name())
			}
		}
		if n := len(dialect.Spec().Fields); n != 129 {
			t.Errorf("%s defines %d fields, want DE0 to DE128", dialect.Name(), n)
		}
	}
}

// octetDialect is the one in which a length is a byte, in binary.
const octetDialect = "iso87bcd-ebcdic"

// octetFormat is a format there.
func octetFormat(format string) string { return strings.Replace(format, "...999", "...255", 1) }

// formats87 and formats93 are the formats of the DEs that Switchyard uses, by the two editions.
var formats87 = map[int]string{
	2: "n..19", 3: "n6", 4: "n12", 7: "n10", 11: "n6", 12: "n6", 13: "n4", 14: "n4", 15: "n4", 18: "n4", 22: "n3",
	23: "n3", 25: "n2", 32: "n..11", 33: "n..11", 35: "z..37", 36: "z...104", 37: "an12", 38: "an6", 39: "an2",
	41: "ans8", 42: "ans15", 43: "ans40", 44: "an..25", 45: "ans..76", 48: "ans...999", 49: "n3", 50: "n3", 51: "n3",
	52: "b8", 54: "an...120", 64: "b8", 66: "n1", 70: "n3", 74: "n10", 75: "n10", 76: "n10", 77: "n10", 81: "n10",
	86: "n16", 87: "n16", 88: "n16", 89: "n16", 90: "n42", 95: "an42",
	97: "x+n16", 102: "ans..28", 103: "ans..28", 128: "b8",
}

var formats93 = map[int]string{
	2: "n..19", 3: "n6", 4: "n12", 7: "n10", 11: "n6", 12: "n12", 13: "n4", 14: "n4", 15: "n6", 22: "an12", 23: "n3",
	24: "n3", 25: "n4", 26: "n4", 28: "n6", 30: "n24", 32: "n..11", 35: "z..37", 37: "an12", 38: "an6", 39: "n3",
	41: "ans8", 42: "ans15", 43: "ans..99", 48: "ans...999", 49: "an3", 52: "b8", 53: "b..48", 54: "ans...120",
	55: "b...999", 56: "n..35", 74: "n10", 86: "n16", 97: "x+n16", 128: "b8",
}

// TestFormats holds the embedded specs to the formats of the standard.
func TestFormats(t *testing.T) {
	for _, c := range stockCodecs {
		formats := formats87
		if c.Version() == spec.ISO1993 {
			formats = formats93
		}
		for de, format := range formats {
			if c.Name() == octetDialect {
				format = octetFormat(format)
			}
			if d := c.Spec().Fields[de].Spec().Description; !strings.HasSuffix(d, " ["+format+"]") {
				t.Errorf("%s: DE %d is %q, want format %s", c.Name(), de, d, format)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	a, err := spec.Load(spec.DefaultDialect)
	if err != nil {
		t.Fatal(err)
	}
	b, err := spec.Load(spec.DefaultDialect)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || a.Fields[2] == b.Fields[2] {
		t.Error("Load gives the same spec twice, want copies")
	}
	if _, err := spec.Load("iso93"); err == nil ||
		err.Error() != `dialect "iso93": want iso87ascii, iso87bcd, iso87binary, iso87binary-jpos, `+
			`iso87ebcdic, iso87bcd-ebcdic, iso93ascii or iso93bcd, or a JSON file of your own` {
		t.Errorf("unknown dialect: %v", err)
	}
}

// file is a spec file of an MTI, a bitmap and one DE more.
func file(more string) string {
	return `{
  "name": "mine",
  "fields": {
    "0": {"type": "String", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"},
    "1": {"type": "Bitmap", "length": 8, "enc": "Binary", "prefix": "Hex.Fixed"},
    ` + more + `
  }
}`
}

func TestLoadFile(t *testing.T) {
	s, err := spec.LoadFile("mine.json", strings.NewReader(file(
		`"2": {"type": "String", "length": 8, "description": "Thing [ans8]", "enc": "EBCDIC", "prefix": "ASCII.Fixed", "padding": {"type": "Left", "pad": "*"}},
		 "3": {"type": "Numeric", "length": 9, "enc": "LBCD", "prefix": "Binary.L"},
		 "4": {"type": "Binary", "length": 3, "enc": "HexToASCII", "prefix": "ASCII.Fixed", "padding": {"type": "None", "pad": ""}},
		 "5": {"type": "Hex", "length": 3, "enc": "Binary", "prefix": "EBCDIC.LL"}`)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != "mine" {
		t.Errorf("name %q, want mine", c.Name())
	}
	frame := checkPack(t, c, values{0: "0100", 2: "AB12", 3: "123", 4: "\x01\xfe\x00", 5: "ABCD"})
	want := "0100\x78\x00\x00\x00\x00\x00\x00\x00" + "\x5c\x5c\x5c\x5c\xc1\xc2\xf1\xf2" + "\x03\x12\x30" + "01FE00" +
		"\xf0\xf2\xab\xcd"
	if string(frame) != want {
		t.Errorf("packed %q\n  want %q", frame, want)
	}
	checkUnpack(t, c, frame)
}

func TestLoadFileRefuses(t *testing.T) {
	for _, test := range []struct{ name, json, want string }{
		{"version", `{"name": "x", "version": 2003, "fields": {}}`, "mine.json: version: want 1987 or 1993, not 2003"},
		{
			"version as text", `{"name": "x", "version": "1993", "fields": {}}`,
			"mine.json: line 1: json: cannot unmarshal string into Go struct field specJSON.version of type spec.Version",
		},
		{"syntax", "{\n\"name\": \"x\",\n]", "mine.json: line 3: invalid character ']'"},
		{
			"wrong type", file(`"2": {"type": "String", "length": "6"}`),
			"mine.json: line 6: json: cannot unmarshal string into Go struct field fieldJSON.fields.length of type int",
		},
		{"unknown key", file(`"2": {"type": "String", "lenght": 6}`), `mine.json: json: unknown field "lenght"`},
		{"more behind it", file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.LL"}`) +
			"{}", "mine.json: want the file to end after the spec"},
		{"no name", `{"fields": {}}`, "mine.json: name: missing"},
		{
			"cut off", "{\"name\": \"x\",\n \"fields\": {\"0\": {\"type\":\n",
			"mine.json: line 2: want the rest of a spec behind byte 39, where the file ends",
		},
		{"empty", "", "mine.json: line 1: want the rest of a spec behind byte 0, where the file ends"},
		{"no MTI", `{"name": "x", "fields": {}}`, "mine.json: MTI field (0) is required"},
		{
			"DE twice", file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.LL"}, "2": {}`),
			"mine.json: /fields/2 stands there twice",
		},
		{
			"key twice", file(`"2": {"length": 6, "type": "String", "length": 7, "enc": "ASCII", "prefix": "ASCII.LL"}`),
			"mine.json: /fields/2/length stands there twice",
		},
		{"DE of no number", file(`"PAN": {}`), `mine.json: field "PAN": want the number of a DE, 0 to 192`},
		{"DE with a zero in front", file(`"02": {}`), `mine.json: field "02": want the number of a DE, 0 to 192`},
		{"DE 193", file(`"193": {}`), `mine.json: field "193": want the number of a DE, 0 to 192`},
		{
			"type", file(`"2": {"type": "string"}`),
			`mine.json: DE 2: type: unknown "string", want one of Binary, Bitmap, Hex, Numeric, String`,
		},
		{
			"composite", file(`"48": {"type": "Composite", "tag": {}, "subfields": {"01": {}}}`),
			`mine.json: DE 48: type: Composite cannot be compiled; declare a String and take it apart yourself`,
		},
		{
			"subfields of a string", file(`"48": {"type": "String", "subfields": {"01": {}}}`),
			`mine.json: DE 48: tag, subfields, bitmap: want none in a String`,
		},
		{"length", file(`"2": {"type": "String", "length": -1}`), `mine.json: DE 2: length: want 0 or more, not -1`},
		{"encoding", file(`"2": {"type": "String", "length": 6, "enc": "ascii", "prefix": "ASCII.LL"}`),
			`mine.json: DE 2: enc: unknown "ascii", want one of ASCII, ASCIIToHex, BCD, Binary, EBCDIC, EBCDIC1047, ` +
				`HexToASCII, LBCD, LBCDF, SignBCD, ZBCD, ZLBCD, ZLBCDF`},
		{
			"prefix", file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "LLVAR"}`),
			`mine.json: DE 2: prefix: unknown "LLVAR", want one of ASCII.Fixed, ASCII.L,`,
		},
		{
			"padding",
			file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.LL", "padding": {"type": "left", ` +
				`"pad": "0"}}`),
			`mine.json: DE 2: padding: type: unknown "left", want one of Left, None, Right`},
		{
			"padding of two",
			file(`"2": {"type": "String", "length": 6, "enc": "ASCII", "prefix": "ASCII.LL", "padding": {"type": "Left", ` +
				`"pad": "00"}}`),
			`mine.json: DE 2: padding: pad: want one ASCII character, not "00"`},
		{"too large", strings.Repeat(" ", spec.MaxSpecFile+1), "mine.json: want a spec of at most 4194304 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := spec.LoadFile("mine.json", strings.NewReader(test.json))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v\n want %s", err, test.want)
			}
		})
	}
	if _, err := spec.LoadFile("mine.json", failing{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestLibraryTakesTheSpecs shows that an embedded spec is the library's too: its own reflective message packs by it.
func TestLibraryTakesTheSpecs(t *testing.T) {
	for _, name := range spec.Stock() {
		if spec.MustCodec(name).Version() != spec.ISO1987 {
			continue // the sample's values are for ISO 8583:1987
		}
		s, err := spec.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		m := iso8583.NewMessage(s)
		if err := m.Marshal(&sampleData); err != nil {
			t.Fatal(err)
		}
		want, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		var flat spec.Message
		sampleData.fill(&flat)
		got, err := spec.MustCodec(name).Pack(nil, &flat)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %q, %v; the library packs %q", name, got, err, want)
		}
	}
}

func ExampleCodec() {
	codec := spec.MustCodec(spec.DefaultDialect)

	var request spec.Message
	request.SetMTI("0800")
	request.Set(7, "1121202501")
	request.SetUint(11, 1, 6)
	request.Set(70, "301")
	frame, err := codec.PackFrame(nil, &request)
	fmt.Printf("%q %v\n", frame, err)

	var received spec.Message
	err = codec.Unpack(frame[spec.LengthHeader:], &received)
	stan, _ := received.Uint(11)
	fmt.Println(received.MTI(), stan, err)
	// Output:
	// "\x0070800822000000000000004000000000000001121202501000001301" <nil>
	// 0800 1 <nil>
}
