package cutover_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/presentment"
)

// The files of a date that waits for its release are nowhere before, over a restart and under another configuration;
// they are then those that they would have been. Other dates do not wait for it.
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
		if err := e.MayRelease(t.Context(), 20261120); err != nil {
			t.Error(err)
		}
		stop()

		b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
		registry := prometheus.NewRegistry()
		e, stop = b.run(settings(func(o *cutover.Options) { o.Registerer = registry })) // nothing is to wait any more
		wantUnreleased(t, registry, 1)
		if result, err = e.Cutover(t.Context(), true); err != nil || len(result.Files) != 1 {
			t.Fatalf("the date behind: %+v, %v", result, err)
		}
		wantDay(t, b.j, 20261120, journal.DaySealed)
		result, err = e.Release(t.Context(), 20261120, "ann and bob")
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
		if _, err := e.Release(t.Context(), 20261120, "ann"); !errors.Is(err, cutover.ErrNotWaiting) {
			t.Errorf("twice: %v", err)
		}
		if err := e.MayRelease(t.Context(), 20261122); !errors.Is(err, cutover.ErrNotWaiting) {
			t.Errorf("the open date: %v", err)
		}
		if err := e.MayRelease(t.Context(), 20260101); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a date that was never opened: %v", err)
		}
		stop()
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
		waiting := func(o *cutover.Options) { o.Settings.Release = true }
		e, stop := b.run(settings(waiting, func(o *cutover.Options) { o.FS = failing }))
		if _, err := e.Cutover(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Release(t.Context(), 20261120, "ann and bob"); err == nil || len(e.Problems()) != 1 {
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

// wantUnreleased expects the metric of dates that wait.
func wantUnreleased(t *testing.T, registry *prometheus.Registry, want float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "switchyard_clearing_dates_unreleased" {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
				t.Errorf("%v dates wait, want %v", got, want)
			}
			return
		}
	}
	t.Error("there is no metric of dates that wait")
}
