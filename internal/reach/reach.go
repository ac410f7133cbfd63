// Package reach says in a sentence why nobody was reached at an address, for people: what is not running where, in
// place of the words that the dialer has for programs. It dials nothing itself.
package reach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// Unreached is an error of a dialer in a sentence. It wraps the dialer's own.
type Unreached struct {
	said string
	err  error
}

// Error implements error.
func (u *Unreached) Error() string { return u.said }

// Unwrap returns what the dialer said.
func (u *Unreached) Unwrap() error { return u.err }

// Error tells err as the reason why what is expected at addr, such as "the gateway port of switchd", was not reached.
// An error that no dialer made, and what somebody has broken off, it returns as they are.
func Error(what, addr string, err error) error {
	var dialed *net.OpError
	if !errors.As(err, &dialed) || dialed.Op != "dial" || errors.Is(err, context.Canceled) {
		return err
	}
	return &Unreached{why(what, addr, dialed), err}
}

func why(what, addr string, dialed *net.OpError) string {
	var name *net.DNSError
	switch {
	case errors.As(dialed, &name) && name.IsNotFound:
		return fmt.Sprintf("%s: there is no host of that name; expected %s there", addr, what)
	case errors.Is(dialed, syscall.ECONNREFUSED):
		return fmt.Sprintf("%s: nothing listens there; expected %s: is it running, and at this address?", addr, what)
	case errors.Is(dialed, fs.ErrNotExist):
		return fmt.Sprintf("%s: there is no such socket file; expected %s: is it running?", addr, what)
	case errors.Is(dialed, fs.ErrPermission):
		return fmt.Sprintf("%s: you may not connect to it; expected %s there", addr, what)
	case dialed.Timeout():
		return fmt.Sprintf("%s: it does not answer; expected %s there", addr, what)
	}
	last := error(dialed)
	for next := errors.Unwrap(last); next != nil; next = errors.Unwrap(next) {
		last = next
	}
	return fmt.Sprintf("%s: %v; expected %s there", addr, last, what)
}
