package localday

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"switchyard/internal/httpcall"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/clearing"
)

// ClearingFile is one of the day's files with what its records add up to.
type ClearingFile struct {
	Path         string                    `json:"path"`
	Destination  string                    `json:"destination"`
	BusinessDate string                    `json:"business_date"`
	FileID       string                    `json:"file_id"`
	Messages     int                       `json:"messages"` // header and trailer counted in
	Presentments int                       `json:"presentments"`
	SumMinor     int64                     `json:"sum_minor"` // plain sum, whatever the currency, as the trailer has it
	Settled      bool                      `json:"settled"`   // the issuer took it
	Currencies   []clearing.CurrencyTotals `json:"currencies"`
}

// clearing verifies each file, holds what they add up to against the driver's own book, and hands them to the issuer.
func (d *Day) clearing(ctx context.Context) {
	files := d.FilesOf(ctx, "*")
	if len(files) == 0 {
		d.Wrong("clearing: no files in %s", d.Local.ClearingDir())
		return
	}
	have := make(map[string]day.Total)
	for _, file := range files {
		t := have[file.Destination]
		t.Messages += uint64(file.Presentments)
		t.SumMinor += file.SumMinor
		have[file.Destination] = t
	}
	want := d.Book.Clearing()
	for destination := range have {
		if _, known := want[destination]; !known {
			want[destination] = day.Total{}
		}
	}
	for destination, w := range want {
		if h := have[destination]; h != w {
			d.Wrong("clearing for %s: %d presentments of %d minor units, the day had %d of %d",
				destination, h.Messages, h.SumMinor, w.Messages, w.SumMinor)
		}
	}
}

// FilesOf verifies the files of a business date, YYYY-MM-DD, or of all with "*", has the issuer take them, and counts
// those that are right as the day's.
func (d *Day) FilesOf(ctx context.Context, date string) []ClearingFile {
	names, err := filepath.Glob(filepath.Join(d.Local.ClearingDir(), date, "*.ipm"))
	if err != nil {
		d.Wrong("clearing: %v", err)
	}
	var files []ClearingFile
	for _, name := range names {
		file, text, err := checkFile(name)
		if err != nil {
			d.Wrong("clearing file %s: %v", name, err)
			continue
		}
		if d.Answered == nil {
			if file.Settled, err = d.settle(ctx, text); err != nil {
				d.Wrong("clearing file %s: the issuer does not take it: %v", name, err)
			}
		}
		files = append(files, *file)
	}
	if d.Answered != nil {
		d.Step("waiting for the issuer to answer the clearing files")
		err := d.Answered(ctx, len(d.Cleared)+len(names))
		if err != nil {
			d.Wrong("clearing: %v", err)
		}
		for i := range files {
			files[i].Settled = err == nil
		}
	}
	d.Cleared = append(d.Cleared, files...)
	return files
}

// settle hands a clearing file to the issuer. An issuer without the endpoint is no fault of the switch.
func (d *Day) settle(ctx context.Context, text []byte) (settled bool, err error) {
	_, err = d.Control().Read(ctx, http.MethodPost, "/v1/clearing", nil, text)
	if httpcall.Status(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// checkFile verifies one file and holds its manifest against it. The text returned is the file's.
func checkFile(name string) (*ClearingFile, []byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	report, err := clearing.Verify(bytes.NewReader(text), clearing.VerifyOptions{Strict: true})
	if err != nil {
		return nil, nil, err
	}
	if !report.OK {
		return nil, nil, fmt.Errorf("%d faults, the first: %s", report.ErrorCount, report.Errors[0])
	}
	manifestText, err := os.ReadFile(strings.TrimSuffix(name, ".ipm") + ".manifest.json")
	if err != nil {
		return nil, nil, err
	}
	manifest, err := clearing.ReadManifest(bytes.NewReader(manifestText))
	if err != nil {
		return nil, nil, err
	}
	said, is := &manifest.Totals, &report.Totals
	if manifest.FileID != report.FileID || said.SumMinor != is.SumMinor || said.Messages != is.Messages {
		return nil, nil, fmt.Errorf("the manifest says file %s, %d messages, %d minor units; the file itself %s, %d, %d",
			manifest.FileID, said.Messages, said.SumMinor, report.FileID, is.Messages, is.SumMinor)
	}
	return &ClearingFile{
		Path: name, Destination: manifest.Destination, BusinessDate: manifest.BusinessDate, FileID: report.FileID,
		Messages: report.Totals.Messages, Presentments: report.Totals.Presentments, SumMinor: report.Totals.SumMinor,
		Currencies: report.Totals.Currencies,
	}, text, nil
}
