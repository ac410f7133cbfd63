package ipmtool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// ShowOptions choose what Show prints.
type ShowOptions struct {
	Selection
	Brief  bool // a line a record instead of a line an element
	JSON   bool // a JSON object a line
	Offset int  // so many of what is meant are passed over
	Limit  int  // no more of it are printed; 0: all
}

// ErrNoRecord says that nothing in the file is what was looked for.
var ErrNoRecord = errors.New("no record of the file is what was looked for")

// ErrUnreadable says that there were records that could not be read.
var ErrUnreadable = errors.New("not all of the file can be read")

// Show prints a file for a person, record by record: numbers, places, names, values and what those are made of. Card
// numbers appear with their first six and last four digits, wherever in the file they stand (I12); of chip data the
// tags that may hold card data appear by length only. Of a record that cannot be read it shows which elements were
// found, without values, and what is wrong; the error is then ErrUnreadable. It reads no further than the last record
// that may be meant.
func Show(w io.Writer, r io.Reader, opts ShowOptions) error {
	want, err := opts.compile()
	if err != nil {
		return err
	}
	if opts.Offset < 0 || opts.Limit < 0 {
		return fmt.Errorf("offset %d, limit %d: expected no less than 0", opts.Offset, opts.Limit)
	}
	reader, err := clearing.NewReader(r)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	s := shower{opts: opts, want: want, out: out, json: json.NewEncoder(out)}
	s.json.SetEscapeHTML(false)
	s.begin(reader)
	err = s.records(reader)
	for _, warning := range reader.Warnings() {
		s.finding("warning", warning)
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err != nil:
		return err
	case s.faults > 0:
		return fmt.Errorf("%w: %d errors", ErrUnreadable, s.faults)
	case s.matched == 0 && want.searches():
		return ErrNoRecord
	case s.shown == 0 && want.first > 0:
		return fmt.Errorf("the file has no record %s", opts.Records)
	}
	return nil
}

// shower is a Show under way.
type shower struct {
	opts                   ShowOptions
	want                   *selector
	out                    *bufio.Writer
	json                   *json.Encoder
	matched, shown, faults int
	err                    error // of the writer below
}

func (s *shower) begin(reader *clearing.Reader) {
	if s.opts.JSON {
		s.line(struct {
			Kind     string           `json:"kind"`
			CodePage string           `json:"code_page"`
			Framing  clearing.Framing `json:"framing"`
		}{"file", reader.CodePage().String(), reader.Framing()})
		return
	}
	fmt.Fprintf(s.out, "%s, %s\n", reader.CodePage(), reader.Framing())
}

func (s *shower) records(reader *clearing.Reader) error {
	for s.err == nil && (s.opts.Limit == 0 || s.shown < s.opts.Limit) {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var format *clearing.FormatError
		if err != nil && !errors.As(err, &format) {
			return err
		}
		if record != nil && s.want.past(record.Number) {
			return nil
		}
		switch {
		case format == nil && s.want.matches(record):
			if s.matched++; s.matched > s.opts.Offset {
				s.shown++
				s.record(record)
			}
		case format != nil:
			s.unreadable(record, format)
			if format.Fatal {
				return nil
			}
		}
	}
	return s.err
}

func (s *shower) line(v any) {
	if s.err == nil {
		s.err = s.json.Encode(v)
	}
}

// shownRecord is a record as a line of JSON.
type shownRecord struct {
	Kind    string           `json:"kind"`
	Record  int              `json:"record"`
	Offset  int64            `json:"offset"`
	Bytes   int              `json:"bytes"`
	Message string           `json:"message"`
	Fields  []clearing.Field `json:"fields"`
}

func (s *shower) record(r *clearing.Record) {
	switch {
	case s.opts.JSON && s.opts.Brief:
		s.line(briefRecord(r))
	case s.opts.JSON:
		s.line(shownRecord{"record", r.Number, r.Offset, r.Size(), r.Kind(), r.Fields()})
	case s.opts.Brief:
		s.brief(r)
	default:
		fmt.Fprintf(s.out, "\nrecord %d at byte %d, %d bytes: %s\n", r.Number, r.Offset, r.Size(), r.Kind())
		for _, f := range r.Fields() {
			s.field("  ", 9, f)
		}
	}
}

// field prints an element and, further in, what it is made of.
func (s *shower) field(indent string, width int, f clearing.Field) {
	value := f.Value
	if f.Means != "" {
		value += "  " + f.Means
	}
	line := fmt.Sprintf("%s%-*s %-28s %s", indent, width, f.Field, f.Name, value)
	if f.Field == "" {
		line = fmt.Sprintf("%s%-*s %s", indent, width+29, f.Name, value)
	}
	_, _ = s.out.WriteString(strings.TrimRight(line, " ") + "\n") // Flush says what is wrong
	for _, part := range f.Parts {
		s.field(indent+"  ", 7, part)
	}
}

// brief prints number, place, kind, card, amount and reference in a line.
func (s *shower) brief(r *clearing.Record) {
	fmt.Fprintf(s.out, "%8d  byte %-10d %s", r.Number, r.Offset, r.Kind())
	if r.Has(2) {
		fmt.Fprintf(s.out, "  %s", r.Card())
	}
	if amount, ok := r.AmountMinor(); ok {
		fmt.Fprintf(s.out, "  %s %s", direction(r), money.Format(amount, r.Currency()))
	}
	if r.Has(31) {
		fmt.Fprintf(s.out, "  %s", r.Shown(31))
	}
	if r.Reversal() {
		_, _ = s.out.WriteString("  reversal")
	}
	_ = s.out.WriteByte('\n')
}

// direction is what a record does to the cardholder.
func direction(r *clearing.Record) string {
	if r.Debits() {
		return "debit"
	}
	return "credit"
}

// lineRecord is a record as a short line of JSON.
type lineRecord struct {
	Kind        string `json:"kind"`
	Record      int    `json:"record"`
	Offset      int64  `json:"offset"`
	Message     string `json:"message"`
	Card        string `json:"card,omitempty"`
	Direction   string `json:"direction,omitempty"`
	AmountMinor *int64 `json:"amount_minor,omitempty"`
	Currency    string `json:"currency,omitempty"`
	ARN         string `json:"arn,omitempty"`
	RRN         string `json:"rrn,omitempty"`
	Merchant    string `json:"merchant,omitempty"`
	Reversal    bool   `json:"reversal,omitempty"`
}

func briefRecord(r *clearing.Record) lineRecord {
	out := lineRecord{
		Kind: "record", Record: r.Number, Offset: r.Offset, Message: r.Kind(), Card: r.Card(), ARN: r.Shown(31),
		RRN: r.Shown(37), Merchant: strings.TrimRight(r.Shown(42), " "), Reversal: r.Reversal(),
	}
	if amount, ok := r.AmountMinor(); ok {
		out.AmountMinor, out.Currency, out.Direction = &amount, r.Currency(), direction(r)
	}
	return out
}

// unreadable says what was found in a record and shows no value: where one element is taken for another, a card number
// may stand anywhere. Where records are looked for by what they hold it is only counted.
func (s *shower) unreadable(r *clearing.Record, fault *clearing.FormatError) {
	s.faults++
	if s.want.searches() || r != nil && !s.want.inRange(r.Number) || s.matched < s.opts.Offset {
		return
	}
	if r != nil && !s.opts.JSON {
		fmt.Fprintf(s.out, "%8d  byte %-10d %s:", r.Number, r.Offset, r.Kind())
		for de := range r.Elements() {
			fmt.Fprintf(s.out, " DE%d(%d)", de, len(r.Get(de)))
		}
		_ = s.out.WriteByte('\n')
	}
	s.finding("error", fault.Finding)
}

func (s *shower) finding(kind string, f clearing.Finding) {
	if !s.opts.JSON {
		fmt.Fprintf(s.out, "%s: %s\n", kind, f)
		return
	}
	s.line(struct {
		Kind string `json:"kind"`
		clearing.Finding
	}{kind, f})
}
