package ipmtool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/switch/clearing"
)

// The measures of 1014 blocking and of a record's length.
const (
	blockData  = 1012
	blockSize  = 1014
	lengthSize = 4
	filler     = 0x40
)

// A Form is how a clearing file stands on disk: its code page, how it is cut, and what of its end and its blocks is
// otherwise than Switchyard writes it. Records and a form are a file, byte for byte.
type Form struct {
	CodePage clearing.CodePage
	Blocked  bool // 1014 blocking
	RDW      bool // mainframe record descriptor words
	Trailer  byte // of blocks, twice; 40, or 00 in files of others
	Fill     byte // of the last block
	NoEnd    bool // the zero length at the end is missing
	Extra    int  // empty blocks behind the last
}

// NewForm is what Switchyard writes, of a code page and a blocking: 1014, vbs or rdw, or 1014+rdw.
func NewForm(codePage, blocking string) (Form, error) {
	f := Form{Trailer: filler, Fill: filler}
	page, err := clearing.ParseCodePage(codePage)
	if err != nil {
		return f, fmt.Errorf("code page %q: expected cp500 or ascii", codePage)
	}
	f.CodePage = page
	switch blocking {
	case "1014":
		f.Blocked = true
	case "vbs":
	case "rdw":
		f.RDW, f.NoEnd = true, true
	case "1014+rdw":
		f.Blocked, f.RDW, f.NoEnd = true, true, true
	default:
		return f, fmt.Errorf("blocking %q: expected 1014, vbs, rdw or 1014+rdw", blocking)
	}
	return f, nil
}

// String is the form in words that ParseForm reads: "cp500 1014", "ascii vbs", "cp500 rdw noend".
func (f Form) String() string {
	words := []string{f.CodePage.String(), "vbs"}
	switch {
	case f.Blocked && f.RDW:
		words[1] = "1014+rdw"
	case f.Blocked:
		words[1] = "1014"
	case f.RDW:
		words[1] = "rdw"
	}
	if f.NoEnd != f.RDW { // with descriptor words none is usual
		words = append(words, "end="+map[bool]string{true: "none", false: "zeros"}[f.NoEnd])
	}
	if f.Blocked && f.Trailer != filler {
		words = append(words, fmt.Sprintf("trailer=%02x", f.Trailer))
	}
	if f.Blocked && f.Fill != filler {
		words = append(words, fmt.Sprintf("fill=%02x", f.Fill))
	}
	if f.Extra > 0 {
		words = append(words, fmt.Sprintf("extra=%d", f.Extra))
	}
	return strings.Join(words, " ")
}

// ParseForm is the inverse of String.
func ParseForm(s string) (Form, error) {
	words := strings.Fields(s)
	if len(words) < 2 {
		return Form{}, fmt.Errorf("form %q: expected a code page and a blocking, such as %q", s, "cp500 1014")
	}
	f, err := NewForm(words[0], words[1])
	for _, word := range words[2:] {
		if err != nil {
			break
		}
		err = f.oddity(word)
	}
	return f, err
}

func (f *Form) oddity(word string) error {
	name, value, _ := strings.Cut(word, "=")
	octet, octetErr := strconv.ParseUint(value, 16, 8)
	n, countErr := strconv.Atoi(value)
	switch {
	case name == "end" && value == "none":
		f.NoEnd = true
	case name == "end" && value == "zeros":
		f.NoEnd = false
	case name == "trailer" && octetErr == nil:
		f.Trailer = byte(octet)
	case name == "fill" && octetErr == nil:
		f.Fill = byte(octet)
	case name == "extra" && countErr == nil && n > 0 && n <= mostExtra:
		f.Extra = n
	default:
		return fmt.Errorf("form: %q is unknown, expected end=none, trailer=00, fill=00 or extra=1", word)
	}
	return nil
}

// mostExtra bounds the empty blocks at the end of a file.
const mostExtra = 1000

// formOf completes what the reader of a file recognized by what stands in its first block and behind its last record,
// which ends at the place end of the stream of records.
func formOf(file io.ReaderAt, size int64, reader *clearing.Reader, end int64) (Form, error) {
	framing := reader.Framing()
	f := Form{
		CodePage: reader.CodePage(), Blocked: framing.Blocked, RDW: framing.RDW, Trailer: filler, Fill: filler,
	}
	at := end
	if f.Blocked {
		at = end/blockData*blockSize + end%blockData
	}
	const most = mostExtra * blockSize
	if size-at > most {
		return f, fmt.Errorf("%d bytes follow the last record", size-at)
	}
	tail := make([]byte, max(0, size-at))
	if _, err := file.ReadAt(tail, at); err != nil && err != io.EOF {
		return f, err
	}
	if !f.Blocked {
		f.NoEnd = len(tail) == 0
		return f, nil
	}
	var trailer [1]byte
	if _, err := file.ReadAt(trailer[:], blockData); err == nil {
		f.Trailer = trailer[0]
	}
	f.ofTail(tail, int(end%blockData))
	return f, nil
}

// ofTail reads the end of a blocked file, from the given column of a block on.
func (f *Form) ofTail(tail []byte, column int) {
	var data []byte
	for len(tail) > 0 {
		n := min(blockData-column, len(tail))
		data, tail = append(data, tail[:n]...), tail[n:]
		tail, column = tail[min(blockSize-blockData, len(tail)):], 0
	}
	f.NoEnd = !bytes.HasPrefix(data, make([]byte, lengthSize))
	rest := data
	if !f.NoEnd {
		rest = data[lengthSize:]
	}
	if len(rest) > 0 {
		f.Fill = rest[0]
	}
	f.Extra = min(len(rest)/blockData, mostExtra)
}

// A formWriter writes records in a form.
type formWriter struct {
	w      *bufio.Writer
	form   Form
	column int // bytes in the current block
}

func newFormWriter(w io.Writer, form Form) *formWriter {
	return &formWriter{w: bufio.NewWriterSize(w, 64<<10), form: form}
}

func (f *formWriter) record(record []byte) error {
	var length [lengthSize]byte
	if f.form.RDW {
		binary.BigEndian.PutUint16(length[:], uint16(len(record)+lengthSize))
	} else {
		binary.BigEndian.PutUint32(length[:], uint32(len(record)))
	}
	if err := f.data(length[:]); err != nil {
		return err
	}
	return f.data(record)
}

func (f *formWriter) data(b []byte) error {
	if !f.form.Blocked {
		_, err := f.w.Write(b)
		return err
	}
	for len(b) > 0 {
		n := min(blockData-f.column, len(b))
		if _, err := f.w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if f.column += n; f.column == blockData {
			f.column = 0
			if _, err := f.w.Write([]byte{f.form.Trailer, f.form.Trailer}); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes what stands behind the last record.
func (f *formWriter) end() error {
	if !f.form.NoEnd {
		if err := f.data(make([]byte, lengthSize)); err != nil {
			return err
		}
	}
	if f.form.Blocked {
		fill := f.form.Extra * blockData
		if f.column > 0 {
			fill += blockData - f.column
		}
		if err := f.data(bytes.Repeat([]byte{f.form.Fill}, fill)); err != nil {
			return err
		}
	}
	return f.w.Flush()
}
