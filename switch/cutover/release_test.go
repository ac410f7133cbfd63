package cutover_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// The files of a date that waits for its release are nowhere before, over a restart and under another configuration;
// they are then those that they would have been. What is closed behind it for the same destination waits, too, and
// leaves behind it; what is for others does not.
func TestFilesWaitForRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		waiting := settings(func(o *cutover.Options) { o.Settings.Release = true })
		e, stop := b.run(waiting)
		b.must(b.present(b.authorized("visa", 700), capture(700, 1), presentment.Snapshot{}))
		result, err := e.Cutover(t.Context(), true)
		if err != nil || len(result.Files) != 0 || result.Unreleased != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		if there := tree(t, b.fs, "clearing"); len(there) > 0 {
			t.Errorf("before the release there is %q", names(there))
		}
		again, err := e.Rebuild(t.Context(), 20261120, "looked-at")
		b.must(err)
		if err := e.MayRelease(t.Context(), 20261120, cutover.WindowName{}); err != nil {
			t.Error(err)
		}
		stop()

		b.must(b.present(b.authorized("amex", 100), capture(100, 1), presentment.Snapshot{}))
		registry := prometheus.NewRegistry()
		e, stop = b.run(settings(func(o *cutover.Options) { // nothing is to wait any more
			o.Registerer, o.Settings.Destinations = registry, []string{"amex"}
		}))
		wantUnreleased(t, registry, 1)
		if result, err = e.Cutover(t.Context(), true); err != nil || len(result.Files) != 1 {
			t.Fatalf("the date behind: %+v, %v", result, err)
		}
		wantDay(t, b.j, 20261120, journal.DaySealed)
		result, err = e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
		if err != nil || len(result.Files) != 1 || result.Files[0].Records != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		wantDay(t, b.j, 20261120, journal.DayWritten)
		wantUnreleased(t, registry, 0)
		looked, there := tree(t, b.fs, "looked-at"), tree(t, b.fs, "clearing/2026-11-20")
		for _, f := range again.Files {
			if text := there["clearing/2026-11-20/"+f.Name]; text == "" || text != looked["looked-at/"+f.Name] {
				t.Errorf("%s is not what was looked at", f.Name)
			}
		}
		if len(there) != len(looked) {
			t.Errorf("released were %q, looked at %q", names(there), names(looked))
		}
		if _, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann"); !errors.Is(
			err, cutover.ErrNotWaiting) {
			t.Errorf("twice: %v", err)
		}
		if err := e.MayRelease(t.Context(), 20261122, cutover.WindowName{}); !errors.Is(err, cutover.ErrNotWaiting) {
			t.Errorf("the open date: %v", err)
		}
		if err := e.MayRelease(t.Context(), 20260101, cutover.WindowName{}); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a date that was never opened: %v", err)
		}
		stop()
	})
}

// What takes a record back leaves behind it: no file of a date is released, by itself or as a window's, and none is
// written where nothing is to wait any more, while one of an earlier date waits for the same destination.
func TestDatesAreReleasedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(waiting))
		first := b.captured("visa", 1)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		stop()
		b.takenBack(b.stored(first.ID), 1)
		b.captured("amex", 1)
		e, stop = b.run(settings())
		defer stop()
		window := cutover.WindowName{Destination: "visa", Window: 1}
		ended, err := e.Window(t.Context(), "visa")
		if err != nil || ended.Unreleased != 1 {
			t.Fatalf("a window behind one that waits: %+v, %v", ended, err)
		}
		if other, err := e.Window(t.Context(), "amex"); err != nil || len(other.Files) != 1 {
			t.Fatalf("a window of another destination: %+v, %v", other, err)
		}
		sleepUntil(t, time.UTC, "2026-11-21 12:00:00")
		closed, err := e.Cutover(t.Context(), false)
		if err != nil || closed.Unreleased == 0 {
			t.Fatalf("a date behind one that waits: %+v, %v", closed, err)
		}
		before, err := b.j.Day(t.Context(), 20261121)
		b.must(err)
		for _, of := range []cutover.WindowName{window, {}} {
			_, err := e.Release(t.Context(), 20261121, of, "ann and bob")
			for _, failed := range []error{err, e.MayRelease(t.Context(), 20261121, of)} {
				if !errors.Is(failed, cutover.ErrEarlierDateWaits) || !strings.Contains(failed.Error(), "2026-11-20, for visa") {
					t.Errorf("%+v: %v", of, failed)
				}
			}
		}
		if after, err := b.j.Day(t.Context(), 20261121); err != nil || string(after.Data) != string(before.Data) {
			t.Errorf("the date's record is changed: %s, %v", after.Data, err)
		}
		for _, date := range []payment.Date{20261120, 20261121} {
			if _, err := e.Release(t.Context(), date, cutover.WindowName{}, "ann and bob"); err != nil {
				t.Fatal(err)
			}
			wantDay(t, b.j, date, journal.DayWritten)
		}
		want := []string{"visa 00001: 1 of 100", "amex 00002: 1 of 100", "amex 00003: 0 of 0", "visa 00004: 0 of 0"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A date that was released before the journal was put back is released again as it was, although one of its records
// was rejected and presented again in a later date's file meanwhile: nothing new is written, and its files are known.
func TestReleaseThatTheJournalForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		e, stop := b.run(settings(waiting))
		first := b.captured("visa", 2)
		_, err := e.Cutover(t.Context(), false)
		b.must(err)
		b.must(b.j.Checkpoint("earlier"))
		released := func(date payment.Date) {
			t.Helper()
			_, err := e.Release(t.Context(), date, cutover.WindowName{}, "ann and bob")
			b.must(err)
		}
		released(20261120)
		again := func() {
			t.Helper()
			p := b.stored(first.ID)
			of := p.Ops[1]
			b.must(b.present(p, payment.Op{
				Kind: payment.KindResubmit, State: payment.StateApproved, Amount: of.Amount, Granted: of.Amount, Target: 1,
				Number: of.Number, ARN: of.ARN,
			}, presentment.Snapshot{}))
		}
		again()
		_, err = e.Cutover(t.Context(), true)
		b.must(err)
		released(20261121)
		stop()
		delivered := tree(t, b.fs, "clearing")

		b = b.putBack()
		defer b.close()
		e, stop = b.run(settings(waiting))
		defer stop()
		released(20261120)
		wantDay(t, b.j, 20261120, journal.DayWritten)
		if now := tree(t, b.fs, "clearing"); !maps.Equal(now, delivered) {
			t.Errorf("there is %q, before the journal was put back %q", names(now), names(delivered))
		}
		d, err := b.j.Day(t.Context(), 20261120)
		b.must(err)
		if files, others, err := cutover.SealedFiles(d); err != nil || len(files) != 1 || len(others) > 0 {
			t.Errorf("its files are %+v, beside %q, %v", files, others, err)
		}
		again() // the reject comes again, too
		_, err = e.Cutover(t.Context(), true)
		b.must(err)
		released(20261121)
		want := []string{"visa 00001: 1 of 100", "visa 00002: 0 of 0"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		for _, date := range []payment.Date{20261120, 20261121} {
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s, made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// What is released stays so where its files cannot be written at once: the next start writes them.
func TestReleaseThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		failing := errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSync {
				return errorfs.ErrInjected
			}
			return nil
		}))
		e, stop := b.run(settings(waiting, func(o *cutover.Options) { o.FS = failing }))
		if _, err := e.Cutover(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		_, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
		if err == nil || len(e.Problems()) != 1 {
			t.Fatalf("released with %v, problems %v", err, e.Problems())
		}
		stop()
		wantDay(t, b.j, 20261120, journal.DaySealed)
		_, stop = b.run(settings(waiting))
		defer stop()
		wantDay(t, b.j, 20261120, journal.DayWritten)
		if there := tree(t, b.fs, "clearing/2026-11-20"); len(there) != 4 {
			t.Errorf("there is %q", names(there))
		}
	})
}

// Windows wait, each by itself, as dates do: over a restart, and where nothing is to wait any more what comes behind
// them does, too. A destination's are released in their order, and those that are left with their date.
func TestWindowsWaitForRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		visa := func(window int) cutover.WindowName {
			return cutover.WindowName{Destination: "visa", Window: window}
		}
		ended := func(e *cutover.Engine, destination string, unreleased int) {
			t.Helper()
			result, err := e.Window(t.Context(), destination)
			if err != nil || result.Window == 0 || result.Unreleased != unreleased || len(result.Files) != 1-unreleased {
				t.Fatalf("window of %s: %+v, %v", destination, result, err)
			}
		}
		both := func(o *cutover.Options) { o.Settings.Destinations = []string{"visa", "jcb"} }
		e, stop := b.run(settings(both, func(o *cutover.Options) { o.Settings.Release = true }))
		for destination, captures := range map[string]int{"visa": 2, "jcb": 1} {
			b.captured(destination, captures)
		}
		ended(e, "visa", 1)
		ended(e, "jcb", 1)
		b.captured("visa", 1)
		ended(e, "visa", 1)
		if there := tree(t, b.fs, "clearing"); len(there) > 0 {
			t.Errorf("before the release there is %q", names(there))
		}
		again, err := e.Rebuild(t.Context(), 20261120, "looked-at")
		if err != nil || len(again.Files) != 12 {
			t.Fatalf("%+v, %v", again, err)
		}
		for _, c := range []struct {
			of   cutover.WindowName
			want error
		}{
			{visa(1), nil}, {visa(2), cutover.ErrEarlierWaits}, {visa(3), cutover.ErrNoWindow},
			{cutover.WindowName{Destination: "amex", Window: 1}, cutover.ErrNoWindow},
			{cutover.WindowName{}, cutover.ErrNotWaiting},
		} {
			if err := e.MayRelease(t.Context(), 20261120, c.of); !errors.Is(err, c.want) {
				t.Errorf("%+v: %v, want %v", c.of, err, c.want)
			}
		}
		result, err := e.Release(t.Context(), 20261120, visa(1), "ann and bob")
		if err != nil || result.Window != 1 || len(result.Files) != 1 || result.Files[0].Records != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
		if _, err := e.Release(t.Context(), 20261120, visa(1), "ann"); !errors.Is(err, cutover.ErrNotWaiting) {
			t.Errorf("twice: %v", err)
		}
		stop()

		registry := prometheus.NewRegistry()
		e, stop = b.run(settings(both, func(o *cutover.Options) { o.Registerer = registry }))
		defer stop()
		wantGauge(t, registry, "switchyard_clearing_windows_unreleased", 2)
		b.captured("visa", 1)
		ended(e, "visa", 1) // behind one that waits
		b.captured("amex", 1)
		ended(e, "amex", 0)
		wantGauge(t, registry, "switchyard_clearing_windows_unreleased", 3)
		if got, want := parts(t, b.fs, 20261120), []string{"visa 00001: 2 of 300", "amex 00005: 1 of 100"}; !slices.Equal(
			got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		b.captured("jcb", 2)
		result, err = e.Cutover(t.Context(), false)
		if err != nil || len(result.Files) != 2 || result.Unreleased != 6 {
			t.Fatalf("the date: %+v, %v", result, err)
		}
		wantUnreleased(t, registry, 1)
		if _, err := e.Release(t.Context(), 20261120, visa(2), "ann and bob"); err != nil {
			t.Fatal(err)
		}
		wantDay(t, b.j, 20261120, journal.DaySealed)
		wantGauge(t, registry, "switchyard_clearing_windows_unreleased", 2)
		result, err = e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
		if err != nil || len(result.Files) != 8 {
			t.Fatalf("%+v, %v", result, err)
		}
		wantDay(t, b.j, 20261120, journal.DayWritten)
		wantUnreleased(t, registry, 0)
		wantGauge(t, registry, "switchyard_clearing_windows_unreleased", 0)
		want := []string{
			"visa 00001: 2 of 300", "jcb 00002: 1 of 100", "visa 00003: 1 of 100", "visa 00004: 1 of 100",
			"amex 00005: 1 of 100", "amex 00006: 0 of 0", "jcb 00007: 2 of 300", "visa 00008: 0 of 0",
		}
		if got := parts(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		looked, there := tree(t, b.fs, "looked-at"), tree(t, b.fs, "clearing/2026-11-20")
		for _, f := range again.Files {
			if text := there["clearing/2026-11-20/"+f.Name]; text == "" || text != looked["looked-at/"+f.Name] {
				t.Errorf("%s is not what was looked at", f.Name)
			}
		}
	})
}

// A window that is released and cannot be written at once is written by the schedule, while its date is open and while
// that waits.
func TestReleasedWindowIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		failing := false
		fs := errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if failing && op.Kind == errorfs.OpFileSync {
				return errorfs.ErrInjected
			}
			return nil
		}))
		e, stop := b.run(settings(func(o *cutover.Options) { o.FS, o.Settings.Release = fs, true }))
		defer stop()
		released := func(window int) {
			t.Helper()
			failing = true
			of := cutover.WindowName{Destination: "visa", Window: window}
			if _, err := e.Release(t.Context(), 20261120, of, "ann and bob"); err == nil || len(e.Problems()) != 1 {
				t.Fatalf("window %d: %v, problems %v", window, err, e.Problems())
			}
			if _, err := e.Release(t.Context(), 20261120, of, "ann"); !errors.Is(err, cutover.ErrNotWaiting) {
				t.Errorf("twice: %v", err)
			}
			failing = false
			time.Sleep(2 * time.Minute)
			if got := parts(t, b.fs, 20261120); len(got) != window || len(e.Problems()) > 0 {
				t.Errorf("window %d: there is %q, problems %v", window, got, e.Problems())
			}
		}
		for range 2 {
			if _, err := e.Window(t.Context(), "visa"); err != nil {
				t.Fatal(err)
			}
		}
		released(1)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		released(2)
		wantDay(t, b.j, 20261120, journal.DaySealed)
	})
}

// A crash at any commit or file operation while windows and their date wait and are released: nothing of what waits
// stands in the folder, and in the end each presentment stands in exactly one file.
func TestCrashAnywhereInReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		release := func(b *book, e *cutover.Engine, window int) error {
			of := cutover.WindowName{Destination: "visa", Window: window}
			if window == 0 {
				of = cutover.WindowName{}
			}
			_, err := e.Release(t.Context(), 20261123, of, "ann and bob")
			return err
		}
		crashed := 0
		for n := int64(1); ; n++ {
			fs := vfs.NewCrashableMem()
			b := openBook(t, fs)
			b.must(b.j.Cutover(t.Context(), 0, 20261123))
			left := &countdown{left: n}
			e := b.engine(settings(waiting, func(o *cutover.Options) {
				o.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if strings.HasPrefix(op.Path, "clearing") {
						return left.step(op.Path)
					}
					return nil
				}))
				o.Journal = &stumblingCommits{stumbling{b.j, left}}
			}))
			b.must(e.Start(context.Background()))
			var err error
			for range 2 {
				b.captured("visa", 2)
				if _, err = e.Window(t.Context(), "visa"); err != nil {
					break
				}
			}
			for _, step := range []func() error{
				func() error { return release(b, e, 1) },
				func() error { _, err := e.Cutover(t.Context(), false); return err },
				func() error { return release(b, e, 0) },
			} {
				if err == nil {
					err = step()
				}
			}
			e.Close()
			after := fs.CrashClone(vfs.CrashCloneCfg{})
			b.close()
			b = openBook(t, after)
			wrong := standsAndWaits(b)
			e, stop := b.run(settings(waiting))
			if b.j.OpenDay() == 20261123 {
				_, err := e.Cutover(t.Context(), false)
				b.must(err)
			}
			if failed := release(b, e, 0); failed != nil && !errors.Is(failed, cutover.ErrNotWaiting) {
				wrong = append(wrong, failed.Error())
			}
			wantDay(t, b.j, 20261123, journal.DayWritten)
			wrong = append(wrong, wrongWindows(b, e)...)
			stop()
			if len(wrong) > 0 {
				t.Errorf("crash at %d, %s: %s", n, left.at, strings.Join(wrong, "; "))
			}
			b.close()
			if err == nil {
				break
			}
			crashed++
		}
		if crashed < 40 {
			t.Errorf("only %d places to crash at were found", crashed)
		}
	})
}

// standsAndWaits lists the files that wait and of which something stands in the clearing folder.
func standsAndWaits(b *book) (wrong []string) {
	d, err := b.j.Day(b.t.Context(), 20261123)
	b.must(err)
	files, _, err := cutover.SealedFiles(d)
	b.must(err)
	for _, name := range names(tree(b.t, b.fs, "clearing")) {
		for _, f := range files {
			if f.Waiting && strings.Contains(name, f.FileID) {
				wrong = append(wrong, name+" is there before its release")
			}
		}
	}
	return wrong
}

// wantUnreleased expects the metric of dates that wait.
func wantUnreleased(t *testing.T, registry *prometheus.Registry, want float64) {
	t.Helper()
	wantGauge(t, registry, "switchyard_clearing_dates_unreleased", want)
}

func wantGauge(t *testing.T, registry *prometheus.Registry, name string, want float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
			return
		}
	}
	t.Errorf("there is no %s", name)
}

// Dates are released in the order in which they were closed, which after a way back is not the calendar's: what the
// earlier date takes back was presented by the later one, which is no more refused either, and the earlier one may be.
func TestReleasesAfterAWayBack(t *testing.T) {
	for name, second := range map[string]func(*cutover.Options){
		"both wait for people": waiting, "the second one waits behind the first": func(*cutover.Options) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(t, "UTC", "2026-11-20 12:00:00")
				var off time.Duration
				wall := clock.New(clock.Options{Wall: func() time.Time { return time.Now().Add(off) }})
				b := openBook(t, vfs.NewMem())
				defer b.close()
				clocked := func(o *cutover.Options) { o.Clock = wall }
				e, stop := b.run(settings(waiting, clocked))
				off = 30 * 24 * time.Hour
				wall.Now()
				wall.Confirm()
				e.Recheck()
				synctest.Wait()
				if _, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob"); err != nil {
					t.Fatal(err)
				}
				first := b.captured("visa", 1)
				off = 0
				wall.Now()
				wall.Confirm()
				wrong := b.j.OpenDay()
				if _, err := e.CutoverTo(t.Context(), 20261121); err != nil {
					t.Fatal(err)
				}
				stop()
				b.takenBack(b.stored(first.ID), 1)
				e, stop = b.run(settings(second, clocked))
				defer func() { stop() }()
				sleepUntil(t, time.UTC, "2026-11-21 12:00:00")
				if closed, err := e.Cutover(t.Context(), false); err != nil || closed.Unreleased == 0 {
					t.Fatalf("a date behind one that waits: %+v, %v", closed, err)
				}
				_, err := e.Release(t.Context(), 20261121, cutover.WindowName{}, "ann and bob")
				if !errors.Is(err, cutover.ErrEarlierDateWaits) || !strings.Contains(err.Error(), wrong.String()+", for visa") {
					t.Errorf("what takes back, first: %v", err)
				}
				if err := e.MayRefuse(t.Context(), wrong); !errors.Is(err, cutover.ErrLaterFiled) {
					t.Errorf("a refusal of what is taken back: %v", err)
				}
				if err := e.MayRefuse(t.Context(), 20261121); err != nil {
					t.Errorf("a refusal of what takes back: %v", err)
				}
				for _, date := range []payment.Date{wrong, 20261121} {
					if _, err := e.Release(t.Context(), date, cutover.WindowName{}, "ann and bob"); err != nil {
						t.Errorf("%s: %v", date, err)
					}
					wantDay(t, b.j, date, journal.DayWritten)
				}
			})
		})
	}
}

// A window that began while the date before it was still being closed is behind that, and that is not behind the
// window: neither waits for the other for ever.
func TestWindowBehindADateThatWasBeingClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		b.must(b.j.Cutover(t.Context(), 0, 20261120))
		b.captured("visa", 1)
		b.must(b.j.Cutover(t.Context(), 20261120, 20261121)) // nobody seals it yet
		data, err := json.Marshal(map[string]any{"windows": []map[string]any{{
			"destination": "visa", "window": 1, "format": 3, "sealed_at": "2026-11-21T11:00:00Z", "acquirer_id": "400001",
			"processor_id": "400002", "code_page": "cp500", "blocked": true, "location": "UTC",
			"files":   []map[string]any{{"destination": "visa", "sequence": 1}},
			"release": map[string]any{"behind": []string{"2026-11-20"}},
		}}})
		b.must(err)
		b.must(b.j.SetDay(t.Context(), journal.Day{Date: 20261121, State: journal.DayOpen, Data: data}))
		e, stop := b.run(settings(waiting))
		defer stop()
		wantDay(t, b.j, 20261120, journal.DaySealed)
		window := cutover.WindowName{Destination: "visa", Window: 1}
		if err := e.MayRelease(t.Context(), 20261121, window); !errors.Is(err, cutover.ErrEarlierDateWaits) {
			t.Errorf("the window first: %v", err)
		}
		if err := e.MayRefuse(t.Context(), 20261120); !errors.Is(err, cutover.ErrLaterFiled) {
			t.Errorf("a refusal of the date: %v", err)
		}
		if _, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob"); err != nil {
			t.Error(err)
		}
		if _, err := e.Release(t.Context(), 20261121, window, "ann and bob"); err != nil {
			t.Error(err)
		}
	})
}
