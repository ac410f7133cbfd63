package ipmtool

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/switch/clearing"
)

// The columns of a lossless CSV file before those of the elements.
const (
	columnForm   = "form" // the file's Form, and masked where card numbers are
	columnRecord = "record"
	columnMTI    = "mti"

	maskedWord = "masked"
	maxRow     = 256 << 10 // bytes of a row or line
)

// allElements are the data elements of the layout.
var allElements = func() (out []int) {
	for de := range (clearing.Values{}) {
		if _, known := clearing.ElementName(de); known {
			out = append(out, de)
		}
	}
	return out
}()

// A csvWriter writes messages as rows: RFC 4180, a header row, a column an element.
type csvWriter struct {
	w    *bufio.Writer
	form string
	row  []byte
	cell []byte
}

func newCSVWriter(w io.Writer, form string) *csvWriter {
	c := &csvWriter{w: bufio.NewWriterSize(w, 64<<10), form: form}
	c.row = append(c.row, columnForm+","+columnRecord+","+columnMTI...)
	for _, de := range allElements {
		c.row = strconv.AppendInt(append(c.row, ",DE"...), int64(de), 10)
	}
	return c
}

func (c *csvWriter) write(m *message) error {
	if err := c.flushRow(); err != nil {
		return err
	}
	c.row = append(append(c.row[:0], c.form...), ',')
	c.row = append(strconv.AppendInt(c.row, int64(m.number), 10), ',')
	c.row = append(c.row, m.mti...)
	for _, de := range allElements {
		c.row = append(c.row, ',')
		c.cell = appendCell(c.cell[:0], de, m.values[de])
		c.row = appendQuoted(c.row, c.cell)
	}
	return nil
}

func (c *csvWriter) flushRow() error {
	_, err := c.w.Write(append(c.row, "\r\n"...))
	return err
}

func (c *csvWriter) end() error {
	if err := c.flushRow(); err != nil {
		return err
	}
	return c.w.Flush()
}

// appendQuoted appends a cell, in quotes where it needs them: with a semicolon, too, at which some spreadsheets cut.
func appendQuoted(row, cell []byte) []byte {
	plain := len(cell) == 0 || cell[0] != ' ' && cell[len(cell)-1] != ' '
	for _, c := range cell {
		plain = plain && c != ',' && c != '"' && c != ';'
	}
	if plain {
		return append(row, cell...)
	}
	row = append(row, '"')
	for _, c := range cell {
		if c == '"' {
			row = append(row, '"')
		}
		row = append(row, c)
	}
	return append(row, '"')
}

// eachCSV reads what a csvWriter wrote; columns may stand in any order, and be left out.
func (s *source) eachCSV(r io.Reader, take take) error {
	rows := newRows(r)
	header, err := rows.read()
	if err != nil {
		return err
	}
	columns := make([]int, len(header)) // the element, or 0
	for i, name := range header {
		de, err := elementNumber(name)
		if err != nil && name != columnForm && name != columnRecord && name != columnMTI {
			return fmt.Errorf("line 1: column %q: expected form, record, mti or an element of the layout such as DE4",
				shownText(name))
		}
		columns[i] = de
	}
	m := message{}
	for {
		cells, err := rows.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m.number++
		m.mti = ""
		clear(m.values[:])
		for i, cell := range cells {
			switch header[i] {
			case columnForm:
				err = s.setForm(cell, m.number == 1)
			case columnRecord:
			case columnMTI:
				m.mti = strings.Clone(cell)
			default:
				m.values[columns[i]], err = parseCell(columns[i], cell)
			}
			if err != nil {
				return rows.wrong(i, header[i], err)
			}
		}
		if err := take(&m); err != nil {
			return fmt.Errorf("line %d: %w", rows.last, err)
		}
	}
}

// setForm takes the form that a row or line tells; all tell the same.
func (s *source) setForm(text string, first bool) error {
	words, masked := strings.CutSuffix(text, " "+maskedWord)
	form, err := ParseForm(words)
	if err != nil {
		return err
	}
	if !first && (form != s.form || masked != s.masked) {
		return errors.New("is not that of the rows before")
	}
	s.form, s.masked, s.hasForm = form, masked, true
	return nil
}

// elementNumber reads "DE4".
func elementNumber(name string) (int, error) {
	digits, ok := strings.CutPrefix(name, "DE")
	de, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is no element", name)
	}
	if _, known := clearing.ElementName(de); !known {
		return 0, fmt.Errorf("DE%d is not an element of the layout", de)
	}
	return de, nil
}

// rows reads CSV in bounded memory.
type rows struct {
	csv   *csv.Reader
	limit *rowLimit
	last  int // line of the row that was read
	begun int // bytes passed over before the first row
}

func newRows(r io.Reader) *rows {
	b := bufio.NewReader(r)
	begun := 0
	if mark, err := b.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		begun, _ = b.Discard(len(mark)) // they were read
	}
	limit := &rowLimit{r: b}
	return &rows{csv: csv.NewReader(limit), limit: limit, begun: begun}
}

// read returns the next row. After the first row all must have as many cells.
func (r *rows) read() ([]string, error) {
	r.limit.left = maxRow
	cells, err := r.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse): // names the line
		return nil, err
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("behind line %d: %w", r.last, err)
	case err == nil:
		r.last, _ = r.csv.FieldPos(0)
	}
	return cells, err
}

// offset is where the next row begins.
func (r *rows) offset() int64 { return int64(r.begun) + r.csv.InputOffset() }

func (r *rows) wrong(column int, name string, err error) error {
	line, _ := r.csv.FieldPos(column)
	return fmt.Errorf("line %d, column %s: %w", line, name, err)
}

// A rowLimit fails once a row has taken more input than a row may.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("it is longer than %d bytes", maxRow)
	}
	n, err := l.r.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}
