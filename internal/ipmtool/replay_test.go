package ipmtool_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/ipmtool"
	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/switch/clearing"
)

// host is a host that follows a script: what it says to the n-th message, from 1: a response code, "" for silence, or
// "close".
type host struct {
	address string
	mu      sync.Mutex
	got     []string // of each message MTI, STAN, DE3, DE4, DE37 and the ARN
}

func newHost(t *testing.T, answer func(n int, m *spec.Message) string) *host {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{address: listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { h.serve(t, conn, answer) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return h
}

// serve answers the messages of a connection.
func (h *host) serve(t *testing.T, conn net.Conn, answer func(n int, m *spec.Message) string) {
	defer conn.Close()
	codec, format := dialect(t)
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		frame, err := format.Measuring(codec.Measure).Peek(r, spec.MaxMessage)
		if err != nil {
			return
		}
		var m spec.Message
		if err := codec.Unpack(frame.Message, &m); err != nil {
			t.Errorf("the host cannot read: %v", err)
			return
		}
		_, _ = r.Discard(frame.Size)
		if m.Has(90) {
			t.Error("there is a DE90")
		}
		arn, _ := spec.FindTLV(m.Bytes(48), spec.TagARN)
		h.mu.Lock()
		h.got = append(h.got, strings.Join([]string{
			m.MTI(), m.String(11), m.String(3), m.String(4), m.String(37), string(arn), m.String(38),
		}, " "))
		n := len(h.got)
		h.mu.Unlock()
		code := answer(n, &m)
		if code == "close" {
			return
		}
		if code == "" {
			continue
		}
		mti := []byte(m.MTI())
		mti[2]++
		mti[3] = '0'
		m.SetMTI(string(mti))
		m.Set(39, code)
		m.Unset(2)
		out, err := isotool.Append(nil, codec, format, &m)
		if err != nil {
			t.Errorf("the host cannot answer: %v", err)
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func (h *host) messages() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.got...)
}

func dialect(t *testing.T) (*spec.Codec, framing.Format) {
	t.Helper()
	codec, err := spec.Open(spec.DefaultDialect)
	if err != nil {
		t.Fatal(err)
	}
	format, err := framing.Parse("binary2")
	if err != nil {
		t.Fatal(err)
	}
	return codec, format
}

func (h *host) options(t *testing.T) ipmtool.ReplayOptions {
	codec, format := dialect(t)
	return ipmtool.ReplayOptions{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", h.address)
		},
		Codec: codec, Format: format, Wait: time.Minute,
	}
}

// replayFile writes a file with purchases, refunds and a reversal, and returns its name and presentments.
func replayFile(t *testing.T, dir string, production bool) (string, []clearing.Presentment) {
	t.Helper()
	ps := presentments(6) // the fifth is a refund
	ps[5].ReversalOf = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	ps[0].AuthCode = "A1B2C3"
	f := file(t, 1, clearing.Header{Blocked: true, Production: production}, ps)
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(dir, "day.ipm"), data), ps
}

// Each presentment is sent once, as what it is, over however many runs; the report says what became of it.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	name, ps := replayFile(t, dir, false)
	h := newHost(t, func(n int, _ *spec.Message) string { return []string{"00", "00", "94", "close", "00"}[min(n, 5)-1] })
	o := h.options(t)
	s, err := ipmtool.Replay(context.Background(), name, o)
	if err == nil || !strings.Contains(err.Error(), "record 5") || s.Sent != 4 || s.Accepted != 2 || s.Refused["94"] != 1 {
		t.Fatalf("the host hangs up on the fourth: %v, %+v", err, s)
	}
	s, err = ipmtool.Replay(context.Background(), name, o)
	if err != nil || s.Sent != 3 || s.Before != 3 || s.Accepted != 5 || s.Unanswered != 0 || s.Complete() ||
		s.Purchases != 4 || s.Refunds != 1 || s.Reversals != 1 || s.Skipped != 2 {
		t.Fatalf("the second run: %v, %+v", err, s)
	}
	want := []string{
		"0220 000001 000000 000000001000 R00000000000 " + ps[0].ARN + " A1B2C3",
		"0220 000002 000000 000000001001 R00000000001 " + ps[1].ARN + " ",
		"0220 000003 000000 000000001002 R00000000002 " + ps[2].ARN + " ",
		"0220 000004 000000 000000001003 R00000000003 " + ps[3].ARN + " ",
		"0221 000004 000000 000000001003 R00000000003 " + ps[3].ARN + " ", // a repeat: nobody knows whether it was seen
		"0220 000005 200000 000000001004 R00000000004 " + ps[4].ARN + " ",
		"0420 000006 000000 000000001005 R00000000005 " + ps[5].ARN + " ",
	}
	if got := h.messages(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the host got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s, err = ipmtool.Replay(context.Background(), name, o); err != nil || s.Sent != 0 || s.Before != 6 {
		t.Errorf("the third run: %v, %+v", err, s)
	}

	// The same messages in another form of the file are the same.
	other := filepath.Join(dir, "other.ipm")
	convert(t, name, other, ipmtool.ConvertOptions{CodePage: "ascii", Blocking: "vbs"})
	if s, err = ipmtool.Replay(context.Background(), other, o); err != nil || s.Sent != 0 {
		t.Errorf("in another form: %v, %+v", err, s)
	}

	report := filepath.Join(dir, "report.csv")
	if err := ipmtool.WriteReplayReport(t.Context(), name, s.State, report, false); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(readFile(t, report)))).ReadAll()
	if err != nil || len(rows) != 9 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var outcomes []string
	for _, row := range rows[1:] {
		outcomes = append(outcomes, row[3]+row[4])
	}
	const told = "skipped accepted00 accepted00 refused94 accepted00 accepted00 accepted00 skipped"
	if got := strings.Join(outcomes, " "); got != told || strings.Contains(fmt.Sprint(rows), "4111111111111111") {
		t.Errorf("the report says %s; want %s", got, told)
	}
	err = ipmtool.WriteReplayReport(t.Context(), name, s.State, filepath.Join(dir, "report.jsonl"), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range []string{"report.csv", "report.jsonl"} {
		said, summary := diffDetail(t, name, filepath.Join(dir, report))
		if said != "only_a 4 1240/200 first presentment\n" || summary.Alike != 5 || summary.RecordsB != 5 {
			t.Errorf("diff of %s: %s%+v", report, said, summary)
		}
	}

	o.Again = true
	if s, err = ipmtool.Replay(context.Background(), name, o); err != nil || s.Sent != 6 || !s.Complete() {
		t.Errorf("again: %v, %+v", err, s)
	}
	if last := h.messages()[len(h.messages())-1]; !strings.HasPrefix(last, "0420 000012 ") {
		t.Errorf("again: %s", last)
	}
}

// A run that sends everything again and is ended goes on where it stopped, however often; once it has an answer to
// everything, the next one sends everything again.
func TestReplayAgainGoesOn(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	h := newHost(t, func(n int, _ *spec.Message) string {
		return map[bool]string{true: "close", false: "00"}[n == 9 || n == 11]
	})
	o := h.options(t)
	run := func(again, whole bool, sent, before int) {
		t.Helper()
		o.Again = again
		s, err := ipmtool.Replay(t.Context(), name, o)
		if (err == nil) != whole || s.Sent != sent || s.Before != before {
			t.Fatalf("%v, %+v", err, s)
		}
	}
	run(false, true, 6, 0)
	run(true, false, 3, 0) // the third is not answered
	run(true, false, 2, 2) // and so is not, then, the fourth
	run(false, true, 1, 5) // what has no answer alone
	run(true, true, 2, 4)  // what is left of the second time
	run(false, true, 0, 6) // nothing is left
	run(true, true, 6, 0)  // a third time
	if got := h.messages(); len(got) != 20 || !strings.HasPrefix(got[9], "0221 000009 ") {
		t.Errorf("%q", got)
	}
}

// diffDetail compares a file with rows and returns a line a difference.
func diffDetail(t *testing.T, a, b string, ignore ...string) (string, *ipmtool.DiffSummary) {
	t.Helper()
	var files [2]*os.File
	for i, name := range []string{a, b} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	var out strings.Builder
	summary, err := ipmtool.DiffDetail(files[0], files[1], ipmtool.DiffOptions{Ignore: ignore},
		func(d *ipmtool.Difference) error {
			fmt.Fprintf(&out, "%s %d %s", d.Kind, max(d.RecordA, d.RecordB), d.Message)
			for _, f := range d.Fields {
				fmt.Fprintf(&out, " [%s: %s | %s]", f.Field, f.A, f.B)
			}
			out.WriteByte('\n')
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), summary
}

// A message without an answer is one of unknown fate; ten in a row stop the replay. A late answer counts.
func TestReplaySilence(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	h := newHost(t, func(n int, _ *spec.Message) string { return map[bool]string{true: "", false: "00"}[n <= 2] })
	o := h.options(t)
	o.Wait = 50 * time.Millisecond
	s, err := ipmtool.Replay(context.Background(), name, o)
	if err != nil || s.Unanswered < 2 || s.Accepted+s.Unanswered != 6 {
		t.Fatalf("%v, %+v", err, s)
	}
	o.Wait = time.Minute
	s, err = ipmtool.Replay(context.Background(), name, o)
	if err != nil || !s.Complete() {
		t.Fatalf("the second run: %v, %+v", err, s)
	}
	if got := h.messages(); !strings.HasPrefix(got[6], "0221 000001 ") {
		t.Errorf("%q", got)
	}
}

// Messages are sent no faster than is asked for.
func TestReplayRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name, _ := replayFile(t, t.TempDir(), false)
		ours, theirs := net.Pipe()
		h := &host{}
		go h.serve(t, theirs, func(int, *spec.Message) string { return "00" })
		o := h.options(t)
		o.Rate = 2
		o.Dial = func(context.Context) (net.Conn, error) { return ours, nil }
		began := time.Now()
		s, err := ipmtool.Replay(context.Background(), name, o)
		if took := time.Since(began); err != nil || !s.Complete() || took != 2500*time.Millisecond {
			t.Errorf("six messages at 2 a second took %s: %v, %+v", took, err, s)
		}
	})
}

func TestReplayRefuses(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, true)
	h := newHost(t, func(int, *spec.Message) string { return "00" })
	o := h.options(t)
	_, err := ipmtool.Replay(context.Background(), name, o)
	if err == nil || !strings.Contains(err.Error(), "--production") {
		t.Errorf("a file of production: %v", err)
	}
	o.DryRun, o.Production = true, true
	s, err := ipmtool.Replay(context.Background(), name, o)
	if _, statErr := os.Stat(s.State); err != nil || statErr == nil || s.Purchases != 4 || s.Sent != 0 {
		t.Errorf("--dry-run: %v, %v, %+v", err, statErr, s)
	}
	cut := write(t, filepath.Join(dir, "cut.ipm"), readFile(t, name)[:1500])
	empty := write(t, filepath.Join(dir, "empty"), nil)
	for in, want := range map[string]string{
		cut: "record", empty: "empty", dir: "is a directory", "/dev/zero": "is a device",
		write(t, filepath.Join(dir, "rows.csv"), []byte("a,b\n")): "no clearing file",
	} {
		if _, err := ipmtool.Replay(context.Background(), in, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", in, err, want)
		}
	}
	if got := h.messages(); len(got) > 0 {
		t.Errorf("the host got %q", got)
	}

	// Nobody else may replay it meanwhile, and a line that was cut is no line.
	o.DryRun = false
	state := write(t, filepath.Join(dir, "state"), []byte(
		`{"run":1,"file_id":"0022611210000001234500001","de71":"00000002","stan":7,"de7":"1126120000",`+
			`"outcome":"unanswered"}`+"\n"+`{"run":1,"file_`))
	o.State = state
	o.Dial = func(context.Context) (net.Conn, error) {
		_, err := ipmtool.Replay(context.Background(), name, o)
		if err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("two at once: %v", err)
		}
		return nil, errors.New("no way")
	}
	if _, err := ipmtool.Replay(context.Background(), name, o); err == nil || !strings.Contains(err.Error(), "no way") {
		t.Error(err)
	}
	o = h.options(t)
	o.State, o.Production = state, true
	if s, err := ipmtool.Replay(context.Background(), name, o); err != nil || s.Sent != 6 {
		t.Errorf("%v, %+v", err, s)
	}
	if got := h.messages(); !strings.HasPrefix(got[0], "0221 000007 ") || !strings.HasPrefix(got[1], "0220 000008 ") {
		t.Errorf("%q", got)
	}
	long := bytes.Repeat([]byte{0xF1}, 5000)
	for _, none := range [][]byte{[]byte("{\"shoe\":1}\n"), readFile(t, name), []byte("x"), long} {
		o.State = write(t, filepath.Join(dir, "bad"), none)
		_, err := ipmtool.Replay(context.Background(), name, o)
		if err == nil || !strings.Contains(err.Error(), "line 1") || !bytes.Equal(readFile(t, o.State), none) {
			t.Errorf("a state that is none, %.10q: %v", none, err)
		}
	}
}

// A record is known by its file's id and DE71: what has them twice is refused before anything is sent.
func TestReplayOfRecordsThatCannotBeTold(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	h := newHost(t, func(int, *spec.Message) string { return "00" })
	rows := filepath.Join(dir, "rows.csv")
	convert(t, name, rows, ipmtool.ConvertOptions{ClearPAN: true})
	text := string(readFile(t, rows))
	same := write(t, filepath.Join(dir, "same.csv"), []byte(strings.Replace(text, "00000003", "00000002", 1)))
	file := filepath.Join(dir, "same.ipm")
	convert(t, same, file, ipmtool.ConvertOptions{})
	lines := strings.SplitAfter(text, "\n")
	twice := write(t, filepath.Join(dir, "twice.csv"), []byte(text+strings.Join(lines[1:], "")))
	both := filepath.Join(dir, "twice.ipm")
	convert(t, twice, both, ipmtool.ConvertOptions{})
	mode := write(t, filepath.Join(dir, "mode.csv"), []byte(strings.Replace(text, "0122=T", "0122=X", 1)))
	unknown := filepath.Join(dir, "mode.ipm")
	convert(t, mode, unknown, ipmtool.ConvertOptions{})
	for in, want := range map[string]string{file: "record 3: DE71", both: "begins again", unknown: "--production"} {
		_, err := ipmtool.Replay(context.Background(), in, h.options(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	if got := h.messages(); len(got) > 0 {
		t.Errorf("the host got %q", got)
	}
}

// Of what a host cannot decide now nobody knows what came of it: it is sent again, as a repeat.
func TestReplayToAHostThatIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	h := newHost(t, func(n int, _ *spec.Message) string { return map[bool]string{true: "91", false: "00"}[n == 1] })
	s, err := ipmtool.Replay(context.Background(), name, h.options(t))
	if err != nil || s.Unanswered != 1 || s.Accepted != 5 {
		t.Fatalf("%v, %+v", err, s)
	}
	if s, err = ipmtool.Replay(context.Background(), name, h.options(t)); err != nil || !s.Complete() || s.Sent != 1 {
		t.Fatalf("the second run: %v, %+v", err, s)
	}
	if got := h.messages(); !strings.HasPrefix(got[6], "0221 000001 ") {
		t.Errorf("%q", got)
	}
	// The STAN of a repeat is given to no other message.
	o := h.options(t)
	o.Again = true
	if _, err = ipmtool.Replay(context.Background(), name, o); err != nil {
		t.Fatal(err)
	}
	if got := h.messages(); !strings.HasPrefix(got[7], "0220 000007 ") {
		t.Errorf("%q", got)
	}
}

func TestReplayToFolder(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	folder := filepath.Join(dir, "in")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := ipmtool.ReplayToFolder(t.Context(), name, folder, ipmtool.ReplayOptions{})
	if err != nil || s.Sent != 8 || string(readFile(t, filepath.Join(folder, "day.ipm"))) != string(readFile(t, name)) {
		t.Fatalf("%v, %+v", err, s)
	}
	if err := os.Remove(filepath.Join(folder, "day.ipm")); err != nil { // it was taken
		t.Fatal(err)
	}
	_, err = ipmtool.ReplayToFolder(t.Context(), name, folder, ipmtool.ReplayOptions{})
	if err == nil || !strings.Contains(err.Error(), "--again") {
		t.Errorf("twice: %v", err)
	}
	if _, err := ipmtool.ReplayToFolder(t.Context(), name, folder, ipmtool.ReplayOptions{Again: true}); err != nil {
		t.Errorf("again: %v", err)
	}

	// Another file of that name stays what it is, however often it is tried.
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	theirs := write(t, filepath.Join(other, "day.ipm"), []byte("another file"))
	o := ipmtool.ReplayOptions{State: filepath.Join(dir, "other.state")}
	for range 2 {
		_, err := ipmtool.ReplayToFolder(t.Context(), name, other, o)
		if err == nil || !strings.Contains(err.Error(), "there already") || string(readFile(t, theirs)) != "another file" {
			t.Errorf("over another file: %v, %q", err, readFile(t, theirs))
		}
	}
}
