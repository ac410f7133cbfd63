package capture

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Form is how bytes are written.
type Form string

// The forms.
const (
	Raw     Form = "binary"  // the bytes themselves
	Hex     Form = "hex"     // pairs of hex digits, with white space, colons, commas or 0x between them
	Base64  Form = "base64"  // of either alphabet
	Literal Form = "literal" // strings or arrays of C, Go, Java or Python
	Dump    Form = "dump"    // lines of an offset, hex and perhaps text
	Pcap    Form = "pcap"    // pcap or pcapng
)

// Forms are all forms.
var Forms = []Form{Raw, Hex, Base64, Literal, Dump, Pcap}

// Stream is bytes that belong together: one direction of a TCP stream, a dump, a literal, or all of a file.
type Stream struct {
	// Name says which; empty where there is only one.
	Name string
	Data []byte
	// Lost is how many bytes are missing in front of Data: packets that were not captured; -1 where nobody can say.
	Lost int

	moments []moment // of a pcap file: when the bytes from an offset on were captured, in the order of their offsets
}

type moment struct {
	from int
	at   time.Time
}

// At is when the byte at an offset was captured; false where the form does not tell.
func (s *Stream) At(offset int) (time.Time, bool) {
	i, there := slices.BinarySearchFunc(s.moments, offset, func(m moment, offset int) int { return m.from - offset })
	if !there {
		i--
	}
	if i < 0 || s.moments[i].at.IsZero() {
		return time.Time{}, false
	}
	return s.moments[i].at, true
}

// MaxInput bounds what is read, in bytes.
const MaxInput = 64 << 20

// Way is a form that a file may be in, and its streams in it.
type Way struct {
	Form    Form
	Streams []Stream
}

// Error says what is wrong with a file in a form.
type Error struct {
	Form   Form
	Line   int // from 1; 0 in forms without lines
	Column int // from 1
	Offset int // in bytes from the beginning of the file, in forms without lines
	Want   string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d, column %d: want %s", e.Line, e.Column, e.Want)
	}
	return fmt.Sprintf("byte %d: want %s", e.Offset, e.Want)
}

// Ways returns the forms that data may be in, at least one, the likeliest last. What is a pcap file is nothing else.
func Ways(data []byte) (ways []Way, err error) {
	if IsPcap(data) {
		streams, err := As(Pcap, data)
		return []Way{{Pcap, streams}}, err
	}
	ways = []Way{{Raw, []Stream{{Data: data}}}}
	// The line end of a text file is no part of a message, but a binary one may end in the same byte.
	if text := bytes.TrimRight(data, "\r\n"); len(text) < len(data) {
		ways = append(ways, Way{Raw, []Stream{{Data: text}}})
	}
	if !isText(data) {
		return ways, nil
	}
	for _, form := range []Form{Base64, Hex, Literal, Dump} {
		if streams, err := As(form, data); err == nil {
			ways = append(ways, Way{form, streams})
		}
	}
	return ways, nil
}

// As takes data for one form. An error is an *Error.
func As(form Form, data []byte) ([]Stream, error) {
	switch form {
	case Hex:
		return one(readHex(data))
	case Base64:
		return one(readBase64(data))
	case Literal:
		return readLiterals(data)
	case Dump:
		return readDumps(data)
	case Pcap:
		return readPcap(data)
	default:
		return one(data, nil)
	}
}

func one(data []byte, err error) ([]Stream, error) {
	if err != nil {
		return nil, err
	}
	return []Stream{{Data: data}}, nil
}

// isText tells whether data is text, as all forms but the bytes themselves and pcap are.
func isText(data []byte) bool {
	for _, c := range data {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
			return false
		}
	}
	return true
}

// place is the line and column of an offset, both from 1.
func place(data []byte, offset int) (line, column int) {
	before := data[:min(offset, len(data))]
	return 1 + bytes.Count(before, []byte("\n")), offset - bytes.LastIndexByte(before, '\n')
}

// wrong makes an error of a place in a text.
func wrong(form Form, data []byte, offset int, format string, args ...any) error {
	line, column := place(data, offset)
	return &Error{Form: form, Line: line, Column: column, Want: fmt.Sprintf(format, args...)}
}
