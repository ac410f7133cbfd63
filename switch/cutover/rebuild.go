package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// The files of a date are a function of its plan and the journal (I8), so they can be made once more at any time: into
// another folder, or held against those that were delivered. Neither changes the journal or a file that is there.

// ErrUnwritten is returned for a date that has no files to rebuild yet.
var ErrUnwritten = errors.New("it has no files yet")

// ErrExists is returned for a folder that is there, or is among the clearing files: nothing is written over.
var ErrExists = errors.New("expected a new folder outside of the clearing files")

// Rebuilt is what the journal makes of a date's files today.
type Rebuilt struct {
	BusinessDate string `json:"business_date"`
	// Files are all that belongs to the date, in the order of their sequences.
	Files []clearing.ManifestFile `json:"files"`
	// Dir is the folder that they were written to; Check writes none.
	Dir string `json:"dir,omitempty"`
	// Differences are those of the delivered files that are other ones, each with the first place; of Check alone.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is the first place at which a delivered file is not what the journal makes of it.
type Difference struct {
	File    string `json:"file"`
	Missing bool   `json:"missing,omitempty"` // it is not there
	Offset  int64  `json:"offset"`            // of the byte
	// Record is which message of the .ipm, row of a CSV or line of the manifest that is in, from 1, a CSV's header being
	// 0; Field is the element or column. Both are told of the first few files only, and where it can be told.
	Record int    `json:"record,omitempty"`
	Field  string `json:"field,omitempty"`
	// Rebuilt and Delivered are what both say there, card numbers masked (I12).
	Rebuilt   string `json:"rebuilt,omitempty"`
	Delivered string `json:"delivered,omitempty"`
}

// explained is of how many files record and field of the first difference are told: each takes a pass over the date.
const explained = 10

// Check makes the files of a written date once more and compares them byte by byte with those that were delivered.
func (e *Engine) Check(ctx context.Context, date payment.Date) (*Rebuilt, error) {
	return e.source.Check(ctx, date)
}

// Rebuild writes the files of a sealed date once more, or those that the windows of another one have so far, into a new
// folder.
func (e *Engine) Rebuild(ctx context.Context, date payment.Date, dir string) (*Rebuilt, error) {
	return e.source.Rebuild(ctx, date, dir)
}

// Check is Engine.Check.
func (s *Source) Check(ctx context.Context, date payment.Date) (*Rebuilt, error) {
	parts, state, err := s.partsOf(ctx, date)
	if err == nil && state != journal.DayWritten {
		err = ErrUnwritten
	}
	if err != nil {
		return nil, fmt.Errorf("business date %s: %w", date, err)
	}
	c := &comparison{ctx: ctx, folder: folder{s.FS, s.FS.PathJoin(s.Dir, date.String())}}
	for _, part := range parts {
		told := len(c.differences)
		made, err := s.make(ctx, date, part, c, map[int]File{})
		if err != nil {
			return nil, fmt.Errorf("make the files of %s again: %w", date, err)
		}
		for ; told < min(len(c.differences), explained); told++ {
			if d := &c.differences[told]; !d.Missing {
				if err := s.explain(ctx, date, part, made.Files, c.path(d.File), d); err != nil {
					return nil, fmt.Errorf("what differs in %s: %w", d.File, err)
				}
			}
		}
	}
	return &Rebuilt{BusinessDate: date.String(), Files: c.made, Differences: c.differences}, nil
}

// Rebuild is Engine.Rebuild.
func (s *Source) Rebuild(ctx context.Context, date payment.Date, dir string) (*Rebuilt, error) {
	parts, _, err := s.partsOf(ctx, date)
	if err != nil {
		return nil, fmt.Errorf("business date %s: %w", date, err)
	}
	if err := s.newFolder(dir); err != nil {
		return nil, err
	}
	to := &listing{folder: folder{s.FS, dir}}
	for _, part := range parts {
		if _, err = s.make(ctx, date, part, to, map[int]File{}); err != nil {
			break
		}
	}
	if err == nil {
		err = syncDirs(s.FS, dir, s.FS.PathDir(dir))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the files of %s again: %w", date, err), s.FS.RemoveAll(dir))
	}
	return &Rebuilt{BusinessDate: date.String(), Files: to.made, Dir: dir}, nil
}

// partsOf are the plans of a date whose files are fixed: all, once it is sealed, and before those of its windows.
func (s *Source) partsOf(ctx context.Context, date payment.Date) ([]*plan, journal.DayState, error) {
	day, err := s.Journal.Day(ctx, date)
	if err != nil {
		return nil, 0, err
	}
	if day.State != journal.DaySealed && day.State != journal.DayWritten {
		windows, err := windowsOf(&day)
		windows = slices.DeleteFunc(windows, func(w *plan) bool { return len(w.Files) == 0 })
		if err == nil && len(windows) == 0 {
			err = ErrUnwritten
		}
		return windows, day.State, err
	}
	var p plan
	if err := json.Unmarshal(day.Data, &p); err != nil {
		return nil, 0, fmt.Errorf("its record: %w", err)
	}
	if p.Unseen {
		return nil, 0, fmt.Errorf("%w: the clearing folder could not be looked at when it was sealed; what its files are "+
			"called, and leave out, is known once it can be, which is tried each minute", ErrUnwritten)
	}
	return p.parts(), day.State, nil
}

// newFolder makes a folder that was not there and in which nobody looks for delivered files.
func (s *Source) newFolder(dir string) error {
	root := string(filepath.Separator) // which a file system in memory works in
	within, err := filepath.Rel(filepath.Join(root, s.Dir), filepath.Join(root, dir))
	if err != nil || within != ".." && !strings.HasPrefix(within, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s: %w", dir, ErrExists)
	}
	switch _, err := s.FS.Stat(dir); {
	case err == nil:
		return fmt.Errorf("%s: %w", dir, ErrExists)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return s.FS.MkdirAll(dir, 0o700)
}

// listing is a folder that keeps what was written to it.
type listing struct {
	folder
	made []clearing.ManifestFile
}

func (l *listing) create(name string) (target, error) {
	t, err := l.folder.create(name)
	return &listed{t, &l.made}, err
}

type listed struct {
	target
	made *[]clearing.ManifestFile
}

func (l *listed) finish(made clearing.ManifestFile) error {
	*l.made = append(*l.made, made)
	return l.target.finish(made)
}

// comparison is an outlet that writes nothing: it holds what is made against what stands in the folder.
type comparison struct {
	folder
	ctx         context.Context
	made        []clearing.ManifestFile
	differences []Difference
}

func (c *comparison) create(name string) (target, error) {
	t := &compared{c: c, first: -1}
	var err error
	if t.delivered, err = c.fs.Open(c.path(name)); errors.Is(err, fs.ErrNotExist) {
		t.delivered, err = nil, nil
	}
	return t, err
}

// compared is a file that is held against a delivered one.
type compared struct {
	c         *comparison
	delivered vfs.File // nil: it is not there, or was read to its end
	there     []byte   // read of it
	offset    int64
	first     int64 // offset of the first byte that differs; below 0: none so far
}

// Write implements io.Writer.
func (t *compared) Write(b []byte) (int, error) {
	if err := t.c.ctx.Err(); err != nil {
		return 0, err
	}
	if t.delivered == nil || t.first >= 0 {
		return len(b), nil
	}
	t.there = append(t.there[:0], b...)
	n, err := io.ReadFull(t.delivered, t.there)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	same := 0
	for same < n && t.there[same] == b[same] {
		same++
	}
	if same < len(b) {
		t.first = t.offset + int64(same)
	}
	t.offset += int64(len(b))
	return len(b), nil
}

func (t *compared) abandon() {
	if t.delivered != nil {
		_ = t.delivered.Close() // it was only read
	}
}

func (t *compared) finish(made clearing.ManifestFile) error {
	defer t.abandon()
	t.c.made = append(t.c.made, made)
	if t.delivered == nil {
		t.c.differences = append(t.c.differences, Difference{File: made.Name, Missing: true})
		return nil
	}
	if t.first < 0 {
		n, err := t.delivered.Read(make([]byte, 1))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n > 0 {
			t.first = t.offset
		}
	}
	if t.first >= 0 {
		t.c.differences = append(t.c.differences, Difference{File: made.Name, Offset: t.first})
	}
	return nil
}

// errEnough ends the making of a file of which nothing more is wanted.
var errEnough = errors.New("enough of it was read")

// explain finds the record and the field of a difference. It makes the file once more, beside reading the delivered
// one.
func (s *Source) explain(
	ctx context.Context, date payment.Date, p *plan, made []File, path string, d *Difference,
) (err error) {
	others := map[int]File{}
	for i := range made {
		if !strings.HasPrefix(d.File, made[i].FileID+".") {
			others[p.Files[i].Sequence] = made[i]
		}
	}
	delivered, err := s.FS.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, delivered.Close()) }()
	again, in := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := s.make(ctx, date, p, &single{d.File, in}, others)
		in.CloseWithError(err)
	}()
	defer func() {
		_ = again.CloseWithError(errEnough) // never fails
		<-ended
	}()
	return d.find(again, delivered)
}

// single is an outlet that hands on one file of all.
type single struct {
	name string
	to   io.Writer
}

func (s *single) path(name string) string { return name }

func (s *single) create(name string) (target, error) {
	if name == s.name {
		return &handed{s.to}, nil
	}
	return &handed{io.Discard}, nil
}

// handed is a file that stands nowhere.
type handed struct{ io.Writer }

func (*handed) finish(clearing.ManifestFile) error { return nil }
func (*handed) abandon()                           {}
