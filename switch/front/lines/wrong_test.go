package lines_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/secret"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
)

// pipes is a listener whose connections are pipes, so that they live in the virtual time of a test.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.incoming:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Wrong hellos wait for their refusal, longer and longer. A right one does not, and the server's end ends the waiting.
func TestWrongHellosWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
		f, err := front.New(front.Options{Handler: unreachable(t), Gateways: listed(t)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := lines.New(lines.Options{Listener: port, Front: f})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		connect := func() *peer {
			theirs, ours := net.Pipe()
			port.incoming <- ours
			return newPeer(t, theirs)
		}
		wrong := hello("1", "shop", strings.Repeat("x", secret.MinLen))

		var waited []string
		for range 7 {
			begun, p := time.Now(), connect()
			p.send(wrong)
			p.refused(api.CodeUnauthorized)
			waited = append(waited, time.Since(begun).String())
			p.Close()
		}
		if got, want := strings.Join(waited, " "), "0s 0s 0s 250ms 500ms 1s 2s"; got != want {
			t.Errorf("they waited %s, want %s", got, want)
		}

		begun, p := time.Now(), connect()
		p.send(hello("2", "shop", shopSecret))
		if got := p.line(); got != `{"id":"2","op":"hello","gateway":"shop"}` || time.Since(begun) != 0 {
			t.Errorf("a right one is answered %s after %v", got, time.Since(begun))
		}
		p.Close()

		p = connect()
		p.send(wrong)
		synctest.Wait() // it is held back
		begun = time.Now()
		shut := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		go func() { shut <- s.Shutdown(ctx) }()
		p.refused(api.CodeUnauthorized)
		p.Close()
		if err := <-shut; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("the end took %v", took)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
