package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"switchyard/switch/clearing"
)

const (
	pdsTerminalType = 23
	pdsReversal     = 25
	pdsECommerce    = 52
	pdsFileID       = 105
	pdsMode         = 122
	pdsExponents    = 148
	pdsSum          = 301
	pdsMessages     = 306
)

// DE24 of a presentment: the first, and a second one of all that was charged back or of a part of it.
const (
	functionFirst = "200"
	functionWhole = "205"
	functionPart  = "282"
)

// fileReader enters one file and adds it up.
type fileReader struct {
	book     *clearingBook
	name     string
	file     *clearingFile // nil before the header
	rows     *detailReader // nil without a detail CSV
	codePage string
	framing  clearing.Framing
	mode     string // PDS0122
	messages int64
	sum      int64 // of DE4 over all messages between header and trailer
	records  int64 // presentments
	ended    bool  // the trailer was there
	tallies  map[string]*currencyTally
	sums     map[summaryKey]*summarySum
}

// read reads the file to its end. whole says that there is nothing that keeps it from being compared with others.
func (r *fileReader) read(ctx context.Context, in io.Reader) (whole bool, err error) {
	reader, err := clearing.NewReader(in)
	if err != nil {
		return r.refuse(err.Error()), nil
	}
	r.codePage, r.framing = reader.CodePage().String(), reader.Framing()
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		record, err := reader.Next()
		var format *clearing.FormatError
		switch {
		case errors.Is(err, io.EOF) && !r.ended:
			return r.refuse("has no trailer (1644/695)"), nil
		case errors.Is(err, io.EOF):
			return true, nil
		case errors.As(err, &format):
			return r.refuse(err.Error()), nil
		case err != nil:
			return false, err
		}
		if goOn := r.record(record); !goOn {
			return false, nil
		}
	}
}

// record takes one message of the file; false ends it.
func (r *fileReader) record(rec *clearing.Record) bool {
	r.messages++
	function := string(rec.Get(24))
	switch {
	case r.ended:
		r.book.differ(FileTotals, r.name, "message %d stands behind the trailer", r.messages)
		return false
	case r.file == nil && (rec.MTI != "1644" || function != "697"):
		return r.refuse("does not begin with a header (1644/697)")
	case r.file == nil:
		return r.header(rec)
	case rec.MTI == "1644" && function == "695":
		r.trailer(rec)
		return true
	}
	amount, err := strconv.ParseInt(string(rec.Get(4)), 10, 64)
	if err != nil && rec.Has(4) {
		return r.refuse(fmt.Sprintf("message %d: DE4 is no number", r.messages))
	}
	r.sum += amount
	if rec.MTI == "1240" && (function == functionFirst || function == functionWhole || function == functionPart) {
		r.records++
		return r.presentment(rec, amount)
	}
	return true
}

// refuse ends the file.
func (r *fileReader) refuse(why string) bool {
	r.book.differ(FileUnreadable, r.name, "%s", why)
	return false
}

func (r *fileReader) header(rec *clearing.Record) bool {
	id, _ := rec.PDS(pdsFileID)
	if len(id) != 25 {
		return r.refuse("the header has no file id of 25 digits (PDS0105)")
	}
	day, err := time.Parse("060102", id[3:9])
	if err != nil {
		return r.refuse("the file id has no date (PDS0105)")
	}
	if r.book.byID[id] != nil {
		r.book.differ(FileTwice, r.name, "id %s is another file's, too", id)
		return false
	}
	r.mode, _ = rec.PDS(pdsMode)
	r.file = &clearingFile{id: id, date: day.Format(time.DateOnly)}
	r.book.byID[id] = r.file
	r.book.files = append(r.book.files, r.file)
	r.book.dates[r.file.date] = true
	return true
}

func (r *fileReader) trailer(rec *clearing.Record) {
	r.ended = true
	id, _ := rec.PDS(pdsFileID)
	sum, _ := rec.PDS(pdsSum)
	messages, _ := rec.PDS(pdsMessages)
	saidSum, sumErr := strconv.ParseInt(sum, 10, 64)
	saidMessages, messagesErr := strconv.ParseInt(messages, 10, 64)
	switch {
	case id != r.file.id:
		r.book.differ(FileTotals, r.name, "the trailer's file id is another one (PDS0105)")
	case sumErr != nil || saidSum != r.sum:
		r.book.differ(FileTotals, r.name, "the trailer says %q in total (PDS0301), its records %d", sum, r.sum)
	case messagesErr != nil || saidMessages != r.messages:
		r.book.differ(FileTotals, r.name, "the trailer says %q messages (PDS0306), there are %d", messages, r.messages)
	}
}

// currencyTally is what the records of one currency add up to, as the manifest has it.
type currencyTally struct {
	Currency    string `json:"currency"`
	DebitCount  int64  `json:"debit_count"`
	DebitMinor  int64  `json:"debit_minor"`
	CreditCount int64  `json:"credit_count"`
	CreditMinor int64  `json:"credit_minor"`
}

// debits tells whether a record debits the cardholder: a purchase does, a refund does not, and PDS0025 turns it round.
func (p *presented) debits() bool { return p.credit == p.reversal }

func (r *fileReader) tally(p *presented, k *common) {
	currency := currencyLetters(k.currency)
	t := r.tallies[currency]
	if t == nil {
		if r.tallies == nil {
			r.tallies = map[string]*currencyTally{}
		}
		t = &currencyTally{Currency: currency}
		r.tallies[currency] = t
	}
	if p.debits() {
		t.DebitCount++
		t.DebitMinor += p.amount
	} else {
		t.CreditCount++
		t.CreditMinor += p.amount
	}
}
