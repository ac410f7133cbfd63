package clearing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/internal/money"
)

// A recordBuilder makes one record after the other in a buffer that it keeps. Everything is ASCII until encode.
//
// The first element that does not fit its row of the layout sticks as err, and what follows is not looked at: the
// methods that add elements can be called in a row and err be checked once.
type recordBuilder struct {
	buf                []byte
	chipStart, chipEnd int   // where DE55's value stands; equal if there is none
	pds                []PDS // of the record, ascending
	carriers           [len(pdsCarriers)][]byte
	scratch            []byte
	exponents          exponents
	err                *FieldError
}

// exponents keeps PDS0148 of the last currency, which is mostly the next record's, too.
type exponents struct {
	of    money.Currency
	value string
}

func (e *exponents) text(c money.Currency) string {
	if e.of != c {
		e.of, e.value = c, c.Numeric+string(rune('0'+c.Exponent))
	}
	return e.value
}

// presentment builds the 1240 of p with the message number de71.
func (r *recordBuilder) presentment(p *Presentment, de71 int) error {
	currency, known := money.Lookup(p.Currency)
	r.begin("1240")
	switch {
	case p.AmountMinor < 1 || p.AmountMinor > maxAmountMinor:
		r.fail(4, 0, fmt.Sprintf("%d is not 1 to %d minor units", p.AmountMinor, int64(maxAmountMinor)))
	case !known:
		r.fail(49, 0, fmt.Sprintf("%q is no currency of ISO 4217", p.Currency))
	case p.LocalTime.Year() < 2000 || p.LocalTime.Year() > 2099:
		r.fail(12, 0, fmt.Sprintf("year %d is not 2000 to 2099", p.LocalTime.Year()))
	}
	second := r.checkFunction(p)

	if len(p.PAN) < 8 {
		r.fail(2, 0, "is shorter than 8 digits")
	}
	r.put(2, p.PAN)
	if p.Credit {
		r.put(3, processingCredit)
	} else {
		r.put(3, processingDebit)
	}
	r.putNumber(4, uint64(p.AmountMinor))
	r.scratch = appendDigits(r.scratch[:0], p.LocalTime)
	putValue(r, 12, r.scratch)
	if p.Expiry != "" {
		if len(p.Expiry) == 4 && (p.Expiry[2:] < "01" || p.Expiry[2:] > "12") {
			r.fail(14, 0, "month is not 01 to 12; YYMM expected")
		}
		r.put(14, p.Expiry)
	}
	if strings.Contains(p.POSDataCode, " ") {
		r.fail(22, 0, "holds a blank")
	}
	r.put(22, p.POSDataCode)
	if p.CardSequence != "" {
		r.putLeftZeros(23, p.CardSequence)
	}
	r.put(24, p.FunctionCode)
	r.putOptional(25, p.MessageReason)
	r.put(26, p.MCC)
	if second {
		r.scratch = appendPadded(r.scratch[:0], uint64(p.OriginalMinor), 12)
		r.scratch = append(r.scratch, "000000000000"...) // the reconciliation amount is not ours to know
		putValue(r, 30, r.scratch)
	}
	if reason := arnFault(p.ARN); reason != "" {
		r.fail(31, 0, reason)
	}
	r.put(31, p.ARN)
	r.putOptional(32, p.AcquirerID)
	r.put(33, p.ForwarderID)
	r.putOptional(37, p.RRN)
	r.putBlanks(38, p.AuthCode)
	r.putOptional(40, p.ServiceCode)
	r.putPortable(41, p.Terminal)
	r.putPortable(42, p.Merchant)
	r.putAcceptor(p.Acceptor)

	r.collectPDS(p, currency)
	r.packPDS()
	r.putCarrier(0)
	r.put(49, currency.Numeric)
	r.putOptional(54, p.OtherAmounts)
	r.putChip(p.ChipData)
	r.putCarrier(1)
	long := len(p.NetworkID) > shortNetworkID
	if p.NetworkID != "" && !long {
		r.scratch = appendBlanks(append(r.scratch[:0], ' '), p.NetworkID, layout[63].max-1)
		putValue(r, 63, r.scratch)
	}
	r.putNumber(71, uint64(de71))
	r.put(94, p.ForwarderID)
	r.putOptional(95, p.IssuerReference)
	if long {
		if len(p.NetworkID) > maxNetworkID {
			r.fail(105, 0, fmt.Sprintf("a network id is %d long, at most %d are expected", len(p.NetworkID), maxNetworkID))
		}
		r.put(105, p.NetworkID)
	}
	for i := 2; i < len(pdsCarriers); i++ {
		r.putCarrier(i)
	}
	return r.finish()
}

// The lengths of a network's id: what DE63 holds behind its first place, and at all.
const (
	shortNetworkID = 15
	maxNetworkID   = 64
)

// The values of DE3 and DE12 as we write them.
const (
	processingDebit  = "000000"
	processingCredit = "200000"
	de12Layout       = "060102150405"
)

// appendDigits appends a time as de12Layout has it, of a year from 2000 to 2099.
func appendDigits(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for _, n := range [...]int{year % 100, int(month), day, hour, minute, second} {
		b = append2(b, n)
	}
	return b
}

// append2 appends a number from 0 to 99 as two digits.
func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// checkFunction holds together the elements by which a second presentment differs from a first, and reports whether p
// is one.
func (r *recordBuilder) checkFunction(p *Presentment) (second bool) {
	switch p.FunctionCode {
	case "200":
		if p.OriginalMinor != 0 {
			r.fail(30, 0, "is given, but only a second presentment (205, 282) has original amounts")
		}
		if p.IssuerReference != "" {
			r.fail(95, 0, "is given, but only a second presentment (205, 282) answers a chargeback")
		}
		return false
	case "205", "282":
		if p.MessageReason == "" {
			r.fail(25, 0, "is missing from a second presentment")
		}
		if p.OriginalMinor < 1 || p.OriginalMinor > maxAmountMinor {
			r.fail(30, 0, fmt.Sprintf("%d is not 1 to %d minor units", p.OriginalMinor, int64(maxAmountMinor)))
		}
		return true
	}
	r.fail(24, 0, fmt.Sprintf("%q is not 200, 205 or 282", p.FunctionCode))
	return false
}

// header and trailer build the first and the last record.
func (r *recordBuilder) header(id, mode string) error {
	r.begin("1644")
	r.put(24, "697")
	r.pds = append(r.pds[:0], PDS{105, id}, PDS{122, mode})
	r.packPDS()
	r.putCarrier(0)
	r.putNumber(71, 1)
	return r.finish()
}

func (r *recordBuilder) trailer(id string, sumMinor int64, messages int) error {
	r.begin("1644")
	r.put(24, "695")
	r.pds = append(r.pds[:0], PDS{105, id},
		PDS{301, string(appendPadded(nil, uint64(sumMinor), sumDigits))},
		PDS{306, string(appendPadded(nil, uint64(messages), 8))})
	r.packPDS()
	r.putCarrier(0)
	r.putNumber(71, uint64(messages))
	return r.finish()
}

func (r *recordBuilder) begin(mti string) {
	r.buf = append(r.buf[:0], mti...)
	r.buf = append(r.buf, make([]byte, bitmapLength)...)
	r.buf[mtiLength] = 0x80 // bit 1: the second half of the bitmap is always there
	r.chipStart, r.chipEnd = 0, 0
	r.err = nil
}

func (r *recordBuilder) finish() error {
	if r.err != nil {
		return r.err
	}
	if len(r.buf) > maxRecord {
		return &FieldError{
			DE: pdsCarriers[0], Reason: fmt.Sprintf("the record has %d bytes, at most %d are allowed", len(r.buf), maxRecord),
		}
	}
	return nil
}

// encode turns the record into the file's code page in place. The bitmap and DE55 stay as they are.
func (r *recordBuilder) encode(page CodePage) []byte {
	if page == CP500 {
		translate(r.buf[:mtiLength], &cp500FromLatin1)
		const elements = mtiLength + bitmapLength
		if r.chipStart == r.chipEnd {
			translate(r.buf[elements:], &cp500FromLatin1)
		} else {
			translate(r.buf[elements:r.chipStart], &cp500FromLatin1)
			translate(r.buf[r.chipEnd:], &cp500FromLatin1)
		}
	}
	return r.buf
}

func (r *recordBuilder) fail(de, pds int, reason string) {
	if r.err == nil {
		r.err = &FieldError{DE: de, PDS: pds, Reason: reason}
	}
}

// put appends an element whose value is complete. Elements come in ascending order.
func (r *recordBuilder) put(de int, value string) { putValue(r, de, value) }

func putValue[T string | []byte](r *recordBuilder, de int, value T) {
	if r.err != nil {
		return
	}
	el := &layout[de]
	reason := check(el, value)
	if reason == "" && el.kind == kindANS { // what the others may hold is ASCII
		reason = asciiFault(value)
	}
	if reason != "" {
		r.fail(de, 0, reason)
		return
	}
	r.mark(de, len(value))
	r.buf = append(r.buf, value...)
}

// mark sets the element's bit and appends its length, if it tells one.
func (r *recordBuilder) mark(de, length int) {
	r.buf[mtiLength+(de-1)/8] |= 0x80 >> ((de - 1) % 8)
	switch layout[de].lengthDigits {
	case 2:
		r.buf = append2(r.buf, length)
	case 3:
		r.buf = append2(append(r.buf, byte('0'+length/100)), length%100)
	}
}

func asciiFault[T string | []byte](value T) string {
	for i := range len(value) {
		if value[i] > '~' {
			return fmt.Sprintf("character %d is not ASCII", i+1)
		}
	}
	return ""
}

func (r *recordBuilder) putOptional(de int, value string) {
	if value != "" {
		r.put(de, value)
	}
}

func (r *recordBuilder) putNumber(de int, n uint64) {
	r.scratch = appendPadded(r.scratch[:0], n, layout[de].max)
	putValue(r, de, r.scratch)
}

// putLeftZeros fills a shorter number with leading zeros.
func (r *recordBuilder) putLeftZeros(de int, digits string) {
	r.scratch = r.scratch[:0]
	for range layout[de].max - len(digits) {
		r.scratch = append(r.scratch, '0')
	}
	putValue(r, de, append(r.scratch, digits...))
}

// putBlanks fills a shorter value with blanks on its right; an empty one is left out.
func (r *recordBuilder) putBlanks(de int, value string) {
	if value == "" {
		return
	}
	r.scratch = appendBlanks(r.scratch[:0], value, layout[de].max)
	putValue(r, de, r.scratch)
}

func (r *recordBuilder) putPortable(de int, value string) {
	r.checkPortable(de, value)
	r.putBlanks(de, value)
}

func (r *recordBuilder) checkPortable(de int, value string) {
	for i := range len(value) {
		if !portable(value[i]) {
			r.fail(de, 0, fmt.Sprintf("%q at character %d differs between code pages or is not printable ASCII", value[i], i+1))
		}
	}
}

// putAcceptor writes name\street\city\ and the fixed tail. An empty street or city is written as a blank: there are
// readers that do not find the separators where nothing stands between them.
func (r *recordBuilder) putAcceptor(a Acceptor) {
	for _, part := range [...]struct {
		name, value string
		max         int
		required    bool
	}{
		{"name", a.Name, maxVar, true},
		{"street", a.Street, maxVar, false},
		{"city", a.City, maxVar, false},
		{"postal code", a.PostalCode, acceptorPostal, false},
		{"state", a.State, acceptorState, false},
		{"country", a.CountryAlpha3, acceptorCountry, true},
	} {
		switch {
		case part.required && strings.TrimSpace(part.value) == "":
			r.fail(43, 0, part.name+" is missing")
		case len(part.value) > part.max:
			r.fail(43, 0, fmt.Sprintf("%s is longer than %d characters", part.name, part.max))
		case strings.Contains(part.value, `\`):
			r.fail(43, 0, part.name+` holds a \, which separates the parts`)
		}
		r.checkPortable(43, part.value)
	}
	if !isAlpha3(a.CountryAlpha3) {
		r.fail(43, 0, "country is not three capital letters")
	}
	r.scratch = r.scratch[:0]
	for _, part := range [...]string{a.Name, a.Street, a.City} {
		if part == "" {
			part = " "
		}
		r.scratch = append(append(r.scratch, part...), '\\')
	}
	r.scratch = appendBlanks(r.scratch, a.PostalCode, acceptorPostal)
	r.scratch = appendBlanks(r.scratch, a.State, acceptorState)
	putValue(r, 43, append(r.scratch, a.CountryAlpha3...))
}

func (r *recordBuilder) putChip(chip []byte) {
	if len(chip) == 0 || r.err != nil {
		return
	}
	if reason := check(&layout[deChip], chip); reason != "" {
		r.fail(deChip, 0, reason)
		return
	}
	r.mark(deChip, len(chip))
	r.chipStart = len(r.buf)
	r.buf = append(r.buf, chip...)
	r.chipEnd = len(r.buf)
}

// collectPDS gathers the subelements of a presentment in ascending order.
func (r *recordBuilder) collectPDS(p *Presentment, currency money.Currency) {
	r.pds = r.pds[:0]
	if p.TerminalType != "" {
		r.addPDS(23, p.TerminalType, 3)
	}
	if !p.ReversalOf.IsZero() {
		r.scratch = p.ReversalOf.AppendFormat(append(r.scratch[:0], 'R'), fileIDDateLayout)
		r.addPDS(25, string(r.scratch), 7)
	}
	if p.ECommerceLevel != "" {
		r.addPDS(52, p.ECommerceLevel, 3)
	}
	r.pds = append(r.pds, PDS{148, r.exponents.text(currency)})
	if len(p.PDS) == 0 {
		return
	}
	r.pds = append(r.pds, p.PDS...)
	slices.SortStableFunc(r.pds, func(a, b PDS) int { return a.Tag - b.Tag })
	for i, sub := range r.pds {
		if i > 0 && sub.Tag == r.pds[i-1].Tag {
			r.fail(0, sub.Tag, "is given twice")
		}
	}
	for _, sub := range p.PDS {
		if _, known := pdsFault(sub.Tag, sub.Value); known {
			r.fail(0, sub.Tag, "is made from other fields or belongs to other messages")
		}
	}
}

func (r *recordBuilder) addPDS(tag int, value string, length int) {
	if len(value) != length {
		r.fail(0, tag, fmt.Sprintf("is %d long, %d expected", len(value), length))
	}
	r.pds = append(r.pds, PDS{tag, value})
}

// packPDS lays the subelements into the five elements that carry them: each goes whole into the current one, or opens
// the next.
func (r *recordBuilder) packPDS() {
	for i := range r.carriers {
		r.carriers[i] = r.carriers[i][:0]
	}
	current := 0
	for _, sub := range r.pds {
		if sub.Tag < 1 || sub.Tag > 9999 || sub.Value == "" || len(sub.Value) > maxPDSValue {
			r.fail(0, sub.Tag, fmt.Sprintf("has a tag outside 1 to 9999 or a value outside 1 to %d characters", maxPDSValue))
			return
		}
		if len(r.carriers[current])+pdsPrefix+len(sub.Value) > maxVar {
			if current++; current == len(r.carriers) {
				r.fail(0, sub.Tag, "does not fit: all five elements that carry PDS are full")
				return
			}
		}
		carrier := appendPadded(r.carriers[current], uint64(sub.Tag), 4)
		carrier = appendPadded(carrier, uint64(len(sub.Value)), 3)
		r.carriers[current] = append(carrier, sub.Value...)
	}
}

func (r *recordBuilder) putCarrier(i int) {
	if len(r.carriers[i]) > 0 {
		putValue(r, pdsCarriers[i], r.carriers[i])
	}
}

func appendBlanks(b []byte, value string, width int) []byte {
	b = append(b, value...)
	for range width - len(value) {
		b = append(b, ' ')
	}
	return b
}

func isAlpha3(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}
