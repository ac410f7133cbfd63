package link

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"github.com/moov-io/iso8583"
	connection "github.com/moov-io/iso8583-connection"

	"switchyard/spec"
)

// state is where a session stands.
type state uint8

const (
	stateDown      state = iota // lost or closed, for good
	stateSigningOn              // connected; takes network messages only
	stateUp                     // signed on; takes requests
	stateDraining               // takes requests of slots given before; to be signed off when none is left
)

func (s state) String() string {
	return [...]string{"down", "signing_on", "up", "draining"}[s]
}

// session is one connection of a link, from dialling until it is lost. The next connection is another session, so that
// a slot or a response of an old one cannot touch a new one.
type session struct {
	l    *link
	h    *Host
	lib  *connection.Connection
	r    *bufio.Reader
	in   spec.Message // the frame that is being read; the reader's own
	head []byte       // its headers; the reader's own
	// understood is set once a message came; until then strange is how what came begins; the reader's own until readDone.
	understood bool
	strange    []byte
	bad        int       // frames refused in a row; the reader's own
	unsigned   bool      // it takes requests without a sign-on; the link's own
	told       []Flusher // of the answers in what was read, to be flushed; the reader's own
	wake       chan struct{}

	dead      chan struct{} // closed when state becomes stateDown
	leaving   chan struct{} // holds a signal when the host has signed off
	probed    chan struct{} // holds a signal when an echo is to be asked for
	readDone  chan struct{} // closed when the reader will touch nothing more
	writeDone chan struct{} // closed when the flusher has ended

	// Guarded by Host.mu:
	state  state
	cause  error        // why it is down
	up     time.Time    // when it was signed on; zero: not yet
	served bool         // a request was answered
	inUse  [classes]int // slots taken
	window int          // slots that there are
	fast   int          // fast answers since the window last changed
	// narrowed is when the window last narrowed.
	narrowed time.Time
	heard    time.Time // when the last valid message came in
	// unanswered tells that the time of a request was over since then.
	unanswered bool
	idle       chan struct{} // closed when it is draining and no slot is taken
	out        []byte        // frames that wait for the flusher
	queued     uint64        // how many frames were ever put into out
	flushed    uint64        // how many of them the flusher gave to the socket, or tried to
	waking     bool          // a wake is under way
	replies    int           // how many answers to the requests of the host stand in out
}

// readBuffer is what is read from a socket at a time. The library would read through 4 KiB: a system call every 18
// frames.
const readBuffer = 64 << 10

// open makes a session of a connection and starts its goroutines.
func (l *link) open(conn net.Conn) (*session, error) {
	h := l.h
	s := &session{
		l: l, h: h,
		r:         bufio.NewReaderSize(conn, readBuffer),
		wake:      make(chan struct{}, 1),
		dead:      make(chan struct{}),
		leaving:   make(chan struct{}, 1),
		probed:    make(chan struct{}, 1),
		readDone:  make(chan struct{}),
		writeDone: make(chan struct{}),
		idle:      make(chan struct{}),
		state:     stateSigningOn,
		window:    h.cfg.WindowPerLink,
		heard:     time.Now(),
	}
	lib, err := connection.NewFrom(socket{conn, s}, nil, nil, nil,
		connection.SetMessageReader(frameReader{s}),
		// Its idle ping fires on silence of ours; an echo is due on silence of the host's, which tend watches.
		connection.IdleTime(24*time.Hour))
	if err != nil {
		return nil, err
	}
	s.lib = lib
	h.mu.Lock()
	h.sessions[l.index] = s
	h.mu.Unlock()
	go s.flush()
	return s, nil
}

// socket is the connection as the library sees it: each write has a deadline, and the session hears of a failed one
// before the library closes the connection and the reader takes that for the cause.
type socket struct {
	net.Conn
	s *session
}

func (c socket) Write(p []byte) (n int, err error) {
	err = c.SetWriteDeadline(time.Now().Add(c.s.h.cfg.WriteTimeout))
	if err == nil {
		n, err = c.Conn.Write(p)
	}
	if err != nil {
		c.s.fail(fmt.Errorf("writing: %w", err))
	}
	return n, err
}

// closeTimeout is how long closing may take with TLS, whose last words a host that does not read would hold up.
const closeTimeout = 500 * time.Millisecond

func (c socket) Close() error {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		defer time.AfterFunc(closeTimeout, func() { secure.NetConn().Close() }).Stop()
	}
	return c.Conn.Close()
}

// frameReader is called by the library's read loop, takes the frames itself and leaves the library none.
type frameReader struct{ s *session }

func (f frameReader) ReadMessage(io.Reader) (*iso8583.Message, error) {
	err := f.s.readFrame()
	if err != nil || !f.s.wholeFrame() {
		f.s.flushTold()
	}
	if err != nil {
		f.s.fail(err)
		close(f.s.readDone)
		return nil, err
	}
	return nil, nil
}

// taken is how many slots are taken. h.mu is held.
func (s *session) taken() int { return s.inUse[request] + s.inUse[advice] }

// push queues a frame of Codec.PackFrame for the flusher, which must be kicked then, in the host's framing: as the
// answer to a request of the host with the given headers, if they are not nil. An error, nothing is queued then, says
// that the framing cannot take the message. h.mu is held.
func (s *session) push(frame, head []byte) (err error) {
	if f := s.h.cfg.Framing; f.IsDefault() {
		s.out = append(s.out, frame...)
	} else if s.out, err = f.Answer(s.out, frame[spec.LengthHeader:], head); err != nil {
		return fmt.Errorf("framing %s: %w", f, err)
	}
	s.queued++
	return nil
}

// kick wakes the flusher if there is something for it. h.mu is held.
func (s *session) kick() {
	if len(s.out) > 0 && !s.waking {
		s.waking = true
		s.wake <- struct{}{} // there is room: waking is cleared by who took the last one
	}
}

// flush writes, in one write, all frames that were queued while the last write lasted.
func (s *session) flush() {
	defer close(s.writeDone)
	var spare []byte
	for {
		select {
		case <-s.wake:
		case <-s.dead:
			return
		}
		// Whoever is about to send goes first. Without this the scheduler runs the flusher after each sender, which makes a
		// write of each frame: at 128 in flight 10 µs of CPU a request, both ends in one process, with it 2.4 µs.
		runtime.Gosched()
		s.h.mu.Lock()
		if s.state == stateDown {
			s.h.mu.Unlock()
			return
		}
		out, before, frames := s.out, s.flushed, s.queued-s.flushed
		s.out, s.flushed, s.waking, s.replies = spare[:0], s.queued, false, 0
		s.h.mu.Unlock()

		s.l.m.sent.Add(float64(frames))
		_, err := s.lib.Write(out)
		clear(out) // card data, which the memory would keep
		if errors.Is(err, connection.ErrConnectionClosed) {
			// The library is closed and did not try: not a byte of these left.
			s.h.mu.Lock()
			s.flushed = before
			s.h.mu.Unlock()
		}
		if err != nil {
			s.fail(fmt.Errorf("writing: %w", err))
			return
		}
		spare = out
	}
}

// fail marks the session down. The link's goroutine does the rest in end.
func (s *session) fail(cause error) {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.state == stateDown {
		return
	}
	s.state, s.cause = stateDown, cause
	close(s.dead)
	s.toReturn()
	if _, up := h.pick(request); !up {
		h.refuseWaiters()
	}
}

// end closes the connection, waits until nothing reads or writes any more, and retires the requests in flight: only
// then it is certain which of them were never handed to the socket. It returns how many of each kind there were.
func (s *session) end() (unsent, lost int) {
	_ = s.lib.Close() // what it could say is s.cause already
	<-s.readDone
	<-s.writeDone
	over, unsent := s.retireAll()
	s.h.tellAll(over)
	return unsent, len(over) - unsent
}

// retireAll retires the requests in flight of a session that is lost, and says how many of them cannot have been sent.
func (s *session) retireAll() (over []*pending, unsent int) {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[s.l.index] = nil
	errUnsent := fmt.Errorf("%w: host %q: link %s was lost before: %w", ErrNotSent, h.cfg.Host, s.l.name, s.cause)
	errLost := fmt.Errorf("%w: host %q, link %s: %w", ErrLinkLost, h.cfg.Host, s.l.name, s.cause)
	for _, p := range h.pending {
		if p.s != s {
			continue
		}
		if p.seq > s.flushed {
			unsent++
			p.err = errUnsent
		} else {
			p.err = errLost
			h.expired.put(&p.want, s.l.name, p.sent)
		}
		h.retire(p)
		over = append(over, p)
	}
	return over, unsent
}

// drain makes the session take no more requests. The returned channel is closed once no slot is taken.
func (s *session) drain() <-chan struct{} {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.state == stateUp {
		s.state = stateDraining
		s.toReturn()
		if s.taken() == 0 {
			s.nowIdle()
		}
		if _, up := h.pick(request); !up {
			h.refuseWaiters()
		}
	}
	return s.idle
}

// nowIdle tells who drains the session that no slot is taken. No slot is given out in stateDraining, so that it happens
// once. h.mu is held.
func (s *session) nowIdle() { close(s.idle) }
