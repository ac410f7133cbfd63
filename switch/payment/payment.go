// Package payment is the payment's state machine.
//
// A [Payment] is a list of operations in the order in which they were accepted; every sum and the status are folded
// from that list, so there is nothing that could disagree with it. The package is pure: no I/O, no clock, no
// randomness, no goroutine. Callers pass times in, hold a lock while they change a payment, and make the change durable
// themselves.
//
// It guarantees I7: an operation that would break captured + released ≤ authorized or refunded ≤ captured is refused by
// the Check functions, and [Payment.Invariant] holds after every change that they let pass.
//
// It is not the issuer's view of the money: what an issuer holds and has posted stands in its own ledger, and package
// audit holds the two against each other without using this package.
package payment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID is a payment's unique number: the node that made it (4 bytes, big endian) and that node's durable counter (8
// bytes, big endian). It is the nonce of the payment's sealed card as well, so it must never be given twice.
type ID [12]byte

// NewID makes an ID.
func NewID(node uint32, counter uint64) (id ID) {
	binary.BigEndian.PutUint32(id[:4], node)
	binary.BigEndian.PutUint64(id[4:], counter)
	return id
}

// Node returns the node that made the payment.
func (id ID) Node() uint32 { return binary.BigEndian.Uint32(id[:4]) }

// Counter returns the node's counter.
func (id ID) Counter() uint64 { return binary.BigEndian.Uint64(id[4:]) }

// IsZero tells whether the ID is unset.
func (id ID) IsZero() bool { return id == ID{} }

const (
	base36       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	idLen        = 12 // P, a node digit, ten digits of the counter
	idCounterLen = 10
)

// String returns the text form: P, the node as one base-36 digit, the counter as ten.
func (id ID) String() string { return string(id.AppendTo(nil)) }

// AppendTo appends the text form.
func (id ID) AppendTo(to []byte) []byte {
	var b [idLen]byte
	b[0] = 'P'
	b[1] = base36[id.Node()%36]
	n := id.Counter()
	for i := idLen - 1; i > 1; i-- {
		b[i] = base36[n%36]
		n /= 36
	}
	return append(to, b[:]...)
}

// OperationID names operation i of a payment, as a gateway is told a capture or refund: the payment's id and the
// operation's place in it.
func OperationID(of ID, i int) string { return of.String() + "-" + strconv.Itoa(i) }

// ErrID is returned for a text that is no payment id.
var ErrID = errors.New("no payment id: expected P and eleven digits or capital letters")

// ParseID reads the text form.
func ParseID(s string) (ID, error) {
	if len(s) != idLen || s[0] != 'P' {
		return ID{}, ErrID
	}
	var n uint64
	for i := 1; i < idLen; i++ {
		d := strings.IndexByte(base36, s[i])
		if d < 0 {
			return ID{}, ErrID
		}
		if i == 1 {
			continue
		}
		n = n*36 + uint64(d)
	}
	return NewID(uint32(strings.IndexByte(base36, s[1])), n), nil
}

// Date is a business date as YYYYMMDD; 0 is none.
type Date int32

// DateOf returns the calendar date of t in t's location.
func DateOf(t time.Time) Date { return Date(t.Year()*10000 + int(t.Month())*100 + t.Day()) }

// Time returns midnight UTC of the date.
func (d Date) Time() time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, time.UTC)
}

// Next returns the day after.
func (d Date) Next() Date { return DateOf(d.Time().AddDate(0, 0, 1)) }

// String returns YYYY-MM-DD, or "" for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", int(d)/10000, int(d)/100%100, int(d)%100)
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date: expected YYYY-MM-DD", s)
	}
	return DateOf(t), nil
}

// State is where an operation stands. Values stand in the journal: append only.
type State uint8

// The states.
const (
	StatePending  State = 1 // the intent is stored; the request may be at the issuer
	StateQueued   State = 2 // accepted; its advice is in the store-and-forward queue, not yet acknowledged
	StateApproved State = 3
	StateDeclined State = 4
	StateFailed   State = 5 // nothing was sent
	StateUnknown  State = 6 // no answer; a KindTimeoutReversal operation targets it
	StateParked   State = 7 // the issuer refused the advice for good: a person decides
	StateClosed   State = 8 // a person closed a parked advice
)

// StateCount is one more than the largest State.
const StateCount = 9

var stateNames = [StateCount]string{
	"", "pending", "queued", "approved", "declined", "failed", "unknown", "parked", "closed",
}

// String returns the name that histories and exports show.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state %d", uint8(s))
	}
	return stateNames[s]
}

// NoTarget is the Target of an operation that has none.
const NoTarget = -1

// MaxOps bounds the operations of one payment's record, whatever came of them. Each kind has bounds of its own well
// below it, see the Check functions.
const MaxOps = 2000

// Op is one operation of a payment. Amounts are minor units of the payment's currency.
type Op struct {
	Kind  Kind
	State State
	Key   string // the gateway's idempotency key; "" for the switch's own operations

	Amount  int64 // asked for
	Granted int64 // approved: Amount, or less with DE39 10; 0 until approved
	Target  int   // index of the operation that this one undoes, or NoTarget
	Number  int   // capture number within the payment, from 1; refund number for refunds
	Final   bool  // a capture after which nothing more comes; a void whose capture's hold is given up, too
	Stays   int64 // DE95: what stays authorized after a partial reversal or release

	At     time.Time // accepted
	DoneAt time.Time // outcome; zero until then

	// The message: identity towards the host, kept for repeats, reversals and the audit.
	Host string // the host, "" where no message is sent
	STAN uint32 // DE11, 1 to 999999
	DE7  string // transmission date and time, MMDDhhmmss
	RRN  string // DE37

	ResponseCode string // DE39
	AuthCode     string // DE38
	NetworkID    string
	AVS          string
	CVCResult    string
	Advised      bool   // it went, or goes, by store-and-forward: the gateway was answered before the issuer
	Late         string // DE39 of an answer that came after the deadline (I6), "" where none did

	Date Date   // business date of an operation that clears
	ARN  string // DE31 of its presentment
	// Source is the record of an incoming clearing file that an operation is: PDS0105, a slash and DE71; of what a person
	// decided about one who did; "" for others. Reason is why: DE25 of a chargeback, the entries of PDS0005 of a reject,
	// the words of who wrote off; of what makes a payment that its capture by the switch was cancelled.
	Source, Reason string
	// Carried is the later business date in whose clearing the presentment stands, 0 while it stands in Date's: its
	// record could not be built when its date was sealed, or its destination had no settlement on it.
	Carried Date
	// Window is in which of its destination's windows on that date it stands, from 1: the file of the window has it,
	// whether the date is sealed or not. 0 while it is left for the cutover.
	Window int

	// Of the operation that makes a payment: what holds of it later is fixed with it, as Payment.Expires is.
	CaptureAt time.Time // all of it is captured then by the switch; zero: a gateway captures
	ForcePost bool      // the end of the capture window gives nothing up, and captures are taken past it

	// Of a chargeback: the last business date in whose file what it took may stand a second time. 0: none was fixed.
	Due Date
	// Of a chargeback: DE95, by which the issuer tells those of one presentment apart; "" where its record has none, or
	// came before it was kept.
	IssuerReference string

	// Of a capture.
	Automatic  bool // the switch's own, by CaptureAt
	PastWindow bool // At is past the capture window
}

// Filed is the business date in whose clearing the operation's presentment stands.
func (op *Op) Filed() Date {
	if op.Carried != 0 {
		return op.Carried
	}
	return op.Date
}

// Clears is what a capture, sale or refund moves in clearing: a capture all that was asked for, a fact once accepted;
// the others what the issuer granted.
func (op *Op) Clears() int64 {
	if op.Kind.Fact() && op.Kind.Row().Captures {
		return op.Amount
	}
	return op.Granted
}

// Payment is one payment. The zero value is none.
type Payment struct {
	ID      ID
	Version uint64 // 1 after the first commit, one more with each

	Gateway   string // who made it; "" where gateways are not listed
	Merchant  string
	Terminal  string
	Currency  string // ISO 4217 letters
	Reference string
	Entry     uint8 // api.Entry
	Initiator uint8 // api.Initiator
	MCC       string
	Route     string // the route's name: the destination of its clearing
	ECI       string
	Sequence  string // DE23, card sequence
	EMV       string // stored tags of DE55, hex (I12)

	MaskedPAN  string   // first six and last four
	PANHash    [16]byte // keyed hash, for look-up
	SealKey    uint32   // which key sealed the card
	SealedCard []byte   // AES-256-GCM of PAN and expiry under the ID as nonce

	// What each message of the payment repeats, whatever the config says by then. Payments from before these were
	// recorded have them empty.
	Acquirer        string // DE32, and in DE90
	AcceptorName    string // DE43
	AcceptorCity    string
	AcceptorCountry string // ISO 3166 alpha-2

	Created time.Time
	Expires time.Time // the end of the capture window
	Ops     []Op
}

// Sums are a payment's money, minor units.
type Sums struct {
	Authorized, Released, Captured, Refunded int64
	ChargedBack                              int64 // of what was captured
}

// Capturable is what may still be captured.
func (s Sums) Capturable() int64 { return s.Authorized - s.Released - s.Captured }

// Refundable is what was captured and not paid back: nothing of what was charged back, which the cardholder has. See
// [Payment.Refundable] for what a refund may be of.
func (s Sums) Refundable() int64 { return max(0, -s.beyond()) }

// Excess is what the cardholder has been paid back beyond what was captured: a chargeback of what was refunded.
func (s Sums) Excess() int64 { return max(0, s.beyond()) }

func (s Sums) beyond() int64 { return s.Refunded + s.ChargedBack - s.Captured }
