package guess_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// TestSay names what messages of other systems look like, beside what is configured.
func TestSay(t *testing.T) {
	ascii := spec.MustCodec(spec.DefaultDialect)
	for _, c := range []struct {
		file string
		want []string
	}{
		{"a05a-len-tpdu-bcd", []string{
			"looks like bcd2+tpdu:6000100000 with iso87bcd (possible)", "iso87binary-jpos reads it, too",
			"two BCD bytes of length where binary2 is configured",
			"a TPDU 6000100000", "an MTI in BCD where ASCII is configured",
			"a binary bitmap where a hex one is configured", "numbers in BCD", "and 21 more",
		}},
		{"a07b-ascii-len-incl", []string{
			"looks like ascii4+inclusive with iso87ascii", "four ASCII digits of length that count themselves",
		}},
		{"a18-visa-header", []string{"looks like none+visa", "a Visa header of 22 bytes", "an MTI in BCD"}},
		{"a21a-base24-header", []string{
			"looks like none+text:ISO006000020 with iso87ascii", "a text header ISO006000020", "no length in front",
		}},
		{"a12-de127-six-digits", []string{"looks like none with iso87ascii (possible)", "message at byte 58"}},
	} {
		said := guess.Say(readHex(t, c.file), guess.Options{Framing: "binary2", Codec: ascii})
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not in %q", c.file, want, said)
			}
		}
	}
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\n": "looks like HTTP: a request", "\x16\x03\x01\x02\x00\x01": "looks like TLS: a handshake",
		"": "looks like no ISO 8583: 0 bytes: ", "hello": "looks like no ISO 8583: 5 bytes: 6865, 3 ASCII characters",
	} {
		if said := guess.Say([]byte(text), guess.Options{}); said != want {
			t.Errorf("%q: %q, want %q", text, said, want)
		}
	}
	// What is configured needs no words.
	var m spec.Message
	m.SetMTI("0800")
	m.Set(7, "1121202501")
	m.Set(11, "000123")
	m.Set(70, "301")
	frame, err := ascii.PackFrame(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	if said := guess.Say(frame, guess.Options{Framing: "binary2", Codec: ascii}); said != "" {
		t.Errorf("of what is configured: %q", said)
	}
}

// TestPaddedOnTheRight names the side on which packed digits are filled.
func TestPaddedOnTheRight(t *testing.T) {
	codecs := dialects(t)
	bcd, right := codecOf(t, codecs, "iso87bcd"), codecOf(t, codecs, "iso87binary-jpos")
	var m spec.Message
	m.SetMTI("0100")
	m.Set(2, card(15, "amex"))
	m.Set(3, "000000")
	m.Set(4, "000000001000")
	m.Set(7, "1121202501")
	m.Set(11, "000123")
	packed, err := right.PackFrame(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	said := guess.Say(packed, guess.Options{Codecs: codecs, Framing: "binary2", Codec: bcd})
	if want := "BCD padded on the right where the left is configured"; !strings.Contains(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}

// TestMessagesAlone: of messages that stand one behind the other with nothing between, each says where it ends. Nothing
// bears that out, so it is certain of none.
func TestMessagesAlone(t *testing.T) {
	for i, name := range spec.Stock() {
		codec := spec.MustCodec(name)
		messages := conversation(codec.Version() == spec.ISO1993, i+1)
		var data []byte
		for _, m := range messages {
			var err error
			if data, err = codec.Pack(data, m); err != nil {
				t.Fatal(err)
			}
		}
		ranked := guess.Rank(data, guess.Options{})
		if len(ranked) == 0 {
			t.Errorf("%s: nothing is found", name)
			continue
		}
		best := ranked[0]
		if best.Framing != "none" || best.Read != len(messages) || !best.Complete || best.Confidence == guess.Certain {
			t.Errorf("%s: of %d messages %+v", name, len(messages), best)
		}
	}
}

// TestSaysNoCardData begins captures within their first 400 bytes: whatever is taken for what, no part of a card number
// longer than six digits is said. All of those are looked at in which a length of four digits may be in every digit.
func TestSaysNoCardData(t *testing.T) {
	codecs := dialects(t)
	for i, c := range captures(t) {
		if i%17 != 0 && (c.dialect != "iso93ascii" || !strings.HasPrefix(c.framing, "ascii4")) {
			continue
		}
		pans := map[string]bool{}
		for _, m := range conversation(strings.HasPrefix(c.dialect, "iso93"), i+1) {
			if pan := m.String(2); pan != "" {
				pans[pan] = true
			}
		}
		for from := 0; from < min(len(c.data), 400); from += 7 {
			data := c.data[from:min(len(c.data), from+300)]
			said := guess.Say(data, guess.Options{Codecs: codecs})
			for pan := range pans {
				if part, ok := holds(said, pan); ok {
					t.Fatalf("%s from %d: %s of %s is said: %s", c.name, from, part, pan, said)
				}
			}
		}
	}
}

var hexRuns = regexp.MustCompile(`[0-9A-F]{6,}`)

// holds tells whether a text has seven digits in a row of a card number in it, as text, as hex of ASCII or of EBCDIC,
// or packed.
func holds(said, pan string) (string, bool) {
	for _, run := range hexRuns.FindAllString(said, -1) {
		for at := 0; at+7 <= len(pan); at++ {
			part := pan[at : at+7]
			ascii, ebcdic := fmt.Sprintf("%X", part), strings.NewReplacer("3", "F").Replace(fmt.Sprintf("%X", part))
			if strings.Contains(run, part) || strings.Contains(run, ascii) || strings.Contains(run, ebcdic) {
				return part, true
			}
		}
	}
	return "", false
}

func readHex(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return unhex(string(bytes.TrimSpace(text)))
}

// FuzzRank: whatever comes, hypotheses are ranked, the first one alone may be certain, and Say says something.
func FuzzRank(f *testing.F) {
	for _, c := range captures(f)[:60] {
		f.Add(c.data[:min(len(c.data), 500)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			return
		}
		for i, h := range guess.Rank(data, guess.Options{}) {
			if _, err := framing.Parse(h.Framing); err != nil {
				t.Fatalf("the framing is none: %v", err)
			}
			if i > 0 && h.Confidence == guess.Certain || h.Framing == "" || len(h.Reasons) == 0 || h.Read > h.Frames {
				t.Fatalf("%d: %+v", i, h)
			}
		}
		if guess.Say(data, guess.Options{}) == "" {
			t.Fatal("nothing is said")
		}
	})
}
