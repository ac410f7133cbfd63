package link_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/switch/issuer/link"
)

// framings are one of each kind.
var framings = []string{
	"binary2", "binary4", "bcd2", "ascii4", "ascii4+inclusive", "binary2+tpdu:6000030000", "bcd2+tpdu:6000010002",
	"binary2+tpdu:6000030000+set", "binary2+header:00c0ffee", "binary2+text:ISO006000020", "none+visa",
	"binary2+header:0000+visa", "none+trailer:03",
	"ascii4+inclusive+tpdu:6000030000+trailer:0d0a", "none+text:ISO006000020+trailer:03",
	"none", "none+tpdu:6000030000", "none+text:ISO006000020",
}

func framed(t testing.TB, text string) framing.Format {
	t.Helper()
	f, err := framing.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f.Measuring(codec.Measure)
}

// TestFramings signs on, sends requests, answers an echo of the host's and signs off in each framing.
func TestFramings(t *testing.T) {
	for _, text := range framings {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{framing: framed(t, text)}
				var mu sync.Mutex
				var answered []byte // headers of the answer to the host's echo
				i.on = func(c *hostConn, m *spec.Message) bool {
					mu.Lock()
					defer mu.Unlock()
					if m.MTI() == "0810" {
						answered = slices.Clone(c.head)
					}
					return false
				}
				f := newFixture(t, i, func(c *link.Config) { c.Framing = framed(t, text) })
				defer f.close()
				synctest.Wait()
				for stan := range 3 {
					if _, err := f.send(stan + 1); err != nil {
						t.Fatal(err)
					}
				}
				// Two requests of the host in one write: the link must find where the first one ends.
				echo := i.framed(t, echoRequest(7))
				head := i.head(t, echo)
				i.conn().sendRaw(slices.Concat(echo, echo))
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if want := swapped(text, head); !bytes.Equal(answered, want) {
					t.Errorf("the echo with headers %x was answered with %x, want %x", head, answered, want)
				}
				if got := i.messages(); !slices.Equal(got, []string{
					"0800 001", "0100 000001", "0100 000002", "0100 000003", "0810 301", "0810 301",
				}) {
					t.Errorf("the host got %v", got)
				}
			})
		})
	}
}

// framed is a message of the host's, with headers that are not ours.
func (i *issuer) framed(t *testing.T, m *spec.Message) []byte {
	t.Helper()
	message, err := codec.Pack(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.NewReplacer(
		"tpdu:6000030000", "tpdu:6001230456", "tpdu:6000010002", "tpdu:6001230456", "header:00c0ffee", "header:deadbeef",
		"text:ISO006000020", "text:ISO016000075", "visa:1601020000000000", "visa:1601020000123456",
	).Replace(i.framing.String())
	frame, err := framed(t, theirs).Append(nil, message)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func (i *issuer) head(t *testing.T, frame []byte) []byte {
	t.Helper()
	cut, _, err := i.framing.Cut(frame, link.MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	return cut.Head
}

// swapped is what an answer's headers are to those of a request. An echo and its answer differ in length by DE39.
func swapped(text string, head []byte) []byte {
	want := slices.Clone(head)
	switch {
	case strings.HasSuffix(text, "+set"):
		return []byte{0x60, 0, 3, 0, 0}
	case strings.Contains(text, "tpdu"):
		copy(want[1:], []byte{head[3], head[4], head[1], head[2]})
	case strings.Contains(text, "visa"):
		h := want[strings.Count(text, "header:0000")*2:]
		h[4] += 2 // DE39
		copy(h[5:], slices.Concat(h[8:11], h[5:8]))
	}
	return want
}

// TestStrangeHost tells the operator that something came and what it looks like, where a host frames otherwise than it
// is configured, or speaks another dialect. None of it shows what may be a card.
func TestStrangeHost(t *testing.T) {
	for _, tc := range []struct {
		name, ours string
		bytes      []byte
		want       []string
	}{
		{
			"an ASCII length that counts itself", "binary2", readHex(t, "a07b-ascii-len-incl"), []string{
				"no answer in time", "what came is no message in framing binary2: looks like ascii4+inclusive with iso87ascii",
			},
		},
		{
			"a binary length", "ascii4", append([]byte{0, 55}, readHex(t, "a07b-ascii-len-incl")[4:]...), []string{
				"framing is lost: want a length of four ASCII digits", "looks like binary2 with iso87ascii",
			},
		},
		{
			"a BCD length, a TPDU and another dialect", "binary2", readHex(t, "a05a-len-tpdu-bcd"), []string{
				"no answer in time", "looks like bcd2+tpdu:6000100000 with iso87bcd", "a TPDU 6000100000",
			},
		},
		{
			"Visa's header", "binary2", readHex(t, "a18-visa-header"), []string{"looks like none+visa", "a Visa header"},
		},
		{
			"a text header", "binary2", readHex(t, "a21a-base24-header"), []string{"a text header ISO006000020"},
		},
		{
			"the beginning of a frame", "binary2", []byte{0},
			[]string{"no answer in time", "what came is no message in framing binary2: looks like no ISO 8583: 1 bytes"},
		},
		{
			"a web server", "binary2", []byte("HTTP/1.1 400 Bad Request\r\n"), []string{"looks like HTTP: an answer"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{framing: framed(t, tc.ours), on: func(c *hostConn, _ *spec.Message) bool {
					c.sendRaw(tc.bytes)
					return true
				}}
				f := newFixture(t, i, func(c *link.Config) { c.Framing = framed(t, tc.ours) })
				defer f.close()
				time.Sleep(6 * time.Second)
				lines := f.logs.FilterMessage("link down").All()
				if len(lines) != 1 {
					t.Fatalf("%d lines say that the link is down", len(lines))
				}
				got := lines[0].ContextMap()["error"].(string)
				for _, want := range tc.want {
					if !strings.Contains(got, want) {
						t.Errorf("the log says %q, and not %q", got, want)
					}
				}
				if strings.Contains(got, "1111111111") {
					t.Errorf("the log shows a card: %q", got)
				}
			})
		})
	}
}

// TestStrangeFramesAreKept tells of a frame that is none what it looks like, once, whatever makes it none: also where
// its header is wrong and its length is known, where its length is one that no frame has and its end never comes, and
// where the connection ends before its end, in the sign-on too.
func TestStrangeFramesAreKept(t *testing.T) {
	echo, err := codec.Pack(nil, echoRequest(7))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, ours string
		bytes      []byte
		hangsUp    bool
		want       string // how the reason begins
		looks      string
	}{
		{
			"no TPDU", "binary2+tpdu:6000030000", append([]byte{0, byte(len(echo))}, echo...), false,
			"framing: want a TPDU of 5 bytes that begins with 60; it ", "looks like binary2 with iso87ascii",
		},
		{
			"no trailer", "binary2+trailer:03", append([]byte{0, byte(len(echo))}, echo...), false,
			"framing: want the trailer 03; it ", "looks like binary2 with iso87ascii",
		},
		{
			"a bare TPDU", "binary2", append([]byte{0x60, 0, 3, 0, 0}, echo...), true,
			"too_long: want at most 16384 bytes; it ", "looks like none+tpdu:6000030000 with iso87ascii",
		},
		{
			"a web server", "binary2", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true,
			"too_long: want at most 16384 bytes; it ", "looks like HTTP: an answer",
		},
		{
			"JSON", "binary2", []byte(`{"error": "bad request"}`), true,
			"too_long: want at most 16384 bytes; it ", "looks like JSON",
		},
		{
			"a length that counts itself", "ascii4", fmt.Appendf(nil, "%04d%s", len(echo)+4, echo), true,
			fmt.Sprintf("cut: %d of at least %d bytes came, in framing ascii4, before the connection ended; it ",
				len(echo)+4, len(echo)+8), "looks like ascii4+inclusive with iso87ascii",
		},
	} {
		for _, required := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sign-on %t", tc.name, required), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					i := &issuer{framing: framed(t, tc.ours), on: func(c *hostConn, _ *spec.Message) bool {
						c.sendRaw(tc.bytes)
						if tc.hangsUp {
							c.Close()
						}
						return true
					}}
					told := make(chan link.Malformed, 8)
					f := newFixture(t, i, func(c *link.Config) {
						c.Framing = framed(t, tc.ours)
						c.OnMalformed = func(m link.Malformed) { told <- m }
						if !required {
							c.SignOn = link.SignOnNone
						}
					})
					defer f.close()
					synctest.Wait()
					if !required {
						sent := f.sending(1)
						defer func() { <-sent }()
						synctest.Wait()
					}
					if len(told) != 1 {
						t.Fatalf("told of %d frames, want 1", len(told))
					}
					if why := (<-told).Why; !strings.HasPrefix(why, tc.want+tc.looks) {
						t.Errorf("told %q, want %q", why, tc.want+tc.looks)
					}
				})
			})
		}
	}
}

func readHex(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWhatAFramingCannotTake refuses, unsent, a message that no frame can be made of, and frees its slot.
func TestWhatAFramingCannotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := "none+trailer:" + hex.EncodeToString([]byte("TERM0001"))
		i := &issuer{framing: framed(t, text)}
		f := newFixture(t, i, func(c *link.Config) { c.Framing = framed(t, text) })
		defer f.close()
		synctest.Wait()
		_, err := f.send(1)
		mustBe(t, err, link.ErrNotSent)
		if err == nil || !strings.Contains(err.Error(), "want a message without the trailer") {
			t.Errorf("got %v, want it to name the trailer", err)
		}
		if in := f.Links()[0].InUse; in != 0 {
			t.Errorf("%d slots are taken, want none", in)
		}
	})
}
