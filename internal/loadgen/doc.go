// Package loadgen drives load and says truly what came of it. It is the one driver under the demo, the benchmarks and
// switchctl load.
//
// [Run] keeps a number of requests in flight (a closed loop), or sends at a rate whatever comes back (an open loop):
//
//	arrivals ──intended time──▶ free slot ──▶ Target.Start ──▶ … ──▶ end(outcome) ──▶ recorder of the lane
//	  (open)                       ▲                                     │
//	                               └────────── closed: at once ──────────┘
//
// In an open loop a latency is counted from the moment at which the request was due, not from the one at which the
// driver came round to sending it. So a target that stalls, or a driver that falls behind, shows in the figures and is
// not left out of them (no coordinated omission). How late the driver was by itself is reported beside it.
//
// It guarantees that each request started counts once: approved, declined, an error by its code, or unanswered. Memory
// is bounded by the number of slots. It is not a check of what the answers say: package day is.
package loadgen
