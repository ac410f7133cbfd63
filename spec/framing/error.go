package framing

import "fmt"

// Reason is why bytes are no frame, or one that is not taken.
type Reason uint8

// The reasons.
const (
	// Empty is a frame without a message, as some hosts send to keep a connection alive.
	Empty Reason = iota + 1
	// TooLong is a frame with a message that is longer than the caller takes.
	TooLong
	// BadLength is a length that is none.
	BadLength
	// BadHeader is a header or trailer that is not as it is configured.
	BadHeader
	// BadMessage is a message that does not say where it ends.
	BadMessage
)

// Error says why bytes are no frame. It carries none of them.
type Error struct {
	Reason Reason
	// Size is how many bytes the frame has, so that it can be passed over; 0 where that is not known: what follows cannot
	// be read.
	Size int
	// Length is how many bytes the message has, as the frame says.
	Length int
	// Want is what was expected.
	Want string
}

func (e *Error) Error() string { return "want " + e.Want }

// CutShort says that the bytes ended within a frame.
type CutShort struct {
	Got, Want int   // bytes of the frame; of Want there may be more
	Err       error // why there are no more
}

func (e *CutShort) Error() string {
	return fmt.Sprintf("after %d of %d bytes of a frame: %v", e.Got, e.Want, e.Err)
}

// Unwrap returns why there are no more.
func (e *CutShort) Unwrap() error { return e.Err }
