package steady_test

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
	"switchyard/spec"
	"switchyard/spec/framing"
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
	o.Hello.TLS, o.Match, o.SignOn, o.Echo = one.ClientTLS(), []int{37}, false, 0
	o.Rate, o.Warmup, o.Duration = 200, 0, 300*time.Millisecond
	r := run(t, o)
	all := r.Total()
	if all.Ended() == 0 || all.Count(record.Approved) != all.Ended() {
		t.Errorf("%v, want all approved", all.Outcomes)
	}
	if h := r.Setup.Targets; len(h) != 2 || h[0].Connections != 3 || h[1].Connections != 1 || h[0].Weight != 3 ||
		!h[1].TLS {
		t.Errorf("hosts %+v, want three connections and one, over TLS", h)
	} else if !slices.Equal(h[0].Match, o.Match) || !h[0].NoSignOn || h[0].Echo == nil || *h[0].Echo != 0 {
		t.Errorf("host %+v, want what of it is not as it is by default", h[0])
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

// hangsUp is a host that approves all, and hangs up on its first connection when it is signed on at on the second one.
type hangsUp struct {
	t     *testing.T
	codec *spec.Codec
	third func() // once something other than a sign-on came on the third connection

	mu    sync.Mutex
	conns []net.Conn
}

func (h *hangsUp) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		h.mu.Lock()
		h.conns = append(h.conns, conn)
		n := len(h.conns)
		h.mu.Unlock()
		go h.answer(conn, n)
	}
}

func (h *hangsUp) answer(conn net.Conn, n int) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		frame, err := framing.Format{}.Peek(in, spec.MaxMessage)
		var m spec.Message
		if err != nil || h.codec.Unpack(frame.Message, &m) != nil {
			return // it was hung up
		}
		_, _ = in.Discard(frame.Size) // it was peeked
		switch signOn := m.MTI() == "0800"; {
		case n == 2 && signOn:
			h.mu.Lock()
			_ = h.conns[0].Close() // which is what is tried
			h.mu.Unlock()
		case n == 3 && !signOn:
			h.third()
		}
		mti := []byte(m.MTI())
		mti[2]++
		m.SetMTI(string(mti))
		m.Set(39, "00")
		out, err := h.codec.PackFrame(nil, &m)
		if err != nil {
			h.t.Error(err)
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// A connection that is lost while others are signed on is dialled anew, as one of a run that is under way is.
func TestAConnectionIsLostDuringSignOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &hangsUp{t: t, codec: spec.MustCodec(spec.DefaultDialect), third: cancel}
	go h.serve(l)
	o := steady.Defaults()
	o.ISO, o.Address, o.Connections, o.WholeMachine, o.Say = true, l.Addr().String(), 2, true, t.Logf
	o.Rate, o.Warmup, o.Duration = 100, 0, time.Hour
	r, err := steady.Run(ctx, o)
	if err != nil || r.Ended != "called off" {
		t.Fatalf("%v, %+v; want a run until the lost connection was there again", err, r)
	}
	if c := r.Connections; c != nil && c.Redialled > c.Lost {
		t.Errorf("connections %+v; one that was lost before the run is none that the run redialled", c)
	}
}
