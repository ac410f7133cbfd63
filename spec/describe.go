package spec

import (
	"fmt"
	"strings"
)

// Describe writes a message for people: the MTI, then a line for each DE with its number, name and value, and under
// DE48 and DE55 a line for each tag. It may be logged: the PAN is shown by its first six and last four digits; expiry,
// tracks, PIN block, CVC, security data and all chip data that FilterEMV would drop are hidden; so is DE48 or DE55 that
// does not parse, and in free text the middle of each run of digits that is long enough to hold a PAN.
func Describe(c *Codec, m *Message) string {
	var b strings.Builder
	mti := m.MTI()
	fmt.Fprintf(&b, "%s %s\n", mti, MTIName(mti))
	m.Fields(func(de int, value []byte) bool {
		fmt.Fprintf(&b, "  %03d %-46s %s\n", de, c.FieldName(de), c.Shown(de, value, false))
		for _, t := range Tags(de, value) {
			switch {
			case t.Tag == "":
				fmt.Fprintf(&b, "      %s\n", t.Shown)
			case de == 48:
				fmt.Fprintf(&b, "      %s %-43s %s\n", t.Tag, t.Name, t.Shown)
			default:
				fmt.Fprintf(&b, "      %-4s %-41s %s\n", t.Tag, t.Name, t.Shown)
			}
		}
		return true
	})
	return b.String()
}

// FieldName is the spec's own name for a DE, the standard's if it has none.
func (c *Codec) FieldName(de int) string {
	if f := c.spec.Fields[de]; f != nil {
		if name := plainName(f.Spec().Description); name != "" {
			return name
		}
	}
	return c.version.FieldName(de)
}

// Shown is a DE's value as a person may see it, masked and hidden as Describe does. With clearPAN account numbers,
// which stand in DE2, 34, 102 and 103 and may stand in free text, are shown; what is hidden stays so.
func (c *Codec) Shown(de int, value []byte, clearPAN bool) string {
	return c.version.Shown(de, value, clearPAN)
}

// Shown is a Codec's Shown where only the edition is known.
func (v Version) Shown(de int, value []byte, clearPAN bool) string {
	switch de {
	case 2, 34, 102, 103: // account identifications, which may be PANs
		if clearPAN {
			return printable(value)
		}
		return maskPAN(string(value))
	case 14, 35, 36, 45, 52, 53:
		return hidden(len(value))
	case 48:
		if CheckTLV(value) != nil {
			return hidden(len(value)) + ", not in the form of tags"
		}
		return fmt.Sprintf("%d bytes", len(value))
	case 55:
		return fmt.Sprintf("%d hex digits", len(value))
	case 96:
		if v == ISO1993 { // key management data
			return hidden(len(value))
		}
	}
	shown := printable(value)
	if freeText(v, de) && !clearPAN {
		return maskRuns(shown)
	}
	return shown
}

// freeText reports whether a DE may hold what its sender likes, so possibly a card number. In the others long runs of
// digits are amounts, counts and original data elements.
func freeText(version Version, de int) bool {
	switch de {
	case 43, 44, 46, 47, 98, 101:
		return true
	}
	if version == ISO1993 {
		switch de {
		case 31, 72, 95, 99:
			return true
		}
		return de >= 59 && de <= 66 || de == 104 || de >= 109 && de <= 127 || de > 128
	}
	return de >= 56 && de <= 63 || de >= 104 && de <= 127 || de > 128
}

// Tag is a tag inside DE48 or DE55 with its value as it may be seen. Tag is empty where the data could not be read on,
// which Shown then says.
type Tag struct{ Tag, Name, Shown string }

// Tags are the tags of DE48, if it is in the form of tags, and of DE55; nil of any other DE.
func Tags(de int, value []byte) []Tag {
	switch {
	case de == 48 && CheckTLV(value) == nil:
		return privateTags(value)
	case de == 55:
		return chipTags(string(value))
	}
	return nil
}

func privateTags(data []byte) (tags []Tag) {
	for tag, value := range TLVs(data) {
		shown := printable(value)
		switch tag {
		case TagCVC, TagCAVV:
			shown = hidden(len(value))
		case TagARN, TagFirstRRN:
		default:
			shown = maskRuns(shown)
		}
		name := tagNames[tag]
		if name == "" {
			name = "unknown tag"
		}
		tags = append(tags, Tag{tag, name, shown})
	}
	return tags
}

func chipTags(hexText string) (tags []Tag) {
	for e, err := range emvElements(hexText) {
		if err != nil {
			return append(tags, Tag{Shown: fmt.Sprintf("the rest is hidden: %v", err)})
		}
		t := Tag{e.tag, "not shown", hidden(len(e.value) / 2)}
		if known, ok := storedEMV[e.tag]; ok {
			t.Name, t.Shown = known.name, strings.ToUpper(e.value)
		}
		tags = append(tags, t)
	}
	return tags
}

var tagNames = map[string]string{
	TagECI:             "electronic commerce indicator",
	TagInitiator:       "initiator",
	TagNetworkID:       "network id",
	TagReversalReason:  "reversal reason",
	TagFirstRRN:        "first RRN",
	TagCaptureNumber:   "capture number",
	TagARN:             "acquirer reference number",
	TagThreeDSVersion:  "3-D Secure version",
	TagCAVV:            "CAVV",
	TagDSTransactionID: "directory server transaction id",
	TagCVC:             "CVC",
	TagAddressLine:     "address line",
	TagPostalCode:      "postal code",
	TagCountry:         "country",
	TagAVSResult:       "AVS result",
	TagCVCResult:       "CVC result",
	TagPartial:         "partial approval accepted",
	TagFinal:           "final capture",
}

func hidden(n int) string {
	return fmt.Sprintf("hidden, %d bytes", n)
}

// minPAN is the length in digits of the shortest PAN (ISO/IEC 7812).
const minPAN = 12

// maskPAN shows the first six and the last four digits of a PAN, and nothing of a value too short for that to hide
// enough.
func maskPAN(pan string) string {
	if len(pan) < minPAN {
		return strings.Repeat("*", len(pan))
	}
	return pan[:6] + strings.Repeat("*", len(pan)-10) + pan[len(pan)-4:]
}

// maskRuns masks each run of more than minPAN digits in free text: a PAN may stand among other digits.
func maskRuns(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		switch n := end - i; {
		case n == 0:
			end = i + 1
			b.WriteByte(text[i])
		case n > minPAN:
			b.WriteString(maskPAN(text[i:end]))
		default:
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

// printable shows a value in quotes with escapes if it would do more than print.
func printable(value []byte) string {
	for _, c := range value {
		if classes[c]&classPrintable == 0 {
			return fmt.Sprintf("%q", value)
		}
	}
	return string(value)
}
