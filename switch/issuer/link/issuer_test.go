package link_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/switch/issuer/link"
)

var codec = spec.MustCodec("iso87ascii")

// issuer is a scripted host at the other end of Dial.
type issuer struct {
	// on is asked about each message; true: it has dealt with it. What it leaves is approved, if it asks.
	on func(c *hostConn, m *spec.Message) bool
	// onDial, if set, may fail the nth dial, counted from 1.
	onDial func(n int) error
	// speaks is the host's dialect, nil: the link's; unpack, if set, is how it reads.
	speaks *spec.Codec
	unpack func(frame []byte, m *spec.Message) error
	// framing is what it speaks.
	framing framing.Format

	mu    sync.Mutex
	dials []time.Time
	conns []*hostConn
	got   []string // "MTI STAN" or "0800 DE70", in the order of their coming
}

// hostConn is the issuer's end of a connection.
type hostConn struct {
	net.Conn
	n    int // which it is, counted from 1
	i    *issuer
	head []byte // headers of the message that it took last

	codec *spec.Codec
}

func (i *issuer) dial(ctx context.Context, _ string) (net.Conn, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.dials = append(i.dials, time.Now())
	if i.onDial != nil {
		if err := i.onDial(len(i.dials)); err != nil {
			return nil, err
		}
	}
	ours, theirs := newMemConns()
	c := &hostConn{Conn: theirs, n: len(i.conns) + 1, i: i, codec: cmp.Or(i.speaks, codec)}
	i.conns = append(i.conns, c)
	go i.serve(c)
	return ours, nil
}

// conn returns the newest connection.
func (i *issuer) conn() *hostConn {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.conns[len(i.conns)-1]
}

// messages returns what came in, and forgets it.
func (i *issuer) messages() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := i.got
	i.got = nil
	return got
}

func (i *issuer) dialled() []time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]time.Time(nil), i.dials...)
}

func (i *issuer) serve(c *hostConn) {
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		frame, err := i.framing.Peek(r, spec.MaxMessage-framing.MaxOverhead)
		if err != nil {
			return
		}
		c.head = slices.Clone(frame.Head)
		m := new(spec.Message)
		unpack := c.codec.Unpack
		if i.unpack != nil {
			unpack = i.unpack
		}
		if err := unpack(frame.Message, m); err != nil {
			panic(err)
		}
		_, _ = r.Discard(frame.Size) // it was peeked
		what := m.String(11)
		if m.Has(70) {
			what = m.String(70)
		}
		i.mu.Lock()
		i.got = append(i.got, m.MTI()+" "+what)
		i.mu.Unlock()
		if handled := i.on != nil && i.on(c, m); !handled && m.MTI() != "0810" {
			c.answer(m, "00")
		}
	}
}

// response is what an issuer answers a request with.
func response(m *spec.Message, code string) *spec.Message {
	r := new(spec.Message)
	r.SetMTI(m.MTI()[:2] + string(m.MTI()[2]+1) + "0")
	for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70} {
		if m.Has(de) {
			r.Set(de, m.String(de))
		}
	}
	r.Set(39, code)
	return r
}

// echoRequest is an 0800 of the host's own.
func echoRequest(stan int) *spec.Message {
	m := new(spec.Message)
	m.SetMTI("0800")
	m.Set(7, de7)
	m.SetUint(11, uint64(stan), 6)
	m.Set(70, "301")
	return m
}

func (c *hostConn) answer(m *spec.Message, code string) { c.send(response(m, code)) }

func (c *hostConn) send(m *spec.Message) {
	message, err := c.codec.Pack(nil, m)
	if err != nil {
		panic(err)
	}
	frame, err := c.i.framing.Append(nil, message)
	if err != nil {
		panic(err)
	}
	c.sendRaw(frame)
}

// sendRaw ignores a connection that is closed already, as a script that answers late meets it.
func (c *hostConn) sendRaw(p []byte) { _, _ = c.Write(p) }

// identity counts STANs down, so that they do not meet the tests' own.
type identity struct {
	mu   sync.Mutex
	last uint32
}

func (i *identity) Next(context.Context) (uint32, string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	return 1000000 - i.last, de7, nil
}

const de7 = "1121202501"

// fixture is a host that is connected to a scripted issuer, and what it reported.
type fixture struct {
	*link.Host
	t      *testing.T
	issuer *issuer
	logs   *observer.ObservedLogs

	mu       sync.Mutex
	strays   []link.Stray
	cutovers []string
}

// newFixture makes a host with one link and a window of 8 unless change says otherwise, starts it, and closes it when
// the test ends.
func newFixture(t *testing.T, i *issuer, change func(*link.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, issuer: i}
	core, logs := observer.New(zapcore.DebugLevel)
	f.logs = logs
	cfg := link.Config{
		Host: "visa", Addr: "issuer.test:8583", Links: 1, WindowPerLink: 8,
		AcquirerID: "400001", Codec: codec, Identity: &identity{}, Dial: i.dial,
		Logger: zap.New(core), Seed: 1,
		OnStray: func(l link.Stray) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.strays = append(f.strays, l)
		},
		OnCutover: func(host, link string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.cutovers = append(f.cutovers, host+" "+link)
		},
	}
	if change != nil {
		change(&cfg)
	}
	h, err := link.NewHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Host = h
	h.Start()
	return f
}

// close closes the host, which must take no virtual time, or an hour at the most for what the test left open.
func (f *fixture) close() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := f.Close(ctx); err != nil {
		f.t.Errorf("Close: %v", err)
	}
	f.issuer.mu.Lock()
	defer f.issuer.mu.Unlock()
	for _, c := range f.issuer.conns {
		c.Close()
	}
}

func (f *fixture) reported() []link.Stray {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.strays
	f.strays = nil
	return got
}

// request makes an authorization with a STAN.
func request(stan int) (frame []byte, want link.Match) {
	m, want := asked(stan)
	frame, err := codec.PackFrame(nil, m)
	if err != nil {
		panic(err)
	}
	return frame, want
}

// asked is that authorization, with what its answer is held against.
func asked(stan int) (m *spec.Message, want link.Match) {
	m = new(spec.Message)
	m.SetMTI("0100")
	m.Set(2, "4000001234567899")
	m.Set(3, "000000")
	m.SetUint(4, 12345, 12)
	m.Set(7, de7)
	m.SetUint(11, uint64(stan), 6)
	m.Set(12, de7[4:])
	m.Set(13, de7[:4])
	m.Set(32, "400001")
	rrn := "6325000" + m.String(11)[1:]
	m.Set(37, rrn)
	m.Set(41, "TERM0001")
	m.Set(49, "978")
	want = link.Match{
		MTI: "0100", STAN: uint32(stan), DE7: de7, RRN: rrn, Terminal: "TERM0001", Currency: "978", AmountMinor: 12345,
		CheckAmount: true,
	}
	want.Carries(m)
	return m, want
}

// send acquires a slot and sends an authorization with ten seconds' time.
func (f *fixture) send(stan int) (*spec.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	slot, err := f.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	frame, want := request(stan)
	resp := new(spec.Message)
	return resp, slot.Send(ctx, frame, want, resp)
}

// sending sends in a goroutine of its own; the channel gets the result.
func (f *fixture) sending(stan int) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := f.send(stan)
		done <- err
	}()
	return done
}

// parses makes Echoes of elements.
func parses(t *testing.T, elements ...int) link.Echoes {
	t.Helper()
	echoes, err := link.ParseEchoes(elements)
	if err != nil {
		t.Fatal(err)
	}
	return echoes
}

// answering sends a request to a host that answers it once it has what it was sent: r is the answer, and was sent.
func answering(
	t *testing.T, echoes link.Echoes, change func(r *spec.Message),
) (i *issuer, f *fixture, request, r *spec.Message, sent <-chan error) {
	t.Helper()
	i, held := holdPayments()
	f = newFixture(t, i, func(c *link.Config) { c.Echoes = echoes })
	t.Cleanup(f.close)
	synctest.Wait()
	sent = f.sending(7)
	synctest.Wait()
	request = held()[0]
	r = response(request, "00")
	change(r)
	i.conn().send(r)
	synctest.Wait()
	return i, f, request, r, sent
}

// mustBe fails the test unless err is the wanted error.
func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
