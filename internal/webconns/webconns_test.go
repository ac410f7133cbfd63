package webconns_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"switchyard/internal/webconns"
)

// port is a listener on loopback whose connections come from where the test says.
type port struct {
	net.Listener
	from chan netip.AddrPort
}

type seen struct {
	net.Conn
	from net.Addr
}

func (s *seen) RemoteAddr() net.Addr { return s.from }

func (p *port) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &seen{c, net.TCPAddrFromAddrPort(<-p.from)}, nil
}

// server is a bounded server whose requests for /slow are served until the test ends them.
type server struct {
	t     *testing.T
	port  *port
	begun chan struct{}
	slow  chan struct{}
}

func serve(t *testing.T, most int) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t, &port{l, make(chan netip.AddrPort, 100)}, make(chan struct{}), make(chan struct{})}
	bound := webconns.New(most)
	h := &http.Server{ConnState: bound.State, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			s.begun <- struct{}{}
			<-s.slow
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(bound.Listen(s.port)) }()
	t.Cleanup(func() {
		close(s.slow)
		_ = h.Close()
		<-ended
	})
	return s
}

// connect opens a connection that comes from an address.
func (s *server) connect(from string) net.Conn {
	s.t.Helper()
	s.port.from <- netip.MustParseAddrPort(from)
	c, err := net.Dial("tcp", s.port.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a request and waits for its answer.
func (s *server) ask(c net.Conn) error {
	if err := s.send(c, "/"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		err = answer.Body.Close()
	}
	return err
}

func (s *server) send(c net.Conn, path string) error {
	_, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	return err
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// closed waits until the server has ended a connection.
func (s *server) closed(c net.Conn) {
	s.t.Helper()
	s.must(c.SetReadDeadline(time.Now().Add(time.Minute)))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		s.t.Error("something came over a connection that should have ended")
	}
}

// Of more connections than may be open the one that has been quiet for longest gives way, and none that is served.
func TestQuietOnesGiveWay(t *testing.T) {
	const local = "127.0.0.1:1"
	s := serve(t, 3)
	served := s.connect(local)
	s.must(s.send(served, "/slow"))
	<-s.begun
	silent, idle := s.connect(local), s.connect(local)
	s.must(s.ask(idle))
	more := s.connect(local)
	s.must(s.ask(more))
	s.closed(silent)
	another := s.connect(local)
	s.must(s.ask(another))
	s.closed(idle)
	s.must(s.ask(more))

	// Where all are served, who comes is closed.
	for _, c := range []net.Conn{more, another} {
		s.must(s.send(c, "/slow"))
		<-s.begun
	}
	s.closed(s.connect(local))
}

// Who comes from one address has a quarter of the room, and gives way to himself: the others notice nothing.
func TestAQuarterForAnAddress(t *testing.T) {
	for _, of := range [][3]string{
		{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8:0:1::1]:1"}, // a network of IPv6 is one
	} {
		s := serve(t, 4)
		other, one := s.connect(of[2]), s.connect(of[0])
		s.must(s.ask(other))
		s.must(s.ask(one))
		same := s.connect(of[1])
		s.must(s.ask(same))
		s.closed(one)
		s.must(s.ask(other))
		s.must(s.send(same, "/slow"))
		<-s.begun
		s.closed(s.connect(of[0]))
		s.must(s.ask(other))
	}
}
