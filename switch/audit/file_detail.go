package audit

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/internal/pan"
)

// detailColumns are the columns of the detail file, as docs/clearing.md lists them. They are found by name.
var detailColumns = []string{
	"payment", "capture", "kind", "reversal", "direction", "amount_minor", "currency", "acquirer_reference", "rrn",
	"auth_code",
	"reference", "key", "merchant", "merchant_name", "terminal", "card", "mcc", "function_code", "message_reason",
	"sequence",
	"count", "network_id", "local_time", "accepted_at", "fee_plan",
}

// detailReader reads the detail file beside its records, a row a presentment.
type detailReader struct {
	of      *fileReader
	csv     *csv.Reader
	columns map[string]int
	row     []string
	line    int
	over    bool // what follows is not compared: a difference has said why
}

func newDetailReader(of *fileReader, in io.Reader) *detailReader {
	d := &detailReader{of: of, csv: csv.NewReader(in)}
	d.csv.ReuseRecord = true
	header, err := d.csv.Read()
	if err != nil {
		d.stop("no header row: %v", err)
		return d
	}
	var fault string
	if d.columns, fault = columnsOf(header, detailColumns); fault != "" {
		d.stop("%s", fault)
	}
	return d
}

// columnsOf finds columns by name; fault says what is wrong with the header row.
func columnsOf(header, wanted []string) (columns map[string]int, fault string) {
	columns = map[string]int{}
	for i, name := range header {
		columns[name] = i
	}
	for _, name := range wanted {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Sprintf("has no column %q", name)
		}
	}
	return columns, ""
}

// stop says why nothing further of the file is compared.
func (d *detailReader) stop(format string, args ...any) {
	d.over = true
	d.of.book.differ(DetailCSV, d.of.name, format, args...)
}

func (d *detailReader) get(column string) string { return d.row[d.columns[column]] }

// next compares the next row with its record, and takes what only the row has.
func (d *detailReader) next(p *presented, k *common) {
	if d.over {
		return
	}
	var err error
	d.line++
	if d.row, err = d.csv.Read(); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it has %d rows, the file has more presentments", d.line-1)
		}
		d.stop("%v", err)
		return
	}
	if is := d.get("acquirer_reference"); is != p.arn.String() {
		d.stop("row %d has acquirer reference %s, message %d has %s: the rest is not compared", d.line, is, p.message, p.arn)
		return
	}
	for _, f := range [...]struct{ column, want string }{
		{"kind", kindOf(p)},
		{"reversal", strconv.FormatBool(p.reversal)},
		{"direction", directionOf(p)},
		{"amount_minor", strconv.FormatInt(p.amount, 10)},
		{"currency", currencyLetters(k.currency)},
		{"rrn", p.rrn.String()},
		{"auth_code", p.auth.String()},
		{"merchant", k.merchant},
		{"terminal", k.terminal},
		{"card", p.pan.Value()},
		{"mcc", k.category},
		{"function_code", k.function},
		{"message_reason", k.reason},
		{"network_id", networkOf(p)},
		{"local_time", localTimeOf(p)},
	} {
		is := d.get(f.column)
		if f.column == "currency" {
			is = money.Current(is)
		}
		if is != f.want {
			if f.column == "card" {
				is = masked(is)
			}
			d.of.book.differ(DetailCSV, d.of.name, "row %d, column %s: %q, message %d has %q", d.line, f.column, is, p.message,
				f.want)
		}
	}
	d.take(p, k)
}

// take enters the columns that no element of the record has: the journal is held against them.
func (d *detailReader) take(p *presented, k *common) {
	payment, capture, _ := strings.Cut(d.get("capture"), "-")
	id, err := parsePaymentID(d.get("payment"))
	operation, errOperation := strconv.ParseInt(capture, 10, 32)
	sequence, errSequence := strconv.ParseInt(d.get("sequence"), 10, 32)
	count, errCount := strconv.ParseInt(d.get("count"), 10, 32)
	accepted, errAccepted := time.Parse(time.RFC3339Nano, d.get("accepted_at"))
	for _, f := range [...]struct {
		column string
		wrong  bool
	}{
		{"payment", err != nil || payment != d.get("payment")}, {"capture", errOperation != nil}, {"sequence",
			errSequence != nil},
		{"count", errCount != nil}, {"accepted_at", errAccepted != nil},
	} {
		if f.wrong {
			d.of.book.differ(DetailCSV, d.of.name, "row %d, column %s: %q is none", d.line, f.column, d.get(f.column))
			return
		}
	}
	p.payment, p.operation, p.sequence, p.count, p.acceptedAt = id, int32(operation), int32(sequence), int32(count),
		accepted.UnixNano()
	if at, has := d.columns["past_window"]; has {
		p.pastWindow = d.row[at] == "true"
	}
	// Exports hide the card numbers that older files have there.
	p.reference, p.key = d.of.book.hash(pan.Hide(d.get("reference"))), d.of.book.hash(pan.Hide(d.get("key")))
	k.merchantName, k.feePlan = d.get("merchant_name"), d.get("fee_plan")
	p.listed = true
}

// end reads what is behind the last record's row.
func (d *detailReader) end() error {
	if d.over {
		return nil
	}
	if _, err := d.csv.Read(); !errors.Is(err, io.EOF) {
		d.stop("it has more than %d rows, which is how many presentments the file has", d.line)
	}
	return nil
}

func kindOf(p *presented) string {
	if p.credit {
		return "refund"
	}
	return "purchase"
}

func directionOf(p *presented) string {
	if p.debits() {
		return "debit"
	}
	return "credit"
}

// networkOf is the network's id: DE63 without the blank in front, or DE105.
func networkOf(p *presented) string {
	if p.link != nil {
		return *p.link
	}
	return strings.TrimPrefix(strings.TrimRight(string(p.network[:]), "\x00"), " ")
}

// localTimeOf is DE12 as the detail file writes it; as it stands where it is no time.
func localTimeOf(p *presented) string {
	t, err := time.Parse("060102150405", string(p.local[:]))
	if err != nil {
		return string(p.local[:])
	}
	return t.Format("2006-01-02T15:04:05")
}
