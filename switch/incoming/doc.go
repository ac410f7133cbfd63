// Package incoming takes the files that a clearing system sends back and moves the presentments that their records are
// about: rejected (1644/691 with the record behind it, 1644/699 a whole file), charged back (1442/450, 453), settled
// (1644/685). What it books is an operation of the payment, [payment.KindReject] and the like, which names its record.
//
//	folder, Receive ─▶ looked through: framing, totals, member, mode ─▶ known? ─▶ records ─▶ payments
//	                          └─▶ refused: nothing is changed                        └─▶ exceptions
//
// It guarantees I18: a record is applied once, to the payment that it names or to none. A file is known by its PDS0105
// and SHA-256, a record by PDS0105 and DE71, which stands in the operation that it became; so a crash between any two
// records is gone on from, and what was applied is found and not applied again. A file that is refused changes nothing.
// What no payment is found for, and what goes beyond what was presented, is kept as an exception, never passed over. It
// reads a file as a stream, twice.
//
// It is not the issuer's judge: whether a chargeback is right is for people. And it sends nothing.
//
// Read desk.go first, then inspect.go, reading.go, apply.go, find.go, whole.go; waiting.go is what is out although it
// waits in a journal that was put back, store.go what the journal keeps, watch.go the folder. search.go looks for what
// no RRN leads to.
package incoming
