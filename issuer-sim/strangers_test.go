package issuersim_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	issuersim "switchyard/issuer-sim"
)

// strangers frame otherwise than the server, in ways that people really do; reason and looks are what the log says.
var strangers = []struct{ server, sends, reason, looks string }{
	{"binary2", "bcd2", "cut", "looks like bcd2 with iso87ascii"},
	{"binary2", "bcd2+tpdu:6000030000", "cut", "looks like bcd2+tpdu:6000030000 with iso87ascii"},
	{"binary2", "binary2+inclusive", "cut", "looks like binary2+inclusive with iso87ascii"},
	{"binary2", "ascii4", "too_long", "looks like ascii4 with iso87ascii"},
	{"binary2", "ascii4+inclusive", "too_long", "looks like ascii4+inclusive with iso87ascii"},
	{"binary2", "none", "too_long", "looks like none with iso87ascii"},
	{"binary2+tpdu", "binary2", "framing", "looks like binary2 with iso87ascii"},
	{"binary2", "binary2+tpdu:6000030000", "unpack", "looks like binary2+tpdu:6000030000 with iso87ascii"},
	{"ascii4", "ascii4+inclusive", "cut", "looks like ascii4+inclusive with iso87ascii"},
	{"ascii4", "binary2", "framing", "looks like binary2 with iso87ascii"},
	{"none", "ascii4", "cut", "looks like ascii4 with iso87ascii"},
	{"none", "binary2", "framing", "looks like binary2 with iso87ascii"},
	{"none+trailer:03", "binary2", "cut", "looks like binary2 with iso87ascii"},
}

// A peer that frames otherwise finds one line in the log that says what its frame looks like, and no value of it: the
// peer is told nothing, or what it cannot read either.
func TestStrangersAreTold(t *testing.T) {
	for _, c := range strangers {
		t.Run(c.server+" from "+c.sends, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			s := start(t, issuersim.Options{
				Framing: parsed(t, c.server).Measuring(codec.Measure), Logger: zap.New(core),
			})
			p := s.peer(t, c.sends, codec)
			p.hangUp(p.frame("0800 stan=1 net=301"))
			toldOnce(t, logs, c.reason, c.looks)
		})
	}
	// Without a length in front four digits of one may be read as an MTI, and what follows as a message.
	core, logs := observer.New(zap.WarnLevel)
	s := start(t, issuersim.Options{Framing: parsed(t, "none").Measuring(codec.Measure), Logger: zap.New(core)})
	s.peer(t, "ascii4", codec).hangUp([]byte("0055" + "080082200000000000000400000000000000" + "1126170000000001301"))
	toldOnce(t, logs, "response", "looks like ascii4 with iso87ascii")
}

// hangUp sends bytes, and no more, and waits until the server has closed the connection.
func (p *peer) hangUp(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.(*net.TCPConn).CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, p.in); err != nil {
		p.t.Fatal(err)
	}
}

// toldOnce wants one bad frame in the log, with its reason and what it looks like.
func toldOnce(t *testing.T, logs *observer.ObservedLogs, reason, looks string) {
	t.Helper()
	lines := logs.FilterMessage("bad frame").All()
	if len(lines) != 1 {
		t.Fatalf("%d bad frames are logged, want 1: %v", len(lines), lines)
	}
	said := lines[0].ContextMap()
	if said["reason"] != reason {
		t.Errorf("the reason is %v, want %s: %v", said["reason"], reason, said["error"])
	}
	got, _ := said["looks"].(string)
	if !strings.Contains(got, looks) {
		t.Errorf("it looks %q, want %q", got, looks)
	}
	if strings.Contains(got, goodCard[6:12]) {
		t.Errorf("the log shows the card: %s", got)
	}
}

// A peer that waits for an answer to a frame that has no end finds the line while it waits, and no other when it gives
// up. A frame that comes in pieces behind a message is none of these; one that is cut is told when the connection ends.
func TestStalledStrangers(t *testing.T) {
	for _, c := range []struct {
		name, sends string
		first       bool // a message comes first
		waiting     bool // the line is there while the peer waits
		reason      string
	}{
		{"another length", "bcd2", false, true, "cut"},
		{"in step", "binary2", true, false, "cut"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.WarnLevel)
				ours, theirs := net.Pipe()
				dialed := make(chan net.Conn, 1)
				dialed <- theirs
				server, err := issuersim.New(issuersim.Options{
					Logger: zap.New(core), Dialed: 1,
					Dial: func(ctx context.Context) (net.Conn, error) {
						select {
						case conn := <-dialed:
							return conn, nil
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				served := make(chan error, 1)
				go func() { served <- server.Serve() }()
				p := (&sim{conn: ours}).peer(t, c.sends, codec)
				if c.first {
					p.ask("0800 stan=1 net=301")
				}
				frame := p.frame("0100 stan=2 amount=5")
				if c.sends == "binary2" {
					frame = frame[:len(frame)/2]
				}
				if _, err := ours.Write(frame); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if n := logs.FilterMessage("bad frame").Len(); (n > 0) != c.waiting {
					t.Errorf("while the peer waits %d bad frames are logged", n)
				}
				ours.Close()
				synctest.Wait()
				looks := "looks like " + c.sends
				if c.first {
					looks = ""
				}
				toldOnce(t, logs, c.reason, looks)
				if err := server.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
