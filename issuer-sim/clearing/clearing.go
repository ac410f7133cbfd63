package clearing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/switch/clearing"
)

// maxExceptions is how many exceptions an answer lists; all are counted.
const maxExceptions = 100

// Result is the answer to POST /v1/clearing.
type Result struct {
	FileID     string      `json:"file_id"`
	Messages   int         `json:"messages"` // presentments
	Settled    int         `json:"settled"`  // postings found and settled
	Posted     int         `json:"posted"`   // without a posting: debited or credited now
	Reversed   int         `json:"reversed"` // postings taken back
	Already    int         `json:"already"`  // done before, by a file that was cut short
	Ignored    int         `json:"ignored"`  // messages that are no presentments
	Excepted   int         `json:"excepted"` // not done, see exceptions
	Exceptions []Exception `json:"exceptions,omitempty"`
}

// Exception is a presentment that was not done.
type Exception struct {
	Record int    `json:"record"`
	ARN    string `json:"arn,omitempty"`
	RRN    string `json:"rrn,omitempty"`
	Reason string `json:"reason"`
}

// ErrTaken refuses a file that was taken before.
var ErrTaken = errors.New("this file was taken before")

// Desk takes clearing files, one after another.
type Desk struct {
	mu    sync.Mutex
	books *book.Book
}

// NewDesk makes a desk for books.
func NewDesk(books *book.Book) *Desk { return &Desk{books: books} }

// FaultyError is a file that does not verify.
type FaultyError struct{ Report *clearing.Report }

// Error implements error.
func (*FaultyError) Error() string { return "the file does not verify" }

// Take verifies a file and applies it. A *FaultyError is one that does not verify, ErrTaken one that was taken
// before. One that was cut short by a crash may be given again: what it did is not done twice.
func (d *Desk) Take(body []byte) (result Result, err error) {
	report, err := clearing.Verify(bytes.NewReader(body), clearing.VerifyOptions{Strict: true})
	if err != nil {
		return result, err
	}
	if !report.OK {
		return result, &FaultyError{report}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := report.FileID
	file, taken := d.books.FileNumber(id)
	if taken {
		return result, fmt.Errorf("file %s: %w", id, ErrTaken)
	}
	if file == 0 {
		return result, fmt.Errorf("more than %d clearing files", book.MaxClearingFiles)
	}
	parsed, err := clearing.ParseFileID(id)
	if err != nil {
		return result, err
	}
	date := uint16(int(parsed.Date.Month())*100 + parsed.Date.Day())
	in, err := clearing.NewReader(bytes.NewReader(body))
	if err != nil {
		return result, err
	}
	d.books.FileBegins(id)
	result.FileID = id
	for {
		record, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return result, err
		}
		if record.MTI == "1644" {
			continue
		}
		if record.MTI != "1240" {
			result.Ignored++
			continue
		}
		result.Messages++
		p, ok := parsePresentment(record, date)
		did := book.SettledNoCard
		if ok {
			if did, err = d.books.Settle(&p, file); err != nil {
				return result, err
			}
		}
		result.count(did, record)
	}
	return result, d.books.FileEnds(id, file)
}

func (r *Result) count(did book.Settlement, record *clearing.Record) {
	switch did {
	case book.SettledPosting:
		r.Settled++
	case book.SettledNew:
		r.Posted++
	case book.SettledReversal:
		r.Reversed++
	case book.SettledAlready:
		r.Already++
	default:
		r.Excepted++
		if len(r.Exceptions) < maxExceptions {
			r.Exceptions = append(r.Exceptions, Exception{
				Record: record.Number, ARN: record.Text(31), RRN: message.Trimmed(record.Get(37)), Reason: did.Reason(),
			})
		}
	}
}

// parsePresentment reads a record that Verify has passed; false if it has no card number of ours.
func parsePresentment(r *clearing.Record, date uint16) (p book.Presentment, ok bool) {
	if p.Card, ok = message.ParseDigits(r.Get(2)); !ok {
		return p, false
	}
	amount, ok := r.AmountMinor()
	currency, known := message.ParseNumber(r.Get(49))
	if !ok || !known {
		return p, false
	}
	if p.Acquirer, ok = message.ParseDigits(r.Get(32)); !ok {
		return p, false
	}
	message.Fill(p.RRN[:], message.TrimBlanks(r.Get(37)))
	message.Fill(p.Merchant[:], message.TrimBlanks(r.Get(42)))
	p.ARN, _ = message.ParseARN(r.Get(31))
	p.Amount, p.Currency, p.Date = amount, uint16(currency), date
	p.Reversal = r.Reversal()
	// DE3 is the original's, so the side of what is taken back is found by turning a reversal round.
	p.Credit = r.Debits() == p.Reversal
	return p, true
}
