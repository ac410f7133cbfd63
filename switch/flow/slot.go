package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
)

// withRoom returns those of a route's issuers whose queue has room for the reversal that may have to follow a
// request. It is refused if none has: they answer nothing (I13).
func (f *Flow) withRoom(issuers []*exchange.Issuer) ([]*exchange.Issuer, *api.Error) {
	inFlight := f.InFlight()
	full := func(x *exchange.Issuer) bool { return !f.o.SAF.RoomForRequest(x.Name, inFlight) }
	if !slices.ContainsFunc(issuers, full) {
		return issuers, nil
	}
	issuers = slices.DeleteFunc(slices.Clone(issuers), full)
	if len(issuers) == 0 {
		return nil, api.NewError(api.CodeBusy, "the issuer's store-and-forward queue has no room for another reversal")
	}
	return issuers, nil
}

// roomForAdvice refuses what ends in an advice while the queue of its host is full (I13).
func (f *Flow) roomForAdvice(host string) *api.Error {
	if f.o.SAF.Room(host, f.InFlight()) {
		return nil
	}
	return api.NewError(api.CodeBusy, "the issuer's store-and-forward queue is full")
}

// acquire takes a slot towards the first of a route's issuers that has one free; a host that is full is passed over
// like one without a link. While none has, it waits for the first that has a link, or has one coming back, and looks
// at the others once more before it gives up. Nothing is sent yet, so trying the next one is safe.
func (f *Flow) acquire(ctx context.Context, issuers []*exchange.Issuer) (*exchange.Issuer, *exchange.Call, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, f.o.AdmissionTimeout)
	defer cancel()
	call := exchange.NewCall()
	x := free(issuers, call)
	if x == nil {
		waited, awaited, err := await(ctx, issuers)
		if err == nil {
			call.Free()
			x, call = waited, awaited
		} else if x = free(issuers, call); x == nil {
			call.Free()
			return nil, nil, err
		}
	}
	f.metrics.slot.Observe(time.Since(begin).Seconds())
	return x, call, nil
}

// free takes a slot of the first issuer that has one, for a call; nil where none has.
func free(issuers []*exchange.Issuer, call *exchange.Call) *exchange.Issuer {
	if mutant.On(mutant.FullHostWaitedFor) {
		return nil
	}
	for _, x := range issuers {
		if x.TryAcquire(call) {
			return x
		}
	}
	return nil
}

// await waits for a slot of the first issuer at which there is anything to wait for. A queue that is too long to
// join leaves the wait to the next one.
func await(ctx context.Context, issuers []*exchange.Issuer) (*exchange.Issuer, *exchange.Call, error) {
	refused := error(link.ErrUnavailable)
	for _, x := range issuers {
		call, err := x.Acquire(ctx)
		if err == nil {
			return x, call, nil
		}
		if !errors.Is(refused, link.ErrBusy) { // the host that was busy says what the route is
			refused = err
		}
	}
	return nil, nil, refused
}
