package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// listen serves an issuer on real sockets until the test ends.
func (i *issuer) listen(t *testing.T, wrap func(net.Conn) net.Conn) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if wrap != nil {
				conn = wrap(conn)
			}
			i.mu.Lock()
			c := &hostConn{Conn: conn, n: len(i.conns) + 1, i: i, codec: codec}
			i.conns = append(i.conns, c)
			i.mu.Unlock()
			go i.serve(c)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-accepting
		for _, c := range i.conns {
			c.Close()
		}
	})
	return listener.Addr().String()
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// sendSoon sends a request as soon as a link is up.
func (f *fixture) sendSoon(stan int) error {
	for {
		_, err := f.send(stan)
		if !errors.Is(err, link.ErrUnavailable) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func TestOverSockets(t *testing.T) {
	i := &issuer{}
	addr := i.listen(t, nil)
	f := newFixture(t, i, func(c *link.Config) { c.Addr, c.Dial, c.Links = addr, dialTCP, 2 })
	if err := f.sendSoon(1); err != nil {
		t.Error(err)
	}
	for slices.ContainsFunc(f.Links(), func(l link.Status) bool { return l.State != "up" }) {
		time.Sleep(time.Millisecond)
	}
	i.mu.Lock()
	for _, c := range i.conns {
		c.Conn.(*net.TCPConn).SetLinger(0) // a reset
		c.Close()
	}
	i.mu.Unlock()
	// Not until neither is up: one may be back before the other is seen to be lost.
	for f.logs.FilterMessage("link down").Len() < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := f.sendSoon(2); err != nil {
		t.Errorf("after the host reset both links: %v", err)
	}
	f.close()
}

func TestTLS(t *testing.T) {
	certificate, roots := certificate(t)
	i := &issuer{}
	addr := i.listen(t, func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
	})
	f := newFixture(t, i, func(c *link.Config) { c.Addr, c.Dial, c.TLS = addr, dialTCP, &tls.Config{RootCAs: roots} })
	if err := f.sendSoon(1); err != nil {
		t.Error(err)
	}
	f.close()

	stranger := newFixture(
		t, i, func(c *link.Config) { c.Addr, c.Dial, c.TLS = addr, dialTCP, &tls.Config{RootCAs: x509.NewCertPool()} },
	)
	for stranger.logs.FilterMessage("link down").Len() == 0 {
		time.Sleep(time.Millisecond)
	}
	if got, _ := stranger.logs.FilterMessage("link down").All()[0].ContextMap()["error"].(string); !strings.Contains(
		got, "TLS handshake",
	) {
		t.Errorf("logged %q, want it to say that the TLS handshake failed", got)
	}
	stranger.close()
}

// certificate makes a certificate of 127.0.0.1 that the pool trusts.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "issuer"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
		if m.MTI() == "0100" {
			c.sendRaw([]byte{0, 0})
			c.answer(m, "00")
			c.answer(m, "00")
			return true
		}
		return false
	}}
	addr := i.listen(t, nil)
	with := func(name string) func(*link.Config) {
		return func(c *link.Config) { c.Host, c.Addr, c.Dial, c.Registerer = name, addr, dialTCP, registry }
	}
	f := newFixture(t, i, with("visa"))
	if err := f.sendSoon(1); err != nil {
		t.Fatal(err)
	}
	for len(f.reported()) == 0 { // the second answer is read after the first has completed the request
		time.Sleep(time.Millisecond)
	}
	want := `
# HELP switchyard_link_malformed_total Frames of the host that are no message.
# TYPE switchyard_link_malformed_total counter
switchyard_link_malformed_total{host="visa",link="1",reason="empty"} 1
switchyard_link_malformed_total{host="visa",link="1",reason="format"} 0
switchyard_link_malformed_total{host="visa",link="1",reason="framing"} 0
switchyard_link_malformed_total{host="visa",link="1",reason="too_long"} 0
# HELP switchyard_link_received_total Messages received from the host.
# TYPE switchyard_link_received_total counter
switchyard_link_received_total{host="visa",link="1"} 3
# HELP switchyard_link_sent_total Frames written to the host, or tried to.
# TYPE switchyard_link_sent_total counter
switchyard_link_sent_total{host="visa",link="1"} 2
# HELP switchyard_link_strays_total Messages of the host that completed no request.
# TYPE switchyard_link_strays_total counter
switchyard_link_strays_total{host="visa",kind="duplicate",link="1"} 1
switchyard_link_strays_total{host="visa",kind="in_progress",link="1"} 0
switchyard_link_strays_total{host="visa",kind="late",link="1"} 0
switchyard_link_strays_total{host="visa",kind="mismatch",link="1"} 0
switchyard_link_strays_total{host="visa",kind="stray",link="1"} 0
switchyard_link_strays_total{host="visa",kind="unsolicited",link="1"} 0
# HELP switchyard_link_up 1 while the link is signed on and takes requests.
# TYPE switchyard_link_up gauge
switchyard_link_up{host="visa",link="1"} 1
# HELP switchyard_link_window Slots in the link's window at the moment.
# TYPE switchyard_link_window gauge
switchyard_link_window{host="visa",link="1"} 8
# HELP switchyard_link_window_in_use Requests that hold a slot in the link's window.
# TYPE switchyard_link_window_in_use gauge
switchyard_link_window_in_use{host="visa",link="1"} 0
`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"switchyard_link_malformed_total", "switchyard_link_received_total", "switchyard_link_sent_total",
		"switchyard_link_strays_total", "switchyard_link_up", "switchyard_link_window", "switchyard_link_window_in_use")
	if err != nil {
		t.Error(err)
	}

	// Another host in the same registry is fine, one of the same name is an error, and Close makes room.
	newFixture(t, i, with("amex")).close()
	cfg := link.Config{Host: "visa", Addr: addr, Codec: codec, Identity: &identity{}, Dial: dialTCP, Registerer: registry}
	if _, err := link.NewHost(cfg); err == nil {
		t.Error("two hosts of one name share a registry")
	}
	f.close()
	h, err := link.NewHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, tc := range []struct {
		want   string
		change func(*link.Config)
	}{
		{"Host: want a name", func(c *link.Config) { c.Host = "" }},
		{"Addr: want an address", func(c *link.Config) { c.Addr = "" }},
		{"Codec:", func(c *link.Config) { c.Codec = nil }},
		{"Identity:", func(c *link.Config) { c.Identity = nil }},
		{"Dial:", func(c *link.Config) { c.Dial = nil }},
		{"Links: 65: want 1 to 64 links", func(c *link.Config) { c.Links = 65 }},
		{"WindowPerLink: -1: want 1 to 16384 requests", func(c *link.Config) { c.WindowPerLink = -1 }},
		{"ReconnectMin: 1s: want 1ms to 100ms", func(c *link.Config) { c.ReconnectMin = time.Second }},
		{"ReconnectMax: 10ms: want at least ReconnectMin", func(c *link.Config) { c.ReconnectMax = 10 * time.Millisecond }},
		{"EchoIdle: -1s", func(c *link.Config) { c.EchoIdle = -time.Second }},
		{"TLS needs a host and a port", func(c *link.Config) { c.Addr, c.TLS = "issuer", &tls.Config{} }},
	} {
		cfg := link.Config{Host: "visa", Addr: "127.0.0.1:1", Codec: codec, Identity: &identity{}, Dial: dialTCP}
		tc.change(&cfg)
		if _, err := link.NewHost(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got error %v, want one that says %q", err, tc.want)
		}
	}
}
