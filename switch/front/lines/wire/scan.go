package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a line; the protocol's own objects need two levels, an answer's lists three.
const maxDepth = 16

// scanner walks one JSON text. After the first byte that breaks the grammar, wanted says what stood missing at i, and
// every further step is refused, so callers may check once at the end.
type scanner struct {
	text   string
	i      int
	wanted string
}

func (x *scanner) broken() bool { return x.wanted != "" }

// fail notes the first break of the grammar.
func (x *scanner) fail(wanted string) {
	if x.wanted == "" {
		x.wanted = wanted
	}
}

// where describes the break for a person, without quoting the text.
func (x *scanner) where() string {
	return "byte " + strconv.Itoa(x.i+1) + ": expected " + x.wanted
}

// peek skips white space and returns the next byte, or 0 at the end or after a break.
func (x *scanner) peek() byte {
	if x.broken() {
		return 0
	}
	for ; x.i < len(x.text); x.i++ {
		switch c := x.text[x.i]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// open steps over one expected byte.
func (x *scanner) open(c byte, wanted string) bool {
	if x.peek() != c {
		x.fail(wanted)
		return false
	}
	x.i++
	return true
}

// end holds that nothing but white space is left.
func (x *scanner) end() {
	if x.peek(); x.i < len(x.text) {
		x.fail("nothing after the object")
	}
}

// member steps to the next member's value and returns its name; false after the last one or a break. The caller has
// stepped over the brace and must step over each value.
func (x *scanner) member(first bool) (name string, ok bool) {
	c := x.peek()
	if c == '}' {
		x.i++
		return "", false
	}
	if !first {
		if c != ',' {
			x.fail("a comma or }")
			return "", false
		}
		x.i++
		c = x.peek()
	}
	if c != '"' {
		x.fail("a field name in double quotes")
		return "", false
	}
	name = x.str()
	return name, x.open(':', "a colon")
}

// element steps to the next element of an array; false after the last one or a break.
func (x *scanner) element(first bool) bool {
	c := x.peek()
	if c == ']' {
		x.i++
		return false
	}
	if !first {
		if c != ',' {
			x.fail("a comma or ]")
			return false
		}
		x.i++
		if x.peek() == ']' {
			x.fail("a value")
			return false
		}
	}
	return !x.broken()
}

// plain are the bytes that stand for themselves in a string: printable ASCII and DEL, but the quote and the backslash.
var plain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// str reads the string that begins at i. Without escapes it is a piece of the text.
func (x *scanner) str() string {
	text, start := x.text, x.i+1
	j := start
	for j < len(text) && plain[text[j]] {
		j++
	}
	if j < len(text) && text[j] == '"' {
		x.i = j + 1
		return text[start:j]
	}
	return x.longStr(start, j)
}

// longStr goes on with str at the first byte that is not plain. The value is copied only where an escape changes it.
func (x *scanner) longStr(start, j int) string {
	var out []byte
	copied := start // the text before it stands in out
	for j < len(x.text) {
		switch c := x.text[j]; {
		case c == '"':
			x.i = j + 1
			if out == nil {
				return x.text[start:j]
			}
			return string(append(out, x.text[copied:j]...))
		case c == '\\':
			out = append(out, x.text[copied:j]...)
			r, n := unescape(x.text[j:])
			if n == 0 {
				x.i = j
				x.fail("a valid escape")
				return ""
			}
			out = utf8.AppendRune(out, r)
			j += n
			copied = j
		case c < ' ':
			x.i = j
			x.fail("no control character in a string")
			return ""
		case c < utf8.RuneSelf:
			j++
		default:
			r, n := utf8.DecodeRuneInString(x.text[j:])
			if r == utf8.RuneError && n == 1 {
				x.i = j
				x.fail("valid UTF-8")
				return ""
			}
			j += n
		}
	}
	x.i = len(x.text)
	x.fail("the end of a string")
	return ""
}

// unescape reads the escape at the beginning of s; length 0 says that it is none. Half a surrogate pair becomes U+FFFD.
func unescape(s string) (r rune, length int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(s)
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if low, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

// hex4 reads \uXXXX at the beginning of s.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// word steps over true, false or null.
func (x *scanner) word(w string) {
	if len(x.text)-x.i < len(w) || x.text[x.i:x.i+len(w)] != w {
		x.fail("a value")
		return
	}
	x.i += len(w)
}

// number steps over a number and returns its text; integer says that it has neither fraction nor exponent.
func (x *scanner) number() (text string, integer bool) {
	start := x.i
	if x.text[x.i] == '-' {
		x.i++
	}
	if x.i < len(x.text) && x.text[x.i] == '0' {
		x.i++
	} else if !x.digits() {
		return "", false
	}
	integer = true
	if x.i < len(x.text) && x.text[x.i] == '.' {
		x.i++
		integer = false
		if !x.digits() {
			return "", false
		}
	}
	if x.i < len(x.text) && (x.text[x.i] == 'e' || x.text[x.i] == 'E') {
		x.i++
		integer = false
		if x.i < len(x.text) && (x.text[x.i] == '+' || x.text[x.i] == '-') {
			x.i++
		}
		if !x.digits() {
			return "", false
		}
	}
	return x.text[start:x.i], integer
}

// digits steps over one or more digits.
func (x *scanner) digits() bool {
	start := x.i
	for x.i < len(x.text) && x.text[x.i] >= '0' && x.text[x.i] <= '9' {
		x.i++
	}
	if x.i == start {
		x.fail("a digit")
		return false
	}
	return true
}

// skip steps over one value of any kind that stands within depth objects and arrays.
func (x *scanner) skip(depth int) {
	switch c := x.peek(); {
	case (c == '{' || c == '[') && depth == maxDepth:
		x.fail("at most " + strconv.Itoa(maxDepth) + " levels of nesting")
	case c == '"':
		x.str()
	case c == '-' || ('0' <= c && c <= '9'):
		x.number()
	case c == 't':
		x.word("true")
	case c == 'f':
		x.word("false")
	case c == 'n':
		x.word("null")
	case c == '{':
		x.i++
		for first := true; ; first = false {
			if _, ok := x.member(first); !ok {
				return
			}
			x.skip(depth + 1)
		}
	case c == '[':
		x.i++
		for first := true; x.element(first); first = false {
			x.skip(depth + 1)
		}
	default:
		x.fail("a value")
	}
}
