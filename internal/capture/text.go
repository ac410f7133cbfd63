package capture

import (
	"encoding/base64"
	"errors"
	"strings"
)

// readHex reads pairs of hex digits. Between them may stand white space, one of :-,; and 0x or \x in front of each.
func readHex(data []byte) ([]byte, error) {
	out := make([]byte, 0, len(data)/2)
	high := -1 // the offset of a first digit that waits for its second
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case isHex(c) && high >= 0:
			out = append(out, nibble(data[high])<<4|nibble(c))
			high = -1
		case (c == '0' || c == '\\') && high < 0 && i+1 < len(data) && data[i+1]|0x20 == 'x':
			i++
		case isHex(c):
			high = i
		case high >= 0:
			return nil, wrong(Hex, data, i, "a second hex digit")
		case !isSpace(c) && !strings.ContainsRune(":-,;", rune(c)):
			return nil, wrong(Hex, data, i, "a hex digit")
		}
	}
	switch {
	case high >= 0:
		return nil, wrong(Hex, data, len(data), "a second hex digit")
	case len(out) == 0:
		return nil, wrong(Hex, data, 0, "hex digits")
	}
	return out, nil
}

// readBase64 reads base64 of either alphabet, with or without its padding, white space aside.
func readBase64(data []byte) ([]byte, error) {
	var text strings.Builder
	at := make([]int, 0, len(data)) // where each character of text stands
	for i, c := range data {
		if isSpace(c) {
			continue
		}
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		text.WriteByte(c)
		at = append(at, i)
	}
	bare := strings.TrimRight(text.String(), "=")
	out, err := base64.RawStdEncoding.DecodeString(bare)
	var corrupt base64.CorruptInputError
	switch {
	case errors.As(err, &corrupt) && int(corrupt) < len(bare) && len(bare)%4 != 1:
		return nil, wrong(Base64, data, at[corrupt], "a character of base64")
	case err != nil:
		return nil, wrong(Base64, data, len(data), "groups of four characters of base64")
	case len(out) == 0:
		return nil, wrong(Base64, data, 0, "base64")
	}
	return out, nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// nibble is the value of a hex digit.
func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
