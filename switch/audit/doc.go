// Package audit holds three books against each other, payment by payment: what the switch's journal says, what the
// issuer's ledger says, and what the clearing files say.
//
//	switch's journal ──(NDJSON, twice)──┐
//	issuer's authorizations and ledger ─┼─▶ Run ─▶ Report: differences, totals, what is apart
//	clearing files (IPM) ───────────────┘
//
// It is written from the rules of the books and not from the switch's code: it parses the exports into types of its own,
// adds a payment up by rules of its own and imports neither flow nor payment, so that a mistake there does not excuse
// itself here. The one thing it shares with the switch is the reader of the file format.
//
// It guarantees that each payment, each authorization, increment and posting at the issuer, and each presentment of a
// file is looked at: it agrees with its counterparts, or it is a [Difference], or it is listed apart with the reason.
// Apart are payments with a message on its way, payments that changed while the books were read, advices that a person
// closed, and operations whose business date has no files yet.
//
// The books may be read while the switch works. The journal is read first and last: a payment with the same version in
// both was at rest while the issuer's book and the files were read between, and only those are compared.
//
// It is not a repair tool: it changes nothing. It reads card numbers from the files, keeps and prints their masks only
// (I12).
//
// Memory: the issuer's book and the files are held, the journal streams past them. A payment with one capture takes
// about 800 bytes and 40 µs (BenchmarkRun), so a million payments take 0.8 GB, beside what the garbage collector leaves
// lying, and less than a minute.
package audit
