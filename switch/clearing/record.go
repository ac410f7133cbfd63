package clearing

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/words"
)

// A Record is one message of a file as a Reader found it. It and all that its methods return as bytes are valid until
// the next call of Reader.Next.
//
// The reader takes a record's structure apart and judges no values; Verify does.
type Record struct {
	Number int   // from 1, the header
	Offset int64 // of the record's length in the file
	MTI    string

	framing Framing
	page    CodePage
	raw     []byte // as it stands in the file
	text    []byte // ISO 8859-1
	spans   [maxDE + 1]span
	pds     []pdsSpan
}

// A span is a place in a record. The zero span is no place: the first twenty bytes are MTI and bitmap.
type span struct{ start, end uint16 }

type pdsSpan struct {
	tag   int
	value span
}

// Has reports whether the record has the data element.
func (r *Record) Has(de int) bool { return de > 1 && de <= maxDE && r.spans[de].start > 0 }

// Get returns the value of a data element as ISO 8859-1, DE55 as raw bytes, or nil if the record has none. Padding
// blanks are part of it.
func (r *Record) Get(de int) []byte {
	if !r.Has(de) {
		return nil
	}
	s := r.spans[de]
	if layout[de].kind == kindB {
		return r.raw[s.start:s.end]
	}
	return r.text[s.start:s.end]
}

// Text returns the value of a data element as a string in UTF-8, or "" if the record has none.
func (r *Record) Text(de int) string { return utf8FromLatin1(r.Get(de)) }

// PDS returns the value of a private data subelement, whichever element carries it. Where a tag stands twice it is the
// first.
func (r *Record) PDS(tag int) (string, bool) {
	for _, sub := range r.pds {
		if sub.tag == tag {
			return utf8FromLatin1(r.text[sub.value.start:sub.value.end]), true
		}
	}
	return "", false
}

// Elements yields the numbers of the data elements that the record has, ascending.
func (r *Record) Elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		for de := 2; de <= maxDE; de++ {
			if r.Has(de) && !yield(de) {
				return
			}
		}
	}
}

// Subelements yields the private data subelements in the order in which they stand in the record.
func (r *Record) Subelements() iter.Seq[PDS] {
	return func(yield func(PDS) bool) {
		for _, sub := range r.pds {
			if !yield(PDS{sub.tag, utf8FromLatin1(r.text[sub.value.start:sub.value.end])}) {
				return
			}
		}
	}
}

// FunctionCode is DE24, which with the MTI says what the message is.
func (r *Record) FunctionCode() string { return internCode(r.Get(24)) }

// AmountMinor is DE4 in minor units of DE49, and whether it is there and a number.
func (r *Record) AmountMinor() (int64, bool) {
	v := r.Get(4)
	if check(&layout[4], v) != "" {
		return 0, false
	}
	n, ok := parseDigits(v)
	return int64(n), ok
}

// Currency is DE49 as ISO 4217 letters, or as it stands if it names no currency.
func (r *Record) Currency() string {
	numeric := r.Get(49)
	if c, ok := money.ByNumeric(string(numeric)); ok {
		return c.Alpha
	}
	return string(numeric)
}

// Debits reports whether the record debits the cardholder: by DE3, where 20 and 28 credit, turned round by a reversal
// (PDS0025).
func (r *Record) Debits() bool {
	credit := false
	if code := r.Get(3); len(code) == 6 {
		credit = string(code[:2]) == "20" || string(code[:2]) == "28"
	}
	return credit == r.Reversal()
}

// Reversal reports whether the record takes an earlier one back (PDS0025 begins with R).
func (r *Record) Reversal() bool {
	v, _ := r.PDS(pdsReversal)
	return v != "" && v[0] == 'R'
}

// A RecordKey says which presentment or chargeback a record is, whatever file it stands in.
type RecordKey struct {
	ARN          string // DE31
	MTI          string
	FunctionCode string // DE24
	Reversal     string // PDS0025, or ""
	// IssuerReference is DE95, or "": a presentment may be charged back in parts, and each presented a second time.
	IssuerReference string
}

// Key is the record's key; its ARN is empty for messages that concern no transaction.
func (r *Record) Key() RecordKey {
	reversal, _ := r.PDS(pdsReversal)
	return RecordKey{
		ARN: r.Text(31), MTI: r.MTI, FunctionCode: r.FunctionCode(), Reversal: reversal, IssuerReference: r.IssuerReference(),
	}
}

// IssuerReference is DE95 without the blanks behind it, or "".
func (r *Record) IssuerReference() string { return strings.TrimRight(r.Text(95), " ") }

// IssuerReferenceRepeats reports whether a record of ours can repeat DE95, for which that has to be printable ASCII;
// where the record has none it can.
func (r *Record) IssuerReferenceRepeats() bool {
	return strings.IndexFunc(r.IssuerReference(), func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// The subelements that this package reads.
const (
	pdsReversal     = 25
	pdsFileReversal = 26
	pdsFileID       = 105
	pdsMode         = 122
	pdsExponents    = 148
	pdsSum          = 301
	pdsCount        = 306
	pdsErrors       = 5
	pdsFailing      = 138
	pdsSourceFile   = 280
)

// at is where in the file the i-th byte of the record stands.
func (r *Record) at(i int) int64 {
	if !r.framing.Blocked {
		return r.Offset + lengthSize + int64(i)
	}
	pos := r.Offset/blockSize*blockData + r.Offset%blockSize + lengthSize + int64(i)
	return pos/blockData*blockSize + pos%blockData
}

// parse takes the record apart. On an error the elements before it are there.
func (r *Record) parse(page CodePage) *FormatError {
	clear(r.spans[:])
	r.pds = r.pds[:0]
	r.MTI, r.page = "", page
	r.text = append(r.text[:0], r.raw...)
	if page == CP500 {
		translate(r.text, &latin1FromCP500)
	}
	if !startsLikeRecord(r.text, ASCII) {
		return r.fault(0, "", "the message type is not four digits in "+page.String()+r.inOther(0, mtiLength))
	}
	r.MTI = internMTI(r.text[:mtiLength])
	bitmap := r.raw[mtiLength:minRecord]
	if bitmap[0]&0x80 == 0 {
		return r.fault(mtiLength, "", "bit 1 is not set, but the bitmap always has 16 bytes")
	}
	pos := minRecord
	for half := 0; half < bitmapLength; half += 8 {
		set := binary.BigEndian.Uint64(bitmap[half:])
		if half == 0 {
			set &^= 1 << 63 // bit 1
		}
		for set != 0 {
			n := bits.LeadingZeros64(set)
			set &^= 1 << (63 - n)
			end, err := r.element(half*8+1+n, pos)
			if err != nil {
				return err
			}
			pos = end
		}
	}
	if pos < len(r.raw) {
		return r.fault(pos, "", strconv.Itoa(len(r.raw)-pos)+" bytes follow the last data element")
	}
	for _, de := range pdsCarriers {
		if err := r.subelements(de); err != nil {
			return err
		}
	}
	return nil
}

// element finds the value of one data element at pos and returns where it ends.
func (r *Record) element(de, pos int) (int, *FormatError) {
	el := &layout[de]
	if el.kind == 0 {
		return 0, r.fault(pos, fieldName(de, 0), "is not an element of this layout")
	}
	length := el.max
	if el.lengthDigits > 0 {
		if pos+el.lengthDigits > len(r.text) {
			return 0, r.fault(pos, fieldName(de, 0), "the record ends within its length")
		}
		var ok bool
		if length, ok = parseDigits(r.text[pos : pos+el.lengthDigits]); !ok {
			return 0, r.fault(pos, fieldName(de, 0), "its length is not "+strconv.Itoa(el.lengthDigits)+" digits in "+
				r.page.String()+r.inOther(pos, el.lengthDigits))
		}
		if length > el.max {
			return 0, r.fault(pos, fieldName(de, 0), "its length is "+strconv.Itoa(length)+", "+el.lengths()+" expected")
		}
		pos += el.lengthDigits
	}
	if length > len(r.text)-pos {
		return 0, r.fault(pos, fieldName(de, 0), strconv.Itoa(length)+" bytes expected, the record has "+
			strconv.Itoa(len(r.text)-pos)+" more")
	}
	r.spans[de] = span{uint16(pos), uint16(pos + length)}
	return pos + length, nil
}

// inOther says so where what should be digits is digits in the other code page.
func (r *Record) inOther(pos, n int) string {
	zero, other := byte('0'), ASCII
	if r.page == ASCII {
		zero, other = 0xF0, CP500
	}
	for _, c := range r.raw[pos : pos+n] {
		if c < zero || c > zero+9 {
			return ""
		}
	}
	return ", but in " + other.String() + " it is"
}

// subelements finds the private data subelements in one of the elements that carry them.
func (r *Record) subelements(de int) *FormatError {
	for pos, end := int(r.spans[de].start), int(r.spans[de].end); pos < end; {
		if end-pos < pdsPrefix {
			return r.fault(pos, fieldName(de, 0), words.Count(end-pos, "byte")+" too few for a subelement's tag and length")
		}
		tag, tagOK := parseDigits(r.text[pos : pos+4])
		length, lengthOK := parseDigits(r.text[pos+4 : pos+pdsPrefix])
		if !tagOK || !lengthOK {
			return r.fault(pos, fieldName(de, 0), "a subelement's tag and length are not seven digits")
		}
		if start := pos + pdsPrefix; length > end-start {
			return r.fault(pos, fieldName(0, tag), strconv.Itoa(length)+" characters expected, "+fieldName(de, 0)+" has "+
				strconv.Itoa(end-start)+" more")
		}
		pos += pdsPrefix
		r.pds = append(r.pds, pdsSpan{tag, span{uint16(pos), uint16(pos + length)}})
		pos += length
	}
	return nil
}

func (r *Record) fault(pos int, field, message string) *FormatError {
	return &FormatError{Finding: Finding{
		Record: r.Number, Offset: r.at(pos), DE71: r.de71(), Field: field, Message: message,
	}}
}

// de71 is the message number if it could be read and is one.
func (r *Record) de71() string {
	if v := r.Get(71); check(&layout[71], v) == "" {
		return string(v)
	}
	return ""
}

// number is de71 as a number.
func (r *Record) number() (n int, ok bool) {
	v := r.Get(71)
	if check(&layout[71], v) != "" {
		return 0, false
	}
	return parseDigits(v)
}

func parseDigits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// internMTI spares an allocation for the types that most records are of.
func internMTI(b []byte) string {
	switch string(b) {
	case "1240":
		return "1240"
	case "1442":
		return "1442"
	case "1644":
		return "1644"
	}
	return string(b)
}

// internCode is internMTI for function codes.
func internCode(b []byte) string {
	switch string(b) {
	case "200":
		return "200"
	case "205":
		return "205"
	case "282":
		return "282"
	case "450":
		return "450"
	case "453":
		return "453"
	case "691":
		return "691"
	}
	return string(b)
}

func utf8FromLatin1(b []byte) string {
	for _, c := range b {
		if c >= 0x80 {
			runes := make([]rune, len(b))
			for i, c := range b {
				runes[i] = rune(c)
			}
			return string(runes)
		}
	}
	return string(b)
}
