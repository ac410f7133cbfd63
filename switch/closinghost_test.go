package txswitch_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/front/lines/client"
	"switchyard/switch/switchtest"
)

// A host that closes its connection after each answer serves a gateway all the same: of its requests, one right after
// another, each waits for the link, which is back in a moment, and none is refused. In virtual time, so that the
// moment is the same on every machine.
func TestHostThatClosesAfterEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const issuerAddr, gatewayAddr, operatorAddr = "issuer:8583", "switch:7583", "switch:9583"
		ports := virtualPorts{}
		host := &scripted{t: t, listener: ports.listen(issuerAddr), closes: true,
			answer: func(*spec.Message, *spec.Message) bool { return true }}
		host.start()
		text, err := pan.GenerateKey(rand.Reader)
		must(t, err)
		keyring, err := pan.ParseKeyring(text)
		must(t, err)
		c := txswitch.DefaultConfig()
		c.Data, c.Issuers[0].Address, c.Issuers[0].Links = "switch", issuerAddr, 1
		must(t, c.Check())
		s, err := txswitch.New(txswitch.Options{
			Config: c, Keyring: keyring, Gateway: ports.listen(gatewayAddr), Operator: ports.listen(operatorAddr),
			Dial: ports.dial, FS: vfs.NewMem(), Seed: 1, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
			Fatal:        func(msg string, err error) { panic(fmt.Sprintf("%s: %v", msg, err)) },
			Synchronized: func() bool { return true },
		})
		must(t, err)
		must(t, s.Start(t.Context()))
		defer func() { must(t, s.Close(context.Background())) }()
		gateway, err := client.Dial(t.Context(), gatewayAddr, client.Options{
			Dial: func(ctx context.Context, _, addr string) (net.Conn, error) { return ports.dial(ctx, addr) },
		})
		must(t, err)
		defer gateway.Close()
		for i := range 10 {
			synctest.Wait() // the host has closed: what comes now finds no link, but for the first
			if up := s.Unready() == ""; up != (i == 0) {
				t.Fatalf("request %d finds a link: %v", i, up)
			}
			req := switchtest.Authorize(fmt.Sprint("k", i), 1000)
			asked := time.Now()
			a, err := gateway.Do(t.Context(), &req)
			must(t, err)
			wantApproved(t, *a, "00")
			if took := time.Since(asked); took > time.Duration(c.Limits.AdmissionTimeout) {
				t.Errorf("request %d took %s", i, took)
			}
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// virtualPorts are listeners in memory by their address, so that a bubble of testing/synctest has a network.
type virtualPorts map[string]*virtualPort

func (p virtualPorts) listen(addr string) net.Listener {
	l := &virtualPort{addr: virtualAddr(addr), calls: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	p[addr] = l
	return l
}

func (p virtualPorts) dial(ctx context.Context, addr string) (net.Conn, error) {
	l := p[addr]
	if l == nil {
		return nil, errors.New("nobody listens at " + addr)
	}
	here, there := net.Pipe()
	select {
	case l.calls <- there:
		return here, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type virtualPort struct {
	addr   virtualAddr
	calls  chan net.Conn
	closed chan struct{}
	close  func()
}

// Accept implements net.Listener.
func (l *virtualPort) Accept() (net.Conn, error) {
	select {
	case nc := <-l.calls:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *virtualPort) Close() error {
	l.close()
	return nil
}

// Addr implements net.Listener.
func (l *virtualPort) Addr() net.Addr { return l.addr }

type virtualAddr string

// Network implements net.Addr.
func (virtualAddr) Network() string { return "memory" }

// String implements net.Addr.
func (a virtualAddr) String() string { return string(a) }
