package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/outfile"
)

// Format is a way of showing a run.
type Format func(io.Writer, *record.Run) error

// Summary writes the object of --json.
func Summary(w io.Writer, r *record.Run) error { return json.NewEncoder(w).Encode(r.Summarize()) }

// Record writes the run itself, of which all reports can be made again.
func Record(w io.Writer, r *record.Run) error { return r.Write(w) }

// Files are those of a folder of reports, in the order in which they are written: what the others can be made of comes
// first.
var Files = []struct {
	Name   string
	Format Format
}{
	{"run.json", Record},
	{"report.txt", Text},
	{"summary.json", Summary},
	{"latency.hlog", HLog},
	{"seconds.csv", CSV},
	{"report.html", HTML},
}

// WriteAll writes all files of a folder, which is made where it is not there. A file that cannot be written keeps none
// of the others from being written; each such is an error, and what there is of it stays.
func WriteAll(dir string, r *record.Run) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var faults []error
	for _, f := range Files {
		faults = append(faults, write(filepath.Join(dir, f.Name), f.Format, r, create))
	}
	return errors.Join(faults...)
}

// create makes a file of a folder, in which others may have put a link under its name.
func create(name string) (*os.File, error) { return outfile.Create(name, 0o666) }

// WriteFile writes one file, which a person names: a link is followed. What is written of it before an error stays.
func WriteFile(name string, format Format, r *record.Run) error {
	return write(name, format, r, os.Create)
}

func write(name string, format Format, r *record.Run, create func(name string) (*os.File, error)) error {
	f, err := create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	err = format(out, r)
	err = errors.Join(err, out.Flush(), f.Close())
	if err != nil {
		return fmt.Errorf("the report %s is not complete: %w", name, first(err))
	}
	return nil
}

// first is the first of joined errors: a full disk would be told of by each step after it.
func first(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}
