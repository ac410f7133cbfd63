package lines

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines/wire"
)

// Server serves gateways. Its methods may be called from any goroutine.
type Server struct {
	opt     Options
	log     *zap.Logger
	metrics *metrics
	front   *front.Front

	// running is the handler's context: it ends when Shutdown gives up waiting, or is done.
	running context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	conns   map[*conn]struct{} // at most MaxConnections
	from    map[netip.Addr]int // of these, by their address
	unknown list.List          // of *conn, at most MaxUnknown: those that have not said who they are, the oldest first
	closing atomic.Bool        // set under mu
	quit    chan struct{}      // closed with it

	refusing atomic.Int64 // surplus connections being refused, at most MaxRefusing
	held     atomic.Int64 // wrong hellos whose refusal is held back, at most maxHeld
	readers  sync.WaitGroup
	serving  sync.WaitGroup // requests that are with the handler
	tasks    sync.Pool
	buffers  sync.Pool
}

// task is one request on its way; with the flows it is an api.Asker. It is reused.
type task struct {
	conn *conn
	read time.Time // when its line was read
	in   wire.Line
	call front.Call
	out  []byte // the answer's text, reused
}

// New prepares a server. The error names what of the options is wrong.
func New(options Options) (*Server, error) {
	opt, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opt: opt, log: opt.Logger, front: opt.Front, conns: map[*conn]struct{}{}, from: map[netip.Addr]int{},
		quit: make(chan struct{}),
	}
	s.tasks.New = func() any { return new(task) }
	s.buffers.New = func() any { return new([]byte) }
	s.running, s.stop = context.WithCancel(context.Background())
	if s.metrics, err = newMetrics(opt.Registerer, &s.held); err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements front.Door.
func (s *Server) Name() string { return "gateway port" }

// Serve accepts connections until Shutdown, and then returns nil, or until the listener fails for good. Call it once. A
// failed accept (no file descriptor left, a peer gone) is logged and tried again after a pause.
func (s *Server) Serve() error {
	delay := minAcceptDelay
	for {
		nc, err := s.opt.Listener.Accept()
		switch {
		case err == nil:
			delay = minAcceptDelay
			s.admit(nc)
		case s.closing.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			s.log.Warn("gateway: accept failed, trying again", zap.Error(err), zap.Duration("in", delay))
			select {
			case <-time.After(delay):
			case <-s.running.Done():
				return nil
			}
			delay = min(2*delay, maxAcceptDelay)
		}
	}
}

// admit starts a connection, or refuses it.
func (s *Server) admit(nc net.Conn) {
	address := boundBy(nc.RemoteAddr())
	if s.opt.TLS != nil {
		nc = tls.Server(nc, s.opt.TLS)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch why := s.full(address); {
	case s.closing.Load():
		nc.Close()
	case why == stillOpen:
		c := newConn(s, nc)
		c.from = address
		s.conns[c] = struct{}{}
		s.from[address]++
		if c.caller == nil {
			if s.unknown.Len() >= s.opt.MaxUnknown {
				s.unknown.Remove(s.unknown.Front()).(*conn).giveWay()
			}
			c.unknown = s.unknown.PushBack(c)
		}
		s.metrics.connections.Inc()
		s.readers.Add(1)
		go c.run()
	case s.refusing.Add(1) > MaxRefusing:
		s.refusing.Add(-1)
		s.metrics.closed[why].Inc()
		nc.Close()
	default:
		s.readers.Add(1)
		go s.refuse(nc, why)
	}
}

// boundBy is what of a peer's address shares the room of one; the zero Addr, as of loopback, shares none.
func boundBy(from net.Addr) netip.Addr {
	if tcp, is := from.(*net.TCPAddr); is && tcp.IP.IsLoopback() {
		return netip.Addr{}
	}
	return front.NetworkOf(from)
}

// full says why there is no room for one more connection from an address; stillOpen where there is.
func (s *Server) full(address netip.Addr) reason {
	switch {
	case len(s.conns) >= s.opt.MaxConnections:
		return surplus
	case address.IsValid() && s.from[address] >= s.opt.MaxPerAddress:
		return surplusOfAddress
	}
	return stillOpen
}

// refuse tells a surplus connection why it is closed.
func (s *Server) refuse(nc net.Conn, why reason) {
	defer s.readers.Done()
	defer s.refusing.Add(-1)
	text := "as many gateways are connected as may be (max_connections)"
	if why == surplusOfAddress {
		text = "as many connections come from your address as may (max_connections_per_address)"
	}
	busy := api.Answer{Err: api.NewError(api.CodeBusy, text)}
	s.metrics.rejected.of(api.CodeBusy).Inc()
	s.metrics.closed[why].Inc()
	nc.SetDeadline(time.Now().Add(lingerTimeout))
	if _, err := nc.Write(append(wire.AppendAnswer(nil, &busy), '\n')); err == nil {
		linger(nc)
	}
	nc.Close()
}

// known notes that a connection has said who it is; false where it had to give way before.
func (s *Server) known(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.unknown != nil {
		s.unknown.Remove(c.unknown)
		c.unknown = nil
	}
	return !c.gave
}

// remove forgets a connection that has ended.
func (s *Server) remove(c *conn, why reason) {
	s.mu.Lock()
	delete(s.conns, c)
	if s.from[c.from]--; s.from[c.from] == 0 {
		delete(s.from, c.from)
	}
	if c.unknown != nil {
		s.unknown.Remove(c.unknown)
		c.unknown = nil
	}
	s.mu.Unlock()
	s.metrics.connections.Dec()
	s.metrics.closed[why].Inc()
	s.readers.Done()
}

// Shutdown stops accepting and reading, lets the requests in flight finish, sends their answers and closes. When ctx
// ends first it closes what is left, cancels the handler's context and returns ctx's error; the requests that are still
// with the handler then end with it.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := s.closing.CompareAndSwap(false, true)
	for c := range s.conns {
		c.stopReading()
	}
	s.mu.Unlock()
	if first {
		close(s.quit)
		s.opt.Listener.Close()
	}
	done := make(chan struct{})
	go func() {
		s.readers.Wait()
		s.serving.Wait() // those whose connection is gone
		close(done)
	}()
	select {
	case <-done:
		s.stop()
		return nil
	case <-ctx.Done():
	}
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		c.fail(shutdown)
	}
	s.mu.Unlock()
	return ctx.Err()
}

// Answered implements api.Asker.
func (t *task) Answered(a *api.Answer) {
	t.conn.srv.metrics.answered(a, time.Since(t.read))
	t.out = wire.AppendAnswer(t.out[:0], a)
	t.conn.queue(t)
}

// Flush implements api.Asker.
func (t *task) Flush() {
	c := t.conn
	c.flush()
	c.srv.release(t)
	c.srv.serving.Done()
}

func (s *Server) task(c *conn) *task {
	t := s.tasks.Get().(*task)
	t.conn = c
	return t
}

// release keeps a task for the next request, without its card data.
func (s *Server) release(t *task) {
	t.conn, t.call = nil, front.Call{}
	t.in = wire.Line{}
	if cap(t.out) > keepBuffer {
		t.out = nil
	}
	s.tasks.Put(t)
}
