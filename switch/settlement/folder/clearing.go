package folder

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// What the names of a file's parts end with.
const (
	ipmEnding      = ".ipm"
	detailEnding   = ".detail.csv"
	manifestEnding = ".manifest.json"
)

// clearingFolder is the clearing folder of a switch.
type clearingFolder struct {
	fs    vfs.FS
	dir   string
	dates []workday.Date // that have a folder, ascending
}

func openClearing(fs vfs.FS, dir string) (*clearingFolder, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	c := &clearingFolder{fs: fs, dir: dir}
	for _, name := range names {
		if d, err := workday.Parse(name); err == nil {
			c.dates = append(c.dates, d)
		}
	}
	if len(c.dates) == 0 {
		return nil, fmt.Errorf("%s: it has no folder of a business date, such as 2026-11-26", dir)
	}
	slices.Sort(c.dates)
	return c, nil
}

func (c *clearingFolder) has(d workday.Date) bool {
	_, found := slices.BinarySearch(c.dates, d)
	return found
}

// A taker is handed what a record presents, the record, which is valid until it returns, and the id of its file.
type taker func(p *settlement.Presented, r *clearing.Record, fileID string) error

// A datedFile is a clearing file of a date by its manifest.
type datedFile struct {
	id       clearing.FileID
	name     string // without its ending
	manifest *clearing.Manifest
}

// datedFiles are those of a date, in the order of their sequences.
type datedFiles struct {
	date         workday.Date
	dir          string
	files        []datedFile
	presentments int // of all, as their manifests say
}

// list finds the files of a date. One that is missing, before others or behind them, is an error.
func (c *clearingFolder) list(d workday.Date) (*datedFiles, error) {
	l := &datedFiles{date: d, dir: c.fs.PathJoin(c.dir, d.String())}
	names, err := c.fs.List(l.dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, ipmEnding); ok && !slices.Contains(names, id+manifestEnding) {
			return nil, fmt.Errorf("%s: it has no manifest beside it: the business date is not written to its end",
				c.fs.PathJoin(l.dir, name))
		}
		name, ok := strings.CutSuffix(name, manifestEnding)
		if !ok {
			continue
		}
		f := datedFile{name: name}
		if f.id, err = clearing.ParseFileID(name); err == nil {
			f.manifest, err = c.manifest(l.dir, name, d)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.fs.PathJoin(l.dir, name+manifestEnding), err)
		}
		l.files = append(l.files, f)
		l.presentments += f.manifest.Totals.Presentments
	}
	if len(l.files) == 0 {
		return nil, fmt.Errorf("%s: it holds no clearing file", l.dir)
	}
	if f, err := l.whole(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.fs.PathJoin(l.dir, f.name+manifestEnding), err)
	}
	return l, nil
}

// read hands out what the files of a date present.
func (c *clearingFolder) read(l *datedFiles, take taker) (files []settlement.File, err error) {
	for i := range l.files {
		file, err := c.file(l, &l.files[i], take)
		if err != nil {
			return nil, err
		}
		files = append(files, *file)
	}
	return files, nil
}

// file hands out what one file presents.
func (c *clearingFolder) file(l *datedFiles, f *datedFile, take taker) (out *settlement.File, err error) {
	dir, id, m := l.dir, f.name, f.manifest
	p := pair{manifest: m, take: take, tally: clearing.Tally{}}
	if p.ipm, err = c.open(dir, id+ipmEnding, m); err != nil {
		return nil, err
	}
	defer p.ipm.close()
	if p.detail, err = c.open(dir, id+detailEnding, m); err != nil {
		return nil, err
	}
	defer p.detail.close()
	if err := p.read(); err != nil {
		return nil, err
	}
	out = &settlement.File{
		Name: id + ipmEnding, BusinessDate: l.date, Destination: m.Destination, Mode: m.Mode,
		Presentments: m.Totals.Presentments, SHA256: p.ipm.told.SHA256, Totals: []settlement.FileTotals{},
	}
	for _, t := range m.Totals.Currencies {
		out.Totals = append(out.Totals, settlement.FileTotals{
			Currency: t.Currency, DebitMinor: t.DebitMinor, CreditMinor: t.CreditMinor,
		})
	}
	return out, nil
}

// manifest reads the manifest of a file of a date.
func (c *clearingFolder) manifest(dir, id string, d workday.Date) (*clearing.Manifest, error) {
	f, err := openRegular(c.fs, c.fs.PathJoin(dir, id+manifestEnding))
	if err != nil {
		return nil, err
	}
	m, err := clearing.ReadManifest(f)
	switch err = errors.Join(err, f.Close()); {
	case err != nil:
	case m.FileID != id:
		err = fmt.Errorf("file_id: %s: expected that of its name", m.FileID)
	case m.BusinessDate != d.String():
		err = fmt.Errorf("business_date: %s: expected that of its folder", m.BusinessDate)
	}
	return m, err
}

// openRegular opens a regular file; a FIFO would not end the wait for its other side.
func openRegular(fs vfs.FS, name string) (vfs.File, error) {
	info, err := fs.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return fs.Open(name)
}
