package isotool

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"switchyard/spec"
)

// Expectation is what an answer must have.
type Expectation struct {
	text    string
	de      int // 0: MTI
	tag     string
	absent  bool
	present bool
	value   string
	pattern *regexp.Regexp
}

// ParseExpectation reads one: 39=00, 39=00|10, mti=0810, 38 (it is there), !55 (it is not), 43~BERLIN (a regular
// expression that matches some of it), 48.16=M (a tag of the private data).
func ParseExpectation(text string) (e Expectation, err error) {
	e.text = text
	name := text
	switch i := strings.IndexAny(text, "=~"); {
	case strings.HasPrefix(text, "!"):
		name, e.absent = text[1:], true
	case i < 0:
		e.present = true
	case text[i] == '=':
		name, e.value = text[:i], text[i+1:]
	default:
		name = text[:i]
		if e.pattern, err = regexp.Compile(text[i+1:]); err != nil {
			return e, fmt.Errorf("%q: %w", text, err)
		}
	}
	if strings.EqualFold(name, "mti") {
		return e, nil
	}
	number, tag, tagged := strings.Cut(name, ".")
	e.tag = tag
	e.de, err = strconv.Atoi(number)
	if err != nil || e.de < 0 || e.de == 1 || e.de > spec.MaxDE || tagged && (e.de != 48 || len(tag) != 2) {
		return e, fmt.Errorf("%q: want mti, a DE or 48.TAG, alone, behind a !, or with =VALUE or ~REGEXP", text)
	}
	return e, nil
}

// Check tells what of the expectation an answer does not meet, "" if it does. Values are masked.
func (e Expectation) Check(m *spec.Message) string {
	value, there := m.MTIBytes(), true
	if e.de > 0 {
		value, there = m.Bytes(e.de), m.Has(e.de)
	}
	if e.tag != "" {
		value, there = spec.FindTLV(value, e.tag)
	}
	met := false
	switch {
	case e.absent:
		met = !there
	case e.present:
		met = there
	case e.pattern != nil:
		met = there && e.pattern.Match(value)
	default:
		for one := range strings.SplitSeq(e.value, "|") {
			met = met || there && one == string(value)
		}
	}
	if met {
		return ""
	}
	got := "is not there"
	switch {
	case there && e.tag != "":
		got = "is another"
	case there && e.de == 0:
		got = "is " + string(value)
	case there:
		got = "is " + spec.VersionOf(m.MTI()).Shown(e.de, value, false)
	}
	return fmt.Sprintf("expected %s, which %s", e.text, got)
}
