package lines_test

import (
	"net"
	"net/netip"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
)

// remote is a listener on loopback whose connections come from where the test says.
type remote struct {
	net.Listener
	from chan string
}

type remoteConn struct {
	net.Conn
	from net.Addr
}

func (c *remoteConn) RemoteAddr() net.Addr { return c.from }

// Accept implements net.Listener.
func (r *remote) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &remoteConn{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(<-r.from))}, nil
}

func serveRemote(
	t *testing.T, behind front.Options, options lines.Options,
) (connect func(from string) *peer, s *server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	far := &remote{l, make(chan string, 100)}
	options.Listener = far
	s = serve(t, behind, options)
	return func(from string) *peer {
		t.Helper()
		far.from <- from
		return s.connect()
	}, s
}

// Nobody who says nothing keeps a gateway out: of those that have not said who they are the one that is silent for
// longest gives way to the next, and none that has.
func TestWhoSaysNothingGivesWay(t *testing.T) {
	s := serve(t, front.Options{Gateways: listed(t)}, lines.Options{MaxConnections: 8, MaxUnknown: 2})
	shop := s.connect()
	shop.send(hello("1", "shop", shopSecret))
	shop.line()
	first, second := s.connect(), s.connect()
	s.awaitMetric("switchyard_gateway_connections", "", 3)
	third := s.connect()
	first.ended()
	fourth := s.connect()
	second.ended()
	s.awaitMetric("switchyard_gateway_connections_closed_total", "gave_way", 2)
	fourth.send(hello("2", "shop", shopSecret))
	if got := fourth.line(); got != `{"id":"2","op":"hello","gateway":"shop"}` {
		t.Errorf("who says who he is gets %s", got)
	}
	s.connect() // in the room that it left
	shop.alive()
	fourth.alive()
	third.send(hello("3", "shop", shopSecret))
	third.line()
	third.alive()
}

// One address has a part of the room, of IPv6 a network of 64 bits; what is more is told so. Loopback has all of it.
func TestAQuarterForAnAddress(t *testing.T) {
	for _, of := range [][3]string{
		{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8:0:1::1]:1"},
	} {
		connect, s := serveRemote(t, front.Options{}, lines.Options{MaxConnections: 4})
		one := connect(of[0])
		one.alive()
		a := connect(of[1]).refused(api.CodeBusy)
		if want := "as many connections come from your address as may (max_connections_per_address)"; a.Err.Message != want {
			t.Errorf("it is told %q, want %q", a.Err.Message, want)
		}
		connect(of[2]).alive()
		one.Close()
		s.awaitMetric("switchyard_gateway_connections", "", 1)
		connect(of[1]).alive()
	}
	connect, _ := serveRemote(t, front.Options{}, lines.Options{MaxConnections: 4})
	for range 4 {
		connect("127.0.0.1:1").alive()
	}
	connect("[::1]:1").refused(api.CodeBusy)
}
