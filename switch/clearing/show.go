package clearing

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/pan"
)

// ShowOptions choose what Show prints.
type ShowOptions struct {
	Record int  // only this record, from 1; 0 shows all
	Brief  bool // a line a record instead of a line an element
}

// Show prints a file for a person, record by record: numbers, places, names and values. Card numbers appear with their
// first six and last four digits, wherever in the file they stand (I12); of chip data the tags that may hold card data
// appear by length only. Of a record that cannot be read it shows which elements were found, without values, and what
// is wrong; the error then says how often that was.
func Show(w io.Writer, r io.Reader, opts ShowOptions) error {
	reader, err := NewReader(r)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s, %s\n", reader.CodePage(), reader.Framing())
	faults, shown, err := showRecords(out, reader, opts)
	for _, warning := range reader.Warnings() {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err != nil:
		return err
	case faults > 0:
		return fmt.Errorf("clearing: %s", plural(faults, "error"))
	case opts.Record > 0 && shown == 0:
		return fmt.Errorf("clearing: the file has no record %d", opts.Record)
	}
	return nil
}

func showRecords(out *bufio.Writer, reader *Reader, opts ShowOptions) (faults, shown int, err error) {
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return faults, shown, nil
		}
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			return faults, shown, err
		}
		if record != nil && (opts.Record == 0 || opts.Record == record.Number) {
			shown++
			switch {
			case format != nil:
				showUnreadable(out, record)
			case opts.Brief:
				showLine(out, record)
			default:
				showElements(out, record)
			}
		}
		if format != nil {
			faults++
			fmt.Fprintf(out, "error: %s\n", format.Finding)
			if format.Fatal {
				return faults, shown, nil
			}
		}
	}
}

// showLine is the brief form: number, place, kind, card, amount, reference.
func showLine(out *bufio.Writer, r *Record) {
	fmt.Fprintf(out, "%8d  byte %-10d %s", r.Number, r.Offset, kindName(r))
	if r.Has(2) {
		fmt.Fprintf(out, "  %s", pan.Mask(r.Text(2)))
	}
	if amount, ok := r.AmountMinor(); ok {
		fmt.Fprintf(out, "  %s %s", direction(r.Debits()), money.Format(amount, r.Currency()))
	}
	if r.Has(31) {
		fmt.Fprintf(out, "  %s", visible(r.Text(31)))
	}
	if r.Reversal() {
		out.WriteString("  reversal")
	}
	out.WriteByte('\n')
}

// showUnreadable says what was found in a record and shows no value: where one element is taken for another, a card
// number may stand anywhere.
func showUnreadable(out *bufio.Writer, r *Record) {
	fmt.Fprintf(out, "%8d  byte %-10d %s:", r.Number, r.Offset, kindName(r))
	for de := range r.Elements() {
		fmt.Fprintf(out, " DE%d(%d)", de, len(r.Get(de)))
	}
	out.WriteByte('\n')
}

func showElements(out *bufio.Writer, r *Record) {
	fmt.Fprintf(out, "\nrecord %d at byte %d, %s: %s\n", r.Number, r.Offset, plural(len(r.raw), "byte"), kindName(r))
	for de := range r.Elements() {
		line := func(label, name, value string) { fmt.Fprintf(out, "  %-9s %-28s %s\n", label, name, value) }
		name := layout[de].name
		switch {
		case isPDSCarrier(de) && len(r.pds) > 0:
			line("DE"+strconv.Itoa(de), name, "")
			for _, sub := range r.pds {
				if s := r.spans[de]; sub.value.start > s.start && sub.value.end <= s.end {
					line(fmt.Sprintf(
						"  PDS%04d", sub.tag,
					), pdsNames[sub.tag], visible(utf8FromLatin1(r.text[sub.value.start:sub.value.end])))
				}
			}
		default:
			line("DE"+strconv.Itoa(de), name, elementValue(r, de))
		}
	}
}

// Shown is the value of a data element as it is shown to a person, or "": its card number masked (I12).
func (r *Record) Shown(de int) string {
	if !r.Has(de) {
		return ""
	}
	return elementValue(r, de)
}

// ShownPDS is Shown of a private data subelement.
func (r *Record) ShownPDS(tag int) string {
	value, _ := r.PDS(tag)
	return visible(value)
}

// Kind is what the message is, for a person: "1240/200 first presentment".
func (r *Record) Kind() string { return kindName(r) }

func elementValue(r *Record, de int) string {
	value := r.Text(de)
	switch de {
	case 2:
		return pan.Mask(visible(value))
	case 4:
		if amount, ok := r.AmountMinor(); ok {
			return value + "  " + money.Format(amount, r.Currency())
		}
	case 49:
		if c, ok := money.ByNumeric(value); ok {
			return value + "  " + c.Alpha
		}
	case deChip:
		return chipValue(r.Get(deChip))
	}
	return visible(value)
}

// kindName is "1240/200 first presentment".
func kindName(r *Record) string {
	if r.MTI == "" {
		return "unreadable"
	}
	kind := messageKind{r.MTI, r.FunctionCode()}
	rule, known := messages[kind]
	if !known {
		rule = anyMessage
	}
	return kind.mti + "/" + visible(kind.function) + " " + rule.name
}

// visible makes any value fit to print: characters that are not printable become a point, and what could be a card
// number, a run of 13 to 19 digits with a right Luhn digit, is masked.
func visible(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '.'
		}
		return r
	}, s)
	return pan.MaskIn(s)
}

// cardTags are the tags of chip data that may hold a card number or a cardholder's name.
var cardTags = map[string]bool{
	"57": true, "5A": true, "56": true, "5F20": true, "9F6B": true, "9F1F": true, "9F20": true, "9F0B": true,
}

// chipValue prints DE55 tag by tag.
func chipValue(chip []byte) string {
	var b strings.Builder
	for rest := chip; len(rest) > 0; {
		tag, value, next, ok := nextTLV(rest)
		if !ok {
			fmt.Fprintf(&b, "(%s without a tag)", plural(len(rest), "byte"))
			break
		}
		name := strings.ToUpper(hex.EncodeToString(tag))
		if cardTags[name] || len(tag) == 0 || tag[0]&0x20 != 0 { // constructed: card data may stand within
			fmt.Fprintf(&b, "%s=(%s) ", name, plural(len(value), "byte"))
		} else {
			fmt.Fprintf(&b, "%s=%s ", name, strings.ToUpper(hex.EncodeToString(value)))
		}
		rest = next
	}
	return strings.TrimRight(b.String(), " ")
}

// nextTLV splits off one BER-TLV of a tag of at most three bytes and a length of at most two.
func nextTLV(b []byte) (tag, value, rest []byte, ok bool) {
	n := 1
	if b[0]&0x1F == 0x1F {
		for n = 2; n <= len(b) && n < 3 && b[n-1]&0x80 != 0; n++ {
		}
	}
	if n >= len(b) {
		return nil, nil, nil, false
	}
	tag, b = b[:n], b[n:]
	length, used := int(b[0]), 1
	if length == 0x81 && len(b) > 1 {
		length, used = int(b[1]), 2
	} else if length >= 0x80 {
		return nil, nil, nil, false
	}
	if length > len(b)-used {
		return nil, nil, nil, false
	}
	return tag, b[used : used+length], b[used+length:], true
}

func writeTotals(b *strings.Builder, t Totals) {
	fmt.Fprintf(
		b, "%s, %s, sum of amounts %d\n", plural(t.Messages, "message"), plural(t.Presentments, "presentment"), t.SumMinor,
	)
	for _, c := range t.Currencies {
		fmt.Fprintf(b, "  %s: %s %s, %s %s\n", c.Currency,
			plural(c.DebitCount, "debit"), money.Format(c.DebitMinor, c.Currency),
			plural(c.CreditCount, "credit"), money.Format(c.CreditMinor, c.Currency))
	}
}

func direction(debit bool) string {
	if debit {
		return directionDebit
	}
	return directionCredit
}

func modeName(mode string) string {
	switch mode {
	case "P":
		return "production"
	case "T":
		return "test"
	}
	return "mode unknown"
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
