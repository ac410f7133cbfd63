package operator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// PaymentExport is a payment as the audit reads it: one JSON object a line, without the card in clear.
type PaymentExport struct {
	Payment   string     `json:"payment"`
	Version   uint64     `json:"version"`
	Gateway   string     `json:"gateway,omitempty"`
	Merchant  string     `json:"merchant"`
	Terminal  string     `json:"terminal"`
	Currency  string     `json:"currency"`
	Reference string     `json:"reference,omitempty"`
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires"` // the end of its capture window
	PAN       string     `json:"pan"`     // first six and last four
	Route     string     `json:"route"`
	Entry     string     `json:"entry"`
	Acquirer  string     `json:"acquirer,omitempty"` // DE32 of its messages and records; "" where it was not recorded
	ECI       string     `json:"eci,omitempty"`
	Sequence  string     `json:"sequence,omitempty"` // of the card, DE23
	EMV       string     `json:"emv,omitempty"`      // stored tags of DE55, hex
	Ops       []OpExport `json:"ops"`
}

// OpExport is one operation of a payment. Amounts are minor units.
type OpExport struct {
	N     int    `json:"n"`
	Op    string `json:"op"`
	State string `json:"state"`
	Key   string `json:"key,omitempty"`
	// KeyHidden: a card number in the key is masked, so that keys of other operations may look the same.
	KeyHidden    bool       `json:"key_hidden,omitempty"`
	Amount       int64      `json:"amount"`
	Granted      int64      `json:"granted"`
	Target       int        `json:"target"` // -1: none
	Number       int        `json:"number"`
	Final        bool       `json:"final"`
	Stays        int64      `json:"stays"`
	Host         string     `json:"host,omitempty"`
	STAN         string     `json:"stan,omitempty"`
	DE7          string     `json:"de7,omitempty"`
	RRN          string     `json:"rrn,omitempty"`
	ResponseCode string     `json:"response_code,omitempty"`
	Late         string     `json:"late,omitempty"` // DE39 of an answer that came after the deadline
	AuthCode     string     `json:"auth_code,omitempty"`
	NetworkID    string     `json:"network_id,omitempty"`
	BusinessDate string     `json:"business_date,omitempty"`
	CarriedTo    string     `json:"carried_to,omitempty"` // the date in whose clearing it stands, where that is another
	Window       int        `json:"window,omitempty"`     // of its destination's windows on that date, from 1
	ARN          string     `json:"arn,omitempty"`
	CaptureAt    *time.Time `json:"capture_at,omitempty"`  // when the switch captures what it makes
	ForcePost    bool       `json:"force_post,omitempty"`  // what it makes is captured past the window, too
	Automatic    bool       `json:"automatic,omitempty"`   // a capture by the switch
	PastWindow   bool       `json:"past_window,omitempty"` // a capture that came past the capture window
	// Source is the record of an incoming file that it is, PDS0105, a slash and DE71, or who decided; Reason is why.
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
	Due    string `json:"due,omitempty"` // of a chargeback: the last business date of a second presentment
	// IssuerReference is DE95 of a chargeback.
	IssuerReference string `json:"issuer_reference,omitempty"`

	At     time.Time  `json:"at"`
	DoneAt *time.Time `json:"done_at,omitempty"`

	Clearing *ClearingExport `json:"clearing,omitempty"` // of a presentment that stands in its date
}

// ClearingExport is what the journal fixed for a presentment's record when its operation was accepted.
type ClearingExport struct {
	Destination   string `json:"destination"`
	MerchantName  string `json:"merchant_name"`
	Street        string `json:"street,omitempty"`
	City          string `json:"city,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	State         string `json:"state,omitempty"`
	Country       string `json:"country,omitempty"` // alpha-3
	MCC           string `json:"mcc"`
	FeePlan       string `json:"fee_plan,omitempty"`
	MessageReason string `json:"message_reason,omitempty"` // DE25
	Sequence      int    `json:"sequence"`
	Count         int    `json:"count"`
}

// DayExport is a business date as GET /v1/days tells it.
type DayExport struct {
	Date  string          `json:"date"`
	State string          `json:"state"` // open, closing, sealed, written
	Data  json.RawMessage `json:"data,omitempty"`
	// NoSettlement are the destinations without settlement on the date; of one that is not sealed yet the configured ones.
	NoSettlement []string `json:"no_settlement,omitempty"`
	// Problem is why it could not be sealed or written so far.
	Problem string `json:"problem,omitempty"`
}

// ExportDays lists the business dates in their order.
func ExportDays(ctx context.Context, j Records) ([]DayExport, error) {
	days := []DayExport{}
	err := j.Days(ctx, func(d journal.Day) bool {
		days = append(days, DayExport{Date: d.Date.String(), State: dayState(d.State), Data: d.Data})
		return true
	})
	return days, err
}

// ExportPayment makes the export of one payment.
func ExportPayment(ctx context.Context, j Records, p *payment.Payment) (PaymentExport, error) {
	return exportPayment(ctx, j, p, nil)
}

// exportPayment is ExportPayment; read are presentments of the payment that need not be read again.
func exportPayment(
	ctx context.Context, j Records, p *payment.Payment, read []journal.Presentment,
) (PaymentExport, error) {
	e := PaymentExport{
		Payment: p.ID.String(), Version: p.Version, Gateway: p.Gateway, Merchant: p.Merchant, Terminal: p.Terminal,
		Currency: p.Currency, Reference: pan.Hide(p.Reference), Created: p.Created, Expires: p.Expires, PAN: p.MaskedPAN,
		Route: p.Route,
		Entry: api.Entry(p.Entry).String(), Acquirer: p.Acquirer, ECI: p.ECI, Sequence: p.Sequence, EMV: p.EMV,
		Ops: make([]OpExport, len(p.Ops)),
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		x := OpExport{
			N: i, Op: op.Kind.String(), State: op.State.String(), Key: pan.Hide(op.Key), KeyHidden: pan.In(op.Key),
			Amount: op.Amount, Granted: op.Granted,
			Target: op.Target, Number: op.Number, Final: op.Final, Stays: op.Stays, Host: op.Host, DE7: op.DE7, RRN: op.RRN,
			ResponseCode: op.ResponseCode, Late: op.Late, AuthCode: op.AuthCode, NetworkID: op.NetworkID,
			BusinessDate: op.Date.String(), CarriedTo: op.Carried.String(), Window: op.Window,
			ARN: op.ARN, At: op.At,
			ForcePost: op.ForcePost, Automatic: op.Automatic, PastWindow: op.PastWindow,
			Source: op.Source, Reason: op.Reason, Due: op.Due.String(), IssuerReference: op.IssuerReference,
		}
		if !op.CaptureAt.IsZero() {
			x.CaptureAt = &op.CaptureAt
		}
		if op.STAN != 0 {
			x.STAN = fmt.Sprintf("%06d", op.STAN)
		}
		if !op.DoneAt.IsZero() {
			x.DoneAt = &op.DoneAt
		}
		var err error
		if x.Clearing, err = exportClearing(ctx, j, p, i, read); err != nil {
			return e, fmt.Errorf("payment %s, operation %d: %w", p.ID, i, err)
		}
		e.Ops[i] = x
	}
	return e, nil
}

// exportClearing returns what stands in the clearing of operation i's date, nil for one that does not stand there.
func exportClearing(
	ctx context.Context, j Records, p *payment.Payment, i int, read []journal.Presentment,
) (*ClearingExport, error) {
	if p.Ops[i].Date == 0 {
		return nil, nil
	}
	ref := presentment.RefOf(p, i, p.Ops[i].Filed())
	var row journal.Presentment
	at := slices.IndexFunc(read, func(r journal.Presentment) bool { return r.PresentmentRef == ref })
	if at >= 0 {
		row = read[at]
	} else {
		var err error
		if row, err = j.Presentment(ctx, ref); errors.Is(err, journal.ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	s, err := presentment.DecodeSnapshot(row.Data)
	if err != nil {
		return nil, fmt.Errorf("presentment record: %w", err)
	}
	return &ClearingExport{
		Destination: row.Destination, MerchantName: s.Name, Street: s.Street, City: s.City, PostalCode: s.PostalCode,
		State: s.State, Country: s.Country, MCC: s.MCC, FeePlan: s.FeePlan, MessageReason: s.Reason,
		Sequence: s.Sequence, Count: s.Count,
	}, nil
}

// ExportPayments writes all payments of a journal as JSON lines, in the order of their ids.
func ExportPayments(ctx context.Context, j Records, w io.Writer) error {
	return exportLines(ctx, j, w, func(each func(*payment.Payment) error) error {
		var failed error
		err := j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
			failed = each(p)
			return failed == nil
		})
		return errors.Join(failed, err)
	})
}

// ExportRange writes the payments from one to another, both included, in the order of their ids. It reads no others.
func ExportRange(ctx context.Context, j Records, w io.Writer, first, last payment.ID) error {
	return exportLines(ctx, j, w, func(each func(*payment.Payment) error) error {
		var failed error
		err := j.Payments(ctx, before(first), func(p *payment.Payment) bool {
			if bytes.Compare(p.ID[:], last[:]) > 0 {
				return false
			}
			failed = each(p)
			return failed == nil
		})
		return errors.Join(failed, err)
	})
}

// before is the id before another, in their order; of the first one none.
func before(id payment.ID) payment.ID {
	switch node, counter := id.Node(), id.Counter(); {
	case counter > 0:
		return payment.NewID(node, counter-1)
	case node > 0:
		return payment.NewID(node-1, math.MaxUint64)
	}
	return payment.ID{}
}

// ExportDated writes the payments that have a presentment on a business date from first to last, each once, in the
// order of their first such date. It reads these dates and payments and nothing else.
func ExportDated(ctx context.Context, j Records, w io.Writer, first, last payment.Date) error {
	return exportLines(ctx, j, w, func(each func(*payment.Payment) error) error {
		for date := first; date <= last; date = date.Next() {
			if err := exportDate(ctx, j, first, date, each); err != nil {
				return err
			}
		}
		return nil
	})
}

// EachDated hands the payments that ExportDated writes of one date to take, each take's until it returns. It is for a
// journal that nothing is written to meanwhile: a payment and its presentments are read at different moments.
func EachDated(
	ctx context.Context, j journal.Journal, date payment.Date, take func(*PaymentExport) error,
) (err error) {
	walk := j.Walk()
	defer func() { err = errors.Join(err, walk.Close()) }()
	var rows []journal.Presentment // of one payment
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		p, err := walk.Payment(rows[0].Payment)
		if err != nil {
			return err
		}
		e, err := exportPayment(ctx, j, p, rows)
		if err != nil {
			return err
		}
		rows = rows[:0]
		return take(&e)
	}
	var failed error
	err = j.Presentments(ctx, date, func(row journal.Presentment) bool {
		if len(rows) > 0 && row.Payment != rows[0].Payment {
			failed = flush()
		}
		rows = append(rows, row)
		return failed == nil
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	return flush()
}

// exportDate calls each with the payments of a date that no earlier date since first has.
func exportDate(ctx context.Context, j Records, first, date payment.Date, each func(*payment.Payment) error) error {
	var before payment.ID
	var failed error
	err := j.Presentments(ctx, date, func(row journal.Presentment) bool {
		if row.Payment == before { // a payment's stand beside each other
			return true
		}
		before = row.Payment
		var p *payment.Payment
		if p, failed = j.Payment(ctx, row.Payment); failed != nil {
			return false
		}
		var known bool
		if known, failed = presentedSince(ctx, j, p, first, date); failed == nil && !known {
			failed = each(p)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}

// presentedSince tells whether a payment has a presentment on a date from first on, before another.
func presentedSince(ctx context.Context, j Records, p *payment.Payment, first, before payment.Date) (bool, error) {
	for i := range p.Ops {
		if date := p.Ops[i].Filed(); date < first || date >= before {
			continue
		}
		switch _, err := j.Presentment(ctx, presentment.RefOf(p, i, p.Ops[i].Filed())); {
		case err == nil:
			return true, nil
		case !errors.Is(err, journal.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}

// exportLines writes the payments that payments yields.
func exportLines(ctx context.Context, j Records, w io.Writer,
	payments func(each func(*payment.Payment) error) error) error {
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	err := payments(func(p *payment.Payment) error {
		e, err := ExportPayment(ctx, j, p)
		if err != nil {
			return err
		}
		return enc.Encode(e)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
