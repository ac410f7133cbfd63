package spec

import "fmt"

// FieldError says which field of a message is wrong and what was expected there. It never carries the value, so it may
// be logged.
type FieldError struct {
	// DE is the data element, 0 for the MTI, 1 for the bitmap and -1 for the message as a whole.
	DE int
	// Offset counts bytes from the start of the message (or of the TLV data, in errors about it) to what was refused; -1
	// when there are no bytes yet, in Pack.
	Offset int
	// Want is what was expected.
	Want string
	// Version is the edition that the DE's name is taken from; 0 for ISO 8583:1987.
	Version Version
}

// named says in an error of packing or unpacking which edition the codec's dialect speaks.
func (c *Codec) named(err error) error {
	if e, ok := err.(*FieldError); ok && c.version != ISO1987 {
		e.Version = c.version
	}
	return err
}

func (e *FieldError) Error() string {
	var where string
	switch e.DE {
	case -1:
		where = "message"
	case 0:
		where = "MTI"
	case 1:
		where = "bitmap"
	default:
		where = fmt.Sprintf("DE %d (%s)", e.DE, e.Version.FieldName(e.DE))
	}
	if e.Offset >= 0 {
		where += fmt.Sprintf(" at byte %d", e.Offset)
	}
	return where + ": want " + e.Want
}
