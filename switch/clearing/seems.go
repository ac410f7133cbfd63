package clearing

import (
	"bytes"
	"slices"
)

// seemsWindow is how much of a file's beginning is looked at to tell what it is.
const seemsWindow = 512

// seems says what a file in which no record begins is in fact, or "" where that does not show.
func seems(beginning []byte) string {
	beginning = beginning[:min(len(beginning), seemsWindow)]
	switch text := bytes.TrimLeft(beginning, "\xef\xbb\xbf \t\r\n"); {
	case bytes.HasPrefix(beginning, []byte{0x1f, 0x8b}):
		return "gzip: unpack it first"
	case bytes.HasPrefix(beginning, []byte("PK\x03\x04")):
		return "a ZIP archive: unpack it first"
	case bytes.HasPrefix(text, []byte("{")) && bytes.Contains(beginning, []byte(`"business_date"`)):
		return "the manifest of a clearing file, which stands beside it"
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return "JSON"
	case !slices.ContainsFunc(beginning, notText):
		return "text, such as CSV or hex"
	}
	return ""
}

// notText tells whether a byte stands in no text of any common encoding.
func notText(c byte) bool { return c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f }
