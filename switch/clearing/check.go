package clearing

import (
	"strconv"
	"strings"
)

// Check returns what is wrong with one record by itself, held to what we write: elements that its kind of message must
// have, and the format of each. Its number, its sum and its file are Verify's. It is for a record that Reader.Next
// returned without an error; nil if nothing is wrong.
func (r *Record) Check() []Finding {
	v := verifier{strict: true}
	v.mandatory(r, messageKind{r.MTI, r.FunctionCode()})
	v.values(r)
	return v.report.Errors
}

// Element takes a finding's DE, or its PDS, out of the name by which findings call it; both are 0 where it concerns the
// record as a whole.
func (f Finding) Element() (de, pds int) {
	name, _, _ := strings.Cut(f.Field, " ")
	if digits, ok := strings.CutPrefix(name, "PDS"); ok {
		pds, _ = strconv.Atoi(digits)
	} else if digits, ok := strings.CutPrefix(name, "DE"); ok {
		de, _ = strconv.Atoi(digits)
	}
	return de, pds
}
