package flow

import (
	"fmt"

	"switchyard/switch/api"
)

// hostGoneError names a host of payments that the config has no more.
type hostGoneError struct{ host string }

// Error implements error.
func (e *hostGoneError) Error() string {
	return fmt.Sprintf("issuer %q is not in the config: its payments wait until it is back under this name", e.host)
}

// hostGone refuses an operation on a payment whose host the config has no more. Nothing is stored: its key may be
// repeated once the host is back.
func (f *Flow) hostGone(err *hostGoneError) api.Answer {
	f.o.Logger.Error(err.Error())
	return refused(api.NewError(api.CodeIssuerUnavailable, "the payment's issuer host is not configured"))
}
