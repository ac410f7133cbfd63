package capture

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readDumps reads lines of an offset, bytes in hex and, mostly, a column of text. What stands in front of an offset, as
// loggers put there, is passed over, and so are lines without one. An offset of 0 begins another dump.
func readDumps(data []byte) ([]Stream, error) {
	var r dumps
	at := 0
	for line := range bytes.Lines(data) {
		if err := r.line(data, at, string(bytes.TrimRight(line, "\r\n"))); err != nil {
			return nil, err
		}
		at += len(line)
	}
	if err := r.end(data); err != nil {
		return nil, err
	}
	if len(r.streams) == 0 {
		return nil, wrong(Dump, data, 0, "a line that begins with the offset 0000 and bytes in hex")
	}
	for i := range r.streams {
		if len(r.streams) > 1 {
			r.streams[i].Name = "dump " + strconv.Itoa(i+1)
		}
	}
	return r.streams, nil
}

// dumps is a reader of dumps.
type dumps struct {
	last    *dumpLine
	repeats bool // a * stands behind last: lines like it are left out
	current []byte
	streams []Stream
}

// dumpLine is a line with an offset. Where its bytes end and its text begins is known once the next offset is.
type dumpLine struct {
	at     int // where the line begins in the file
	offset int
	text   string
	bytes  []byte // all that may be bytes
	ends   []int  // where each ends in text
}

// most and least are how long an offset may be, in hex digits.
const leastOffset, mostOffset = 4, 8

// line takes a line.
func (r *dumps) line(data []byte, at int, text string) error {
	if strings.TrimSpace(text) == "*" && r.last != nil {
		r.repeats = true
		return nil
	}
	for from := 0; from < len(text); {
		word := from + strings.IndexFunc(text[from:], func(c rune) bool { return c != ' ' && c != '\t' })
		if word < from {
			break
		}
		end := word
		for end < len(text) && text[end] != ' ' && text[end] != '\t' {
			end++
		}
		from = end
		offset, ok := readOffset(text[word:end])
		if !ok {
			continue
		}
		line := dumpLine{at: at, offset: offset, text: text}
		if line.scan(end); len(line.bytes) == 0 {
			continue
		}
		follows := r.last != nil && offset > r.last.offset && (r.repeats || offset-r.last.offset <= len(r.last.bytes))
		switch {
		case follows:
			if err := r.take(data, offset-r.last.offset); err != nil {
				return err
			}
		case offset == 0:
			if err := r.end(data); err != nil {
				return err
			}
		default:
			continue
		}
		r.last, r.repeats = &line, false
		return nil
	}
	return nil
}

// readOffset reads an offset: 4 to 8 hex digits, perhaps with 0x in front and a colon behind.
func readOffset(word string) (int, bool) {
	word = strings.TrimRight(strings.TrimPrefix(word, "0x"), ":|")
	if len(word) < leastOffset || len(word) > mostOffset {
		return 0, false
	}
	n, err := strconv.ParseUint(word, 16, 31)
	return int(n), err == nil
}

// scan takes what may be bytes from a place of the line on.
func (l *dumpLine) scan(at int) {
	for at < len(l.text) {
		switch c := l.text[at]; {
		case c == ' ' || c == '\t' || len(l.bytes) == 0 && c == '|' || len(l.bytes) == 8 && c == '-':
			at++
		case isHex(c) && at+1 < len(l.text) && isHex(l.text[at+1]):
			l.bytes = append(l.bytes, nibble(c)<<4|nibble(l.text[at+1]))
			at += 2
			l.ends = append(l.ends, at)
		default:
			return
		}
	}
}

// take takes the last line's bytes, of which there are n as the next offset says.
func (r *dumps) take(data []byte, n int) error {
	b := r.last.bytes
	if n <= len(b) {
		r.current = append(r.current, b[:n]...)
		return nil
	}
	full := r.last.full()
	const most = 1 << 20
	if !r.repeats || n%full != 0 || n > most {
		return wrong(Dump, data, r.last.at, "%d bytes, as the next offset says, not %d", n, len(b))
	}
	for range n / full {
		r.current = append(r.current, b[:full]...)
	}
	return nil
}

// end takes the last line of a dump, whose end no offset tells.
func (r *dumps) end(data []byte) error {
	if r.last == nil {
		return nil
	}
	if r.repeats {
		return wrong(Dump, data, r.last.at, "an offset behind the *")
	}
	r.current = append(r.current, r.last.bytes[:r.last.full()]...)
	r.streams = append(r.streams, Stream{Data: r.current})
	r.last, r.current = nil, nil
	return nil
}

// full is how many of a line's bytes are bytes and no text that looks like hex, where the next offset does not tell: as
// many as the text beside them shows, or those up to where the line ends or leaves more room than between two of them.
func (l *dumpLine) full() int {
	for n := len(l.bytes); n > 0; n-- {
		if rest := l.text[l.ends[n-1]:]; apart(rest) && shows(rest, l.bytes[:n]) {
			return n
		}
	}
	if strings.TrimSpace(l.text[l.ends[len(l.ends)-1]:]) == "" {
		return len(l.bytes)
	}
	for n := 1; n < len(l.bytes); n++ {
		if n%8 != 0 && apart(l.text[l.ends[n-1]:]) {
			return n
		}
	}
	return len(l.bytes)
}

// apart tells whether what stands behind a byte may be a column of text.
func apart(rest string) bool {
	return strings.HasPrefix(rest, "  ") || strings.HasPrefix(rest, "\t") || strings.HasPrefix(rest, " |") ||
		strings.HasPrefix(rest, "|")
}

// shows tells whether a column of text shows just these bytes: printable ones as they are, others by anything.
func shows(column string, data []byte) bool {
	for {
		if showsHere(column, data) {
			return true
		}
		if column == "" || !strings.ContainsRune(" \t|>", rune(column[0])) {
			return false
		}
		column = column[1:] // a byte that is shown as a space looks like the room in front of the column
	}
}

func showsHere(column string, data []byte) bool {
	for i, b := range data {
		if column == "" {
			return i > 0 && len(bytes.TrimRight(data[i:], " ")) == 0 // the spaces at a line's end were lost
		}
		c, size := utf8.DecodeRuneInString(column)
		if b > ' ' && b <= '~' && c != rune(b) {
			return false
		}
		column = column[size:]
	}
	return strings.Trim(column, " \t|<") == ""
}
