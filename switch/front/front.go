// Package front is what all doors for callers share: who calls, what it may do, and how much at once. A door translates
// between a protocol and package api, and nothing else; what it took in reaches the flows by way of a [Front] alone.
//
//	a door ──▶ who calls: Anyone, BySecret, ByCertificate          once a connection, or a request
//	       ──▶ Admit: is it well-formed, may it ask, is there room  else an api.Error, nothing stored
//	       ──▶ Handle, or Take: the flows' answer, the room given back
//
// It guarantees that
//
//   - a request is held against the protocol ([api.Request.Validate]) and against what its caller may do once, here,
//     before it takes any room: no door can forget it, and the flows need not look again;
//   - no more requests than Options.MaxInFlight are with the flows, through all doors together, and no more of one
//     listed caller than its own bound, so that one that asks too much leaves room for the others (I13). There is no
//     other count that refuses anything: what the flows may owe because of requests in flight is reserved by this one.
//
// It counts wrong hellos, and says for how long a door is to hold back the refusal of one ([Front.Wrong]): the longer,
// the more came from the address for the gateway.
//
// What a caller may see of payments is for the flows to say, which know whose they are: they get the caller's name
// and its merchants with each request. A front neither knows payments nor logs anything.
//
// Files, in reading order: front.go, identity.go, wrong.go, admission.go, door.go; then package lines, the first door.
package front

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/api"
)

// Options are what is behind the doors, who may call, and the bounds. Handler is required.
type Options struct {
	// Handler serves what was admitted.
	Handler api.Handler
	// Gateways are those who may call. An empty list lets anyone in and must only stand behind loopback, which is for the
	// composer to hold.
	Gateways []Gateway
	// MaxInFlight is how many requests may be with the handler; each costs a goroutine and about 12 KiB. Default
	// DefaultMaxInFlight.
	MaxInFlight int
	// MaxInFlightPerGateway is how many of them may be of one gateway whose entry sets no bound of its own. Default a
	// quarter of MaxInFlight, and at least one; all of it for a gateway that is the only one, which takes nobody's room.
	MaxInFlightPerGateway int

	Registerer prometheus.Registerer // default none
}

// DefaultMaxInFlight is how many requests are with the flows at once: as many as a machine of two cores serves well,
// and four times what the links to one issuer carry by default.
const DefaultMaxInFlight = 16_384

// quarter is the part of all requests in flight that a gateway may have by default. With the default of 16,384 it is
// what the links of one issuer carry: a gateway with that many at an issuer leaves the places of those who wait to
// others.
const quarter = 4

// Front stands between the doors and the flows. Its methods may be called from any goroutine.
type Front struct {
	handler  api.Handler
	most     int64
	inFlight atomic.Int64 // at most most
	callers  *callers     // nil where no gateways are listed
	batches  sync.Pool    // of *[]*api.Call
}

// New makes a front. The error names what of the options is wrong.
func New(o Options) (*Front, error) {
	if o.Handler == nil {
		return nil, errors.New("front: Options.Handler is missing")
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	switch {
	case o.MaxInFlightPerGateway > 0:
	case len(o.Gateways) == 1:
		o.MaxInFlightPerGateway = o.MaxInFlight
	default:
		o.MaxInFlightPerGateway = max(o.MaxInFlight/quarter, 1)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	f := &Front{handler: o.Handler, most: int64(o.MaxInFlight)}
	f.batches.New = func() any { return new([]*api.Call) }
	var err error
	if f.callers, err = newCallers(o.Gateways, o.MaxInFlightPerGateway); err != nil {
		return nil, err
	}
	return f, f.measure(o.Registerer)
}

// Check holds a request against the protocol and against what the caller may do, and returns the first fault, or nil.
func (f *Front) Check(c *Caller, req *api.Request) *api.Error {
	if fault := req.Validate(); fault != nil {
		return fault
	}
	return c.may(req)
}

// Admit is Check and room for the request. One that was admitted (nil) is given to Handle, once.
func (f *Front) Admit(c *Caller, req *api.Request) *api.Error {
	if fault := f.Check(c, req); fault != nil {
		return fault
	}
	return f.enter(c)
}

// Handle serves a request that was admitted. Its room is free again when Handle returns: a caller that has as many in
// flight as it may can ask again as soon as it has read an answer. It blocks as [api.Handler] says.
func (f *Front) Handle(ctx context.Context, c *Caller, req *api.Request) api.Answer {
	defer f.leave(c)
	a := f.handler.Handle(ctx, &c.identity, req)
	a.ID, a.Op = req.ID, req.Op
	return a
}

// Call is a request that was admitted, for Take. It may be used again once it is flushed.
type Call struct {
	Caller  *Caller
	Request *api.Request
	To      api.Asker

	front *Front
	inner api.Call
}

// Take serves many requests that were admitted, and returns before they are answered; see [api.Handler]. calls is not
// kept, its elements are.
func (f *Front) Take(ctx context.Context, calls []*Call) {
	inner := f.batches.Get().(*[]*api.Call)
	for _, c := range calls {
		c.front, c.inner = f, api.Call{Caller: &c.Caller.identity, Request: c.Request, To: c}
		*inner = append(*inner, &c.inner)
	}
	f.handler.Take(ctx, *inner)
	clear(*inner)
	*inner = (*inner)[:0]
	f.batches.Put(inner)
}

// Answered implements api.Asker: the room is given back first, as Handle does.
func (c *Call) Answered(a *api.Answer) {
	c.front.leave(c.Caller)
	a.ID, a.Op = c.Request.ID, c.Request.Op
	c.To.Answered(a)
}

// Flush implements api.Asker.
func (c *Call) Flush() { c.To.Flush() }

// Do is Admit and Handle, for doors that have a goroutine for each request before they know whether there is room.
func (f *Front) Do(ctx context.Context, c *Caller, req *api.Request) api.Answer {
	if fault := f.Admit(c, req); fault != nil {
		return api.Answer{ID: req.ID, Op: req.Op, Err: fault}
	}
	return f.Handle(ctx, c, req)
}
