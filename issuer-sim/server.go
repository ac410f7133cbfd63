package issuersim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/spec"
)

// Server is a running issuer. Its methods may be called by any number of goroutines.
type Server struct {
	listener net.Listener
	control  net.Listener
	http     *http.Server
	codec    *spec.Codec
	issuer   *issuer
	limits   Limits
	logger   *zap.Logger
	registry *prometheus.Registry
	metrics  *metrics
	logs     limiter
	gate     gate
	started  time.Time

	waiting atomic.Int64  // delayed answers
	stan    atomic.Uint64 // of the host's own messages, the last given

	closing atomic.Bool
	quit    chan struct{} // closed by Close
	mu      sync.Mutex
	links   map[*link]struct{}
	ending  sync.WaitGroup // one for each link
}

// New makes a server and, with a data folder, reads its log back. It serves once Serve is called. On an error the
// listeners are left open.
func New(o Options) (*Server, error) {
	if o.Listener == nil {
		return nil, errors.New("issuersim: Options.Listener is required")
	}
	if o.Codec == nil {
		o.Codec = spec.MustCodec(spec.DefaultDialect)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	limits := o.Limits.withDefaults()
	s := &Server{
		listener: o.Listener,
		control:  o.ControlListener,
		codec:    o.Codec,
		issuer:   newIssuer(o.Seed, limits),
		limits:   limits,
		logger:   o.Logger,
		registry: o.Registry,
		started:  time.Now(),
		quit:     make(chan struct{}),
		links:    map[*link]struct{}{},
	}
	var err error
	if s.metrics, err = newMetrics(o.Registry, s.issuer); err != nil {
		return nil, fmt.Errorf("issuersim: metrics: %w", err)
	}
	if o.DataDir != "" {
		if err := s.issuer.openLog(&o, s.metrics); err != nil {
			return nil, err
		}
	}
	s.SetRules(o.Rules)
	if s.control != nil {
		s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(zap.NewNop())}
	}
	return s, nil
}

// SetRules replaces the rules; nil takes them away. Their times count from now.
func (s *Server) SetRules(rules *Rules) {
	s.issuer.rules.Store(rules.started(time.Now()))
}

// Forget loses the memory of answered messages, as a day does. The books stay.
func (s *Server) Forget() { s.issuer.forget() }

// Serve accepts connections until Close is called, then returns nil. It returns an error at once if the listener is closed
// by somebody else or the control HTTP fails; Close is to be called then too.
func (s *Server) Serve() error {
	ended := make(chan error, 2)
	go func() { ended <- s.accept() }()
	go func() { ended <- s.serveControl() }()
	if err := <-ended; err != nil {
		return err
	}
	return <-ended
}

func (s *Server) serveControl() error {
	if s.http == nil {
		return nil
	}
	if err := s.http.Serve(s.control); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("issuersim: control HTTP: %w", err)
	}
	return nil
}

// How long accepting rests after an error: it doubles from the first to the second.
const (
	minAcceptRest = 5 * time.Millisecond
	maxAcceptRest = time.Second
)

// accept accepts until the server closes. No error but a closed listener stops it, since all others are worth waiting for:
// too many open files, a connection that ended before it was accepted.
func (s *Server) accept() error {
	rest := minAcceptRest
	for number := uint64(1); ; number++ {
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
			if s.logs.allow() {
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
		if err := s.serve(conn, number); err != nil {
			s.logger.Warn("connection not served", zap.Error(err))
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
	_ = s.listener.Close()
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
	return errors.Join(err, s.issuer.closeLog())
}

func (s *Server) each(do func(*link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.links {
		do(l)
	}
}

// limiter lets logsPerSecond lines of a kind through, so that a flood of bad frames is no flood of lines.
type limiter struct {
	second atomic.Int64
	lines  atomic.Int64
}

const logsPerSecond = 20

func (l *limiter) allow() bool {
	now := time.Now().Unix()
	if old := l.second.Load(); old != now && l.second.CompareAndSwap(old, now) {
		l.lines.Store(0)
	}
	return l.lines.Add(1) <= logsPerSecond
}

// gate is where all connections wait while the host pauses.
type gate struct {
	active atomic.Bool
	mu     sync.Mutex
	paused chan struct{} // closed when the pause ends; nil without one
	until  time.Time
}

// pause makes everybody wait for a time from now; a longer pause that is on stays.
func (g *gate) pause(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := time.Now().Add(d)
	if g.paused != nil && until.Before(g.until) {
		return
	}
	g.until = until
	if g.paused == nil {
		g.paused = make(chan struct{})
		g.active.Store(true)
	}
	time.AfterFunc(d, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !time.Now().Before(g.until) {
			g.release()
		}
	})
}

func (g *gate) release() {
	if g.paused != nil {
		close(g.paused)
		g.paused = nil
		g.active.Store(false)
	}
}

// wait waits for the pause to end; false if the server or the link ends first.
func (g *gate) wait(quit, done <-chan struct{}) bool {
	if !g.active.Load() {
		return true
	}
	g.mu.Lock()
	paused := g.paused
	g.mu.Unlock()
	if paused == nil {
		return true
	}
	select {
	case <-paused:
		return true
	case <-quit:
		return false
	case <-done:
		return false
	}
}
