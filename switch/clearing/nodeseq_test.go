package clearing_test

import (
	"testing"

	"switchyard/switch/clearing"
)

// A node and its file's number of the day share five digits, and neither ever runs into the other.
func TestNodeSequence(t *testing.T) {
	for _, c := range []struct {
		node uint32
		n    int
		want int // 0: refused
	}{{0, 1, 1}, {7, 1, 7001}, {35, 999, 35_999}, {99, 999, 99_999}, {7, 1000, 0}, {7, 0, 0}, {100, 1, 0}} {
		got, err := clearing.NodeSequence(c.node, c.n)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("node %d, file %d: %d, %v; want %d", c.node, c.n, got, err, c.want)
		}
		if node, n := clearing.SplitNodeSequence(got); err == nil && (node != c.node || n != c.n) {
			t.Errorf("%d is taken apart into node %d, file %d", got, node, n)
		}
	}
}
