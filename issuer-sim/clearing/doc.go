// Package clearing is the clearing system that stands between the acquirer and the issuer's books: it takes the files
// of its members, settles each presentment once, answers in files of its own, charges back, and tells at the end of a
// window what each member is owed.
//
//	a member's file ─▶ spool ─▶ inspect (all) ─▶ judge (a record) ─▶ books ─▶ answer: 691, 699, 685
//	rules, orders ─▶ chargebacks, requests, fees ─▶ books ─▶ end of the window: 1442, 603, 1740, 688
//
// Read first: desk.go (what there is), intake.go (the way of a file), inspect.go, judge.go, answer.go (how files are
// made), window.go, schedule.go (when it ends), orders.go, terms.go (conversion, fees), watch.go (the watched folder).
//
// A file is looked through as a whole before anything is done, and read as a stream both times: what is refused as a
// whole changes nothing. Then each record stands for itself. One that was cut short by a crash may be handed in again:
// what it did is found done. An answer is written whole and synced under a temporary name before the log says that it
// is made, and renamed after that; so an id is given once and no answer comes twice or half.
//
// The format is of package switch/clearing, the one thing beside the dialects that the issuer shares with the switch.
package clearing
