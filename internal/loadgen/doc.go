// Package loadgen drives load and says truly what came of it. It is the one driver under the demo, the benchmarks and
// switchctl load.
//
// [Run] keeps a number of requests in flight (a closed loop), or sends what is due at moments that are fixed beforehand
// whatever comes back (an open loop):
//
//	Schedule ─due─▶ free slot ─▶ Target.Start ─▶ … ─▶ end(Outcome) ─▶ record.Shard
//	 (open)             ▲  ▲                               │
//	                    │  └── Follow: the flow's next ────┤
//	                    └── closed: at once, or later ─────┘
//
// In an open loop a latency is counted from the moment at which the request was due, not from the one at which the
// driver came round to sending it. So a target that stalls, or a driver that falls behind, shows in the figures and is
// not left out of them (no coordinated omission). How late the driver was by itself is recorded beside it.
//
// A request that was due in the measured window counts, once, with the time that its caller waited, whatever came of
// it: approved, declined, refused by its code, lost with its connection, without an answer until its caller gave it up,
// or never sent. What comes after the window stretches no rate. Memory is bounded by the number of slots.
//
// What is driven is a [Target]; those here speak the gateway protocol. Around this package: arrival says when requests
// are due, record keeps what came of them, judge says what that is worth, clients connects, steady puts a run together.
// It is not a check of what the answers say: package day is.
package loadgen
