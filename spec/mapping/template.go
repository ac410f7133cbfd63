package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/spec"
)

// A template makes an element of data of the switch's that canonical messages have elsewhere, or not at all.

// Data are what templates are filled with. All of it stands in the payment's record, so that a repeat has the bytes of
// what it repeats. What is empty, or zero, there is none of.
type Data struct {
	Payment   [12]byte // the payment's number as text
	Reference string   // the gateway's, of its order
	RRN       string   // of the operation, and of the payment's first one
	FirstRRN  string
	STAN      uint32
	Date      int32 // the business date on which the operation clears, YYYYMMDD
	Merchant  string
	Terminal  string
	Category  string // of the merchant
	Entry     string // as DE22 has it
	ECI       string
	Number    int // of the capture or refund within its payment
	ARN       string
}

// datum is one of Data.
type datum uint8

const (
	datumPayment datum = iota
	datumReference
	datumRRN
	datumFirstRRN
	datumSTAN
	datumDate
	datumMerchant
	datumTerminal
	datumCategory
	datumEntry
	datumECI
	datumNumber
	datumARN
	datumCount
)

// data are all that templates may name, how long they are, and whether they are digits. Nothing of a card is among
// them.
var data = [datumCount]struct {
	name           string
	least, longest int
	digits         bool
}{
	datumPayment:   {"payment", 12, 12, false},
	datumReference: {"reference", 1, 64, false},
	datumRRN:       {"rrn", 12, 12, true},
	datumFirstRRN:  {"first_rrn", 12, 12, true},
	datumSTAN:      {"stan", stanDigits, stanDigits, true},
	datumDate:      {"date", dayDigits, dayDigits, true},
	datumMerchant:  {"merchant", 1, 15, false},
	datumTerminal:  {"terminal", 1, 8, false},
	datumCategory:  {"mcc", 4, 4, true},
	datumEntry:     {"entry", plainEntry, plainEntry, true},
	datumECI:       {"eci", 2, 2, true},
	datumNumber:    {"number", 1, 6, true},
	datumARN:       {"arn", 23, 23, true},
}

const (
	stanDigits = 6
	dayDigits  = 8 // of YYYYMMDD
)

// add appends a datum; nothing where there is none.
func (d *Data) add(to []byte, what datum) []byte {
	switch what {
	case datumPayment:
		if d.Payment[0] != 0 {
			to = append(to, d.Payment[:]...)
		}
	case datumReference:
		to = append(to, d.Reference...)
	case datumRRN:
		to = append(to, d.RRN...)
	case datumFirstRRN:
		to = append(to, d.FirstRRN...)
	case datumSTAN:
		to = appendPadded(to, uint64(d.STAN), stanDigits)
	case datumDate:
		to = appendPadded(to, uint64(d.Date), dayDigits)
	case datumMerchant:
		to = append(to, d.Merchant...)
	case datumTerminal:
		to = append(to, d.Terminal...)
	case datumCategory:
		to = append(to, d.Category...)
	case datumEntry:
		to = append(to, d.Entry...)
	case datumECI:
		to = append(to, d.ECI...)
	case datumNumber:
		to = appendPadded(to, uint64(d.Number), 1)
	case datumARN:
		to = append(to, d.ARN...)
	case datumCount: // none
	}
	return to
}

// appendPadded appends a number in so many digits at least; nothing of 0.
func appendPadded(to []byte, v uint64, digits int) []byte {
	if v == 0 {
		return to
	}
	var room [20]byte
	text := strconv.AppendUint(room[:0], v, 10)
	for n := len(text); n < digits; n++ {
		to = append(to, '0')
	}
	return append(to, text...)
}

// templated are the elements that a template may make: those for national and private use. DE48 is one without our
// tags.
func templated(de int) bool {
	return de == 47 || de == dePrivate || de >= 57 && de <= 63 || de >= 112 && de <= 127
}

// longestTemplate is the longest value that a template may make.
const longestTemplate = 255

// piece is a text, or a datum.
type piece struct {
	text  string
	named bool // datum stands here
	datum datum
}

// compileTemplate is compile for a template.
func (c *Constant) compileTemplate() (constant, error) {
	one, err := c.compile()
	switch {
	case err != nil:
		return one, err
	case !templated(c.DE):
		return one, fmt.Errorf("de: %d: expected one for national or private use: 47, 48, 57 to 63, or 112 to 127", c.DE)
	}
	one.value = ""
	one.pieces, err = parseTemplate(c.Value)
	if err != nil {
		return one, fmt.Errorf("value: %q: %w", c.Value, err)
	}
	longest := 0
	for _, p := range one.pieces {
		longest += len(p.text)
		if p.named {
			longest += data[p.datum].longest
		}
	}
	if longest > longestTemplate {
		return one, fmt.Errorf("value: %q: expected at most %d characters, and this may be %d", c.Value, longestTemplate,
			longest)
	}
	return one, nil
}

// parseTemplate reads text with data in braces.
func parseTemplate(text string) (pieces []piece, err error) {
	named := false
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, errors.New("a } without a {")
		}
		if before != "" {
			pieces = append(pieces, piece{text: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		what := slices.Index(dataNames(), name)
		switch {
		case !closed:
			return nil, errors.New("a { without a }")
		case what < 0:
			return nil, fmt.Errorf("{%s}: expected one of %s", name, strings.Join(dataNames(), ", "))
		}
		pieces = append(pieces, piece{named: true, datum: datum(what)})
		named, text = true, after
	}
	if !named {
		return nil, errors.New("names no datum such as {reference}; expected a constant instead")
	}
	return pieces, nil
}

func dataNames() (names []string) {
	for i := range data {
		names = append(names, data[i].name)
	}
	return names
}

// samples are what an element can look like: a constant itself, a template as short and as long as it can be.
func (c *constant) samples() []string {
	if c.pieces == nil {
		return []string{c.value}
	}
	var least, longest strings.Builder
	for _, p := range c.pieces {
		least.WriteString(p.text)
		longest.WriteString(p.text)
		if d := &data[p.datum]; p.named {
			digit := "Z"
			if d.digits {
				digit = "9"
			}
			least.WriteString(strings.Repeat(digit, d.least))
			longest.WriteString(strings.Repeat(digit, d.longest))
		}
	}
	return []string{least.String(), longest.String()}
}

// fits refuses what cannot be packed as the element of a peer's message.
func (c *constant) fits(codec *spec.Codec) error {
	for _, value := range c.samples() {
		var m spec.Message
		m.SetMTI("0100")
		if codec.Version() == spec.ISO1993 {
			m.SetMTI("1100")
		}
		m.Set(c.de, value)
		if _, err := codec.Pack(nil, &m); err != nil {
			return fmt.Errorf("value: of %d characters: %w", len(value), err)
		}
	}
	return nil
}

// fill sets an element by its template; where a datum of it is missing the message stays as it is.
func (c *constant) fill(msg *spec.Message, d *Data) {
	if d == nil {
		return
	}
	var room [longestTemplate]byte
	value := room[:0]
	for i := range c.pieces {
		p := &c.pieces[i]
		value = append(value, p.text...)
		if !p.named {
			continue
		}
		before := len(value)
		if value = d.add(value, p.datum); len(value) == before {
			return
		}
	}
	msg.SetBytes(c.de, value)
}
