package issuersim_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What cannot be worked on is answered where it says enough of itself, and never takes the connection down.
func TestBadFrames(t *testing.T) {
	s := start(t, issuersim.Options{Limits: issuersim.Limits{FrameBytes: 600}})
	frame := func(line string) []byte {
		t.Helper()
		b, err := codec.PackFrame(nil, s.line(line))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	spoiled := func(line string, from int, to byte) []byte {
		b := frame(line)
		b[len(b)-from] = to
		return b
	}
	long := make([]byte, 2+40_000)
	binary.BigEndian.PutUint16(long, 40_000)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string // the answer; empty for none
	}{
		{"length zero", []byte{0, 0}, ""},
		{"too long", long, ""},
		{"rubbish", []byte("\x00\x05hello"), ""},
		{"a response", frame("0110 stan=1"), ""},
		{"currency of letters", spoiled("0100 stan=2", 1, 'x'), "0110 30 stan=2 amount=1000"},
		{"DE128 of letters", spoiled("0100 stan=3 de128=0011223344556677", 1, 'x'), "0110 30 stan=3 amount=1000"},
		{"STAN of letters", bytesReplace(frame("0100 stan=777777"), "777777", "77x777"), "9100"},
		{"a byte more", append(binary.BigEndian.AppendUint16(nil, uint16(len(frame("0800 stan=4 net=301"))-1)), append(
			frame("0800 stan=4 net=301")[2:], 'x',
		)...), "0810 30 stan=4"},
		{"another type", frame("0600 stan=5"), "0610 12 stan=5 amount=1000"},
		{"no DE50", frame("0500 stan=6"), "0510 30 stan=6 amount=1000"},
	} {
		// An echo behind it is answered next, or after it.
		s.write(append(c.bytes, frame("0800 stan=999999 net=301")...))
		if c.want == "9100" { // it came back, and cannot be read either
			m, err := readMessage(s.in)
			if err == nil || m.MTI() != "" {
				t.Errorf("%s: %s", c.name, show(m))
			}
		} else if c.want != "" {
			if got := show(s.receive()); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
		if got := show(s.receive()); !strings.HasPrefix(got, "0810 00 stan=999999") {
			t.Errorf("%s: the echo behind it: %s", c.name, got)
		}
	}
	_, metrics := s.http("GET", "/metrics", "")
	for _, want := range []string{
		`{reason="empty"} 1`, `{reason="too_long"} 1`, `{reason="unpack"} 5`, `{reason="response"} 1`,
		`{reason="message_type"} 1`, `{reason="field"} 1`,
	} {
		if !strings.Contains(metrics, "issuersim_bad_frames_total"+want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

func bytesReplace(b []byte, old, with string) []byte {
	return []byte(strings.Replace(string(b), old, with, 1))
}

// Frames may come in any pieces.
func TestPieces(t *testing.T) {
	s := start(t, issuersim.Options{})
	var all []byte
	for n := range 30 {
		var err error
		if all, err = codec.PackFrame(all, s.line(fmt.Sprintf("0100 stan=%d amount=1", n+1))); err != nil {
			t.Fatal(err)
		}
	}
	for at, size := 0, 1; at < len(all); at, size = at+size, size*2%97+1 {
		s.write(all[at:min(at+size, len(all))])
	}
	for n := range 30 {
		if stan, _ := s.receive().Uint(11); stan != uint64(n+1) {
			t.Fatalf("answer %d is for STAN %d", n+1, stan)
		}
	}
}

func TestBCDDialect(t *testing.T) {
	bcd := spec.MustCodec(spec.BCDDialect)
	s := start(t, issuersim.Options{Codec: bcd})
	frame, err := bcd.PackFrame(nil, s.line("0100 stan=1 amount=1234"))
	if err != nil {
		t.Fatal(err)
	}
	broken := append([]byte(nil), frame...)
	broken[len(broken)-1] |= 0xF // the currency's last digit
	s.write(append(frame, broken...))
	for _, want := range []string{"00", "30"} {
		var header [2]byte
		if _, err := s.in.Read(header[:]); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint16(header[:]))
		if _, err := s.in.Read(body); err != nil {
			t.Fatal(err)
		}
		var m spec.Message
		if err := bcd.Unpack(body, &m); err != nil {
			t.Fatal(err)
		}
		if m.MTI() != "0110" || m.String(39) != want {
			t.Errorf("%s, want %s", show(&m), want)
		}
	}
}

// An accept that fails does not end accepting; a connection beyond the limit is closed.
func TestAccept(t *testing.T) {
	flaky := &flakyListener{Listener: listen(t)}
	server, err := issuersim.New(issuersim.Options{Listener: flaky, Limits: issuersim.Limits{Connections: 1}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	s := &sim{t: t, server: server, served: served, iso: flaky.Addr().String()}
	defer s.stop()
	s.conn, s.in = s.dial()
	if got := s.exchange(s.line("0800 stan=1 net=001")); got.String(39) != "00" {
		t.Errorf("%s", show(got))
	}
	if flaky.failures.Load() != 3 {
		t.Errorf("%d failed accepts, want 3", flaky.failures.Load())
	}
	_, in := s.dial()
	if _, err := readMessage(in); err == nil {
		t.Error("a second connection was served")
	}
}

// A connection that is accepted while the server closes is closed too.
func TestAcceptWhileClosing(t *testing.T) {
	late := &lateListener{Listener: listen(t), accepted: make(chan struct{}), release: make(chan struct{})}
	server, err := issuersim.New(issuersim.Options{Listener: late})
	if err != nil {
		t.Fatal(err)
	}
	s := &sim{t: t, server: server, served: make(chan error, 1), iso: late.Addr().String()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.served <- server.Serve()
	}()
	_, in := s.dial()
	<-late.accepted
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	close(late.release)
	<-ended
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is left open: %v", err)
	}
}

// lateListener hands connections over whose address takes until release is closed.
type lateListener struct {
	net.Listener
	accepted, release chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lateConn{c, l}, nil
}

type lateConn struct {
	net.Conn
	l *lateListener
}

func (c lateConn) RemoteAddr() net.Addr {
	select {
	case <-c.l.accepted:
	default:
		close(c.l.accepted)
	}
	<-c.l.release
	return c.Conn.RemoteAddr()
}

type flakyListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures.Load() < 3 {
		l.failures.Add(1)
		return nil, errors.New("too many open files")
	}
	return l.Listener.Accept()
}

// Many connections work on few cards at once, each message sent twice on two connections: applied once, answered alike.
func TestConcurrency(t *testing.T) {
	s := start(t, issuersim.Options{FS: vfs.NewMem(), DataDir: "data"})
	const lanes, each = 8, 200
	cards := []string{goodCard, "5555555555554444", "378282246310005"}
	var answers [2][lanes * each]string
	var all sync.WaitGroup
	for lane := range lanes {
		for copy := range 2 {
			all.Go(func() {
				conn, in := s.dial()
				var out []byte
				for n := range each {
					m, err := message(fmt.Sprintf("0100 stan=%d rrn=R%d amount=100 pan=%s", lane*each+n+1, lane*each+n+
						1, cards[n%len(cards)]))
					if err == nil {
						out, err = codec.PackFrame(out, m)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
				if _, err := conn.Write(out); err != nil {
					t.Error(err)
					return
				}
				for range each {
					m, err := readMessage(in)
					if err != nil {
						t.Error(err)
						return
					}
					stan, _ := m.Uint(11)
					answers[copy][stan-1] = show(m)
				}
			})
		}
	}
	all.Wait()
	if answers[0] != answers[1] {
		t.Error("repeats are answered otherwise than the first")
	}
	if holds := s.server.Ledger().Currencies["EUR"].Holds; holds != lanes*each*100 {
		t.Errorf("holds %d, want %d", holds, lanes*each*100)
	}
	s.audit()
	want := s.showAuthorizations()
	if strings.Count(want, "authorized=100 ") != lanes*each {
		t.Errorf("%d authorizations, want %d", strings.Count(want, "authorized=100 "), lanes*each)
	}
}

// What is kept is bounded: the oldest goes, its hold is released, and the books stay right.
func TestLimits(t *testing.T) {
	s := start(t, issuersim.Options{Limits: issuersim.Limits{Authorizations: 1, Messages: 1, Cards: 32}})
	const n = 1000
	for i := range n {
		line := fmt.Sprintf("0100 stan=%d amount=100", i+1)
		if i%2 == 1 {
			line = fmt.Sprintf("0220 stan=%d rrn=R%d amount=60 orig=0100:%d num=1", i+1, i, i)
		}
		if got := s.exchange(s.line(line)).String(39); got != "00" {
			t.Fatalf("message %d: %s", i, got)
		}
	}
	s.audit()
	all := s.authorizations()
	if len(all) >= n/2 {
		t.Errorf("all %d are kept", len(all))
	}
	b := s.server.Ledger().Currencies["EUR"]
	if want := int64(len(all) * 40); b.Holds != want || b.Unsettled != n/2*60 {
		t.Errorf("holds %d and unsettled %d, want %d and %d", b.Holds, b.Unsettled, want, n/2*60)
	}
	// One card a shard is all there is room for: others are declined once it is taken.
	declined := 0
	for i := range 100 {
		card := fmt.Sprintf("55555555%07d", i)
		card += string(luhnDigit([]byte(card)))
		if s.exchange(s.line(fmt.Sprintf("0100 stan=%d pan=%s", n+i+1, card))).String(39) == "96" {
			declined++
		}
	}
	if declined < 60 {
		t.Errorf("%d of 100 cards declined, want those beyond one a shard", declined)
	}
}

// 10 million cards that differ from how they are made fit in 2 GiB. A fiftieth of them is made here; the tables of
// the shards grow at different times, so their share is about the same with any number.
func TestCardMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 200,000 messages")
	}
	const cards = 200_000
	s := start(t, issuersim.Options{Limits: issuersim.Limits{Authorizations: 1, Messages: 1}})
	before := heap()
	if err := s.conn.SetDeadline(time.Time{}); err != nil { // it takes as long as it takes
		t.Fatal(err)
	}
	if err := driveCards(s.conn, cards); err != nil {
		t.Fatal(err)
	}
	_, stats := s.http("GET", "/v1/stats", "")
	if !strings.Contains(stats, fmt.Sprintf(`"cards":%d`, cards)) {
		t.Errorf("stats: %s", stats)
	}
	each := float64(heap()-before) / cards
	t.Logf("%.0f bytes a card", each)
	if each > 2<<30/10_000_000 {
		t.Errorf("%.0f bytes a card, want at most %d", each, 2<<30/10_000_000)
	}
	s.audit()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// driveCards sends a sale on each of n cards.
func driveCards(conn net.Conn, n int) error {
	return drive(conn, 0, n, 512, "0200 pan=5555550000009994 stan=999999 rrn=999999999999 de7=1231235959")
}
