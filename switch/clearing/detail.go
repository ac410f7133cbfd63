package clearing

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"switchyard/internal/money"
)

// A DetailRow is one row of the detail file: one presentment as reconciliation sees it, joined on ARN, RRN, AuthCode
// and Reference. The card is masked (I12).
type DetailRow struct {
	PaymentID     string
	CaptureID     string // of the capture or refund
	Kind          string // purchase or refund
	Reversal      bool   // takes an earlier one back
	Direction     string // debit or credit, of the cardholder
	AmountMinor   int64  // never negative
	Currency      string // ISO 4217 letters
	ARN           string
	RRN           string
	AuthCode      string
	Reference     string
	Key           string
	Merchant      string
	MerchantName  string
	Terminal      string
	Card          string // first six, last four
	MCC           string
	FunctionCode  string
	MessageReason string
	Sequence      int
	Count         int
	NetworkID     string
	LocalTime     string    // YYYY-MM-DDThh:mm:ss where the card was used; DE12 tells no zone
	AcceptedAt    time.Time // UTC
	FeePlan       string
	PastWindow    bool // the capture came past its window; false in files without that column
}

// detailColumns is the header row, in the order in which Write and parseDetail go through them.
var detailColumns = []string{
	"payment", "capture", "kind", "reversal", "direction", "amount_minor", "currency", "acquirer_reference", "rrn",
	"auth_code", "reference", "key", "merchant", "merchant_name", "terminal", "card", "mcc", "function_code",
	"message_reason", "sequence", "count", "network_id", "local_time", "accepted_at", "fee_plan",
}

// ColumnPastWindow stands behind the others in files that have a capture that came past its window, and in no other.
const ColumnPastWindow = "past_window"

const (
	kindPurchase    = "purchase"
	kindRefund      = "refund"
	directionDebit  = "debit"
	directionCredit = "credit"
	localTimeLayout = "2006-01-02T15:04:05"

	maxDetailRow = 64 << 10 // bytes of one row that ReadDetail takes
)

// A DetailWriter writes the detail file beside an IPM file: RFC 4180, the header row always, a row a presentment in the
// file's order. It does not close the writer below it.
type DetailWriter struct {
	out        *bufio.Writer
	row        csvRow
	pastWindow bool
}

// NewDetailWriter begins with the header row.
func NewDetailWriter(w io.Writer) *DetailWriter { return newDetailWriter(w, false) }

// NewDetailWriterPastWindow is NewDetailWriter with ColumnPastWindow.
func NewDetailWriterPastWindow(w io.Writer) *DetailWriter { return newDetailWriter(w, true) }

func newDetailWriter(w io.Writer, pastWindow bool) *DetailWriter {
	const bufferBytes = 64 << 10
	d := &DetailWriter{out: bufio.NewWriterSize(w, bufferBytes), pastWindow: pastWindow}
	for _, name := range detailColumns {
		d.row.text(name)
	}
	if pastWindow {
		d.row.text(ColumnPastWindow)
	}
	_ = d.row.writeTo(d.out) // an error of out is also that of all that comes
	return d
}

// Write appends the row of p.
func (d *DetailWriter) Write(p *Presentment) error {
	kind := kindPurchase
	if p.Credit {
		kind = kindRefund
	}
	r := &d.row // in the order of detailColumns
	r.text(p.PaymentID)
	r.text(p.CaptureID)
	r.text(kind)
	r.bool(!p.ReversalOf.IsZero())
	r.text(direction(p.Debits()))
	r.int(p.AmountMinor)
	r.text(p.Currency)
	r.text(p.ARN)
	r.text(p.RRN)
	r.text(p.AuthCode)
	r.text(p.Reference)
	r.text(p.Key)
	r.text(p.Merchant)
	r.text(p.MerchantName)
	r.text(p.Terminal)
	r.mask(p.PAN)
	r.text(p.MCC)
	r.text(p.FunctionCode)
	r.text(p.MessageReason)
	r.int(int64(p.Sequence))
	r.int(int64(p.Count))
	r.text(p.NetworkID)
	r.localTime(p.LocalTime)
	r.moment(p.AcceptedAt)
	r.text(p.FeePlan)
	if d.pastWindow {
		r.bool(p.PastWindow)
	}
	return r.writeTo(d.out)
}

// Close hands the rest to the writer below.
func (d *DetailWriter) Close() error {
	if err := d.out.Flush(); err != nil {
		return fmt.Errorf("clearing: %w", err)
	}
	return nil
}

// ReadDetail yields the rows of a detail file. Each error names the line and the column; it ends the reading, except
// that a row with a wrong value yields its error and the next row follows. Memory is bounded by the longest row taken,
// 64 KiB.
func ReadDetail(r io.Reader) iter.Seq2[DetailRow, error] {
	return func(yield func(DetailRow, error) bool) {
		limited := &rowLimit{r: r, left: maxDetailRow}
		rows := csv.NewReader(limited)
		rows.ReuseRecord = true
		rows.FieldsPerRecord = 0 // as many as the header
		header, err := rows.Read()
		if errors.Is(err, io.EOF) {
			err = errors.New("line 1: the header row is missing")
		}
		columns := slices.Clone(detailColumns)
		if len(header) > len(columns) {
			columns = append(columns, ColumnPastWindow)
		}
		if err == nil && len(header) != len(columns) {
			err = fmt.Errorf("line 1: wrong number of fields: %d, expected %d", len(header), len(columns))
		}
		for i := 0; err == nil && i < len(columns); i++ {
			if header[i] != columns[i] {
				err = columnError(rows, i, "is called "+strconv.Quote(header[i]))
			}
		}
		if err != nil {
			yield(DetailRow{}, fmt.Errorf("clearing: detail file: %w", err))
			return
		}
		for {
			limited.left = maxDetailRow
			fields, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(DetailRow{}, fmt.Errorf("clearing: detail file: %w", err))
				return
			}
			row, i, err := parseDetail(fields)
			if err != nil {
				err = fmt.Errorf("clearing: detail file: %w", columnError(rows, i, err.Error()))
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func columnError(rows *csv.Reader, column int, reason string) error {
	line, at := rows.FieldPos(column)
	name := ColumnPastWindow
	if column < len(detailColumns) {
		name = detailColumns[column]
	}
	return fmt.Errorf("line %d, column %d (%s): %s", line, at, name, reason)
}

// parseDetail reads the columns in order. On an error it says which column was wrong.
func parseDetail(fields []string) (row DetailRow, column int, err error) {
	row = DetailRow{
		PaymentID: fields[0], CaptureID: fields[1], Kind: fields[2], Direction: fields[4], Currency: fields[6],
		ARN: fields[7], RRN: fields[8], AuthCode: fields[9], Reference: fields[10], Key: fields[11], Merchant: fields[12],
		MerchantName: fields[13], Terminal: fields[14], Card: fields[15], MCC: fields[16], FunctionCode: fields[17],
		MessageReason: fields[18], NetworkID: fields[21], LocalTime: fields[22], FeePlan: fields[24],
	}
	if row.Kind != kindPurchase && row.Kind != kindRefund {
		return row, 2, errors.New("is neither purchase nor refund")
	}
	if row.Reversal, err = strconv.ParseBool(fields[3]); err != nil {
		return row, 3, errors.New("is neither true nor false")
	}
	if row.Direction != directionDebit && row.Direction != directionCredit {
		return row, 4, errors.New("is neither debit nor credit")
	}
	if row.AmountMinor, err = strconv.ParseInt(fields[5], 10, 64); err != nil || row.AmountMinor < 1 ||
		row.AmountMinor > maxAmountMinor {
		return row, 5, errors.New("is no amount of 1 to 12 digits")
	}
	if _, known := money.Lookup(row.Currency); !known {
		return row, 6, errors.New("is no currency of ISO 4217")
	}
	if reason := arnFault(row.ARN); reason != "" {
		return row, 7, errors.New(reason)
	}
	if row.Sequence, err = strconv.Atoi(fields[19]); err != nil {
		return row, 19, errors.New("is no number")
	}
	if row.Count, err = strconv.Atoi(fields[20]); err != nil {
		return row, 20, errors.New("is no number")
	}
	if _, err = time.Parse(localTimeLayout, row.LocalTime); err != nil {
		return row, 22, errors.New("is no time YYYY-MM-DDThh:mm:ss")
	}
	if row.AcceptedAt, err = time.Parse(time.RFC3339Nano, fields[23]); err != nil {
		return row, 23, errors.New("is no time of RFC 3339")
	}
	if behind := len(detailColumns); len(fields) > behind {
		if row.PastWindow, err = strconv.ParseBool(fields[behind]); err != nil {
			return row, behind, errors.New("is neither true nor false")
		}
	}
	return row, 0, nil
}

// A rowLimit fails once a row has taken more input than a row may. What the CSV reader buffers ahead counts too, a few
// KiB.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a row is longer than %d bytes", maxDetailRow)
	}
	n, err := l.r.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}
