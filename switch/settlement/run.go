package settlement

import "switchyard/internal/workday"

// RunVersion is that of the JSON of a Run. Of 1 second presentments counted without a chargeback, and records that two
// files of one date have counted twice: what follows from one is not settled behind it.
const RunVersion = 2

// A Run is the statements of a period.
type Run struct {
	Version    int          `json:"version"`
	From       workday.Date `json:"from"`
	To         workday.Date `json:"to"`
	Merchant   string       `json:"merchant,omitempty"` // the one whose statements alone these are
	Acquirer   string       `json:"acquirer"`
	Mode       string       `json:"mode"` // PDS0122 of the files: P or T
	PlanSHA256 string       `json:"plan_sha256"`
	Opening    string       `json:"opening"` // where the balances come from
	Statements []Statement  `json:"statements"`
	Proof      []Proof      `json:"proof"` // by currency; of one merchant alone there is none
	Files      []File       `json:"files"`
	Incoming   []string     `json:"incoming"` // ids of the files of clearing systems that are settled, those before too
	Received   []Received   `json:"received"` // what came in them in the period
	Exceptions []Exception  `json:"exceptions"`
}

// A Statement is what a merchant has in a currency over the period.
type Statement struct {
	Merchant     string   `json:"merchant"`
	MerchantName string   `json:"merchant_name"` // as the last presentment has it
	Currency     string   `json:"currency"`
	FeePlans     []string `json:"fee_plans"` // of what was presented

	OpeningMinor        int64 `json:"opening_minor"` // carried forward from before: zero or less
	Totals              Sums  `json:"totals"`
	PaidMinor           int64 `json:"paid_minor"`
	CarriedForwardMinor int64 `json:"carried_forward_minor"` // opening and net less what is paid

	ReserveOpeningMinor int64     `json:"reserve_opening_minor"`
	ReserveMinor        int64     `json:"reserve_minor"` // held at the end
	Reserve             []Tranche `json:"reserve"`       // what it is made of
	Days                []Day     `json:"days"`          // business dates on which something happened
	Items               []Item    `json:"items"`         // what came from clearing systems
}

// A Day is a business date of a statement.
type Day struct {
	Date         workday.Date `json:"business_date"`
	OpeningMinor int64        `json:"opening_minor"`
	Sums
	PayoutMinor         int64         `json:"payout_minor"` // opening and net, where that is above zero
	PayOn               *workday.Date `json:"pay_on,omitempty"`
	CarriedForwardMinor int64         `json:"carried_forward_minor"`
}

// Sums are what happened, in minor units: net is gross less refunds, less what was rejected, less chargebacks and with
// what is presented again, less fees, less what of the reserve is held and not released.
type Sums struct {
	Purchases            int   `json:"purchases"` // records that debit the cardholder
	GrossMinor           int64 `json:"gross_minor"`
	Refunds              int   `json:"refunds"` // records that credit it: refunds, credits, and purchases taken back
	RefundsMinor         int64 `json:"refunds_minor"`
	Rejected             int   `json:"rejected"`       // records that the clearing system did not take: they count no more
	RejectedMinor        int64 `json:"rejected_minor"` // debits less credits of cardholders
	Chargebacks          int   `json:"chargebacks"`    // less those taken back
	ChargebacksMinor     int64 `json:"chargebacks_minor"`
	Represented          int   `json:"represented"` // second presentments, less those taken back
	RepresentedMinor     int64 `json:"represented_minor"`
	FeeAcquirerMinor     int64 `json:"fee_acquirer_minor"`
	FeeSchemeMinor       int64 `json:"fee_scheme_minor"`
	FeeInterchangeMinor  int64 `json:"fee_interchange_minor"`
	FeeChargebackMinor   int64 `json:"fee_chargeback_minor"`
	FeePassedMinor       int64 `json:"fee_passed_minor"` // fees of the scheme for one presentment, less what it paid
	FeesMinor            int64 `json:"fees_minor"`       // all of them
	ReserveHeldMinor     int64 `json:"reserve_held_minor"`
	ReserveReleasedMinor int64 `json:"reserve_released_minor"`
	NetMinor             int64 `json:"net_minor"`
}

// disputed is what rejects, chargebacks and second presentments come to.
func (s *Sums) disputed() int64 { return s.RepresentedMinor - s.ChargebacksMinor - s.RejectedMinor }

// amounts are all that are not counts.
func (s *Sums) amounts() []*int64 {
	return []*int64{
		&s.GrossMinor, &s.RefundsMinor, &s.RejectedMinor, &s.ChargebacksMinor, &s.RepresentedMinor,
		&s.FeeAcquirerMinor, &s.FeeSchemeMinor,
		&s.FeeInterchangeMinor, &s.FeeChargebackMinor, &s.FeePassedMinor, &s.FeesMinor, &s.ReserveHeldMinor,
		&s.ReserveReleasedMinor, &s.NetMinor,
	}
}

// A Tranche is what was held back of a business date, until it is released.
type Tranche struct {
	Held    workday.Date `json:"held"`
	Release workday.Date `json:"release"` // with the first business date from this one on
	Minor   int64        `json:"minor"`
}

// A File is a clearing file that the run was made of.
type File struct {
	Name         string       `json:"name"` // in the folder of its date
	BusinessDate workday.Date `json:"business_date"`
	Destination  string       `json:"destination"`
	Mode         string       `json:"-"`
	Presentments int          `json:"presentments"`
	SHA256       string       `json:"sha256"`
	Totals       []FileTotals `json:"totals"`
}

// FileTotals are what a file says of itself in a currency: debits and credits of cardholders.
type FileTotals struct {
	Currency    string `json:"currency"`
	DebitMinor  int64  `json:"debit_minor"`
	CreditMinor int64  `json:"credit_minor"`
}

// An Exception is something that a person has to look at; nothing is counted for it.
type Exception struct {
	Kind        ExceptionKind `json:"kind"`
	Date        workday.Date  `json:"date"`
	File        string        `json:"file,omitempty"`
	Record      int           `json:"record,omitempty"`
	ARN         string        `json:"acquirer_reference,omitempty"`
	AmountMinor int64         `json:"amount_minor,omitempty"`
	Currency    string        `json:"currency,omitempty"`
	Message     string        `json:"message"`
}

// ExceptionKind says what an exception is.
type ExceptionKind string

// The kinds of exceptions.
const (
	// NoFiles is a business date without clearing files on a day on which merchants could be paid.
	NoFiles ExceptionKind = "no_files"
	// RefusedFile is a file of a clearing system that is not right, or not one for us; SameFile one whose id another
	// has; LateFile one that is settled later than its date, as that was settled before it came.
	RefusedFile ExceptionKind = "refused_file"
	SameFile    ExceptionKind = "same_file"
	LateFile    ExceptionKind = "late_file"
	// RejectedFile and RejectedRecord tell of what the clearing system did not take, and which is counted all the same: it
	// is none of ours, or may have been taken.
	RejectedFile   ExceptionKind = "rejected_file"
	RejectedRecord ExceptionKind = "rejected_record"
	// PresentedAgain is a record of ours that was presented before, and of which no reject is known: it is not counted.
	// Where its reference is of a date before all files, it is, and counts twice if it was presented before.
	PresentedAgain ExceptionKind = "presented_again"
	// Unmatched is a record that names nothing that was presented, or a second presentment of which nobody knows which
	// chargeback it answers: one of ours is counted all the same. OtherAmount is one with another amount or currency
	// than was presented; Twice one that came before; Excess one of more than may be charged back or presented again.
	Unmatched   ExceptionKind = "unmatched"
	OtherAmount ExceptionKind = "other_amount"
	Twice       ExceptionKind = "twice"
	Excess      ExceptionKind = "excess"
	// NotCounted is a record whose message, or what it says of fees, nobody here knows.
	NotCounted ExceptionKind = "not_counted"
)
