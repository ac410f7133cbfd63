// Package operator is the API of a switch for its operators and their tools, HTTP and JSON: metrics, health, cutover,
// store and forward, the clock, backup and restore, one payment's story, and the exports that the audit reads. It shows
// no card in clear.
//
// It knows the switch by [Options] alone: what it asks of each part is an interface that names no more than that.
// Package txswitch composes it and serves [API.Handler]; package client speaks it.
package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/slowlock"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/route"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Options are the parts of a switch that its operators ask about or decide on.
type Options struct {
	Journal  Journal
	Requests Requests
	Queue    Queue
	Cutover  Cutover
	Numbers  Numbers
	Strays   *StrayLog
	Clock    *clock.Clock
	Keyring  *pan.Keyring // opens the card of a payment whose frames are told
	Hosts    []*link.Host
	Issuers  map[string]*exchange.Issuer // by host
	Routes   []route.Route
	// FS has the clearing folder, and takes backups.
	FS          vfs.FS
	ClearingDir string
	// Reached are the hosts that the API is reached by, besides loopback and the address a request came in on.
	Reached []string
	// Begin starts what a held switch leaves, once an operator has confirmed it.
	Begin   func() error
	Logger  *zap.Logger
	Metrics prometheus.Gatherer
}

// Records is what an export reads of a journal, of a stopped switch's too.
type Records interface {
	Payment(id payment.ID) (*payment.Payment, error)
	Payments(after payment.ID, yield func(*payment.Payment) bool) error
	Presentment(ref journal.PresentmentRef) (journal.Presentment, error)
	Presentments(date payment.Date, yield func(journal.Presentment) bool) error
	Days(yield func(journal.Day) bool) error
}

// Journal is what the API asks of the journal.
type Journal interface {
	Records
	Values
	NewestPayment() (counter uint64, err error)
	Day(date payment.Date) (journal.Day, error)
	OpenDay() payment.Date
	KeepTime(ctx context.Context) error
	Backup(dir string) (*journal.BackupManifest, error)

	Hold() *journal.Hold // nil: the journal is not held
	AddHold(ctx context.Context, reason string) error
	Release(ctx context.Context) error
	LastCommit() time.Time
	Lost() (batches uint64, ok bool)
}

// Values are the journal's small named values.
type Values interface {
	Meta(name string) ([]byte, error)
	PutMeta(ctx context.Context, name string, value []byte) error
}

// Requests is what the API asks of package flow.
type Requests interface {
	InFlight() int
	Unrecovered() int
	Left() []journal.IntentRef
	Park(ctx context.Context, reason string, leave func(payment.ID) bool) error
}

// Queue is what the API asks of the store-and-forward queue.
type Queue interface {
	List(yield func(journal.SAFRow) bool) error
	Counts() (queued, parked int)
	Queued(host string) int
	Retry(ctx context.Context, ref journal.SAFRef) error
	CloseParked(ctx context.Context, ref journal.SAFRef) error
	ParkAll(ctx context.Context, reason string, leave func(payment.ID) bool) error
}

// Cutover is what the API asks of the engine that closes business dates.
type Cutover interface {
	Cutover(ctx context.Context, ahead bool) (cutover.Result, error)
	CutoverTo(ctx context.Context, date payment.Date) (cutover.Result, error)
	Problems() []cutover.Problem
}

// Numbers moves the numbers on, past those that may have been given.
type Numbers interface {
	Skip(ctx context.Context, since time.Duration, until payment.Date, loss time.Time) error
}

// API answers operators.
type API struct {
	o        Options
	began    time.Time      // by the wall clock
	holding  slowlock.Mutex // held while a hold is looked at or ended
	stopping atomic.Bool
}

// New makes the API of a switch that starts now.
func New(o Options) *API { return &API{o: o, began: o.Clock.Wall()} }

// Stop says that the switch stops: nothing is confirmed any more. A confirmation that has begun begins all its work
// before Stop returns.
func (a *API) Stop() {
	a.stopping.Store(true)
	a.holding.Lock()
	a.holding.Unlock()
}

// Handler serves the API. It asks nobody who they are, and keeps web pages away.
func (a *API) Handler() http.Handler {
	guard := newGuard(a.o.Reached)
	api := routes(a.endpoints())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.check(r); err != nil {
			writeError(w, http.StatusForbidden, err)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// endpoints are all requests that the API answers, with their parameters.
func (a *API) endpoints() []endpoint {
	profile := []string{"debug", "gc", "seconds"}
	return []endpoint{
		{"GET /metrics", []string{"name[]"}, promhttp.HandlerFor(a.o.Metrics, promhttp.HandlerOpts{}).ServeHTTP},
		{"GET /healthz", nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }},
		{"GET /readyz", nil, a.serveReady},
		{"GET /debug/pprof/", profile, pprof.Index},
		{"GET /debug/pprof/profile", profile, pprof.Profile},
		{"GET /debug/pprof/trace", profile, pprof.Trace},
		{"GET /debug/pprof/symbol", []string{anything}, pprof.Symbol}, // addresses
		{"GET /v1/stats", nil, a.serveStats},
		{"GET /v1/payments", []string{"payment", "from", "to"}, a.servePayments},
		{"GET /v1/explain", []string{"of"}, a.serveExplain},
		{"GET /v1/strays", nil, a.serveStrays},
		{"GET /v1/saf", []string{"parked"}, a.serveSAF},
		{"POST /v1/saf/retry", []string{"host", "seq"}, a.unlessHeld(a.serveSAFDecision)},
		{"POST /v1/saf/close", []string{"host", "seq"}, a.unlessHeld(a.serveSAFDecision)},
		{"GET /v1/days", nil, a.serveDays},
		{"POST /v1/cutover", []string{"wait", "ahead", "to"}, a.unlessHeld(a.serveCutover)},
		{"GET /v1/clock", nil, a.serveClock},
		{"POST /v1/clock/confirm", nil, a.serveConfirmClock},
		{"GET /v1/restore", []string{"limit"}, a.serveReview},
		{"POST /v1/restore/confirm", []string{"token", "recover"}, a.serveConfirm},
		{"POST /v1/backup", []string{"dir"}, a.serveBackup},
	}
}
