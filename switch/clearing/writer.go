package clearing

import (
	"errors"
	"fmt"
	"io"
)

// A Header is all that decides a file's bytes beside its presentments. It is fixed in the journal when the file is
// sealed.
type Header struct {
	FileID     FileID
	Production bool     // PDS0122 P, else T for test
	CodePage   CodePage // default CP500
	Blocked    bool     // 1014 blocking
	RDW        bool     // record descriptor words before the records; default lengths (VBS)
}

func (h *Header) framing() Framing { return Framing{Blocked: h.Blocked, RDW: h.RDW} }

func (h *Header) mode() string {
	if h.Production {
		return "P"
	}
	return "T"
}

// A Writer writes one file: the header with NewWriter, a record for each Write, the trailer with Close. It takes
// constant memory and is for one goroutine. It does not close the writer below it.
type Writer struct {
	header Header
	id     string
	frames *frameWriter
	record recordBuilder
	totals Totals
	tally  Tally
	err    error // of the writer below; nothing is written after it
	closed bool
}

var errClosed = errors.New("clearing: the file is closed")

// NewWriter checks the header and begins the file with its 1644/697 record.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.FileID.Validate(); err != nil {
		return nil, err
	}
	if h.CodePage != CP500 && h.CodePage != ASCII {
		return nil, fmt.Errorf("clearing: %s cannot be written", h.CodePage)
	}
	writer := &Writer{header: h, id: h.FileID.String(), frames: newFrameWriter(w, h.framing()), tally: Tally{}}
	if err := writer.record.header(writer.id, h.mode()); err != nil {
		return nil, err
	}
	return writer, writer.emit()
}

// Write appends the 1240 of p with the next message number (DE71). A presentment that cannot be written is refused
// with a *FieldError; nothing of it is in the file, and the writer goes on. Any other error is final.
func (w *Writer) Write(p *Presentment) error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return errClosed
	}
	number := w.totals.Messages + 1
	if err := w.record.presentment(p, number); err != nil {
		return err
	}
	if number >= maxMessages { // the trailer takes the last one
		return &FieldError{DE: 71, Reason: fmt.Sprintf("a file has at most %d messages", maxMessages)}
	}
	if w.totals.SumMinor > maxSumMinor-p.AmountMinor {
		return &FieldError{PDS: 301, Reason: "the file's amounts would exceed 16 digits"}
	}
	if err := w.emit(); err != nil {
		return err
	}
	w.totals.Presentments++
	w.totals.SumMinor += p.AmountMinor
	w.tally.Add(p.Currency, p.Debits(), p.AmountMinor)
	return nil
}

// Close ends the file with its 1644/695 record, the zero length of VBS and the filling of the last block, and returns
// what it adds up to. A file without presentments is a header and a trailer.
func (w *Writer) Close() (Totals, error) {
	switch {
	case w.err != nil:
		return Totals{}, w.err
	case w.closed:
		return Totals{}, errClosed
	}
	w.closed = true
	if err := w.record.trailer(w.id, w.totals.SumMinor, w.totals.Messages+1); err != nil {
		return Totals{}, err
	}
	if err := w.emit(); err != nil {
		return Totals{}, err
	}
	if w.err = w.frames.end(); w.err != nil {
		return Totals{}, w.err
	}
	w.totals.Currencies = w.tally.Sorted()
	return w.totals, nil
}

// emit writes the record that was built and counts it.
func (w *Writer) emit() error {
	if w.err = w.frames.record(w.record.encode(w.header.CodePage)); w.err != nil {
		return w.err
	}
	w.totals.Messages++
	return nil
}
