package loadgen

import (
	"time"

	"switchyard/internal/loadgen/record"
)

// Noter is a Target that keeps examples of what goes wrong, and tells of frames that are nobody's answer. Run hands it
// the notes before the first Start.
type Noter interface {
	TakeNotes(*Notes)
}

// Notes are where a Target tells of what is no outcome of a request. Its methods do nothing on nil.
type Notes struct {
	recorder *record.Recorder
	start    time.Time
	run      *run
}

// gaveUp tells whether the caller of a slot's request, which was in flight until now, had given up when its answer
// came.
func (n *Notes) gaveUp(slot int, at time.Time) bool {
	return n != nil && n.run != nil && n.run.gaveUp(slot, at)
}

// Stray tells of a frame that is nobody's answer, and what it comes nearest to. The example, which is masked, is asked
// for if there is none yet.
func (n *Notes) Stray(class record.Class, code, nearest string, example func() string) {
	if n == nil {
		return
	}
	n.recorder.Stray(time.Since(n.start), class, code)
	n.Example(class, code, nearest, example)
}

// connection tells that a connection was lost, or is there again.
func (n *Notes) connection(again bool) {
	if n != nil {
		n.recorder.Connection(again)
	}
}

// Example keeps an example of a way in which requests end.
func (n *Notes) Example(class record.Class, code, nearest string, example func() string) {
	if n != nil && n.recorder.WantsExample(class, code) {
		n.recorder.Example(class, code, example(), nearest)
	}
}
