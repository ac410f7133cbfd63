package link

import "errors"

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
