package clearing

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"switchyard/switch/clearing"
)

// inspected is a file that may be taken.
type inspected struct {
	id      string
	parsed  clearing.FileID
	mode    string
	page    clearing.CodePage
	framing clearing.Framing
}

// An inspection goes through a file as a whole.
type inspection struct {
	desk     *Desk
	file     inspected
	messages int
	sumMinor int64
	unread   int64 // amounts that could not be read
	ended    bool  // the trailer was there
	sum      string
	count    string
}

// counted tells how much was read, whether the end was reached, and what broke off before it.
type counted struct {
	in     io.Reader
	bytes  int64
	ended  bool
	failed error
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.bytes += int64(n)
	if errors.Is(err, io.EOF) {
		c.ended = true
	} else if err != nil {
		c.failed = err
	}
	return n, err
}

// inspect reads a file to its end and finds what refuses it as a whole: its framing, its header and trailer, its
// numbers, its sum, that it is of another member or mode. It changes nothing. Other errors are of who reads.
func (d *Desk) inspect(in io.Reader) (*inspected, *RefusedError, error) {
	from := &counted{in: in}
	i := &inspection{desk: d}
	refused, err := i.read(from)
	switch {
	case from.failed != nil && !errors.Is(from.failed, errTooLong): // an upload that broke off is no file that is cut
		return nil, nil, from.failed
	case errors.Is(err, errTooLong):
		words := fmt.Sprintf("it is longer than %d bytes", d.o.MaxBytes)
		refused = i.refuse(&fault{elementOf(0, 0), codeFraming, words})
	case err != nil && from.bytes > 0 || err != nil && !from.ended:
		return nil, nil, err
	case err != nil:
		refused = i.refuse(&fault{elementOf(0, 0), codeFraming, "the file is empty"})
		refused.cut = true
	}
	if refused != nil {
		refused.cut = refused.cut || from.ended && !i.ended
		return nil, refused, nil
	}
	return &i.file, nil, nil
}

func (i *inspection) read(in io.Reader) (*RefusedError, error) {
	reader, err := clearing.NewReader(in)
	if err != nil {
		return nil, err
	}
	i.file.page, i.file.framing = reader.CodePage(), reader.Framing()
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return i.end(), nil
		}
		var format *clearing.FormatError
		if err != nil && !errors.As(err, &format) {
			return nil, err
		}
		if format != nil && (format.Fatal || record == nil) {
			return i.refuseFor(codeFraming, format.Finding), nil
		}
		if refused := i.record(record, format); refused != nil {
			return refused, nil
		}
	}
}

// record looks at one message.
func (i *inspection) record(r *clearing.Record, format *clearing.FormatError) *RefusedError {
	i.messages++
	function := r.FunctionCode()
	header, trailer := r.MTI == "1644" && function == "697", r.MTI == "1644" && function == "695"
	switch {
	case i.ended:
		return i.refuse(&fault{elementOf(0, 0), codeEnds, "a message stands behind the trailer"})
	case header != (i.messages == 1):
		return i.refuse(&fault{"D0024", codeEnds, fmt.Sprintf("message %d: a header stands first, only there", i.messages)})
	}
	if header || trailer {
		if format != nil {
			return i.refuseFor(codeEnds, format.Finding)
		}
		if found := r.Check(); len(found) > 0 {
			return i.refuseFor(codeEnds, found...)
		}
	}
	if number := string(r.Get(71)); format == nil && number != fmt.Sprintf("%08d", i.messages) && isNumber(number) {
		return i.refuse(&fault{"D0071", codeNumber, fmt.Sprintf("message %d has the number %s", i.messages, number)})
	}
	switch {
	case header:
		return i.header(r)
	case trailer:
		return i.trailer(r)
	}
	amountMinor, ok := r.AmountMinor()
	if !ok && (format != nil || r.Has(4)) {
		i.unread++
	}
	if i.sumMinor > clearing.MaxSumMinor-amountMinor {
		return i.refuse(&fault{"P0301", codeSum, "the amounts add up to more than 16 digits"})
	}
	i.sumMinor += amountMinor
	return nil
}

// isNumber tells whether a message number is one; a record without is refused by itself.
func isNumber(s string) bool { return len(s) == 8 && allDigits(s) }

func (i *inspection) header(r *clearing.Record) *RefusedError {
	i.file.id, _ = r.PDS(105)
	i.file.mode, _ = r.PDS(122)
	var err error
	if i.file.parsed, err = clearing.ParseFileID(i.file.id); err != nil {
		return i.refuse(&fault{"P0105", codeFormat, err.Error()})
	}
	o := &i.desk.o
	_, takesBack := r.PDS(26)
	switch {
	case takesBack:
		words := "it takes an earlier file back: records are taken back one by one (PDS0025), no files"
		return i.refuse(&fault{"P0026", codeTakesBack, words})
	case i.file.parsed.Type != "":
		return i.refuse(&fault{"P0105", codeType, "its type is " + i.file.parsed.Type + ", 002 is a file made by a member"})
	case len(o.Members) > 0 && !slices.Contains(o.Members, i.file.parsed.ProcessorID):
		return i.refuse(&fault{"P0105", codeMember, i.file.parsed.ProcessorID + " is none of the members"})
	case o.Mode != "" && o.Mode != i.file.mode:
		return i.refuse(&fault{"P0122", codeMode, "its mode is " + i.file.mode + ", " + o.Mode + " is taken"})
	}
	return nil
}

func (i *inspection) trailer(r *clearing.Record) *RefusedError {
	i.ended = true
	id, _ := r.PDS(105)
	if id != i.file.id {
		return i.refuse(&fault{"P0105", codeEnds, "the trailer has the id " + id})
	}
	i.sum, _ = r.PDS(301)
	i.count, _ = r.PDS(306)
	return nil
}

// end holds the trailer against what was read.
func (i *inspection) end() *RefusedError {
	switch {
	case i.messages == 0:
		return i.refuse(&fault{elementOf(0, 0), codeEnds, "it has no messages"})
	case !i.ended:
		return i.refuse(&fault{elementOf(0, 0), codeEnds, "it has no trailer"})
	}
	if want := fmt.Sprintf("%08d", i.messages); i.count != want {
		return i.refuse(&fault{"P0306", codeCount, "it says " + i.count + " messages, there are " + want})
	}
	// A record that cannot be read has an amount that nobody knows, but not more than twelve digits.
	sum, _ := strconv.ParseInt(i.sum, 10, 64) // Check has seen 16 digits
	if missing := sum - i.sumMinor; sum != 0 && (missing < 0 || missing > i.unread*maxAmount) {
		return i.refuse(&fault{"P0301", codeSum, fmt.Sprintf("it says %s, the amounts add up to %016d", i.sum, i.sumMinor)})
	}
	return nil
}

func (i *inspection) refuse(why *fault) *RefusedError {
	return &RefusedError{
		FileID: i.file.id, Element: why.element, Code: why.code, Words: why.words, mode: i.file.mode, page: i.file.page,
		framing: i.file.framing,
	}
}

func (i *inspection) refuseFor(code string, found ...clearing.Finding) *RefusedError {
	refused := i.refuse(findingFault(code, &found[0]))
	refused.Findings, refused.Words = found, "the file does not verify"
	return refused
}
