package guess_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"

	"switchyard/spec"
	"switchyard/spec/guess"
)

// framings are built here by hand, so that they are not what the package takes them for by its own code.
var framings = []struct {
	text  string
	frame func(message []byte) []byte
}{
	{"binary2", func(m []byte) []byte { return append(be2(len(m)), m...) }},
	{"binary2+inclusive", func(m []byte) []byte { return append(be2(len(m)+2), m...) }},
	{"binary4", func(m []byte) []byte { return append(append([]byte{0, 0}, be2(len(m))...), m...) }},
	{"bcd2", func(m []byte) []byte { return append(unhex(fmt.Sprintf("%04d", len(m))), m...) }},
	{"ascii4", func(m []byte) []byte { return append([]byte(fmt.Sprintf("%04d", len(m))), m...) }},
	{"ascii4+inclusive", func(m []byte) []byte { return append([]byte(fmt.Sprintf("%04d", len(m)+4)), m...) }},
	{"binary2+tpdu:6000030000", func(m []byte) []byte {
		return append(append(be2(len(m)+5), unhex("6000030000")...), m...)
	}},
	{"ascii4+tpdu:6000030000", func(m []byte) []byte {
		return append(append([]byte(fmt.Sprintf("%04d", len(m)+5)), unhex("6000030000")...), m...)
	}},
	{"binary2+text:ISO006000020", func(m []byte) []byte {
		return append(append(be2(len(m)+12), "ISO006000020"...), m...)
	}},
	{"binary2+visa", func(m []byte) []byte {
		head := append(unhex("160102"), be2(len(m)+22)...)
		head = append(head, make([]byte, 17)...)
		return append(append(be2(len(m)+22), head...), m...)
	}},
}

func be2(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func unhex(text string) []byte {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return raw
}

// derived is a dialect like another one, each field changed.
func derived(t testing.TB, from, name string, change func(de int, s *field.Spec)) *spec.Codec {
	t.Helper()
	s, err := spec.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	s.Name = name
	for de, f := range s.Fields {
		change(de, f.Spec())
	}
	return compile(t, s)
}

func compile(t testing.TB, s *iso8583.MessageSpec) *spec.Codec {
	t.Helper()
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// draw is a number below n that hangs on its arguments alone.
func draw(n int, of ...any) int {
	h := fnv.New32a()
	fmt.Fprintln(h, of...)
	return int(h.Sum32() % uint32(n))
}

func digits(n int, of ...any) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, draw(10, append(of, i)...))
	}
	return b.String()
}

// card is a number of n digits with its check digit.
func card(n int, of ...any) string {
	number := "4" + digits(n-2, of...)
	for check := range 10 {
		sum := 0
		for i := range n {
			d := check
			if i > 0 {
				d = int(number[n-1-i] - '0')
			}
			if i%2 != 0 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
		}
		if sum%10 == 0 {
			return fmt.Sprint(number, check)
		}
	}
	panic("no check digit")
}

// conversation is what one side of a connection says: a sign-on and payments, the values of which hang on the seed.
func conversation(v1993 bool, seed int) (messages []*spec.Message) {
	stamp := func(i int) string {
		return fmt.Sprintf("%02d%02d%02d%02d%02d", 1+draw(12, seed, "mm"), 1+draw(28, seed, "dd"), draw(24, seed, "hh"),
			draw(60, seed, i, "mi"), draw(60, seed, i, "ss"))
	}
	for i := range 5 {
		m := new(spec.Message)
		at := stamp(i)
		m.Set(7, at)
		m.Set(11, digits(6, seed, i, "stan"))
		if i == 0 {
			m.SetMTI("0800")
			m.Set(70, "001")
			if v1993 {
				m.SetMTI("1804")
				m.Unset(70)
				m.Set(12, "26"+at)
				m.Set(24, "801")
			}
			messages = append(messages, m)
			continue
		}
		m.Set(2, card(15+draw(5, seed, i, "length"), seed, i, "pan"))
		m.Set(3, "000000")
		m.Set(4, "0000000"+digits(5, seed, i, "amount"))
		m.Set(32, digits(6+draw(5, seed, "acquirer"), seed, "id"))
		m.Set(37, digits(12, seed, i, "rrn"))
		m.Set(41, "TERM"+digits(4, seed, "terminal"))
		m.Set(42, "MERCHANT"+digits(7, seed, "merchant"))
		m.Set(49, "978")
		if v1993 {
			m.SetMTI([]string{"1100", "1200", "1420", "1120"}[i-1])
			m.Set(12, "26"+at)
			m.Set(22, "51010151134C")
			m.Set(24, "100")
			m.Set(26, "5411")
		} else {
			m.SetMTI([]string{"0100", "0200", "0420", "0220"}[i-1])
			m.Set(12, at[4:])
			m.Set(13, at[:4])
			m.Set(18, "5411")
			m.Set(22, "051")
			m.Set(25, "00")
		}
		messages = append(messages, m)
	}
	return messages
}

// dialects are nine: the embedded ones, and one derived from them.
func dialects(t testing.TB) (codecs []*spec.Codec) {
	t.Helper()
	for _, name := range spec.Stock() {
		codecs = append(codecs, spec.MustCodec(name))
	}
	own := derived(t, "iso93ascii", "iso93ebcdic", func(de int, s *field.Spec) {
		if de == 1 {
			s.Enc, s.Pref = encoding.Binary, prefix.Binary.Fixed
			return
		}
		if s.Enc == encoding.ASCII {
			s.Enc = encoding.EBCDIC
		}
		for i, p := range []prefix.Prefixer{prefix.ASCII.Fixed, prefix.ASCII.L, prefix.ASCII.LL, prefix.ASCII.LLL} {
			if s.Pref == p {
				s.Pref = []prefix.Prefixer{prefix.EBCDIC.Fixed, prefix.EBCDIC.L, prefix.EBCDIC.LL, prefix.EBCDIC.LLL}[i]
			}
		}
	})
	return append(codecs, own)
}

// codecOf is the codec of a name among candidates.
func codecOf(t testing.TB, codecs []*spec.Codec, name string) *spec.Codec {
	t.Helper()
	for _, c := range codecs {
		if c.Name() == name {
			return c
		}
	}
	t.Fatalf("no dialect %s", name)
	return nil
}

// capture is what was recorded, and what it is.
type capture struct {
	name, framing, dialect string
	data                   []byte
}

// captures are 225: each framing with each dialect, whole and with its end cut off, and for every other one with its
// beginning cut off, so that it begins within a frame.
func captures(t testing.TB) (all []capture) {
	t.Helper()
	codecs := dialects(t)
	seed := 0
	for _, cut := range []string{"whole", "end", "begin"} {
		for fi, f := range framings {
			for di, codec := range codecs {
				if cut == "begin" && (fi+di)%2 != 0 {
					continue
				}
				seed++
				var data []byte
				starts := []int{}
				for _, m := range conversation(strings.HasPrefix(codec.Name(), "iso93"), seed) {
					packed, err := codec.Pack(nil, m)
					if err != nil {
						t.Fatalf("%s: %v", codec.Name(), err)
					}
					starts = append(starts, len(data))
					data = append(data, f.frame(packed)...)
				}
				switch cut {
				case "end":
					data = data[:starts[4]+(len(data)-starts[4])*(1+draw(9, seed, "cut"))/10]
				case "begin":
					data = data[starts[1]*(1+draw(9, seed, "cut"))/10:]
				}
				all = append(all, capture{
					fmt.Sprintf("%03d %s %s %s", seed, f.text, codec.Name(), cut), f.text, codec.Name(), data,
				})
			}
		}
	}
	return all
}

// TestCaptures: of 225 captures the first hypothesis is right for at least 95%, and certain of none that is wrong.
func TestCaptures(t *testing.T) {
	codecs := dialects(t)
	right, certain, all := 0, 0, captures(t)
	if len(all) != 225 {
		t.Fatalf("%d captures", len(all))
	}
	for _, c := range all {
		ranked := guess.Rank(c.data, guess.Options{Codecs: codecs})
		if len(ranked) == 0 {
			t.Logf("%s: nothing", c.name)
			continue
		}
		h := ranked[0]
		ok := h.Framing == c.framing && h.Dialect == c.dialect
		if ok {
			right++
		} else {
			t.Logf("%s: %s %s (%s): %s", c.name, h.Framing, h.Dialect, h.Confidence, strings.Join(h.Reasons, ", "))
		}
		if h.Confidence == guess.Certain {
			certain++
			if !ok {
				t.Errorf("%s: certain of %s with %s", c.name, h.Framing, h.Dialect)
			}
		}
	}
	t.Logf("%d of %d right, %d certain", right, len(all), certain)
	if right*100 < len(all)*95 {
		t.Errorf("%d of %d right, want 95%%", right, len(all))
	}
	if certain < 100 {
		t.Errorf("certain of %d only: it says nothing", certain)
	}
}

// TestUnknownDialect takes from the candidates the dialect that a capture is in, one by one: what is said of it then is
// wrong, so it must not be certain.
func TestUnknownDialect(t *testing.T) {
	codecs := dialects(t)
	for _, c := range captures(t) {
		var others []*spec.Codec
		for _, codec := range codecs {
			if codec.Name() != c.dialect {
				others = append(others, codec)
			}
		}
		for _, h := range guess.Rank(c.data, guess.Options{Codecs: others}) {
			if h.Confidence == guess.Certain {
				t.Errorf("%s: certain of %s with %s: %s", c.name, h.Framing, h.Dialect, strings.Join(h.Reasons, ", "))
			}
		}
	}
}
