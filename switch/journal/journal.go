// Package journal keeps every payment durably.
//
// It is an interface and its Pebble form. [Journal.Commit] takes one [Transition] of one payment and returns when it is
// synced to disk, or says why it is not done; all batching hides behind it: one committer takes the waiting transitions
// (bounded), writes them as one Pebble batch, syncs once and wakes them all.
//
// It guarantees that a transition is applied whole or not at all, that a version, a key or a closed day is checked
// against everything committed before it (transitions of the same group included), that nothing read through it is not
// yet synced, and I14: after the first failed write or sync the process stops through the fatal hook and nothing more
// is acknowledged.
//
// It is not a state machine: what a transition means is the caller's (packages payment and flow). It is the one package
// that imports Pebble. Its records are described byte by byte in docs/journal.md.
package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/payment"
)

// Transition is one change of one payment. The journal encodes it when Commit is called and keeps nothing of it.
type Transition struct {
	// Payment is the payment as it is after the change, with Version = the version before + 1 (1: a new payment).
	Payment *payment.Payment
	// Keys are claimed for this payment; the transition fails with KeyTakenError if one is taken.
	Keys []KeyClaim
	// Opens and Closes list operations (indexes) whose intent this transition opens or closes; OpenIntents finds the
	// open ones after a restart.
	Opens, Closes []int
	// Queue holds new store-and-forward rows; Commit fills in each row's Seq. Dequeue deletes rows.
	Queue   []SAFRow
	Dequeue []SAFRef
	// Day, if not zero, must be the open business date, else ErrDayClosed.
	Day payment.Date
	// Unsealed, if not zero, must not be sealed, else ErrDayClosed.
	Unsealed payment.Date
	// Present adds presentments to their business date; Withdraw removes them.
	Present  []Presentment
	Withdraw []PresentmentRef
	// EvenBroken stores a payment that breaks I7 all the same, with the alarm: for what was received and must not be
	// lost, and for what moves no money.
	EvenBroken bool
}

// KeyClaim claims an idempotency key of a merchant.
type KeyClaim struct {
	Merchant, Key string
	Op            int      // the operation it names
	MAC           [16]byte // of the request's body
}

// KeyEntry is what a claimed key stands for.
type KeyEntry struct {
	Payment payment.ID // zero: the key was burned by a reversal that named it before it was used, or is that reversal's own
	Op      int
	MAC     [16]byte
	Claimed time.Time
}

// SAFRef names a store-and-forward row.
type SAFRef struct {
	Host string // the queue: one a host group (route)
	Seq  uint64
}

// SAFRow is an advice that waits for the issuer's acknowledgement. What is sent is rebuilt from the payment's record.
type SAFRow struct {
	SAFRef
	Payment payment.ID
	Op      int
	Node    uint32    // the owner
	Lease   time.Time // until when it owns the row; zero: for good (one node)
	Queued  time.Time
	Parked  bool   // refused for good; waits for a person
	Reason  string // why it is parked: DE39 or words; no card data
}

// PresentmentRef names a presentment: an operation in the clearing of a business date towards a destination.
type PresentmentRef struct {
	Date        payment.Date
	Destination string
	Payment     payment.ID
	Op          int
}

// Presentment is a presentment with the merchant data and settings fixed when it was accepted; package cutover encodes
// Data and reads it again, the journal only keeps it.
type Presentment struct {
	PresentmentRef
	Data []byte
}

// DayState is where a business date stands.
type DayState uint8

// The states of a business date.
const (
	DayOpen    DayState = 1 // takes captures
	DayClosing DayState = 2 // takes none; waits for sales and refunds without an outcome
	DaySealed  DayState = 3 // its presentments are fixed; files are being written
	DayWritten DayState = 4 // its files stand under their final names
)

// Day is the record of a business date. Data is JSON that package cutover writes: the files with their ids and settings.
type Day struct {
	Date  payment.Date
	State DayState
	Data  []byte
}

// The errors of Commit. Each leaves nothing of its transition behind.
var (
	ErrVersion   = errors.New("journal: the payment has another version")
	ErrDayClosed = errors.New("journal: the business date is closed")
	// ErrUnknown says that nobody knows whether the transition was applied: the caller re-reads by id and version.
	// Pebble never returns it.
	ErrUnknown = errors.New("journal: outcome unknown")
	ErrClosed  = errors.New("journal: closed")
	// ErrNotFound is returned by reads.
	ErrNotFound = errors.New("journal: not found")
)

// KeyTakenError says which claim was refused and what holds the key.
type KeyTakenError struct {
	Claim KeyClaim
	Holds KeyEntry
}

// Error implements error.
func (e *KeyTakenError) Error() string {
	return fmt.Sprintf("journal: key %q of merchant %q is taken", e.Claim.Key, e.Claim.Merchant)
}

// IntentRef names an operation whose intent is stored and whose outcome is not.
type IntentRef struct {
	Payment payment.ID
	Op      int
}

// Journal is durable storage of payments. All methods are safe for concurrent use. Reads return only what is synced.
type Journal interface {
	// Commit applies one transition and returns when it is synced: nil, ErrVersion, *KeyTakenError, ErrDayClosed,
	// ErrUnknown, ErrClosed, or *BrokenError where the payment breaks I7 (looked at first, and an alarm each time); any
	// other error says what of the transition cannot be stored. A taken key goes before a
	// wrong version, that before a closed day. A presentment is refused with ErrDayClosed on a date that is sealed or
	// was never opened, whatever Day and Unsealed say. When ctx ends before the transition was taken into a group its
	// error is returned and nothing is applied; once taken, Commit waits for the sync whatever ctx says.
	Commit(ctx context.Context, t *Transition) error
	// BurnKey claims a key for nothing (see KeyEntry.Payment); *KeyTakenError if it is taken. The claim's Op is of no account.
	BurnKey(ctx context.Context, claim KeyClaim) error

	Payment(id payment.ID) (*payment.Payment, error)
	Key(merchant, key string) (KeyEntry, error)
	// ByReference lists a merchant's payments with a reference, newest first.
	ByReference(merchant, reference string, limit int) (ids []payment.ID, more bool, err error)
	// Payments calls yield for each payment after a given id (zero: from the first) in the order of ids, on a snapshot, until it returns false.
	Payments(after payment.ID, yield func(*payment.Payment) bool) error
	// OpenIntents lists the intents without an outcome, as found when the journal was opened.
	OpenIntents() ([]IntentRef, error)

	// SAF calls yield for the rows of a queue from a sequence on; Hosts lists the queues that have rows.
	SAF(host string, from uint64, yield func(SAFRow) bool) error
	SAFHosts() ([]string, error)
	// UpdateSAF rewrites rows in place (parking, leases), all or none: ErrNotFound if one has been dequeued.
	UpdateSAF(ctx context.Context, rows ...SAFRow) error

	// Reserve takes n numbers from a durable counter, synced, and returns the first; a new counter begins at 1.
	Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error)
	// PutMeta and Meta keep a small named value, synced.
	PutMeta(ctx context.Context, name string, value []byte) error
	Meta(name string) ([]byte, error)

	// OpenDay returns the open business date, 0 in a new journal. Cutover opens next and sets the open one to closing;
	// it fails with ErrDayClosed if from is not the open one, or next was opened before: no date opens twice. next may be
	// earlier than from, where that was opened by a wrong clock. In a new journal from is 0.
	OpenDay() payment.Date
	Cutover(ctx context.Context, from, next payment.Date) error
	// SetDay moves a closing day to sealed, or a sealed one to written, with its data, or replaces a sealed one's; any
	// other move is ErrDayClosed. Once it is sealed no presentment enters or leaves a day: read Presentments after
	// SetDay has returned.
	SetDay(ctx context.Context, d Day) error
	Day(date payment.Date) (Day, error)
	Days(yield func(Day) bool) error
	// Amend rewrites the data of presentments that stand, all or none: ErrNotFound if one of them does not, ErrDayClosed
	// if its date is sealed.
	Amend(ctx context.Context, rows ...Presentment) error
	// Presentments calls yield for a date's presentments in the order of destination, payment and operation.
	Presentments(date payment.Date, yield func(Presentment) bool) error
	// Presentment returns one, ErrNotFound where its date does not hold it.
	Presentment(ref PresentmentRef) (Presentment, error)

	// Log calls yield for the commits from a position on, in commit order, and returns the next position.
	Log(from uint64, yield func(LogEntry) bool) (next uint64, err error)
	// SweepKeys deletes idempotency keys claimed before a moment, at most limit (1 to 10,000), and returns how many. It
	// looks at a bounded stretch of the log a call; more says that there may be others behind it.
	SweepKeys(ctx context.Context, before time.Time, limit int) (swept int, more bool, err error)
	// Checkpoint writes a consistent copy of the journal to a new directory while it runs; all that is synced is in it.
	Checkpoint(dir string) error
	Close() error
}

// LogEntry is one commit in commit order.
type LogEntry struct {
	Position uint64
	Payment  payment.ID
	Version  uint64
	Opens    []int
	Closes   []int
}
