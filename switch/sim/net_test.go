package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connected is a pair of ends in a bubble.
func connected(t *testing.T, do func(t *testing.T, n *network, near, far net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(chance(1))
		server := &party{name: "server"}
		l := n.listen(server, "server:1")
		near, err := n.dial(t.Context(), &party{name: "client"}, "server:1")
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		do(t, n, near, far)
		_ = l.Close()
	})
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Bytes arrive in order, after a while, and then the end.
func TestNetworkDelivers(t *testing.T) {
	connected(t, func(t *testing.T, _ *network, near, far net.Conn) {
		var want bytes.Buffer
		for i := range 100 {
			want.WriteByte(byte(i))
			want.WriteString(" of a hundred\n")
		}
		begun := time.Now()
		for _, line := range bytes.SplitAfter(want.Bytes(), []byte("\n")) {
			write(t, near, string(line))
		}
		_ = near.Close()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got %d bytes, %v; want %d", len(got), err, want.Len())
		}
		if took := time.Since(begun); took < leastLatency {
			t.Errorf("it took %v", took)
		}
	})
}

func TestNetworkDeadline(t *testing.T) {
	connected(t, func(t *testing.T, _ *network, _, far net.Conn) {
		begun := time.Now()
		_ = far.SetReadDeadline(begun.Add(time.Second))
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Second {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
	})
}

// A reset loses what is under way; a stall holds it back.
func TestNetworkFaults(t *testing.T) {
	connected(t, func(t *testing.T, n *network, near, far net.Conn) {
		begun := time.Now()
		n.stall("client", time.Minute)
		write(t, far, "x")
		if _, err := io.ReadFull(near, make([]byte, 1)); err != nil || time.Since(begun) < time.Minute {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
		write(t, far, "y")
		near.(*conn).reset()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("z")); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	})
}

// What a node wrote before it died arrives; nothing after it does, and nobody reaches it any more.
func TestNetworkDeath(t *testing.T) {
	connected(t, func(t *testing.T, n *network, near, far net.Conn) {
		write(t, far, "last words")
		n.kill(far.(*conn).owner, false)
		if _, err := far.Write([]byte("beyond")); !errors.Is(err, errDead) {
			t.Fatal(err)
		}
		got, err := io.ReadAll(near)
		if string(got) != "last words" || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := n.dial(context.Background(), &party{name: "client"}, "server:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
	})
}
