package sim

import (
	"context"

	"switchyard/switch/clock"
	numbers "switchyard/switch/issuer/identity"
	"switchyard/switch/journal/pebble"
)

// moveCounters opens the journal of a node that is down, as nothing but a test may, so that do can move its durable
// counters: take reserves so many numbers of a counter and returns the first of them. by is the clock of the node; nil:
// virtual time. A node that has no journal yet gets one.
func (n *switchNode) moveCounters(by *clock.Clock, do func(take func(counter string, n uint64) uint64)) {
	const kind = "counters cannot be moved"
	j, err := pebble.Open(pebble.Options{
		FS: n.disk, Dir: journalFolder, Node: uint32(1 + n.number), Clock: by, Mark: markFile, Marked: numbers.Marked,
		Fatal: func(string, error) { n.w.failf(kind, "the journal gave up") },
	})
	if err != nil {
		n.w.failf(kind, "%v", err)
		return
	}
	do(func(counter string, count uint64) uint64 {
		first, err := j.Reserve(context.Background(), counter, count)
		if err != nil {
			n.w.failf(kind, "%s: %v", counter, err)
		}
		return first
	})
	if err := j.Close(); err != nil {
		n.w.failf(kind, "%v", err)
	}
}
