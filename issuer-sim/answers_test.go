package issuersim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/clearing"
)

// outFiles are the files of the out folder by their names.
func outFiles(t testing.TB, fs vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fs.List("out")
	if err != nil {
		return nil
	}
	files := map[string][]byte{}
	for _, name := range names {
		f, err := fs.Open("out/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if files[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return files
}

// recordsOf shows a file's records a line each: type, function, and some of what there is.
func recordsOf(t testing.TB, file []byte) []string {
	t.Helper()
	r, err := clearing.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		line := record.MTI + "/" + record.FunctionCode()
		for de := range record.Elements() {
			if !slices.Contains([]int{24, 48, 71}, de) {
				line += fmt.Sprintf(" %d=%s", de, record.Text(de))
			}
		}
		for sub := range record.Subelements() {
			line += fmt.Sprintf(" P%d=%s", sub.Tag, sub.Value)
		}
		lines = append(lines, line)
	}
}

// verified holds an answer of which no record was rejected against the format.
func verified(t testing.TB, file []byte) {
	t.Helper()
	report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{Strict: true})
	if err != nil || !report.OK {
		t.Errorf("the answer does not verify: %v, %v", err, report)
	}
}

// answerTo posts a file and returns the one that answers it, which must be whole and the only one by its name.
func (s *sim) answerTo(fs vfs.FS, file string, status int) []byte {
	s.t.Helper()
	got, body := s.http("POST", "/v1/clearing", file)
	var said struct{ Answer string }
	if err := json.Unmarshal([]byte(body), &said); err != nil || got != status || said.Answer == "" {
		s.t.Fatalf("%d %s, want %d and an answer", got, body, status)
	}
	return outFiles(s.t, fs)[said.Answer+".ipm"]
}

func expectLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d:\n%s", what, len(got), len(want), strings.Join(got, "\n"))
	}
	for n := range want {
		// A date in an id is today's.
		ends := strings.Split(want[n], "…")
		if !strings.HasPrefix(got[n], ends[0]) || !strings.HasSuffix(got[n], ends[len(ends)-1]) {
			t.Errorf("%s, record %d:\n%s\nwant\n%s", what, n+1, got[n], want[n])
		}
	}
}

const firstFile = "0022611210000040000100001"

// A file is answered: each record that is rejected, the record itself, and what was accepted by currency.
func TestAnswerToAFile(t *testing.T) {
	fs := vfs.NewMem()
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}})
	if got := s.exchange(s.line("0200 stan=1 amount=700 date=1121 arn=" + testARN(t, 1))).String(39); got != "00" {
		t.Fatal(got)
	}
	file := present(t, 1,
		&clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 1)},
		&clearing.Presentment{AmountMinor: 80, RRN: pad("R2", 12), ARN: testARN(t, 2), PAN: "4000000000000143"}, // no card
		&clearing.Presentment{AmountMinor: 30, RRN: pad("R3", 12), ARN: testARN(t, 3), Credit: true},
		&clearing.Presentment{AmountMinor: 700, RRN: pad("R4", 12), ARN: testARN(t, 1)}, // it stands already
	)
	answer := s.answerTo(fs, file, http.StatusOK)
	repeated := func(pan, amount, rrn, arn string) string {
		return "1240/200 2=" + pan + " 3=000000 4=" + amount + " 12=261121120000 22=000000000000 26=5999 31=" + arn +
			" 32=400001 33=400001 37=" + rrn + " 41=TERM0001 42=MERCHANT1       " +
			"43=Shop\\Street 1\\City\\12345        DEU 49=978 94=400001 P148=9782"
	}
	expectLines(t, "the answer", recordsOf(t, answer),
		"1644/697 P105=001…00000400001"+"00001 P122=T",
		"1644/691 P5=D0002050301000 P138=00000003 P280="+firstFile,
		repeated("4000000000000143", "000000000080", "R00000000002", testARN(t, 2)),
		"1644/691 P5=D0031050201000 P138=00000005 P280="+firstFile,
		repeated("4111111111111111", "000000000700", "R00000000004", testARN(t, 1)),
		"1644/685 49=978 50=978 P300="+firstFile+" P380=0000000000000700 P381=0000000000000030 P384=C0000000000000670 "+
			"P390=0000000000000700 P391=0000000000000030 P394=C0000000000000670 P395=C0000000000000000 "+
			"P396=C0000000000000670 P400=0000000001 P401=0000000001 P402=0000000002",
		"1644/695 P105=001…0000040000100001 P301=0000000000000780 P306=00000007",
	)
	verified(t, answer)
	s.audit()

	// The same again is refused with an answer of its own, and changes nothing; after a restart, too.
	before := showLedger(s.server.Ledger())
	for n := range 2 {
		again := s.answerTo(fs, file, http.StatusConflict)
		verified(t, again)
		expectLines(t, "again", recordsOf(t, again),
			fmt.Sprintf("1644/697 P105=001…00000400001%05d P122=T", n+2),
			"1644/699 72=this file was taken before P5=P0105090507000 P280="+firstFile,
			fmt.Sprintf("1644/695 P105=001…00000400001%05d P301=0000000000000000 P306=00000003", n+2),
		)
		s.stop()
		s = start(t, issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}})
	}
	if after := showLedger(s.server.Ledger()); after != before {
		t.Errorf("the books: %s, before %s", after, before)
	}
	// What was rejected comes again under its reference, in another file.
	status, got := s.clear(present(t, 2, &clearing.Presentment{
		AmountMinor: 80, RRN: pad("R2", 12), ARN: testARN(t, 2),
	}))
	if got != "messages=1 posted=1" {
		t.Errorf("the record again: %d %s", status, got)
	}
}

// The numbers of answers begin anew with each date in UTC.
func TestAnswersOverMidnight(t *testing.T) {
	fs := vfs.NewMem()
	now := day.Add(12*time.Hour - time.Second)
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{
		Out: "out", Now: func() time.Time { return now },
	}})
	for n, id := range []string{"0012611210000040000100001", "0012611210000040000100002", "0012611220000040000100001"} {
		file := present(t, n+1, &clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 9)})
		if n == 2 {
			now = now.Add(time.Second)
		}
		s.http("POST", "/v1/clearing", file)
		if files := outFiles(t, fs); len(files) != n+1 || files[id+".ipm"] == nil {
			t.Errorf("file %d: out are %d files, and no %s", n+1, len(files), id)
		}
	}
}

// A file that is refused as a whole changes nothing, whatever is wrong with it, and its member is told why.
func TestRefusedFiles(t *testing.T) {
	good := present(t, 1, &clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 1)})
	// The bytes of the file in ASCII without blocks, so that text can be replaced in it.
	plain := func(h clearing.Header, ps ...*clearing.Presentment) string { return presentAs(t, h, ps...) }
	header := clearing.Header{
		FileID: clearing.FileID{Date: day, ProcessorID: "400001", Sequence: 1}, CodePage: clearing.ASCII,
	}
	one := &clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 1)}
	text := plain(header, one)
	replace := func(old, instead string) string {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%q stands %d times", old, strings.Count(text, old))
		}
		return strings.Replace(text, old, instead, 1)
	}
	production, other, system := header, header, header
	production.Production = true
	other.FileID.ProcessorID = "400002"
	system.FileID.Type = clearing.MadeByClearing
	for _, c := range []struct{ name, file, code, element string }{
		{"a wrong sum", replace("0301016"+"0000000000000700", "0301016"+"0000000000000701"), "0519", "P0301"},
		{"a wrong amount", replace("000000000000000700", "000000000000000500"), "0519", "P0301"},
		{"a wrong count", replace("030600800000003", "030600800000004"), "0504", "P0306"},
		{"a number twice", replace("00000002"+"06400001", "00000001"+"06400001"), "0503", "D0071"},
		{"another member", plain(other, one), "0505", "P0105"},
		{"another mode", plain(production, one), "0506", "P0122"},
		{"of the clearing system's own", plain(system, one), "0508", "P0105"},
		{"another id in the trailer", replace("0105025"+firstFile+"0301", "0105025"+firstFile[:24]+"20301"), "0502", "P0105"},
		{"two files in one", text[:len(text)-4] + text, "0502", "D0000"},
		{"something behind the end", text + "x", "0501", "D0000"},
		{"empty", "", "0501", "D0000"},
		{"no file at all", "not a clearing file at all", "0501", "D0000"},
		{"zeros", strings.Repeat("\x00", 4<<20), "0501", "D0000"},
		{"a length of two thousand million", "\x7f\xff\xff\xff" + text, "0501", "D0000"},
		{"without a header", text[4+int(text[3]):], "0502", "D0024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := start(t, issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{
				Out: "out", Mode: "T", Members: []string{"400001"},
			}})
			status, body := s.http("POST", "/v1/clearing", c.file)
			var said struct{ Error, Code, Element, Answer string }
			if err := json.Unmarshal([]byte(body), &said); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusUnprocessableEntity || said.Code != c.code || said.Element != c.element {
				t.Fatalf("%d %s, want code %s of %s", status, body, c.code, c.element)
			}
			known := strings.Contains(said.Error, "file 00") && c.code != "0508" // its own files it does not answer
			if answer := outFiles(t, fs)[said.Answer+".ipm"]; known != (answer != nil) {
				t.Errorf("the answer %q to %q", said.Answer, said.Error)
			} else if known {
				verified(t, answer)
				if lines := recordsOf(t, answer); len(lines) != 3 ||
					!strings.Contains(lines[1], " P5="+c.element+"09"+c.code+"000 P280=002") {
					t.Errorf("the answer:\n%s", strings.Join(lines, "\n"))
				}
			}
			if len(s.server.Ledger().Currencies) != 0 {
				t.Errorf("the books: %s", showLedger(s.server.Ledger()))
			}
			if status, got := s.clear(good); got != "messages=1 posted=1" {
				t.Errorf("the right file after it: %d %s", status, got)
			}
		})
	}
}

// brokenFS fails to sync, to rename or to remove files of the clearing system, while it is told to.
type brokenFS struct {
	vfs.FS
	sync, rename, remove bool
}

func (fs *brokenFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	if err == nil && strings.HasSuffix(name, ".part") {
		return &brokenFile{f, fs}, nil
	}
	return f, err
}

func (fs *brokenFS) Rename(from, to string) error {
	if fs.rename && strings.HasSuffix(to, ".ipm") {
		return errBroken
	}
	return fs.FS.Rename(from, to)
}

func (fs *brokenFS) Remove(name string) error {
	if fs.remove && strings.HasSuffix(name, ".part") {
		return errBroken
	}
	return fs.FS.Remove(name)
}

type brokenFile struct {
	vfs.File
	fs *brokenFS
}

func (f *brokenFile) Sync() error {
	if f.fs.sync {
		return errBroken
	}
	return f.File.Sync()
}

var errBroken = errors.New("the disk is broken")

// An answer comes once and whole, wherever its making breaks off: before the log has it the file is given again, and
// what it did is found done; after that the next start gives it its name.
func TestAnswerThatBreaksOff(t *testing.T) {
	fs := &brokenFS{FS: vfs.NewMem()}
	options := issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	file := present(t, 1,
		&clearing.Presentment{AmountMinor: 700, RRN: pad("R1", 12), ARN: testARN(t, 1)},
		&clearing.Presentment{AmountMinor: 30, RRN: pad("R3", 12), ARN: testARN(t, 3), Credit: true})
	restart := func() {
		t.Helper()
		s.audit()
		s.stop()
		s = start(t, options)
	}
	fs.sync = true
	if status, body := s.http("POST", "/v1/clearing", file); status != http.StatusServiceUnavailable {
		t.Errorf("the answer cannot be synced: %d %s", status, body)
	}
	fs.sync = false
	settled := showLedger(s.server.Ledger())
	leftover := present(t, 9)
	writeAll(t, fs, "out/0012611260000040000109999.part", []byte(leftover)) // of a crash before the log had it
	restart()
	if files := outFiles(t, fs); len(files) != 0 {
		t.Errorf("left of what was not made: %v", files)
	}
	fs.rename = true
	if status, body := s.http("POST", "/v1/clearing", file); status != http.StatusServiceUnavailable {
		t.Errorf("the answer cannot be renamed: %d %s", status, body)
	}
	fs.rename = false
	if got := showLedger(s.server.Ledger()); got != settled {
		t.Errorf("given again, the books are %s, were %s", got, settled)
	}
	restart()
	files := outFiles(t, fs)
	if len(files) != 1 {
		t.Fatalf("the answers: %v", files)
	}
	for name, answer := range files {
		verified(t, answer)
		if lines := recordsOf(t, answer); !strings.HasSuffix(name, "00001.ipm") || len(lines) != 3 ||
			!strings.Contains(lines[1], "P400=0000000001 P401=0000000001") {
			t.Errorf("%s:\n%s", name, strings.Join(lines, "\n"))
		}
	}
	if status, _ := s.clear(file); status != http.StatusConflict {
		t.Errorf("the same again: %d", status)
	}

	// The file of a window alike: the window has ended when the log says so, and is told of once.
	fs.rename = true
	if status, body := s.http("POST", "/v1/clearing/window", ""); status != http.StatusServiceUnavailable {
		t.Errorf("the window: %d %s", status, body)
	}
	fs.rename = false
	restart()
	if _, body := s.http("POST", "/v1/clearing/window", ""); !strings.Contains(body, `"files":[]`) {
		t.Errorf("the window again: %s", body)
	}
	windows := 0
	for _, answer := range outFiles(t, fs) {
		windows += strings.Count(strings.Join(recordsOf(t, answer), "\n"), "1644/688")
	}
	if windows != 1 {
		t.Errorf("%d files tell of the window", windows)
	}
}

// An answer that was never made, and could not be removed, is none: not at the next start either, when others were made
// after it.
func TestAnswerThatWasNotMadeStays(t *testing.T) {
	fs := &brokenFS{FS: vfs.NewMem()}
	options := issuersim.Options{FS: fs, DataDir: "data", Clearing: issuersim.Clearing{Out: "out"}}
	s := start(t, options)
	file := present(t, 1, sale(t, 1, 700))
	fs.sync, fs.remove = true, true
	if status, body := s.http("POST", "/v1/clearing", file); status != http.StatusServiceUnavailable {
		t.Fatalf("the answer cannot be synced: %d %s", status, body)
	}
	fs.sync, fs.remove = false, false
	if status, got := s.clear(file); status != http.StatusOK {
		t.Fatalf("given again: %d %s", status, got)
	}
	s.stop()
	made, err := fs.List("out")
	if err != nil || len(made) != 2 {
		t.Fatalf("the answer, and what is left of the one before: %q, %v", made, err)
	}
	start(t, options)
	left, err := fs.List("out")
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], "00002.ipm") {
		t.Errorf("after a restart: %q, %v", left, err)
	}
}
