package payment

import "fmt"

// Kind is the kind of an operation. Values stand in the journal: append only, and the row of each in kinds.
type Kind uint8

// The kinds.
const (
	KindNone            Kind = 0
	KindAuthorize       Kind = 1
	KindSale            Kind = 2
	KindVerify          Kind = 3 // amount 0
	KindVoice           Kind = 4 // an authorization obtained elsewhere, the root of a capture without payment
	KindIncrement       Kind = 5
	KindCapture         Kind = 6
	KindReverse         Kind = 7  // releases Amount; goes on as an advice if unanswered
	KindRelease         Kind = 8  // the rest after a final capture
	KindVoid            Kind = 9  // of a sale or capture, Target, before its date is sealed
	KindVoidPresentment Kind = 10 // a reversal presentment of Target in the next file
	KindRefund          Kind = 11
	KindTimeoutReversal Kind = 12 // undoes Target, whose outcome is unknown or unwanted
	KindStandIn         Kind = 13 // an authorization that the switch itself approved
	KindCredit          Kind = 14 // pays a cardholder, without a payment that it would pay back
	KindExpire          Kind = 15 // what is not captured when the capture window ends
	KindReject          Kind = 16 // the clearing system rejected the presentment of Target
	KindChargeback      Kind = 17 // the issuer charged the presentment of Target back
	KindSettle          Kind = 18 // the clearing system settles the presentment of Target
	KindResubmit        Kind = 19 // presents Target again, whose presentment was rejected
	KindWriteOff        Kind = 20 // gives the rejected presentment of Target up
	KindRepresent       Kind = 21 // presents a second time what Target, a chargeback, took
	KindAcceptDispute   Kind = 22 // accepts Target, a chargeback
)

// KindCount is one more than the largest Kind.
const KindCount = 23

// When is from which state on an operation counts in a payment's sums and in clearing.
type When uint8

// The values of When.
const (
	OnceApproved When = iota + 1 // by the issuer
	OnceAccepted                 // by the switch, whatever becomes of its advice
	FromIntent                   // accepted, or its request is at the issuer: it counts against the gateway
)

// Original is which message a message names in DE90.
type Original uint8

// The values of Original.
const (
	OriginalNone   Original = iota
	OriginalFirst           // the payment's first
	OriginalTarget          // what it undoes
)

// KindRow is what is particular to a kind of operation. A new kind begins with its row here; docs/design.md, "Adding an
// operation", says what follows.
type KindRow struct {
	Name string // that histories, exports and the audit show

	// Request is the MTI of the request whose answer is waited for, Advice that of the message that goes by
	// store-and-forward, Repeat that of its repeats; "" where there is none. One that has both begins as the request, and
	// goes on as the advice if that is not answered.
	Request, Advice, Repeat string
	ProcessingCode          string // DE3; "" for the one of what it undoes
	Original                Original

	// After are the kinds of a payment's first operation that it may follow; none: it makes a payment.
	After []Kind
	// Alone is why nothing may follow it, "" where something may; Stands is where its payment stands once it is approved.
	Alone  string
	Stands Standing

	// What it moves, by its amount, and from when on.
	Counts                                  When
	Authorizes, Captures, Releases, Refunds bool
	TakesBack                               bool // what its Target captured
	Clears                                  bool // it has a record in the clearing of its business date
	ChargesBack                             bool // what its Target captured, as far as that goes
	Represents                              bool // what its Target charged back
	Reverses                                bool // by its message: what answers it means is in Codes
	Incoming                                bool // a record of an incoming clearing file, about its Target's presentment
	UndoneBy                                Kind // at a gateway's request; KindNone: by nothing that it can ask for
}

const (
	purchase = "000000"
	credit   = "200000"
)

var kinds = [KindCount]KindRow{
	KindAuthorize: {
		Name: "authorize", Request: "0100", ProcessingCode: purchase,
		Counts: OnceApproved, Authorizes: true, UndoneBy: KindReverse,
	},
	KindSale: {
		Name: "sale", Request: "0200", ProcessingCode: purchase,
		Counts: OnceApproved, Authorizes: true, Captures: true, Clears: true, UndoneBy: KindVoid,
	},
	KindVerify: {
		Name: "verify", Request: "0100", ProcessingCode: purchase, Counts: OnceApproved,
		Alone: "a verification reserves nothing", Stands: Verified,
	},
	KindVoice: {Name: "voice", ProcessingCode: purchase, Counts: OnceApproved, Authorizes: true},
	KindIncrement: {
		Name: "increment", Request: "0100", ProcessingCode: purchase, After: []Kind{KindAuthorize, KindStandIn},
		Counts: OnceApproved, Authorizes: true, UndoneBy: KindReverse,
	},
	KindCapture: {
		Name: "capture", Advice: "0220", Repeat: "0221", ProcessingCode: purchase, Original: OriginalFirst,
		After:  []Kind{KindAuthorize, KindStandIn, KindVoice},
		Counts: OnceAccepted, Captures: true, Clears: true, UndoneBy: KindVoid,
	},
	KindReverse: {
		Name: "reverse", Request: "0400", Advice: "0420", Repeat: "0421", ProcessingCode: purchase, Original: OriginalFirst,
		After: []Kind{KindAuthorize, KindStandIn}, Counts: FromIntent, Releases: true, Reverses: true,
	},
	KindRelease: {
		Name: "release", Advice: "0420", Repeat: "0421", ProcessingCode: purchase, Original: OriginalFirst,
		After: []Kind{KindAuthorize, KindStandIn}, Counts: FromIntent, Releases: true, Reverses: true,
	},
	KindExpire: {
		Name: "expire", Advice: "0420", Repeat: "0421", ProcessingCode: purchase, Original: OriginalFirst,
		After: []Kind{KindAuthorize, KindStandIn}, Counts: FromIntent, Releases: true, Reverses: true,
	},
	KindVoid: {
		// Of a capture the request is the advice, whose answer is waited for.
		Name: "void", Request: "0400", Advice: "0420", Repeat: "0421", Original: OriginalTarget,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale}, Counts: FromIntent, TakesBack: true, Reverses: true,
	},
	KindVoidPresentment: {
		Name: "void_presentment", After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale},
		Counts: FromIntent, TakesBack: true, Clears: true,
	},
	KindRefund: {
		Name: "refund", Request: "0200", ProcessingCode: credit,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale}, Counts: OnceApproved, Refunds: true, Clears: true,
	},
	KindTimeoutReversal: {
		Name: "timeout_reversal", Advice: "0420", Repeat: "0421", Original: OriginalTarget, Reverses: true,
		Counts: OnceAccepted,
		After:  []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale, KindVerify, KindCredit},
	},
	KindStandIn: {
		Name: "stand_in", Advice: "0120", Repeat: "0121", ProcessingCode: purchase,
		Counts: OnceAccepted, Authorizes: true, UndoneBy: KindReverse,
	},
	KindCredit: {
		Name: "credit", Request: "0200", ProcessingCode: credit, Counts: OnceApproved, Clears: true,
		Alone: "a credit is final: nothing can follow it", Stands: Credited,
	},
	KindReject: {
		Name: "reject", Counts: OnceApproved, Incoming: true,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale, KindCredit},
	},
	KindChargeback: {
		Name: "chargeback", Counts: OnceApproved, Incoming: true, ChargesBack: true,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale},
	},
	KindSettle: {
		Name: "settle", Counts: OnceApproved, Incoming: true,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale, KindCredit},
	},
	KindResubmit: {
		Name: "resubmit", Counts: OnceApproved, Clears: true,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale, KindCredit},
	},
	KindWriteOff: {
		Name: "write_off", Counts: OnceApproved,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale, KindCredit},
	},
	KindRepresent: {
		Name: "represent", Counts: OnceApproved, Clears: true, Represents: true,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale},
	},
	KindAcceptDispute: {
		Name: "accept_dispute", Counts: OnceApproved,
		After: []Kind{KindAuthorize, KindStandIn, KindVoice, KindSale},
	},
}

var noKind KindRow

// Row returns the kind's row; that of no kind is empty.
func (k Kind) Row() *KindRow {
	if int(k) >= len(kinds) {
		return &noKind
	}
	return &kinds[k]
}

// String returns the name that histories and exports show.
func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kinds[k].Name
}

// follows tells whether an operation of the kind may follow a payment's first.
func (k Kind) follows(root Kind) bool {
	for _, r := range k.Row().After {
		if r == root {
			return true
		}
	}
	return false
}

// Credits tells whether the operation pays the cardholder, and does not debit.
func (k Kind) Credits() bool { return k.Row().ProcessingCode == credit }

// AskedReversal tells whether the operation is a reversal that a gateway asked for: a request first, by
// store-and-forward if it is not answered.
func (k Kind) AskedReversal() bool { return k.Row().Reverses && k.Row().Request != "" }

// Fact tells whether the operation is a fact that the issuer is told of: an advice that reverses nothing.
func (k Kind) Fact() bool { return k.Row().Advice != "" && !k.Row().Reverses }

// Counts tells whether the operation counts in sums and clearing as it stands.
func (op *Op) Counts() bool {
	switch op.Kind.Row().Counts {
	case OnceApproved:
		return op.State == StateApproved
	case OnceAccepted:
		return op.Accepted()
	case FromIntent:
		return op.Accepted() || op.State == StatePending
	}
	return false
}
