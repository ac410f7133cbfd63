package spec

import (
	"iter"
	"strconv"
	"strings"
)

// storedEMV lists the chip data that may be stored: what clearing needs and what a dispute asks for. It is a list of
// what is allowed, so that a tag that nobody thought of is dropped. Never on it: the PAN (5A), tracks and what is left
// of them (56, 57, 9F6B, 9F1F, 9F20), the cardholder's name (5F20), issuer scripts (71, 72) and templates, which could
// hold any. Each is held to its length and format (EMV Book 3, annex A), so that what is dropped has no place in
// another tag.
var storedEMV = map[string]chipTag{
	"4F":   {"Application Identifier, Card", chipBytes, 5, 16},
	"50":   {"Application Label", chipText, 1, 16},
	"5F2A": {"Transaction Currency Code", chipDigits, 2, 2},
	"5F34": {"PAN Sequence Number", chipDigits, 1, 1},
	"82":   {"Application Interchange Profile", chipBytes, 2, 2},
	"84":   {"Dedicated File Name", chipBytes, 5, 16},
	"8A":   {"Authorization Response Code", chipText, 2, 2},
	"91":   {"Issuer Authentication Data", chipBytes, 8, 16},
	"95":   {"Terminal Verification Results", chipBytes, 5, 5},
	"9A":   {"Transaction Date", chipDigits, 3, 3},
	"9B":   {"Transaction Status Information", chipBytes, 2, 2},
	"9C":   {"Transaction Type", chipDigits, 1, 1},
	"9F02": {"Amount, Authorized", chipDigits, 6, 6},
	"9F03": {"Amount, Other", chipDigits, 6, 6},
	"9F06": {"Application Identifier, Terminal", chipBytes, 5, 16},
	"9F07": {"Application Usage Control", chipBytes, 2, 2},
	"9F09": {"Application Version Number, Terminal", chipBytes, 2, 2},
	"9F10": {"Issuer Application Data", chipBytes, 0, 32},
	"9F1A": {"Terminal Country Code", chipDigits, 2, 2},
	"9F1E": {"Interface Device Serial Number", chipText, 8, 8},
	"9F21": {"Transaction Time", chipDigits, 3, 3},
	"9F26": {"Application Cryptogram", chipBytes, 8, 8},
	"9F27": {"Cryptogram Information Data", chipBytes, 1, 1},
	"9F33": {"Terminal Capabilities", chipBytes, 3, 3},
	"9F34": {"Cardholder Verification Method Results", chipBytes, 3, 3},
	"9F35": {"Terminal Type", chipDigits, 1, 1},
	"9F36": {"Application Transaction Counter", chipBytes, 2, 2},
	"9F37": {"Unpredictable Number", chipBytes, 4, 4},
	"9F41": {"Transaction Sequence Counter", chipDigits, 2, 4},
	"9F53": {"Transaction Category Code", chipText, 1, 1},
}

// chipTag is what a tag of chip data holds: from least to most bytes of a format.
type chipTag struct {
	name        string
	format      chipFormat
	least, most int
}

type chipFormat uint8

const (
	chipBytes  chipFormat = iota // b
	chipDigits                   // n: two digits a byte
	chipText                     // an, ans: printable ASCII
)

// wants is what is expected of a value, in hexadecimal, that is not as the tag holds it; "" where it is.
func (t *chipTag) wants(value string) string {
	n, right := len(value)/2, true
	switch t.format {
	case chipDigits:
		right = strings.Trim(value, "0123456789") == ""
	case chipText:
		for i := 0; i+1 < len(value); i += 2 {
			c := nibble(value[i])<<4 | nibble(value[i+1])
			right = right && c >= ' ' && c <= '~'
		}
	}
	if right && n >= t.least && n <= t.most {
		return ""
	}
	length := strconv.Itoa(t.most)
	if t.least < t.most {
		length = strconv.Itoa(t.least) + " to " + length
	}
	return length + " bytes" + map[chipFormat]string{chipDigits: " of digits", chipText: " of text"}[t.format]
}

// StoresEMV tells whether a tag of chip data, in upper-case hexadecimal, may be stored.
func StoresEMV(tag string) bool { return storedEMV[tag].name != "" }

// FilterEMV returns of DE55, BER-TLV in hex text of either case, the tags that may be stored, in upper case and in
// their order. It never lets through 57, 5A, 56, 9F6B, 9F1F or 9F20. Malformed data, and a tag that may be stored with
// a value of another length or format than its own, is a *FieldError with the offset, in characters, and then nothing
// is returned.
func FilterEMV(hexText string) (string, error) {
	var kept strings.Builder
	for e, err := range emvElements(hexText) {
		if err != nil {
			return "", err
		}
		if known, ok := storedEMV[e.tag]; ok {
			if wants := known.wants(e.value); wants != "" {
				return "", &FieldError{DE: 55, Offset: e.at, Want: wants + " in tag " + e.tag}
			}
			kept.WriteString(strings.ToUpper(e.raw))
		}
	}
	return kept.String(), nil
}

// emvElement is one BER-TLV element: its tag in upper case, its value as it stands in the text, and where, and the
// whole of it.
type emvElement struct {
	tag, value, raw string
	at              int
}

// Bounds of what EMV cards and terminals produce (EMV Book 3, annex B).
const (
	maxEMVTagBytes    = 4
	maxEMVLengthBytes = 2
)

// emvElements yields the elements of the outermost level. It ends with the first error.
func emvElements(text string) iter.Seq2[emvElement, error] {
	return func(yield func(emvElement, error) bool) {
		fail := func(at int, want string) {
			yield(emvElement{}, &FieldError{DE: 55, Offset: at, Want: want})
		}
		for at := range len(text) {
			if classes[text[at]]&classHex == 0 {
				fail(at, "a hex digit")
				return
			}
		}
		if len(text)%2 != 0 {
			fail(len(text), "an even number of hex digits")
			return
		}
		byteAt := func(at int) byte { return nibble(text[at])<<4 | nibble(text[at+1]) }

		for at := 0; at < len(text); {
			start := at
			first := byteAt(at)
			at += 2
			if first == 0 {
				continue // EMV lets zero bytes stand between elements
			}
			if first&0x1F == 0x1F {
				for more := true; more; {
					if at == len(text) || at-start == 2*maxEMVTagBytes {
						fail(start, "a tag that ends within four bytes")
						return
					}
					more = byteAt(at)&0x80 != 0
					at += 2
				}
			}
			tag := strings.ToUpper(text[start:at])

			lengthAt := at
			if at == len(text) {
				fail(lengthAt, "a length")
				return
			}
			length := int(byteAt(at))
			at += 2
			if length >= 0x80 {
				n := length & 0x7F
				if n == 0 || n > maxEMVLengthBytes || len(text)-at < 2*n {
					fail(lengthAt, "a length of one, two or three bytes")
					return
				}
				length = 0
				for range n {
					length = length<<8 | int(byteAt(at))
					at += 2
				}
			}
			if len(text)-at < 2*length {
				fail(lengthAt, "a value as long as its length says")
				return
			}
			end := at + 2*length
			if !yield(emvElement{tag: tag, value: text[at:end], raw: text[start:end], at: at}, nil) {
				return
			}
			at = end
		}
	}
}
