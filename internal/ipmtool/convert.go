package ipmtool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"switchyard/switch/clearing"
)

// ConvertOptions say what a file is converted to.
type ConvertOptions struct {
	To       string // FormatIPM, FormatCSV, FormatJSONL; "": by the name of what is written
	Like     string // a clearing file whose form a clearing file gets, or ""
	CodePage string // of a clearing file: cp500 or ascii; "": as it was
	Blocking string // 1014, vbs, rdw or 1014+rdw; "": as it was
	ClearPAN bool   // write whole card numbers to CSV and JSON lines
	Force    bool   // write over what is there
	Stdout   io.Writer
}

// A Conversion is what Convert did.
type Conversion struct {
	From          string `json:"from"`
	To            string `json:"to"`
	Form          string `json:"form"` // of the clearing file that it is, or can be again
	Records       int    `json:"records"`
	MaskedRecords int    `json:"masked_records"`
	// Restorable says that converting back gives the same bytes. Of clearing files that was tried.
	Restorable bool   `json:"restorable"`
	Why        string `json:"why,omitempty"` // where it does not
}

// errMasked refuses to make a clearing file of what has no whole card numbers.
var errMasked = errors.New("its card numbers are masked, and what they were cannot be restored: " +
	"a clearing file needs one that was made with --clear-pan")

// A recordWriter writes messages in one of the formats.
type recordWriter interface {
	write(*message) error
	end() error
}

// ipmWriter is the recordWriter of clearing files.
type ipmWriter struct {
	frames *formWriter
	buf    []byte
}

func newIPMWriter(w io.Writer, form Form) *ipmWriter {
	return &ipmWriter{frames: newFormWriter(w, form)}
}

func (i *ipmWriter) write(m *message) (err error) {
	i.buf, err = clearing.AppendRecord(i.buf[:0], m.mti, &m.values, i.frames.form.CodePage)
	if err == nil && len(i.buf) < 20 {
		err = errors.New("a record has at least 20 bytes")
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", m.number, err)
	}
	return i.frames.record(i.buf)
}

func (i *ipmWriter) end() error { return i.frames.end() }

// Convert writes the records of a file in another format or form. It goes through the file twice: what cannot be read
// is refused before anything is written, and what is written stands under its name only when it is whole. With ctx it
// ends, and nothing is left.
func Convert(ctx context.Context, in, out string, o ConvertOptions) (*Conversion, error) {
	if o.To == "" {
		o.To = strings.TrimPrefix(strings.ToLower(filepath.Ext(out)), ".")
	}
	if o.To != FormatIPM && o.To != FormatCSV && o.To != FormatJSONL {
		return nil, fmt.Errorf("--to %q: expected ipm, csv or jsonl", o.To)
	}
	if o.To != FormatIPM && (o.Like != "" || o.CodePage != "" || o.Blocking != "") {
		return nil, errors.New("--like, --code-page and --blocking say how a clearing file is written: expected --to ipm")
	}
	if o.To == FormatIPM && out == "-" {
		return nil, errors.New("a clearing file has whole card numbers: it is written to a file only")
	}
	from, err := openSource(ctx, in)
	if err != nil {
		return nil, err
	}
	defer from.file.Close()
	c := &Conversion{From: from.format, To: o.To}
	was, err := survey(from, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	form, err := o.form(ctx, from)
	if err == nil && o.To == FormatIPM && from.masked {
		err = errMasked
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	target, err := create(out, o.Force, o.Stdout, from.file)
	if err != nil {
		return nil, err
	}
	defer target.discard()
	mask := o.To != FormatIPM && !o.ClearPAN
	if !mask {
		c.MaskedRecords = 0
	}
	hidden := from.masked || mask && c.MaskedRecords > 0
	if err := write(from, target, o.To, form, mask, hidden); err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	c.Form = form.String()
	c.judge(from, was, hidden)
	return c, target.commit(o.To == FormatIPM || o.ClearPAN && !from.masked)
}

// survey goes through all records and counts them, those with card numbers apart. Of a clearing file it returns its
// SHA-256 and that of what its records and its form make.
func survey(from *source, c *Conversion) (was [2]string, err error) {
	var m message
	if err := from.each(func(is *message) error {
		c.Records++
		if from.format != FormatIPM && bytes.IndexByte(is.values[cardNumber], '*') >= 0 {
			from.masked = true // also where its form is not there to say so
		}
		m = *is
		if maskCards(&m.values) {
			c.MaskedRecords++
		}
		return nil
	}); err != nil {
		return was, err
	}
	if c.Records == 0 {
		return was, errors.New("it has no records")
	}
	if from.format != FormatIPM {
		return was, nil
	}
	is, again := sha256.New(), sha256.New()
	if _, err := io.Copy(is, io.NewSectionReader(from.file, 0, 1<<62)); err != nil {
		return was, err
	}
	writer := newIPMWriter(again, from.form)
	if err := errors.Join(from.each(writer.write), writer.end()); err != nil {
		return was, err
	}
	return [2]string{hex.EncodeToString(is.Sum(nil)), hex.EncodeToString(again.Sum(nil))}, nil
}

// form is that of the clearing file that is written, or that a CSV or JSON file can be again.
func (o *ConvertOptions) form(ctx context.Context, from *source) (Form, error) {
	form := from.form
	switch {
	case o.Like != "" && (o.CodePage != "" || o.Blocking != ""):
		return form, errors.New("--like says the code page and the blocking: expected one or the other")
	case o.Like != "":
		return readForm(ctx, o.Like)
	case o.CodePage == "" && o.Blocking == "":
		if !from.hasForm {
			return form, errors.New("it has no form: expected a column form, or --code-page and --blocking, or --like")
		}
		return form, nil
	case o.Blocking == "" && from.hasForm: // all else stays
		page, err := clearing.ParseCodePage(o.CodePage)
		if err != nil {
			return form, fmt.Errorf("--code-page %q: expected cp500 or ascii", o.CodePage)
		}
		form.CodePage = page
		return form, nil
	}
	page, blocking := o.CodePage, o.Blocking
	if page == "" {
		page = form.CodePage.String()
	}
	if blocking == "" {
		blocking = "1014"
	}
	return NewForm(page, blocking)
}

func write(from *source, to io.Writer, format string, form Form, mask, hidden bool) error {
	head := form.String()
	if hidden {
		head += " " + maskedWord
	}
	var w recordWriter
	switch format {
	case FormatCSV:
		w = newCSVWriter(to, head)
	case FormatJSONL:
		w = newJSONLWriter(to, head)
	default:
		w = newIPMWriter(to, form)
	}
	err := from.each(func(m *message) error {
		if mask {
			maskCards(&m.values)
		}
		return w.write(m)
	})
	if err != nil {
		return err
	}
	return w.end()
}

// judge says whether the way back gives the same bytes.
func (c *Conversion) judge(from *source, was [2]string, hidden bool) {
	switch {
	case hidden && from.masked:
		c.Why = "the card numbers were masked before"
	case hidden:
		c.Why = fmt.Sprintf("the card numbers in %d of %d records are masked; --clear-pan keeps them whole", c.MaskedRecords,
			c.Records)
	case was[0] != was[1]:
		c.Why = "the records are whole, but what stands between or behind them is irregular and cannot be restored"
	default:
		c.Restorable = true
	}
}
