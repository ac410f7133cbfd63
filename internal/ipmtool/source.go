package ipmtool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"switchyard/internal/infile"
	"switchyard/switch/clearing"
)

// The formats of records.
const (
	FormatIPM   = "ipm"
	FormatCSV   = "csv"
	FormatJSONL = "jsonl"
)

// A message is one record, whatever format it comes from. Its values are in ISO 8859-1.
type message struct {
	number int // of the record, from 1
	mti    string
	values clearing.Values
}

// take is called with each message of a source. The message is valid until it returns.
type take func(*message) error

// A source is a file of records, in any of the formats. It can be gone through several times.
type source struct {
	file    *infile.File
	format  string
	form    Form
	hasForm bool
	masked  bool // made without whole card numbers
}

// openSource opens a file, to be read until ctx ends, and recognizes its format.
func openSource(ctx context.Context, name string) (*source, error) {
	file, err := infile.OpenUntil(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, format: FormatIPM}
	head := make([]byte, 64)
	n, err := file.ReadAt(head, 0)
	if n == 0 {
		_ = file.Close()
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch head = bytes.TrimPrefix(head[:n], []byte(byteOrderMark)); {
	case len(head) > 0 && head[0] == '{':
		s.format = FormatJSONL
	case isText(head):
		s.format = FormatCSV
	}
	return s, nil
}

// byteOrderMark is what spreadsheets put before a CSV file.
const byteOrderMark = "\ufeff"

// isText tells a CSV file from a clearing file, which begins with the length of a record: at most 6,000.
func isText(head []byte) bool { return len(head) < lengthSize || head[0] >= ' ' && head[1] >= ' ' }

// each goes through all messages from the beginning. What cannot be read ends it.
func (s *source) each(take take) error {
	r := io.NewSectionReader(s.file, 0, 1<<62)
	switch s.format {
	case FormatCSV:
		return s.eachCSV(r, take)
	case FormatJSONL:
		return s.eachJSONL(bufio.NewReader(r), take)
	}
	return s.eachIPM(r, take)
}

// eachIPM also finds out the file's form, which is known when all of it was read.
func (s *source) eachIPM(r io.Reader, take take) error {
	var m message
	offset, size := int64(0), 0 // of the last record
	reader, err := each(r, func(r *clearing.Record) error {
		m.number, m.mti = r.Number, r.MTI
		r.Values(&m.values)
		offset, size = r.Offset, r.Size()
		return take(&m)
	}, func(f *clearing.FormatError) error { return f })
	if err != nil {
		return err
	}
	if size == 0 {
		return errors.New("the file has no records")
	}
	if reader.Framing().Blocked {
		offset = offset/blockSize*blockData + offset%blockSize
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.form, err = formOf(s.file, info.Size(), reader, offset+lengthSize+int64(size))
	s.hasForm = true
	return err
}

// readForm finds out the form of a clearing file, or the one that stands in a file made from one.
func readForm(ctx context.Context, name string) (Form, error) {
	s, err := openSource(ctx, name)
	if err != nil {
		return Form{}, err
	}
	defer s.file.Close()
	if err := s.each(func(*message) error { return nil }); err != nil {
		return Form{}, fmt.Errorf("%s: %w", name, err)
	}
	if !s.hasForm {
		return Form{}, fmt.Errorf("%s: it does not say its form", name)
	}
	return s.form, nil
}
