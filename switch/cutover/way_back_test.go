package cutover_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// A wrong clock has opened a date of the future, and payments stand in it. Put right, an operator goes back: the
// wrong date is closed at once with a file of its own, no date opens twice, and the calendar passes over the one that
// was used.
func TestWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-25 12:00:00")
		var off time.Duration
		wall := clock.New(clock.Options{Wall: func() time.Time { return time.Now().Add(off) }})
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) { o.Clock = wall }))
		defer func() { stop() }()
		b.must(b.present(b.authorized("visa", 1000), capture(1000, 1), presentment.Snapshot{}))

		off = 5 * 24 * time.Hour
		wall.Now()
		e.Recheck()
		synctest.Wait()
		if open := b.j.OpenDay(); open != 20261125 {
			t.Fatalf("an unconfirmed clock has opened %s", open)
		}
		if _, err := e.CutoverTo(t.Context(), 20261126); !errors.Is(err, cutover.ErrUnconfirmed) {
			t.Errorf("by an unconfirmed clock: %v", err)
		}
		wall.Confirm()
		e.Recheck()
		synctest.Wait()
		if open := b.j.OpenDay(); open != 20261130 {
			t.Fatalf("confirmed, %s is open", open)
		}
		b.must(b.present(b.authorized("visa", 2000), capture(2000, 1), presentment.Snapshot{}))

		off = 0
		wall.Now()
		if _, err := e.Cutover(t.Context(), true); !errors.Is(err, cutover.ErrTooFar) {
			t.Errorf("going on from there: %v", err)
		}
		for date, want := range map[payment.Date]error{
			20261125: cutover.ErrUsed, 20261130: cutover.ErrUsed, 20261124: cutover.ErrPast, 20261127: cutover.ErrTooFar,
		} {
			_, err := e.CutoverTo(t.Context(), date)
			const first = "first that can be opened is 2026-11-26"
			if !errors.Is(err, want) || date != 20261130 && !strings.Contains(err.Error(), first) {
				t.Errorf("to %s: %v", date, err)
			}
		}
		result, err := e.CutoverTo(t.Context(), 20261126)
		if err != nil || result.BusinessDate != "2026-11-30" || len(result.Files) != 1 || result.Files[0].SumMinor != 2000 {
			t.Fatalf("going back: %+v, %v", result, err)
		}
		b.must(b.present(b.authorized("visa", 3000), capture(3000, 1), presentment.Snapshot{}))
		var opened []string
		for day := range 6 {
			sleepUntil(t, time.UTC, time.Date(2026, 11, 26+day, 12, 0, 0, 0, time.UTC).Format(time.DateTime))
			synctest.Wait()
			opened = append(opened, b.j.OpenDay().String())
		}
		want := []string{"2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-12-01", "2026-12-01"}
		if !slices.Equal(opened, want) {
			t.Errorf("open at noon of each day: %v, want %v", opened, want)
		}
		for date, state := range b.states() {
			if date != 20261201 && state != journal.DayWritten {
				t.Errorf("%s is in state %d", date, state)
			}
		}
	})
}
