package ipmtool

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// fields gathers what a row says of a message.
type fields struct {
	*message
	subs   []clearing.PDS
	place  map[string]string // the parts of DE43 that are given apart
	amount string            // with a decimal point, until the currency is known
}

// aliases are short names of elements, beside their own.
var aliases = map[string]int{
	"card": 2, "pan": 2, "arn": 31, "rrn": 37, "auth code": 38, "mcc": 26, "merchant id": 42,
}

// partsOfPlace are the parts of DE43 that may be given apart.
var partsOfPlace = []string{"name", "street", "city", "postal code", "state", "country"}

// elementsByName are data elements and subelements by the names that people give columns.
var elementsByName = func() map[string]element {
	out := map[string]element{}
	for _, de := range allElements {
		name, _ := clearing.ElementName(de)
		out[plainName(name)] = element{de: de}
		out[strconv.Itoa(de)], out["de"+strconv.Itoa(de)] = element{de: de}, element{de: de}
	}
	for tag := 1; tag <= 9999; tag++ {
		if name := clearing.SubelementName(tag); name != "" && out[plainName(name)] == (element{}) {
			out[plainName(name)] = element{pds: tag}
		}
		out[fmt.Sprintf("pds%04d", tag)], out[fmt.Sprintf("pds%d", tag)] = element{pds: tag}, element{pds: tag}
	}
	for name, de := range aliases {
		out[name] = element{de: de}
	}
	return out
}()

// element names a data element or a subelement.
type element struct{ de, pds int }

// plainName is how names are compared: "retrieval reference (RRN)" is "retrieval_reference".
func plainName(name string) string {
	name, _, _ = strings.Cut(name, "(")
	return strings.TrimSpace(strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(name)))
}

// take takes one column.
func (f *fields) take(g given) error {
	name := plainName(g.name)
	switch {
	case name == columnForm || name == columnRecord || name == "kind":
		return nil
	case name == columnMTI || name == "message type":
		f.mti = g.text
		return nil
	case slices.Contains(partsOfPlace, name):
		f.place[name] = g.text
		return nil
	}
	is, known := elementsByName[name]
	if !known {
		return errors.New("is no element: expected one by number, such as DE4 or PDS0148, or by its name")
	}
	if is.pds != 0 {
		value, err := latin1(g.text)
		f.subs = append(f.subs, clearing.PDS{Tag: is.pds, Value: string(value)})
		return err
	}
	return f.element(is.de, g)
}

func (f *fields) element(de int, g given) error {
	switch {
	case clearing.CarriesPDS(de):
		return f.carrier(de, g)
	case de == 4 && strings.Contains(g.text, "."):
		f.amount = g.text
		return nil
	case de == 49 || de == 50 || de == 51:
		if c, ok := money.Lookup(strings.ToUpper(g.text)); ok {
			g.text = c.Numeric
		}
	case de == chip:
		value, err := hex.DecodeString(g.text)
		if err != nil {
			return errors.New("is not hexadecimal")
		}
		f.values[de] = value
		return nil
	}
	text := g.text
	if g.raw == nil { // of CSV
		value, err := parseCell(de, text)
		if err != nil {
			return err
		}
		f.values[de] = pad(de, value)
		return nil
	}
	value, err := latin1(text)
	f.values[de] = pad(de, value)
	return err
}

// carrier takes subelements that stand together.
func (f *fields) carrier(de int, g given) (err error) {
	var value []byte
	if g.raw != nil {
		value, err = jsonValue(de, g.raw)
	} else {
		value, err = parseCell(de, g.text)
	}
	if err != nil {
		return err
	}
	subs, ok := clearing.SplitPDS(value)
	if !ok {
		return errors.New("is no list of subelements")
	}
	f.subs = append(f.subs, subs...)
	return nil
}

// finish puts together what was given in pieces.
func (f *fields) finish() error {
	if f.amount != "" {
		c, ok := money.ByNumeric(string(f.values[49]))
		if !ok {
			return fmt.Errorf("amount %s: it needs a currency of ISO 4217", shownText(f.amount))
		}
		whole, decimals, _ := strings.Cut(f.amount, ".")
		if len(decimals) != c.Exponent {
			return fmt.Errorf("amount %s: %s has %d decimals", shownText(f.amount), c.Alpha, c.Exponent)
		}
		f.values[4] = pad(4, []byte(whole+decimals))
	}
	if len(f.place) > 0 {
		if f.place["country"] == "" {
			f.place["country"] = "IRL"
		}
		parts := make([]string, 0, len(partsOfPlace))
		for i, width := range []int{0, 0, 0, 10, 3, 3} {
			text, err := latin1(f.place[partsOfPlace[i]])
			if err != nil {
				return err
			}
			if width == 0 && len(text) == 0 {
				text = []byte(" ")
			}
			parts = append(parts, string(text)+strings.Repeat(" ", max(0, width-len(text))))
		}
		f.values[43] = []byte(strings.Join(parts[:3], `\`) + `\` + strings.Join(parts[3:], ""))
	}
	return nil
}

func (f *fields) hasPDS(tag int) bool {
	return slices.ContainsFunc(f.subs, func(sub clearing.PDS) bool { return sub.Tag == tag })
}

// pack lays the subelements into the elements that carry them, ascending, each whole.
func (f *fields) pack() error {
	slices.SortStableFunc(f.subs, func(a, b clearing.PDS) int { return a.Tag - b.Tag })
	carriers := []int{48, 62, 123, 124, 125}
	var current []byte
	for _, sub := range f.subs {
		if len(sub.Value) > 992 {
			return fmt.Errorf("PDS%04d is %d long, at most 992 expected", sub.Tag, len(sub.Value))
		}
		if len(current)+7+len(sub.Value) > 999 {
			f.values[carriers[0]] = current
			if current, carriers = nil, carriers[1:]; len(carriers) == 0 {
				return errors.New("all five elements that carry subelements are full")
			}
		}
		current = clearing.AppendPDS(current, sub)
	}
	if current != nil {
		f.values[carriers[0]] = current
	}
	return nil
}

// numbers and texts are the widths of elements that are filled: by zeros on the left, by blanks on the right.
var (
	numbers = map[int]int{
		3: 6, 4: 12, 5: 12, 6: 12, 9: 8, 10: 8, 12: 12, 14: 4, 16: 4, 23: 3, 24: 3, 25: 4, 26: 4, 28: 6, 30: 24, 40: 3,
		49: 3, 50: 3, 51: 3, 73: 6,
	}
	texts = map[int]int{37: 12, 38: 6, 41: 8, 42: 15}
)

// pad brings a value to its element's width, where that is fixed.
func pad(de int, value []byte) []byte {
	if n := numbers[de] - len(value); n > 0 {
		return append(bytes.Repeat([]byte{'0'}, n), value...)
	}
	if n := texts[de] - len(value); n > 0 {
		return append(slices.Clone(value), bytes.Repeat([]byte{' '}, n)...)
	}
	return value
}

func joinPDS(subs []clearing.PDS) (carrier []byte) {
	for _, sub := range subs {
		carrier = clearing.AppendPDS(carrier, sub)
	}
	return carrier
}
