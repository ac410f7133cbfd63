package reach_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"switchyard/internal/reach"
)

// What a dialer says is told in a sentence, by whomever it was wrapped, and can still be asked for.
func TestError(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	call := func(err error) error { return os.NewSyscallError("connect", err) }
	for want, err := range map[string]error{
		"h:1: nothing listens there; expected the port: is it running, and at this address?": &url.Error{
			Op: "Get", URL: "http://h:1/v1/stats", Err: dial(call(syscall.ECONNREFUSED)),
		},
		"h:1: there is no host of that name; expected the port there": dial(
			&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true},
		),
		"h:1: there is no such socket file; expected the port: is it running?": dial(call(syscall.ENOENT)),
		"h:1: you may not connect to it; expected the port there":              dial(call(syscall.EACCES)),
		"h:1: it does not answer; expected the port there": fmt.Errorf(
			"dialling: %w", dial(os.ErrDeadlineExceeded),
		),
		"h:1: network is unreachable; expected the port there": dial(call(syscall.ENETUNREACH)),
	} {
		got := reach.Error("the port", "h:1", err)
		if got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

// What is no dialer's is left as it is, and so is what somebody has broken off.
func TestErrorOfOthers(t *testing.T) {
	for _, err := range []error{
		nil, errors.New("the disk is full"), &net.OpError{Op: "read", Err: syscall.ECONNRESET}, context.Canceled,
		&net.OpError{Op: "dial", Err: context.Canceled},
	} {
		if got := reach.Error("the port", "h:1", err); got != err {
			t.Errorf("%v: got %v", err, got)
		}
	}
}
