package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/moov-io/iso8583"
	connection "github.com/moov-io/iso8583-connection"
	"go.uber.org/zap"

	"switchyard/issuer-sim/rules"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// link is one connection. The library runs its loops; frames are taken from its reader here, a socket read at a time,
// and all answers of one read go out in one write, which passes the library's own writer by: it would hand each write
// to a goroutine and back.
type link struct {
	server  *Server
	conn    net.Conn
	out     deadlined // conn
	lib     *connection.Connection
	started chan struct{} // closed once lib is set
	number  uint64
	deaf    bool // a fault: what comes is read and dropped

	mu      sync.Mutex // held while frames are worked on
	gone    bool
	worker  worker
	head    []byte // headers of the frame that is worked on
	in      []byte
	filled  int
	need    int // bytes that the frame which l.in begins with has at the least; 0: not known yet
	skip    int // bytes of a frame that is too long
	answers []byte
	stalled *time.Timer // says what a first frame whose end does not come looks like; nil until one is begun

	writing sync.Mutex // held for a whole write, however slow
	later   delays
	swap    *held // an answer that a rule keeps to swap it with the next; nil for none
}

// held is an answer that waits, with the headers of what it answers.
type held struct {
	message spec.Message
	head    []byte
}

// readBytes is the least that one read asks for: the library's own buffer of 4 KiB is passed by then.
const readBytes = 64 << 10

// What ends a connection by a rule.
var (
	errReset = errors.New("the connection was reset by a rule")
	errCut   = errors.New("an answer was cut by a rule")
)

// serve makes a link of a connection and starts it. Without one, with an error or as the server closes, the caller
// closes the connection.
func (s *Server) serve(conn net.Conn, number uint64) (*link, error) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Answers are coalesced already; waiting for more would only delay them.
		_ = tcp.SetNoDelay(true)
	}
	l := &link{
		server:  s,
		conn:    conn,
		out:     deadlined{conn, s.limits.WriteTimeout},
		started: make(chan struct{}),
		number:  number,
		in:      make([]byte, max(readBytes, 2*(s.limits.FrameBytes+framing.MaxOverhead))),
	}
	l.worker = worker{server: s, peer: conn.RemoteAddr().String()}
	l.later.link = l
	if l.deaf = s.rules.Load().JudgeAccept(number, s.book.Seed(), time.Now()); l.deaf {
		s.metrics.faults.WithLabelValues(rules.FaultSilence).Inc()
	}
	if !s.track(l) {
		return nil, nil
	}
	options := func(o *connection.Options) error {
		o.MessageReader = l
		o.IdleTime = time.Hour // nobody is pinged
		o.ReadTimeout = time.Hour
		o.ConnectionClosedHandlers = []func(*connection.Connection){func(*connection.Connection) { l.closed() }}
		return nil
	}
	lib, err := connection.NewFrom(l.out, s.codec.Spec(), nil, nil, options)
	if err != nil {
		s.untrack(l)
		return nil, err
	}
	l.lib = lib
	close(l.started)
	return l, nil
}

// closed runs once the connection is closed, whoever did it.
func (l *link) closed() {
	<-l.started
	l.mu.Lock() // a batch that is being worked on ends first
	l.gone = true
	if l.stalled != nil {
		l.stalled.Stop()
	}
	l.mu.Unlock()
	l.later.close()
	l.server.untrack(l)
}

// deadlined gives each write of a connection a time by which it must be done.
type deadlined struct {
	net.Conn
	timeout time.Duration
}

func (d deadlined) Write(b []byte) (int, error) {
	if err := d.SetWriteDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	return d.Conn.Write(b)
}

// ReadMessage implements the library's MessageReader: it reads once, works on all whole frames that are there, and
// returns no message for the library to work on. An error ends the connection.
func (l *link) ReadMessage(r io.Reader) (*iso8583.Message, error) {
	<-l.started
	n, err := r.Read(l.in[l.filled:])
	if n > 0 {
		if err := l.take(n); err != nil {
			return nil, err
		}
	}
	if err != nil {
		if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) { // the peer's doing, not ours
			l.tellCut("before the connection ended")
		}
		if l.server.logger.Core().Enabled(zap.DebugLevel) {
			l.server.logger.Debug("connection ended", zap.String("peer", l.worker.peer), zap.Error(err))
		}
	}
	return nil, err
}

// stallTime is how long a connection may begin with a frame whose end does not come before that is logged: less than
// most peers wait for an answer.
const stallTime = 2 * time.Second

// tellCut logs a frame whose end did not come: the length in front of it may be none. Where nothing but what is no
// message came, and that was logged, it is the rest of it.
func (l *link) tellCut(until string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.filled == 0 || l.worker.likened && !l.worker.understood || l.deaf || l.gone {
		return
	}
	why := fmt.Errorf("%d bytes of a frame came %s", l.filled, until)
	if l.need > 0 {
		why = fmt.Errorf("%d of at least %d bytes of a frame came %s", l.filled, l.need, until)
	}
	l.worker.bad(badCut, why, l.in[:l.filled])
}

// take works on what was read.
func (l *link) take(n int) error {
	if !l.server.gate.wait(l.server.quit, l.lib.Done()) {
		return connection.ErrConnectionClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return connection.ErrConnectionClosed
	}
	if l.deaf {
		return nil
	}
	l.filled += n
	start := time.Now()
	l.answers = l.answers[:0]
	messages, position, err := l.frames(start)
	if err == nil || errors.Is(err, errCut) {
		err = errors.Join(err, l.flush(position))
	}
	if messages > 0 {
		l.server.metrics.batch.Observe(float64(messages))
		l.server.metrics.batchTime.Observe(time.Since(start).Seconds())
	}
	if l.filled > 0 && l.stalled == nil && !l.worker.understood {
		l.stalled = time.AfterFunc(stallTime, l.stall)
	}
	return err
}

// stall logs a frame that has no end yet, where no message came before it: what peers in step send comes at once.
func (l *link) stall() {
	l.mu.Lock()
	understood := l.worker.understood
	l.mu.Unlock()
	if !understood {
		l.tellCut(fmt.Sprintf("within %s", stallTime))
	}
}

// flush writes the data log up to position, and then the answers.
func (l *link) flush(position int64) error {
	if err := l.server.book.Commit(position); err != nil || len(l.answers) == 0 {
		return err
	}
	return l.write(l.answers)
}

// frames works on each whole frame of l.in, gathers the answers in l.answers, and moves the rest to the front.
func (l *link) frames(now time.Time) (messages int, position int64, err error) {
	rest := l.in[:l.filled]
	for err == nil {
		if l.skip > 0 {
			n := min(l.skip, len(rest))
			rest, l.skip = rest[n:], l.skip-n
		}
		if len(rest) == 0 {
			break
		}
		frame, need, refused := l.server.framing.Cut(rest, l.server.limits.FrameBytes)
		if l.need = need; need > 0 {
			break
		}
		if refused != nil {
			l.skip, err = l.refuse(rest, refused)
			continue
		}
		l.head, l.worker.raw, l.worker.came = frame.Head, rest[:frame.Size], rest
		v, at, answered := l.worker.handle(frame.Message, now)
		messages++
		position = max(position, at)
		switch {
		case l.worker.returned != nil:
			l.answers = l.frame(l.answers, l.worker.returned)
		case answered:
			err = l.deliver(&v, at, now)
		}
		rest = rest[frame.Size:]
	}
	l.filled = copy(l.in, rest)
	return messages, position, err
}

// refuse counts and logs what is no frame. It returns how many bytes are to be passed over, or an error where nobody
// can tell.
func (l *link) refuse(rest []byte, why error) (skip int, err error) {
	var no *framing.Error
	if !errors.As(why, &no) {
		return 0, why
	}
	switch no.Reason {
	case framing.Empty: // some hosts keep a connection alive so
		l.server.metrics.badFrames.WithLabelValues(badEmpty).Inc()
	case framing.TooLong:
		l.worker.bad(badTooLong, why, rest)
	default:
		l.worker.bad(badFraming, why, rest)
	}
	if no.Size == 0 {
		return 0, fmt.Errorf("framing is lost: %w", why)
	}
	return no.Size, nil
}

// pack appends an answer to b as a frame. One that the dialect cannot say, which takes a dialect of the user's own with
// shorter fields than ours, is counted and left out.
func (l *link) pack(b []byte, m *spec.Message, head []byte) []byte {
	start := len(b)
	out, err := l.server.pack(l.server.framing.Begin(b, head), m)
	if err == nil {
		out, err = l.server.framing.End(out, start)
	}
	if err != nil {
		l.worker.bad(badField, err, nil)
		return b
	}
	return out
}

// frame appends a message that is packed already, in answer to the one that is worked on.
func (l *link) frame(b, message []byte) []byte {
	out, err := l.server.framing.Answer(b, message, l.head)
	if err != nil {
		l.worker.bad(badField, err, nil)
	}
	return out
}

// write writes whole frames. It returns once they are written.
func (l *link) write(b []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := l.out.Write(b)
	return err
}

// reset ends the connection with a TCP reset where there is TCP.
func (l *link) reset() {
	if tcp, ok := l.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.conn.Close()
}
