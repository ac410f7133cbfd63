package audit

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A File is one clearing file in the IPM layout with the three that belong to it. One that is not there is nil.
type File struct {
	Name string // without its ending, for reports
	Date string // the business date whose folder it stands in, YYYY-MM-DD; "" where there are no such folders

	Open, Detail, Summary, Manifest Open
}

// The endings of the four.
const (
	endIPM      = ".ipm"
	endDetail   = ".detail.csv"
	endSummary  = ".summary.csv"
	endManifest = ".manifest.json"
)

// Files lists the clearing files of a folder that has one for each business date: <date>/<file id>.ipm and its like.
func Files(dir fs.FS) ([]File, error) {
	names, err := fs.Glob(dir, "*/*")
	if err != nil {
		return nil, err
	}
	return FilesOf(names, func(name string) Open {
		return func(context.Context) (io.ReadCloser, error) { return dir.Open(name) }
	}), nil
}

// FilesOf puts together the files that belong to each other, by their paths: <date>/<file id>.ipm and its like, in any
// folder. What has another ending is passed over.
func FilesOf(paths []string, open func(path string) Open) []File {
	found := map[string]*File{}
	for _, name := range paths {
		for _, end := range []string{endIPM, endDetail, endSummary, endManifest} {
			stem, ok := strings.CutSuffix(name, end)
			if !ok {
				continue
			}
			f := found[stem]
			if f == nil {
				f = &File{Name: path.Base(stem), Date: path.Base(path.Dir(stem))}
				found[stem] = f
			}
			switch end {
			case endIPM:
				f.Open = open(name)
			case endDetail:
				f.Detail = open(name)
			case endSummary:
				f.Summary = open(name)
			case endManifest:
				f.Manifest = open(name)
			}
		}
	}
	files := make([]File, 0, len(found))
	for _, f := range found {
		files = append(files, *f)
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Date, b.Date), strings.Compare(a.Name,
			b.Name))
	})
	return files
}

// clearingFile is a file that was read.
type clearingFile struct {
	id   string // PDS0105
	date string // YYYY-MM-DD, from the id
}

// clearingBook is all presentments of all files.
type clearingBook struct {
	files []*clearingFile
	byID  map[string]*clearingFile
	dates map[string]bool // business dates with a file
	byARN map[arn]*presented
	count int
	wrong []Difference // what the files show by themselves
	// unreadable are the ids in the names of files that are there and could not be read to their end.
	unreadable map[string]bool
	sums       map[string]fileSum // of the files in the folder, by their names
	seed       maphash.Seed       // of the hashes of what is compared and not shown
	calendar   *calendar
}

// readFiles reads the clearing files of the dates that are audited. What is wrong with a file is a difference and does
// not end the audit; that it cannot be read does.
func readFiles(ctx context.Context, files []File, days *calendar, o *Options) (*clearingBook, error) {
	book := &clearingBook{
		byID: map[string]*clearingFile{}, dates: map[string]bool{}, unreadable: map[string]bool{},
		byARN: map[arn]*presented{}, seed: maphash.MakeSeed(), sums: map[string]fileSum{},
		calendar: days,
	}
	for i := range files {
		if f := &files[i]; f.Date == "" && !o.byPayment() || o.covers(f.Date) {
			if err := book.read(ctx, f); err != nil {
				return nil, fmt.Errorf("clearing file %s: %w", f.Name, err)
			}
		}
	}
	return book, nil
}

// read reads a file with those that belong to it, each once: the detail rows beside the records, the others against
// what the records add up to.
func (b *clearingBook) read(ctx context.Context, f *File) error {
	if f.Open == nil {
		b.unreadable[f.Name] = true // said here
		b.differ(FileMissing, f.Name, "its .ipm is not there, only what belongs to it")
		return nil
	}
	r := &fileReader{book: b, name: f.Name, sums: map[summaryKey]*summarySum{}}
	ipm, err := openPart(ctx, f.Open)
	if err != nil {
		return err
	}
	defer ipm.close()
	var detail *part
	if f.Detail != nil {
		if detail, err = openPart(ctx, f.Detail); err != nil {
			return err
		}
		defer detail.close()
		r.rows = newDetailReader(r, detail)
	}
	whole, err := r.read(ctx, ipm)
	if err != nil || !whole {
		b.unreadable[f.Name] = true
		return err
	}
	var absent []string
	if detail == nil {
		absent = append(absent, endDetail)
	} else if err := r.rows.end(); err != nil {
		return err
	}
	var summary *part
	if f.Summary == nil {
		absent = append(absent, endSummary)
	} else {
		if summary, err = openPart(ctx, f.Summary); err != nil {
			return err
		}
		defer summary.close()
		if err := r.summary(summary); err != nil {
			return err
		}
	}
	var manifest *part
	if f.Manifest == nil {
		absent = append(absent, endManifest)
	} else {
		if manifest, err = openPart(ctx, f.Manifest); err != nil {
			return err
		}
		defer manifest.close()
		if err := r.manifest(manifest, map[string]*part{endIPM: ipm, endDetail: detail, endSummary: summary}); err != nil {
			return err
		}
	}
	for end, p := range map[string]*part{endIPM: ipm, endDetail: detail, endSummary: summary, endManifest: manifest} {
		if p == nil {
			continue
		}
		sum, bytes, err := p.digest()
		if err != nil {
			return err
		}
		b.sums[f.Name+end] = fileSum{sum, bytes}
	}
	if len(absent) > 0 {
		b.differ(FileMissing, f.Name, "its %s is not there", strings.Join(absent, ", "))
	}
	return nil
}

func (b *clearingBook) differ(kind Kind, file, format string, args ...any) {
	b.wrong = append(b.wrong, Difference{Kind: kind, Detail: "file " + file + ": " + fmt.Sprintf(format, args...)})
}

// hash stands for a text that is compared and never shown, but for none.
func (b *clearingBook) hash(text string) uint32 {
	if text == "" {
		return 0
	}
	return uint32(maphash.String(b.seed, text)) | 1
}

// found are the presentments with an ARN, in no order.
type found struct{ first, second, reversals []*presented }

func (b *clearingBook) find(name string) (f found) {
	var key arn
	if name == "" || len(name) > len(key) {
		return f
	}
	copy(key[:], name)
	for p := b.byARN[key]; p != nil; p = p.next {
		switch {
		case p.reversal:
			f.reversals = append(f.reversals, p)
		case p.second:
			f.second = append(f.second, p)
		default:
			f.first = append(f.first, p)
		}
	}
	return f
}

// claim says that the journal knows them.
func (f *found) claim() {
	for _, p := range slices.Concat(f.first, f.second, f.reversals) {
		p.claimed = true
	}
}
