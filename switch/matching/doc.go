// Package matching holds what the journal presented on a business date, record by record, against the clearing files
// that went out, against the files that came back, and against what the bank paid.
//
//	journal ─── presented ─── files out ─┬─ rejected ───── 1644/691, 699 ─┐
//	   └─ charged back ──────────────────┼──────────────── 1442           ├─ files in
//	                                     └─ settled ────── 1644/685       │
//	                                                        └─ netted ─── 1644/688 ─── paid ─── the bank's advice
//
// Each of these is a [Relation]. What fits is matched, one to many where it has to be: a 685 to the presentments of a
// file, several 685s to a 688, several rows of an advice to one. What does not is an exception, with its reasons:
// field, ours, theirs. One is late if it is a matter of time, since the other side has it on a date nearby or may still
// have it come, and wrong else.
//
// It guarantees that each record of each side is counted once in a relation. It reads streams and sorts them by
// acquirer reference outside of memory; what has no partner there is kept, up to a bound, and looked for by RRN,
// authorization code and amount and on the dates nearby. It books nothing, and asks nobody: it is no judge of who is
// right.
//
// What somebody has matched by hand is told as that, by whom and why, as long as it is as it was then.
//
// Read run.go first, then row.go, records.go, elsewhere.go, came.go, sums.go, advice.go, manual.go; match.go is what is
// told.
package matching
