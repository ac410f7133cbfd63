package txswitch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
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
	PAN       string     `json:"pan"` // first six and last four
	Route     string     `json:"route"`
	Ops       []OpExport `json:"ops"`
}

// OpExport is one operation of a payment. Amounts are minor units.
type OpExport struct {
	N            int        `json:"n"`
	Op           string     `json:"op"`
	State        string     `json:"state"`
	Key          string     `json:"key,omitempty"`
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
	BusinessDate string     `json:"business_date,omitempty"`
	ARN          string     `json:"arn,omitempty"`
	At           time.Time  `json:"at"`
	DoneAt       *time.Time `json:"done_at,omitempty"`
}

// ExportPayment makes the export of one payment.
func ExportPayment(p *payment.Payment) PaymentExport {
	e := PaymentExport{
		Payment: p.ID.String(), Version: p.Version, Gateway: p.Gateway, Merchant: p.Merchant, Terminal: p.Terminal,
		Currency: p.Currency, Reference: p.Reference, Created: p.Created, PAN: p.MaskedPAN, Route: p.Route,
		Ops: make([]OpExport, len(p.Ops)),
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		x := OpExport{
			N: i, Op: op.Kind.String(), State: op.State.String(), Key: op.Key, Amount: op.Amount, Granted: op.Granted,
			Target: op.Target, Number: op.Number, Final: op.Final, Stays: op.Stays, Host: op.Host, DE7: op.DE7, RRN: op.RRN,
			ResponseCode: op.ResponseCode, Late: op.Late, AuthCode: op.AuthCode, BusinessDate: op.Date.String(),
			ARN: op.ARN, At: op.At,
		}
		if op.STAN != 0 {
			x.STAN = fmt.Sprintf("%06d", op.STAN)
		}
		if !op.DoneAt.IsZero() {
			x.DoneAt = &op.DoneAt
		}
		e.Ops[i] = x
	}
	return e
}

// ExportPayments writes all payments of a journal as JSON lines, on a snapshot, in the order of their ids.
func ExportPayments(j journal.Journal, w io.Writer) error {
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	var failed error
	err := j.Payments(payment.ID{}, func(p *payment.Payment) bool {
		failed = enc.Encode(ExportPayment(p))
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return out.Flush()
}
