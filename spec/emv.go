package spec

import (
	"iter"
	"strings"
)

// storedEMV lists the chip data that may be stored: what clearing needs and what a dispute asks for. It is a list of
// what is allowed, so that a tag that nobody thought of is dropped. Never on it: the PAN (5A), tracks and what is left
// of them (56, 57, 9F6B, 9F1F, 9F20), the cardholder's name (5F20), issuer scripts (71, 72) and templates, which could
// hold any.
var storedEMV = map[string]string{
	"4F":   "Application Identifier, Card",
	"50":   "Application Label",
	"5F2A": "Transaction Currency Code",
	"5F34": "PAN Sequence Number",
	"82":   "Application Interchange Profile",
	"84":   "Dedicated File Name",
	"8A":   "Authorization Response Code",
	"91":   "Issuer Authentication Data",
	"95":   "Terminal Verification Results",
	"9A":   "Transaction Date",
	"9B":   "Transaction Status Information",
	"9C":   "Transaction Type",
	"9F02": "Amount, Authorized",
	"9F03": "Amount, Other",
	"9F06": "Application Identifier, Terminal",
	"9F07": "Application Usage Control",
	"9F09": "Application Version Number, Terminal",
	"9F10": "Issuer Application Data",
	"9F1A": "Terminal Country Code",
	"9F1E": "Interface Device Serial Number",
	"9F21": "Transaction Time",
	"9F26": "Application Cryptogram",
	"9F27": "Cryptogram Information Data",
	"9F33": "Terminal Capabilities",
	"9F34": "Cardholder Verification Method Results",
	"9F35": "Terminal Type",
	"9F36": "Application Transaction Counter",
	"9F37": "Unpredictable Number",
	"9F41": "Transaction Sequence Counter",
	"9F53": "Transaction Category Code",
}

// StoresEMV tells whether a tag of chip data, in upper-case hexadecimal, may be stored.
func StoresEMV(tag string) bool { return storedEMV[tag] != "" }

// FilterEMV returns of DE55, BER-TLV in hex text of either case, the tags that may be stored, in upper case and in
// their order. It never lets through 57, 5A, 56, 9F6B, 9F1F or 9F20. Malformed data is a *FieldError with the offset,
// in characters, and then nothing is returned.
func FilterEMV(hexText string) (string, error) {
	var kept strings.Builder
	for e, err := range emvElements(hexText) {
		if err != nil {
			return "", err
		}
		if _, ok := storedEMV[e.tag]; ok {
			kept.WriteString(strings.ToUpper(e.raw))
		}
	}
	return kept.String(), nil
}

// emvElement is one BER-TLV element: its tag in upper case, its value as it stands in the text, and the whole of it.
type emvElement struct {
	tag, value, raw string
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
			if !yield(emvElement{tag: tag, value: text[at:end], raw: text[start:end]}, nil) {
				return
			}
			at = end
		}
	}
}
