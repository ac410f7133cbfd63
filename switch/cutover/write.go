package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// Result names what a cutover wrote.
type Result struct {
	BusinessDate string `json:"business_date"`
	// Window is which of its destination's windows on the date it is, where it is one.
	Window int    `json:"window,omitempty"`
	Files  []File `json:"files"`
	// Unreleased is how many files are not made before they are released.
	Unreleased int `json:"unreleased,omitempty"`
	// Refused is there where the date has no files because people have refused them.
	Refused *Refusal `json:"refused,omitempty"`
	// Aside tells of what could not be built and stands in no file; nil where there is nothing.
	Aside *Aside `json:"aside,omitempty"`
}

// File is the clearing of one destination. Paths begin with the clearing folder.
type File struct {
	Destination string                    `json:"destination"`
	FileID      string                    `json:"file_id"`
	IPM         string                    `json:"ipm"`
	DetailCSV   string                    `json:"detail_csv"`
	SummaryCSV  string                    `json:"summary_csv"`
	Manifest    string                    `json:"manifest"`
	Messages    int                       `json:"messages"` // PDS0306
	Records     int                       `json:"presentments"`
	SumMinor    int64                     `json:"sum_minor"` // PDS0301: a plain sum over all currencies
	Totals      []clearing.CurrencyTotals `json:"totals"`
}

// writeOnce is write, and once more under other sequences where a file with other bytes is in the way. others are the
// date's other plans; keep stores the plan.
func (e *Engine) writeOnce(
	ctx context.Context, date payment.Date, p *plan, others []*plan, keep func() error,
) (Result, error) {
	result, err := e.write(ctx, date, p)
	if occupied := (*OccupiedError)(nil); errors.As(err, &occupied) {
		if err := e.resequence(ctx, date, p, others, occupied); err != nil {
			return Result{}, fmt.Errorf("new sequences: %w", err)
		}
		if err := keep(); err != nil {
			return Result{}, fmt.Errorf("new sequences: %w", err)
		}
		result, err = e.write(ctx, date, p)
	}
	return result, err
}

// write makes all files of a plan. What stands there under temporary names is written over. A
// file that cannot be written keeps no other from being; what this run has written already is not written again.
func (e *Engine) write(ctx context.Context, date payment.Date, p *plan) (Result, error) {
	if len(p.Files) == 0 {
		return Result{BusinessDate: date.String(), Window: p.Window, Files: []File{}}, nil
	}
	ctx = context.WithoutCancel(ctx) // a file that was begun is written to its end
	dir := e.o.FS.PathJoin(e.o.Dir, date.String())
	if err := e.o.FS.MkdirAll(dir, 0o700); err != nil {
		return Result{}, err
	}
	if e.written[date] == nil {
		e.written[date] = map[int]File{}
	}
	result, err := e.source.make(ctx, date, p, &folder{e.o.FS, dir}, e.written[date])
	if err != nil {
		return Result{}, err
	}
	// The folders above are new on the first day; without their entries the files would not be found after a crash.
	return result, syncDirs(e.o.FS, dir, e.o.Dir, e.o.FS.PathDir(e.o.Dir))
}

func syncDirs(fs vfs.FS, dirs ...string) error {
	for _, dir := range dirs {
		d, err := fs.OpenDir(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Source is what the files of sealed dates are made from.
type Source struct {
	Journal Records
	Keyring *pan.Keyring
	FS      vfs.FS
	Dir     string // of the clearing files
}

// Records is what the files of a sealed date need of a journal, which may be a stopped switch's.
type Records interface {
	Day(ctx context.Context, date payment.Date) (journal.Day, error)
	Walk() journal.Walk
	Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error
}

// make makes the files of a plan, but for those that are in done by their sequences, and enters them there. A
// file that cannot be made keeps no other from being.
func (s *Source) make(
	ctx context.Context, date payment.Date, p *plan, to outlet, done map[int]File,
) (result Result, err error) {
	location, err := time.LoadLocation(p.Location)
	if err != nil {
		return Result{}, err
	}
	before, err := s.delivered(ctx, date, p)
	if err != nil {
		return Result{}, err
	}
	w := &dateWriter{
		before: before, s: s, ctx: ctx, date: date, to: to, plan: p, done: done,
		maker: maker{keyring: s.Keyring, plan: p, location: location}, waiting: map[string][]*fileWriter{},
		walk: s.Journal.Walk(), zones: zones{journal: s.Journal},
	}
	defer func() { _ = w.walk.Close() }() // it was only read
	for i := range p.Files {
		f := &fileWriter{d: w, planFile: p.Files[i], left: p.Files[i].Records}
		if p.Format == 0 {
			f.left = -1
		}
		w.files = append(w.files, f)
		w.waiting[f.Destination] = append(w.waiting[f.Destination], f)
	}
	defer w.abandon()
	var failed error
	err = s.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		failed = w.row(row)
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return Result{}, err
	}
	result.BusinessDate, result.Window, result.Files = date.String(), p.Window, []File{}
	for _, f := range w.files {
		err = errors.Join(err, f.end())
		result.Files = append(result.Files, w.done[f.Sequence])
	}
	return result, err
}

// dateWriter lays the presentments of a date, or of one of its windows, into files.
type dateWriter struct {
	s     *Source
	ctx   context.Context
	date  payment.Date
	to    outlet
	plan  *plan
	maker maker
	walk  journal.Walk // of the payments whose records are made
	zones zones        // of what these repeat
	// before are the records that stand in files which were there when the date was sealed; they are not written again.
	before deliveredRecords

	files   []*fileWriter
	waiting map[string][]*fileWriter // by destination: those that are not full, the next one first
	done    map[int]File             // by sequence
}

// row writes one presentment into the file whose turn it is. Its error is that of the whole date.
func (w *dateWriter) row(row journal.Presentment) error {
	if !w.plan.has(&row) {
		return nil
	}
	waiting := w.waiting[row.Destination]
	for len(waiting) > 0 && waiting[0].left == 0 {
		waiting = waiting[1:]
	}
	if len(waiting) < len(w.waiting[row.Destination]) {
		w.waiting[row.Destination] = waiting
	}
	if len(waiting) == 0 {
		return fmt.Errorf("payment %s, operation %d: no file of %q in the plan of the day has room for it",
			row.Payment, row.Op, row.Destination)
	}
	f := waiting[0]
	f.left--
	if _, done := w.done[f.Sequence]; done || f.err != nil {
		return nil
	}
	f.err = f.row(row)
	if f.err == nil && f.left == 0 {
		f.err = f.finish()
	}
	return nil
}

// abandon closes what an attempt that failed left open. The next attempt writes over it.
func (w *dateWriter) abandon() {
	for _, f := range w.files {
		f.made.abandon()
	}
}

// fileWriter writes the files that are made of one clearing file side by side, under temporary names until finish.
type fileWriter struct {
	d *dateWriter
	planFile
	left int // presentments to come; below 0: as many as there are
	made outputs
	err  error

	header            clearing.Header
	file              File
	ipmOut, detailOut *output // nil until open
	ipm               *clearing.Writer
	detail            *clearing.DetailWriter
	summary           *clearing.Summary
}

// end finishes a file whose last presentment has been written, or that has none, and returns what became of it.
func (f *fileWriter) end() error {
	if _, done := f.d.done[f.Sequence]; !done && f.err == nil {
		switch {
		case f.left > 0:
			f.err = fmt.Errorf("%d presentments fewer than the plan of the day has", f.left)
		default:
			f.err = f.finish()
		}
	}
	if f.err != nil {
		return fmt.Errorf("file %d, %s: %w", f.Sequence, f.Destination, f.err)
	}
	return nil
}

// open begins the file.
func (f *fileWriter) open() error {
	if f.ipmOut != nil {
		return nil
	}
	p := f.d.plan
	form, err := p.form(f.Destination)
	if err != nil {
		return err
	}
	f.summary = clearing.NewSummary()
	f.header = clearing.Header{Production: p.Production, CodePage: form.CodePage, Blocked: form.Blocked, RDW: form.RDW}
	if f.header.FileID, err = p.fileID(f.d.date, f.Sequence); err != nil {
		return err
	}
	id := f.header.FileID.String()
	f.file = File{
		Destination: f.Destination, FileID: id,
		IPM: f.d.to.path(id + ".ipm"), DetailCSV: f.d.to.path(id + ".detail.csv"),
		SummaryCSV: f.d.to.path(id + ".summary.csv"), Manifest: f.d.to.path(id + manifestSuffix),
	}
	if f.ipmOut, err = f.made.create(f.d.to, id+".ipm"); err != nil {
		return err
	}
	if f.detailOut, err = f.made.create(f.d.to, id+".detail.csv"); err != nil {
		return err
	}
	if f.ipm, err = clearing.NewWriter(f.ipmOut.digest, f.header); err != nil {
		return err
	}
	if p.PastWindow {
		f.detail = clearing.NewDetailWriterPastWindow(f.detailOut.digest)
	} else {
		f.detail = clearing.NewDetailWriter(f.detailOut.digest)
	}
	if mutant.On(mutant.CaptureInTwoFiles) {
		before := payment.DateOf(f.d.date.Time().AddDate(0, 0, -1))
		_ = f.d.s.Journal.Presentments(f.d.ctx, before, func(row journal.Presentment) bool {
			if row.Destination == f.Destination {
				err = f.row(row)
			}
			return false
		})
	}
	return err
}

// row writes one presentment.
func (f *fileWriter) row(row journal.Presentment) error {
	if err := f.open(); err != nil {
		return err
	}
	record, err := f.d.record(row)
	if err == nil && record == nil {
		return nil
	}
	if err == nil {
		err = f.ipm.Write(record)
	}
	if err != nil {
		return fmt.Errorf("payment %s, operation %d: %w", row.Payment, row.Op, err)
	}
	if err := f.detail.Write(record); err != nil {
		return err
	}
	return f.summary.Add(record)
}

// record makes a presentment's record, as it was decided when the date was sealed; nil where it stands in a file that
// was there before.
func (w *dateWriter) record(row journal.Presentment) (*clearing.Presentment, error) {
	pay, err := w.walk.Payment(row.Payment)
	if err != nil {
		return nil, err
	}
	if row.Op >= len(pay.Ops) {
		return nil, fmt.Errorf("the payment has %d operations", len(pay.Ops))
	}
	if w.before.has(pay, row.Op) {
		return nil, nil
	}
	s, err := presentment.DecodeSnapshot(row.Data)
	if err != nil {
		return nil, fmt.Errorf("presentment record: %w", err)
	}
	record, fault, err := w.maker.record(pay, row.Op, &s)
	if err = errors.Join(fault, err); err != nil {
		return nil, err
	}
	if of := presentedBy(pay, row.Op); of != row.Op && w.plan.Format >= 3 && !mutant.On(mutant.RepeatedToday) {
		zone, err := w.zones.of(w.ctx, row.Destination, &pay.Ops[of])
		if err != nil {
			return nil, fmt.Errorf("the time zone of what it repeats: %w", err)
		}
		if zone != nil {
			record.LocalTime = record.LocalTime.In(zone)
		}
	}
	return record, nil
}

// place says of which window a plan's files are, or of which sequence in PDS0105 the date's last one is.
func (p *plan) place(date payment.Date) (window, lastSequence int, err error) {
	switch {
	case p.Format < 2:
		return 0, 0, nil // what was written says nothing of it
	case p.Window > 0:
		return p.Window, 0, nil
	}
	last, err := p.fileID(date, p.Files[len(p.Files)-1].Sequence)
	return 0, last.Sequence, err
}

// finish ends the file and gives it and what goes with it their names, the manifest last.
func (f *fileWriter) finish() error {
	if err := f.open(); err != nil {
		return err
	}
	totals, err := f.ipm.Close()
	if err != nil {
		return err
	}
	if err := f.detail.Close(); err != nil {
		return err
	}
	summaryOut, err := f.made.create(f.d.to, f.file.FileID+".summary.csv")
	if err != nil {
		return err
	}
	if err := f.summary.WriteCSV(summaryOut.digest); err != nil {
		return err
	}
	var names []clearing.ManifestFile
	for _, o := range []*output{f.ipmOut, f.detailOut, summaryOut} {
		name, err := o.finish()
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	sealedAt := f.d.plan.SealedAt
	if mutant.On(mutant.RebuildByClock) {
		sealedAt = time.Now()
	}
	if mutant.On(mutant.ManifestOff) {
		for i := range totals.Currencies {
			c := &totals.Currencies[i]
			c.DebitMinor, c.CreditMinor = c.DebitMinor+c.CreditMinor, 0
		}
	}
	manifest := clearing.NewManifest(f.header, f.file.Destination, sealedAt, totals, names...)
	if manifest.Window, manifest.LastSequence, err = f.d.plan.place(f.d.date); err != nil {
		return err
	}
	text, err := manifest.Encode()
	if err != nil {
		return err
	}
	manifestOut, err := f.made.create(f.d.to, f.file.FileID+manifestSuffix)
	if err != nil {
		return err
	}
	if _, err := manifestOut.digest.Write(text); err != nil {
		return err
	}
	if _, err := manifestOut.finish(); err != nil {
		return err
	}
	f.file.Messages, f.file.Records, f.file.SumMinor = totals.Messages, totals.Presentments, totals.SumMinor
	f.file.Totals = totals.Currencies
	f.d.done[f.Sequence] = f.file
	f.summary, f.detail, f.ipm = nil, nil, nil // a date may have many files
	return nil
}
