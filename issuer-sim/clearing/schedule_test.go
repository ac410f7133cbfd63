package clearing_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/log"
	"switchyard/issuer-sim/rules"
	format "switchyard/switch/clearing"
)

// clockedDesk is a desk that ends windows by the clock, with a log; stop ends it.
func clockedDesk(t *testing.T, fs vfs.FS, windows ...string) (d *clearing.Desk, stop func()) {
	t.Helper()
	current := new(rules.Current)
	current.Set(nil, day)
	books := book.New(1, book.Limits{Cards: 1 << 20, Authorizations: 1 << 20, Messages: 1 << 20}, current)
	l, err := log.Open(&log.Options{
		FS: fs, Dir: "data", Entropy: rand.Reader, Sync: true, Limit: 1 << 30, Wrote: func(int64) {}, Logger: zap.NewNop(),
	}, books)
	if err != nil {
		t.Fatal(err)
	}
	books.LogTo(l)
	d, err = clearing.NewDesk(fs, clearing.Options{Out: "out", Windows: windows}, books, current, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(); err != nil {
		t.Fatal(err)
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		d.EndWindows(quit)
	}()
	return d, func() {
		t.Helper()
		close(quit)
		<-ended
		if err := books.CloseLog(); err != nil {
			t.Error(err)
		}
	}
}

// windowsTold are the dates and numbers of the windows that files tell of, in the order of the files.
func windowsTold(t *testing.T, fs vfs.FS) (told []string) {
	t.Helper()
	names, err := fs.List("out")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin("out", name))
		if err != nil {
			t.Fatal(err)
		}
		in, err := format.NewReader(f)
		for err == nil {
			var r *format.Record
			if r, err = in.Next(); err == nil && r.FunctionCode() == "688" {
				activity, _ := r.PDS(359)
				told = append(told, activity[51:59])
			}
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	return told
}

// Windows end at their times of day, where there is something to tell; a time at which nobody ran is made up for at the
// next start, once, and no window ends for the time before the first.
func TestWindowsEndByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		times := []string{"18:00", "08:00"}
		d, stop := clockedDesk(t, fs, times...)
		start := time.Now().UTC() // midnight
		until := func(hours float64) {
			t.Helper()
			time.Sleep(time.Until(start.Add(time.Duration(hours * float64(time.Hour)))))
			synctest.Wait()
		}
		sequence := 0
		take := func() {
			t.Helper()
			sequence++
			_, err := d.Take(bytes.NewReader(file(t, header(sequence), format.Presentment{
				AmountMinor: 100, ARN: arn(t, uint64(sequence)),
			})))
			if err != nil {
				t.Fatal(err)
			}
		}
		want := func(what string, windows ...string) {
			t.Helper()
			if got := windowsTold(t, fs); fmt.Sprint(got) != fmt.Sprint(windows) {
				t.Errorf("%s: told of %v, want %v", what, got, windows)
			}
		}
		take()
		if ends := d.Status().Ends; ends == nil || !ends.Equal(start.Add(8*time.Hour)) {
			t.Errorf("the window ends at %v", ends)
		}
		until(7.99)
		want("before the time")
		until(8)
		want("at the time", "00010101")
		until(18.5)
		want("without anything to tell", "00010101")
		take()
		if _, err := d.CloseWindow(); err != nil { // told to, in between
			t.Fatal(err)
		}
		want("by order", "00010101", "00010102")
		take()
		stop()

		until(32 + 10) // two times have passed, and 18:00 of that day
		d, stop = clockedDesk(t, fs, times...)
		synctest.Wait()
		want("made up for", "00010101", "00010102", "00010201")
		stop()
		d, stop = clockedDesk(t, fs, times...)
		take()
		until(43)
		want("once", "00010101", "00010102", "00010201")
		until(56)
		want("and on", "00010101", "00010102", "00010201", "00010301")
		stop()
	})
}

// What was brought before windows had times is told at the first time that comes.
func TestFirstWindowByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		time.Sleep(9 * time.Hour)
		d, stop := clockedDesk(t, fs)
		_, err := d.Take(bytes.NewReader(file(t, header(1), format.Presentment{AmountMinor: 100, ARN: arn(t, 1)})))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		stop()
		_, stop = clockedDesk(t, fs, "08:00")
		synctest.Wait()
		if got := windowsTold(t, fs); got != nil {
			t.Errorf("told of %v at once", got)
		}
		time.Sleep(22 * time.Hour)
		stop()
		time.Sleep(2 * time.Hour)
		_, stop = clockedDesk(t, fs, "08:00")
		synctest.Wait()
		stop()
		if got := windowsTold(t, fs); len(got) != 1 {
			t.Errorf("told of %v, want one window", got)
		}
	})
}

func TestTimesOfWindows(t *testing.T) {
	for times, want := range map[string]string{
		"8:00": "time of day", "24:00": "time of day", "08:00:00": "time of day", "": "time of day",
		"08:00 08:00": "each time of day once",
	} {
		current := new(rules.Current)
		_, err := clearing.NewDesk(vfs.NewMem(), clearing.Options{Out: "out", Windows: strings.Split(times, " ")}, nil,
			current, zap.NewNop())
		if err == nil || !strings.Contains(err.Error(), "clearing.windows: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", times, err, want)
		}
	}
	_, err := clearing.NewDesk(vfs.NewMem(), clearing.Options{Windows: []string{"08:00"}}, nil, new(rules.Current),
		zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "clearing.windows: expected out") {
		t.Errorf("without a folder: %v", err)
	}
}
