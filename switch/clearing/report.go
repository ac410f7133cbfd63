package clearing

import (
	"fmt"
	"io"
	"strings"

	"switchyard/internal/words"
)

// A Report is what Verify found.
type Report struct {
	OK         bool     `json:"ok"`      // no errors; warnings do not count
	FileID     string   `json:"file_id"` // of the first file, where several stand one behind the other
	FurtherIDs []string `json:"further_file_ids,omitempty"`
	Mode       string   `json:"mode"` // PDS0122: P or T
	// TakesBack is PDS0026 of the header: the file takes an earlier one back. "" for one that does not.
	TakesBack  string    `json:"takes_back,omitempty"`
	CodePage   string    `json:"code_page"`
	Framing    Framing   `json:"framing"`
	Totals     Totals    `json:"totals"` // computed from the records, not read from the trailer
	ErrorCount int       `json:"error_count"`
	Errors     []Finding `json:"errors"`   // the first MaxFindings of them
	Warnings   []Finding `json:"warnings"` // at most MaxFindings
	Notes      []Finding `json:"notes"`    // what is no fault, but worth knowing; at most MaxFindings
}

// MaxFindings bounds what Verify keeps.
const MaxFindings = 1000 // errors, warnings and notes each; further errors are counted

// Err is nil if the file is right, else an error that names the first thing wrong and says how many more there are.
func (r *Report) Err() error {
	switch r.ErrorCount {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("clearing: %s", r.Errors[0])
	}
	return fmt.Errorf("clearing: %s (and %d more)", r.Errors[0], r.ErrorCount-1)
}

// WriteText prints the report for a person: a line a finding, then what the file adds up to.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Errors {
		fmt.Fprintf(&b, "error: %s\n", f)
	}
	if more := r.ErrorCount - len(r.Errors); more > 0 {
		fmt.Fprintf(&b, "error: and %d more\n", more)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", f)
	}
	for _, f := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", f)
	}
	ids := strings.Join(append([]string{orUnknown(r.FileID)}, r.FurtherIDs...), ", ")
	fmt.Fprintf(&b, "file %s, %s, %s, %s\n", ids, modeName(r.Mode), orUnknown(r.CodePage), r.Framing)
	writeTotals(&b, r.Totals)
	if r.OK {
		b.WriteString("ok\n")
	} else {
		fmt.Fprintf(&b, "NOT ok: %s\n", words.Count(r.ErrorCount, "error"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fail reports an error at the i-th byte of a record; with 0, which is the MTI, it concerns the record as a whole.
func (v *verifier) fail(r *Record, i int, field, message string) {
	v.err(findingAt(r, i, field, message))
}

// mild reports what others live with: an error only where a file is held to what we write.
func (v *verifier) mild(r *Record, i int, field, message string) {
	if v.strict {
		v.fail(r, i, field, message)
	} else {
		v.warn(r, i, field, message)
	}
}

func (v *verifier) warn(r *Record, i int, field, message string) {
	v.addWarning(findingAt(r, i, field, message))
}

func (v *verifier) addWarning(f Finding) {
	if len(v.report.Warnings) < MaxFindings {
		v.report.Warnings = append(v.report.Warnings, f)
	}
}

func (v *verifier) note(r *Record, i int, field, message string) {
	if len(v.report.Notes) < MaxFindings {
		v.report.Notes = append(v.report.Notes, findingAt(r, i, field, message))
	}
}

func findingAt(r *Record, i int, field, message string) Finding {
	f := r.fault(i, field, message).Finding
	if i == 0 {
		f.Offset = r.Offset
	}
	return f
}

func (v *verifier) err(f Finding) {
	v.report.ErrorCount++
	if len(v.report.Errors) < MaxFindings {
		v.report.Errors = append(v.report.Errors, f)
	}
}
