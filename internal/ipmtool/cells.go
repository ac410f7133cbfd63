package ipmtool

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"switchyard/switch/clearing"
)

// How values stand in a cell of CSV. A character that is not printable, and % itself, is % and its code in two
// hexadecimal digits; what is there and empty is %-. Where the first character would make a spreadsheet run the cell as
// a formula, and where it is ', a ' stands before it. Subelements are tag=value with | between them; DE55 is
// hexadecimal.
const (
	emptyCell = "%-"
	guard     = '\''
	formula   = "=+-@'" // tab and CR are never first: they are not printable
)

// appendCell appends the cell of a value.
func appendCell(b []byte, de int, value []byte) []byte {
	switch {
	case value == nil:
		return b
	case len(value) == 0:
		return append(b, emptyCell...)
	case de == chip:
		return hex.AppendEncode(b, value)
	}
	if subs, ok := clearing.SplitPDS(value); ok && clearing.CarriesPDS(de) {
		for i, sub := range subs {
			if i > 0 {
				b = append(b, '|')
			}
			b = fmt.Appendf(b, "%04d=", sub.Tag)
			b = appendEscaped(b, []byte(sub.Value), "%|")
		}
		return b
	}
	if strings.IndexByte(formula, value[0]) >= 0 {
		b = append(b, guard)
	}
	return appendEscaped(b, value, "%")
}

// appendEscaped appends ISO 8859-1 as UTF-8, with what is not printable and some characters by their codes.
func appendEscaped(b, value []byte, some string) []byte {
	for _, c := range value {
		switch {
		case c < ' ', c >= 0x7F && c < 0xA0, strings.IndexByte(some, c) >= 0:
			b = append(b, '%')
			b = hex.AppendEncode(b, []byte{c})
		case c >= 0x80:
			b = append(b, 0xC0|c>>6, 0x80|c&0x3F)
		default:
			b = append(b, c)
		}
	}
	return b
}

// parseCell is the inverse of appendCell.
func parseCell(de int, cell string) ([]byte, error) {
	switch {
	case cell == "":
		return nil, nil
	case cell == emptyCell:
		return []byte{}, nil
	case de == chip:
		b, err := hex.DecodeString(cell)
		if err != nil {
			return nil, errors.New("is not hexadecimal")
		}
		return b, nil
	case clearing.CarriesPDS(de):
		out := []byte{}
		for _, sub := range strings.Split(cell, "|") {
			name, text, ok := strings.Cut(sub, "=")
			tag, err := strconv.Atoi(name)
			if !ok || err != nil || tag < 0 || len(name) != 4 {
				return nil, fmt.Errorf("expected subelements such as 0148=9782, with | between them")
			}
			value, err := unescape(text)
			if err != nil {
				return nil, err
			}
			if len(value) > 992 {
				return nil, fmt.Errorf("PDS%04d is %d long, at most 992 expected", tag, len(value))
			}
			out = clearing.AppendPDS(out, clearing.PDS{Tag: tag, Value: string(value)})
		}
		return out, nil
	}
	if cell[0] == guard {
		cell = cell[1:]
	}
	return unescape(cell)
}

// unescape is the inverse of appendEscaped.
func unescape(text string) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out = append(out, text[i])
			continue
		}
		var c [1]byte
		if i+2 >= len(text) {
			return nil, errors.New("% is not followed by two hexadecimal digits")
		}
		if _, err := hex.Decode(c[:], []byte(text[i+1:i+3])); err != nil {
			return nil, errors.New("% is not followed by two hexadecimal digits")
		}
		if c[0] >= 0x80 { // as UTF-8, as the rest is
			out = append(out, 0xC0|c[0]>>6, 0x80|c[0]&0x3F)
		} else {
			out = append(out, c[0])
		}
		i += 2
	}
	return latin1(string(out))
}

// latin1 is a text in the characters that a clearing file has.
func latin1(text string) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xFF {
			return nil, fmt.Errorf("the character %U is none of those that a clearing file has", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}
