package steady_test

import (
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
	"switchyard/switch/switchtest"
)

// A gateway port that lets in who says hello with a secret, over TLS; others are told what is wrong.
func TestGatewayWithHelloAndTLS(t *testing.T) {
	const secret = "a secret of thirty-two characters"
	s := switchtest.Start(t, switchtest.Options{
		TLS: true, Gateways: []switchtest.Gateway{{Name: "shop", Secret: secret}},
	})
	good := clients.Hello{Gateway: "shop", Secret: secret, TLS: s.ClientTLS()}
	drive := func(change func(*clients.Hello)) (*record.Run, error) {
		o := options(t, s)
		o.Rate, o.Warmup, o.Duration, o.Hello = 100, 0, 300*time.Millisecond, good
		change(&o.Hello)
		return steady.Run(t.Context(), o)
	}
	r, err := drive(func(*clients.Hello) {})
	if err != nil {
		t.Fatal(err)
	}
	if all := r.Total(); all.Ended() == 0 || all.Count(record.Approved) != all.Ended() || !r.Setup.Targets[0].TLS {
		t.Errorf("%v of %+v, want all approved over TLS", all.Outcomes, r.Setup.Targets)
	}
	for name, c := range map[string]struct {
		change func(*clients.Hello)
		want   string
	}{
		"another secret":  {func(h *clients.Hello) { h.Secret += "x" }, "hello: "},
		"another gateway": {func(h *clients.Hello) { h.Gateway = "nobody" }, "hello: "},
		"no authority":    {func(h *clients.Hello) { h.TLS = h.TLS.Clone(); h.TLS.RootCAs = nil }, "TLS: "},
		"another name":    {func(h *clients.Hello) { h.TLS = h.TLS.Clone(); h.TLS.ServerName = "else.example" }, "TLS: "},
	} {
		if _, err := drive(c.change); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

// ISO 8583 over TLS, to two hosts that share the connections by their weights; answers are found by the RRN alone.
func TestISOHosts(t *testing.T) {
	one, two := switchtest.Start(t, switchtest.Options{TLS: true}), switchtest.Start(t, switchtest.Options{})
	o := options(t, one)
	o.ISO, o.Address, o.Connections = true, one.IssuerPort()+"=3,"+one.IssuerPort(), 4
	o.Hello.TLS, o.Match = one.ClientTLS(), []int{37}
	o.Rate, o.Warmup, o.Duration = 200, 0, 300*time.Millisecond
	r := run(t, o)
	all := r.Total()
	if all.Ended() == 0 || all.Count(record.Approved) != all.Ended() {
		t.Errorf("%v, want all approved", all.Outcomes)
	}
	if h := r.Setup.Targets; len(h) != 2 || h[0].Connections != 3 || h[1].Connections != 1 || h[0].Weight != 3 ||
		!h[1].TLS {
		t.Errorf("hosts %+v, want three connections and one, over TLS", h)
	}
	o.Address = one.IssuerPort() + "," + two.IssuerPort() // which speaks none
	if _, err := steady.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), two.IssuerPort()+": TLS: ") {
		t.Errorf("a host without TLS: %v", err)
	}
}

// A switch that goes for good ends the run: it is not valid, and has the figures until then.
func TestATargetThatGoes(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	o := options(t, s)
	o.Rate, o.Warmup, o.Duration, o.Reconnect = 200, 0, time.Hour, 300*time.Millisecond
	when(t, &o, some, s.StopSwitch)
	r, err := steady.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all := r.Total()
	if r.Verdict.Valid || !strings.HasPrefix(r.Ended, "no connection for 300ms: ") || all.Count(record.Approved) <= 20 ||
		all.Count(record.ConnectionLost) == 0 || r.Connections == nil || r.Connections.Lost < 4 {
		t.Errorf("valid %v, ended %q, %v, connections %+v", r.Verdict.Valid, r.Ended, all.Outcomes, r.Connections)
	}
}
