package mapping

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Config is what of a peer's messages is not canonical, as a configuration says it. The zero Config changes nothing but
// what the dialect asks for.
type Config struct {
	// Private is DE48 with the switch's tags: on, which is the default, or off.
	Private string `yaml:"private"`
	// Acceptor is DE43: fixed (25 characters of name, 13 of city, 2 of country), which is the default, subfields
	// (name\city\country) or omit.
	Acceptor string `yaml:"acceptor"`
	// Original is DE90: full, which is the default, short (with zeros for DE32) or omit.
	Original string `yaml:"original"`
	// Constants stand in each financial request, in place of what would stand there.
	Constants []Constant `yaml:"constants"`
	// Templates are elements that are made of data of the switch's, which their values name in braces. They come after
	// Constants; where a message has no such datum its element stays as it is without.
	Templates []Constant `yaml:"templates"`
	// Codes are the peer's response codes (DE39) that mean others than ours: theirs → ours, or → unknown.
	Codes map[string]string `yaml:"codes"`
}

// Constant is an element that has the same value in each message, or one by the same template.
type Constant struct {
	DE    int      `yaml:"de"`
	Value string   `yaml:"value"`
	MTI   []string `yaml:"mti"` // of the switch (1987); none: all financial requests and advices
}

// Values of Config.
const (
	on, off   = "on", "off"
	fixed     = "fixed"
	subfields = "subfields"
	omit      = "omit"
	full      = "full"
	short     = "short"
	// Unknown, as one of Config.Codes' values, makes an answer with a code one whose outcome nobody knows.
	Unknown = "unknown"
)

// owned are the elements that no constant may be: what an answer is known by, what a request is about, what names its
// original, and what is secret. owned93 are those of 1993 alone; DE48 is one as long as it has our tags.
var (
	owned   = []int{2, 3, 4, 7, 11, 32, 35, 36, 37, 39, 41, 45, 49, 52, 55, 64, 90, 95, 128}
	owned93 = []int{deTime, deAmounts93, deOriginal93}
)

// Compile makes the mapping for a peer that speaks a dialect; nil where there is nothing to do. Errors name the key.
func Compile(c Config, codec *spec.Codec) (*Mapping, error) {
	for _, one := range []struct {
		key, value string
		want       []string
	}{
		{"private", c.Private, []string{on, off}},
		{"acceptor", c.Acceptor, []string{fixed, subfields, omit}},
		{"original", c.Original, []string{full, short, omit}},
	} {
		if one.value != "" && !slices.Contains(one.want, one.value) {
			return nil, fmt.Errorf("%s: %q: expected one of %s", one.key, one.value, strings.Join(one.want, ", "))
		}
	}
	m := &Mapping{
		iso1993: codec.Version() == spec.ISO1993, noPrivate: c.Private == off,
		subfields: c.Acceptor == subfields, noAcceptor: c.Acceptor == omit,
		shortOriginal: c.Original == short, noOriginal: c.Original == omit,
	}
	fields := codec.Spec().Fields
	length := func(de int) int {
		if f := fields[de]; f != nil {
			return f.Spec().Length
		}
		return 0
	}
	m.longTime, m.longDate = length(12) == timeDigits, length(15) == dateDigits
	m.entry = length(22)
	for _, list := range []struct {
		key     string
		all     []Constant
		compile func(*Constant) (constant, error)
	}{
		{"constants", c.Constants, (*Constant).compile}, {"templates", c.Templates, (*Constant).compileTemplate},
	} {
		for i := range list.all {
			one, err := list.compile(&list.all[i])
			if err == nil {
				err = m.takes(&one, codec)
			}
			if err != nil {
				return nil, fmt.Errorf("%s[%d].%w", list.key, i, err)
			}
			m.constants = append(m.constants, one)
			m.templates = m.templates || one.pieces != nil
		}
	}
	for theirs, ours := range c.Codes {
		if want := length(39); want > 0 && len(theirs) != want {
			return nil, fmt.Errorf("codes: %q: expected a response code of %d characters, as DE39 has in this dialect",
				theirs, want)
		}
		if len(ours) != 2 && ours != Unknown {
			return nil, fmt.Errorf("codes: %s: %q: expected one of our response codes, of two characters, or %s", theirs, ours,
				Unknown)
		}
		if m.codes == nil {
			m.codes = map[string]string{}
		}
		m.codes[theirs] = ours
	}
	if m.nothing() {
		return nil, nil
	}
	return m, nil
}

// takes refuses an element that the mapping makes itself, or that the dialect has no room for.
func (m *Mapping) takes(one *constant, codec *spec.Codec) error {
	switch {
	case m.iso1993 && slices.Contains(owned93, one.de), !m.noPrivate && one.de == dePrivate:
		return notAConstant(one.de)
	case codec.Spec().Fields[one.de] == nil:
		return fmt.Errorf("de: %d: the dialect has no such element", one.de)
	}
	return one.fits(codec)
}

// nothing tells whether the mapping changes no message.
func (m *Mapping) nothing() bool {
	return !m.iso1993 && !m.noPrivate && !m.subfields && !m.noAcceptor && !m.shortOriginal && !m.noOriginal &&
		!m.longTime && !m.longDate && m.entry <= plainEntry && m.constants == nil && m.codes == nil
}

// constant is a Constant, ready to be set.
type constant struct {
	de     int
	value  string
	pieces []piece // of a template; nil: value stands there
	mtis   []string
}

func (c *Constant) compile() (constant, error) {
	switch {
	case c.DE < 2 || c.DE > spec.MaxDE:
		return constant{}, fmt.Errorf("de: %d: expected 2 to %d", c.DE, spec.MaxDE)
	case slices.Contains(owned, c.DE) && !mutant.On(mutant.ConstantTakesMoney):
		return constant{}, notAConstant(c.DE)
	case c.Value == "":
		return constant{}, fmt.Errorf("value: missing; expected that of DE%d", c.DE)
	}
	for _, mti := range c.MTI {
		if spec.MTIName(mti) == "" || mti[0] != '0' || (mti[2]-'0')%2 != 0 || mti[1] == '8' {
			return constant{}, fmt.Errorf("mti: %q: expected that of a financial request or advice of 1987, such as 0100", mti)
		}
	}
	return constant{de: c.DE, value: c.Value, mtis: c.MTI}, nil
}

func notAConstant(de int) error {
	return fmt.Errorf("de: %d: expected another one: the switch says what stands there", de)
}
