package link

import (
	"errors"
	"fmt"
)

// What Acquire and Send return, to be told apart with errors.Is. The errors that they wrap these in say which link and
// why.
var (
	// ErrUnavailable: no link to the host is signed on, or the host is being closed. Nothing was sent.
	ErrUnavailable = errors.New("no link to the host is signed on")
	// ErrBusy: every window is full, and the queue before them is full too, or the request's time would not last. Nothing
	// was sent.
	ErrBusy = errors.New("the links to the host are busy")
	// ErrNotSent: the request did not leave and never will. Another link may be tried, after another intent.
	ErrNotSent = errors.New("request not sent")
	// ErrNoAnswer: the request was sent, or may yet be, and its time is over. The outcome is unknown.
	ErrNoAnswer = errors.New("no answer in time")
	// ErrLinkLost: the link was lost after the request was sent, or may have been. The outcome is unknown.
	ErrLinkLost = errors.New("link lost")
)

// MisreadError is returned for a request that was answered for another card (DE2), or as another request (DE3), and
// fits in all else: the host is likely to have read it otherwise than it was packed, and nobody knows what it did.
type MisreadError struct {
	DE   int    // 2 or 3
	Code string // DE39 of the answer, which tells nothing about the card that was meant
}

// Error implements error; it carries no value of the field (I12).
func (e *MisreadError) Error() string {
	return fmt.Sprintf("the answer differs in DE%d: the host seems to read another request than was packed", e.DE)
}
