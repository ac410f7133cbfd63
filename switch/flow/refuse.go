package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/api"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// refused is an answer that stores nothing.
func refused(err *api.Error) api.Answer { return api.Answer{Err: err} }

// refusal translates why a payment does not allow an operation.
func refusal(r *payment.Refusal) *api.Error {
	if r.Exceeds {
		return &api.Error{Code: api.CodeAmountExceeds, Field: "amount", Message: r.Message}
	}
	if r.Later {
		return api.NewError(api.CodeBusy, r.Message)
	}
	return api.NewError(api.CodeInvalidState, r.Message)
}

// fault translates an error of the machinery. What it says stays inside; the log has the error.
func (f *Flow) fault(what string, err error) *api.Error {
	var gone *hostGoneError
	switch {
	case errors.As(err, &gone):
		f.o.Logger.Error(gone.Error())
		return api.NewError(api.CodeIssuerUnavailable, "the payment's issuer host is not configured")
	case errors.Is(err, link.ErrUnavailable):
		return api.NewError(api.CodeIssuerUnavailable, "no link to the issuer is up")
	case errors.Is(err, link.ErrBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return api.NewError(api.CodeBusy, "no room towards the issuer in time")
	case errors.Is(err, journal.ErrClosed):
		return api.NewError(api.CodeInternal, "the switch is stopping")
	case errors.Is(err, identity.ErrReserved):
		f.alarmReserved(err)
		return api.NewError(api.CodeBusy, "every STAN towards the issuer is reserved until late answers can come no more")
	case errors.Is(err, identity.ErrUsedUp):
		f.alarmUsedUp(err)
		return api.NewError(api.CodeBusy, "the acquirer references of the business date are used up")
	}
	f.o.Logger.Error("request failed", zap.String("at", what), zap.Error(err))
	return api.NewError(api.CodeInternal, "the request could not be served; see the switch's log")
}

// hostGoneError names a host of payments that the config has no more. Nothing is stored: a key may be repeated once the
// host is back.
type hostGoneError struct{ host string }

// Error implements error.
func (e *hostGoneError) Error() string {
	return fmt.Sprintf("issuer %q is not in the config: its payments wait until it is back under this name", e.host)
}

// alarmEvery is how often the log repeats that there are no acquirer references, or no STANs, left.
const alarmEvery = time.Minute

func (f *Flow) alarmUsedUp(err error) {
	f.alarm(&f.usedUp, "captures, sales and refunds are refused until the next business date", err)
}

// alarmReserved is the alarm of requests that are refused since no STAN is free.
func (f *Flow) alarmReserved(err error) {
	f.alarm(&f.reserved, "requests are refused: more are made than STANs get free within the issuer's latest_answer", err)
}

// alarm says in the log what is refused, once in alarmEvery.
func (f *Flow) alarm(said *atomic.Int64, text string, err error) {
	now := f.o.Clock.Now().Unix()
	last := said.Load()
	// A clock that was set back says it once more at once, and does not keep silent until it is where it was.
	if ago := now - last; (ago >= int64(alarmEvery/time.Second) || ago < 0) && said.CompareAndSwap(last, now) {
		f.o.Logger.Error(text, zap.Error(err))
	}
}
