package lines_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/front/lines/client"
)

func TestSession(t *testing.T) {
	s := serve(t, front.Options{}, lines.Options{})
	p := s.connect()
	for _, c := range []struct{ send, want string }{
		{`{"id":"1","op":"ping"}`, `{"id":"1","op":"ping"}`},
		{`{"op":"ping"}` + "\r", `{"id":null,"op":"ping"}`},
		{
			`{"id":"2","op":"status","payment":"P10000000001"}`,
			`{"id":"2","op":"status","payment":"P10000000001","status":"authorized",` +
				`"approved":true,"response_code":"00","reason":"approved","auth_code":"A1B2C3","rrn":"632510000001",` +
				`"stan":"000001","amount":0,` +
				`"currency":"EUR","authorized":0,"released":0,"captured":0,"refunded":0,"capturable":0,"refundable":0,` +
				`"created":"2026-11-21T20:26:01.000Z","replayed":false}`},
		{
			`not json`,
			`{"id":null,"error":{"code":"invalid_request","message":"byte 1: expected a JSON object","retry":false}}`,
		},
		{
			`{"id":"3","op":"void","key":"k"}`,
			`{"id":"3","error":{"code":"invalid_field","field":"payment","message":"missing; void needs it","retry":false}}`,
		},
		{`{"id":"4","op":"hello","gateway":"shop","secret":"x"}`, `{"id":"4","op":"hello"}`},
	} {
		p.send(c.send + "\n")
		if got := p.line(); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.send, got, c.want)
		}
	}
	for _, m := range []struct {
		name, label string
		want        float64
	}{
		{"switchyard_gateway_connections", "", 1},
		{"switchyard_gateway_requests_total", "ping", 2},
		{"switchyard_gateway_requests_total", "status", 1},
		{"switchyard_gateway_requests_total", "hello", 1},
		{"switchyard_gateway_request_seconds", "status", 1},
		{"switchyard_gateway_lines_rejected_total", "invalid_request", 1},
		{"switchyard_gateway_lines_rejected_total", "invalid_field", 1},
	} {
		if got := s.metric(m.name, m.label); got != m.want {
			t.Errorf("%s{%s} = %v, want %v", m.name, m.label, got, m.want)
		}
	}
	p.Close()
	s.awaitMetric(closedMetric, "peer_closed", 1)
	s.awaitMetric("switchyard_gateway_connections", "", 0)
}

// Lines are lines however they are cut into packets.
func TestLinesInPieces(t *testing.T) {
	s := serve(t, front.Options{}, lines.Options{})
	p := s.connect()
	var text strings.Builder
	const count = 300
	for i := range count {
		fmt.Fprintf(&text, `{"op":"ping",%s"id":"%d"}`+"\n", strings.Repeat(" ", i*i%5000), i)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	go func() {
		for rest := text.String(); rest != ""; {
			n := min(len(rest), 1+random.IntN(6000))
			io.WriteString(p.Conn, rest[:n])
			rest = rest[n:]
		}
	}()
	for i := range count {
		if a := p.answer(); a.ID != fmt.Sprint(i) {
			t.Fatalf("answer %d has the id %q (seed %d)", i, a.ID, seed)
		}
	}
}

// Answers come in the order in which they come about.
func TestAnswersOvertake(t *testing.T) {
	slow := make(chan struct{})
	s := serve(t, front.Options{Handler: handlerFunc(func(ctx context.Context, c *api.Caller, r *api.Request) api.Answer {
		if r.ID == "slow" {
			<-slow
		}
		return approveAll{}.Handle(ctx, c, r)
	})}, lines.Options{})
	p := s.connect()
	p.send(authorizeLine("slow") + authorizeLine("fast"))
	if a := p.answer(); a.ID != "fast" || !a.Approved || a.Op != api.OpAuthorize || a.Amount != 12345 {
		t.Errorf("got %+v, want the fast answer", a)
	}
	close(slow)
	if a := p.answer(); a.ID != "slow" {
		t.Errorf("got %+v, want the slow answer", a)
	}
}

// printf … | nc -N: the peer ends its side and still gets every answer.
func TestHalfClose(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g}, lines.Options{})
	p := s.connect()
	p.send(authorizeLine("1"))
	<-g.arrived
	p.Conn.(*net.TCPConn).CloseWrite()
	g.release()
	if a := p.answer(); a.ID != "1" {
		t.Errorf("got %+v", a)
	}
	p.ended()
	s.awaitMetric(closedMetric, "peer_closed", 1)
}

func TestLongestLine(t *testing.T) {
	s := serve(t, front.Options{}, lines.Options{MaxLine: 1000})
	p := s.connect()
	ping := `{"id":"1","op":"ping"}`
	p.send(ping + strings.Repeat(" ", 1000-len(ping)) + "\n")
	if a := p.answer(); a.ID != "1" {
		t.Fatalf("a line of the bound: %+v", a)
	}
	p.send(ping + strings.Repeat(" ", 1001-len(ping)) + "\n")
	p.refused(api.CodeTooLarge)
	p.ended()
}

// What is in flight when a line is too large is answered before the connection ends.
func TestTooLargeAnswersWhatIsInFlight(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g}, lines.Options{})
	p := s.connect()
	p.send(authorizeLine("1"))
	<-g.arrived
	p.send(strings.Repeat("x", 70_000))
	p.refused(api.CodeTooLarge)
	g.release()
	if a := p.answer(); a.ID != "1" {
		t.Errorf("got %+v", a)
	}
	p.ended()
}

// At its bound a connection is read no further; nothing is lost.
func TestInFlightBoundOfAConnection(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g}, lines.Options{MaxInFlightPerConn: 2})
	p := s.connect()
	for i := range 5 {
		p.send(authorizeLine(fmt.Sprint(i)))
	}
	s.awaitMetric("switchyard_gateway_reads_paused_total", "", 1)
	if n := len(g.arrived); n > 2 {
		t.Errorf("%d requests reached the handler, want 2 at the most", n)
	}
	g.release()
	for range 5 {
		if a := p.answer(); !a.Approved {
			t.Errorf("got %+v", a)
		}
	}
}

func TestInFlightBoundOfTheServer(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g, MaxInFlight: 1}, lines.Options{})
	first, second := s.connect(), s.connect()
	first.send(authorizeLine("1"))
	<-g.arrived
	second.send(authorizeLine("2"))
	if a := second.refused(api.CodeBusy); a.ID != "2" || !a.Err.Retry() {
		t.Errorf("got %+v, want busy for 2, to be tried again", a)
	}
	second.alive()
	g.release()
	if a := first.answer(); !a.Approved {
		t.Errorf("got %+v", a)
	}
}

// Ten thousand gateways may be connected and say nothing.
func TestIdleConnectionsAreCheap(t *testing.T) {
	const count, bound = 400, 24 << 10 // bytes each, both ends of the connection counted
	s := serve(t, front.Options{}, lines.Options{})
	before := memory()
	peers := make([]net.Conn, count)
	for i := range peers {
		nc, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		peers[i] = nc
		io.WriteString(nc, `{"id":"1","op":"ping"}`+"\n")
		if _, err := nc.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if each := (int64(memory()) - int64(before)) / count; each > bound {
		t.Errorf("an idle connection costs %d bytes, want %d at the most", each, bound)
	}
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func TestShutdown(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g}, lines.Options{})
	p, quiet := s.connect(), s.connect()
	quiet.alive()
	p.send(authorizeLine("1"))
	<-g.arrived
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	quiet.ended()
	quiet.Close()
	p.send(authorizeLine("too late"))
	g.release()
	if a := p.answer(); a.ID != "1" || !a.Approved {
		t.Errorf("got %+v, want the answer to what was in flight", a)
	}
	p.ended()
	p.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", s.address); err == nil {
		t.Error("the port still accepts")
	}
	if n := len(g.arrived); n != 0 {
		t.Errorf("%d requests were taken after Shutdown began", n)
	}
}

// A handler that never ends cannot hold the process.
func TestShutdownGivesUp(t *testing.T) {
	g := newGate()
	s := serve(t, front.Options{Handler: g}, lines.Options{})
	p := s.connect()
	p.send(authorizeLine("1"))
	<-g.arrived
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want that it was cancelled", err)
	}
	p.broken()
}

// failingListener fails a few times before it accepts.
type failingListener struct {
	net.Listener
	failures int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, errors.New("accept: too many open files")
	}
	return l.Listener.Accept()
}

func TestAcceptFailuresAreOutlived(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := front.New(front.Options{Handler: approveAll{}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := lines.New(lines.Options{Listener: &failingListener{listener, 2}, Front: f})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	defer s.Shutdown(context.Background())
	nc, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	newPeer(t, nc).alive()
	nc.Close()
}

// Requests of many clients meet each with its own answer.
func TestManyClients(t *testing.T) {
	named := handlerFunc(func(_ context.Context, _ *api.Caller, r *api.Request) api.Answer {
		return api.Answer{Payment: strings.Clone(r.Key), Approved: true, Amount: r.Amount}
	})
	s := serve(t, front.Options{Handler: named}, lines.Options{MaxInFlightPerConn: 16})
	const clients, each = 8, 300
	errs := make(chan error, clients)
	for n := range clients {
		go func() { errs <- drive(s.address, n, each) }()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := s.metric("switchyard_gateway_requests_total", "approved"); got != clients*each {
		t.Errorf("%v requests counted, want %d", got, clients*each)
	}
}

// drive sends requests from one client, 32 at a time, and holds each answer against its request.
func drive(address string, n, each int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	gw, err := client.Dial(ctx, address, client.Options{Dial: new(net.Dialer).DialContext, Connections: 2})
	if err != nil {
		return err
	}
	defer gw.Close()
	errs := make(chan error, each)
	slots := make(chan struct{}, 32)
	for i := range each {
		slots <- struct{}{}
		go func() {
			req := authorize()
			req.ID, req.Key, req.Amount = fmt.Sprint(i), fmt.Sprintf("%d/%d", n, i), int64(i+1)
			a, err := gw.Do(ctx, &req)
			if err == nil && (a.ID != req.ID || a.Payment != req.Key || a.Amount != req.Amount) {
				err = fmt.Errorf("request %s got the answer %+v", req.Key, a)
			}
			<-slots
			errs <- err
		}()
	}
	for range each {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return err
}

// In virtual time, in which a connection that says something at once has not been idle before on any machine.
func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, l := newGate(), newPipes()
		s := serve(t, front.Options{Handler: g}, lines.Options{Listener: l, IdleTimeout: time.Minute})
		quiet, waiting := newPeer(t, l.connect()), newPeer(t, l.connect())
		waiting.send(authorizeLine("1"))
		<-g.arrived
		quiet.ended()
		s.awaitMetric(closedMetric, "idle", 1)
		g.release()
		if a := waiting.answer(); !a.Approved {
			t.Errorf("got %+v, want that a connection that awaits an answer is not idle", a)
		}
		waiting.alive()
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		options lines.Options
		want    string
	}{
		{lines.Options{Front: new(front.Front)}, "Listener is missing"},
		{lines.Options{Listener: &failingListener{}}, "Front is missing"},
	} {
		if _, err := lines.New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
