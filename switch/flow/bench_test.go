package flow_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"switchyard/switch/api"
)

// BenchmarkAuthorize is an authorization from the request to its answer: key, slot, identity, two commits, frames and
// matching, with a journal in memory and an issuer that answers at once.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b, settings{})
	defer w.stop()
	w.quiet = true
	caller := &api.Caller{Gateway: "g"}
	var n atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req := api.Request{
				Op: api.OpAuthorize, Key: "k" + strconv.FormatUint(n.Add(1), 10), Merchant: "M1", Terminal: "T1",
				Amount: 1000, Currency: "EUR", Card: api.Card{Number: goodCard, Expiry: "3012", CVC: "123"},
			}
			if a := w.flow.Handle(context.Background(), caller, &req); !a.Approved {
				b.Error(said(&a))
				return
			}
		}
	})
}
