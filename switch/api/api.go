// Package api holds the typed requests and answers of Switchyard's flows.
//
// It is what a door (JSON lines over TCP today, see package front) translates to and from, and what package flow
// serves. It knows neither JSON nor ISO 8583 nor how a caller says who it is, does no I/O, and imports nothing else
// of the switch.
//
// A [Request] is one flat struct for all operations. The door records in [Request.Present] which fields the caller
// sent; [Request.Validate] then holds the request against the table in fields.go: a field that the operation does not
// take, a missing one and a malformed one are all an [Error] that names the field. A request that Validate let pass is
// well-formed; whether it is allowed (state of the payment, merchant, amounts left) is the flow's to say.
package api

import (
	"context"
	"time"
)

// Op is an operation of the gateway protocol. Its number stands in the MAC that a key is stored with, so numbers are
// never given anew.
type Op uint8

// The operations. The zero value is no operation.
const (
	OpNone      Op = 0
	OpAuthorize Op = 1
	OpSale      Op = 2
	OpVerify    Op = 3
	OpIncrement Op = 4
	OpCapture   Op = 5
	OpReverse   Op = 6
	OpVoid      Op = 7
	OpRefund    Op = 8
	OpStatus    Op = 9
	OpPing      Op = 10
	// 11 was hello, which is no request but how a connection of the gateway protocol says who it is.
	OpCredit Op = 12
	OpCount  Op = 13 // one more than the largest that was ever given
)

// opNames has no name for a number that is not in use.
var opNames = [OpCount]string{
	"", "authorize", "sale", "verify", "increment", "capture", "reverse", "void", "refund", "status", "ping", "", "credit",
}

// Ops lists the operations by their numbers.
func Ops() []Op {
	var ops []Op
	for op := range OpCount {
		if opNames[op] != "" {
			ops = append(ops, op)
		}
	}
	return ops
}

// String returns the operation's name on the wire.
func (o Op) String() string {
	if o >= OpCount {
		return ""
	}
	return opNames[o]
}

// ParseOp finds an operation by its name on the wire.
func ParseOp(name string) (Op, bool) {
	for op := OpAuthorize; op < OpCount; op++ {
		if opNames[op] == name && name != "" {
			return op, true
		}
	}
	return OpNone, false
}

// Request is one request of a gateway. Strings are printable ASCII once Validate has passed.
type Request struct {
	ID      string // echoed, at most MaxID bytes
	Op      Op
	Present FieldSet // the fields that the caller sent, null ones left out

	Key      string // idempotency key, unique a merchant
	Merchant string // DE42
	Terminal string // DE41
	// Amount is in minor units of Currency, 1 to MaxAmountMinor.
	Amount    int64
	Currency  string // ISO 4217 letters
	Card      Card
	Entry     Entry
	Reference string // the merchant's own, for example an order number
	Partial   bool   // the issuer may approve less (DE39 10)
	Initiator Initiator
	NetworkID string // trace id of an earlier payment, for stored credentials
	ThreeDS   ThreeDS
	Address   Address
	EMV       string // DE55 as hex text

	Payment string // payment id
	Final   bool   // this capture is the last: release the rest
	OfKey   string // the key of the request to reverse
	Capture string // id of the capture to void; CaptureImmediate with an authorization
	// CaptureAfter asks with an authorization that the switch captures it, so long after it was made.
	CaptureAfter time.Duration
	AuthCode     string // DE38 of an authorization obtained elsewhere
}

// CapturedBySwitch tells whether an authorization asks the switch to capture it.
func (r *Request) CapturedBySwitch() bool { return r.Op == OpAuthorize && r.Present.Has(FieldCapture) }

// Card is the card of a request. CVC and Track2 pass through memory only (I12).
type Card struct {
	Number   string // PAN, 12 to 19 digits with a valid Luhn digit
	Expiry   string // YYMM
	CVC      string // 3 or 4 digits
	Sequence string // DE23, up to 3 digits
	Track2   string // DE35, up to 37 characters
}

// ThreeDS carries the outcome of a 3-D Secure authentication.
type ThreeDS struct {
	Version         string
	ECI             string
	CAVV            string
	DSTransactionID string
}

// Address is the cardholder's, for address verification.
type Address struct {
	Line       string
	PostalCode string
	Country    string
}

// Entry says how the card's data was obtained; it becomes DE22 and DE25. Its number stands in stored payments and in
// the MACs of keys, so numbers are never given anew.
type Entry uint8

// The entry modes.
const (
	EntryEcommerce   Entry = 0 // the default
	EntryMOTO        Entry = 1
	EntryStored      Entry = 2
	EntryManual      Entry = 3
	EntryChip        Entry = 4
	EntryContactless Entry = 5
	EntryMagstripe   Entry = 6
	entryCount       Entry = 7
)

var entryNames = [entryCount]string{"ecommerce", "moto", "stored", "manual", "chip", "contactless", "magstripe"}

// String returns the entry mode's name on the wire.
func (e Entry) String() string {
	if e >= entryCount {
		return ""
	}
	return entryNames[e]
}

// ParseEntry finds an entry mode by its name on the wire.
func ParseEntry(name string) (Entry, bool) {
	for e := range entryCount {
		if entryNames[e] == name {
			return e, true
		}
	}
	return 0, false
}

// Initiator says who started the payment. Its number stands in stored payments and in the MACs of keys, like an
// Entry's.
type Initiator uint8

// The initiators.
const (
	InitiatorCardholder Initiator = 0 // the default
	InitiatorMerchant   Initiator = 1 // a merchant-initiated payment with stored credentials
)

// String returns the initiator's name on the wire.
func (i Initiator) String() string {
	if i == InitiatorMerchant {
		return "merchant"
	}
	return "cardholder"
}

// ParseInitiator finds an initiator by its name on the wire.
func ParseInitiator(name string) (Initiator, bool) {
	switch name {
	case "cardholder":
		return InitiatorCardholder, true
	case "merchant":
		return InitiatorMerchant, true
	}
	return 0, false
}

// Status is where a payment stands. Values of the wire; the list may grow.
type Status string

// The statuses, in the order in which the first that fits is taken.
const (
	StatusPending           Status = "pending" // the first request is at the issuer, no outcome yet
	StatusReversing         Status = "reversing"
	StatusDeclined          Status = "declined"
	StatusFailed            Status = "failed"
	StatusVerified          Status = "verified"
	StatusCredited          Status = "credited"
	StatusReversed          Status = "reversed"
	StatusExpired           Status = "expired"
	StatusChargedBack       Status = "charged_back"
	StatusRefunded          Status = "refunded"
	StatusPartiallyRefunded Status = "partially_refunded"
	StatusCaptured          Status = "captured"
	StatusPartiallyCaptured Status = "partially_captured"
	StatusAuthorized        Status = "authorized"
)

// Answer is the answer to one request. When Err is set nothing else but ID and Op is.
type Answer struct {
	ID  string
	Op  Op
	Err *Error

	Payment      string
	Status       Status
	Approved     bool   // the operation's
	ResponseCode string // DE39 of the operation, "" where none was received
	Reason       string // ResponseCode or refusal in words
	AuthCode     string // DE38
	RRN          string // DE37
	STAN         string // DE11
	NetworkID    string
	AVS          string
	CVCResult    string
	Amount       int64  // the operation's, minor units of Currency
	Currency     string // ISO 4217 letters

	// Sums of the payment, minor units. Capturable = Authorized − Released − Captured; Refundable = Captured − Refunded −
	// ChargedBack, and not below 0.
	Authorized, Released, Captured, Refunded, ChargedBack, Capturable, Refundable int64

	BusinessDate string // YYYY-MM-DD, of an operation that clears
	Created      time.Time
	Replayed     bool // the answer to a repeat of an earlier key
	NoIntent     bool // nothing was begun for it, as for a status; not sent

	Capture string // id of the capture just made
	Refund  string // id of the refund just made

	History  []HistoryItem // status of one payment
	Payments []Answer      // status by reference, newest first, at most MaxListed
	More     bool          // Payments was cut
}

// HistoryItem is one operation of a payment's history.
type HistoryItem struct {
	At           time.Time
	Op           string // the wire's name of the operation, or of what the switch does by itself: see payment.KindRow
	State        string // pending, queued, approved, declined, failed, unknown, parked, closed
	Key          string
	Amount       int64
	Approved     bool
	ResponseCode string
	RRN          string
	STAN         string
	Capture      string
	Refund       string
	Automatic    bool // a capture by the switch, as the authorization asked for it
	PastWindow   bool // a capture past the capture window
	// CaptureCancelled is of an authorization that asked the switch for a capture which it does not make any more.
	CaptureCancelled bool
	// Presentment is where what stands in a clearing file has got to: presented, rejected, settled, charged_back.
	Presentment string
}

// CaptureImmediate is Request.Capture of an authorization that the switch captures at once.
const CaptureImmediate = "immediate"

// Bounds of the protocol.
const (
	MaxCaptureAfter = 35 * 24 * time.Hour // no capture window is longer

	MaxID          = 64
	MaxKey         = 64
	MaxMerchant    = 15              // DE42
	MaxTerminal    = 8               // DE41
	MaxNetworkID   = 29              // bytes: what the shortest DE48 of a stock dialect holds beside all else
	MaxReference   = 64              // bytes
	MaxAmountMinor = 999_999_999_999 // DE4, twelve digits
	MaxListed      = 100             // payments in an answer to status by reference
)

// Caller is who sent a request: the gateway, as package front identified it.
type Caller struct {
	// Gateway is the configured name, or "" where no list of gateways is configured (loopback only).
	Gateway string
	// Merchants are the ids that the gateway may act for; nil means any.
	Merchants map[string]bool
}

// MayActFor tells whether the caller may act for a merchant.
func (c *Caller) MayActFor(merchant string) bool { return c.Merchants == nil || c.Merchants[merchant] }

// Handler serves requests. req has passed Validate, and the caller may act for the merchant that it names: both is
// package front's to hold, once and for every door. Nobody changes req before it is answered. A handler keeps nothing
// of it: its strings share one piece of memory with the card's data, so what outlives the request is cloned
// (strings.Clone). The answer's ID and Op are the caller's to fill in. ctx may end with the caller or with the process:
// what was sent to an issuer is seen through all the same.
type Handler interface {
	// Handle blocks until the answer is durable and may be called from any number of goroutines.
	Handle(ctx context.Context, caller *Caller, req *Request) Answer
	// Take serves many requests at once, each for itself. It returns soon, and the answers come later, in any order and
	// from any goroutine. calls is not kept, its elements are.
	Take(ctx context.Context, calls []*Call)
}

// Call is a request that somebody waits for without a goroutine.
type Call struct {
	Caller  *Caller
	Request *Request
	To      Asker
}

// Asker takes the answer to a Call. Neither method may block.
type Asker interface {
	// Answered is called once; a is not to be kept.
	Answered(a *Answer)
	// Flush is called once after it, when no other answers follow at this moment: what Answered wrote is to be sent now.
	// The call is done then.
	Flush()
}
