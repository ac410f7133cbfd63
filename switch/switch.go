package txswitch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/revocation"
	"switchyard/internal/vfs"
	"switchyard/internal/webconns"
	"switchyard/switch/casebook"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/flow"
	"switchyard/switch/front"
	"switchyard/switch/incoming"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/merchant"
	"switchyard/switch/operator"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
	"switchyard/switch/reconcile"
	"switchyard/switch/turn"
)

// Options are the outside of a switch.
type Options struct {
	Config   *Config
	Keyring  *pan.Keyring
	Gateway  net.Listener // of the first door, the gateway port; may be nil: no such port; closed by Close
	Operator net.Listener // may be nil: no operator API on a port; closed by Close
	// OperatorSocket is a socket file on which the operator API is served, too; likewise.
	OperatorSocket net.Listener
	// GatewayTLS is spoken on the gateway port where it is not nil, OperatorTLS on the operator's; IssuerTLS with the
	// issuers that it names.
	GatewayTLS, OperatorTLS *tls.Config
	IssuerTLS               map[string]*tls.Config
	// Revoked are the lists of revoked certificates that the three of them look at. The switch tells how they stand.
	Revoked []*revocation.Lists
	// Issuers are the listeners of the issuers that connect to us, by name; closed by Close.
	Issuers map[string]net.Listener
	// Doors are the other ways in for callers. They are opened by New, in this order, served by Start and closed by
	// Close as the gateway port is.
	Doors []front.Open
	Dial  func(ctx context.Context, address string) (net.Conn, error)
	FS    vfs.FS
	// Journal opens the engine that keeps the payments; nil: the one on FS, in the data folder.
	Journal func(*clock.Clock) (journal.Engine, error)
	// Fatal is called when the journal cannot be trusted any more (I14). It must not return.
	Fatal func(msg string, err error)
	Seed  uint64 // of jitter
	// ClearingBounds are what one clearing file holds; default what the config and the layout say. Tests set low ones.
	ClearingBounds cutover.Bounds
	// OpenFiles is how many files and sockets the process may have open (RLIMIT_NOFILE); 0: enough.
	OpenFiles int
	// Wall is the wall clock; nil: the machine's. Durations are package time's all the same.
	Wall func() time.Time
	// Synchronized tells whether a time service keeps the wall clock right; nil: what the kernel says.
	Synchronized func() bool
	Logger       *zap.Logger
	Registry     *prometheus.Registry
}

// Switch is one running switch.
type Switch struct {
	o       Options
	clock   *clock.Clock
	journal journal.Engine
	past    past
	flow    *flow.Flow
	saf     *saf.Queue
	hosts   []*link.Host
	issuers map[string]*exchange.Issuer
	// alone are the streams of the hosts whose answers are known by their STAN alone.
	alone  map[string]*identity.Stream
	ids    *identity.Allocator
	router *router
	strays *operator.StrayLog
	api    *operator.API
	engine *cutover.Engine
	desk   *incoming.Desk
	// reconciler holds sealed dates against the hosts that are configured for it.
	reconciler *reconcile.Engine
	casebook   *casebook.Book // what people say of exceptions
	follow     *follower      // nil: no host's cutover is followed
	front      *front.Front
	doors      []front.Door // the gateway port first

	connections   int // of gateways, at most
	operator      *http.Server
	operatorConns *webconns.Bound
	running       context.Context    // until Close
	stop          context.CancelFunc // ends the housekeeping
	serving       sync.WaitGroup
	failed        chan error

	recovering sync.WaitGroup
	following  sync.WaitGroup
}

// clearingDir is the folder of the clearing files within the data folder.
const clearingDir = "clearing"

// incomingDir is the default one of the files that come back.
const incomingDir = "incoming"

// New opens the journal and makes the parts. Nothing is connected or served before Start. The config must have passed
// Check.
func New(o Options) (*Switch, error) {
	if err := checkReached(&o); err != nil {
		return nil, err
	}
	c := o.Config
	s := &Switch{o: o, failed: make(chan error, 5+len(o.Doors))}
	if err := s.divideFiles(); err != nil {
		return nil, err
	}
	s.clock = clock.New(clock.Options{Wall: o.Wall, Synchronized: o.Synchronized, Leap: time.Duration(c.Limits.ClockLeap)})
	open := o.Journal
	if open == nil {
		open = s.openPebble
	}
	var err error
	if s.journal, err = open(s.clock); err != nil {
		return nil, err
	}
	s.clock.Resume(s.journal.Seen())
	if s.journal.Seen().At.IsZero() { // new: however soon it comes, the next start is to know what the clock showed
		err = s.journal.KeepTime(context.Background())
	}
	if err == nil {
		err = s.compose()
	}
	if err == nil {
		err = s.api.DetectHold(context.Background())
	}
	if err == nil {
		err = s.reserveUnknown()
	}
	if err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	return s, nil
}

// openPebble opens the journal in the data folder.
func (s *Switch) openPebble(c *clock.Clock) (journal.Engine, error) {
	o := &s.o
	return pebble.Open(pebble.Options{
		FS: o.FS, Dir: o.FS.PathJoin(o.Config.Data, "journal"), Node: o.Config.Node, Clock: c,
		Logger: o.Logger.Named("journal"), Registerer: o.Registry, Fatal: o.Fatal,
		Mark: o.FS.PathJoin(o.Config.markFile()), Marked: identity.Marked, Seed: o.Seed,
	})
}

// compose makes everything that stands on the journal.
func (s *Switch) compose() error {
	o, c := &s.o, s.o.Config
	if err := s.checkKey(); err != nil {
		return err
	}
	merchants, err := c.directory()
	if err != nil {
		return err
	}
	if s.past, err = readPast(s.journal, c, o.Logger); err != nil {
		return err
	}
	ids := identity.NewAllocator(s.journal, c.Node, s.clock)
	if len(c.Nodes) > 1 {
		ids.Share(slices.Index(c.Nodes, c.Node), len(c.Nodes))
	}
	s.ids = ids
	if err := ids.OpenARNs(context.Background(), s.journal.OpenDay()); err != nil {
		return err
	}
	builder := &message.Builder{AcquirerID: c.AcquirerID, Unrecorded: s.past.acquirer, Merchants: merchants}
	if s.strays, err = operator.NewStrayLog(s.journal, o.Logger); err != nil {
		return err
	}
	issuers := map[string]*exchange.Issuer{}
	s.issuers = issuers
	if c.BusinessDay.Follow != "" {
		s.follow = newFollower(c.BusinessDay.Follow, s.journal, o.Logger.Named("cutover"))
	}
	for i := range c.Issuers {
		x, err := s.issuer(&c.Issuers[i], ids, builder)
		if err != nil {
			return err
		}
		issuers[x.Name] = x
		s.hosts = append(s.hosts, x.Host)
	}
	if err := s.holdSTANs(); err != nil {
		return err
	}
	table, err := c.table()
	if err != nil {
		return err
	}
	closed, err := s.closedDates()
	if err != nil {
		return err
	}
	windows, err := merchant.NewWindows(c.CaptureWindows)
	if err != nil {
		return err
	}
	turns, days := &turn.Table{}, presentment.NewDays(closed)
	s.saf = saf.New(saf.Options{
		Journal: s.journal, Issuers: issuers, Turns: turns, Keyring: o.Keyring, Clock: s.clock, MaxQueued: c.Limits.MaxQueued,
		Reserve: c.Limits.MaxInFlight, Seed: o.Seed, Logger: o.Logger.Named("saf"), Registerer: o.Registry,
	})
	s.router = newRouter(table, issuers)
	s.flow = flow.New(flow.Options{
		Journal: s.journal, IDs: ids, Keyring: o.Keyring, Merchants: merchants, Routes: s.router,
		Issuers: issuers, SAF: s.saf, Turns: turns, Days: days, Clock: s.clock, Builder: builder,
		AcquirerBINs: c.AcquirerBINs, CaptureWindows: windows,
		AdmissionTimeout: time.Duration(c.Limits.AdmissionTimeout),
		Deadline:         longestDeadline(issuers), StandIn: c.StandIn.flow(), GatewayLimits: c.Gateway.limits(),
		MaskReferences: c.Gateway.CardNumbers == cardNumbersMasked,
		Logger:         o.Logger.Named("flow"), Registerer: o.Registry,
	})
	s.composeReconciler(builder)
	if s.casebook, err = casebook.Open(context.Background(), s.journal, s.clock); err != nil {
		return err
	}
	if err := s.composeEngine(days, turns, merchants); err != nil {
		return err
	}
	if err := s.composeIncoming(turns); err != nil {
		return err
	}
	if err := s.clockMetrics(); err != nil {
		return err
	}
	if err := s.composeOperator(); err != nil {
		return err
	}
	if err := o.Registry.Register(revoked{o.Revoked}); err != nil {
		return err
	}
	if err := o.Registry.Register(standing{s}); err != nil {
		return err
	}
	return s.composeDoors()
}

// longestDeadline is how long a request waits for its payment's turn and for the first request with its key: what that
// one may take at the slowest issuer, and no less than the default.
func longestDeadline(issuers map[string]*exchange.Issuer) time.Duration {
	longest := flow.DefaultDeadline
	for _, x := range issuers {
		longest = max(longest, x.Deadline)
	}
	return longest
}

func (s *Switch) composeEngine(days *presentment.Days, turns *turn.Table, merchants *merchant.Directory) error {
	c := s.o.Config
	form, err := c.Clearing.form()
	if err != nil {
		return err
	}
	forms, err := c.Clearing.forms()
	if err != nil {
		return err
	}
	location, err := time.LoadLocation(c.BusinessDay.Timezone)
	if err != nil {
		return err
	}
	calendar, err := c.Clearing.calendar()
	if err != nil {
		return err
	}
	windows, err := c.Clearing.windows(c.BusinessDay.Cutover)
	if err != nil {
		return err
	}
	bounds := s.o.ClearingBounds
	if bounds.Records == 0 {
		bounds.Records = c.Clearing.MaxRecords
	}
	s.engine = cutover.New(cutover.Options{
		Journal: s.journal, Days: days, Keyring: s.o.Keyring, Clock: s.clock,
		FS: s.o.FS, Dir: s.o.FS.PathJoin(c.Data, clearingDir),
		Location: location, At: time.Duration(c.BusinessDay.Cutover), Logger: s.o.Logger.Named("cutover"),
		Settings: cutover.Settings{
			AcquirerID: s.past.acquirer, ProcessorID: c.Clearing.ProcessorID, Form: form, Forms: forms,
			Production: c.Clearing.Production, Destinations: s.router.destinations(),
			Node: c.Node, NodeInFileID: c.Clearing.NodeInFileID, Calendar: calendar, Windows: windows,
			Release: slices.Contains(c.Operator.TwoPeople, operator.TopicFileRelease),
		},
		Merchants: merchants, Lock: turns.Lock, Sealed: func(payment.Date) { s.reconciler.Sealed() },
		Bounds: bounds, Registerer: s.o.Registry,
	})
	return nil
}

// composeReconciler makes what asks hosts whether a date is in balance.
func (s *Switch) composeReconciler(builder *message.Builder) {
	var hosts []*exchange.Issuer
	for i := range s.o.Config.Issuers {
		if x := &s.o.Config.Issuers[i]; x.Reconcile {
			hosts = append(hosts, s.issuers[x.Name])
		}
	}
	s.reconciler = reconcile.New(reconcile.Options{
		Journal: s.journal, Hosts: hosts, Acquirer: builder.Acquirer, Clock: s.clock,
		Logger: s.o.Logger.Named("reconcile"), Registerer: s.o.Registry,
	})
}

// composeIncoming makes what takes the files of a clearing system.
func (s *Switch) composeIncoming(turns *turn.Table) (err error) {
	c := s.o.Config
	dir := c.Clearing.Incoming
	if dir == "" {
		dir = s.o.FS.PathJoin(c.Data, incomingDir)
	}
	s.desk, err = incoming.New(incoming.Options{
		Journal: s.journal, Lock: turns.Lock, Clock: s.clock, FS: s.o.FS, Dir: dir,
		ClearingDir: s.o.FS.PathJoin(c.Data, clearingDir), ProcessorID: c.Clearing.ProcessorID,
		Disputes:   incoming.Days{Any: c.Clearing.Disputes.Days, ByReason: c.Clearing.Disputes.Reasons},
		Production: c.Clearing.Production, ReserveBytes: uint64(c.Limits.DiskReserveMiB) << 20,
		Logger: s.o.Logger.Named("incoming"), Registerer: s.o.Registry,
	})
	return err
}

// issuer makes one issuer host: its codec, its numbers and its links.
func (s *Switch) issuer(x *IssuerConfig, ids *identity.Allocator, builder *message.Builder) (*exchange.Issuer, error) {
	codec, to, err := x.speaks()
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", x.Name, err)
	}
	stream, err := ids.Stream(s.past.acquirer, x.Name) // one for the host, whatever DE32 a message has
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", x.Name, err)
	}
	if err := s.reserveSTANs(x, stream); err != nil {
		return nil, fmt.Errorf("issuer %s: %w", x.Name, err)
	}
	if x.Listen != "" && s.o.Issuers[x.Name] == nil {
		return nil, fmt.Errorf("issuer %s: listen: %s: nobody listens there", x.Name, x.Listen)
	}
	format, err := x.framing()
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", x.Name, err)
	}
	echoes, err := link.ParseEchoes(x.Match)
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", x.Name, err)
	}
	host, err := link.NewHost(link.Config{
		Echoes: echoes, LatestAnswer: x.latestAnswer(), SignOn: signOns[x.SignOn], NoEcho: x.NoEcho,
		Host: x.Name, Addr: x.at(), Links: x.Links, WindowPerLink: x.Window, EchoIdle: time.Duration(x.Echo),
		AcquirerID: s.o.Config.AcquirerID, Codec: codec, Mapping: to, Framing: format, Identity: stream,
		Clock: s.clock,
		Dial:  s.o.Dial, Listener: s.o.Issuers[x.Name], Known: x.known(), TLS: s.o.IssuerTLS[x.Name],
		Logger: s.o.Logger.Named("link"), Registerer: s.o.Registry, Seed: s.o.Seed, OnStray: s.stray,
		OnMalformed: s.strays.Malformed, OnCutover: s.follow.callback(x.Name),
	})
	if err != nil {
		return nil, err
	}
	return &exchange.Issuer{
		Name: x.Name, Codec: codec, Mapping: to, Stream: stream, Host: host, Builder: builder, Deadline: x.deadline(),
	}, nil
}

// checkKey refuses a key that is not the one that sealed the journal's cards.
func (s *Switch) checkKey() error {
	const name = "key-check"
	stored, err := s.journal.Meta(context.Background(), name)
	if errors.Is(err, journal.ErrNotFound) {
		check := s.o.Keyring.Check()
		if err := s.journal.PutMeta(context.Background(), name, check[:]); err != nil {
			return err
		}
		return rememberKey(s.journal, s.o.Keyring)
	}
	if err != nil {
		return err
	}
	if err := s.o.Keyring.CheckAgainst(stored); err != nil {
		return err
	}
	return rememberKey(s.journal, s.o.Keyring)
}

// closedDates lists the business dates that nothing enters any more.
func (s *Switch) closedDates() (dates []payment.Date, err error) {
	err = s.journal.Days(context.Background(), func(d journal.Day) bool {
		if d.State != journal.DayOpen {
			dates = append(dates, d.Date)
		}
		return true
	})
	return dates, err
}

// Start recovers what a crash left, connects the issuers and serves. On a journal that is held it only answers
// questions.
func (s *Switch) Start(ctx context.Context) error {
	if err := s.flow.Open(); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	s.running, s.stop = running, stop
	if h := s.journal.Hold(); h != nil {
		s.flow.Hold(heldMessage)
		s.o.Logger.Error("the journal is an earlier copy of itself, or may be: the switch is held until an "+
			"operator confirms it (switchctl restore review)",
			zap.Strings("why", h.Reasons), zap.Time("last_commit", s.journal.LastCommit().UTC()))
	} else if err := s.work(running); err != nil {
		return err
	}
	for _, h := range s.hosts {
		h.Start()
	}
	s.serving.Go(func() { s.watchDisk(running) })
	s.serving.Go(func() { s.watchClock(running) })
	s.serving.Go(func() { s.watchRevoked(running) })
	s.serveDoors()
	if s.operator != nil {
		s.serveOperator()
	}
	return nil
}

// work begins what changes something: business dates, store and forward, recovery, incoming files, sweeps.
func (s *Switch) work(running context.Context) error {
	if err := s.engine.Open(running); err != nil {
		return err
	}
	if err := s.engine.TakeDelivered(running); err != nil {
		s.o.Logger.Error("what stands in delivered files of the open business date may be voided at its issuer",
			zap.Error(err))
	}
	if err := s.saf.Start(); err != nil {
		return err
	}
	s.recovering.Go(func() { s.recover(running) })
	if s.follow != nil {
		s.following.Go(func() { s.follow.run(running, s.engine) })
	}
	s.desk.Start()
	s.serving.Go(func() { s.sweepKeys(running) })
	s.reconciler.Start()
	s.recovering.Go(func() { s.serveDue(running) }) // its advices are the queue's, which is closed behind it
	s.recovering.Go(func() { s.watchWindows(running) })
	return nil
}

// recover ends what an earlier run left without an outcome, and finishes the days that it was closing as soon as
// nothing of that can change them. Requests are served meanwhile.
func (s *Switch) recover(ctx context.Context) {
	fails := func(err error) {
		if err != nil && ctx.Err() == nil {
			s.failed <- err
		}
	}
	recovered, err := s.flow.Recover(ctx, func() {
		s.recovering.Go(func() { fails(s.engine.Start(ctx)) })
	})
	if err == nil && recovered > 0 {
		s.o.Logger.Info("recovered intents without an outcome; each is being reversed", zap.Int("count", recovered))
	}
	fails(err)
}

// Failed delivers what ended a server that should not have ended.
func (s *Switch) Failed() <-chan error { return s.failed }

// Close drains: it stops accepting, finishes what is in flight, signs the links off and closes the journal. Past ctx it
// cuts the links, so that what is left has an unknown outcome and is reversed by the next start, and says so. No
// goroutine of the switch is left when it returns, operators' requests aside that are being read by nobody.
func (s *Switch) Close(ctx context.Context) error {
	var errs []error
	s.api.Stop()
	cut := s.closeDoors(ctx)
	if s.stop != nil {
		s.stop()
	}
	s.recovering.Wait()
	s.following.Wait()
	s.engine.Close()
	s.reconciler.Close()
	s.desk.Close()
	s.saf.Close()
	var closing sync.WaitGroup
	hostErrs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		closing.Go(func() { hostErrs[i] = h.Close(ctx) })
	}
	closing.Wait()
	errs = append(append(errs, cut), hostErrs...)
	if cut != nil {
		// With the links gone each request that was cut off gets its outcome now; the journal is closed behind it.
		errs = append(errs, s.closeDoors(context.Background()))
	}
	if s.operator != nil {
		errs = append(errs, s.closeOperator())
	}
	errs = append(errs, s.journal.Close())
	s.serving.Wait()
	return errors.Join(errs...)
}
