package ipmtool

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/infile"
	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// NewOptions say what kind of file is made.
type NewOptions struct {
	FileID      clearing.FileID
	Production  bool
	CodePage    string // cp500 or ascii
	Blocking    string // 1014, vbs, rdw or 1014+rdw
	AcquirerBIN string // of acquirer references that are made
	Invalid     bool   // write the file although verify finds errors in it
	Force       bool   // write over what is there
}

// New makes a clearing file of the rows of a CSV file or of JSON lines, a record each: header, trailer, message
// numbers, totals and what is left out are made. Columns are elements by number or name. What Verify finds is returned;
// with errors nothing is written unless Invalid is set. With ctx it ends, and nothing is left.
func New(ctx context.Context, in, out string, o NewOptions) (*clearing.Report, error) {
	form, err := NewForm(o.CodePage, o.Blocking)
	if err == nil {
		err = o.FileID.Validate()
	}
	if err != nil {
		return nil, err
	}
	from, err := openSource(ctx, in)
	if err != nil {
		return nil, err
	}
	defer from.file.Close()
	if from.format == FormatIPM {
		return nil, fmt.Errorf("%s: is a clearing file, expected CSV or JSON lines", in)
	}
	target, err := create(out, o.Force, nil, from.file)
	if err != nil {
		return nil, err
	}
	defer target.discard()
	m := maker{options: o, out: newIPMWriter(target, form)}
	if err := m.file(from); err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	made := infile.Until(ctx, io.NewSectionReader(target.file, 0, math.MaxInt64))
	report, err := clearing.Verify(made, clearing.VerifyOptions{Strict: true})
	if err != nil || !report.OK && !o.Invalid {
		return report, err
	}
	return report, target.commit(true)
}

// maker is a New under way.
type maker struct {
	options  NewOptions
	out      *ipmWriter
	m        message
	messages int
	sumMinor int64
}

func (m *maker) file(from *source) error {
	mode := "T"
	if m.options.Production {
		mode = "P"
	}
	m.begin("1644", "697")
	m.m.values[48] = joinPDS([]clearing.PDS{{Tag: 105, Value: m.options.FileID.String()}, {Tag: 122, Value: mode}})
	if err := m.write(); err != nil {
		return err
	}
	r := io.NewSectionReader(from.file, 0, math.MaxInt64)
	var err error
	if from.format == FormatCSV {
		err = m.rows(r)
	} else {
		err = m.lines(bufio.NewReader(r))
	}
	if err != nil {
		return err
	}
	m.begin("1644", "695")
	m.m.values[48] = joinPDS([]clearing.PDS{
		{Tag: 105, Value: m.options.FileID.String()}, {Tag: 301, Value: fmt.Sprintf("%016d", m.sumMinor)},
		{Tag: 306, Value: fmt.Sprintf("%08d", m.messages+1)},
	})
	if err := m.write(); err != nil {
		return err
	}
	return m.out.end()
}

func (m *maker) begin(mti, function string) {
	m.m.mti = mti
	clear(m.m.values[:])
	m.m.values[24] = []byte(function)
}

// write numbers the message and writes it.
func (m *maker) write() error {
	m.messages++
	m.m.number = m.messages
	m.m.values[71] = fmt.Appendf(nil, "%08d", m.messages)
	return m.out.write(&m.m)
}

// A given is what a row or line says: texts by the names of its columns.
type given struct {
	name, text string
	raw        json.RawMessage // of JSON lines, where it is no string
}

func (m *maker) rows(r io.Reader) error {
	rows := newRows(r)
	header, err := rows.read()
	if err != nil {
		return err
	}
	header = slices.Clone(header)
	for {
		cells, err := rows.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var is []given
		for i, cell := range cells {
			if cell != "" {
				is = append(is, given{name: header[i], text: cell})
			}
		}
		if err := m.record(is); err != nil {
			return fmt.Errorf("line %d: %w", rows.last, err)
		}
	}
}

func (m *maker) lines(r *bufio.Reader) error {
	return eachLine(r, func(_ int, line map[string]json.RawMessage, _ *message) error {
		if kind, _ := jsonText(line["kind"]); kind == "file" {
			return nil
		}
		var is []given
		for name, raw := range line {
			text := strings.TrimSpace(string(raw))
			if text == "null" { // as if it were not there
				continue
			}
			if raw[0] == '"' {
				text, _ = jsonText(raw) // it was read as JSON before
			}
			is = append(is, given{name: name, text: text, raw: raw})
		}
		slices.SortFunc(is, func(a, b given) int { return strings.Compare(a.name, b.name) })
		return m.record(is)
	})
}

// record writes the record of a row. The header and the trailer of a file are passed over: they are made.
func (m *maker) record(is []given) error {
	f := fields{message: &m.m, place: map[string]string{}}
	m.begin("1240", "200")
	for _, g := range is {
		if err := f.take(g); err != nil {
			return fmt.Errorf("%s: %w", shownText(g.name), err)
		}
	}
	if function := string(m.m.values[24]); m.m.mti == "1644" && (function == "697" || function == "695") {
		return nil
	}
	if err := m.complete(&f); err != nil {
		return err
	}
	if amount, err := strconv.ParseInt(string(m.m.values[4]), 10, 64); err == nil {
		m.sumMinor += amount
	}
	return m.write()
}

// complete makes what a first presentment must have and was left out, and lays the subelements out.
func (m *maker) complete(f *fields) error {
	v := &m.m.values
	if err := f.finish(); err != nil {
		return err
	}
	if m.m.mti == "1240" && string(v[24]) == "200" {
		processor := strings.TrimLeft(m.options.FileID.ProcessorID, "0")
		processor = strings.Repeat("0", max(0, 6-len(processor))) + processor
		put := func(de int, text string) {
			if v[de] == nil {
				v[de] = []byte(text)
			}
		}
		put(3, "000000")
		put(12, m.options.FileID.Date.Format("060102")+"120000")
		put(22, "000050S00000") // e-commerce
		put(26, "5999")
		put(33, processor)
		put(43, `Test shop\ \ \`+strings.Repeat(" ", 13)+"IRL")
		put(94, string(v[33]))
		if v[31] == nil {
			arn, err := clearing.ARN(m.options.AcquirerBIN, m.options.FileID.Date, uint64(m.messages))
			if err != nil {
				return err
			}
			v[31] = []byte(arn)
		}
		if c, ok := money.ByNumeric(string(v[49])); ok && !f.hasPDS(148) {
			f.subs = append(f.subs, clearing.PDS{Tag: 148, Value: c.Numeric + strconv.Itoa(c.Exponent)})
		}
	}
	return f.pack()
}

// DefaultFileID is the id of a file that is made for a test on a day.
func DefaultFileID(day time.Time) clearing.FileID {
	return clearing.FileID{Date: day, ProcessorID: "00000999999", Sequence: 1}
}
