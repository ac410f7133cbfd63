package clearing

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/internal/words"
)

// A Field is an element of a record as it is shown to a person: card numbers in it are masked (I12), and what is not
// printable is a point.
type Field struct {
	Field string  `json:"field,omitempty"` // "DE43", "PDS0148"; of a part "", of a tag of chip data the tag
	Name  string  `json:"name,omitempty"`
	Value string  `json:"value"`
	Means string  `json:"means,omitempty"` // where the value is code: "12.34 EUR"
	Parts []Field `json:"parts,omitempty"` // what it is made of
}

// Fields are the record's elements as they are shown. The elements that carry subelements have those as parts and no
// value of their own.
func (r *Record) Fields() []Field {
	var out []Field
	for de := range r.Elements() {
		f := Field{Field: "DE" + strconv.Itoa(de), Name: layout[de].name}
		s := r.spans[de]
		if isPDSCarrier(de) && s.end > s.start {
			for _, sub := range r.pds {
				if sub.value.start > s.start && sub.value.end <= s.end {
					f.Parts = append(f.Parts, pdsField(sub.tag, utf8FromLatin1(r.text[sub.value.start:sub.value.end])))
				}
			}
		} else {
			f.Value, f.Means = elementValue(r, de), r.meaning(de)
			f.Parts = r.parts(de)
		}
		out = append(out, f)
	}
	return out
}

// Shown is the value of a data element as it is shown to a person, or "": its card number masked (I12).
func (r *Record) Shown(de int) string {
	if !r.Has(de) {
		return ""
	}
	value := elementValue(r, de)
	if means := r.meaning(de); means != "" && (de == 4 || de == 49) {
		value += "  " + means
	}
	return value
}

// ShownPDS is Shown of a private data subelement.
func (r *Record) ShownPDS(tag int) string {
	value, _ := r.PDS(tag)
	return printable(partsOfPDS[tag].mask(value))
}

// Kind is what the message is, for a person: "1240/200 first presentment".
func (r *Record) Kind() string { return kindName(r) }

// Size is how many bytes the record has, without its length.
func (r *Record) Size() int { return len(r.raw) }

// Card is DE2 as it is shown, or "".
func (r *Record) Card() string { return pan.Mask(visible(r.Text(2))) }

// elementValue is what stands in an element, fit to print.
func elementValue(r *Record, de int) string {
	switch de {
	case 2:
		return r.Card()
	case deChip:
		return chipValue(r.Get(deChip))
	}
	return printable(partsOfDE[de].mask(r.Text(de)))
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
func visible(s string) string { return pan.MaskIn(printable(s)) }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '.'
		}
		return r
	}, s)
}

// cardTags are the tags of chip data that may hold a card number or a cardholder's name.
var cardTags = map[string]bool{
	"57": true, "5A": true, "56": true, "5F20": true, "9F6B": true, "9F1F": true, "9F20": true, "9F0B": true,
}

// cardTag tells whether a tag may hold card data; within a constructed one they may stand.
func cardTag(tag []byte) bool {
	return len(tag) == 0 || tag[0]&0x20 != 0 || cardTags[strings.ToUpper(hex.EncodeToString(tag))]
}

// hiddenTags are known by name, and hold what is never shown: the card number, what is left of tracks, the cardholder,
// the expiry and issuer scripts.
var hiddenTags = map[string]bool{"57": true, "5A": true, "5F20": true, "5F24": true, "71": true, "72": true}

// shownTag tells whether the value of a tag of chip data is shown. It is a list of what is: of a tag that nobody
// thought of, as of one of a scheme's own, the length is told.
func shownTag(name string) bool { return chipNames[name] != "" && !hiddenTags[name] }

// chipValue prints DE55 tag by tag.
func chipValue(chip []byte) string {
	var b strings.Builder
	for _, tag := range chipTags(chip) {
		if tag.Field == "" {
			b.WriteString(tag.Value)
		} else {
			b.WriteString(tag.Field + "=" + tag.Value + " ")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// chipTags takes DE55 apart. Of what is not shown the length is told; what is no tag is a Field without one.
func chipTags(chip []byte) (tags []Field) {
	for rest := chip; len(rest) > 0; {
		tag, value, next, ok := nextTLV(rest)
		if !ok {
			return append(tags, Field{Value: fmt.Sprintf("(%s without a tag)", words.Count(len(rest), "byte"))})
		}
		f := Field{Field: strings.ToUpper(hex.EncodeToString(tag))}
		f.Name, f.Value = chipNames[f.Field], strings.ToUpper(hex.EncodeToString(value))
		if !shownTag(f.Field) {
			f.Value = "(" + words.Count(len(value), "byte") + ")"
		}
		tags, rest = append(tags, f), next
	}
	return tags
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
		b, "%s, %s, sum of amounts %d\n", words.Count(t.Messages, "message"),
		words.Count(t.Presentments, "presentment"), t.SumMinor,
	)
	for _, c := range t.Currencies {
		fmt.Fprintf(b, "  %s: %s %s, %s %s\n", c.Currency,
			words.Count(c.DebitCount, "debit"), money.Format(c.DebitMinor, c.Currency),
			words.Count(c.CreditCount, "credit"), money.Format(c.CreditMinor, c.Currency))
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
