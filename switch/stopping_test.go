package txswitch_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/switch/switchtest"
)

// While the switch finishes what is in flight, /readyz says that it stops, and /healthz that it lives.
func TestNotReadyWhileStopping(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Hour}) // silence lasts until the issuer is stopped
	ask := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get("http://" + s.OperatorAddr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, body := ask("/readyz"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	r := switchtest.Authorize("k1", 1000)
	r.Card.Number, r.Card.CVC = "4000000000000994", "" // never arrives
	var all sync.WaitGroup
	all.Go(func() { _, _ = s.Client.Do(context.Background(), &r) }) // its answer is lost, for StopSwitch closes the client
	s.Await("the request is on its way", func() bool { return counters(t, s, "switchyard_intents_total")["begun"] == 1 })
	all.Go(s.StopSwitch)
	s.Await("it is not ready", func() bool {
		code, body := ask("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "the switch is stopping")
	})
	if code, body := ask("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d %s", code, body)
	}
	s.StopIssuer() // the request in flight has no outcome, and the switch stops
	all.Wait()
}
