package ipmtool

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"switchyard/switch/clearing"
)

// A jsonlWriter writes messages as lines of JSON, behind a line that tells the file's form.
type jsonlWriter struct {
	w    *bufio.Writer
	line []byte
}

func newJSONLWriter(w io.Writer, form string) *jsonlWriter {
	j := &jsonlWriter{w: bufio.NewWriterSize(w, 64<<10)}
	j.line = fmt.Appendf(nil, `{"kind":"file","form":%q}`, form)
	return j
}

func (j *jsonlWriter) write(m *message) error {
	if err := j.flushLine(); err != nil {
		return err
	}
	j.line = strconv.AppendInt(append(j.line[:0], `{"kind":"record","record":`...), int64(m.number), 10)
	j.line = append(append(append(j.line, `,"mti":"`...), m.mti...), '"')
	for _, de := range allElements {
		value := m.values[de]
		if value == nil {
			continue
		}
		j.line = strconv.AppendInt(append(j.line, `,"DE`...), int64(de), 10)
		j.line = append(j.line, `":`...)
		subs, ok := clearing.SplitPDS(value)
		switch {
		case de == chip:
			j.line = append(hex.AppendEncode(append(j.line, '"'), value), '"')
		case clearing.CarriesPDS(de) && ok:
			j.line = append(j.line, '[')
			for i, sub := range subs {
				if i > 0 {
					j.line = append(j.line, ',')
				}
				j.line = fmt.Appendf(j.line, `{"tag":"%04d","value":`, sub.Tag)
				j.line = append(appendJSON(j.line, []byte(sub.Value)), '}')
			}
			j.line = append(j.line, ']')
		default:
			j.line = appendJSON(j.line, value)
		}
	}
	j.line = append(j.line, '}')
	return nil
}

func (j *jsonlWriter) flushLine() error {
	_, err := j.w.Write(append(j.line, '\n'))
	return err
}

func (j *jsonlWriter) end() error {
	if err := j.flushLine(); err != nil {
		return err
	}
	return j.w.Flush()
}

// appendJSON appends ISO 8859-1 as a string of JSON, with what is not printable by its code.
func appendJSON(b, value []byte) []byte {
	b = append(b, '"')
	for _, c := range value {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ', c >= 0x7F && c < 0xA0:
			b = fmt.Appendf(b, `\u%04x`, c)
		case c >= 0x80:
			b = append(b, 0xC0|c>>6, 0x80|c&0x3F)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// eachJSONL reads what a jsonlWriter wrote.
func (s *source) eachJSONL(r *bufio.Reader, take take) error {
	return eachLine(r, func(number int, line map[string]json.RawMessage, m *message) error {
		kind, err := jsonText(line["kind"])
		switch {
		case err != nil:
			return fmt.Errorf("kind: %w", err)
		case kind == "file":
			form, err := jsonText(line["form"])
			if err == nil {
				err = s.setForm(form, !s.hasForm || number == 1)
			}
			return err
		case kind != "record":
			return fmt.Errorf("kind %q: expected file or record", kind)
		}
		clear(m.values[:])
		for key, raw := range line {
			var err error
			switch key {
			case "kind", "record":
			case "mti":
				m.mti, err = jsonText(raw)
			default:
				var de int
				if de, err = elementNumber(key); err == nil {
					m.values[de], err = jsonValue(de, raw)
				}
			}
			if err != nil {
				return fmt.Errorf("%s: %w", shownText(key), err)
			}
		}
		m.number++
		return take(m)
	})
}

// eachLine reads lines of JSON objects; blank ones are passed over.
func eachLine(r *bufio.Reader, use func(number int, line map[string]json.RawMessage, m *message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxRow)
	var m message
	number := 0
	for lines.Scan() {
		number++
		text := bytes.TrimPrefix(lines.Bytes(), []byte(byteOrderMark))
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var line map[string]json.RawMessage
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := use(number, line, &m); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("line %d: it is longer than %d bytes", number+1, maxRow)
	}
	return err
}

func jsonText(raw json.RawMessage) (text string, err error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", errors.New("expected a string")
	}
	return text, json.Unmarshal(raw, &text)
}

// jsonValue is an element's value: a string, hexadecimal of DE55, or a list of subelements.
func jsonValue(de int, raw json.RawMessage) ([]byte, error) {
	if clearing.CarriesPDS(de) && len(raw) > 0 && raw[0] == '[' {
		var subs []struct{ Tag, Value string }
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&subs); err != nil {
			return nil, err
		}
		out := []byte{}
		for _, sub := range subs {
			tag, err := strconv.Atoi(sub.Tag)
			if err != nil || len(sub.Tag) != 4 || tag < 0 {
				return nil, fmt.Errorf("tag %q: expected four digits", sub.Tag)
			}
			value, err := latin1(sub.Value)
			if err == nil && len(value) > 992 {
				err = fmt.Errorf("it is %d long, at most 992 expected", len(value))
			}
			if err != nil {
				return nil, fmt.Errorf("PDS%s: %w", sub.Tag, err)
			}
			out = clearing.AppendPDS(out, clearing.PDS{Tag: tag, Value: string(value)})
		}
		return out, nil
	}
	text, err := jsonText(raw)
	if err != nil {
		return nil, err
	}
	if de == chip {
		value, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("is not hexadecimal")
		}
		return append([]byte{}, value...), nil
	}
	return latin1(text)
}
