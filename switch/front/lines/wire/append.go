package wire

import (
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(b, s[done:i]...)
			b = append(b, "\uFFFD"...)
		} else {
			b = append(b, s[done:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		done = i
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// name writes a member's name, in JSON with its colon (`"amount":`), behind a comma unless it is the object's first.
func name(b []byte, quoted string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, quoted...)
}

func member(b []byte, quoted, value string) []byte {
	return appendString(name(b, quoted), value)
}

// optional is member, left out where the value is empty.
func optional(b []byte, quoted, value string) []byte {
	if value == "" {
		return b
	}
	return member(b, quoted, value)
}

func memberInt(b []byte, quoted string, value int64) []byte {
	return strconv.AppendInt(name(b, quoted), value, 10)
}

func memberBool(b []byte, quoted string, value bool) []byte {
	return strconv.AppendBool(name(b, quoted), value)
}

// memberTime writes an RFC 3339 time in UTC with milliseconds; the zero time is left out.
func memberTime(b []byte, quoted string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(name(b, quoted), '"')
	b = appendPadded(b, year, 4)
	b = appendPadded(append(b, '-'), int(month), 2)
	b = appendPadded(append(b, '-'), day, 2)
	b = appendPadded(append(b, 'T'), hour, 2)
	b = appendPadded(append(b, ':'), minute, 2)
	b = appendPadded(append(b, ':'), second, 2)
	b = appendPadded(append(b, '.'), t.Nanosecond()/int(time.Millisecond), 3)
	return append(b, 'Z', '"')
}

// appendPadded writes n, which is not negative, with leading zeros to width digits.
func appendPadded(b []byte, n, width int) []byte {
	var digits [4]byte
	for i := width - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[:width]...)
}
