package loadgen

import "testing"

// Of more requests given up than are remembered the last ones are: their answers are what comes late.
func TestGivenUp(t *testing.T) {
	g := givenUp{known: map[uint64]bool{}}
	const more = 100
	for n := range uint64(2*maxGivenUp + more) {
		g.add(n)
	}
	if len(g.known) != maxGivenUp || len(g.order) != maxGivenUp {
		t.Errorf("%d are known, %d in order; want %d", len(g.known), len(g.order), maxGivenUp)
	}
	for n, want := range map[uint64]bool{
		0: false, maxGivenUp + more - 1: false, maxGivenUp + more: true, 2*maxGivenUp + more - 1: true,
	} {
		if got := g.take(n); got != want || g.take(n) {
			t.Errorf("request %d: given up %v, want %v, and only once", n, got, want)
		}
	}
	if g.clear(); g.take(2*maxGivenUp) || len(g.order) != 0 {
		t.Error("what was given up is known behind a clear")
	}
}
