// Package audit holds books against each other, payment by payment: what the switch's journal says, what the issuer's
// ledger says, what the clearing files say and, where they kept a log, what gateways were told.
//
//	switch's journal ──(NDJSON, twice)──┐
//	issuer's authorizations and ledger ─┤
//	clearing files (IPM, CSV, manifest) ┼─▶ Run ─▶ Report: differences, totals, what is apart
//	gateways' logs of answers ──────────┘
//
// Beside these it holds the record of what operators did against itself: its hashes chain, and none is missing.
//
// It is written from the rules of the books and not from the switch's code: it parses the exports into types of its
// own, adds a payment up by rules of its own, makes each element of a record by rules of its own, and imports neither
// flow nor payment, so that a mistake there does not excuse itself here. What it shares with the switch is the reader
// of the IPM format and how that format replaces letters that it cannot hold.
//
// It guarantees that each payment, each authorization, increment and posting at the issuer, each presentment of a file
// and each answer is looked at: it agrees with its counterparts, or it is a [Difference], or it is listed apart with
// the reason. Apart are payments with a message on its way, payments that changed while the books were read, advices
// that a person closed, operations whose business date has no files yet, and those of a date that has not come.
//
// The books may be read while the switch works. The journal is read first and last: a payment with the same version in
// both was at rest while the issuer's book, the logs and the files were read between, and only those are compared.
//
// Of a range of business dates ([Options].From and To) the journal's export holds the payments that clear on them, and
// of every other book only what belongs to them is asked for, or at least kept: docs/operations.md says what is read,
// and what then cannot be said. Of a range of payments (First and Last), such as those since the last audit of a busy
// switch, no file is read.
//
// It is not a repair tool: it changes nothing. It reads card numbers from the files, keeps and prints their masks only
// (I12). It asks no clock but for how long it took: ages are by the switch's.
//
// Memory: the issuer's book, the logs and the files are held, the journal streams past them. A payment with one capture
// takes about 870 bytes and 50 µs (BenchmarkRun), so a million payments take 0.9 GB, beside what the garbage collector
// leaves lying, and a minute; an answer in a log takes some 300 bytes more.
package audit
