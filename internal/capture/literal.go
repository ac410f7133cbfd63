package capture

import (
	"bytes"
	"strconv"
)

// readLiterals reads string literals, with what stands side by side joined, and arrays of numbers. Each statement or
// list is a stream of its own.
func readLiterals(data []byte) ([]Stream, error) {
	r := literals{data: data}
	for r.at < len(data) {
		if err := r.next(); err != nil {
			return nil, err
		}
	}
	r.end()
	if len(r.streams) == 0 {
		return nil, wrong(Literal, data, 0, "a string or an array of bytes")
	}
	for i := range r.streams {
		if len(r.streams) > 1 {
			r.streams[i].Name = "literal " + strconv.Itoa(i+1)
		}
	}
	return r.streams, nil
}

// literals is a reader of literals.
type literals struct {
	data    []byte
	at      int
	current []byte
	started bool
	hex     bool // fromhex stood in front
	word    []byte
	streams []Stream
}

func (r *literals) end() {
	if r.started {
		r.streams = append(r.streams, Stream{Data: r.current})
	}
	r.current, r.started, r.hex = nil, false, false
}

// next takes what stands next: a string, an array, a comment or what belongs to neither.
func (r *literals) next() error {
	rest := r.data[r.at:]
	c := rest[0]
	switch {
	case bytes.HasPrefix(rest, []byte("//")) || c == '#':
		r.skip(bytes.IndexByte(rest, '\n'))
	case bytes.HasPrefix(rest, []byte("/*")):
		n := bytes.Index(rest, []byte("*/"))
		if n < 0 {
			return wrong(Literal, r.data, r.at, "the end of a comment")
		}
		r.skip(n + 1)
	case c == '"' || c == '\'':
		return r.text(c)
	case c == '{' || c == '[':
		return r.array(c + 2) // } and ] are two behind
	case isSpace(c) || c == '+' || c == '\\' || c == '(' || c == ')':
		r.at++
	case isWord(c):
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		// b"..." and r"..." go on with the string; any other word begins something new.
		r.word = rest[:n]
		if prefix := n == 1 && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''); !prefix {
			r.end()
			r.hex = bytes.Contains(r.word, []byte("fromhex"))
		}
		r.at += n
	default:
		hex := r.hex
		r.end()
		r.hex = hex && c == '.'
		r.at++
	}
	return nil
}

// skip goes to behind the n-th byte from here, or to the end.
func (r *literals) skip(n int) {
	if n < 0 {
		r.at = len(r.data)
		return
	}
	r.at += n + 1
}

// escapes are those of one letter.
var escapes = map[byte]byte{
	'a': 7, 'b': 8, 'e': 27, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11, '\\': '\\', '\'': '\'', '"': '"', '?': '?',
}

// text takes a string.
func (r *literals) text(quote byte) error {
	begin := r.at
	var out []byte
	for r.at++; ; r.at++ {
		if r.at >= len(r.data) || r.data[r.at] == '\n' {
			return wrong(Literal, r.data, begin, "a string that ends on its line")
		}
		c := r.data[r.at]
		if c == quote {
			break
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		b, err := r.escape()
		if err != nil {
			return err
		}
		out = append(out, b)
	}
	r.at++
	if r.hex {
		decoded, err := readHex(out)
		if err != nil {
			return wrong(Literal, r.data, begin, "hex digits in the string")
		}
		out = decoded
	}
	r.current, r.started = append(r.current, out...), true
	return nil
}

// escape takes an escape and leaves at on its last byte.
func (r *literals) escape() (byte, error) {
	begin := r.at
	rest := r.data[r.at+1:]
	if len(rest) == 0 {
		return 0, wrong(Literal, r.data, begin, "an escape")
	}
	size, base := 0, 8
	switch c := rest[0]; {
	case c == 'x':
		rest, base = rest[1:], 16
		r.at++
		for size < 2 && size < len(rest) && isHex(rest[size]) {
			size++
		}
	case c >= '0' && c <= '7':
		for size < 3 && size < len(rest) && rest[size] >= '0' && rest[size] <= '7' {
			size++
		}
	default:
		b, ok := escapes[c]
		if !ok {
			return 0, wrong(Literal, r.data, begin, "an escape of C or Python")
		}
		r.at++
		return b, nil
	}
	n, err := strconv.ParseUint(string(rest[:size]), base, 8)
	if err != nil {
		return 0, wrong(Literal, r.data, begin, "the escape of a byte")
	}
	r.at += size
	return byte(n), nil
}

// array takes numbers up to the closing bracket.
func (r *literals) array(closing byte) error {
	begin := r.at
	r.end()
	var out []byte
	for r.at++; ; {
		if r.at >= len(r.data) {
			return wrong(Literal, r.data, begin, "an array that ends")
		}
		rest := r.data[r.at:]
		switch c := rest[0]; {
		case c == closing:
			r.at++
			if len(out) > 0 { // [] in front of a Go array's braces, or of a name in C
				r.current, r.started = out, true
				r.end()
			}
			return nil
		case isSpace(c) || c == ',':
			r.at++
		case bytes.HasPrefix(rest, []byte("(byte)")):
			r.at += len("(byte)")
		case len(rest) > 2 && c == '\'' && rest[2] == '\'':
			out = append(out, rest[1])
			r.at += 3
		default:
			n := 0
			for n < len(rest) && (isWord(rest[n]) || n == 0 && rest[n] == '-') {
				n++
			}
			v, err := strconv.ParseInt(string(rest[:n]), 0, 16)
			if err != nil || v < -128 || v > 255 {
				return wrong(Literal, r.data, r.at, "a byte: -128 to 255, or 0x00 to 0xff")
			}
			out = append(out, byte(v))
			r.at += n
		}
	}
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
