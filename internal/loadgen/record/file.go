package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"switchyard/internal/infile"
)

// maxFile bounds the file of a run that is read, in bytes.
const maxFile = 1 << 30

// Write writes a run as its file has it.
func (r *Run) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// ReadFile reads the file of a run.
func ReadFile(name string) (*Run, error) {
	f, err := infile.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// Read reads a run. What it does not know it refuses: a figure that is passed over could be the one that matters.
func Read(from io.Reader) (*Run, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("more than %d bytes", maxFile)
	}
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, lineOf(text, err)
	}
	switch {
	case head.Format == nil:
		return nil, errors.New("no record of a load run: expected a format, as run.json of switchctl load has it")
	case *head.Format != Format:
		return nil, fmt.Errorf("format: %d, expected %d; this switchctl is too old for it", *head.Format, Format)
	}
	r := new(Run)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, lineOf(text, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: more after the record", lineAt(text, dec.InputOffset()))
	}
	for i := range r.Setup.Targets {
		r.Setup.Targets[i].asToday()
	}
	return r, r.check()
}

// check refuses what no run has, so that nobody divides by it.
func (r *Run) check() error {
	switch {
	case r.Setup.Model != Open && r.Setup.Model != Closed:
		return fmt.Errorf("setup.model: %q, expected %s or %s", r.Setup.Model, Open, Closed)
	case r.Window < 0:
		return fmt.Errorf("window_ns: %d, expected 0 or more", r.Window)
	case r.Interval <= 0:
		return fmt.Errorf("interval_ns: %d, expected more than 0", r.Interval)
	}
	for i, iv := range r.Intervals {
		if len(iv.Outcomes) > len(r.Outcomes) {
			return fmt.Errorf("intervals[%d].outcomes: %d, expected at most the %d of outcomes", i, len(iv.Outcomes),
				len(r.Outcomes))
		}
	}
	return nil
}

// lineOf says in which line an error of JSON is, where it knows its place.
func lineOf(text []byte, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &mistyped):
		return fmt.Errorf("line %d: %w", lineAt(text, mistyped.Offset), err)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte{'\n'})
}
