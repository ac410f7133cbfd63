package clearing

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Report is what Verify found.
type Report struct {
	OK         bool      `json:"ok"` // no errors; warnings do not count
	FileID     string    `json:"file_id"`
	Mode       string    `json:"mode"` // PDS0122: P or T
	CodePage   string    `json:"code_page"`
	Framing    Framing   `json:"framing"`
	Totals     Totals    `json:"totals"` // computed from the records, not read from the trailer
	ErrorCount int       `json:"error_count"`
	Errors     []Finding `json:"errors"`   // the first MaxFindings of them
	Warnings   []Finding `json:"warnings"` // at most MaxFindings
}

// The bounds of what Verify keeps.
const (
	MaxFindings = 1000    // errors and warnings each; further errors are counted
	maxKeys     = 1 << 20 // records whose keys are compared for duplicates; further ones are not
)

// Verify reads a file to its end and reports everything that is wrong with it: framing, header and trailer, equal file
// ids, mandatory elements, formats, message numbers, check digits of acquirer references, record keys that stand twice,
// and the trailer's sum and count. Oddities that a reader takes are warnings.
//
// The error is not nil only if reading failed; a file of no bytes is a wrong file. Memory is bounded whatever the file
// holds.
func Verify(r io.Reader) (*Report, error) {
	v := verifier{tally: tally{}, keys: map[arnKey]int{}}
	// not null in JSON
	v.report.Errors, v.report.Warnings, v.report.Totals.Currencies = []Finding{}, []Finding{}, []CurrencyTotals{}
	reader, err := NewReader(r)
	if errors.Is(err, errEmpty) {
		v.err(Finding{Message: "the file is empty"})
		return &v.report, nil
	}
	if err != nil {
		return nil, err
	}
	v.report.CodePage, v.report.Framing = reader.CodePage().String(), reader.Framing()
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			return nil, err
		}
		if format != nil {
			v.err(format.Finding)
			v.unread = true
			if format.Fatal {
				v.cutShort = true
				break
			}
		}
		if record != nil {
			v.record(record, format == nil)
		}
	}
	v.finish()
	v.report.Warnings = append(v.report.Warnings, reader.Warnings()...)
	v.report.OK = v.report.ErrorCount == 0
	return &v.report, nil
}

// Err is nil if the file is right, else an error that names the first thing wrong and says how many more there are.
func (r *Report) Err() error {
	switch r.ErrorCount {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("clearing: %s", r.Errors[0])
	}
	return fmt.Errorf("clearing: %s (and %d more)", r.Errors[0], r.ErrorCount-1)
}

// WriteText prints the report for a person: a line a finding, then what the file adds up to.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Errors {
		fmt.Fprintf(&b, "error: %s\n", f)
	}
	if more := r.ErrorCount - len(r.Errors); more > 0 {
		fmt.Fprintf(&b, "error: and %d more\n", more)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", f)
	}
	fmt.Fprintf(&b, "file %s, %s, %s, %s\n", orUnknown(r.FileID), modeName(r.Mode), orUnknown(r.CodePage), r.Framing)
	writeTotals(&b, r.Totals)
	if r.OK {
		b.WriteString("ok\n")
	} else {
		fmt.Fprintf(&b, "NOT ok: %s\n", plural(r.ErrorCount, "error"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A verifier holds what the rules that span records need.
type verifier struct {
	report     Report
	tally      tally
	keys       map[arnKey]int // the record that had it
	unread     bool           // an amount could not be read or added, so the sum cannot be judged
	cutShort   bool           // and neither can the end
	last       string         // DE71 of the last record that had one
	lastOffset int64
	shift      int // of DE71 against the records' numbers, after records went missing
	trailer    bool
	sum        trailerValue
	count      trailerValue
}

// A trailerValue is a subelement of the trailer with its place.
type trailerValue struct {
	value string
	at    Finding
}

func (v *verifier) record(r *Record, whole bool) {
	v.lastOffset = r.Offset
	v.report.Totals.Messages++
	kind := messageKind{r.MTI, r.FunctionCode()}
	if v.trailer {
		v.fail(r, 0, "", "stands behind the trailer")
	}
	v.trailer = v.trailer || kind == kindTrailer
	switch {
	case r.Number == 1 && kind != kindHeader:
		v.fail(r, 0, "", "the first message is not the file header, 1644/697")
	case r.Number > 1 && kind == kindHeader:
		v.fail(r, 0, "", "a file header stands within the file")
	}
	if !whole {
		return // what is missing or odd in it follows from the error already reported
	}
	v.mandatory(r, kind)
	v.values(r)
	v.number(r)
	v.fileID(r, kind)
	v.amount(r, kind)
	v.duplicate(r)
}

func (v *verifier) mandatory(r *Record, kind messageKind) {
	rule, known := messages[kind]
	if !known {
		rule = anyMessage
		v.warn(r, 0, "", fmt.Sprintf(
			"message %s with function code %q is not of this layout; only the general rules were checked", r.MTI, kind.function,
		))
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
	for de := range r.Elements() {
		value := r.Get(de)
		at := int(r.spans[de].start)
		reason := check(&layout[de], value)
		if rule := elementRules[de]; reason == "" && rule != nil {
			reason = rule(utf8FromLatin1(value))
		}
		if reason != "" {
			v.fail(r, at, fieldName(de, 0), reason)
			continue
		}
		switch de {
		case 41, 42, 43:
			for i, c := range value {
				if !portable(c) {
					v.warn(r, at+i, fieldName(de, 0), "character "+strconv.Itoa(i+1)+" differs between code pages")
					break
				}
			}
		case 49:
			if numeric := string(value); r.Currency() == numeric {
				v.warn(r, at, fieldName(de, 0), numeric+" is no currency of ISO 4217")
			}
		}
	}
	previous := 0
	for _, sub := range r.pds {
		at := int(sub.value.start)
		value := utf8FromLatin1(r.text[sub.value.start:sub.value.end])
		reason := ""
		if rule := pdsRules[sub.tag]; rule != nil {
			reason = rule(value)
		}
		if reason == "" && sub.tag == pdsExponents {
			reason = exponentFault(value, string(r.Get(49)))
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

// number checks DE71. It begins with 1, rises strictly and ends with the number of messages, so it is the record's
// number. After records went missing the numbers go on shifted; that is one error, not one for each that follows.
func (v *verifier) number(r *Record) {
	de71 := r.de71()
	if de71 == "" {
		return // reported already, as missing or malformed
	}
	n, _ := strconv.Atoi(de71)
	last, _ := strconv.Atoi(v.last)
	follows := v.last != "" && n == last+1
	switch {
	case n == r.Number+v.shift:
	case follows:
		v.shift = n - r.Number
	default:
		v.fail(r, int(r.spans[71].start), fieldName(71, 0), fmt.Sprintf("is %s, %08d expected", de71, r.Number+v.shift))
	}
	v.last = de71
}

func (v *verifier) fileID(r *Record, kind messageKind) {
	if kind != kindHeader && kind != kindTrailer {
		return
	}
	id, ok := r.PDS(pdsFileID)
	if !ok || pdsRules[pdsFileID](id) != "" {
		return
	}
	if kind == kindHeader && r.Number == 1 {
		v.report.FileID = id
		if mode, _ := r.PDS(pdsMode); pdsRules[pdsMode](mode) == "" {
			v.report.Mode = mode
		}
		if !strings.HasPrefix(id, fileIDType) {
			v.warn(r, r.pdsStart(pdsFileID), fieldName(0, pdsFileID), "its type is "+id[:3]+", 002 is a file made by a member")
		}
	}
	if kind == kindTrailer {
		v.sum = v.trailerValue(r, pdsSum)
		v.count = v.trailerValue(r, pdsCount)
		if v.report.FileID != "" && id != v.report.FileID {
			v.fail(r, r.pdsStart(pdsFileID), fieldName(0, pdsFileID), "is "+id+", the header has "+v.report.FileID)
		}
		if number := r.de71(); number != "" && v.count.value != "" && number != v.count.value {
			v.fail(r, int(r.spans[71].start), fieldName(71, 0), "is "+number+", but PDS0306 is "+v.count.value)
		}
	}
}

// trailerValue takes a subelement of the trailer if it is well-formed.
func (v *verifier) trailerValue(r *Record, tag int) trailerValue {
	value, ok := r.PDS(tag)
	if !ok || pdsRules[tag](value) != "" {
		return trailerValue{}
	}
	return trailerValue{value, r.fault(r.pdsStart(tag), fieldName(0, tag), "").Finding}
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
		v.unread = true
		return
	}
	if v.report.Totals.SumMinor > maxSumMinor-amountMinor {
		v.fail(r, int(r.spans[4].start), fieldName(4, 0), "the file's amounts exceed 16 digits with this one")
		v.unread = true
		return
	}
	v.report.Totals.SumMinor += amountMinor
	if r.MTI == "1240" && r.Has(49) && check(&layout[49], r.Get(49)) == "" {
		v.tally.add(r.Currency(), r.Debits(), amountMinor)
	}
}

// An arnKey is a RecordKey in a fixed space: a million of them are kept.
type arnKey struct {
	arn      [arnLength]byte
	kind     [7]byte // MTI, DE24
	reversal [7]byte
}

func (v *verifier) duplicate(r *Record) {
	arn, function := r.Get(31), r.Get(24)
	if len(arn) != arnLength || len(function) != 3 {
		return
	}
	var key arnKey
	copy(key.arn[:], arn)
	copy(key.kind[:], r.MTI)
	copy(key.kind[mtiLength:], function)
	reversal, _ := r.PDS(pdsReversal)
	copy(key.reversal[:], reversal)
	if first, ok := v.keys[key]; ok {
		v.fail(r, int(r.spans[31].start), fieldName(31, 0), "record "+strconv.Itoa(first)+
			" has the same message, reference and reversal")
		return
	}
	if len(v.keys) < maxKeys {
		v.keys[key] = r.Number
		if len(v.keys) == maxKeys {
			v.warn(r, 0, "", "duplicates are looked for up to this record only")
		}
	}
}

// finish checks what only the end can tell.
func (v *verifier) finish() {
	totals := &v.report.Totals
	totals.Currencies = v.tally.sorted()
	switch {
	case v.cutShort:
		return
	case totals.Messages == 0:
		v.err(Finding{Message: "the file holds no messages"})
		return
	case !v.trailer:
		v.err(Finding{
			Record: totals.Messages, Offset: v.lastOffset, Message: "the last message is not the file trailer, 1644/695",
		})
	}
	if want := fmt.Sprintf("%08d", totals.Messages); v.count.value != "" && v.count.value != want {
		v.failTrailer(v.count, "the file has "+want+" messages")
	}
	if want := fmt.Sprintf("%0*d", sumDigits, totals.SumMinor); !v.unread && v.sum.value != "" && v.sum.value != want {
		v.failTrailer(v.sum, "the amounts add up to "+want)
	}
}

func (v *verifier) failTrailer(t trailerValue, truth string) {
	t.at.Message = "is " + t.value + ", " + truth
	v.err(t.at)
}

// fail reports an error at the i-th byte of a record; with 0, which is the MTI, it concerns the record as a whole.
func (v *verifier) fail(r *Record, i int, field, message string) {
	v.err(findingAt(r, i, field, message))
}

func (v *verifier) warn(r *Record, i int, field, message string) {
	if len(v.report.Warnings) < MaxFindings {
		v.report.Warnings = append(v.report.Warnings, findingAt(r, i, field, message))
	}
}

func findingAt(r *Record, i int, field, message string) Finding {
	f := r.fault(i, field, message).Finding
	if i == 0 {
		f.Offset = r.Offset
	}
	return f
}

func (v *verifier) err(f Finding) {
	v.report.ErrorCount++
	if len(v.report.Errors) < MaxFindings {
		v.report.Errors = append(v.report.Errors, f)
	}
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
