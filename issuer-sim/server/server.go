package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/webconns"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
)

// controlConnections is how many connections the control HTTP has; of more the one that is quiet for longest gives way.
const controlConnections = 256

// Server is a running issuer. Its methods may be called by any number of goroutines.
type Server struct {
	listener net.Listener
	control  net.Listener
	http     *http.Server
	webConns *webconns.Bound // of http
	codec    *spec.Codec
	framing  framing.Format
	require  Require
	repeats  repeats
	codes    map[string]string // of the answers, as the dialect has them, to what stands in their place
	dial     func(ctx context.Context) (net.Conn, error)
	dialed   int // connections that we make
	mapping  *mapping.Mapping
	mapped   sync.Pool // of *spec.Message, which pack works on
	book     *book.Book
	desk     *clearing.Desk
	rules    *rules.Current
	limits   Limits
	logger   *zap.Logger
	registry *prometheus.Registry
	metrics  *metrics
	logs     limiter
	gate     gate
	started  time.Time
	parsing  sync.Mutex // held while rules that were put are read

	number  atomic.Uint64 // of the last connection
	waiting atomic.Int64  // delayed answers
	stan    atomic.Uint64 // of the host's own messages, the last given

	closing atomic.Bool
	quit    chan struct{} // closed by Close
	serving atomic.Bool   // Serve was called
	watched chan struct{} // closed when the clearing system does nothing by itself any more
	mu      sync.Mutex
	links   map[*link]struct{}
	ending  sync.WaitGroup // one for each link
}

// Options are what a Server is made of.
type Options struct {
	Listener net.Listener // nil: nobody connects to us
	Control  net.Listener // nil: no control HTTP
	Hosts    []string     // that the control HTTP is reached by besides loopback and its own addresses
	Codec    *spec.Codec
	Framing  framing.Format
	Require  Require
	Repeats  []int             // what answers repeat and add, of Repeatable; nil: as Repeats has it by default
	Codes    map[string]string // of DE39 as the dialect has it to what stands there instead
	// Dial makes one of the Dialed connections to a switch that listens for its issuers.
	Dial     func(ctx context.Context) (net.Conn, error)
	Dialed   int
	Mapping  *mapping.Mapping // of canonical messages to the acquirer's; nil: they are its
	Books    *book.Book
	Desk     *clearing.Desk // takes clearing files
	Rules    *rules.Current
	Limits   Limits
	Logger   *zap.Logger
	Registry *prometheus.Registry
}

// Limits bound what the server keeps.
type Limits struct {
	Connections  int // at once
	FrameBytes   int // the longest message, without its length
	Delayed      int // answers that wait at once
	WriteTimeout time.Duration
}

// New makes a server. It serves once Serve is called. On an error the listeners are left open.
func New(o *Options) (*Server, error) {
	s := &Server{
		listener: o.Listener, control: o.Control, codec: o.Codec, framing: o.Framing, require: o.Require,
		codes: o.Codes, dial: o.Dial, dialed: o.Dialed, mapping: o.Mapping, book: o.Books, desk: o.Desk,
		rules: o.Rules, limits: o.Limits, logger: o.Logger, registry: o.Registry,
		started: time.Now(), quit: make(chan struct{}), watched: make(chan struct{}), links: map[*link]struct{}{},
	}
	var err error
	if s.repeats, err = compileRepeats(o.Repeats, o.Codec); err != nil {
		return nil, fmt.Errorf("issuersim: repeats: %w", err)
	}
	if err := o.Require.check(); err != nil {
		return nil, fmt.Errorf("issuersim: require.%w", err)
	}
	if err := checkCodes(o.Codes, o.Codec); err != nil {
		return nil, fmt.Errorf("issuersim: codes: %w", err)
	}
	if s.metrics, err = newMetrics(o.Registry, s.book); err != nil {
		return nil, fmt.Errorf("issuersim: metrics: %w", err)
	}
	if s.control != nil {
		hosts := o.Hosts
		if host, _, err := net.SplitHostPort(s.control.Addr().String()); err == nil {
			hosts = append(slices.Clone(hosts), host)
		}
		if at, ok := s.control.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
			s.logger.Warn("the control HTTP is not on loopback, and asks nobody who he is: whoever gets there changes cards, "+
				"rules and books", zap.Stringer("at", at))
		}
		s.webConns = webconns.New(controlConnections)
		s.http = &http.Server{
			Handler: s.guarded(hosts), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ConnState: s.webConns.State, ErrorLog: zap.NewStdLog(zap.NewNop()),
		}
	}
	return s, nil
}

// LogWrote counts a write of the data log.
func (s *Server) LogWrote(bytes int64) {
	s.metrics.logWrites.Inc()
	s.metrics.logBytes.Add(float64(bytes))
}

// SetRules replaces the rules; nil takes them away. Their times count from now.
func (s *Server) SetRules(rules *rules.Rules) {
	s.rules.Set(rules, time.Now())
}

// Forget loses the memory of answered messages, as a day does. The books stay.
func (s *Server) Forget() { s.book.Forget() }

// Serve accepts and makes connections until Close is called, then returns nil. It returns an error at once if the
// listener is closed by somebody else or the control HTTP fails; Close is to be called then too.
func (s *Server) Serve() error {
	serving := []func() error{s.accept, s.serveControl, s.connect, s.clear}
	ended := make(chan error, len(serving))
	s.serving.Store(true)
	for _, serve := range serving {
		go func() { ended <- serve() }()
	}
	for range serving {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// clear does what the clearing system does by itself: it takes the files of the watched folder, and ends windows.
func (s *Server) clear() error {
	defer close(s.watched)
	var all sync.WaitGroup
	all.Go(func() { s.desk.Watch(s.quit) })
	all.Go(func() { s.desk.EndWindows(s.quit) })
	all.Wait()
	return nil
}

func (s *Server) serveControl() error {
	if s.http == nil {
		return nil
	}
	if err := s.http.Serve(s.webConns.Listen(s.control)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("issuersim: control HTTP: %w", err)
	}
	return nil
}

// How long accepting rests after an error: it doubles from the first to the second.
const (
	minAcceptRest = 5 * time.Millisecond
	maxAcceptRest = time.Second
)

// accept accepts until the server closes. No error but a closed listener stops it, since all others are worth waiting
// for: too many open files, a connection that ended before it was accepted.
func (s *Server) accept() error {
	if s.listener == nil {
		return nil
	}
	rest := minAcceptRest
	for {
		conn, err := s.listener.Accept()
		if s.closing.Load() {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("issuersim: %w", err)
		}
		if err != nil {
			s.metrics.acceptFails.Inc()
			if logged, _ := s.logs.allow(); logged {
				s.logger.Warn("accept failed, going on", zap.Error(err))
			}
			select {
			case <-time.After(rest):
			case <-s.quit:
			}
			rest = min(2*rest, maxAcceptRest)
			continue
		}
		rest = minAcceptRest
		s.metrics.accepted.Inc()
		if s.open() >= s.limits.Connections {
			s.metrics.refused.Inc()
			_ = conn.Close()
			continue
		}
		l, err := s.serve(conn, s.number.Add(1))
		if err != nil {
			s.logger.Warn("connection not served", zap.Error(err))
		}
		if l == nil {
			_ = conn.Close()
		}
	}
}

func (s *Server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}

// track takes a link on, so that Close ends it and waits for it; false once Close has begun.
func (s *Server) track(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.links[l] = struct{}{}
	s.ending.Add(1)
	s.metrics.connections.Inc()
	return true
}

func (s *Server) untrack(l *link) {
	s.mu.Lock()
	delete(s.links, l)
	s.mu.Unlock()
	s.metrics.connections.Dec()
	s.ending.Done()
}

// Close stops accepting, ends each connection once what was read from it is answered, and closes the data log, synced.
// Delayed answers are dropped. When ctx ends first, connections are cut.
func (s *Server) Close(ctx context.Context) error {
	if s.closing.Swap(true) {
		return nil
	}
	close(s.quit)
	if s.listener != nil {
		_ = s.listener.Close()
	}
	ended := make(chan struct{})
	s.each(func(l *link) { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(ended)
		s.ending.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.each(func(l *link) { _ = l.conn.Close() })
		<-ended
	}
	var err error
	if s.http != nil {
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(err, s.http.Close())
		}
	}
	if s.serving.Load() {
		<-s.watched
	}
	return errors.Join(err, s.book.CloseLog())
}

func (s *Server) each(do func(*link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		do(l)
	}
}

// pack appends a message to b, as the acquirer wants it.
func (s *Server) pack(b []byte, m *spec.Message) ([]byte, error) {
	if s.mapping == nil && len(s.codes) == 0 {
		return s.codec.Pack(b, m)
	}
	theirs, _ := s.mapped.Get().(*spec.Message)
	if theirs == nil {
		theirs = new(spec.Message)
	}
	defer s.mapped.Put(theirs)
	theirs.CopyFrom(m)
	if err := s.mapping.Send(theirs, time.Now()); err != nil {
		return b, err
	}
	if code, ok := s.codes[string(theirs.Bytes(39))]; ok {
		theirs.Set(39, code)
	}
	return s.codec.Pack(b, theirs)
}
