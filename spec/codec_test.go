package spec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/padding"
	"github.com/moov-io/iso8583/prefix"
	"github.com/moov-io/iso8583/sort"

	"switchyard/spec"
)

// golden frames come from a separate encoder, written from the standard's table of formats. bcd is in hex.
var golden = []struct {
	name   string
	values values
	ascii  string
	bcd    string
}{
	{
		name: "authorization request with DE48 and DE55",
		values: values{
			0: "0100", 2: "4111111111111111", 3: "000000", 4: "000000012345", 7: "1121202501", 11: "000123", 12: "202501",
			13: "1121", 14: "3012", 18: "5411", 22: "810", 25: "59", 32: "400001", 37: "632510000001", 41: "TERM0001",
			42: "MERCHANT-1",
			43: "CORNER SHOP             BERLIN        DE", 48: "0102050201C1103123", 49: "978",
			55: "9F02060000000123459F1A020276",
		},
		ascii: "0100723C448108E18200164111111111111111000000000000012345112120250100012320250111213012541181059064000" +
			"0163251" +
			"0000001TERM0001MERCHANT-1     CORNER SHOP             BERLIN        DE0180102050201C11031239780289F020600000001" +
			"23459F1A020276",
		bcd: "0100723C448108E182001641111111111111110000000000000123451121202501000123202501112130125411081059064000013633" +
			"323531303030303030315445524D303030314D45524348414E542D312020202020434F524E45522053484F50202020202020202020202020" +
			"204245524C494E20202020202020204445001830313032303530323031433131303331323339373800149F02060000000123459F1A020276",
	},
	{
		name: "reversal advice repeat of a part, 19-digit PAN, second bitmap",
		values: values{
			0: "0421", 2: "4000000000000000002", 3: "000000", 4: "000000012345", 7: "1121202511", 11: "000124", 25: "00",
			32: "400001", 37: "632510000001", 41: "TERM0001", 42: "MERCHANT-1", 48: "04044000", 49: "978",
			90: "010000012311212025010000040000100000000000", 95: "000000007345000000000000000000000000000000"},
		ascii: "0421F220008108C18000000000420000000019400000000000000000200000000000001234511212025110001240006400001632510" +
			"000001TERM0001MERCHANT-1     " +
			"00804044000978010000012311212025010000040000100000000000000000007345000000000000000000000000000000",
		bcd: "0421F220008108C1800000000042000000001904000000000000000002000000000000012345112120251100012400064000013" +
			"6333235" +
			"31303030303030315445524D303030314D45524348414E542D31202020202000083034303434303030393738010000012311212025010000" +
			"040000100000000000303030303030303037333435303030303030303030303030303030303030303030303030303030303030",
	},
	{
		name:   "echo",
		values: values{0: "0800", 7: "1121202501", 11: "000001", 70: "301"},
		ascii:  "0800822000000000000004000000000000001121202501000001301",
		bcd:    "08008220000000000000040000000000000011212025010000010301",
	},
	{
		name: "reconciliation response with a signed amount and a MAC",
		values: values{
			0: "0510", 7: "1121235959", 11: "000009", 15: "1121", 39: "00", 50: "978", 66: "1", 97: "C0000000000012345",
			128: "0123456789ABCDEF"},
		ascii: "05108222000002004000400000008000000111212359590000091121009781C00000000000123450123456789ABCDEF",
		bcd: "05108222000002004000400000008000000111212359590000091121303039373801433030303030303030303030313233343" +
			"50123456789ABCDEF",
	},
	{
		name: "financial request with track 2 and a PIN block",
		values: values{0: "0200", 2: "4000000000000000002", 3: "000000", 4: "000000000100", 11: "000777",
			35: "4000000000000000002=3012101", 49: "840", 52: "0123456789ABCDEF"},
		ascii: "02007020000020009000194000000000000000002000000000000000100000777274000000000000000002=30121018400123" +
			"456789ABCDEF",
		bcd: "02007020000020009000190400000000000000000200000000000000010000077727400000000000000000" +
			"2D3012101F3834300123456789ABCDEF",
	},
}

func TestGoldenFrames(t *testing.T) {
	for _, g := range golden {
		bcd, err := hex.DecodeString(g.bcd)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []struct {
			codec *spec.Codec
			want  []byte
		}{{asciiCodec, []byte(g.ascii)}, {bcdCodec, bcd}} {
			t.Run(g.name+"/"+d.codec.Name(), func(t *testing.T) {
				got, err := d.codec.Pack(nil, g.values.message())
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, d.want) {
					t.Errorf("packed\n     %q\nwant %q", got, d.want)
				}
				var m spec.Message
				if err := d.codec.Unpack(d.want, &m); err != nil {
					t.Fatal(err)
				}
				if got := valuesOf(&m); got.String() != g.values.String() {
					t.Errorf("unpacked\n    %v\nwant%v", got, g.values)
				}
				framed, err := d.codec.PackFrame([]byte("before"), g.values.message())
				want := append([]byte("before"), byte(len(d.want)>>8), byte(len(d.want)))
				if want = append(want, d.want...); err != nil || !bytes.Equal(framed, want) {
					t.Errorf("PackFrame: %q, %v; want %q", framed, err, want)
				}
			})
		}
	}
}

// longest returns a value that fills a DE of a dialect.
func longest(f field.Field) string {
	s := f.Spec()
	unit := "Aa9 /"
	switch format := s.Description[strings.LastIndex(s.Description, "[")+1:]; {
	case strings.HasPrefix(format, "x+n"):
		return "D" + strings.Repeat("7", s.Length-1)
	case strings.HasPrefix(format, "ns"), strings.HasPrefix(format, "a"):
	case strings.HasPrefix(format, "b"):
		if _, ok := f.(*field.Hex); ok {
			return strings.Repeat("AF", s.Length)
		}
		return strings.Repeat("AF", s.Length/2)
	default:
		unit = "0987654321"
	}
	// Ends with no space, which would be taken for padding.
	return strings.Repeat(unit, s.Length/len(unit)+1)[:s.Length-1] + "5"
}

func TestEveryDERoundTrips(t *testing.T) {
	for _, c := range stockCodecs {
		for de := 2; de <= 128; de++ {
			f := c.Spec().Fields[de]
			if f == nil {
				t.Errorf("%s: DE %d is not defined", c.Name(), de)
				continue
			}
			v := values{0: "0800", de: longest(f)}
			if de == 65 {
				if _, err := c.Pack(nil, v.message()); err == nil {
					t.Errorf("%s: DE 65 packed, whose bit stands for a third bitmap", c.Name())
				}
				continue
			}
			frame := checkPack(t, c, v)
			if frame == nil {
				t.Errorf("%s: DE %d does not take its longest value %q", c.Name(), de, v[de])
				continue
			}
			checkUnpack(t, c, frame)
			var m spec.Message
			if err := c.Unpack(frame, &m); err != nil || m.String(de) != v[de] {
				t.Errorf("%s: DE %d comes back as %q, %v; want %q", c.Name(), de, m.String(de), err, v[de])
			}
			if len(v[de]) > 1 && f.Spec().Pad == nil {
				over := values{0: "0800", de: v[de] + v[de][:2]}
				if _, err := c.Pack(nil, over.message()); err == nil {
					t.Errorf("%s: DE %d takes a longer value than its format", c.Name(), de)
				}
			}
		}
	}
}

func fault(de, offset int, want string) spec.FieldError {
	return spec.FieldError{DE: de, Offset: offset, Want: want}
}

// TestUnpackRefuses has what the library lets pass, one case a rule of docs/iso8583.md, and what both refuse. Offsets
// and words of the error are part of the contract: people find the fault in a hex dump by them.
func TestUnpackRefuses(t *testing.T) {
	ascii := func(s string) []byte { return []byte(s) }
	packed := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const (
		echo    = "08008220000000000000" + "0400000000000000"
		echoBCD = "08008220000000000000" + "0400000000000000"
	)
	for _, test := range []struct {
		name    string
		codec   *spec.Codec
		frame   []byte
		library bool // takes it
		want    spec.FieldError
	}{
		{"MTI with a letter", asciiCodec, ascii("08A08220000000000000"), false, fault(0, 0, "digits")},
		{"MTI with a sign", asciiCodec, ascii("+800" + "0020000000000000" + "000001"), true, fault(0, 0, "digits")},
		{"MTI cut", asciiCodec, ascii("080"), false, fault(0, 0, "4 bytes, not 3")},
		{"bitmap cut", asciiCodec, ascii("080082200000"), false, fault(1, 4, "16 hex digits")},
		{"bitmap with a letter", asciiCodec, ascii("0800822000000000000g"), false, fault(1, 19, "a hex digit")},
		{"second bitmap cut", asciiCodec, ascii("0800822000000000000004000000"), false, fault(1, 20, "16 hex digits")},
		{"third bitmap", asciiCodec, ascii("0800" + "8220000000000000" + "8400000000000000" + "0000000000000000" +
			"1121202501000001301"), true,
			fault(1, 20, "no third bitmap")},
		{"bytes behind the last field", asciiCodec, ascii(echo +
			"1121202501000001301x"), true, fault(-1, 55, "the message to end, not 1 more bytes")},
		{"sign in a number", asciiCodec, ascii(echo + "1121202501-00001301"), true, fault(11, 46, "digits")},
		{"letter in a short number", asciiCodec, ascii(echo + "112120250100000130O"), true, fault(70, 52, "digits")},
		{"sign in a length", asciiCodec, ascii("0100" + "4000000000000000" +
			"+241"), true, fault(2, 20, "a length prefix of digits")},
		{"negative length", asciiCodec, ascii("0100" + "4000000000000000" +
			"-241"), false, fault(2, 20, "a length prefix of digits")},
		{"length above the format's", asciiCodec, ascii("0100" + "4000000000000000" + "20" +
			"41111111111111111111"), false, fault(2, 20, "a length of at most 19, not 20")},
		{"length above what is there", asciiCodec, ascii("0100" + "4000000000000000" + "16" +
			"411111"), false, fault(2, 22, "16 bytes, not 6")},
		{"length cut", asciiCodec, ascii("0100" + "4000000000000000" +
			"1"), false, fault(2, 20, "a length prefix of 2 bytes, not 1")},
		{"control character in text", asciiCodec, ascii("0100" + "0000000000800000" +
			"TERM\n001"), true, fault(41, 20, "printable ASCII")},
		{"byte above ASCII in text", asciiCodec, ascii("0100" + "0000000000800000" +
			"TERM\xff001"), false, fault(41, 20, "printable ASCII")},
		{"no hex in chip data", asciiCodec, ascii("0100" + "0000000000000200" +
			"0049F0G"), true, fault(55, 23, "an even number of hex digits")},
		{"odd chip data", asciiCodec, ascii("0100" + "0000000000000200" +
			"0039F0"), true, fault(55, 23, "an even number of hex digits")},
		{"no hex in a PIN block", asciiCodec, ascii("0100" + "0000000000001000" +
			"0123456789ABCDEG"), false, fault(52, 35, "a hex digit")},
		{"amount without its sign", asciiCodec, ascii("0100" + "0000001000000000" +
			"000000001"), true, fault(28, 20, "C or D and then digits")},
		{"letter in track 2", asciiCodec, ascii("0100" + "0000000020000000" + "07" +
			"4111A30"), true, fault(35, 22, "track data: digits and separators")},
		{"BCD with a nibble above 9", bcdCodec, packed(echoBCD + "1121202501" + "00000A" +
			"0301"), false, fault(11, 25, "BCD digits, with a zero to fill an odd number of them")},
		{"BCD with a filler at the end", bcdCodec, packed(echoBCD + "1121202501" + "00000F" +
			"0301"), true, fault(11, 25, "BCD digits, with a zero to fill an odd number of them")},
		{"BCD with a digit as filler", bcdCodec, packed(echoBCD + "1121202501" + "000001" +
			"1301"), true, fault(70, 26, "BCD digits, with a zero to fill an odd number of them")},
		{"BCD length with a nibble above 9", bcdCodec, packed("0100" + "4000000000000000" + "1A" +
			"4111111111111111"), false, fault(2, 10, "a length prefix of digits")},
		{"BCD length with a digit too many", bcdCodec, packed("0100" + "0000000000010000" + "1002" +
			"3031"), true, fault(48, 10, "a length prefix of digits")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := libraryUnpack(test.codec.Spec(), test.frame); (err == nil) != test.library {
				t.Errorf("the library: %v; want it taken: %t", err, test.library)
			}
			m := values{0: "0100", 2: "4111111111111111"}.message()
			err := test.codec.Unpack(test.frame, m)
			var got *spec.FieldError
			if !errors.As(err, &got) || *got != test.want {
				t.Fatalf("got %#v, want %#v", err, test.want)
			}
			if m.MTI() != "" || m.Has(2) {
				t.Errorf("the message is not empty after an error")
			}
		})
	}
}

func TestPackRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		values  values
		library bool // takes it
		want    string
	}{
		{"no MTI", values{11: "000001"}, false, "MTI: want four digits"},
		{"MTI with a letter", values{0: "01O0"}, true, "MTI: want four digits"},
		{"MTI of five", values{0: "01000"}, false, "MTI: want four digits"},
		{
			"short number", values{0: "0100", 11: "123"}, false, "DE 11 (Systems Trace Audit Number): want a length of 6, not 3",
		},
		{"long number", values{
			0: "0100", 11: "1234567",
		}, false, "DE 11 (Systems Trace Audit Number): want a length of 6, not 7"},
		{"sign", values{0: "0100", 4: "-00000000123"}, true, "DE 4 (Amount, Transaction): want digits"},
		{"long PAN", values{
			0: "0100", 2: "41111111111111111111",
		}, false, "DE 2 (Primary Account Number): want a length of at most 19, not 20"},
		{"control character", values{
			0: "0100", 48: "0102\x0005",
		}, true, "DE 48 (Additional Data, Private): want printable ASCII"},
		{"no ASCII", values{
			0: "0100", 43: "BÄCKEREI",
		}, false, "DE 43 (Card Acceptor Name and Location): want printable ASCII"},
		{"short PIN block", values{0: "0100", 52: "0123"}, false, "DE 52 (PIN Data): want a length of 8, not 2"},
		{"odd PIN block", values{
			0: "0100", 52: "0123456789ABCDE",
		}, false, "DE 52 (PIN Data): want an even number of hex digits"},
		{"third bitmap", values{
			0: "0100", 65: "00",
		}, true, "DE 65 (Bitmap, Extended): want it absent: its bit stands for a third bitmap"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := libraryPack(asciiCodec.Spec(), test.values); (err == nil) != test.library {
				t.Errorf("the library: %v; want it taken: %t", err, test.library)
			}
			before := []byte("before")
			out, err := asciiCodec.Pack(before, test.values.message())
			if err == nil || err.Error() != test.want {
				t.Errorf("error %q, want %q", err, test.want)
			}
			if string(out) != "before" {
				t.Errorf("returns %q with the error, want what was passed", out)
			}
		})
	}
}

// simple is a spec of one DE 2 for tests of what Compile takes.
func simple(f field.Field) *iso8583.MessageSpec {
	return &iso8583.MessageSpec{Name: "simple", Fields: map[int]field.Field{
		0: field.NewString(&field.Spec{Length: 4, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}),
		1: field.NewBitmap(&field.Spec{Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
		2: f,
	}}
}

// mine stands for what a user might add to the library's interfaces.
type mine struct{ encoding.Encoder }

func (mine) Pad(data []byte, length int) []byte { return data }
func (mine) Unpad(data []byte) []byte           { return data }
func (mine) Inspect() []byte                    { return nil }

func TestCompileRefuses(t *testing.T) {
	str := func(change func(*field.Spec)) field.Field {
		s := &field.Spec{Length: 6, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}
		change(s)
		return field.NewString(s)
	}
	composite := func() field.Field {
		return field.NewComposite(&field.Spec{Length: 99, Pref: prefix.ASCII.LL,
			Tag:       &field.TagSpec{Length: 2, Enc: encoding.ASCII, Sort: sort.StringsByInt},
			Subfields: map[string]field.Field{"01": str(func(*field.Spec) {})}})
	}
	with := func(de int, f field.Field) *iso8583.MessageSpec {
		s := simple(str(func(*field.Spec) {}))
		if f == nil {
			delete(s.Fields, de)
		} else {
			s.Fields[de] = f
		}
		return s
	}
	track := &field.Spec{Length: 37, Enc: encoding.ASCII, Pref: prefix.ASCII.LL}
	for _, test := range []struct {
		name string
		spec *iso8583.MessageSpec
		want string
	}{
		{"nothing", nil, `spec: nothing to compile: want a MessageSpec`},
		{"composite", with(
			48, composite(),
		), `spec "simple": DE 48 (Additional Data, Private): type Composite cannot be compiled: want String, Numeric, ` +
			`Binary or Hex`},
		{"track 2", with(
			35, field.NewTrack2(track),
		), `spec "simple": DE 35 (Track 2 Data): type Track2 cannot be compiled: want String, Numeric, Binary or Hex`},
		{"DE 193", with(193, str(func(*field.Spec) {})), `spec "simple": DE 193 (DE 193): want DE 0 to 192`},
		{"no MTI", with(0, nil), `spec "simple": DE 0 (MTI): missing: every spec needs one`},
		{"no bitmap", with(1, nil), `spec "simple": DE 1 (Bitmap): missing: every spec needs one`},
		{"bitmap of another type", with(
			1, str(func(*field.Spec) {}),
		), `spec "simple": DE 1 (Bitmap): type String: want Bitmap`},
		{"bitmap in ASCII", with(
			1, field.NewBitmap(&field.Spec{Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}),
		), `spec "simple": DE 1 (Bitmap): encoding ASCII: want Binary or HexToASCII`},
		{"bitmap of 24 bytes", with(
			1, field.NewBitmap(&field.Spec{Length: 24, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
		), `spec "simple": DE 1 (Bitmap): length 24: want 8 or 16 bytes`},
		{"bitmap with a length", with(
			1, field.NewBitmap(&field.Spec{Enc: encoding.Binary, Pref: prefix.Binary.L}),
		), `spec "simple": DE 1 (Bitmap): prefix Binary.L: want a Fixed one`},
		{"MTI of 3", with(
			0, str(func(s *field.Spec) { s.Length = 3 }),
		), `spec "simple": DE 0 (MTI): want a fixed length of 4`},
		{"MTI in hex", with(
			0, str(func(s *field.Spec) { s.Length, s.Enc = 4, encoding.BytesToASCIIHex }),
		), `spec "simple": DE 0 (MTI): want ASCII, Binary, EBCDIC, EBCDIC1047, BCD or LBCD encoding`},
		{"padded MTI", with(
			0, str(func(s *field.Spec) { s.Length, s.Pad = 4, padding.Left('0') }),
		), `spec "simple": DE 0 (MTI): want a String without padding, or a Numeric padded left with 0`},
		{"packer", with(
			2, str(func(s *field.Spec) { s.Packer = field.Track2Packer{} }),
		), `spec "simple": DE 2 (Primary Account Number): a custom packer cannot be compiled`},
		{"encoding", with(
			2, str(func(s *field.Spec) { s.Enc = mine{} }),
		), `spec "simple": DE 2 (Primary Account Number): encoding spec_test.mine cannot be compiled`},
		{"BER-TLV", with(
			2, str(func(s *field.Spec) { s.Pref = prefix.BerTLV }),
		), `spec "simple": DE 2 (Primary Account Number): prefix BerTLV cannot be compiled`},
		{"no prefix", with(
			2, str(func(s *field.Spec) { s.Pref = nil }),
		), `spec "simple": DE 2 (Primary Account Number): prefix (none) cannot be compiled`},
		{"five-byte length", with(
			2, str(func(s *field.Spec) { s.Pref = prefix.Binary.LLLLL }),
		), `spec "simple": DE 2 (Primary Account Number): prefix Binary.LLLLL cannot be compiled`},
		{"padding", with(
			2, str(func(s *field.Spec) { s.Pad = mine{} }),
		), `spec "simple": DE 2 (Primary Account Number): padding spec_test.mine cannot be compiled`},
		{"wide padding", with(
			2, str(func(s *field.Spec) { s.Pad = padding.Left('é') }),
		), `spec "simple": DE 2 (Primary Account Number): padding character of 2 bytes: want one of ASCII`},
		{"padding in BCD", with(
			2, str(func(s *field.Spec) { s.Enc, s.Pad = encoding.BCD, padding.Left(' ') }),
		), `spec "simple": DE 2 (Primary Account Number): padding with ' ': BCD can be padded with digits only`},
		{"hex text that the library cannot read back", with(
			2, str(func(s *field.Spec) { s.Enc = encoding.ASCIIHexToBytes }),
		), `spec "simple": DE 2 (Primary Account Number): prefix ASCII.Fixed with encoding ASCIIToHex: the library cannot ` +
			`read back what it packs; Hex.Fixed and ASCIIToHex go together`},
		{"Hex in ASCII", with(
			2, field.NewHex(&field.Spec{Length: 8, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}),
		), `spec "simple": DE 2 (Primary Account Number): a Hex field in encoding ASCII cannot be compiled: want Binary ` +
			`or HexToASCII`},
		{"Numeric as hex", with(
			2, field.NewNumeric(&field.Spec{Length: 8, Enc: encoding.BytesToASCIIHex, Pref: prefix.ASCII.Fixed}),
		), `spec "simple": DE 2 (Primary Account Number): a Numeric field in encoding HexToASCII cannot be compiled`},
		{"length", with(
			2, str(func(s *field.Spec) { s.Length = 70000 }),
		), `spec "simple": DE 2 (Primary Account Number): length 70000: want 0 to 65535`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := spec.Compile(test.spec)
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v\n want %v", err, test.want)
			}
			if c != nil {
				t.Error("a codec comes with the error")
			}
		})
	}
	if _, err := spec.Compile(with(2, str(func(*field.Spec) {}))); err != nil {
		t.Errorf("the spec that the cases change: %v", err)
	}
}

func TestFixedBitmap(t *testing.T) {
	s := simple(field.NewString(&field.Spec{Length: 2, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}))
	s.Fields[1].Spec().DisableAutoExpand = true
	s.Fields[70] = s.Fields[2]
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	if frame := checkPack(t, c, values{0: "0100", 2: "41"}); string(frame) != "0100\x40\x00\x00\x00\x00\x00\x00\x0041" {
		t.Errorf("packed %q", frame)
	}
	_, err = c.Pack(nil, values{0: "0100", 70: "41"}.message())
	want := "DE 70 (Network Management Information Code): want a DE up to 64: this spec's bitmap ends there"
	if err == nil || err.Error() != want {
		t.Errorf("DE 70: %v, want %s", err, want)
	}
}

func TestDoubleBitmap(t *testing.T) {
	s := simple(field.NewString(&field.Spec{Length: 2, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}))
	s.Fields[1].Spec().Length = 16
	s.Fields[1] = field.NewBitmap(s.Fields[1].Spec())
	s.Fields[65] = s.Fields[2] // of which no bit stands for a bitmap here
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []values{{0: "0100", 2: "41"}, {0: "0100", 65: "41"}} {
		frame := checkPack(t, c, v)
		if len(frame) != 4+16+2 {
			t.Fatalf("packed %q, want a bitmap of 16 bytes", frame)
		}
		checkUnpack(t, c, frame)
		third := append(append([]byte("0100\x80"), frame[5:20]...), make([]byte, 16)...)
		var got *spec.FieldError
		if err := c.Unpack(append(third, "41"...), &spec.Message{}); !errors.As(err, &got) ||
			*got != fault(1, 20, "no third bitmap") {
			t.Errorf("a bitmap that says that a third follows: %v", err)
		}
	}
}

// TestEveryByte puts every byte at every place of a number and of a text of all lengths around the steps in which they
// are checked.
func TestEveryByte(t *testing.T) {
	for _, test := range []struct {
		de     int
		prefix string
		fill   byte
		takes  func(byte) bool
	}{
		{2, "%02d", '5', func(b byte) bool { return b >= '0' && b <= '9' }},
		{44, "%02d", 'x', func(b byte) bool { return b >= ' ' && b <= '~' }},
		{35, "%02d", '=', func(b byte) bool { return b >= '0' && b <= '?' || b == 'D' }},
	} {
		var bitmap [8]byte
		bitmap[(test.de-1)/8] = 0x80 >> ((test.de - 1) % 8)
		for _, n := range []int{1, 3, 4, 5, 7, 8, 9, 15, 16, 17} {
			for at := range n {
				for b := range 256 {
					value := bytes.Repeat([]byte{test.fill}, n)
					value[at] = byte(b)
					frame := append(fmt.Appendf(nil, "0100%X"+test.prefix, bitmap, n), value...)
					var m spec.Message
					err := asciiCodec.Unpack(frame, &m)
					if taken := err == nil; taken != test.takes(byte(b)) {
						t.Fatalf("DE %d, byte %d of %d is %#02x: %v", test.de, at, n, b, err)
					}
					m.SetMTI("0100")
					m.SetBytes(test.de, value)
					if _, err := asciiCodec.Pack(nil, &m); (err == nil) != test.takes(byte(b)) {
						t.Fatalf("DE %d, byte %d of %d is %#02x: Pack: %v", test.de, at, n, b, err)
					}
				}
			}
		}
	}
}

func TestLeftAlignedBCD(t *testing.T) {
	c, err := spec.Compile(simple(field.NewString(&field.Spec{Length: 3, Enc: encoding.LBCD, Pref: prefix.ASCII.Fixed})))
	if err != nil {
		t.Fatal(err)
	}
	const header = "0100\x40\x00\x00\x00\x00\x00\x00\x00"
	if frame := checkPack(t, c, values{0: "0100", 2: "123"}); string(frame) != header+"\x12\x30" {
		t.Errorf("packed %q", frame)
	}
	for wire, takes := range map[string]bool{
		"\x12\x30": true, "\x12\x3f": true, "\x12\x31": false, "\x12\x3a": false, "\x1f\x30": false,
	} {
		checkUnpack(t, c, []byte(header+wire))
		var m spec.Message
		err := c.Unpack([]byte(header+wire), &m)
		if (err == nil) != takes || takes && m.String(2) != "123" {
			t.Errorf("%x: %q, %v; want it taken: %t", wire, m.String(2), err, takes)
		}
	}
}

func TestNumericBounds(t *testing.T) {
	c, err := spec.Compile(simple(field.NewNumeric(&field.Spec{
		Length: 25, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed, Pad: padding.Left('0'),
	})))
	if err != nil {
		t.Fatal(err)
	}
	for value, canonical := range map[string]string{
		"":                       "0",
		"000":                    "0",
		"0042":                   "42",
		"9223372036854775807":    "9223372036854775807",
		"0009223372036854775807": "9223372036854775807",
		"9223372036854775808":    "",
		"18446744073709551616":   "",
		"-1":                     "",
		"+1":                     "",
	} {
		frame := checkPack(t, c, values{0: "0100", 2: value})
		if (frame != nil) != (canonical != "") {
			t.Errorf("%q: packed %q", value, frame)
		}
		wire := fmt.Sprintf("0100\x40\x00\x00\x00\x00\x00\x00\x00%025s", value)
		checkUnpack(t, c, []byte(wire))
		var m spec.Message
		if err := c.Unpack([]byte(wire), &m); (err == nil) != (canonical != "") || m.String(2) != canonical {
			t.Errorf("%q: unpacked %q, %v; want %q", value, m.String(2), err, canonical)
		}
	}
}

func TestUndefinedDE(t *testing.T) {
	c, err := spec.Compile(simple(field.NewString(&field.Spec{Length: 2, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed})))
	if err != nil {
		t.Fatal(err)
	}
	want := spec.FieldError{DE: 3, Offset: -1, Want: "a DE that the spec defines"}
	var got *spec.FieldError
	if _, err := c.Pack(nil, values{0: "0100", 3: "000000"}.message()); !errors.As(err, &got) || *got != want {
		t.Errorf("Pack: %v, want %v", err, &want)
	}
	want.Offset = 14
	if err := c.Unpack([]byte("0100\x60\x00\x00\x00\x00\x00\x00\x0041000000"), &spec.Message{}); !errors.As(err, &got) ||
		*got != want {
		t.Errorf("Unpack: %v, want %v", err, &want)
	}
}

func TestMessageBound(t *testing.T) {
	long := &field.Spec{Length: 9999, Enc: encoding.ASCII, Pref: prefix.ASCII.LLLL}
	s := simple(field.NewString(long))
	v := values{0: "0100"}
	for de := 2; de <= 8; de++ {
		s.Fields[de] = field.NewString(long)
		v[de] = strings.Repeat("x", 9999)
	}
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	fits := spec.MaxMessage - 12 - 6*10003 - 4
	v[8] = strings.Repeat("x", fits)
	frame := checkPack(t, c, v)
	if len(frame) != spec.MaxMessage {
		t.Fatalf("packed %d bytes, want the most that is allowed, %d", len(frame), spec.MaxMessage)
	}
	checkUnpack(t, c, frame)
	v[8] += "x"
	if _, err := c.Pack(nil, v.message()); err == nil || err.Error() != "message: want at most 65535 bytes, not 65536" {
		t.Errorf("Pack above the bound: %v", err)
	}
	err = c.Unpack(append(frame, 'x'), &spec.Message{})
	if err == nil || err.Error() != "message at byte 65535: want at most 65535 bytes, not 65536" {
		t.Errorf("Unpack above the bound: %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range stockCodecs {
		m := benchMessage(c)
		frame, err := c.PackFrame(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		var in, other spec.Message
		for name, f := range map[string]func(){
			"PackFrame": func() { frame, err = c.PackFrame(frame[:0], m) },
			"Unpack":    func() { err = c.Unpack(frame[spec.LengthHeader:], &in) },
			"SetUint":   func() { m.SetUint(11, 124, 6) },
			"Uint":      func() { m.Uint(11) },
			"MTI":       func() { _ = m.MTI() },
			"Fields":    func() { m.Fields(func(int, []byte) bool { return true }) },
			"CopyFrom":  func() { other.CopyFrom(m) },
			"Reset and Set": func() {
				other.Reset()
				other.SetMTI("0100")
				other.Set(2, "4111111111111111")
			},
		} {
			f() // grows the buffers
			if n := testing.AllocsPerRun(100, f); n != 0 || err != nil {
				t.Errorf("%s: %s allocates %v times, %v", c.Name(), name, n, err)
			}
		}
	}
}

func TestErrorsCarryNoValue(t *testing.T) {
	const pan = "4111111111111111"
	frames := [][]byte{
		[]byte("0100" + "4000000000000000" + "16" + pan + "x"),
		[]byte("0100" + "4000000000000000" + "17" + pan),
		[]byte("0100" + "4000000000000000" + "17" + pan + "x"),
		[]byte("0100" + "0000000020000000" + "20" + pan + "A301"),
	}
	for _, frame := range frames {
		err := asciiCodec.Unpack(frame, &spec.Message{})
		if err == nil {
			t.Fatalf("%q is taken", frame)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "411111") {
			t.Errorf("the error shows the PAN: %v", err)
		}
	}
}
