// Package flow serves the operations of the gateway protocol: authorize, sale, verify, increment, capture, reverse,
// void, refund, credit and status.
//
// Operations that make a payment go together through the steps: take a slot in a link's window and a message identity,
// commit the intent, send, commit the outcome, answer; and so do captures, whose only step is a commit. Every other
// one, and one of these that has to wait or is not plain, is straight-line code on a goroutine of its own. What is
// decided for one payment is decided by functions that wait for nothing: what a request appends (captured, voided, …),
// and what came of it (outcomeOf). The waiting is around them.
//
// Files in reading order: flow.go takes requests; operation.go is one on its way; keys.go makes two with one key the
// same; slot.go, intent.go and outcome.go are the steps; then a file an operation: authorize.go, increment.go,
// capture.go, voice.go, reverse.go, reversekey.go, void.go, refund.go, credit.go, status.go. atissuer.go is the way of
// those on an existing payment that the issuer answers, together.go (in lanes) of those that go together,
// together_capture.go of captures that do. late.go, broken.go, standin.go and recover.go are the rare ways.
//
// It guarantees I1 (the intent is synced before a byte is sent), I2 (the outcome is synced before the answer is
// returned), I3 (one operation a key), I5's beginning (an unanswered request queues its reversal in the commit that
// records the outcome as unknown) and I7 by way of package payment. What is queued is package saf's to deliver.
//
// It knows neither JSON nor sockets, and holds no state of a payment between two operations.
package flow

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/lane"
	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/internal/slowlock"
	"switchyard/switch/api"
	"switchyard/switch/clock"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/message"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
	"switchyard/switch/turn"
)

// Route is where a card's payments go.
type Route struct {
	Name        string
	Destination string             // of their clearing
	Issuers     []*exchange.Issuer // in the order in which they are tried
}

// Router finds the route of a card by its PAN.
type Router interface {
	Route(pan string) (Route, bool)
}

// Options are what the flows work with.
type Options struct {
	Journal   journal.Journal
	IDs       *identity.Allocator
	Keyring   *pan.Keyring
	Merchants *merchant.Directory
	Routes    Router
	Issuers   map[string]*exchange.Issuer
	SAF       *saf.Queue
	Turns     *turn.Table
	Days      *presentment.Days
	Clock     *clock.Clock // nil: the machine's

	Builder      *message.Builder // of the issuers' messages
	AcquirerBINs []string         // in ARNs, six digits each; none: the one of the payment's acquirer
	// AdmissionTimeout is how long a request waits for a slot in a window before it is refused busy; default
	// DefaultAdmissionTimeout.
	AdmissionTimeout time.Duration
	// Deadline is how long a request waits for its payment's turn and for its queued advices; default DefaultDeadline.
	Deadline time.Duration

	StandIn StandIn
	// CaptureWindows are those of authorizations whose merchants have none of their own.
	CaptureWindows merchant.Windows
	// GatewayLimits bound what a gateway asks for, by its name.
	GatewayLimits map[string]*merchant.Limits

	// MaskReferences keeps references with the card numbers in them masked, instead of refusing these.
	MaskReferences bool

	Logger     *zap.Logger
	Registerer prometheus.Registerer
}

// Defaults of Options.
const (
	DefaultAdmissionTimeout = 200 * time.Millisecond
	DefaultDeadline         = 10 * time.Second
)

// Flow serves the operations; it is an api.Handler.
type Flow struct {
	intending   *lane.Lane[*making] // see together.go
	concluding  *lane.Lane[*making]
	capturing   *lane.Lane[*capturing] // see together_capture.go
	makings     sync.Pool              // of *making
	o           Options
	keys        keyTable
	limiter     limiter
	unanswered  unansweredTable
	inFlight    atomic.Int64 // operations being served; package front bounds them
	claimed     atomic.Int64 // rows of queues, for what is due and being served
	place       place        // of timers
	origins     map[journal.IntentRef]origin
	recovered   map[string]chan struct{} // by host, where it has some of them: closed once Recover has ended those
	unrecovered atomic.Int64
	left        []journal.IntentRef // from Open to Recover

	closedFor atomic.Pointer[string] // why no new work is taken; nil while it is
	heldFor   atomic.Pointer[string] // why the switch is held after a restore; nil while it is not
	usedUp    atomic.Int64           // when it was said last that there are no acquirer references left, in seconds
	reserved  atomic.Int64           // alike: no STANs
	standIns  slowlock.Mutex         // one at a time, so that the count a card and day is kept
	metrics   metrics
}

// New makes the flows.
func New(o Options) *Flow {
	if o.AdmissionTimeout == 0 {
		o.AdmissionTimeout = DefaultAdmissionTimeout
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	f := &Flow{o: o, metrics: newMetrics(o.Registerer)}
	f.o.Journal = timed{o.Journal, &f.place}
	f.keys.init()
	f.intending, f.concluding, f.capturing = lane.New(f.intend), lane.New(f.conclude), lane.New(f.accept)
	f.makings.New = func() any { return new(making) }
	return f
}

// CloseFor refuses new work, with the reason given, until it is called with ""; what is in flight is finished (I14).
func (f *Flow) CloseFor(why string) {
	if why == "" {
		f.closedFor.Store(nil)
		return
	}
	f.closedFor.Store(&why)
}

// ClosedFor says why new work is refused since CloseFor; "" where it is not.
func (f *Flow) ClosedFor() string {
	if why := f.closedFor.Load(); why != nil {
		return *why
	}
	return ""
}

// Hold refuses new work because the journal may be an earlier copy of itself, until it is called with "". What it
// does not know may have been, so nobody is told then that a payment or a key is unknown.
func (f *Flow) Hold(why string) {
	if why == "" {
		f.heldFor.Store(nil)
		return
	}
	f.heldFor.Store(&why)
}

// InFlight returns how many operations are being served, each of which may come to need a row of the queue. Statuses
// are none.
func (f *Flow) InFlight() int { return int(f.inFlight.Load()) }

// Handle implements api.Handler.
func (f *Flow) Handle(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	begin := time.Now()
	a := f.serve(ctx, caller, req)
	f.served(caller, req, &a, time.Since(begin))
	return a
}

// served counts and tells of a request that is answered.
func (f *Flow) served(caller *api.Caller, req *api.Request, a *api.Answer, took time.Duration) {
	a.ID, a.Op = req.ID, req.Op
	f.metrics.request(req.Op, a, took)
	if line := f.o.Logger.Check(zap.DebugLevel, "request"); line != nil {
		line.Write(requestFields(caller, req, a, took)...)
	}
}

// requestFields says what a request was and came to, without card data.
func requestFields(caller *api.Caller, req *api.Request, a *api.Answer, took time.Duration) []zap.Field {
	fields := []zap.Field{
		zap.Stringer("op", req.Op), zap.String("gateway", caller.Gateway), zap.String("merchant", pan.Hide(req.Merchant)),
		zap.Duration("took", took),
	}
	if a.Err != nil {
		return append(fields, zap.String("refused", a.Err.Error()))
	}
	return append(fields, zap.String("payment", a.Payment), zap.String("status", string(a.Status)),
		zap.Bool("approved", a.Approved), zap.String("response_code", a.ResponseCode), zap.String("rrn", a.RRN),
		zap.Bool("replayed", a.Replayed))
}

// firstKinds are the kinds of the operations that make a payment by asking the issuer.
var firstKinds = [api.OpCount]payment.Kind{
	api.OpAuthorize: payment.KindAuthorize, api.OpSale: payment.KindSale, api.OpVerify: payment.KindVerify,
	api.OpCredit: payment.KindCredit,
}

func (f *Flow) serve(ctx context.Context, caller *api.Caller, req *api.Request) api.Answer {
	switch req.Op {
	case api.OpPing:
		return api.Answer{NoIntent: true}
	case api.OpStatus:
		why := f.heldFor.Load() // before: the hold may end meanwhile
		a := f.status(ctx, caller, req)
		if why != nil && (a.Err != nil && a.Err.Code == api.CodeUnknownPayment || a.Payments != nil) {
			a = refused(api.NewError(api.CodeBusy, *why))
		}
		a.NoIntent = true
		return a
	default: // new work
	}
	if refusedWith := f.closed(); refusedWith != nil {
		return refused(refusedWith)
	}
	f.inFlight.Add(1)
	defer f.inFlight.Add(-1)
	x := operation{Flow: f, caller: caller, req: req}
	switch req.Op {
	case api.OpAuthorize, api.OpSale, api.OpVerify:
		return x.authorize(ctx)
	case api.OpCredit:
		return x.credit(ctx)
	case api.OpIncrement:
		return x.increment(ctx)
	case api.OpCapture:
		if !req.Present.Has(api.FieldPayment) {
			return x.voiceCapture(ctx)
		}
		return x.capture(ctx)
	case api.OpVoid:
		return x.void(ctx)
	case api.OpRefund:
		return x.refund(ctx)
	case api.OpReverse:
		if req.Present.Has(api.FieldOfKey) {
			return x.reverseByKey(ctx)
		}
		return x.reverse(ctx)
	default:
		return refused(api.NoSuchOp())
	}
}

// closed says why no new work is taken, nil where it is.
func (f *Flow) closed() *api.Error {
	for _, why := range [...]*string{f.heldFor.Load(), f.closedFor.Load()} {
		if why != nil {
			return api.NewError(api.CodeBusy, *why)
		}
	}
	return nil
}

// find loads a payment that the caller may see.
func (f *Flow) find(ctx context.Context, caller *api.Caller, text string) (*payment.Payment, *api.Error) {
	unknown := &api.Error{Code: api.CodeUnknownPayment, Field: "payment", Message: "no such payment"}
	id, err := payment.ParseID(text)
	if err != nil {
		return nil, unknown
	}
	p, err := f.o.Journal.Payment(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, unknown
	case err != nil:
		return nil, f.fault("read payment", err)
	case !owns(caller, p) && !mutant.On(mutant.ForeignPayments):
		return nil, unknown
	}
	return p, nil
}

// owns tells whether a payment is a caller's: of its own making, or from before gateways were listed, and of a
// merchant that it may act for.
func owns(caller *api.Caller, p *payment.Payment) bool {
	return (p.Gateway == caller.Gateway || p.Gateway == "") && caller.MayActFor(p.Merchant)
}
