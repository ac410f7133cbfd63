package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// entry is one payment as the journal's export tells it.
type entry struct {
	ID        string      `json:"payment"`
	Version   uint64      `json:"version"`
	Merchant  string      `json:"merchant"`
	Currency  string      `json:"currency"`
	PAN       string      `json:"pan"`
	Terminal  string      `json:"terminal"`
	Reference string      `json:"reference"`
	Entry     string      `json:"entry"`
	Acquirer  string      `json:"acquirer"`
	ECI       string      `json:"eci"`
	Sequence  string      `json:"sequence"`
	EMV       string      `json:"emv"`
	Expires   time.Time   `json:"expires"` // the end of the capture window; zero in exports of before
	Ops       []operation `json:"ops"`

	id      paymentID
	standIn bool // approved by the switch in the issuer's place
}

// operation is one step of a payment's history. Amounts are minor units of the payment's currency.
type operation struct {
	N            int       `json:"n"`
	Op           string    `json:"op"`
	State        string    `json:"state"`
	Key          string    `json:"key"`
	KeyHidden    bool      `json:"key_hidden"` // more than one may look like it
	Amount       int64     `json:"amount"`
	Granted      int64     `json:"granted"`
	Target       int       `json:"target"`
	Number       int       `json:"number"`
	Host         string    `json:"host"`
	STAN         string    `json:"stan"`
	DE7          string    `json:"de7"`
	RRN          string    `json:"rrn"`
	ResponseCode string    `json:"response_code"`
	Late         string    `json:"late"` // DE39 of an answer that came after the deadline
	AuthCode     string    `json:"auth_code"`
	NetworkID    string    `json:"network_id"`
	BusinessDate string    `json:"business_date"` // YYYY-MM-DD
	CarriedTo    string    `json:"carried_to"`    // the date in whose clearing it stands, where that is another
	ARN          string    `json:"arn"`
	CaptureAt    time.Time `json:"capture_at"`
	Automatic    bool      `json:"automatic"`
	PastWindow   bool      `json:"past_window"`
	ForcePost    bool      `json:"force_post"`
	Source       string    `json:"source"` // the record of an incoming file that it is
	At           time.Time `json:"at"`
	Clearing     *note     `json:"clearing"`
	// IssuerReference is DE95 of a chargeback.
	IssuerReference string `json:"issuer_reference"`

	row *opRow
}

// note is what the journal fixed for an operation's record when the operation was accepted.
type note struct {
	Destination string `json:"destination"`
	Name        string `json:"merchant_name"`
	Street      string `json:"street"`
	City        string `json:"city"`
	PostalCode  string `json:"postal_code"`
	State       string `json:"state"`
	Country     string `json:"country"`
	MCC         string `json:"mcc"`
	FeePlan     string `json:"fee_plan"`
	Reason      string `json:"message_reason"`
	Sequence    int    `json:"sequence"`
	Count       int    `json:"count"`
}

// Where an operation of the export stands.
const (
	statePending  = "pending"
	stateQueued   = "queued"
	stateApproved = "approved"
	stateDeclined = "declined"
	stateFailed   = "failed"
	stateUnknown  = "unknown"
	stateParked   = "parked"
	stateClosed   = "closed"
)

var knownStates = []string{
	statePending, stateQueued, stateApproved, stateDeclined, stateFailed, stateUnknown, stateParked, stateClosed,
}

// firstReading is what is kept of the journal's first reading.
type firstReading struct {
	payments map[paymentID]reading
	// Of a range's payments, nil where there is none: what of the other books belongs to them.
	rrns map[rrn]paymentID
	keys map[toldName]bool // with their merchants
}

// reading is one payment of it.
type reading struct {
	version uint64
	again   bool // the second reading had it, too
}

// readFirst reads the journal for the first time: each payment's version and, of a range, its RRNs and keys.
func readFirst(ctx context.Context, open Open, ranged bool, told *toldBook) (*firstReading, error) {
	f := &firstReading{payments: map[paymentID]reading{}}
	if ranged {
		f.rrns, f.keys = map[rrn]paymentID{}, map[toldName]bool{}
	}
	err := lines(ctx, "journal", open, func(line []byte) error {
		var head struct {
			ID       string   `json:"payment"`
			Version  uint64   `json:"version"`
			Merchant string   `json:"merchant"`
			Ops      nameList `json:"ops"`
		}
		head.Ops.wanted = ranged
		if err := decode(line, &head); err != nil {
			return err
		}
		id, err := parsePaymentID(head.ID)
		f.payments[id] = reading{version: head.Version}
		for _, op := range head.Ops.names {
			var name rrn
			if err := fill(name[:], "rrn", op.RRN); err != nil {
				return err
			}
			if op.RRN != "" {
				f.rrns[name] = id
			}
			if op.Key != "" {
				f.keys[told.name(head.Merchant, op.Key)] = true
			}
		}
		return err
	})
	return f, err
}

// left tells whether a payment of a range was in the journal's first reading alone: what it had there was voided, or
// carried to another date, before the second. Nothing can be said of it then.
func (a *auditor) left(id paymentID) bool { return a.options.ranged() && !a.first.payments[id].again }

// How much of an RRN is asked for: YDDD of the request and the number of the switch; of a range of payments, whose
// numbers lie beside each other, as much of the number as 46,656 have alike. Asked for RRN by RRN the issuer would be
// told as much as it answers, and its times are by another clock.
const (
	prefixOfDates    = 5
	prefixOfPayments = 9
)

// maxPrefixes bounds what is asked for: the days of years.
const maxPrefixes = 1000

// prefixes are the beginnings of a range's RRNs, none where it has no payment; nil: whatever there is.
func (f *firstReading) prefixes(o *Options) []string {
	if f.rrns == nil {
		return nil
	}
	length := prefixOfDates
	if o.byPayment() {
		length = prefixOfPayments
	}
	found := map[string]bool{}
	for name := range f.rrns {
		text := name.String()
		found[text[:min(len(text), length)]] = true
	}
	if len(found) > maxPrefixes {
		return nil
	}
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(found))))
}

// nameList takes the RRNs and keys of a payment's operations, where they are wanted: reading them takes as long as the
// rest.
type nameList struct {
	wanted bool
	names  []struct {
		RRN string `json:"rrn"`
		Key string `json:"key"`
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *nameList) UnmarshalJSON(text []byte) error {
	if !l.wanted {
		return nil
	}
	return json.Unmarshal(text, &l.names)
}

// readPayments reads the journal for the second time, a payment at a time.
func readPayments(ctx context.Context, open Open, each func(*entry)) error {
	return lines(ctx, "journal", open, func(line []byte) (err error) {
		var p entry
		if err := decode(line, &p); err != nil {
			return err
		}
		if p.id, err = parsePaymentID(p.ID); err != nil {
			return err
		}
		if len(p.Ops) > 0 && p.Ops[0].Op == opStandIn {
			// For the money it is an authorization; that the switch gave it shows in that it stands before it is acknowledged.
			p.Ops[0].Op, p.standIn = opAuthorize, true
		}
		for i := range p.Ops {
			p.Ops[i].row = rowOf(p.Ops[i].Op)
		}
		each(&p)
		return nil
	})
}

// contradiction returns what makes the history unusable, or "". What passes has a first operation that can begin a
// payment, known words, and targets that exist and come before.
func (p *entry) contradiction() string {
	if len(p.Ops) == 0 {
		return "no operation"
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.row == &noOperation:
			return fmt.Sprintf("operation %d: %q is no operation", i, op.Op)
		case !slices.Contains(knownStates, op.State):
			return fmt.Sprintf("operation %d: %q is no state", i, op.State)
		case op.N != i:
			return fmt.Sprintf("operation %d is numbered %d", i, op.N)
		case op.row.begins != (i == 0):
			return fmt.Sprintf("operation %d is %s", i, op.Op)
		case op.row.after != nil && !slices.Contains(op.row.after, p.Ops[0].Op):
			return fmt.Sprintf("operation %d, %s, cannot follow %s", i, op.Op, p.Ops[0].Op)
		case op.Amount < 0 || op.Granted < 0 || op.Granted > op.Amount:
			return fmt.Sprintf("operation %d: %d asked, %d granted", i, op.Amount, op.Granted)
		case op.row.incoming && (op.Target < 0 || op.Target >= i || !p.Ops[op.Target].presents()):
			return fmt.Sprintf("operation %d, %s, is about operation %d, which has no presentment", i, op.Op, op.Target)
		case op.row.incoming && (op.Source == "" || op.State != stateApproved):
			return fmt.Sprintf("operation %d, %s, is %s and of the record %q", i, op.Op, op.State, op.Source)
		case op.row.answers && (op.Target < 0 || op.Target >= i || p.Ops[op.Target].Op != opChargeback):
			return fmt.Sprintf("operation %d, %s, answers operation %d, which is no chargeback", i, op.Op, op.Target)
		case op.row.answers && (op.Source == "" || op.State != stateApproved):
			return fmt.Sprintf("operation %d, %s, is %s and by %q", i, op.Op, op.State, op.Source)
		case op.row.undoes && (op.Target < 0 || op.Target >= i):
			return fmt.Sprintf("operation %d undoes operation %d", i, op.Target)
		case op.row.takesBack && !p.Ops[op.Target].captures():
			return fmt.Sprintf("operation %d takes back operation %d, which is %s", i, op.Target, p.Ops[op.Target].Op)
		case op.row.takesBack && op.Amount != p.Ops[op.Target].money():
			return fmt.Sprintf("operation %d takes back %d of %d", i, op.Amount, p.Ops[op.Target].money())
		}
	}
	return ""
}

// presents tells whether the operation has a record in a file: what clears, what takes it back there, and what presents
// it a second time.
func (op *operation) presents() bool {
	return op.row.clears || op.Op == opVoidPresentment || op.Op == opRepresent
}

// captures tells whether the operation takes the cardholder's money, so that a void may take it back.
func (op *operation) captures() bool { return op.row.clears && !op.row.credits }

// money is what the operation moved, once it stands: a capture is the switch's word, the others the issuer's.
func (op *operation) money() int64 {
	if op.row.onPromise {
		return op.Amount
	}
	return op.Granted
}

// promised tells whether the switch gave its word on the operation, whatever the issuer answers to the advice.
func (op *operation) promised() bool {
	switch op.State {
	case stateApproved, stateQueued, stateParked, stateClosed:
		return true
	}
	return false
}

// stands tells whether what clears took place: an advice once promised, a request once approved.
func (op *operation) stands() bool {
	if op.row.onPromise {
		return op.promised()
	}
	return op.State == stateApproved
}
