package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Form is how a dialect writes a DE, in the words of a spec file.
type Form struct {
	Type   string // as String or Hex
	Length int    // fixed, or the most that its prefix may say
	Enc    string
	Prefix string
	Pad    string // as "Right ' '", empty without padding
	Format string // of its description, as n..19; empty without one
}

// Form returns how the dialect writes a DE, 0 for the MTI and 1 for the bitmap; false where it does not define it.
func (c *Codec) Form(de int) (Form, bool) {
	f := c.spec.Fields[de]
	if f == nil {
		return Form{}, false
	}
	s := f.Spec()
	form := Form{Type: typeName(f), Length: s.Length, Enc: encodingName(s.Enc), Prefix: prefixName(s.Pref)}
	if at := formatAtEnd.FindStringIndex(s.Description); at != nil {
		form.Format = s.Description[at[0]+1 : at[1]-1]
	}
	switch l := &c.fields[de]; l.pad {
	case padNone:
	case padLeft:
		form.Pad = fmt.Sprintf("Left %q", l.padder)
	case padRight:
		form.Pad = fmt.Sprintf("Right %q", l.padder)
	}
	return form, true
}

// characters are the encodings that write nothing but characters.
var characters = []string{"ASCII", "HexToASCII", "EBCDIC", "EBCDIC1047"}

// Binary finds the first field, 0 for the MTI and 1 for the bitmap, whose value or length may have any byte in a
// message; false where the dialect writes characters only.
func (c *Codec) Binary() (de int, ok bool) {
	for de := range MaxDE + 1 {
		f, defined := c.Form(de)
		if !defined {
			continue
		}
		digits := strings.HasPrefix(f.Prefix, "BCD.") || strings.HasPrefix(f.Prefix, "Binary.")
		if !slices.Contains(characters, f.Enc) || digits && !strings.HasSuffix(f.Prefix, ".Fixed") {
			return de, true
		}
	}
	return 0, false
}
