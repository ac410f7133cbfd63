package clearing

import "strconv"

// A Finding is one thing that is wrong or unusual in a file, and where. It never quotes a card number or a value that
// could be one.
type Finding struct {
	Record  int    `json:"record"`         // from 1, the header; 0 if it concerns the file as a whole
	Offset  int64  `json:"offset"`         // in the file, of the element if one is named, else of the record's length
	DE71    string `json:"de71,omitempty"` // the record's message number, where it could be read
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is one line: "record 3 (DE71 00000003) at byte 1052: DE31 acquirer reference: check digit is 4, 7 expected".
func (f Finding) String() string {
	s := "file"
	if f.Record > 0 {
		s = "record " + strconv.Itoa(f.Record)
	}
	if f.DE71 != "" {
		s += " (DE71 " + f.DE71 + ")"
	}
	s += " at byte " + strconv.FormatInt(f.Offset, 10) + ": "
	if f.Field != "" {
		s += f.Field + ": "
	}
	return s + f.Message
}

// A FormatError is a Finding that kept a file or a record from being read.
type FormatError struct {
	Finding
	Fatal bool // nothing after it can be found
}

func (e *FormatError) Error() string { return "clearing: " + e.Finding.String() }
