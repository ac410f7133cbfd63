// Package day drives a realistic business day through a gateway and checks every answer.
//
// A payment is planned from the seed and its number alone ([Plan.Payment]), so a run can be repeated and what the
// switch should answer is known beforehand, to the minor unit. [Run] plays each payment as straight-line code, a
// request at a time, and holds every field that matters of every answer against the plan: outcome, code, status and
// sums. About one payment in a hundred sends each of its requests twice, to see that it happens once (I3), and is
// looked up again at the end.
//
// The [Book] that comes out is the driver's own account of the day. What it says was captured, sold and refunded must
// be found again, to the unit, in the clearing files.
//
// The day can be played through failures as well: an issuer that leaves requests unanswered (Options.Faults), a switch
// and an issuer that are killed and come back (Options.Outage). What is then sent again and followed is what a careful
// gateway would; afterwards [Book.Recheck] asks for everything that was ever answered, by its key.
//
// It guarantees that a mismatch is counted and named by its payment; it does not look into the journal or the issuer's
// ledger: the audit does that.
package day
