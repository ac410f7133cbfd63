package identity_test

import (
	"context"
	"fmt"
	"testing"

	"switchyard/switch/issuer/identity"
)

// Nodes that share an acquirer id and a host give no STAN that another gives, also as STANs come round (I9).
func TestNodesShareSTANs(t *testing.T) {
	const nodes, each = 3, 1000
	given := map[uint32]int{}
	for node := range nodes {
		st := newStore()
		if _, err := st.Reserve(context.Background(), "stan/400001/h", 999_000); err != nil {
			t.Fatal(err)
		}
		a := identity.NewAllocator(st, uint32(node), nil)
		a.Share(node, nodes)
		s, err := a.Stream("400001", "h")
		if err != nil {
			t.Fatal(err)
		}
		mine := map[string]bool{}
		for range each {
			stan, de7, err := s.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if other, taken := given[stan]; taken && other != node {
				t.Fatalf("nodes %d and %d give STAN %06d", other, node, stan)
			}
			given[stan] = node
			if key := fmt.Sprint(stan, de7); mine[key] {
				t.Fatalf("node %d gives STAN %06d of %s twice", node, stan, de7)
			} else {
				mine[key] = true
			}
		}
	}
}
