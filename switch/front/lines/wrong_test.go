package lines_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/secret"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
)

// Wrong hellos wait for their refusal, longer and longer. A right one does not, and the server's end ends the waiting.
func TestWrongHellosWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newPipes()
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
			return newPeer(t, port.connect())
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
