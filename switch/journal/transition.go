package journal

import (
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
	// Events tell followers of the change; Commit fills in each one's Position and Payment.
	Events []Event
	// Timers are moments at which the payment is to be looked at, Fired those at which it was: see Timer.
	Timers, Fired []time.Time
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
	// zero: the key was burned by a reversal that named it before it was used, or is that reversal's own
	Payment payment.ID
	Op      int
	MAC     [16]byte
	Claimed time.Time
}

// SAFRef names a store-and-forward row.
type SAFRef struct {
	Host string // whose queue it stands in
	Seq  uint64
}

// SAFRow is an advice that waits for the issuer's acknowledgement. What is sent is rebuilt from the payment's record.
type SAFRow struct {
	SAFRef
	Payment payment.ID
	Op      int
	Node    uint32 // the owner
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

// Timer is a moment at which a payment is to be looked at, whatever has become of it by then. It stands until it is
// fired: taken away by a transition of its payment, or by SetTimers.
type Timer struct {
	At      time.Time
	Payment payment.ID
	// Window says that what may be due then is the end of the payment's capture window and nothing else, so that it can
	// be passed over unread. It does not name a timer: At and Payment do. Timers from before it was kept have it not set.
	Window bool
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

// Day is the record of a business date. Data is JSON that package cutover writes: the files with their ids and
// settings.
type Day struct {
	Date  payment.Date
	State DayState
	Data  []byte
}

// IntentRef names an operation whose intent is stored and whose outcome is not.
type IntentRef struct {
	Payment payment.ID
	Op      int
}
