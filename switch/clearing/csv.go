package clearing

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"switchyard/internal/pan"
)

// A csvRow is one row of a CSV file, made in memory that it keeps: a day has millions. Most hold nothing that has to
// be quoted; one that does is left to encoding/csv. The zero value is an empty row.
type csvRow struct {
	buf    []byte // the fields, a comma behind each
	ends   []int  // of the fields in buf
	quoted bool   // some field has to be, or may have to be
	cells  []string
	made   bytes.Buffer // a row of encoding/csv
}

func (r *csvRow) text(s string) {
	begin := len(r.buf)
	r.buf = append(r.buf, s...)
	r.endText(begin)
}

// endText ends a field that may hold anything.
func (r *csvRow) endText(begin int) {
	field := r.buf[begin:]
	for _, c := range field {
		if c < ' ' || c == '"' || c == ',' || c == '\\' {
			r.quoted = true
		}
	}
	if len(field) > 0 && (field[0] == ' ' || field[0] >= 0x80) { // a space of whatever kind before it
		r.quoted = true
	}
	r.end()
}

func (r *csvRow) end() {
	r.ends = append(r.ends, len(r.buf))
	r.buf = append(r.buf, ',')
}

func (r *csvRow) int(n int64) {
	r.buf = strconv.AppendInt(r.buf, n, 10)
	r.end()
}

func (r *csvRow) bool(b bool) {
	r.buf = strconv.AppendBool(r.buf, b)
	r.end()
}

// mask appends a card number as it may be shown.
func (r *csvRow) mask(number string) {
	begin := len(r.buf)
	r.buf = pan.AppendMask(r.buf, number)
	r.endText(begin)
}

// localTime appends a time as localTimeLayout has it, of a year that DE12 has.
func (r *csvRow) localTime(t time.Time) {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b := append2(append2(r.buf, year/100), year%100)
	b = append2(append(b, '-'), int(month))
	b = append2(append(b, '-'), day)
	b = append2(append(b, 'T'), hour)
	b = append2(append(b, ':'), minute)
	r.buf = append2(append(b, ':'), second)
	r.end()
}

// moment appends a time in UTC.
func (r *csvRow) moment(t time.Time) {
	r.buf = t.UTC().AppendFormat(r.buf, time.RFC3339Nano)
	r.end()
}

// writeTo writes the row, as RFC 4180 has it, and begins another one.
func (r *csvRow) writeTo(w *bufio.Writer) error {
	line := append(r.buf[:len(r.buf)-1], "\r\n"...) // the last comma goes
	if r.quoted {
		line = r.quote()
	}
	_, err := w.Write(line)
	r.buf, r.ends, r.quoted = r.buf[:0], r.ends[:0], false
	if err != nil {
		return fmt.Errorf("clearing: %w", err)
	}
	return nil
}

// quote is the row as encoding/csv writes it.
func (r *csvRow) quote() []byte {
	r.cells = r.cells[:0]
	begin := 0
	for _, end := range r.ends {
		r.cells = append(r.cells, string(r.buf[begin:end]))
		begin = end + 1
	}
	r.made.Reset()
	c := newCSV(&r.made)
	_ = c.Write(r.cells) // memory takes it
	c.Flush()
	return r.made.Bytes()
}

// newCSV makes a writer as RFC 4180 has it: lines end with CR LF.
func newCSV(w io.Writer) *csv.Writer {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return c
}

func flushCSV(c *csv.Writer) error {
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("clearing: %w", err)
	}
	return nil
}
