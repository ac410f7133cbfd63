package issuersim_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// peer speaks a framing and a dialect on a connection.
type peer struct {
	t       *testing.T
	conn    net.Conn
	in      *bufio.Reader
	framing framing.Format
	codec   *spec.Codec
	head    []byte // headers of the last frame that came
}

func (s *sim) peer(t *testing.T, text string, codec *spec.Codec) *peer {
	t.Helper()
	return &peer{t: t, conn: s.conn, in: bufio.NewReaderSize(s.conn, 64<<10), framing: parsed(t, text), codec: codec}
}

func parsed(t *testing.T, text string) framing.Format {
	t.Helper()
	f, err := framing.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// frame is a message as the peer sends it, of a line.
func (p *peer) frame(line string) []byte {
	p.t.Helper()
	m, err := message(line)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := p.codec.Pack(nil, m)
	if err != nil {
		p.t.Fatal(err)
	}
	if b, err = p.framing.Append(nil, b); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// raw sends bytes, and returns the message that comes.
func (p *peer) raw(b []byte) []byte {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
	frame, err := p.framing.Peek(p.in, 8192)
	if err != nil {
		p.t.Fatal(err)
	}
	p.head = slices.Clone(frame.Head)
	m := slices.Clone(frame.Message)
	if _, err := p.in.Discard(frame.Size); err != nil {
		p.t.Fatal(err)
	}
	return m
}

// ask sends a message, and shows what comes.
func (p *peer) ask(line string) string {
	p.t.Helper()
	return p.show(p.raw(p.frame(line)))
}

func (p *peer) show(message []byte) string {
	p.t.Helper()
	var m spec.Message
	if err := p.codec.Unpack(message, &m); err != nil {
		p.t.Fatal(err)
	}
	return show(&m)
}

// TestFramings is answered in each framing, with the headers of the request, also behind frames that are none.
func TestFramings(t *testing.T) {
	for _, c := range []struct {
		framing string
		sends   string // the same framing with headers of the peer's own
		head    string // of the answer
		bad     string // a frame that is none and can be passed over
	}{
		{"binary2", "binary2", "", "0000"},
		{"binary4", "binary4", "", "00000000"},
		{"bcd2", "bcd2", "", "0000"},
		{"ascii4", "ascii4", "", "30303030"},
		{"ascii4+inclusive", "ascii4+inclusive", "", "30303034"},
		{"binary2+tpdu", "binary2+tpdu:6001230456", "6004560123", "0006 6100000000 41"},
		{"bcd2+tpdu", "bcd2+tpdu:6001230456", "6004560123", "0003 600000"},
		{"binary2+tpdu:6000070000+set", "binary2+tpdu:6001230456", "6000070000", "0003 600000"},
		{"binary2+header:00000000", "binary2+header:deadbeef", "deadbeef", "0002 dead"},
		{"binary2+text:ISO006000020", "binary2+text:ISO016000075", "49534f303136303030303735", "0002 4953"},
		{"none+visa", "none+visa:1601020000123456654321" + strings.Repeat("0", 22), "", ""},
		{"none+trailer:03", "none+trailer:03", "", "03"},
		{"none+text:ISO006000020+trailer:03", "none+text:ISO016000075+trailer:03", "49534f303136303030303735", ""},
		{"binary2+trailer:03", "binary2+trailer:03", "", "0002 4142"},
	} {
		t.Run(c.framing, func(t *testing.T) {
			s := start(t, issuersim.Options{Framing: parsed(t, c.framing)})
			p := s.peer(t, c.sends, codec)
			bad, err := hex.DecodeString(strings.ReplaceAll(c.bad, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.show(p.raw(append(bad, p.frame("0800 stan=1 net=001")...))); got != "0810 00 stan=1 net=1" {
				t.Errorf("the sign-on: %s", got)
			}
			if want, _ := hex.DecodeString(c.head); c.head != "" && !bytes.Equal(p.head, want) {
				t.Errorf("answered with headers %x, want %x", p.head, want)
			}
			if c.framing == "none+visa" && !bytes.Equal(p.head[5:11], []byte{0x65, 0x43, 0x21, 0x12, 0x34, 0x56}) {
				t.Errorf("the stations were not swapped: %x", p.head)
			}
			if got := p.ask("0100 stan=2"); !strings.HasPrefix(got, "0110 00 stan=2 amount=1000") {
				t.Errorf("the authorization: %s", got)
			}
		})
	}
}

// TestFramingIsLost ends a connection where nobody can tell where the next frame begins, and says what came.
func TestFramingIsLost(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	s := start(t, issuersim.Options{Framing: parsed(t, "ascii4"), Logger: zap.New(core)})
	p := s.peer(t, "binary2", codec)
	if _, err := p.conn.Write(p.frame("0800 stan=1 net=301")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.ReadByte(); err == nil {
		t.Error("something was answered")
	}
	lines := logs.FilterMessage("bad frame").All()
	if len(lines) != 1 {
		t.Fatalf("%d bad frames are logged, want 1", len(lines))
	}
	said := lines[0].ContextMap()
	if said["reason"] != "framing" || said["error"] != "want a length of four ASCII digits" {
		t.Errorf("the log says %v", said)
	}
	if looks := said["looks"].(string); !strings.Contains(looks, "looks like binary2 with iso87ascii") {
		t.Errorf("it looks %q", looks)
	}
}

// TestUnreadable answers what does not parse: with 30 where the MTI and the STAN stand before what is wrong, and else
// with the message itself and 9 for its version. Each is logged.
func TestUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		codec *spec.Codec
		mti   string // of what is sent
		nine  string // what a message begins with that comes back
		want  string // MTI and DE39 of the answer to what can be read as far as the STAN
	}{
		"iso87ascii": {codec, "0100", "9100", "0110 30"},
		"iso87bcd":   {spec.MustCodec(spec.BCDDialect), "0100", "\x91\x00", "0110 30"},
		"iso93bcd":   {spec.MustCodec("iso93bcd"), "1100", "\x91\x00", "1110 904"},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			s := start(t, issuersim.Options{Codec: c.codec, Logger: zap.New(core), Framing: parsed(t, "binary2+tpdu")})
			p := s.peer(t, "binary2+tpdu:6000010002", c.codec)
			// The currency is last and the only field of letters.
			wrong := p.frame(c.mti + " stan=7")
			wrong[len(wrong)-1] = 0xFF
			if got := p.show(p.raw(wrong)); got != c.want+" stan=7 amount=1000" {
				t.Errorf("a wrong currency: %s", got)
			}
			short := p.frame(c.mti + " stan=8")
			const keep = 2 + 5 + 4 + 16 + 4 // the length and the headers, and the beginning of the message
			short = short[:keep]
			short[0], short[1] = 0, keep-2
			returned := p.raw(short)
			if !strings.HasPrefix(string(returned), c.nine) || !bytes.Equal(returned[len(c.nine):], short[7+len(c.nine):]) {
				t.Errorf("a message that is cut off came back as %x, and was %x", returned, short[7:])
			}
			if want := []byte{0x60, 0, 2, 0, 1}; !bytes.Equal(p.head, want) {
				t.Errorf("it came back with headers %x, want %x", p.head, want)
			}
			if n := logs.FilterMessage("bad frame").Len(); n != 2 {
				t.Errorf("%d bad frames are logged, want 2", n)
			}
			for _, line := range logs.All() {
				for _, value := range line.ContextMap() {
					if text, ok := value.(string); ok && strings.Contains(text, goodCard[6:12]) {
						t.Errorf("the log shows the card: %s", text)
					}
				}
			}
		})
	}
}

// TestFloodOfBadFrames logs so many a second, and counts the others.
func TestFloodOfBadFrames(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	s := start(t, issuersim.Options{Logger: zap.New(core)})
	s.write(bytes.Repeat([]byte("\x00\x05hello"), 5000))
	s.exchange(s.line("0800 stan=1 net=301"))
	n := logs.FilterMessage("bad frame").Len()
	if n < 20 || n >= 5000 {
		t.Errorf("%d lines are logged of 5,000 frames", n)
	}
	_, metrics := s.http("GET", "/metrics", "")
	if !strings.Contains(metrics, `issuersim_bad_frames_total{reason="unpack"} 5000`) {
		t.Error("not all are counted")
	}
}

// TestWhatIsRequired refuses what a host of this kind would refuse.
func TestWhatIsRequired(t *testing.T) {
	const bare = " pan=- de3=- amount=- cur=- merchant=- terminal=- rrn=-"
	const whole = " exp=3012 de12=120000 de13=1121 de18=5999 de22=810 de25=59 de43=Shop cvc=123"
	for _, c := range []struct {
		name    string
		require issuersim.Require
		steps   [][2]string // message, and MTI and DE39 of its answer
	}{
		{"nothing", issuersim.Require{}, [][2]string{{"0100 stan=1", "0110 00"}, {"0800 stan=2 net=301", "0810 00"}}},
		{"sign-on", issuersim.Require{SignOn: true}, [][2]string{
			{"0100 stan=1", "0110 91"}, {"0800 stan=2 net=301", "0810 91"}, {"0420 stan=3 orig=0100:1", "0430 91"},
			{"0800 stan=4 net=001", "0810 00"}, {"0100 stan=5", "0110 00"}, {"0800 stan=6 net=301", "0810 00"},
			{"0800 stan=7 net=002", "0810 00"}, {"0100 stan=8", "0110 91"},
		}},
		{"MAC", issuersim.Require{MAC: true}, [][2]string{
			{"0800 stan=1 net=001", "0810 00"}, {"0100 stan=2", "0110 63"},
			{"0100 stan=3 de64=0011223344556677", "0110 00"}, {"0100 stan=4 de128=0011223344556677", "0110 00"},
		}},
		{"elements", issuersim.Require{Elements: true}, [][2]string{
			{"0800 stan=1 net=001", "0810 00"},
			{"0100 stan=2" + whole, "0110 00"},
			{"0100 stan=3 de64=0011223344556677" + whole, "0110 00"},
			{"0100 stan=4", "0110 30"},                                                                  // no DE12
			{"0100 stan=5 de60=more" + whole, "0110 30"},                                                // nobody expects DE60
			{"0200 stan=6" + whole, "0210 30"},                                                          // no DE15
			{"0200 stan=7 date=1121" + whole, "0210 00"},                                                // a sale
			{"0200 stan=8 date=1121 de3=200000 de55=9F26080011223344556677" + whole, "0210 30"},         // a refund with a chip
			{"0420 stan=9 date=1121 orig=0200:7 rrn=R7 de12=120000 de13=1121 de25=59 num=1", "0430 00"}, // of the sale
			{"0420 stan=10 date=1121 rrn=R7 de12=120000 de13=1121 de25=59 num=1", "0430 30"},            // of nothing
			{"0220 stan=11 date=1121 code=123456 num=1 exp=3012 de12=120000 de13=1121 de18=5999 de22=810 de25=59", "0230 30"},
			{"0500 stan=12 date=1121 de50=978", "0510 30"}, // with a card and more
			{"0500 stan=13 date=1121 de50=978" + bare, "0510 00"},
			{"0500 stan=14 date=1121 de50=978 de88=0000000000000000" + bare, "0510 00"},
			{"0520 stan=15 date=1121" + bare, "0530 30"},    // no DE50
			{"0100 stan=16 code=123456" + whole, "0110 30"}, // asks, and knows the answer
			{"0101 stan=16 code=123456" + whole, "0110 30"},
			{"0120 stan=17 code=123456" + whole, "0130 00"},             // a stand-in has a code of its own
			{"0120 stan=18 de55=9F2608001122334455" + whole, "0130 30"}, // and no chip
		}},
		{"elements, others too", issuersim.Require{
			Elements: true, Also: []int{60, 62}, Without: []int{43, 48},
		}, [][2]string{
			{"0100 stan=1 de60=0001 de62=ORDER" + whole, "0110 00"},
			{"0100 stan=2 de61=0001" + whole, "0110 30"},
			{"0100 stan=3 de60=1 exp=3012 de12=120000 de13=1121 de18=5999 de22=810 de25=59", "0110 00"}, // no DE43, 48
			{"0100 stan=4 exp=3012 de12=120000 de13=1121 de18=5999 de22=810", "0110 30"},                // no DE25
			{"0500 stan=5 date=1121 de50=978 de60=0001" + bare, "0510 00"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			s := start(t, issuersim.Options{Require: c.require, Logger: zap.New(core)})
			refused := 0
			for _, step := range c.steps {
				got := s.exchange(s.line(step[0]))
				if said := got.MTI() + " " + got.String(39); said != step[1] {
					t.Errorf("%s: %s, want %s", step[0], said, step[1])
				}
				if !strings.HasSuffix(step[1], " 00") {
					refused++
				}
			}
			if n := logs.FilterMessage("bad frame").Len(); n != refused {
				t.Errorf("%d refusals are logged, want %d", n, refused)
			}
		})
	}
}

// Lists that say nothing are refused with their key.
func TestWhatCannotBeRequired(t *testing.T) {
	for want, require := range map[string]issuersim.Require{
		"require.also: 1: expected 2 to 192":      {Elements: true, Also: []int{60, 1}},
		"require.without: 193: expected 2 to 192": {Elements: true, Without: []int{193}},
		"require.also: given without elements":    {Also: []int{60}},
		"require.without: given without elements": {SignOn: true, Without: []int{43}},
	} {
		_, err := issuersim.New(issuersim.Options{Listener: listen(t), Require: require})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A trailer alone cannot end messages that may have it anywhere.
func TestTrailerAloneWithBinaryFields(t *testing.T) {
	_, err := issuersim.New(issuersim.Options{
		Listener: listen(t), Codec: spec.MustCodec("iso87bcd"), Framing: framing.MustParse("none+trailer:03"),
	})
	if err == nil || !strings.Contains(err.Error(), "framing none+trailer:03: ") {
		t.Errorf("error %v", err)
	}
}

// TestConnects connects to a switch that listens, again when a connection ends, and serves on it.
func TestConnects(t *testing.T) {
	l := listen(t)
	server, err := issuersim.New(issuersim.Options{
		Dialed: 2,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	s := &sim{t: t, server: server, served: served}
	accept := func(stan string) net.Conn {
		t.Helper()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
		if got := show(s.exchange(s.line("0800 net=001 stan=" + stan))); got != "0810 00 stan="+stan+" net=1" {
			t.Errorf("the sign-on: %s", got)
		}
		return conn
	}
	first, second := accept("1"), accept("2")
	first.Close()
	third := accept("3")
	s.stop()
	for _, conn := range []net.Conn{second, third} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the server is closed, and a connection is not")
		}
		conn.Close()
	}
	l.Close()
	if _, err := issuersim.New(issuersim.Options{}); err == nil {
		t.Error("an issuer that nobody can reach was made")
	}
}
