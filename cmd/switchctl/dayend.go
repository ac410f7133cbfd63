package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"switchyard/internal/httpcall"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
	"switchyard/switch/operator/client"
)

// How long the captures may take to reach the issuer after the day, and the switch to write the clearing files.
const (
	drainLimit   = 60 * time.Second
	cutoverLimit = 60 * time.Second
	drainPause   = 50 * time.Millisecond
)

// toldName is the file, in the folder of a run, with what its driver was told.
const toldName = "told.jsonl"

// dayEnd closes the business day that a driver has played on a switch of its own, and checks the books.
type dayEnd struct {
	local   *localSwitch
	book    *day.Book
	toldLog *toldFile                        // what the driver was told
	dir     string                           // of what is written down
	step    func(format string, args ...any) // says what is being done

	problems []string
	drained  time.Duration
	cleared  []clearingFile
	audited  *auditFigures
}

// wrong notes what is wrong. The work goes on where the next step still tells something.
func (d *dayEnd) wrong(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// mismatches takes over what the driver found wrong in answers.
func (d *dayEnd) mismatches() {
	if n, examples := d.book.Mismatches(); n > 0 {
		d.wrong("%d answers were not as expected:", n)
		d.problems = append(d.problems, examples...)
	}
}

// close ends the business day and holds the books against each other. With ahead tomorrow's date is closed,
// too.
func (d *dayEnd) close(ctx context.Context, ahead bool) {
	d.step("waiting for the captures to reach the issuer")
	if err := d.drain(ctx); err != nil {
		d.wrong("store-and-forward: %v", err)
	}
	d.step("closing the business day")
	ctxCut, cancel := context.WithTimeout(ctx, 2*cutoverLimit)
	defer cancel()
	if _, err := d.local.operator().Cutover(ctxCut, client.Cutover{Wait: cutoverLimit, Ahead: ahead}); err != nil {
		d.wrong("cutover: %v", err)
		return
	}
	d.step("checking the clearing files")
	d.clearing(ctx)
	d.step("auditing the books")
	d.audit(ctx)
}

// drain waits until nothing is queued or in flight any more.
func (d *dayEnd) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	start := time.Now()
	for {
		s, err := d.local.operator().Stats(ctx)
		if err != nil {
			return err
		}
		if s.SAF.Parked > 0 {
			return fmt.Errorf("%d advices were refused by the issuer and are parked", s.SAF.Parked)
		}
		if s.SAF.Queued == 0 && s.InFlight == 0 {
			d.drained = time.Since(start)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d advices are still queued after %s", s.SAF.Queued, drainLimit)
		case <-time.After(drainPause):
		}
	}
}

// clearing verifies each file, holds what they add up to against the driver's own book, and hands them to the issuer.
func (d *dayEnd) clearing(ctx context.Context) {
	names, err := filepath.Glob(filepath.Join(d.local.clearingDir(), "*", "*.ipm"))
	if err != nil || len(names) == 0 {
		d.wrong("clearing: no files in %s", d.local.clearingDir())
		return
	}
	have := make(map[string]day.Total)
	for _, name := range names {
		file, text, err := checkClearingFile(name)
		if err != nil {
			d.wrong("clearing file %s: %v", name, err)
			continue
		}
		if file.Settled, err = d.settle(ctx, text); err != nil {
			d.wrong("clearing file %s: the issuer does not take it: %v", name, err)
		}
		d.cleared = append(d.cleared, *file)
		t := have[file.Destination]
		t.Messages += uint64(file.Presentments)
		t.SumMinor += file.SumMinor
		have[file.Destination] = t
	}
	want := d.book.Clearing()
	for destination := range have {
		if _, known := want[destination]; !known {
			want[destination] = day.Total{}
		}
	}
	for destination, w := range want {
		if h := have[destination]; h != w {
			d.wrong("clearing for %s: %d presentments of %d minor units, the day had %d of %d", destination, h.Messages, h.SumMinor, w.Messages, w.SumMinor)
		}
	}
}

// settle hands a clearing file to the issuer. An issuer without the endpoint is no fault of the switch.
func (d *dayEnd) settle(ctx context.Context, text []byte) (settled bool, err error) {
	_, err = controlOf(d.local.issuer.at.Control).Read(ctx, http.MethodPost, "/v1/clearing", nil, text)
	if httpcall.Status(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// checkClearingFile verifies one file and holds its manifest against it. The text returned is the file's.
func checkClearingFile(name string) (*clearingFile, []byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	report, err := clearing.Verify(bytes.NewReader(text))
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
	if manifest.FileID != report.FileID || manifest.Totals.SumMinor != report.Totals.SumMinor || manifest.Totals.Messages != report.Totals.Messages {
		return nil, nil, fmt.Errorf("the manifest says file %s, %d messages, %d minor units; the file itself %s, %d, %d", manifest.FileID,
			manifest.Totals.Messages, manifest.Totals.SumMinor, report.FileID, report.Totals.Messages, report.Totals.SumMinor)
	}
	return &clearingFile{
		Path: name, Destination: manifest.Destination, BusinessDate: manifest.BusinessDate, FileID: report.FileID,
		Messages: report.Totals.Messages, Presentments: report.Totals.Presentments, SumMinor: report.Totals.SumMinor,
		Currencies: report.Totals.Currencies,
	}, text, nil
}

// audit holds the switch's, the issuer's and the clearing files' account of each payment against each other.
func (d *dayEnd) audit(ctx context.Context) {
	operator, control := d.local.operator(), d.local.issuer.at.Control
	report, err := audit.Run(ctx, audit.Sources{
		Switch:         operator.OpenPayments,
		Authorizations: book(control, "/v1/authorizations", nil),
		Ledger:         book(control, "/v1/ledger", nil),
		Now:            func(ctx context.Context) (time.Time, error) { return switchClock(ctx, operator) },
		Days:           operator.OpenDays,
		Told:           d.toldLog.book(),
		Files: func(context.Context) ([]audit.File, error) {
			return audit.Files(os.DirFS(d.local.clearingDir()))
		},
	}, audit.Options{})
	if err != nil {
		d.wrong("audit: %v", err)
		return
	}
	d.audited = &auditFigures{
		Payments: report.Payments, Holdings: report.Holdings, Presentments: report.Presentments,
		Told: report.Told, Differences: report.DifferenceCount, InFlight: report.InFlight.Count,
		NotCleared: report.NotCleared.Count,
		Balanced:   report.Ledger != nil && report.Ledger.Balanced,
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		d.wrong("audit: %v", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "audit.txt"), text.Bytes(), 0o600); err != nil {
		d.wrong("audit: %v", err)
	}
	d.judge(report)
}

// judge says what of an audit is wrong after a day at whose end nothing is under way.
func (d *dayEnd) judge(report *audit.Report) {
	const shown = 5
	if !report.Clean() {
		d.wrong("audit: %d differences (all of them in %s):", report.DifferenceCount, filepath.Join(d.dir, "audit.txt"))
		for _, diff := range report.Differences[:min(len(report.Differences), shown)] {
			d.wrong("%s %s %s: %s", diff.Kind, diff.Payment, diff.RRN, diff.Detail)
		}
	}
	if !d.audited.Balanced {
		d.wrong("audit: the issuer's ledger does not balance")
	}
	if n := report.InFlight.Count + report.NotCleared.Count; n > 0 {
		d.wrong("audit: %d operations are still in flight, %d not yet cleared", report.InFlight.Count, report.NotCleared.Count)
	}
	if report.Payments != d.book.Payments() {
		d.wrong("audit: the switch knows %d payments, %d were made", report.Payments, d.book.Payments())
	}
}

// clearingDir is where the switch writes its clearing files.
func (l *localSwitch) clearingDir() string { return filepath.Join(l.dir, "switchd", "clearing") }

// controlOf is the control HTTP of an issuer-sim.
func controlOf(addr string) httpcall.Port { return httpcall.Port{Addr: addr} }

// book opens one of the issuer's books.
func book(issuer, path string, query url.Values) audit.Open {
	return func(ctx context.Context) (io.ReadCloser, error) {
		return controlOf(issuer).Open(ctx, http.MethodGet, path, query, nil)
	}
}
