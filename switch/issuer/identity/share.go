package identity

import (
	"context"

	"switchyard/internal/mutant"
)

// share is which STANs are a node's where several send under one acquirer id to the same hosts: of each so many in a
// row the one at its place. The zero value is all of them.
type share struct{ place, of uint32 }

// has tells whether a STAN is the node's.
func (s share) has(stan uint32) bool {
	return s.of < 2 || (stan-1)%s.of == s.place || mutant.On(mutant.STANsNotShared)
}

// Share leaves the STANs of each stream made from now on to several nodes: of each of them in a row this one takes
// the one at its place, from 0. So their (DE7, STAN) are apart. It comes before the first Stream.
func (a *Allocator) Share(place, of int) { a.share = share{uint32(place), uint32(of)} }

// Next returns the identity of a new message: its STAN, 1 to 999999, and its DE7, MMDDhhmmss UTC. The STANs of other
// nodes are passed over as if they had been given, so that a share may change from one start to the next.
func (s *Stream) Next(ctx context.Context) (stan uint32, de7 string, err error) {
	for {
		if stan, de7, err = s.next(ctx); err != nil || s.share.has(stan) {
			return stan, de7, err
		}
	}
}
