// Package record is what is known of a load run: how it was set up, what came of each request, second by second and
// operation by operation, and the verdict on it.
//
//	driver ─Due, Sent, Done─▶ Shard ─256 at a time─▶ Recorder ─▶ Snapshot: live view
//	                                                    └─Finish─▶ Run: file, reports
//
// It guarantees that figures mean this:
//
//   - A request counts if it was due in the window, with the time that its caller waited from that moment on, whatever
//     came of it: one without an answer as well, with the time until it was given up.
//   - Rates are over the window and nothing else. What comes after it, while answers are waited for, stretches nothing.
//   - What belongs to the warm-up, and to what was never sent, is kept apart.
//   - What was not measured is absent. It is never 0.
//   - In an open loop each request that was due has one outcome, or [Run.Unaccounted] says how many have none,
//     or more than one.
//
// It sends nothing, and it does not judge: the engine does (package loadgen). Times of a run are offsets from the
// moment at which driving began, of the monotonic clock; in a [Run] they are counted from the window's first moment, so
// that the warm-up is before 0.
package record
