package clearing

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Values are the elements of a message by their numbers, in ISO 8859-1 and DE55 raw; nil where it has none. What a
// Record hands out is valid until the next call of Reader.Next.
type Values [maxDE + 1][]byte

// Values hands out all elements of the record.
func (r *Record) Values(v *Values) {
	clear(v[:])
	for de := range r.Elements() {
		v[de] = r.Get(de)
	}
}

// ElementName is what a data element of the layout is called.
func ElementName(de int) (name string, known bool) {
	if de < 2 || de > maxDE || layout[de].kind == 0 {
		return "", false
	}
	return layout[de].name, true
}

// SubelementName is what a private data subelement is called, "" where it has no name here.
func SubelementName(tag int) string { return pdsNames[tag] }

// CarriesPDS tells whether an element holds private data subelements.
func CarriesPDS(de int) bool { return isPDSCarrier(de) }

// AppendRecord appends a message as its record stands in a file of the code page, without its length. Only what every
// reader needs is held to the layout, which elements there are and their lengths: it writes what others wrote.
func AppendRecord(b []byte, mti string, v *Values, page CodePage) ([]byte, error) {
	if len(mti) != mtiLength || !allDigits(mti) {
		return b, fmt.Errorf("clearing: message type %q is not four digits", mti)
	}
	start := len(b)
	b = append(b, mti...)
	b = append(b, make([]byte, bitmapLength)...)
	b[start+mtiLength] = 0x80
	elements := len(b)
	chipStart, chipEnd := elements, elements
	for de := 2; de <= maxDE; de++ {
		value := v[de]
		if value == nil {
			continue
		}
		el := &layout[de]
		switch {
		case el.kind == 0:
			return b, &FieldError{DE: de, Reason: "is not an element of this layout"}
		case len(value) > el.max, el.lengthDigits == 0 && len(value) != el.max:
			return b, &FieldError{DE: de, Reason: fmt.Sprintf("is %d long, %s expected", len(value), el.lengths())}
		}
		b[start+mtiLength+(de-1)/8] |= 0x80 >> ((de - 1) % 8)
		if el.lengthDigits > 0 {
			b = appendPadded(b, uint64(len(value)), el.lengthDigits)
		}
		if de == deChip {
			chipStart, chipEnd = len(b), len(b)+len(value)
		}
		b = append(b, value...)
	}
	if n := len(b) - start; n > maxRecord {
		return b, fmt.Errorf("clearing: the record has %d bytes, at most %d are allowed", n, maxRecord)
	}
	if page == CP500 {
		translate(b[start:start+mtiLength], &cp500FromLatin1)
		translate(b[elements:chipStart], &cp500FromLatin1)
		translate(b[chipEnd:], &cp500FromLatin1)
	}
	return b, nil
}

// SplitPDS takes the value of an element that carries subelements apart. Its values are in ISO 8859-1.
func SplitPDS(carrier []byte) (subs []PDS, ok bool) {
	for len(carrier) > 0 {
		if len(carrier) < pdsPrefix {
			return nil, false
		}
		tag, tagOK := parseDigits(carrier[:4])
		length, lengthOK := parseDigits(carrier[4:pdsPrefix])
		if !tagOK || !lengthOK || length > len(carrier)-pdsPrefix {
			return nil, false
		}
		subs = append(subs, PDS{tag, string(carrier[pdsPrefix : pdsPrefix+length])})
		carrier = carrier[pdsPrefix+length:]
	}
	return subs, true
}

// AppendPDS is the other way round, one subelement after the other.
func AppendPDS(carrier []byte, sub PDS) []byte {
	carrier = appendPadded(carrier, uint64(sub.Tag), 4)
	carrier = appendPadded(carrier, uint64(len(sub.Value)), 3)
	return append(carrier, sub.Value...)
}

// MaskedChip is DE55 with zeros in the place of what may hold card data, and whether there was any.
func MaskedChip(chip []byte) (masked []byte, changed bool) {
	masked = append([]byte{}, chip...)
	wipe := func(b []byte) {
		for i := range b {
			changed = changed || b[i] != 0
			b[i] = 0
		}
	}
	for rest := masked; len(rest) > 0; {
		tag, value, next, ok := nextTLV(rest)
		if !ok {
			wipe(rest)
			break
		}
		if cardTag(tag) {
			wipe(value)
		}
		rest = next
	}
	return masked, changed
}

// FilterChip is DE55 with the tags, in upper-case hexadecimal, that are to be kept and hold no card data; nil where
// nothing is left. What stands behind something that is no tag goes, too.
func FilterChip(chip []byte, keep func(tag string) bool) (rest []byte) {
	for len(chip) > 0 {
		tag, _, next, ok := nextTLV(chip)
		if !ok {
			break
		}
		if !cardTag(tag) && keep(strings.ToUpper(hex.EncodeToString(tag))) {
			rest = append(rest, chip[:len(chip)-len(next)]...)
		}
		chip = next
	}
	return rest
}
