// Package paint colours what a program prints for people, once it is printed: rules find the words that somebody looks
// for, line by line, and what prints them knows nothing of colours. A line that no rule fits stays as it is.
package paint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Colour is one of the terminal's own, so that it fits what its person has chosen.
type Colour string

// The colours: of what is well, of what needs somebody, and of what is wrong.
const (
	Green  Colour = "\x1b[32m"
	Yellow Colour = "\x1b[33m"
	Red    Colour = "\x1b[31m"

	plain = "\x1b[39m" // ends one, and leaves all else as it is
)

// Of colours a text.
func (c Colour) Of(text string) string {
	if text == "" {
		return ""
	}
	return string(c) + text + plain
}

// Rule colours what its groups find in a line, the first as As[0] and so on.
type Rule struct {
	Find *regexp.Regexp
	As   []Colour
}

// Find makes a rule.
func Find(expression string, as ...Colour) Rule {
	r := Rule{Find: regexp.MustCompile(expression), As: as}
	if groups := r.Find.NumSubexp(); groups != len(as) {
		panic(fmt.Sprintf("%s: %d groups, %d colours", expression, groups, len(as)))
	}
	return r
}

// Rules are tried in turn: the first that fits a line colours it.
type Rules []Rule

// Line colours a line.
func (rs Rules) Line(line string) string {
	for _, r := range rs {
		at := r.Find.FindStringSubmatchIndex(line)
		if at == nil {
			continue
		}
		var painted strings.Builder
		done := 0
		for i, colour := range r.As {
			from, to := at[2*i+2], at[2*i+3]
			if from < done { // a group that found nothing
				continue
			}
			painted.WriteString(line[done:from] + colour.Of(line[from:to]))
			done = to
		}
		return painted.String() + line[done:]
	}
	return line
}

// Text colours each line of a text.
func (rs Rules) Text(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = rs.Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Through hands w to print, coloured by the rules line by line; without any, w itself. What print has written without
// an end of line reaches w when it returns.
func (rs Rules) Through(w io.Writer, print func(io.Writer) error) error {
	if len(rs) == 0 {
		return print(w)
	}
	lines := &writer{w: w, rules: rs}
	err := print(lines)
	_, last := io.WriteString(w, rs.Line(string(lines.begun)))
	return errors.Join(err, last)
}

// writer keeps a line until it is whole.
type writer struct {
	w     io.Writer
	rules Rules
	begun []byte
}

// Write implements io.Writer.
func (p *writer) Write(text []byte) (int, error) {
	p.begun = append(p.begun, text...)
	end := bytes.LastIndexByte(p.begun, '\n') + 1
	if end == 0 {
		return len(text), nil
	}
	whole := p.rules.Text(string(p.begun[:end]))
	p.begun = slices.Delete(p.begun, 0, end)
	if _, err := io.WriteString(p.w, whole); err != nil {
		return 0, err
	}
	return len(text), nil
}

// When says when there are colours: a flag's value.
type When string

// The values of When.
const (
	Auto   When = "auto" // on a terminal that has some, unless its person wants none
	Always When = "always"
	Never  When = "never"
)

// Whens are all of them.
func Whens() []string { return []string{string(Auto), string(Always), string(Never)} }

// String implements pflag.Value.
func (w *When) String() string { return string(*w) }

// Type implements pflag.Value.
func (w *When) Type() string { return "when" }

// Set implements pflag.Value.
func (w *When) Set(text string) error {
	if !slices.Contains(Whens(), text) {
		return fmt.Errorf("expected %s, %s or %s", Auto, Always, Never)
	}
	*w = When(text)
	return nil
}

// On tells whether there are colours on what is a terminal or not. Whoever wants none anywhere sets NO_COLOR to
// anything (no-color.org); a terminal that is dumb has none.
func (w When) On(terminal bool) bool {
	switch w {
	case Always:
		return true
	case Never:
		return false
	default:
		return terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
}
