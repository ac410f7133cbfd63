package link_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// door is a listener in memory, that a host connects to.
type door struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newDoor() *door { return &door{make(chan net.Conn), make(chan struct{})} }

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error   { close(d.closed); return nil }
func (d *door) Addr() net.Addr { return &net.TCPAddr{} }

// connect makes a connection of the host's.
func (i *issuer) connect(d *door) *hostConn {
	ours, theirs := newMemConns()
	i.mu.Lock()
	c := &hostConn{Conn: theirs, n: len(i.conns) + 1, i: i, codec: codec}
	i.conns = append(i.conns, c)
	i.mu.Unlock()
	go i.serve(c)
	d.conns <- ours
	return c
}

// TestHostConnects gives the connections of the host to the links, each time that one has none.
func TestHostConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, d := &issuer{}, newDoor()
		f := newFixture(t, i, func(c *link.Config) { c.Dial, c.Listener, c.Links = nil, d, 2 })
		defer f.close()
		time.Sleep(time.Minute)
		if f.Ready() {
			t.Fatal("ready before the host has connected")
		}
		first := i.connect(d)
		synctest.Wait()
		if _, err := f.send(1); err != nil {
			t.Fatal(err)
		}
		i.connect(d)
		synctest.Wait()
		for _, l := range f.Links() {
			if l.State != "up" {
				t.Errorf("link %s is %s, want up", l.Link, l.State)
			}
		}
		first.Close()
		synctest.Wait()
		i.connect(d)
		synctest.Wait()
		for _, l := range f.Links() {
			if l.State != "up" {
				t.Errorf("after a loss: link %s is %s, want up", l.Link, l.State)
			}
		}
		for stan := 2; stan < 5; stan++ {
			if _, err := f.send(stan); err != nil {
				t.Error(err)
			}
		}
	})
}

// One connection too many, of a host that is asked for no echo, ends no other.
func TestConnectionTooManyWithoutEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		i := &issuer{on: func(_ *hostConn, m *spec.Message) bool { return m.MTI() == "0800" }}
		f := newFixture(t, i, func(c *link.Config) {
			c.Dial, c.Listener, c.SignOn, c.NoEcho = nil, d, link.SignOnNone, true
		})
		defer f.close()
		i.connect(d)
		synctest.Wait()
		i.connect(d)
		time.Sleep(time.Minute)
		if lines := f.logs.FilterMessage("connection refused").All(); len(lines) != 1 {
			t.Errorf("the log says %v", lines)
		}
		if lines := f.logs.FilterMessage("link down").All(); len(lines) != 0 || !f.Ready() {
			t.Errorf("ready %t, the log says %v", f.Ready(), lines)
		}
	})
}

// TestConnectionTooMany is closed; the links that stand in its way are asked for an echo, and one that is dead makes
// room for the host, which has come again because it knows that it is.
func TestConnectionTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool { return c.n == 1 && network(m, "301") }} // answers no echo
		f := newFixture(t, i, func(c *link.Config) { c.Dial, c.Listener = nil, d })
		defer f.close()
		i.connect(d)
		synctest.Wait()
		i.connect(d)
		time.Sleep(2 * time.Second)
		lines := f.logs.FilterMessage("connection refused").All()
		if len(lines) != 1 || lines[0].ContextMap()["why"] != "all 1 links are connected" {
			t.Errorf("the log says %v", lines)
		}
		time.Sleep(5 * time.Second) // the echo's time
		if f.Ready() {
			t.Fatal("the dead link is still up")
		}
		i.connect(d)
		synctest.Wait()
		if !f.Ready() {
			t.Error("the host has come again, and is not signed on")
		}
		if err := f.logs.FilterMessage("link down").All()[0].ContextMap()["error"].(string); !strings.Contains(err, "echo") {
			t.Errorf("the link was lost by %q", err)
		}
	})
}

// A stranger that connects, and never shows who it is, takes no link from the host.
func TestSilentStrangerTakesNoLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		certificate, roots := certificate(t) // of the bubble's time
		d := newDoor()
		i := &issuer{}
		f := newFixture(t, i, func(c *link.Config) {
			c.Dial, c.Listener, c.TLS = nil, d, &tls.Config{Certificates: []tls.Certificate{certificate}}
		})
		defer f.close()
		ours, stranger := newMemConns()
		defer stranger.Close()
		d.conns <- ours
		synctest.Wait()
		ours, theirs := newMemConns()
		c := &hostConn{
			Conn: tls.Client(theirs, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}), n: 1, i: i, codec: codec,
		}
		i.conns = append(i.conns, c)
		go i.serve(c)
		d.conns <- ours
		synctest.Wait()
		if !f.Ready() {
			t.Fatal("the host is not let in while a stranger says nothing")
		}
		time.Sleep(time.Minute)
		if lines := f.logs.FilterMessage("connection refused").All(); len(lines) != 1 || !f.Ready() {
			t.Errorf("ready %t, the log says %v, want one line about the stranger", f.Ready(), lines)
		}
	})
}

// However many strangers say nothing, and come again, the host is let in: the one that has been silent for longest
// gives way. Each of the others has its time, and no more.
func TestSilentStrangersGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 2 * link.MaxLinks
		certificate, roots := certificate(t) // of the bubble's time
		d := newDoor()
		i := &issuer{}
		f := newFixture(t, i, func(c *link.Config) {
			c.Dial, c.Listener, c.TLS = nil, d, &tls.Config{Certificates: []tls.Certificate{certificate}}
		})
		defer f.close()
		ended := make(chan int, 2*room)
		stranger := func(number int) {
			ours, theirs := newMemConns()
			d.conns <- ours
			go func() {
				_, _ = theirs.Read(make([]byte, 1)) // until it is closed
				ended <- number
			}()
			synctest.Wait()
		}
		for number := range room {
			stranger(number)
		}
		time.Sleep(time.Second)
		if len(ended) != 0 {
			t.Fatalf("%d strangers were turned away while there was room", len(ended))
		}
		ours, theirs := newMemConns()
		c := &hostConn{
			Conn: tls.Client(theirs, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}), n: 1, i: i, codec: codec,
		}
		i.conns = append(i.conns, c)
		go i.serve(c)
		d.conns <- ours
		synctest.Wait()
		if !f.Ready() {
			t.Fatal("the host is not let in while strangers say nothing")
		}
		if len(ended) != 1 || <-ended != 0 {
			t.Error("want the first stranger turned away, and no other")
		}
		stranger(room) // in the host's place, which is secured
		if len(ended) != 0 {
			t.Error("one was turned away although the host had made room")
		}
		for _, want := range []int{room - 1, room} { // the last came a second later
			time.Sleep(4500 * time.Millisecond)
			if len(ended) != want || !f.Ready() {
				t.Errorf("ready %t; after their time %d strangers were turned away, want %d", f.Ready(), len(ended), want)
			}
		}
	})
}
