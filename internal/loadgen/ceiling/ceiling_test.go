package ceiling_test

import (
	"net"
	"testing"
	"time"

	"switchyard/internal/loadgen/ceiling"
	"switchyard/internal/loadgen/steady"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

func serve(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go ceiling.Serve(l)
	return l.Addr().String()
}

// Its answers are those of the protocol, and the load takes each for an approval.
func TestServe(t *testing.T) {
	address := serve(t)
	c, err := client.Dial(t.Context(), address, client.Options{Dial: new(net.Dialer).DialContext})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.Do(t.Context(), &api.Request{Op: api.OpAuthorize, Key: "k"})
	if err != nil || !a.Approved || a.Status != api.StatusAuthorized {
		t.Errorf("%+v, %v", a, err)
	}
	o := steady.Defaults()
	o.Address, o.InFlight, o.Warmup, o.Duration, o.Say = address, 256, 0, 200*time.Millisecond, t.Logf
	run, err := steady.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if all := run.Total(); all.Failed() != 0 || all.Ended() == 0 || len(run.Failures) != 0 {
		t.Errorf("%v, %+v", all.Outcomes, run.Failures)
	}
}
