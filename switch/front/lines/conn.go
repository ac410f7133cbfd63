package lines

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/certname"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines/wire"
)

// conn is one connection: a reader goroutine, which owns it, and a writer goroutine.
type conn struct {
	srv    *Server
	nc     net.Conn
	in     lines
	caller *front.Caller // who it is; nil before the hello. The reader sets it before the first request
	greets bool          // a hello is still to be expected or allowed
	since  time.Time     // accepted; later the last read, where IdleTimeout is set
	timed  bool          // a read deadline is set
	taken  []*front.Call // requests of the lines that were read together, for the handler

	from    netip.Addr    // as the bound by address has it
	unknown *list.Element // under the server's mu, in its list: nil once it has said who it is
	gave    bool          // likewise: it had to give way before

	mu       sync.Mutex
	work     sync.Cond // the writer waits for answers or the end
	room     sync.Cond // the reader waits for fewer lines in flight, or fewer bytes unsent
	out      *[]byte   // answers for the writer, nil where none wait
	unsent   int       // bytes in out or being written
	inFlight int       // lines read and not yet answered
	woken    bool      // the writer knows of out
	ending   bool      // no more lines: the writer ends when all answers are out
	failed   reason    // set when the connection broke; what is in flight then has no one to answer
	written  chan struct{}
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, in: lines{
		from: nc, maxLine: s.opt.MaxLine,
	}, greets: true, since: time.Now(), written: make(chan struct{})}
	c.work.L, c.room.L = &c.mu, &c.mu
	c.caller = s.front.Anyone()
	return c
}

// run serves the connection until it ends.
func (c *conn) run() {
	go c.write()
	why := c.handshake()
	for why == stillOpen {
		why = c.readLines()
	}
	c.in.wipe()
	c.mu.Lock()
	c.ending = true
	c.work.Signal()
	c.mu.Unlock()
	<-c.written
	c.mu.Lock()
	if c.failed != stillOpen {
		why = c.failed
	}
	c.mu.Unlock()
	if why.ours() {
		linger(c.nc)
	}
	c.nc.Close()
	if why != peerClosed {
		c.srv.log.Info("gateway: connection closed", zap.Stringer("peer", c.nc.RemoteAddr()), zap.String(
			"gateway", c.name(),
		), zap.Stringer("reason", why))
	}
	c.srv.remove(c, why)
}

func (c *conn) name() string {
	if c.caller == nil {
		return ""
	}
	return c.caller.Name()
}

// handshake completes TLS, where it is spoken, and takes a certificate for a hello.
func (c *conn) handshake() reason {
	tc, isTLS := c.nc.(*tls.Conn)
	if !isTLS {
		return stillOpen
	}
	tc.SetDeadline(c.since.Add(c.srv.opt.HelloTimeout))
	if c.srv.closing.Load() {
		return shutdown
	}
	if err := tc.Handshake(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return helloTimeout
		}
		c.srv.log.Info("gateway: TLS handshake failed", zap.Stringer("peer", tc.RemoteAddr()), zap.Error(err))
		var header tls.RecordHeaderError
		if errors.As(err, &header) && header.Conn != nil { // no alert was written: the peer speaks something else
			c.srv.tellPlain(header.Conn)
		}
		return handshake
	}
	c.nc.SetDeadline(time.Time{})
	state := tc.ConnectionState()
	if caller := c.srv.front.ByCertificate(state); caller != nil {
		c.caller, c.greets = caller, false
		if !c.srv.known(c) {
			return gaveWay
		}
	} else if name := c.srv.front.Resembles(state); name != "" {
		c.srv.log.Warn("gateway: a certificate is not the one that is listed: its whole subject counts, in its order",
			zap.Stringer("peer", tc.RemoteAddr()), zap.String("listed", name),
			zap.Strings("certificate_has", certname.Of(state.PeerCertificates[0])))
	}
	return stillOpen
}

// giveWay ends a connection that has not said who it is, since others came; under the server's mu.
func (c *conn) giveWay() {
	c.unknown, c.gave = nil, true
	c.fail(gaveWay)
}

// tellPlain tells a peer that speaks no TLS, in its own terms, that TLS is spoken here. What it sent is dropped unread:
// a card's number may stand in it (I12). The deadline of the handshake bounds it.
func (s *Server) tellPlain(nc net.Conn) {
	fault := api.NewError(api.CodeInvalidRequest, "TLS is spoken on this port; what came in clear was not taken")
	s.metrics.rejected.of(fault.Code).Inc()
	if _, err := nc.Write(append(wire.AppendAnswer(nil, &api.Answer{Err: fault}), '\n')); err == nil {
		linger(nc)
	}
}

// readLines waits for bytes and takes every line that is whole.
func (c *conn) readLines() reason {
	if why := c.wait(); why != stillOpen {
		return why
	}
	read := time.Now()
	if c.srv.opt.IdleTimeout > 0 && c.caller != nil {
		c.since = read
	}
	defer c.handOver()
	for {
		line, ok := c.in.next()
		if !ok {
			return stillOpen
		}
		if why := c.hold(); why != stillOpen {
			return why
		}
		if why := c.take(line, read); why != stillOpen {
			return why
		}
	}
}

// handOver gives the handler what was taken.
func (c *conn) handOver() {
	if len(c.taken) == 0 {
		return
	}
	c.srv.front.Take(c.srv.running, c.taken)
	clear(c.taken)
	c.taken = c.taken[:0]
}

// wait reads until there is something new.
func (c *conn) wait() reason {
	for {
		c.setDeadline()
		if c.srv.closing.Load() { // asked after the deadline was set: Shutdown sets its own after the flag
			return shutdown
		}
		err := c.in.read()
		switch {
		case err == nil:
			return stillOpen
		case errors.Is(err, errLineTooLong):
			if why := c.hold(); why != stillOpen {
				return why
			}
			c.reject("", api.NewError(api.CodeTooLarge, "a line has at most "+strconv.Itoa(c.srv.opt.MaxLine)+" bytes"))
			return tooLarge
		case errors.Is(err, io.EOF) && c.in.half():
			return halfLine
		case errors.Is(err, io.EOF):
			return peerClosed
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return lost
		}
		switch {
		case c.srv.closing.Load():
			return shutdown
		case c.caller == nil:
			return helloTimeout
		case c.quiet():
			return idle
		}
		c.in.shrink()
	}
}

// setDeadline says when the next read shall return without bytes: for the hello, to give a grown buffer back, or to end
// a connection that is idle. Most quiet connections have none.
func (c *conn) setDeadline() {
	var at time.Time
	switch {
	case c.caller == nil:
		at = c.since.Add(c.srv.opt.HelloTimeout)
	case c.in.grown():
		at = time.Now().Add(shrinkAfter)
	case c.srv.opt.IdleTimeout > 0:
		at = time.Now().Add(c.srv.opt.IdleTimeout)
	}
	if c.timed || !at.IsZero() {
		c.nc.SetReadDeadline(at)
	}
	c.timed = !at.IsZero()
}

// quiet tells whether nothing came for IdleTimeout and no answer is awaited.
func (c *conn) quiet() bool {
	if c.srv.opt.IdleTimeout <= 0 || time.Since(c.since) < c.srv.opt.IdleTimeout {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight == 0
}

// hold counts a line as in flight, first waiting while the connection is at a bound.
func (c *conn) hold() reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == stillOpen && !c.hasRoom() {
		c.srv.metrics.paused.Inc()
		c.mu.Unlock()
		c.handOver() // what is answered makes room
		c.mu.Lock()
		for c.failed == stillOpen && !c.hasRoom() && !c.srv.closing.Load() {
			c.room.Wait()
		}
	}
	if c.failed != stillOpen {
		return c.failed
	}
	if c.srv.closing.Load() {
		return shutdown
	}
	c.inFlight++
	return stillOpen
}

// hasRoom tells whether one more line may be taken. Each line in flight reserves room for its answer, so that a peer
// that reads, though slowly, is slowed down and not closed when many answers come at once.
func (c *conn) hasRoom() bool {
	return c.inFlight < c.srv.opt.MaxInFlightPerConn && c.unsent+(c.inFlight+1)*answerRoom <= c.srv.opt.UnsentLimit
}

// take serves one line, which is held.
func (c *conn) take(line []byte, read time.Time) reason {
	t := c.srv.task(c)
	t.read = read
	fault := wire.DecodeLine(line, &t.in)
	switch {
	case c.caller == nil && (fault != nil || !t.in.Hello):
		return c.refuse(t, "the first line must be a hello")
	case fault != nil:
	case t.in.Hello:
		return c.hello(t)
	case t.in.Op == api.OpPing:
		if fault = c.srv.front.Check(c.caller, &t.in.Request); fault == nil {
			c.ping(t)
			return stillOpen
		}
	default:
		if fault = c.srv.front.Admit(c.caller, &t.in.Request); fault == nil {
			t.call = front.Call{Caller: c.caller, Request: &t.in.Request, To: t}
			c.srv.serving.Add(1)
			c.taken = append(c.taken, &t.call)
			return stillOpen
		}
	}
	c.reject(t.in.ID, fault)
	c.srv.release(t)
	return stillOpen
}

// hello identifies the connection, once.
func (c *conn) hello(t *task) reason {
	if !c.greets {
		return c.refuse(t, "the connection has said hello already")
	}
	c.greets = false
	if c.caller = c.srv.front.BySecret(t.in.Gateway, t.in.Secret); c.caller == nil {
		c.holdBack(t.in.Gateway)
		return c.refuse(t, "no such gateway, or a wrong secret")
	}
	if !c.srv.known(c) {
		c.srv.release(t)
		return gaveWay
	}
	c.srv.log.Debug("gateway: hello", zap.Stringer("peer", c.nc.RemoteAddr()), zap.String("gateway", c.name()))
	c.srv.metrics.hello.Inc()
	t.out = wire.AppendHelloAnswer(t.out[:0], t.in.ID, c.name())
	c.queue(t)
	c.flush()
	c.srv.release(t)
	return stillOpen
}

// holdBack keeps a wrong hello waiting for its refusal, in the connection's own goroutine, while there is room for it
// and the server does not stop.
func (c *conn) holdBack(gateway string) {
	wrong := c.srv.front.Wrong(c.nc.RemoteAddr(), gateway)
	if wrong.Hold <= 0 {
		return
	}
	if wrong.Nth&(wrong.Nth-1) == 0 { // of many only each that doubles them: strangers cause them without bound
		c.srv.log.Warn("gateway: wrong hellos go on", zap.Stringer("peer", c.nc.RemoteAddr()), zap.Int("so_far", wrong.Nth),
			zap.Duration("held_back_for", wrong.Hold))
	}
	defer c.srv.held.Add(-1)
	if c.srv.held.Add(1) > maxHeld {
		return
	}
	timer := time.NewTimer(wrong.Hold)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.srv.quit:
	}
}

// ping answers a request that needs no flow.
func (c *conn) ping(t *task) {
	c.srv.metrics.ops[api.OpPing].outcomes[answered].Inc()
	c.answer(t, &api.Answer{ID: t.in.ID, Op: api.OpPing})
	c.srv.release(t)
}

// refuse ends a connection that is not let in.
func (c *conn) refuse(t *task, message string) reason {
	c.reject(t.in.ID, api.NewError(api.CodeUnauthorized, message))
	c.srv.release(t)
	return unauthorized
}

// reject answers a line that does not reach the flow. The line itself is not logged (I12).
func (c *conn) reject(id string, fault *api.Error) {
	c.srv.metrics.rejected.of(fault.Code).Inc()
	c.srv.log.Debug("gateway: line rejected", zap.Stringer("peer", c.nc.RemoteAddr()), zap.String("gateway", c.name()),
		zap.String("code", string(fault.Code)), zap.String("field", fault.Field), zap.String("message", fault.Message))
	t := c.srv.task(c)
	c.answer(t, &api.Answer{ID: id, Err: fault})
	c.srv.release(t)
}

// answer sends the answer to a held line.
func (c *conn) answer(t *task, a *api.Answer) {
	t.out = wire.AppendAnswer(t.out[:0], a)
	c.queue(t)
	c.flush()
}

// queue queues the text of the answer to a held line; flush must follow.
func (c *conn) queue(t *task) {
	t.out = append(t.out, '\n')
	c.mu.Lock()
	c.inFlight--
	if c.failed != stillOpen {
		c.mu.Unlock()
		return
	}
	if c.out == nil {
		c.out = c.srv.buffers.Get().(*[]byte)
	}
	*c.out = append(*c.out, t.out...)
	c.unsent += len(t.out)
	tooMuch := c.unsent > c.srv.opt.UnsentLimit
	if c.hasRoom() {
		c.room.Signal()
	}
	c.mu.Unlock()
	if tooMuch {
		c.fail(unsentBytes)
	}
}

// flush wakes the writer for what is queued. Not a Signal an answer: the writer would run after the first of many.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && !c.woken || c.ending && c.inFlight == 0 {
		c.woken = true
		c.work.Signal()
	}
}

// write sends answers until all are out and no more can come, or the connection breaks. What has come together while
// the last bytes were written goes out in one call.
func (c *conn) write() {
	defer close(c.written)
	for {
		out := c.answers()
		if out == nil {
			return
		}
		c.nc.SetWriteDeadline(time.Now().Add(c.srv.opt.UnsentTimeout))
		n, err := c.nc.Write(*out)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.fail(unsentTimeout)
			} else {
				c.fail(lost)
			}
			return
		}
		c.mu.Lock()
		c.unsent -= n
		if c.hasRoom() {
			c.room.Signal()
		}
		c.mu.Unlock()
		c.srv.recycle(out)
	}
}

// answers waits for queued answers; nil at the end.
func (c *conn) answers() *[]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out == nil && c.failed == stillOpen && !(c.ending && c.inFlight == 0) {
		c.work.Wait()
		c.mu.Unlock()
		// lets the workers that are ready add their answers: half the CPU of a busy connection is system calls
		runtime.Gosched()
		c.mu.Lock()
	}
	if c.failed != stillOpen {
		return nil
	}
	out := c.out
	c.out, c.woken = nil, false
	return out
}

// recycle keeps a buffer of answers for any connection.
func (s *Server) recycle(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		s.buffers.Put(b)
	}
}

// fail breaks the connection at once: its goroutines end, what is in flight is answered to no one.
func (c *conn) fail(why reason) {
	c.mu.Lock()
	if c.failed == stillOpen {
		c.failed = why
	}
	c.out = nil
	c.work.Signal()
	c.room.Signal()
	c.mu.Unlock()
	c.nc.Close()
}

// stopReading makes a read that is under way return. The server is closing.
func (c *conn) stopReading() {
	c.nc.SetReadDeadline(time.Unix(1, 0))
	c.mu.Lock()
	c.room.Signal()
	c.mu.Unlock()
}

// linger says that nothing more comes and drops what the peer has still under way, within bounds.
func linger(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	nc.SetReadDeadline(time.Now().Add(lingerTimeout))
	buf := make([]byte, firstBuffer)
	for left := lingerBytes; left > 0; {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}
