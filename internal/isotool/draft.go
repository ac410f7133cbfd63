package isotool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/spec"
)

// Draft is a message as a person writes it, and what is expected of its answer.
type Draft struct {
	Message spec.Message
	// Expect is what the answer must have; see ParseExpectation.
	Expect []Expectation
	// Wait is how long to wait for the answer; 0: as long as for all others.
	Wait time.Duration
	// Line is where it stands in its file, from 1; 0 if it does not stand in one.
	Line int
}

// Now is what the value now stands for: At in UTC, in as many digits as the dialect of Codec has in DE7, 12 and 13.
type Now struct {
	At    time.Time
	Codec *spec.Codec
}

// layouts are of time by the digits that an element of time may have.
var layouts = map[int]map[int]string{
	7:  {10: "0102150405"},
	12: {6: "150405", 10: "0102150405", 12: "060102150405", 14: "20060102150405"},
	13: {4: "0102", 6: "060102", 8: "20060102"},
}

func (n Now) value(de int) (string, error) {
	form, ok := n.Codec.Form(de)
	layout := layouts[de][form.Length]
	switch {
	case !ok:
		return "", fmt.Errorf("%d=now: dialect %s has no DE%d", de, n.Codec.Name(), de)
	case layout == "":
		return "", fmt.Errorf("%d=now: dialect %s has %d digits in DE%d: write them out", de, n.Codec.Name(), form.Length, de)
	case de == 13 && n.Codec.Version() == spec.ISO1993 && form.Length == len("0601"):
		layout = "0601" // a year and month there
	}
	return n.At.UTC().Format(layout), nil
}

// Set sets a field of a message as FIELD=VALUE does: the number of a DE, mti, or 48.TAG for a tag of the private data.
// The value now is the time for DE7, 12 and 13.
func Set(m *spec.Message, name, value string, now Now) error {
	if strings.EqualFold(name, "mti") || name == "0" {
		m.SetMTI(value)
		if len(m.MTIBytes()) == 0 {
			return fmt.Errorf("mti: want four digits, not %d characters", len(value))
		}
		return nil
	}
	number, tag, tagged := strings.Cut(name, ".")
	de, err := strconv.Atoi(number)
	if err != nil || de < 2 || de > spec.MaxDE || de == 65 || tagged && de != 48 {
		return fmt.Errorf("%q: want mti, the number of a DE from 2 to %d, or 48. and a tag", name, spec.MaxDE)
	}
	if tagged {
		if len(tag) != 2 || strings.Trim(tag, "0123456789") != "" || len(value) > 99 {
			return fmt.Errorf("%s: want a tag of two digits and at most 99 characters", name)
		}
		m.SetBytes(48, spec.AppendTLV(bytes.Clone(m.Bytes(48)), tag, value))
		return nil
	}
	if value == "now" && (de == 7 || de == 12 || de == 13) {
		if value, err = now.value(de); err != nil {
			return err
		}
	}
	m.Set(de, value)
	return nil
}

// ParseFields makes a message of FIELD=VALUE.
func ParseFields(m *spec.Message, fields []string, now Now) error {
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return fmt.Errorf("%q: want FIELD=VALUE, as in 11=000123", field)
		}
		if err := Set(m, name, value, now); err != nil {
			return err
		}
	}
	return nil
}

// maxDrafts bounds the messages of a file.
const maxDrafts = 100_000

// ParseJSON reads messages as JSON, one object after the other:
//
//	{"mti": "0800", "fields": {"7": "now", "11": "000123", "70": "301"}, "expect": ["39=00"], "wait": "5s"}
//
// fields may be a list of objects with de and value, as decode prints them. An error names the line.
func ParseJSON(data []byte, now Now) (drafts []*Draft, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	for {
		begin := decoder.InputOffset()
		begin += int64(len(data[begin:]) - len(bytes.TrimLeft(data[begin:], " \t\r\n")))
		line := 1 + bytes.Count(data[:begin], []byte("\n"))
		var parsed draftJSON
		switch err := decoder.Decode(&parsed); {
		case errors.Is(err, io.EOF) && len(drafts) > 0:
			return drafts, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("want a message as JSON, got nothing")
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", lineOf(data, begin, err), plain(err))
		case len(drafts) == maxDrafts:
			return nil, fmt.Errorf("line %d: want at most %d messages", line, maxDrafts)
		}
		d, err := parsed.draft(now)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		d.Line = line
		drafts = append(drafts, d)
	}
}

// lineOf is the line of what is wrong with the JSON that begins at an offset.
func lineOf(data []byte, begin int64, err error) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := begin
	switch {
	case errors.As(err, &syntax):
		at = max(syntax.Offset-1, begin) // it counts the byte that is wrong
	case errors.As(err, &kind):
		at += kind.Offset
	}
	return 1 + bytes.Count(data[:min(at, int64(len(data)))], []byte("\n"))
}

// plain says of JSON of another kind than is wanted what it is and where, without a name of the program's own.
func plain(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("want the rest of a message, the input ends")
	case !errors.As(err, &kind):
		return err
	case kind.Field == "" && kind.Type.Kind() == reflect.Struct:
		return fmt.Errorf(`want an object for each message, as in {"mti": "0800"}, not %s`, kind.Value)
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Int: "a number", reflect.Slice: "a list", reflect.Map: "an object",
	}[kind.Type.Kind()]
	if kind.Field != "" {
		return fmt.Errorf("%s: want %s, not %s", kind.Field, want, kind.Value)
	}
	return fmt.Errorf("want %s, not %s", want, kind.Value)
}

// draftJSON is a draft in JSON. What decode prints beside it is taken and not looked at.
type draftJSON struct {
	MTI    string          `json:"mti"`
	Fields json.RawMessage `json:"fields"`
	Expect []string        `json:"expect"`
	Wait   string          `json:"wait"`

	Offset   json.RawMessage `json:"offset"`
	Size     json.RawMessage `json:"size"`
	Header   json.RawMessage `json:"header"`
	Name     json.RawMessage `json:"name"`
	Warnings json.RawMessage `json:"warnings"`
}

func (p *draftJSON) draft(now Now) (*Draft, error) {
	d := new(Draft)
	if err := Set(&d.Message, "mti", p.MTI, now); err != nil {
		return nil, err
	}
	if err := p.fields(&d.Message, now); err != nil {
		return nil, err
	}
	for _, text := range p.Expect {
		e, err := ParseExpectation(text)
		if err != nil {
			return nil, fmt.Errorf("expect: %w", err)
		}
		d.Expect = append(d.Expect, e)
	}
	if p.Wait != "" {
		var err error
		if d.Wait, err = time.ParseDuration(p.Wait); err != nil || d.Wait <= 0 {
			return nil, fmt.Errorf("wait: want a time like 5s, not %q", p.Wait)
		}
	}
	return d, nil
}

func (p *draftJSON) fields(m *spec.Message, now Now) error {
	if len(p.Fields) == 0 {
		return nil
	}
	if p.Fields[0] == '[' {
		var list []struct {
			DE    int    `json:"de"`
			Value string `json:"value"`
		}
		if err := json.Unmarshal(p.Fields, &list); err != nil {
			return fmt.Errorf("fields: want a list of objects with de and value: %w", plain(err))
		}
		for _, f := range list {
			if err := Set(m, strconv.Itoa(f.DE), f.Value, now); err != nil {
				return fmt.Errorf("fields: %w", err)
			}
		}
		return nil
	}
	var byName map[string]string
	if err := json.Unmarshal(p.Fields, &byName); err != nil {
		return fmt.Errorf("fields: want an object of strings: %w", plain(err))
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := Set(m, name, byName[name], now); err != nil {
			return fmt.Errorf("fields: %w", err)
		}
	}
	return nil
}
