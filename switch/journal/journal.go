// Package journal is the contract of what keeps every payment durably.
//
// [Journal.Commit] takes one [Transition] of one payment and returns when it is durable, or says why it is not done;
// [Journal.CommitAll] takes many at once, each for itself. All batching hides behind them. An engine guarantees that a
// transition is applied whole or not at all, that a version, a key or a closed day is checked against everything
// committed before it, that no transition that breaks I7 is taken unlooked at ([Money]), that nothing read through it
// could still be lost, and I14: after the first failed write or sync the process stops and nothing more is
// acknowledged.
//
// The engines are folders of this one: pebble, on one machine's disk, and memory, for tests. Package journaltest holds
// each against all that is promised here. Package record has the bytes of what is kept, which docs/journal.md
// describes.
//
// It is not a state machine: what a transition means is the caller's (packages payment and flow).
//
// Read journal.go first, then transition.go and errors.go; check.go is what every engine refuses.
package journal

import (
	"context"
	"time"

	"switchyard/switch/clock"
	"switchyard/switch/payment"
)

// Journal is durable storage of payments. All methods are safe for concurrent use.
//
// Reads return only what is durable, and look at one moment. Once the journal is closed they return ErrClosed. One that
// calls yield does so until it returns false, and ends with ctx's error once ctx has ended; one that looks up a single
// record may answer all the same.
type Journal interface {
	// Commit applies one transition and returns when it is synced: nil, ErrVersion, *KeyTakenError, ErrDayClosed,
	// ErrUnknown, ErrClosed, or *BrokenError where the payment breaks I7 (looked at first, and an alarm each time); any
	// other error says what of the transition cannot be stored. A taken key goes before a
	// wrong version, that before a closed day. A presentment is refused with ErrDayClosed on a date that is sealed or
	// was never opened, whatever Day and Unsealed say. When ctx ends before the transition was taken into a group its
	// error is returned and nothing is applied; once taken, Commit waits for the sync whatever ctx says.
	Commit(ctx context.Context, t *Transition) error
	// CommitAll hands over many transitions at once and returns when the last of them is synced: errs, as long as ts, is
	// given what Commit would have returned for each. Each stands for itself: it is checked against those before it in
	// the slice, whatever comes between them, and one that is refused holds up none. When ctx ends each is as Commit's:
	// those that were not taken into a group yet have its error and are not applied. The slices are the caller's again
	// afterwards.
	CommitAll(ctx context.Context, ts []*Transition, errs []error)
	// BurnKey claims a key for nothing (see KeyEntry.Payment); *KeyTakenError if it is taken. The claim's Op is of no
	// account.
	BurnKey(ctx context.Context, claim KeyClaim) error

	// Payment and Key return ErrNotFound for what is not there.
	Payment(ctx context.Context, id payment.ID) (*payment.Payment, error)
	Key(ctx context.Context, merchant, key string) (KeyEntry, error)
	// ByReference lists a merchant's payments with a reference, newest first.
	ByReference(ctx context.Context, merchant, reference string, limit int) (ids []payment.ID, more bool, err error)
	// Payments calls yield for each payment after a given id (zero: from the first) in the order of ids.
	Payments(ctx context.Context, after payment.ID, yield func(*payment.Payment) bool) error
	// Walk begins to read many payments, one after the other. The caller closes it.
	Walk() Walk
	// OpenIntents lists the intents without an outcome, as found when the journal was opened.
	OpenIntents(ctx context.Context) ([]IntentRef, error)

	// SAF calls yield for the rows of a queue from a sequence on, in their order; SAFHosts lists the queues that have
	// rows.
	SAF(ctx context.Context, host string, from uint64, yield func(SAFRow) bool) error
	SAFHosts(ctx context.Context) ([]string, error)

	// Reserve takes n numbers, at least one, from a durable counter and returns the first; a new counter begins at 1 and
	// none passes 2^64-1.
	Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error)
	// PutMeta and Meta keep a small named value. ErrNotFound for one that was never put.
	PutMeta(ctx context.Context, name string, value []byte) error
	Meta(ctx context.Context, name string) ([]byte, error)
	// Metas calls yield for the values whose names begin with prefix, in the order of these.
	Metas(ctx context.Context, prefix string, yield func(name string, value []byte) bool) error

	// OpenDay returns the open business date, 0 in a new journal. It asks no disk: Commit's Day is what decides.
	OpenDay() payment.Date
	// Cutover opens next and sets the open date to closing; it fails with ErrDayClosed if from is not the open one, or
	// next
	// was opened before: no date opens twice. next may be earlier than from, where that was opened by a wrong clock. In a
	// new journal from is 0.
	Cutover(ctx context.Context, from, next payment.Date) error
	// SetDay moves a closing day to sealed, or a sealed one to written, with its data, or replaces a sealed one's; any
	// other move is ErrDayClosed. Once it is sealed no presentment enters or leaves a day: read Presentments after
	// SetDay has returned.
	SetDay(ctx context.Context, d Day) error
	// Day returns a date's record, ErrNotFound for one that was never opened; Days calls yield for each in their order.
	Day(ctx context.Context, date payment.Date) (Day, error)
	Days(ctx context.Context, yield func(Day) bool) error
	// Amend rewrites the data of presentments that stand, all or none: ErrNotFound if one of them does not, ErrDayClosed
	// if its date is sealed.
	Amend(ctx context.Context, rows ...Presentment) error
	// Presentments calls yield for a date's presentments in the order of destination, payment and operation.
	Presentments(ctx context.Context, date payment.Date, yield func(Presentment) bool) error
	// Presentment returns one, ErrNotFound where its date does not hold it.
	Presentment(ctx context.Context, ref PresentmentRef) (Presentment, error)

	// Timers calls yield for the timers behind one, the zero Timer for all, up to a moment, in the order of their times
	// and then of payments. SetTimers adds some and takes others away, at most MaxTimers together, all or none; to add one
	// that stands, or take away one that does not, is nothing.
	Timers(ctx context.Context, behind Timer, until time.Time, yield func(Timer) bool) error
	SetTimers(ctx context.Context, set, fired []Timer) error

	// SweepKeys deletes idempotency keys claimed before a moment, at most limit (1 to MaxSweep), and returns how many. It
	// looks at a bounded stretch of what was committed a call; more says that there may be others behind it.
	SweepKeys(ctx context.Context, before time.Time, limit int) (swept int, more bool, err error)
	// Events calls yield for the events from a position on, in commit order, and returns the position to go on from. Those
	// that were swept do not come.
	Events(ctx context.Context, from uint64, yield func(Event) bool) (next uint64, err error)
	// SweepEvents deletes events below a position that every follower is past, at most limit (1 to MaxSweep), and returns
	// how many; more says that there are others. Until then they are kept.
	SweepEvents(ctx context.Context, below uint64, limit int) (swept int, more bool, err error)

	Acts

	// Close refuses everything from now on with ErrClosed, waits for what was taken before, and gives everything back.
	// Closing twice is ErrClosed.
	Close() error
}

// Walk reads payments by their ids, fastest where these rise: then each is found from the one before it. It looks at
// one moment, that of its first read. It is for one goroutine.
type Walk interface {
	// Payment is Journal.Payment. What it returns is the walk's and holds until the next call, but for its texts:
	// whoever changes a payment reads one of its own.
	Payment(id payment.ID) (*payment.Payment, error)
	// Close ends the walk.
	Close() error
}

// Past is what a journal knows of the time before it was opened.
type Past interface {
	// Seen returns what the clock had shown, zero in a new journal. KeepTime writes what it shows now, for the next
	// start; commits write it along, at most once a second.
	Seen() clock.Seen
	KeepTime(ctx context.Context) error
	// LastCommit is the time of the newest commit, the zero time if there was none.
	LastCommit() time.Time
	// NewestPayment returns the highest counter of this node's payments, 0 if there is none.
	NewestPayment(ctx context.Context) (counter uint64, err error)
	// CounterNames lists the counters that numbers were ever taken from, sorted.
	CounterNames(ctx context.Context) ([]string, error)
}

// Engine is a journal that a whole switch runs on.
type Engine interface {
	Journal
	Past
	Held
	// Backup writes a copy to a new folder and returns the position of the newest commit in it.
	Backup(dir string) (position uint64, err error)
}
