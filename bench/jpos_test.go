package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/steady"
)

// asRelay has this binary be a relay, of bytes, between the two ports that it is given.
const asRelay = "SWITCHYARD_BENCH_RELAY"

func TestMain(m *testing.M) {
	if os.Getenv(asRelay) == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		in, err := l.Accept()
		if err != nil {
			panic(err)
		}
		out, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2])
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(out, in) }()
		go func() { _, _ = io.Copy(in, out) }()
	}
}

// A relay is given its port and the issuer's, is there once it listens, and is gone with all that its command started.
func TestRelay(t *testing.T) {
	issuer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	go func() {
		for {
			conn, err := issuer.Accept()
			if err != nil {
				return // the test is over
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(issuer.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	command := "relay() { " + asRelay + "=1 '" + me + "' \"$@\"; true; }; relay" // a child of the shell
	r, err := startRelay(t.Context(), command, filepath.Join(t.TempDir(), "log"), port)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.stop()
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("0100\n")); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "0100\n" {
		t.Errorf("%q, %v through the relay", line, err)
	}
	r.stop()
	// Where the relay is left, only the deadline ends it.
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v: the relay still has its connection", err)
	}
}

func TestRelayThatEnds(t *testing.T) {
	_, err := startRelay(t.Context(), "echo no such jar $1 >&2; exit 3; :", filepath.Join(t.TempDir(), "log"), "8583")
	if err == nil || !strings.Contains(err.Error(), "ended before it listened") ||
		!strings.Contains(err.Error(), "no such jar") {
		t.Errorf("%v, want that it ended and what it said", err)
	}
}

// The relay is measured where there is a command for it, and never else.
func TestJPOSIsChosen(t *testing.T) {
	names := func(b *bench, only string) string {
		var names []string
		chosen, err := b.choose(only)
		if err != nil {
			return err.Error()
		}
		for _, m := range chosen {
			names = append(names, m.name)
		}
		return strings.Join(names, ",")
	}
	for _, c := range []struct{ relay, only, want string }{
		{"", "", "codec,switch,open,stored,full"},
		{"relay.sh", "", "codec,switch,jpos,open,stored,full"},
		{"relay.sh", "jpos", "jpos"},
		{"", "jpos", "-only jpos: expected -jpos with it, the command that starts the relay"},
		{"relay.sh", "switch", "-jpos: expected -only with jpos, or none"},
	} {
		if got := names(&bench{relay: c.relay}, c.only); got != c.want {
			t.Errorf("-jpos %q -only %q: %s, want %s", c.relay, c.only, got, c.want)
		}
	}
}

func TestJPOSRow(t *testing.T) {
	const figure = "against jPOS's bare relay without a sync, 1024 in flight"
	if got := find(t, new(result).table(), figure); got.by != "make bench ONLY=jpos JPOS=COMMAND" || got.ToReach != 1.3 {
		t.Errorf("%+v, want it not measured", got)
	}
	runs := func(tps ...float64) *series[steady.Summary] {
		s := &series[steady.Summary]{}
		for _, n := range tps {
			s.Runs = append(s.Runs, steady.Summary{TPS: n, Valid: true})
		}
		return s
	}
	r := &result{JPOS: &jpos{Relay: runs(40_000, 20_000, 50_000), Switch: runs(56_000, 30_000, 60_000)}}
	if got := find(t, r.table(), figure); got.Reached != 1.4 || got.met() != "reached" || got.Runs != 6 {
		t.Errorf("%+v is %q, want 1.4 times by the turns", got, got.met())
	}
}
