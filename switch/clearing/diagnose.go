package clearing

import (
	"bytes"
	"strconv"

	"switchyard/internal/words"
)

// mostDiagnosed is how many unreadable records of a file are looked into: it takes some milliseconds each.
const mostDiagnosed = 100

// diagnose finds what is really wrong with a record that could not be read, where fault is only where it showed: an
// element that is too long or too short shifts all that follows, and the first that cannot be is named. It returns
// fault where it finds nothing better. The record stays as parse left it.
func (r *Record) diagnose(fault *FormatError) *FormatError {
	if r.MTI == "" || len(r.raw) < minRecord {
		return fault
	}
	trial := Record{Number: r.Number, Offset: r.Offset, framing: r.framing}
	if better := trial.translatedBitmap(r); better != nil {
		return better
	}
	if better := trial.wrongLength(r); better != nil {
		return better
	}
	return fault
}

// translatedBitmap tells whether the record reads once its bitmap is turned back into the other code page: then the
// file was converted as if all of it were text.
func (r *Record) translatedBitmap(of *Record) *FormatError {
	back, other := &cp500FromLatin1, CP500
	if of.page == CP500 {
		back, other = &latin1FromCP500, ASCII
	}
	r.raw = bytes.Clone(of.raw)
	translate(r.raw[mtiLength:minRecord], back)
	if r.parse(of.page) != nil || !r.sound() {
		return nil
	}
	return of.fault(mtiLength, "", "the bitmap was converted from "+other.String()+" to "+of.page.String()+
		" like text; a file's bitmaps, its DE55 and its record lengths are no text")
}

// wrongLength looks for the one element whose length, if it were another, would leave a record that is right. It is one
// of those that were found: what is wrong with the next one is told already.
func (r *Record) wrongLength(of *Record) *FormatError {
	r.raw = bytes.Clone(of.raw)
	if r.parse(of.page) == nil {
		return nil
	}
	for de := 2; de <= maxDE && of.MTI != ""; de++ {
		el := &layout[de]
		if !of.Has(de) || el.lengthDigits == 0 {
			continue
		}
		if de > 2 && !of.soundBefore(de) {
			return nil // what is wrong stands before it
		}
		at := int(of.spans[de].start) - el.lengthDigits
		is, fits := int(of.spans[de].end-of.spans[de].start), 0
		for length := el.min; length <= el.max; length++ {
			if length == is {
				continue
			}
			putLength(r.raw[at:at+el.lengthDigits], length, of.page)
			if r.parse(of.page) == nil && r.sound() {
				if fits != 0 {
					fits = 0 // two lengths would do: nobody knows
					break
				}
				fits = length
			}
		}
		if fits != 0 {
			putLength(r.raw[at:at+el.lengthDigits], fits, of.page)
			_ = r.parse(of.page) // as it did above; the finding has the message number that is really the record's
			return r.fault(at, fieldName(de, 0), "its length is "+strconv.Itoa(is)+", with "+strconv.Itoa(fits)+
				" the record can be read")
		}
		putLength(r.raw[at:at+el.lengthDigits], is, of.page)
	}
	return nil
}

func putLength(dst []byte, length int, page CodePage) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + length%10)
		if page == CP500 {
			dst[i] |= 0xF0
		}
		length /= 10
	}
}

// sound tells whether each value of the record is one.
func (r *Record) sound() bool { return r.soundBefore(maxDE + 1) }

// soundBefore tells it of the elements before one.
func (r *Record) soundBefore(end int) bool {
	for de := range r.Elements() {
		if de >= end {
			break
		}
		if valueFault(r, de) != "" {
			return false
		}
	}
	return true
}

// valueFault says what is wrong with the value of an element, or nothing.
func valueFault(r *Record, de int) string {
	value := r.Get(de)
	if reason := check(&layout[de], value); reason != "" {
		return reason
	}
	return elementFault(de, value)
}

// chipFault looks through DE55 as BER-TLV (EMV book 3, annex B), where zeros may stand between. It returns where in the
// value a tag begins that is cut, and what is wrong with it, or nothing.
func chipFault(chip []byte) (at int, reason string) {
	for rest := chip; len(rest) > 0; {
		if rest[0] == 0 {
			rest = rest[1:]
			continue
		}
		_, _, next, ok := nextTLV(rest)
		if !ok {
			at = len(chip) - len(rest)
			return at, "a tag and its value do not fit into the " + words.Count(len(rest), "byte") + " that are left"
		}
		rest = next
	}
	return 0, ""
}
