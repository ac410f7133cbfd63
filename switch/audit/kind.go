package audit

// Kind says what a difference is. The values stand in reports and scripts: they do not change.
type Kind string

// What the journal shows by itself.
const (
	// operations that contradict each other: a target that does not exist, an unknown state
	History     Kind = "history"
	Invariant   Kind = "invariant"      // I7, recomputed from the operations, at every step of the payment's history
	ReversalDue Kind = "reversal_chain" // I5: an unknown outcome without exactly one reversal
	RRNTwice    Kind = "rrn_twice"      // I9: an RRN names two requests
	STANTwice   Kind = "stan_twice"     // I9: a STAN and DE7 name two messages to one host
	ARNTwice    Kind = "arn_twice"      // an acquirer reference names two presentments
	ARNInvalid  Kind = "arn_invalid"    // not 23 digits, or the Luhn digit is wrong
	KeyTwice    Kind = "key_twice"      // I3: a merchant's key names two operations
	// past its window and not marked so, the switch's own when none was asked for, or the end of a window before it
	CaptureTime Kind = "capture_time"
	// A record of an incoming file was booked twice, or is about what it cannot be about (I18).
	RecordTwice  Kind = "record_twice"
	AdviceDenied Kind = "advice_refused" // an advice is parked: the issuer refused it for good and nobody has decided

	// A reversal ended on 21 or 25, the issuer knows no original, although an approval of its original is recorded (I5).
	ReversalEnded Kind = "reversal_ended"
	// Older than may be, by the switch's own clock.
	IntentOverdue Kind = "intent_overdue" // a request without an outcome
	AdviceOverdue Kind = "advice_overdue" // an advice in the queue
	VoidOverdue   Kind = "void_overdue"   // a void without an outcome
	WindowOverdue Kind = "window_overdue" // something that is left past its capture window
	// something that the switch was to capture by itself
	CaptureOverdue Kind = "capture_overdue"
	DateOverdue    Kind = "date_overdue" // a business date without its files
)

// Journal against the issuer's ledger.
const (
	MissingAtIssuer Kind = "missing_at_issuer" // approved in the journal; the issuer has nothing
	UnknownToSwitch Kind = "unknown_to_switch" // the issuer has it; the journal does not know it (I4)
	// declined, failed or reversed in the journal; the issuer holds or posted it
	HeldUnapproved   Kind = "held_unapproved"
	IssuerAmount     Kind = "issuer_amount"     // authorized amounts differ
	IssuerCurrency   Kind = "issuer_currency"   //
	IssuerResponse   Kind = "issuer_response"   // DE39
	IssuerAuthCode   Kind = "issuer_auth_code"  // DE38
	IssuerData       Kind = "issuer_data"       // kind of record, card mask, merchant, first RRN, STAN or DE7
	IssuerSums       Kind = "issuer_sums"       // the issuer's record contradicts itself: captured, hold and postings
	HoldUnowned      Kind = "hold_unowned"      // the issuer holds more than the journal can still capture
	HoldShort        Kind = "hold_short"        // the issuer holds less than that
	PostingMissing   Kind = "posting_missing"   // a capture, sale or refund that the issuer did not post
	PostingTwice     Kind = "posting_twice"     // … or posted twice
	PostingUnknown   Kind = "posting_unknown"   // a posting without an operation
	PostingAmount    Kind = "posting_amount"    //
	PostingSign      Kind = "posting_sign"      // a debit for a refund, or a credit for a capture
	PostingData      Kind = "posting_data"      // ARN or business date
	PostingReversed  Kind = "posting_reversed"  // reversed at the issuer; nobody voided it
	PostingStands    Kind = "posting_stands"    // voided in the journal; stands at the issuer
	LedgerUnbalanced Kind = "ledger_unbalanced" // the issuer's own books do not balance
	Settlement       Kind = "settlement"        // settled by a file that does not hold it, or not settled by one that does
)

// Journal against the clearing files.
const (
	PresentmentMissing  Kind = "presentment_missing"  // in no file although its date has files
	PresentmentAside    Kind = "presentment_aside"    // its record could not be built, and no file has it yet
	PresentmentTwice    Kind = "presentment_twice"    // I8
	PresentmentUnknown  Kind = "presentment_unknown"  // in a file; the journal does not know it
	PresentmentDenied   Kind = "presentment_unbacked" // in a file; the operation was declined, failed, or has no outcome
	PresentmentVoided   Kind = "presentment_voided"   // in a file although voided before its date was sealed
	PresentmentAmount   Kind = "presentment_amount"   //
	PresentmentCurrency Kind = "presentment_currency" //
	PresentmentSign     Kind = "presentment_sign"     // a debit for a refund, or a credit for a capture
	PresentmentData     Kind = "presentment_data"     // any other element of the record, or of its row in the detail CSV
	PresentmentDate     Kind = "presentment_date"     // in the file of another business date
	ReversalMissing     Kind = "reversal_missing"     // voided after its date was sealed; no file takes it back (PDS0025)
	FileTotals          Kind = "file_totals"          // header, trailer and records of a file disagree
	FileTwice           Kind = "file_twice"           // two files with one id (PDS0105)
	FileUnreadable      Kind = "file_unreadable"      //
	FileMissing         Kind = "file_missing"         // the switch says that it wrote it; stands for all that is in it
	FileUnknown         Kind = "file_unknown"         // the switch does not say that it wrote it
	FileRebuilt         Kind = "file_rebuilt"         // I8: the journal makes other bytes of it today
	DetailCSV           Kind = "detail_csv"           // a row of the detail file is not its record
	SummaryCSV          Kind = "summary_csv"          // the summary is not the sum of the records
	Manifest            Kind = "manifest"             // it is not of these files: sums, hashes, settings
)

// Journal and files against what gateways were told.
const (
	ToldMissing   Kind = "told_missing"   // the journal has no such operation
	ToldOutcome   Kind = "told_outcome"   // another outcome than the journal's: approved and declined, say
	ToldReversed  Kind = "told_reversed"  // told approved, and then undone by the switch of its own accord
	ToldAmount    Kind = "told_amount"    // another amount or currency
	ToldData      Kind = "told_data"      // another RRN, STAN, code, business date, capture or refund
	ToldUncleared Kind = "told_uncleared" // a told capture, sale or refund stands in no file of a written date
	ToldTwice     Kind = "told_twice"     // the answers to one key name two operations
)

// ActsChanged says that the record of what operators did was changed, or lacks something, by its hashes or numbers.
const ActsChanged Kind = "acts_changed"

// Totals is the net under the others: no payment differs and yet the books' sums do.
const Totals Kind = "totals"

// A Difference is one disagreement between two books, or of a book with itself.
type Difference struct {
	Kind        Kind   `json:"kind"`
	Payment     string `json:"payment,omitempty"`
	RRN         string `json:"rrn,omitempty"`
	Detail      string `json:"detail"`                 // what each book says; no card number beyond its mask
	AmountMinor int64  `json:"amount_minor,omitempty"` // what is at stake, minor units of Currency
	Currency    string `json:"currency,omitempty"`
}
