package lines_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/front/lines/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// approveAll answers every request as approved, at once.
type approveAll struct{}

// Take implements api.Handler.
func (h approveAll) Take(ctx context.Context, calls []*api.Call) { takeEach(ctx, calls, h) }

func (approveAll) Handle(_ context.Context, _ *api.Caller, req *api.Request) api.Answer {
	return api.Answer{
		Payment: "P10000000001", Status: api.StatusAuthorized, Approved: true, ResponseCode: "00", Reason: "approved",
		AuthCode: "A1B2C3", RRN: "632510000001", STAN: "000001", Amount: req.Amount, Currency: "EUR", Authorized: req.Amount,
		Capturable: req.Amount, Created: time.Date(2026, 11, 21, 20, 26, 1, 0, time.UTC)}
}

// authorize is a well-formed request without an id.
func authorize() api.Request {
	return api.Request{
		Op: api.OpAuthorize, Key: "order-4711/1", Merchant: "M100000001", Terminal: "T0000001", Amount: 12345,
		Currency: "EUR", Card: api.Card{Number: "4000000000000002", Expiry: "2812", CVC: "123"}, Reference: "order-4711"}
}

// authorizeLine is authorize as a line.
func authorizeLine(id string) string {
	r := authorize()
	r.ID = id
	return string(wire.AppendRequest(nil, &r)) + "\n"
}

// handlerFunc is a Handler of one function.
type handlerFunc func(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer

// Take implements api.Handler.
func (f handlerFunc) Take(ctx context.Context, calls []*api.Call) { takeEach(ctx, calls, f) }

func (f handlerFunc) Handle(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	return f(ctx, caller, req)
}

// gate is a handler that holds every request until it is opened, and tells of each that has come.
type gate struct {
	arrived chan string // ids
	open    chan struct{}
	once    sync.Once
}

func newGate() *gate { return &gate{arrived: make(chan string, 1<<16), open: make(chan struct{})} }

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// Take implements api.Handler.
func (g *gate) Take(ctx context.Context, calls []*api.Call) { takeEach(ctx, calls, g) }

func (g *gate) Handle(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	g.arrived <- strings.Clone(req.ID)
	select {
	case <-g.open:
		return approveAll{}.Handle(ctx, caller, req)
	case <-ctx.Done():
		return api.Answer{Err: api.NewError(api.CodeInternal, "stopped")}
	}
}

// patience bounds what should happen at once; a test that meets it has failed.
const patience = 5 * time.Minute

// server is a gateway server with its metrics.
type server struct {
	*lines.Server
	t        *testing.T
	address  string
	registry *prometheus.Registry
	served   chan error
}

// serve starts a server before a front, on loopback where the options have no listener; the test's end shuts it down.
func serve(t *testing.T, behind front.Options, options lines.Options) *server {
	t.Helper()
	var err error
	if options.Listener == nil {
		if options.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	behind.Registerer, options.Registerer = registry, registry
	if behind.Handler == nil {
		behind.Handler = approveAll{}
	}
	if options.Front, err = front.New(behind); err != nil {
		t.Fatal(err)
	}
	s, err := lines.New(options)
	if err != nil {
		t.Fatal(err)
	}
	srv := &server{
		Server: s, t: t, address: options.Listener.Addr().String(), registry: registry, served: make(chan error, 1),
	}
	go func() { srv.served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return srv
}

// metric sums a metric's series whose labels hold the value (any where it is "").
func (s *server) metric(name, value string) float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if value == "" || hasLabel(m, value) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func hasLabel(m *dto.Metric, value string) bool {
	for _, l := range m.GetLabel() {
		if l.GetValue() == value {
			return true
		}
	}
	return false
}

// awaitMetric waits until a metric has a value.
func (s *server) awaitMetric(name, value string, want float64) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.metric(name, value) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s{%s} is %v, want %v", name, value, s.metric(name, value), want)
		}
	}
}

const closedMetric = "switchyard_gateway_connections_closed_total"

// peer is a gateway that speaks raw lines.
type peer struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (s *server) connect() *peer {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	return newPeer(s.t, nc)
}

func newPeer(t *testing.T, nc net.Conn) *peer {
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: nc, t: t, in: bufio.NewReaderSize(nc, 1<<20)}
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.t.Fatal(err)
	}
}

// line reads one answer as it came.
func (p *peer) line() string {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("reading an answer: %v (after %q)", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) answer() api.Answer {
	p.t.Helper()
	var a api.Answer
	line := p.line()
	if err := wire.DecodeAnswer([]byte(line), &a); err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
	return a
}

// ended holds that the server closes the connection without another answer.
func (p *peer) ended() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); err != nil || len(rest) > 0 {
		p.t.Fatalf("want the end of the connection, got %q, %v", rest, err)
	}
}

// refused holds that the next answer is an error of the code and returns it.
func (p *peer) refused(code api.Code) api.Answer {
	p.t.Helper()
	a := p.answer()
	if a.Err == nil || a.Err.Code != code {
		p.t.Fatalf("got %+v, want an error %s", a, code)
	}
	return a
}

// alive holds that the connection still answers.
func (p *peer) alive() {
	p.t.Helper()
	p.send(`{"id":"alive","op":"ping"}` + "\n")
	if a := p.answer(); a.ID != "alive" || a.Err != nil {
		p.t.Fatalf("got %+v, want the answer to a ping", a)
	}
}

// broken waits until the connection is reset or ended, whatever still arrives.
func (p *peer) broken() {
	p.t.Helper()
	if _, err := io.Copy(io.Discard, p.in); errors.Is(err, context.DeadlineExceeded) {
		p.t.Fatal("the connection still stands")
	}
}

// takeEach is Take by a goroutine for each call.
func takeEach(ctx context.Context, calls []*api.Call, h interface {
	Handle(context.Context, *api.Caller, *api.Request) api.Answer
}) {
	for _, c := range calls {
		go func() {
			a := h.Handle(ctx, c.Caller, c.Request)
			c.To.Answered(&a)
			c.To.Flush()
		}()
	}
}

// pipes is a listener whose connections are pipes, so that they live in the virtual time of a test.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

// connect returns the far end of a connection that is accepted.
func (p *pipes) connect() net.Conn {
	here, there := net.Pipe()
	p.incoming <- there
	return here
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
