package clearing_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/rules"
	format "switchyard/switch/clearing"
)

var day = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// desk is a desk with books in memory, on a file system of its own.
func desk(t testing.TB, fs vfs.FS, o clearing.Options) (*clearing.Desk, *book.Book) {
	t.Helper()
	current := new(rules.Current)
	current.Set(nil, day)
	books := book.New(1, book.Limits{Cards: 1 << 20, Authorizations: 1 << 20, Messages: 1 << 20}, current)
	d, err := clearing.NewDesk(fs, o, books, current, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return d, books
}

func arn(t testing.TB, sequence uint64) string {
	t.Helper()
	text, err := format.ARN("400001", day, sequence)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func header(sequence int) format.Header {
	return format.Header{
		FileID: format.FileID{Date: day, ProcessorID: "400001", Sequence: sequence}, CodePage: format.ASCII,
	}
}

// file is one of presentments; what they do not say is filled in.
func file(t testing.TB, h format.Header, ps ...format.Presentment) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := format.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for n := range ps {
		p := &ps[n]
		p.PAN, p.Currency = cmp.Or(p.PAN, "4111111111111111"), cmp.Or(p.Currency, "EUR")
		p.FunctionCode, p.MCC = cmp.Or(p.FunctionCode, "200"), cmp.Or(p.MCC, "5999")
		p.LocalTime, p.POSDataCode, p.AcquirerID, p.ForwarderID = day, "000000000000", "400001", "400001"
		p.RRN, p.AuthCode, p.Terminal, p.Merchant = "R00000000001", "123456", "TERM0001", "MERCHANT1"
		p.Acceptor = format.Acceptor{Name: "Shop", City: "City", CountryAlpha3: "DEU"}
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ledger(books *book.Book) string { return fmt.Sprint(books.Ledger().Currencies) }

// Each byte of a file that is another, and each end that is missing, refuses the file or the record, and nothing
// changes; but where no check can see it.
func TestEachByteOfAFile(t *testing.T) {
	good := file(t, header(1), format.Presentment{AmountMinor: 700, ARN: arn(t, 1)})
	// What has no check: the values that the issuer takes as they are, and blanks in them.
	unchecked := []string{
		"R00000000001", "123456", "TERM0001", "MERCHANT1      ", "Shop\\ \\City\\             DEU", "261121120000",
		"000000000000", "5999", "0148", "06400001",
	}
	within := func(n int) bool {
		return slices.ContainsFunc(unchecked, func(value string) bool {
			for from := 0; ; {
				at := bytes.Index(good[from:], []byte(value))
				if at < 0 {
					return false
				}
				if at += from; n >= at && n < at+len(value) {
					return true
				}
				from = at + 1
			}
		})
	}
	taken := 0
	for n := range good {
		changed := slices.Clone(good)
		changed[n] ^= 1
		for _, damaged := range [][]byte{good[:n], changed} {
			d, books := desk(t, vfs.NewMem(), clearing.Options{})
			result, err := d.Take(bytes.NewReader(damaged))
			moved := len(books.Ledger().Currencies) != 0
			var refused *clearing.RefusedError
			switch {
			case err != nil && !errors.As(err, &refused):
				t.Fatalf("byte %d: %v", n, err)
			case err != nil && moved:
				t.Errorf("byte %d: refused, and the books are %s", n, ledger(books))
			case err != nil, result.Excepted > 0 && !moved:
			case len(damaged) < len(good) && n == len(good)-4: // only the zero length at the end is missing
			case len(damaged) < len(good):
				t.Errorf("cut after %d bytes: %+v", n, result)
			case !within(n):
				t.Errorf("byte %d, %q in %q: taken", n, good[n], good[max(0, n-8):min(len(good), n+8)])
			default:
				taken++
			}
			if wrong := books.Audit(); wrong != nil {
				t.Errorf("byte %d: %v", n, wrong)
			}
		}
	}
	if taken == 0 {
		t.Error("no byte is unchecked, so the test tells nothing")
	}
}

// A file is answered in its own framing, whether it is taken or refused.
func TestAnswerInTheFilesFraming(t *testing.T) {
	for _, framing := range []format.Framing{{}, {Blocked: true}, {RDW: true}, {Blocked: true, RDW: true}} {
		h := header(1)
		h.Blocked, h.RDW = framing.Blocked, framing.RDW
		fs := vfs.NewMem()
		d, _ := desk(t, fs, clearing.Options{Out: "out"})
		text := file(t, h, format.Presentment{AmountMinor: 700, ARN: arn(t, 1)})
		if _, err := d.Take(bytes.NewReader(text)); err != nil {
			t.Fatalf("%s: %v", framing, err)
		}
		if _, err := d.Take(bytes.NewReader(text)); err == nil {
			t.Fatalf("%s: taken twice", framing)
		}
		answers, err := fs.List("out")
		if err != nil || len(answers) != 2 {
			t.Fatalf("%s: answers %q, %v", framing, answers, err)
		}
		for _, name := range answers {
			answer, err := fs.Open(fs.PathJoin("out", name))
			if err != nil {
				t.Fatal(err)
			}
			reader, err := format.NewReader(answer)
			if err != nil || reader.Framing() != framing {
				t.Errorf("%s: %s is answered in %v, %v", framing, name, reader.Framing(), err)
			}
			if err := answer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// nameless is a disk on which no file gets another name.
type nameless struct{ vfs.FS }

func (nameless) Rename(string, string) error { return errors.New("no other name") }

// An answer that is told of outlives a loss of power, though its folders are new; and so does one that has no name yet.
func TestAnswerOutlivesACrash(t *testing.T) {
	for name, renames := range map[string]bool{"001": true, "001 without a name": false} {
		disk := vfs.NewCrashableMem()
		var fs vfs.FS = disk
		if !renames {
			fs = nameless{disk}
		}
		d, _ := desk(t, fs, clearing.Options{Out: "files/out"})
		_, err := d.Take(bytes.NewReader(file(t, header(1), format.Presentment{AmountMinor: 700, ARN: arn(t, 1)})))
		if (err == nil) != renames {
			t.Fatalf("%s: %v", name, err)
		}
		left, err := disk.CrashClone(vfs.CrashCloneCfg{}).List("files/out")
		if err != nil || len(left) != 1 || strings.HasSuffix(left[0], ".ipm") != renames {
			t.Errorf("%s: left are %q, %v", name, left, err)
		}
	}
}

// A file of a folder is taken once it is whole: with a manifest beside at once, else when it has an end and is as it
// was at the last look. One that ends too early is refused only after it has been so for long enough.
func TestWatchedFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		d, books := desk(t, fs, clearing.Options{Incoming: "in", Out: "out", Poll: time.Second, Patience: time.Minute})
		write := func(name string, text []byte) {
			t.Helper()
			if err := fs.MkdirAll(fs.PathDir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(slices.Clone(text)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		taken := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := books.FilesTaken(); got != want {
				t.Errorf("%s: %d files are taken, want %d", what, got, want)
			}
		}
		answers := func(want int) {
			t.Helper()
			names, _ := fs.List("out")
			if len(names) != want {
				t.Errorf("%d answers, want %d: %v", len(names), want, names)
			}
		}
		one := func(n int) []byte {
			return file(t, header(n), format.Presentment{AmountMinor: 100, ARN: arn(t, uint64(n))})
		}
		write("in/2026-11-21/a.ipm", one(1))
		write("in/2026-11-21/a.manifest.json", nil)
		write("in/b.ipm", one(2))
		write("in/c.ipm", one(3)[:300])
		write("in/.d.ipm", one(4))
		write("in/e.ipm.tmp", one(5))
		if err := fs.MkdirAll("in/f.ipm", 0o700); err != nil {
			t.Fatal(err)
		}
		write("in/zeros.ipm", make([]byte, 1<<20))
		quit, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			d.Watch(quit)
		}()
		time.Sleep(time.Second / 2)
		taken("at the first look", 1)
		time.Sleep(time.Second)
		taken("at the second look", 2)
		answers(2)
		time.Sleep(30 * time.Second)
		write("in/c.ipm", one(3)) // the rest has come
		time.Sleep(2 * time.Second)
		taken("once the rest has come", 3)
		write("in/g.ipm", one(6)[:300]) // and here it never does
		time.Sleep(59 * time.Second)
		answers(3)
		time.Sleep(3 * time.Second)
		taken("after a minute", 3)
		answers(4)
		write("in/again.ipm", one(2)) // under another name
		time.Sleep(time.Hour)
		taken("after an hour", 3)
		answers(5)
		close(quit)
		<-ended
		if got := books.Ledger().Currencies["EUR"].Settled; got != 300 {
			t.Errorf("settled %d, want 300", got)
		}
	})
}

// A long file stands in the folder for it while it is looked through, and nowhere after.
func TestLongFile(t *testing.T) {
	var ps []format.Presentment
	for n := range 6000 {
		ps = append(ps, format.Presentment{AmountMinor: 100, ARN: arn(t, uint64(n))})
	}
	long := file(t, header(1), ps...)
	fs := vfs.NewMem()
	d, books := desk(t, fs, clearing.Options{Spool: "spool"})
	result, err := d.Take(bytes.NewReader(long))
	if err != nil || result.Posted != 6000 {
		t.Fatalf("%+v, %v", result, err)
	}
	if names, err := fs.List("spool"); err != nil || len(names) != 0 {
		t.Errorf("left in the folder: %v, %v", names, err)
	}
	if _, err := d.Take(io.LimitReader(zeros{}, 1<<40)); err == nil {
		t.Error("zeros without an end are a file")
	}
	small, _ := desk(t, fs, clearing.Options{Spool: "spool", MaxBytes: 1 << 20})
	var refused *clearing.RefusedError
	if _, err := small.Take(bytes.NewReader(long)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "longer") {
		t.Errorf("beyond the bound: %v", err)
	}
	if wrong := books.Audit(); wrong != nil {
		t.Error(wrong)
	}
}

// Of files that come side by side a bounded number is taken, and of bytes where they stand in memory. What there is no
// room for is refused and may come again.
func TestFilesAtOnce(t *testing.T) {
	const messages = 5_000 // longer together than there is room for
	long := func(sequence int) []byte {
		var ps []format.Presentment
		for n := range messages {
			ps = append(ps, format.Presentment{AmountMinor: 100, ARN: arn(t, uint64(sequence*100_000+n))})
		}
		return file(t, header(sequence), ps...)
	}
	first, second := long(1), long(2)
	d, books := desk(t, vfs.NewMem(), clearing.Options{MaxBytes: int64(len(first))})
	begin := func(text []byte) (end func(rest []byte, why error) error) {
		from, to := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			_, err := d.Take(from)
			ended <- errors.Join(err, from.Close())
		}()
		if _, err := to.Write(text); err != nil { // returns once it was read
			t.Fatal(err)
		}
		return func(rest []byte, why error) error {
			if _, err := to.Write(rest); err != nil {
				t.Error(err)
			}
			_ = to.CloseWithError(why)
			return <-ended
		}
	}
	const left = 1000
	end := begin(first[:len(first)-left])
	if _, err := d.Take(bytes.NewReader(second)); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("another one in memory: %v", err)
	}
	if err := end(first[len(first)-left:], nil); err != nil {
		t.Errorf("the first: %v", err)
	}

	var ends []func([]byte, error) error
	for range 16 {
		ends = append(ends, begin(second[:1]))
	}
	if _, err := d.Take(bytes.NewReader(second)); err == nil || !strings.Contains(err.Error(), "16 clearing files") {
		t.Errorf("the 17th: %v", err)
	}
	for _, end := range ends {
		if err := end(nil, io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("one that breaks off: %v", err)
		}
	}
	if result, err := d.Take(bytes.NewReader(second)); err != nil || result.Posted != messages {
		t.Errorf("the second again: %+v, %v", result, err)
	}
	if wrong := books.Audit(); wrong != nil {
		t.Error(wrong)
	}
}

// An upload that breaks off is no file of the member: nothing is answered to it, and it may come again.
func TestUploadThatBreaksOff(t *testing.T) {
	fs := vfs.NewMem()
	good := file(t, header(1), format.Presentment{AmountMinor: 700, ARN: arn(t, 1)})
	d, _ := desk(t, fs, clearing.Options{Out: "out"})
	for _, n := range []int{0, 1, 100, len(good) / 2, len(good) - 1} {
		_, err := d.Take(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		var refused *clearing.RefusedError
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &refused) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	if _, err := d.Take(bytes.NewReader(good)); err != nil {
		t.Error(err)
	}
	if names, err := fs.List("out"); err != nil || len(names) != 1 {
		t.Errorf("answers to one file: %v, %v", names, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// FuzzTake hands in anything: it is refused and nothing changes, or taken, and the books balance.
func FuzzTake(f *testing.F) {
	good := file(f, header(1), format.Presentment{AmountMinor: 700, ARN: arn(f, 1)},
		format.Presentment{AmountMinor: 5, ARN: arn(f, 2), Credit: true})
	f.Add(good)
	f.Add(good[:len(good)/2])
	blocked := header(2)
	blocked.Blocked, blocked.CodePage = true, format.CP500
	f.Add(file(f, blocked, format.Presentment{AmountMinor: 700, ARN: arn(f, 1), FunctionCode: "200"}))
	f.Fuzz(func(t *testing.T, text []byte) {
		fs := vfs.NewMem()
		d, books := desk(t, fs, clearing.Options{Out: "out"})
		_, err := d.Take(bytes.NewReader(text))
		if err != nil && len(books.Ledger().Currencies) != 0 {
			t.Errorf("refused with %v, and the books are %s", err, ledger(books))
		}
		if wrong := books.Audit(); wrong != nil {
			t.Error(wrong)
		}
		names, _ := fs.List("out")
		for _, name := range names {
			if !strings.HasSuffix(name, ".ipm") {
				t.Errorf("%s was left", name)
			}
		}
	})
}
