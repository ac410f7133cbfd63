package clearing

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"switchyard/internal/extsort"
	"switchyard/internal/money"
)

// VerifyOptions say what a file is held to.
type VerifyOptions struct {
	// Strict makes errors of what others live with and we never write: a PDS0301 of zeros, an exponent in PDS0148 that is
	// not the currency's, several files in one. They are warnings else.
	Strict bool
	// Envelope holds the file to what spans its records alone: framing, header and trailer, file ids, message numbers and
	// sums. What stands behind a 1644/691 is somebody's rejected record, and whether any record is right by itself is for
	// whoever applies it.
	Envelope bool
	// Each is called for each record that can be taken apart, which is valid until it returns. It may be nil.
	Each func(*Record)
	// Manifest is what stands beside the file, nil where nothing does: its hash, length, id, mode and totals must be the
	// file's. Name is the file's in it.
	Manifest *Manifest
	Name     string
	// Open opens another file that the manifest names, which must be the one that it tells of, too; nil: none is looked
	// at. One that is not there, fs.ErrNotExist, is a warning: a file goes to others without what is made for us.
	Open func(name string) (io.ReadCloser, error)
	// Spill makes a file for what of records' keys is more than memory holds, which it is from about a million on. It is
	// closed with the end of Verify. Without it duplicates are looked for among the first million, and a warning says so.
	Spill func() (extsort.File, error)
	// KeyMemoryBytes is the memory for these keys once they are many. Default 72 MiB.
	KeyMemoryBytes int
}

// Verify reads a file to its end and reports everything that is wrong with it: framing, header and trailer, equal file
// ids, mandatory elements, formats, message numbers, check digits of acquirer references, record keys that stand twice,
// and the trailer's sum and count. Oddities that a reader takes are warnings.
//
// The error is not nil only if reading failed, also that of a file beside it, or the file of Spill; a file of no bytes
// is a wrong file. Memory is bounded whatever the file holds.
func Verify(r io.Reader, o VerifyOptions) (report *Report, err error) {
	v := verifier{strict: o.Strict, envelope: o.Envelope, each: o.Each, tally: Tally{}, keys: newRecordKeys(&o)}
	defer func() {
		if closed := v.keys.close(); err == nil && closed != nil {
			report, err = nil, closed
		}
	}()
	// not null in JSON
	v.report.Errors, v.report.Warnings, v.report.Notes = []Finding{}, []Finding{}, []Finding{}
	v.report.Totals.Currencies = []CurrencyTotals{}
	hashed := NewDigest(io.Discard)
	if o.Manifest != nil {
		r, v.rdw = io.TeeReader(r, hashed), o.Manifest.RDW
	}
	if err := v.read(r); err != nil {
		return nil, err
	}
	if o.Manifest != nil {
		if _, err := io.Copy(io.Discard, r); err != nil { // what stands behind a record that ended the reading
			return nil, fmt.Errorf("clearing: %w", err)
		}
		v.beside(o.Manifest, hashed.File(o.Name))
		if err := v.others(&o); err != nil {
			return nil, err
		}
	}
	v.report.OK = v.report.ErrorCount == 0
	return &v.report, nil
}

// read goes through the file.
func (v *verifier) read(r io.Reader) error {
	reader, err := NewReader(r)
	if errors.Is(err, errEmpty) {
		v.err(Finding{Message: "the file is empty"})
		return nil
	}
	if err != nil {
		return err
	}
	v.report.CodePage, v.report.Framing = reader.CodePage().String(), reader.Framing()
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		format, err := formatOf(err)
		if err != nil {
			return err
		}
		if format != nil {
			v.err(format.Finding)
			v.part.unread = true
			if format.Fatal {
				v.cutShort = true
				break
			}
		}
		if record != nil && format == nil && v.each != nil {
			v.each(record)
		}
		if record != nil {
			if err := v.record(record, format == nil); err != nil {
				return err
			}
		}
	}
	if err := v.duplicates(); err != nil {
		return err
	}
	v.finish()
	for _, warning := range reader.Warnings() {
		if !v.rdw || warning.Message != warnRDW {
			v.report.Warnings = append(v.report.Warnings, warning)
		}
	}
	return nil
}

// formatOf tells a FormatError from others. It stands by itself because what it looks with goes to the heap, which a
// record without an error need not pay for.
func formatOf(err error) (*FormatError, error) {
	if err == nil {
		return nil, nil
	}
	var format *FormatError
	if errors.As(err, &format) {
		return format, nil
	}
	return nil, err
}

// A verifier holds what the rules that span records need.
type verifier struct {
	strict     bool
	envelope   bool
	each       func(*Record)
	rdw        bool // the manifest says that the file has descriptor words
	report     Report
	tally      Tally
	kind       messageKind // of the record before, and its rule, if there is one
	rule       messageRule
	ruled      bool
	keys       *recordKeys
	part       part
	cutShort   bool // the end cannot be judged
	lastOffset int64
}

func (v *verifier) record(r *Record, whole bool) error {
	v.lastOffset = r.Offset
	kind := messageKind{r.MTI, r.FunctionCode()}
	if kind == kindHeader && v.part.trailer {
		v.mild(r, 0, "", "another file begins behind the trailer")
		v.endPart()
		v.part = part{before: r.Number - 1}
	}
	v.report.Totals.Messages++
	v.part.messages++
	if v.part.trailer {
		v.fail(r, 0, "", "stands behind the trailer")
	}
	v.part.trailer = v.part.trailer || kind == kindTrailer
	switch first := r.Number == v.part.before+1; {
	case first && kind != kindHeader:
		v.fail(r, 0, "", "the first message is not the file header, 1644/697")
	case !first && kind == kindHeader:
		v.fail(r, 0, "", "a file header stands within the file")
	}
	if !whole {
		return nil // what is missing or odd in it follows from the error already reported
	}
	judged := !v.envelope || kind == kindHeader || kind == kindTrailer
	if judged {
		v.mandatory(r, kind)
		v.values(r)
	}
	v.number(r)
	v.fileID(r, kind)
	v.amount(r, kind)
	if !judged {
		return nil
	}
	return v.duplicate(r)
}

func (v *verifier) mandatory(r *Record, kind messageKind) {
	if kind != v.kind { // it is mostly that of the record before
		v.kind = kind
		v.rule, v.ruled = messages[kind]
	}
	rule := v.rule
	switch {
	case !v.ruled:
		rule = anyMessage
		v.warn(r, 0, "", fmt.Sprintf(
			"message %s with function code %q is not of this layout; only the general rules were checked", r.MTI, kind.function,
		))
	case rule.de == nil:
		v.note(r, 0, "", "of a "+rule.name+" ("+kind.mti+"/"+kind.function+") only the general rules were checked")
		rule = anyMessage
	}
	for _, de := range rule.de {
		if !r.Has(de) {
			v.fail(r, 0, fieldName(de, 0), "is missing from the "+rule.name)
		}
	}
	for _, tag := range rule.pds {
		if _, ok := r.PDS(tag); !ok {
			v.fail(r, 0, fieldName(0, tag), "is missing from the "+rule.name)
		}
	}
}

// values holds each element and subelement against its format.
func (v *verifier) values(r *Record) {
	for de := 2; de <= maxDE; de++ {
		at := int(r.spans[de].start)
		if at == 0 {
			continue
		}
		value := r.Get(de)
		if reason := valueFault(r, de); reason != "" {
			v.fail(r, at, fieldName(de, 0), reason)
			continue
		}
		switch de {
		case deChip:
			if cut, reason := chipFault(value); reason != "" { // it is the terminal's, whatever it is
				v.warn(r, at+cut, fieldName(de, 0), reason)
			}
		case 41, 42, 43:
			for i, c := range value {
				if !portable(c) {
					v.warn(r, at+i, fieldName(de, 0), "character "+strconv.Itoa(i+1)+" differs between code pages")
					break
				}
			}
		case 49:
			if _, known := money.ByNumeric(string(value)); !known {
				v.warn(r, at, fieldName(de, 0), string(value)+" is no currency of ISO 4217")
			}
		}
	}
	previous := 0
	for _, sub := range r.pds {
		at := int(sub.value.start)
		value, reason := r.text[sub.value.start:sub.value.end], ""
		if sub.tag == pdsExponents { // every presentment has it: it is looked at where it stands
			if reason = exponentsFault(string(value)); reason == "" {
				if reason := exponentFault(string(value), string(r.Get(49))); reason != "" {
					v.mild(r, at, fieldName(0, sub.tag), reason)
				}
			}
		} else {
			reason, _ = pdsFault(sub.tag, utf8FromLatin1(value))
		}
		if reason != "" {
			v.fail(r, at, fieldName(0, sub.tag), reason)
		}
		if sub.tag <= previous {
			v.warn(r, at, fieldName(0, sub.tag), fmt.Sprintf("does not stand above PDS%04d before it", previous))
		}
		previous = sub.tag
	}
}

func (v *verifier) amount(r *Record, kind messageKind) {
	if r.MTI == "1240" {
		v.report.Totals.Presentments++
	}
	if kind == kindHeader || kind == kindTrailer || !r.Has(4) {
		return
	}
	amountMinor, ok := r.AmountMinor()
	if !ok {
		v.part.unread = true
		return
	}
	if v.part.sumMinor > maxSumMinor-amountMinor {
		v.fail(r, int(r.spans[4].start), fieldName(4, 0), "the file's amounts exceed 16 digits with this one")
		v.part.unread = true
		return
	}
	v.part.sumMinor += amountMinor
	if v.report.Totals.SumMinor <= math.MaxInt64-amountMinor { // of several files
		v.report.Totals.SumMinor += amountMinor
	}
	if r.MTI == "1240" && r.Has(49) && check(&layout[49], r.Get(49)) == "" {
		v.tally.Add(r.Currency(), r.Debits(), amountMinor)
	}
}

// finish checks what only the end can tell.
func (v *verifier) finish() {
	totals := &v.report.Totals
	totals.Currencies = v.tally.Sorted()
	switch {
	case v.cutShort:
		return
	case totals.Messages == 0:
		v.err(Finding{Message: "the file holds no messages"})
		return
	}
	v.endPart()
}

// pdsStart is where in the record a subelement's value stands, or 0.
func (r *Record) pdsStart(tag int) int {
	for _, sub := range r.pds {
		if sub.tag == tag {
			return int(sub.value.start)
		}
	}
	return 0
}
