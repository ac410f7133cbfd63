package mapping_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/spec"
	"switchyard/spec/mapping"
)

var at = time.Date(2026, 11, 26, 8, 30, 0, 0, time.UTC)

// say makes a message of its MTI and elements.
func say(mti string, fields map[int]string) *spec.Message {
	m := new(spec.Message)
	m.SetMTI(mti)
	for de := 2; de <= spec.MaxDE; de++ {
		if v, ok := fields[de]; ok {
			m.Set(de, v)
		}
	}
	return m
}

func text(m *spec.Message) string {
	s := m.MTI()
	for de, v := range m.Fields {
		s += fmt.Sprintf(" %d=%s", de, v)
	}
	return s
}

func compile(t testing.TB, dialect string, c mapping.Config) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Compile(c, spec.MustCodec(dialect))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Answers, network management and reconciliations: canonical, as 1993, and back.
func TestAnswersThereAndBack(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{})
	for _, c := range []struct {
		ours   *spec.Message
		theirs string
		back   string // "": ours
	}{
		{say("0110", map[int]string{12: "202600", 13: "1121", 39: "00"}), "1110 12=261121202600 39=000", ""},
		{say("0110", map[int]string{39: "10"}), "1110 39=002", ""},
		{say("0430", map[int]string{39: "09"}), "1430 39=923", ""},
		{say("0110", map[int]string{39: "85"}), "1110 39=085", ""},
		{say("0110", map[int]string{39: "N7"}), "1110 39=182", ""},
		{say("0210", map[int]string{39: "51"}), "1210 39=116", ""},
		{say("0230", map[int]string{39: "00"}), "1230 39=000", ""},
		{say("0430", map[int]string{39: "00"}), "1430 39=400", ""},
		{say("0430", map[int]string{39: "25"}), "1430 39=914", ""},
		{say("0430", map[int]string{39: "21"}), "1430 39=981", ""},
		{say("0410", map[int]string{39: "00"}), "1430 39=400", "0430 39=00"},
		{say("0430", map[int]string{39: "30"}), "1430 39=904", ""},
		{say("0210", map[int]string{39: "ZZ"}), "1210 39=100", "0210 39=05"},
		{say("0800", map[int]string{70: "001"}), "1804 24=801", ""},
		{say("0800", map[int]string{70: "002"}), "1804 24=802", ""},
		{say("0800", map[int]string{70: "301"}), "1804 24=831", ""},
		{say("0810", map[int]string{39: "00", 70: "201"}), "1814 24=821 39=800", ""},
		{say("0810", map[int]string{39: "12", 70: "899"}), "1814 24=899 39=902", ""},
		{say("0500", map[int]string{15: "1126", 50: "978", 97: "C0000000000000005"}),
			"1520 24=500 28=261126 50=978 97=C0000000000000005", ""},
		{say("0510", map[int]string{15: "1126", 39: "00", 66: "1"}), "1530 28=261126 39=500", ""},
		{say("0510", map[int]string{15: "1126", 39: "00", 66: "2"}), "1530 28=261126 39=501", ""},
	} {
		want := text(c.ours)
		if c.back != "" {
			want = c.back
		}
		name := text(c.ours)
		if err := to.Send(c.ours, at); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := text(c.ours); got != c.theirs {
			t.Errorf("%s: sent %s, want %s", name, got, c.theirs)
		}
		if err := to.Receive(c.ours); err != nil || text(c.ours) != want {
			t.Errorf("%s: back %s, %v; want %s", name, text(c.ours), err, want)
		}
	}
}

// No action code that is not known approves anything, and one that approves something else than was asked tells
// nothing.
func TestActionCodes(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{})
	approves := map[string]bool{"00": true, "08": true, "10": true, "11": true, "85": true}
	known := map[string]bool{"000": true, "001": true, "002": true, "003": true, "085": true}
	for n := range 1000 {
		action := fmt.Sprintf("%03d", n)
		for _, mti := range []string{"1110", "1210", "1230", "1430"} {
			m := say(mti, map[int]string{39: action})
			if err := to.Receive(m); err != nil {
				t.Fatal(err)
			}
			code := m.String(39)
			want := known[action] || action == "400" && mti == "1430" || action == "901" && mti == "1230" ||
				action == "901" && mti == "1430"
			if approves[code] != want {
				t.Errorf("%s with %s is %q, approved %t", mti, action, code, approves[code])
			}
			if n < 100 && !known[action] && m.Has(39) {
				t.Errorf("%s with %s, an approval that nobody knows, is %q: want none", mti, action, code)
			}
		}
	}
	m := say("1110", map[int]string{39: "400"})
	if err := to.Receive(m); err != nil || m.Has(39) {
		t.Errorf("400 for an authorization is %q, %v; want none", m.String(39), err)
	}
}

// A request is neither approved nor declined by an action code that answers something else: what came of it nobody
// knows.
func TestActionCodesOfOtherClasses(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{})
	for n := 300; n < 902; n++ {
		for _, mti := range []string{"1110", "1210"} {
			m := say(mti, map[int]string{39: fmt.Sprintf("%03d", n)})
			if err := to.Receive(m); err != nil || m.Has(39) {
				t.Errorf("%s with %d is %q, %v; want none", mti, n, m.String(39), err)
			}
		}
	}
	m := say("1230", map[int]string{39: "900"}) // an advice that is refused: no liability
	if err := to.Receive(m); err != nil || m.String(39) != "05" {
		t.Errorf("900 of an advice is %q, %v; want 05", m.String(39), err)
	}
}

// What a capture and a partial reversal are said to be in 1993 does not hang on what the peer is not sent.
func TestFunctionsWithoutOriginals(t *testing.T) {
	const original = "0100000101112120260000000400001" + "00000000000"
	to := compile(t, "iso93ascii", mapping.Config{Original: "omit", Private: "off"})
	for _, c := range []struct {
		ours *spec.Message
		want string
	}{
		{say("0220", map[int]string{4: "000000000100", 90: original}), "1220 4=000000000100 24=201"},
		{say("0420", map[int]string{4: "000000000100", 48: "04044000", 90: original}), "1420 4=000000000100 24=400 25=4000"},
		{say("0420", map[int]string{4: "000000000100", 90: original, 95: "000000000040" + strings.Repeat("0", 30)}),
			"1420 4=000000000040 24=401 30=000000000100000000000000"},
	} {
		if err := to.Send(c.ours, at); err != nil || text(c.ours) != c.want {
			t.Errorf("%s, %v; want %s", text(c.ours), err, c.want)
		}
	}
}

// An answer is read for its outcome: what a peer makes of DE56 there, or of a DE48 whose tags it was never told, is its
// own.
func TestAnswersWithThePeersOwn(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{Private: "off"})
	m := say("1430", map[int]string{39: "400", 48: "0315123456789012345", 56: "142000010"})
	if err := to.Receive(m); err != nil || text(m) != "0430 39=00" {
		t.Errorf("%s, %v; want 0430 39=00", text(m), err)
	}
}

// A peer's own codes, in both editions.
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		dialect, mti string
		codes        map[string]string
		theirs, want string
	}{
		{"iso87ascii", "0110", map[string]string{"1A": "05", "76": "00"}, "1A", "05"},
		{"iso87ascii", "0110", map[string]string{"1A": "05", "76": "00"}, "76", "00"},
		{"iso87ascii", "0110", map[string]string{"1A": "05", "76": "00"}, "51", "51"},
		{"iso87ascii", "0110", map[string]string{"68": "unknown"}, "68", ""},
		{"iso93ascii", "1110", map[string]string{"914": "14"}, "914", "14"},
		{"iso93ascii", "1110", map[string]string{"914": "14"}, "116", "51"},
	} {
		m := say(c.mti, map[int]string{39: c.theirs})
		if err := compile(t, c.dialect, mapping.Config{Codes: c.codes}).Receive(m); err != nil || m.String(39) != c.want {
			t.Errorf("%v: %s is %q, %v; want %q", c.codes, c.theirs, m.String(39), err, c.want)
		}
		if c.want == "" && m.Has(39) {
			t.Errorf("%v: %s leaves an empty code", c.codes, c.theirs)
		}
	}
}

// What a request of 1987 is sent as.
func TestForms(t *testing.T) {
	const original = "0100000101112120260000000400001" + "00000000000"
	request := func() *spec.Message {
		return say("0220", map[int]string{
			43: "Lamps & Shades           Berlin       DE", 48: "0201C", 60: "0", 90: original,
		})
	}
	for _, c := range []struct {
		name   string
		config mapping.Config
		want   string
	}{
		{"private", mapping.Config{Private: "off"},
			"0220 43=Lamps & Shades           Berlin       DE 60=0 90=" + original},
		{"acceptor", mapping.Config{Acceptor: "subfields"}, `0220 43=Lamps & Shades\Berlin\DE 48=0201C 60=0 90=` + original},
		{"no acceptor", mapping.Config{Acceptor: "omit"}, "0220 48=0201C 60=0 90=" + original},
		{"original", mapping.Config{Original: "short", Acceptor: "omit"},
			"0220 48=0201C 60=0 90=010000010111212026000000000000000000000000"},
		{"no original", mapping.Config{Original: "omit", Acceptor: "omit"}, "0220 48=0201C 60=0"},
		{"constants", mapping.Config{Original: "omit", Acceptor: "omit", Constants: []mapping.Constant{
			{DE: 60, Value: "A1"}, {DE: 61, Value: "B2", MTI: []string{"0100"}}, {DE: 63, Value: "C3", MTI: []string{"0220"}},
		}}, "0220 48=0201C 60=A1 63=C3"},
	} {
		m := request()
		if err := compile(t, "iso87ascii", c.config).Send(m, at); err != nil || text(m) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, text(m), err, c.want)
		}
	}
	m := request()
	to := compile(t, "iso87ascii", mapping.Config{Acceptor: "subfields"})
	want := text(m)
	if err := to.Send(m, at); err != nil {
		t.Fatal(err)
	}
	if err := to.Receive(m); err != nil || text(m) != want {
		t.Errorf("back %s, %v; want %s", text(m), err, want)
	}
}

// A repeat has the constants of what it repeats, and a 0420 those of the 0400 that it goes on from, in either edition.
func TestConstantsOfRepeats(t *testing.T) {
	for _, c := range []struct{ of, mti, theirs string }{
		{"0100", "0100", "1100"}, {"0120", "0121", "1121"}, {"0220", "0221", "1221"}, {"0420", "0421", "1421"},
		{"0400", "0420", "1420"}, {"0420", "0400", "1420"}, {"0400", "0421", "1421"},
		{"0100", "0120", ""}, {"0200", "0221", ""}, {"0420", "0220", ""},
	} {
		config := mapping.Config{Constants: []mapping.Constant{{DE: 60, Value: "A", MTI: []string{c.of}}}}
		for dialect, mti := range map[string]string{"iso87ascii": c.mti, "iso93ascii": c.theirs} {
			m := say(c.mti, map[int]string{3: "000000"})
			if err := compile(t, dialect, config).Send(m, at); err != nil {
				t.Fatal(err)
			}
			if has := m.Has(60); has != (c.theirs != "") || has && m.MTI() != mti {
				t.Errorf("%s: the constant of %s stands in %s: %t", dialect, c.of, m.MTI(), has)
			}
		}
	}
}

// The year of a date that has none is the one in which it is nearest.
func TestYears(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{})
	for _, c := range []struct{ at, mmdd, want string }{
		{"2026-11-26", "1126", "261126"}, {"2026-12-31", "0101", "270101"}, {"2027-01-01", "1231", "261231"},
		{"2027-01-20", "1221", "261221"}, {"2028-02-29", "0229", "280229"}, {"2028-03-01", "0229", "280229"},
	} {
		moment, err := time.Parse(time.DateOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		m := say("0230", map[int]string{15: c.mmdd})
		if err := to.Send(m, moment); err != nil || m.String(15) != c.want {
			t.Errorf("%s at %s: %s, %v; want %s", c.mmdd, c.at, m.String(15), err, c.want)
		}
	}
}

// A canonical peer has no mapping, and a dialect's lengths alone make one.
func TestNothing(t *testing.T) {
	for _, dialect := range []string{"iso87ascii", "iso87bcd", "iso87binary", "iso87ebcdic"} {
		if to := compile(t, dialect, mapping.Config{Private: "on", Acceptor: "fixed", Original: "full"}); to != nil {
			t.Errorf("%s: a mapping that does nothing", dialect)
		}
	}
	var none *mapping.Mapping
	m := say("0100", map[int]string{3: "000000"})
	if none.Send(m, at) != nil || none.Receive(m) != nil || none.MTI("0400") != "0400" || !none.Private() {
		t.Error("nil does something")
	}
}

// What cannot be read, or sent, says where.
func TestErrors(t *testing.T) {
	to := compile(t, "iso93ascii", mapping.Config{})
	for _, c := range []struct {
		m    *spec.Message
		want string
	}{
		{say("0100", nil), "MTI"},
		{say("0110", map[int]string{39: "000"}), "MTI"},
		{say("1420", map[int]string{56: "110000010126112120260007400001"}), "DE 56"},
	} {
		if err := to.Receive(c.m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error about %s", text(c.m), err, c.want)
		}
	}
	for _, mti := range []string{"1304", "1400", "1604", "1644", "1740", "1650"} { // of 1993, and none of ours
		m := say(mti, map[int]string{11: "000001", 24: "650", 39: "000"})
		if want := text(m); to.Receive(m) != nil || text(m) != want {
			t.Errorf("%s is read as %s", want, text(m))
		}
	}
	if err := to.Send(say("0100", map[int]string{22: "999", 25: "99"}), at); err == nil ||
		!strings.Contains(err.Error(), "DE 22") {
		t.Errorf("an unknown entry mode: %v", err)
	}
	for _, c := range []struct {
		config mapping.Config
		want   string
	}{
		{mapping.Config{Private: "no"}, `private: "no": expected one of on, off`},
		{mapping.Config{Acceptor: "x"}, `acceptor: "x": expected one of fixed, subfields, omit`},
		{mapping.Config{Original: "x"}, `original: "x": expected one of full, short, omit`},
		{mapping.Config{Constants: []mapping.Constant{{DE: 2, Value: "4"}}}, "constants[0].de: 2: expected another one"},
		{mapping.Config{Constants: []mapping.Constant{{DE: 193, Value: "4"}}}, "constants[0].de: 193: expected 2 to"},
		{mapping.Config{Constants: []mapping.Constant{{DE: 60}}}, "constants[0].value: missing"},
		{mapping.Config{Constants: []mapping.Constant{{DE: 60, Value: "1", MTI: []string{"0110"}}}}, `mti: "0110"`},
		{mapping.Config{Codes: map[string]string{"123": "05"}}, `codes: "123": expected a response code of 2 characters`},
		{mapping.Config{Codes: map[string]string{"12": "5"}}, `codes: 12: "5": expected one of our response codes`},
	} {
		if _, err := mapping.Compile(c.config, spec.MustCodec("iso87ascii")); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.config, err, c.want)
		}
	}
}

// No constant stands where the switch says something that money hangs on: what stays of a reversal, what names an
// original, and the tags of DE48, as long as there are any.
func TestWhatNoConstantMayBe(t *testing.T) {
	for _, c := range []struct {
		dialect, private string
		refused          []int
		taken            []int
	}{
		{"iso87ascii", "on", []int{2, 11, 32, 37, 48, 90, 95}, []int{12, 30, 56, 60}},
		{"iso87ascii", "off", []int{32, 95}, []int{48, 60}},
		{"iso93ascii", "on", []int{12, 30, 48, 56}, []int{24, 60}},
	} {
		for _, de := range append(c.refused, c.taken...) {
			one := mapping.Config{Private: c.private, Constants: []mapping.Constant{{DE: de, Value: "1"}}}
			_, err := mapping.Compile(one, spec.MustCodec(c.dialect))
			refused := err != nil && strings.Contains(err.Error(), "expected another one")
			if refused != slices.Contains(c.refused, de) {
				t.Errorf("%s, private %s, DE%d: %v", c.dialect, c.private, de, err)
			}
		}
	}
}

// advice is an 0220 with all that an option changes: DE12, 13, 15, 22, 43, 48 and 90.
func advice() *spec.Message {
	return say("0220", map[int]string{
		2: "4111111111111111", 3: "000000", 4: "000000012345", 7: "1126083000", 11: "000101", 12: "083000", 13: "1126",
		14: "3012", 15: "1126", 18: "5732", 22: "810", 25: "59", 32: "400001", 37: "633000000000", 38: "A1B2C3", 41: "T1",
		42: "M1", 43: "Lamps & Shades           Berlin       DE", 48: "0611071234567", 49: "978",
		90: "0100000100112608300000000400001" + "00000000000",
	})
}

// everyLength is iso87ascii with the lengths of DE12, 15 and 22 that ask for another form.
func everyLength(b *testing.B) *spec.Codec {
	b.Helper()
	s, err := spec.Load("iso87ascii")
	if err != nil {
		b.Fatal(err)
	}
	for de, length := range map[int]int{12: 12, 15: 6, 22: 12} {
		s.Fields[de].Spec().Length = length
	}
	s.Fields[22].Spec().Description = "Point of Service Data Code [an12]"
	codec, err := spec.Compile(s)
	if err != nil {
		b.Fatal(err)
	}
	return codec
}

// BenchmarkExchange packs an advice and reads its answer: as they are; with every option used; and alike, which is what
// every option makes of them, in the same dialect and without a mapping. The difference between the last two is what a
// mapping costs; it allocates nothing. Every option is each key of mapping, each with something to do in the advice or
// the answer (three constants, one of them of its MTI; a template of two data; a code that the answer has), and each
// length that a dialect may give DE12, 15 and 22. Of the values of a key it is the one that has most to do.
func BenchmarkExchange(b *testing.B) {
	every := mapping.Config{
		Private: "off", Acceptor: "subfields", Original: "short", Codes: map[string]string{"76": "00"},
		Constants: []mapping.Constant{
			{DE: 60, Value: "1"}, {DE: 61, Value: "2"}, {DE: 63, Value: "3", MTI: []string{"0220"}},
		},
		Templates: []mapping.Constant{{DE: 62, Value: "{reference} {rrn}"}},
	}
	every93 := every
	every93.Codes = map[string]string{"076": "00"}
	stock, long, stock93 := spec.MustCodec("iso87ascii"), everyLength(b), spec.MustCodec("iso93ascii")
	for _, c := range []struct {
		name   string
		codec  *spec.Codec
		config mapping.Config
		code   string // of the answer
		alike  bool
	}{
		{"1987", stock, mapping.Config{}, "00", false},
		{"1987-alike", long, every, "76", true}, {"1987-every", long, every, "76", false},
		{"1993", stock93, mapping.Config{}, "000", false},
		{"1993-alike", stock93, every93, "076", true}, {"1993-every", stock93, every93, "076", false},
	} {
		b.Run(c.name, func(b *testing.B) {
			to, err := mapping.Compile(c.config, c.codec)
			if err != nil {
				b.Fatal(err)
			}
			request, of := advice(), capture()
			response := say("0230", map[int]string{
				3: "000000", 4: "000000012345", 7: "1126083000", 11: "000101", 12: "083000", 13: "1126", 15: "1126", 32: "400001",
				37: "633000000000", 38: "A1B2C3", 39: "00", 41: "T1", 42: "M1", 48: "0315123456789012345", 49: "978",
			})
			if err := to.Send(response, at); err != nil {
				b.Fatal(err)
			}
			response.Set(39, c.code)
			if c.alike {
				if err := to.SendOf(request, at, of); err != nil {
					b.Fatal(err)
				}
				to = nil
			}
			answer, err := c.codec.Pack(nil, response)
			if err != nil {
				b.Fatal(err)
			}
			var m spec.Message
			var frame []byte
			b.ReportAllocs()
			for b.Loop() {
				m.CopyFrom(request)
				if err := to.SendOf(&m, at, of); err != nil {
					b.Fatal(err)
				}
				if frame, err = c.codec.Pack(frame[:0], &m); err != nil {
					b.Fatal(err)
				}
				if err := c.codec.Unpack(answer, &m); err != nil {
					b.Fatal(err)
				}
				if err := to.Receive(&m); err != nil {
					b.Fatal(err)
				}
			}
			if c.config.Codes != nil && !c.alike && m.String(39) != "00" {
				b.Errorf("the answer's code is %q: its option does nothing", m.String(39))
			}
		})
	}
}
