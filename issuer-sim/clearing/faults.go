package clearing

import (
	"fmt"

	"switchyard/issuer-sim/book"
	"switchyard/switch/clearing"
)

// A fault is why a record, or a file, is refused: what PDS0005 says of it, and in words.
type fault struct {
	element string // D and four digits of a DE, P and those of a PDS; D0000 for the whole
	code    string
	words   string
}

// Codes of PDS0005. That of a wrong sum is the published one, the others are this clearing system's own.
const (
	codeByRule    = "0001"
	codeMissing   = "0101"
	codeFormat    = "0102"
	codeKind      = "0103"
	codeDuplicate = "0201"
	codeNoCard    = "0301"
	codeMismatch  = "0302"
	codeUndone    = "0303"
	codeUnknown   = "0304"
	codeDispute   = "0401"
	codeOver      = "0402"
	codeDisputed  = "0403"
	codeConvert   = "0404"
	codeFraming   = "0501"
	codeEnds      = "0502"
	codeNumber    = "0503"
	codeCount     = "0504"
	codeMember    = "0505"
	codeMode      = "0506"
	codeSeen      = "0507"
	codeType      = "0508"
	codeTakesBack = "0510"
	codeSum       = "0519"
)

// Severities of PDS0005.
const (
	severityRecord = "05"
	severityFile   = "09"
)

// ofSettlement is why the books do not take a presentment.
var ofSettlement = map[book.Settlement]struct{ element, code string }{
	book.SettledMismatch:   {"D0004", codeMismatch},
	book.SettledUndone:     {"D0031", codeUndone},
	book.SettledUnknown:    {"D0031", codeUnknown},
	book.SettledDuplicate:  {"D0031", codeDuplicate},
	book.SettledUndisputed: {"D0031", codeDispute},
	book.SettledOver:       {"D0004", codeOver},
	book.SettledDisputed:   {"D0031", codeDisputed},
	book.SettledNoCard:     {"D0002", codeNoCard},
}

func settlementFault(did book.Settlement) *fault {
	of := ofSettlement[did]
	return &fault{of.element, of.code, did.Reason()}
}

// findingFault is what a finding of the format says.
func findingFault(code string, f *clearing.Finding) *fault {
	words := f.Message
	if f.Field != "" {
		words = f.Field + ": " + words
	}
	return &fault{elementOf(f.Element()), code, words}
}

// elementOf is how PDS0005 names an element.
func elementOf(de, pds int) string {
	if pds != 0 {
		return fmt.Sprintf("P%04d", pds)
	}
	return fmt.Sprintf("D%04d", de)
}

// entry is the fault as PDS0005 has it: element 5, severity 2, code 4, subfield 3.
func (f *fault) entry(severity string) string { return f.element + severity + f.code + "000" }

// A RefusedError is a file that is refused as a whole. Nothing of it was done.
type RefusedError struct {
	FileID   string // where it could be read
	Element  string // as PDS0005 names it
	Code     string // of PDS0005
	Words    string
	Findings []clearing.Finding // what the format says
	Answer   string             // the id of the file that answers it; empty for none
	Taken    bool               // it was seen before
	cut      bool               // it ends too early: more of it may come
	mode     string
	page     clearing.CodePage
	framing  clearing.Framing
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.FileID == "" {
		return e.Words
	}
	return "file " + e.FileID + ": " + e.Words
}

// fault is what the answer says.
func (e *RefusedError) fault() *fault {
	words := e.Words
	if len(e.Findings) > 0 {
		words = e.Findings[0].String()
	}
	return &fault{e.Element, e.Code, words}
}
