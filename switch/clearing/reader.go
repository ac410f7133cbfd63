package clearing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A Reader reads files in the IPM layout, whoever wrote them. It recognizes cp500 and ASCII, 1014 blocking and RDW by
// itself and takes constant memory. It is for one goroutine.
type Reader struct {
	in       input
	framing  Framing
	page     CodePage
	record   Record
	head     [lengthSize]byte
	buf      [maxRecord]byte
	number   int            // of the record at hand
	ended    bool           // behind the last one
	pending  bool           // a record is in buf
	faults   []*FormatError // found while it was read, to be returned before it
	warnings []Finding
	warned   map[string]bool
	err      error // what ends the file

	seems     string // what the file looks like, where no record begins in it
	diagnosed int    // records that could not be read and were looked into
}

var errEmpty = errors.New("clearing: the file is empty")

// warnRDW is told of a file of which nobody has said that it is framed so.
const warnRDW = "records begin with mainframe descriptor words (RDW)"

// NewReader looks at the file's beginning. It fails only if nothing can be read at all.
func NewReader(r io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(r, detectWindow)
	window, err := buffered.Peek(detectWindow)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("clearing: %w", err)
	}
	if len(window) == 0 {
		return nil, errEmpty
	}
	found := detect(window, errors.Is(err, io.EOF))
	reader := &Reader{framing: found.framing, page: found.page, warned: map[string]bool{}}
	reader.in = input{r: buffered, blocked: found.framing.Blocked, fault: reader.fault, warn: reader.warn}
	if found.framing.RDW {
		reader.warn(0, warnRDW)
	}
	if found.records == 0 {
		reader.seems = seems(window)
	}
	return reader, nil
}

// ReadAt reads one record again, by its place in a file that was read before.
func ReadAt(file io.ReaderAt, like *Reader, number int, offset int64) (*Record, error) {
	r := &Reader{framing: like.framing, page: like.page, number: number - 1, warned: map[string]bool{}}
	start := offset
	if r.framing.Blocked {
		start -= offset % blockSize
	}
	const enough = lengthSize + maxRecord + 8*(blockSize-blockData) + 2*blockSize // its blocks' ends and fillings with it
	section := io.NewSectionReader(file, start, enough)
	r.in = input{
		r: bufio.NewReader(section), blocked: r.framing.Blocked, base: start, fault: r.fault, warn: r.warn,
	}
	if r.framing.Blocked {
		if err := r.in.load(); err != nil {
			return nil, fmt.Errorf("clearing: %w", err)
		}
		r.in.next = int(offset % blockSize)
		r.faults = nil // of its block, told when the file was read
	}
	return r.Next()
}

// Framing says how the file is cut into records.
func (r *Reader) Framing() Framing { return r.framing }

// CodePage is the encoding of the file's text.
func (r *Reader) CodePage() CodePage { return r.page }

// Warnings are the oddities seen so far that a reader takes, each once.
func (r *Reader) Warnings() []Finding { return r.warnings }

// Next returns the next record, or io.EOF after the last. A *FormatError that is not Fatal leaves the reader able to go
// on: it comes with the record as far as it could be read, or without one if it concerns a block. After a Fatal one and
// any other error every call returns the same.
func (r *Reader) Next() (*Record, error) {
	if !r.pending && r.err == nil && len(r.faults) == 0 {
		r.err = r.advance()
	}
	if len(r.faults) > 0 {
		fault := r.faults[0]
		r.faults = r.faults[1:]
		return nil, fault
	}
	if !r.pending {
		return nil, r.err
	}
	r.pending = false
	if err := r.record.parse(r.page); err != nil {
		if r.diagnosed < mostDiagnosed {
			r.diagnosed++
			err = r.record.diagnose(err)
		}
		return &r.record, err
	}
	return &r.record, nil
}

// advance reads the next record into buf, or returns what ends the file.
func (r *Reader) advance() error {
	offset := r.in.offset()
	head := &r.head
	n, err := r.in.read(head[:])
	padding := r.framing.Blocked && n > 0 && isAll(head[:n], blockFiller)
	switch {
	case errors.Is(err, io.EOF), padding && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		if !r.framing.RDW {
			r.warn(offset, "the zero length at the end is missing")
		}
		return r.end()
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("clearing: %w", err)
	}
	length, ok := recordLength(head[:], r.framing.RDW)
	if err == nil && ok && length == 0 {
		return r.end()
	}
	r.number++
	switch {
	case err != nil:
		return r.fatal(offset, "the file ends within the record's length")
	case !ok || length < minRecord || length > maxRecord:
		what := fmt.Sprintf("its length stands as % x, %d to %d expected", *head, minRecord, maxRecord)
		if r.number == 1 && r.seems != "" {
			what += "; the file looks like " + r.seems
		}
		return r.fatal(offset, what)
	}
	if n, err = r.in.read(r.buf[:length]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return r.fatal(offset, "the file ends within the record: "+strconv.Itoa(length)+" bytes expected, "+strconv.Itoa(n)+
				" there")
		}
		return fmt.Errorf("clearing: %w", err)
	}
	r.record.Number, r.record.Offset, r.record.framing = r.number, offset, r.framing
	r.record.raw = r.buf[:length]
	r.pending = true
	return nil
}

// end looks at what stands behind the last record.
func (r *Reader) end() error {
	r.ended = true
	if err := r.in.rest(); err != nil {
		return fmt.Errorf("clearing: %w", err)
	}
	return io.EOF
}

func (r *Reader) fatal(offset int64, message string) error {
	return &FormatError{Finding: r.finding(offset, message), Fatal: true}
}

func (r *Reader) fault(offset int64, message string) {
	r.faults = append(r.faults, &FormatError{Finding: r.finding(offset, message)})
}

// warn keeps a warning the first time it comes up.
func (r *Reader) warn(offset int64, message string) {
	if !r.warned[message] {
		r.warned[message] = true
		r.warnings = append(r.warnings, r.finding(offset, message))
	}
}

// finding names the record at hand; before the first and behind the last it concerns the file.
func (r *Reader) finding(offset int64, message string) Finding {
	f := Finding{Record: r.number, Offset: offset, Message: message}
	if r.ended {
		f.Record = 0
	}
	return f
}
