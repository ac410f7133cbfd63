// Package operator is the API of a switch for its operators and their tools, HTTP and JSON: metrics, health, cutover,
// store and forward, the clock, backup and restore, one payment's story, and the exports that the audit reads. It shows
// no card in clear.
//
// Each request needs a [Role] ([Routes] lists them). Where there are identities, who asks shows a token; without any,
// everybody who gets here has all roles: the API stands on loopback or a socket file then.
//
// It knows the switch by [Options] alone: what it asks of each part is an interface that names no more than that.
// Package txswitch composes it and serves [API.Handler]; package client speaks it.
package operator

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/slowlock"
	"switchyard/internal/vfs"
	"switchyard/internal/webguard"
	"switchyard/switch/casebook"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/incoming"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/route"
	"switchyard/switch/journal"
	"switchyard/switch/matching"
	"switchyard/switch/payment"
	"switchyard/switch/reconcile"
)

// Options are the parts of a switch that its operators ask about or decide on.
type Options struct {
	Journal  Journal
	Requests Requests
	Queue    Queue
	Cutover  Cutover
	Incoming Incoming
	Numbers  Numbers
	Strays   *StrayLog
	// Reconciler holds business dates against the hosts.
	Reconciler Reconciler
	Casebook   Casebook
	Clock      *clock.Clock
	Keyring    *pan.Keyring // opens the card of a payment whose frames are told
	Hosts      []*link.Host
	Issuers    map[string]*exchange.Issuer // by host
	Routes     []route.Route
	// FS has the clearing folder, and takes backups.
	FS          vfs.FS
	ClearingDir string
	// Reached are the hosts that the API is reached by, besides loopback and the address a request came in on.
	Reached []string
	// Certificate is what the API is served under where it speaks TLS: its names are the API's, too.
	Certificate *x509.Certificate
	// Identities are those who may ask; none: everybody who reaches the API, with all roles.
	Identities []Identity
	// TwoPeople are the topics for which two of them are wanted.
	TwoPeople []Topic
	// Begin starts what a held switch leaves, once an operator has confirmed it.
	Begin   func() error
	Logger  *zap.Logger
	Metrics prometheus.Gatherer
}

// Records is what an export reads of a journal, of a stopped switch's too.
type Records interface {
	Payment(ctx context.Context, id payment.ID) (*payment.Payment, error)
	Payments(ctx context.Context, after payment.ID, yield func(*payment.Payment) bool) error
	Presentment(ctx context.Context, ref journal.PresentmentRef) (journal.Presentment, error)
	Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error
	Days(ctx context.Context, yield func(journal.Day) bool) error
}

// Journal is what the API asks of the journal.
type Journal interface {
	Records
	Values
	journal.Acts
	NewestPayment(ctx context.Context) (counter uint64, err error)
	Key(ctx context.Context, merchant, key string) (journal.KeyEntry, error)
	ByReference(ctx context.Context, merchant, reference string, limit int) (ids []payment.ID, more bool, err error)
	Day(ctx context.Context, date payment.Date) (journal.Day, error)
	OpenDay() payment.Date
	KeepTime(ctx context.Context) error
	LastCommit() time.Time
	// Backup writes a copy to a new folder and returns the position of the newest commit in it.
	Backup(dir string) (position uint64, err error)

	journal.Held
}

// Values are the journal's small named values.
type Values interface {
	Meta(ctx context.Context, name string) ([]byte, error)
	Metas(ctx context.Context, prefix string, yield func(name string, value []byte) bool) error
	PutMeta(ctx context.Context, name string, value []byte) error
}

// Requests is what the API asks of package flow.
type Requests interface {
	InFlight() int
	ClosedFor() string
	Unrecovered() int
	Left() []journal.IntentRef
	Unmade(ctx context.Context, yield func(*payment.Payment) bool) error
	MayPark(leave func(payment.ID) bool) error
	Park(ctx context.Context, reason string, leave func(payment.ID) bool) error
}

// Queue is what the API asks of the store-and-forward queue.
type Queue interface {
	List(ctx context.Context, yield func(journal.SAFRow) bool) error
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
	Window(ctx context.Context, destination string) (cutover.Result, error)
	Problems() []cutover.Problem
	NoSettlement(date payment.Date) []string
	Check(ctx context.Context, date payment.Date) (*cutover.Rebuilt, error)
	Rebuild(ctx context.Context, date payment.Date, dir string) (*cutover.Rebuilt, error)
	Release(ctx context.Context, date payment.Date, of cutover.WindowName, by string) (cutover.Result, error)
	MayRelease(ctx context.Context, date payment.Date, of cutover.WindowName) error
	Refuse(ctx context.Context, date payment.Date, by, reason string) (cutover.Result, error)
	MayRefuse(ctx context.Context, date payment.Date) error
}

// Reconciler is what the API asks of the engine that holds business dates against the hosts.
type Reconciler interface {
	Days(ctx context.Context, one payment.Date) ([]reconcile.Day, error)
	Each(ctx context.Context, date payment.Date, host string, take func(*reconcile.Counted) error) error
	Again(ctx context.Context, date payment.Date) error
}

// Casebook is what the API asks of package casebook.
type Casebook interface {
	Each(ctx context.Context, yield func(casebook.Entry) bool) error
	Note(ctx context.Context, n matching.Note) (casebook.Entry, error)
	Match(ctx context.Context, m matching.Manual) (casebook.Entry, error)
	MayMatch(m matching.Manual) error
	Undo(ctx context.Context, u casebook.Undo) (casebook.Entry, error)
	MayUndo(u casebook.Undo) error
}

// Incoming is what the API asks of package incoming.
type Incoming interface {
	Receive(in io.Reader, name string) (incoming.Received, error)
	Files(ctx context.Context, yield func(incoming.File) bool) error
	Exceptions(ctx context.Context, yield func(incoming.Exception) bool) error
	Rejects(ctx context.Context, all bool, yield func(incoming.Reject) bool) error
	Reject(ctx context.Context, id string) (incoming.Reject, error)
	Fix(ctx context.Context, id string, fields map[string]string) (incoming.Reject, error)
	Resubmit(ctx context.Context, id, who string) (incoming.Reject, error)
	WriteOff(ctx context.Context, id, who, reason string) (incoming.Reject, error)
	MayWriteOff(ctx context.Context, id string) error
	Disputes(ctx context.Context, state string, dueBefore payment.Date, yield func(incoming.Dispute) bool) error
	Dispute(ctx context.Context, id string) (incoming.Dispute, error)
	Represent(ctx context.Context, id, who, reason string, amount int64) (incoming.Dispute, error)
	AcceptDispute(ctx context.Context, id, who string) (incoming.Dispute, error)
	MayRepresent(ctx context.Context, id, reason string, amount int64) error
	MayAcceptDispute(ctx context.Context, id string) error
}

// Numbers moves the numbers on, past those that may have been given.
type Numbers interface {
	Skip(ctx context.Context, since time.Duration, open, until payment.Date, loss time.Time) error
}

// API answers operators.
type API struct {
	o          Options
	identities *identities
	began      time.Time      // by the wall clock
	holding    slowlock.Mutex // held while a hold is looked at or ended
	approving  slowlock.Mutex // held while a proposal is made, carried out or withdrawn
	stopping   atomic.Bool
	backedUp   atomic.Int64 // when the newest backup was made, by the wall clock, in Unix milliseconds; 0: none yet
}

// New makes the API of a switch that starts now. It fails where CheckIdentities does.
func New(o Options) (*API, error) {
	ids, err := newIdentities(o.Identities)
	if err == nil {
		err = CheckTwoPeople(o.TwoPeople, o.Identities)
	}
	return &API{o: o, identities: ids, began: o.Clock.Wall()}, err
}

// Stop says that the switch stops: nothing is confirmed any more. A confirmation that has begun begins all its work
// before Stop returns.
func (a *API) Stop() {
	a.stopping.Store(true)
	a.holding.Lock() // waits for one that has begun
	defer a.holding.Unlock()
}

// Handler serves the API to those who may ask, and keeps web pages away.
func (a *API) Handler() http.Handler {
	api, guard := a.routes(), webguard.New(webguard.Options{
		Hosts: a.o.Reached, Certificate: a.o.Certificate,
		Configured: "the host of operator.listen, a name of its certificate",
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Check(r); err != nil {
			writeError(w, http.StatusForbidden, err)
			return
		}
		who, err := a.identities.who(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, http.StatusUnauthorized, err)
			return
		}
		api.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
	})
}
