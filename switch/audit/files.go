package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
	"unique"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// A File is one clearing file in the IPM layout.
type File struct {
	Name string // for reports
	Open Open
}

// Files lists the clearing files of a folder that has one for each business date: <date>/<file id>.ipm.
func Files(dir fs.FS) ([]File, error) {
	names, err := fs.Glob(dir, "*/*.ipm")
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		files = append(files, File{Name: path.Base(name), Open: func(context.Context) (io.ReadCloser, error) { return dir.Open(name) }})
	}
	return files, nil
}

// presented is one presentment of a file.
type presented struct {
	next     *presented // with the same ARN
	file     *clearingFile
	message  int32 // DE71
	arn      arn
	rrn      rrn
	auth     authCode
	reversal bool // PDS0025
	credit   bool // DE3 says so: a refund, or the reversal of one
	claimed  bool // the journal knows it
	amount   int64
	currency word
	pan      word // masked
	merchant word
	reverses word // the date in PDS0025, YYMMDD
}

// where names the presentment's place for a person.
func (p *presented) where() string {
	return fmt.Sprintf("file %s message %d", p.file.id, p.message)
}

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
}

// readFiles reads the clearing files. What is wrong with a file is a difference and does not end the audit; that it
// cannot be opened does.
func readFiles(ctx context.Context, files []File) (*clearingBook, error) {
	book := &clearingBook{byID: map[string]*clearingFile{}, dates: map[string]bool{}, byARN: map[arn]*presented{}}
	for _, f := range files {
		if err := book.read(ctx, f); err != nil {
			return nil, fmt.Errorf("clearing file %s: %w", f.Name, err)
		}
	}
	return book, nil
}

func (b *clearingBook) read(ctx context.Context, f File) error {
	in, err := f.Open(ctx)
	if err != nil {
		return err
	}
	defer in.Close()
	reader, err := clearing.NewReader(in)
	if err != nil {
		b.differ(FileUnreadable, f.Name, "%v", err)
		return nil
	}
	r := fileReader{book: b, name: f.Name}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := reader.Next()
		var format *clearing.FormatError
		switch {
		case err == io.EOF:
			r.end()
			return nil
		case errors.As(err, &format):
			b.differ(FileUnreadable, f.Name, "%v", err)
			return nil
		case err != nil:
			return err
		}
		if goOn := r.record(record); !goOn {
			return nil
		}
	}
}

func (b *clearingBook) differ(kind Kind, file, format string, args ...any) {
	b.wrong = append(b.wrong, Difference{Kind: kind, Detail: "file " + file + ": " + fmt.Sprintf(format, args...)})
}

// fileReader enters one file and adds it up.
type fileReader struct {
	book     *clearingBook
	name     string
	file     *clearingFile // nil before the header
	messages int64
	sum      int64 // of DE4 over all messages between header and trailer
	ended    bool  // the trailer was there
}

const (
	pdsReversal = 25
	pdsFileID   = 105
	pdsSum      = 301
	pdsMessages = 306
)

// record takes one message of the file; false ends it.
func (r *fileReader) record(rec *clearing.Record) bool {
	r.messages++
	function := string(rec.Get(24))
	switch {
	case r.ended:
		r.book.differ(FileTotals, r.name, "message %d stands behind the trailer", r.messages)
		return false
	case r.file == nil && (rec.MTI != "1644" || function != "697"):
		return r.refuse("does not begin with a header (1644/697)")
	case r.file == nil:
		return r.header(rec)
	case rec.MTI == "1644" && function == "695":
		r.trailer(rec)
		return true
	}
	amount, err := strconv.ParseInt(string(rec.Get(4)), 10, 64)
	if err != nil && rec.Has(4) {
		return r.refuse(fmt.Sprintf("message %d: DE4 is no number", r.messages))
	}
	r.sum += amount
	if rec.MTI == "1240" && function == "200" {
		return r.presentment(rec, amount)
	}
	return true
}

func (r *fileReader) refuse(why string) bool {
	r.book.differ(FileUnreadable, r.name, "%s", why)
	return false
}

func (r *fileReader) header(rec *clearing.Record) bool {
	id, _ := rec.PDS(pdsFileID)
	if len(id) != 25 {
		return r.refuse("the header has no file id of 25 digits (PDS0105)")
	}
	day, err := time.Parse("060102", id[3:9])
	if err != nil {
		return r.refuse("the file id has no date (PDS0105)")
	}
	if r.book.byID[id] != nil {
		r.book.differ(FileTwice, r.name, "id %s is another file's, too", id)
		return false
	}
	r.file = &clearingFile{id: id, date: day.Format(time.DateOnly)}
	r.book.byID[id] = r.file
	r.book.files = append(r.book.files, r.file)
	r.book.dates[r.file.date] = true
	return true
}

func (r *fileReader) trailer(rec *clearing.Record) {
	r.ended = true
	id, _ := rec.PDS(pdsFileID)
	sum, _ := rec.PDS(pdsSum)
	messages, _ := rec.PDS(pdsMessages)
	saidSum, sumErr := strconv.ParseInt(sum, 10, 64)
	saidMessages, messagesErr := strconv.ParseInt(messages, 10, 64)
	switch {
	case id != r.file.id:
		r.book.differ(FileTotals, r.name, "the trailer's file id is another one (PDS0105)")
	case sumErr != nil || saidSum != r.sum:
		r.book.differ(FileTotals, r.name, "the trailer says %q in total (PDS0301), its records %d", sum, r.sum)
	case messagesErr != nil || saidMessages != r.messages:
		r.book.differ(FileTotals, r.name, "the trailer says %q messages (PDS0306), there are %d", messages, r.messages)
	}
}

func (r *fileReader) end() {
	if !r.ended {
		r.refuse("has no trailer (1644/695)")
	}
}

func (r *fileReader) presentment(rec *clearing.Record, amount int64) bool {
	code := rec.Get(3)
	p := &presented{
		file: r.file, message: int32(r.messages), amount: amount,
		credit:   bytes.HasPrefix(code, []byte("20")) || bytes.HasPrefix(code, []byte("28")),
		currency: currencyWord(string(rec.Get(49))),
		pan:      unique.Make(pan.Mask(string(rec.Get(2)))),
		merchant: unique.Make(strings.TrimRight(string(rec.Get(42)), " ")),
	}
	reversal, _ := rec.PDS(pdsReversal)
	p.reversal = strings.HasPrefix(reversal, "R")
	p.reverses = unique.Make(strings.TrimPrefix(reversal, "R"))
	err := errors.Join(fill(p.arn[:], "DE31", string(rec.Get(31))), fill(p.rrn[:], "DE37", string(rec.Get(37))),
		fill(p.auth[:], "DE38", strings.TrimRight(string(rec.Get(38)), " ")))
	if err != nil {
		return r.refuse(fmt.Sprintf("message %d: %v", r.messages, err))
	}
	p.next = r.book.byARN[p.arn]
	r.book.byARN[p.arn] = p
	r.book.count++
	return true
}

func currencyWord(numeric string) word {
	if c, ok := money.ByNumeric(numeric); ok {
		return unique.Make(c.Alpha)
	}
	return unique.Make(numeric)
}

// find returns the presentments with an ARN: the first ones and the reversals, in no order.
func (b *clearingBook) find(name string) (first, reversals []*presented) {
	var key arn
	if name == "" || len(name) > len(key) {
		return nil, nil
	}
	copy(key[:], name)
	for p := b.byARN[key]; p != nil; p = p.next {
		if p.reversal {
			reversals = append(reversals, p)
		} else {
			first = append(first, p)
		}
	}
	return first, reversals
}
