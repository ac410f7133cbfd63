package ipmtool

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"switchyard/internal/infile"
	"switchyard/switch/clearing"
)

// The columns of a report before those of a detail file.
const outcomeColumn = "outcome"

var reportColumns = []string{"record", "file_id", "de71", outcomeColumn, "code"}

// WriteReplayReport writes what became of each record of a file, as CSV or, where the name ends with .jsonl, as JSON
// lines. Its columns behind the outcome are those of a detail file: DiffDetail reads it. Cards are masked.
func WriteReplayReport(ctx context.Context, name, state, report string, force bool) error {
	from, err := openSource(ctx, name)
	if err != nil {
		return err
	}
	defer from.file.Close()
	known, err := openReplayState(state, false)
	if err != nil {
		return err
	}
	defer known.close()
	kept := []stater{from.file}
	if f, err := infile.Open(state); err == nil {
		defer f.Close()
		kept = append(kept, f)
	}
	target, err := create(report, force, nil, kept...)
	if err != nil {
		return err
	}
	defer target.discard()
	w := bufio.NewWriterSize(target, 64<<10)
	row := csvReportRow
	if strings.EqualFold(filepath.Ext(report), ".jsonl") {
		row = jsonReportRow
	} else if err := csvReportRow(w, columnNames(), columnNames()); err != nil {
		return err
	}
	r := replay{from: from}
	values := make([]string, 0, len(reportColumns)+len(detailColumns))
	err = r.each(func(rec *clearing.Record, key messageKey) error {
		is := known.of(key)
		if kindOf(rec) == replaySkipped {
			is.outcome = OutcomeSkipped
		}
		values = append(values[:0], strconv.Itoa(rec.Number), key.FileID, shownText(key.DE71), is.outcome, is.code)
		for _, c := range detailColumns {
			values = append(values, shownText(c.of(rec)))
		}
		return row(w, columnNames(), values)
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return target.commit(false)
}

func columnNames() []string {
	names := append([]string{}, reportColumns...)
	for _, c := range detailColumns {
		names = append(names, c.name)
	}
	return names
}

func csvReportRow(w *bufio.Writer, _, values []string) error {
	var row []byte
	for i, value := range values {
		if i > 0 {
			row = append(row, ',')
		}
		row = appendQuoted(row, []byte(guarded(value)))
	}
	_, err := w.Write(append(row, "\r\n"...))
	return err
}

// guarded is a cell that no spreadsheet runs, and unguarded what stood there.
func guarded(value string) string {
	if value != "" && strings.IndexByte(formula, value[0]) >= 0 {
		return string(guard) + value
	}
	return value
}

func unguarded(cell string) string {
	if len(cell) > 1 && cell[0] == guard && strings.IndexByte(formula, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// numberColumns are numbers in JSON.
var numberColumns = map[string]bool{"record": true, "amount_minor": true}

func jsonReportRow(w *bufio.Writer, names, values []string) error {
	row := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			row = append(row, ',')
		}
		row = append(strconv.AppendQuote(row, name), ':')
		if numberColumns[name] && isDigits(values[i]) {
			row = append(row, values[i]...)
			continue
		}
		text, err := json.Marshal(values[i])
		if err != nil {
			return err
		}
		row = append(row, text...)
	}
	_, err := w.Write(append(row, "}\n"...))
	return err
}

// ReplayToFolder hands a file over to a folder, whole and under its name, once for its PDS0105 unless again is set.
func ReplayToFolder(ctx context.Context, name, folder string, o ReplayOptions) (*ReplaySummary, error) {
	from, err := openSource(ctx, name)
	if err != nil {
		return nil, err
	}
	defer from.file.Close()
	r := replay{name: name, options: o, from: from, summary: ReplaySummary{Refused: map[string]int{}, DryRun: o.DryRun}}
	r.options.Codec = nil
	if err := r.survey(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	state, err := openReplayState(r.statePath(), !o.DryRun)
	if err != nil {
		return nil, err
	}
	defer state.close()
	r.summary.State = r.statePath()
	key := messageKey{r.summary.FileID, wholeFile}
	was := state.of(key)
	if was.ended() && !o.Again {
		return &r.summary, fmt.Errorf("%s: file %s was handed over before; --again hands it over once more", name,
			r.summary.FileID)
	}
	if o.DryRun {
		return &r.summary, nil
	}
	to := filepath.Join(folder, filepath.Base(name))
	is := sending{run: state.run, outcome: OutcomeAccepted}
	if was.run != 0 && !was.ended() && sameContents(to, from.file) { // a run before this one was cut off behind that
		r.summary.Before = r.summary.Records
		return &r.summary, errors.Join(state.put(key, is, false), state.sync())
	}
	if _, err := os.Lstat(to); err == nil && !o.Again {
		return &r.summary, fmt.Errorf("%s: is there already; --again writes over it", to)
	}
	target, err := create(to, o.Again, nil, from.file)
	if err != nil {
		return &r.summary, err
	}
	defer target.discard()
	if _, err := io.Copy(target, io.NewSectionReader(from.file, 0, 1<<62)); err != nil {
		return &r.summary, err
	}
	if err := state.put(key, sending{run: state.run, outcome: OutcomeUnanswered}, true); err != nil {
		return &r.summary, err
	}
	if err := target.commit(true); err != nil {
		return &r.summary, err
	}
	r.summary.Sent = r.summary.Records
	return &r.summary, errors.Join(state.put(key, is, false), state.sync())
}

// sameContents tells whether a file of a name has what another one has.
func sameContents(name string, other io.ReaderAt) bool {
	f, err := infile.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	a, b := sha256.New(), sha256.New()
	_, errA := io.Copy(a, f)
	_, errB := io.Copy(b, io.NewSectionReader(other, 0, 1<<62))
	return errA == nil && errB == nil && bytes.Equal(a.Sum(nil), b.Sum(nil))
}

// wholeFile stands for DE71 where a file was handed over as it is.
const wholeFile = "00000000"
