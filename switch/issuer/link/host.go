package link

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Host is one issuer host and the links to it. All methods are safe for concurrent use.
type Host struct {
	cfg   Config
	log   *zap.Logger
	links []*link
	m     *metrics

	// stop ends dialling, signing on and waiting to reconnect; links that are up are drained. kill ends that as well.
	stop, kill           context.Context
	stopLinks, killLinks context.CancelFunc
	running              sync.WaitGroup // the links' goroutines
	events               chan event     // to the one goroutine that calls the callbacks
	cutovers             chan *link     // alike
	incoming             chan net.Conn  // the host's connections, where it connects to us
	dispatched           chan struct{}  // closed when that goroutine has ended
	ended                chan struct{}  // closed when the links' goroutines have ended
	startOnce, closeOnce sync.Once

	spent sync.Pool // of *pending; the host's own, for a channel must not leave the synctest bubble that it was made in

	requested atomic.Int64 // see Requested

	mu       sync.Mutex // guards what follows, and the fields of sessions and waiters that say so
	closing  bool
	sessions []*session  // one a link; nil where a link is not connected
	lost     []time.Time // when a link was lost that is expected back; zero: none; see returning
	securing []net.Conn  // of the host's connections those in their TLS handshake, the oldest first
	turn     int         // where pick begins, so that links with the same room take turns
	waiters  [classes]waiters
	granted  int                 // slots given to waiting requests since the last one to a waiting advice
	pending  map[uint32]*pending // requests in flight, by STAN
	answered answeredTable
	expired  expiredTable
	trip     tripTime
	usual    usualTrip
	explain  budget // of explained log lines
	refuse   budget // of lines about frames that were refused

	sweeper   *time.Timer // nil until a Match has a Deadline
	nextSweep time.Time   // zero: none is due
	lastSweep time.Time
}

// NewHost checks the config and registers the metrics. Nothing is connected before Start.
func NewHost(cfg Config) (*Host, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg.Framing = cfg.Framing.Measuring(cfg.Codec.Measure)
	h := &Host{
		cfg:        cfg,
		log:        cfg.Logger,
		events:     make(chan event, strayQueue),
		cutovers:   make(chan *link, announcedCutovers),
		incoming:   make(chan net.Conn),
		dispatched: make(chan struct{}),
		ended:      make(chan struct{}),
		sessions:   make([]*session, cfg.Links),
		lost:       make([]time.Time, cfg.Links),
		pending:    make(map[uint32]*pending, cfg.Links*min(cfg.WindowPerLink, 1024)),
		explain:    budget{perSecond: explainedPerSecond},
		refuse:     budget{perSecond: refusedPerSecond},
	}
	h.stop, h.stopLinks = context.WithCancel(context.Background())
	h.kill, h.killLinks = context.WithCancel(context.Background())
	for i := range cfg.Links {
		name := strconv.Itoa(i + 1)
		l := &link{h: h, index: i, name: name, log: h.log.With(zap.String("link", name))}
		l.echoIdle = cfg.EchoIdle - l.chance(cfg.EchoIdle/10, echoChance)
		h.links = append(h.links, l)
	}
	if h.m, err = newMetrics(h); err != nil {
		return nil, fmt.Errorf("link: host %q: %w", cfg.Host, err)
	}
	for _, l := range h.links {
		l.m = h.m.link(l.name)
	}
	return h, nil
}

// Start connects the links and keeps them connected until Close. It returns at once; a second call does nothing.
func (h *Host) Start() {
	h.startOnce.Do(func() {
		go h.dispatch()
		if h.cfg.Listener != nil {
			h.running.Add(1)
			go h.accept()
		}
		for _, l := range h.links {
			h.running.Add(1)
			go l.run()
		}
	})
}

// Close takes no more requests, waits for those in flight, signs the links off and closes them. When ctx ends first, it
// closes them as they are: each request in flight gets ErrLinkLost or ErrNotSent, and Close returns the error of ctx.
// All goroutines of the host have ended when Close returns; it waits for a callback that runs. A second call waits for
// the first.
func (h *Host) Close(ctx context.Context) error {
	h.startOnce.Do(func() { close(h.dispatched) }) // never started: there is nothing to dispatch, and never will be
	h.closeOnce.Do(func() {
		h.mu.Lock()
		h.closing = true
		h.refuseWaiters()
		h.mu.Unlock()
		h.stopLinks()
		if h.cfg.Listener != nil {
			_ = h.cfg.Listener.Close()
		}
		go func() {
			h.running.Wait()
			close(h.events)
			close(h.ended)
		}()
	})
	var err error
	select {
	case <-h.ended:
	case <-ctx.Done():
		err = fmt.Errorf("link: host %q: closed with %d requests in flight: %w", h.cfg.Host, h.inFlight(), ctx.Err())
	}
	h.killLinks()
	<-h.ended
	<-h.dispatched

	h.mu.Lock()
	if h.sweeper != nil {
		h.sweeper.Stop()
	}
	h.mu.Unlock()
	h.m.unregister()
	return err
}

// Ready tells whether a link is signed on and takes requests.
func (h *Host) Ready() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s != nil && s.state == stateUp {
			return true
		}
	}
	return false
}

// Requested returns when a request, not an advice, was last sent to the host; the zero time of Unix if none was.
func (h *Host) Requested() time.Time { return time.Unix(0, h.requested.Load()) }

// FastestTrip is the host's fastest round trip of the last minute or two; 0 if nothing was answered yet.
func (h *Host) FastestTrip() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.usual.best()
}

// Name returns Config.Host.
func (h *Host) Name() string { return h.cfg.Host }

// Status is where one link stands.
type Status struct {
	Link   string
	State  string // down, signing_on, up, draining
	InUse  int    // slots taken
	Window int    // slots that there are at the moment; Config.WindowPerLink at most
}

// Links returns the status of each link, in their order.
func (h *Host) Links() []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Status, len(h.links))
	for i, s := range h.sessions {
		all[i] = Status{Link: h.links[i].name, State: stateDown.String()}
		if s != nil {
			all[i] = Status{Link: h.links[i].name, State: s.state.String(), InUse: s.taken(), Window: s.window}
		}
	}
	return all
}

// inFlight counts the slots that are taken.
func (h *Host) inFlight() (n int) {
	for _, l := range h.Links() {
		n += l.InUse
	}
	return n
}
