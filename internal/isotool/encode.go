package isotool

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Outputs are the forms in which bytes are written.
var Outputs = []string{"hex", "binary", "base64", "c", "python", "dump"}

// Encode writes bytes in a form, as text with a line end but for binary.
func Encode(form string, data []byte) ([]byte, error) {
	if !slices.Contains(Outputs, form) {
		return nil, fmt.Errorf("output %q: want one of %s", form, strings.Join(Outputs, ", "))
	}
	var text string
	switch form {
	case "binary":
		return data, nil
	case "hex":
		text = hex.EncodeToString(data)
	case "base64":
		text = base64.StdEncoding.EncodeToString(data)
	case "dump":
		text = strings.TrimSuffix(hex.Dump(data), "\n")
	case "c":
		text = `"` + escaped(data, '"') + `"`
	case "python":
		text = "b'" + escaped(data, '\'') + "'"
	}
	return []byte(text + "\n"), nil
}

// escaped writes bytes for a literal. Behind an escape of a byte C would read hex digits on, so those are escaped, too.
func escaped(data []byte, quote byte) string {
	var b strings.Builder
	after := false
	for _, c := range data {
		digit := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
		if c < ' ' || c > '~' || c == quote || c == '\\' || c == '?' || after && digit {
			fmt.Fprintf(&b, `\x%02x`, c)
			after = true
			continue
		}
		b.WriteByte(c)
		after = false
	}
	return b.String()
}
