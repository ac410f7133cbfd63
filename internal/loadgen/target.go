package loadgen

import (
	"time"

	"switchyard/internal/loadgen/record"
)

// Target is what load is driven at.
type Target interface {
	// Start sends request number seq on the lane's connection and calls end exactly once when it is over, from any
	// goroutine, also before it returns. It does not wait for a connection that takes no more: others are due meanwhile,
	// and what is handed to a connection waits there for its host, not for the tool. slot is the request's place among
	// those in flight: no two requests in flight share one, and slot % lanes is always lane, so a target may keep
	// buffers by slot. Start is called by one goroutine a lane in a closed loop, and by one for all in an open one.
	Start(lane, slot int, seq uint64, end func(Outcome))
}

// Flusher is a Target that may keep back what it is given by Start until Flush is called for its lane, so that what
// leaves at the same time leaves in one write. The driver calls it, on the goroutine that called Start, before it waits
// for anything.
type Flusher interface {
	Flush(lane int)
}

// Forgetter is a Target whose requests can be given up. Options.Timeout needs one.
type Forgetter interface {
	// Forget gives request seq up if it is still in flight in its slot, and returns how it ended: end is then not called
	// for it any more, and an answer to it counts as late. It returns false where the request is over. It may be called
	// from any goroutine.
	Forget(lane, slot int, seq uint64) (Outcome, bool)
}

// Opener is a Target whose flows may have several requests. What follows in a flow it asks for with Outcome.Follow.
type Opener interface {
	// First is the operation of the first request of flow number n.
	First(n uint64) record.Op
	// Open begins flow number n in a slot: the request that Start is called for next.
	Open(lane, slot int, n uint64)
}

// Outcome is how one request ended. Codes come from small fixed sets.
type Outcome struct {
	Class record.Class
	Code  string
	// At is when it came, for a target that has looked at the clock already; else it counts as ended now.
	At time.Time
	// More says that the target tells of another request of the lane at once: the driver starts the next ones when it
	// has heard of all, so that they can leave together.
	More bool
	// Follow says that another request of the slot's flow, of operation Next, is due Think after this one ended.
	Follow bool
	Next   record.Op
	Think  time.Duration
	// NotSent says that nothing of the request was handed to a connection: there was none, or it could not be made. It has
	// no latency, and is not counted as sent. end is then called before Start returns, by the goroutine that called it.
	NotSent bool
	// Broken says that a flow ends without an outcome of each of its requests.
	Broken bool
}

// stamp makes an outcome without a time one of now.
func (o *Outcome) stamp() {
	if o.At.IsZero() {
		o.At = time.Now()
	}
}
