package cutover_test

import (
	"context"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/holidays"
	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

func TestCalendar(t *testing.T) {
	target, err := holidays.Open("TARGET")
	if err != nil {
		t.Fatal(err)
	}
	c := cutover.Calendar{
		Others: cutover.ClosedDays{Weekdays: []time.Weekday{time.Saturday, time.Sunday}},
		Destinations: map[string]cutover.ClosedDays{
			"visa": {Yearly: []int{1225, 229}, Dates: []payment.Date{20261126}}, "amex": {},
			"sepa": {Weekdays: []time.Weekday{time.Sunday}, Holidays: []*holidays.Calendar{target}},
		},
	}
	for _, x := range []struct {
		destination string
		date        payment.Date
		settles     bool
	}{
		{"jcb", 20261120, true}, {"jcb", 20261121, false}, {"jcb", 20261122, false}, {"jcb", 20261123, true},
		{"visa", 20261121, true}, {"visa", 20261126, false}, {"visa", 20271126, true}, {"visa", 20261225, false},
		{"sepa", 20260403, false}, {"sepa", 20270326, false}, {"sepa", 20270325, true}, {"sepa", 20270328, false},
		{"visa", 20271225, false}, {"visa", 20280229, false}, {"amex", 20261121, true}, {"amex", 20261225, true},
	} {
		if got := c.Settles(x.destination, x.date); got != x.settles {
			t.Errorf("%s on %s: %v", x.destination, x.date, got)
		}
	}
	var none cutover.Calendar
	if !none.Settles("visa", 20261121) {
		t.Error("without a calendar there is no settlement")
	}
}

// weekend has visa without settlement on Saturdays and Sundays.
func weekend(o *cutover.Options) {
	o.Settings.Destinations = []string{"visa", "jcb"}
	o.Settings.Calendar.Destinations = map[string]cutover.ClosedDays{
		"visa": {Weekdays: []time.Weekday{time.Saturday, time.Sunday}},
	}
}

// aWeekend commits three captures for visa, a credit and a capture for amex on Friday, Saturday and Sunday each, and
// leaves the dates to be finished on Monday.
func aWeekend(t *testing.T, fs *vfs.MemFS) *book {
	t.Helper()
	b := openBook(t, fs)
	b.must(b.j.Cutover(t.Context(), 0, 20261120))
	for _, next := range []payment.Date{20261121, 20261122, 20261123} {
		p := b.authorized("visa", 600)
		for n := range 3 {
			b.must(b.present(p, capture(int64(n+1)*100, n+1), presentment.Snapshot{}))
		}
		credit, op := b.credited("visa", 40)
		b.must(b.present(credit, op, presentment.Snapshot{}))
		b.must(b.present(b.authorized("amex", 50), capture(50, 1), presentment.Snapshot{}))
		b.must(b.j.Cutover(t.Context(), b.j.OpenDay(), next))
	}
	return b
}

// On a date without settlement a destination gets no files, the others do; all that was accepted meanwhile stands in
// the files of the first date that has it, once.
func TestNoSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		b := aWeekend(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(weekend))
		defer stop()
		if got := e.NoSettlement(20261122); !slices.Equal(got, []string{"visa"}) || len(e.NoSettlement(20261123)) > 0 {
			t.Errorf("without settlement are %q", got)
		}
		result, err := e.Cutover(t.Context(), false)
		if err != nil || len(result.Files) != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
		for date, want := range map[payment.Date][]string{
			20261120: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 4 of 640"},
			20261121: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0"},
			20261122: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0"},
			20261123: {"jcb 00001: 0 of 0", "visa 00002: 8 of 1280"},
		} {
			if got := parts(t, b.fs, date); !slices.Equal(got, want) {
				t.Errorf("%s: the files are %q, want %q", date, got, want)
			}
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s, made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// A weekend that is sealed late, once Monday is closed as well, is in Monday's files.
func TestNoSettlementSealedLate(t *testing.T) {
	for name, closed := range map[string][]payment.Date{
		"Monday":            {20261124},
		"Monday, then more": {20261124, 20261125},
	} {
		synctest.Test(t, func(t *testing.T) {
			at(t, "UTC", "2026-11-26 12:00:00")
			b := aWeekend(t, vfs.NewMem())
			defer b.close()
			for _, next := range closed {
				b.must(b.j.Cutover(t.Context(), b.j.OpenDay(), next))
			}
			e, stop := b.run(settings(weekend))
			defer stop()
			for date, want := range map[payment.Date][]string{
				20261120: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 4 of 640"},
				20261121: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0"},
				20261122: {"amex 00001: 1 of 50", "jcb 00002: 0 of 0"},
				20261123: {"jcb 00001: 0 of 0", "visa 00002: 8 of 1280"},
			} {
				if got := parts(t, b.fs, date); !slices.Equal(got, want) {
					t.Errorf("%s: %s: the files are %q, want %q", name, date, got, want)
				}
				if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
					t.Errorf("%s: %s, made again: %+v, %v", name, date, checked, err)
				}
			}
			b.must(b.j.Presentments(t.Context(), b.j.OpenDay(), func(row journal.Presentment) bool {
				t.Errorf("%s: %+v stands in the open date", name, row.PresentmentRef)
				return true
			}))
		})
	}
}

// A journal that was put back to where a date without settlement was closed, and not sealed yet, has no file of it for
// what has left with the next one since: that leaves no second time and is not carried on to where a void would undo it
// at the issuer, and what takes it back leaves as ever.
func TestNoSettlementThatTheJournalForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261122))
		first := b.captured("visa", 2)
		b.must(b.j.Cutover(t.Context(), 20261122, 20261123))
		b.must(b.j.Checkpoint("earlier"))
		e, stop := b.run(settings(weekend))
		_, err := e.Cutover(t.Context(), false)
		b.must(err)
		stop()

		b = b.putBack()
		defer b.close()
		b.must(b.engine(settings(weekend)).TakeDelivered(t.Context()))
		e, stop = b.run(settings(weekend))
		defer stop()
		first = b.stored(first.ID)
		if date := first.Ops[1].Filed(); date != 20261122 {
			t.Errorf("what has left stands in %s", date)
		}
		b.takenBack(first, 1)
		b.captured("visa", 1)
		_, err = e.Cutover(t.Context(), false)
		b.must(err)
		wantFiles(t, b, e, map[payment.Date][]string{
			20261122: {"jcb 00001: 0 of 0", "jcb 00002: 0 of 0"},
			20261123: {
				"jcb 00001: 0 of 0", "visa 00002: 2 of 300",
				"jcb 00003: 0 of 0", "visa 00004: 0 of 0", // windows
				"jcb 00005: 0 of 0", "visa 00006: 2 of 200",
			},
		})
	})
}

// wantFiles fails the test unless dates have the files that they are to have, and these are made again as they are.
func wantFiles(t *testing.T, b *book, e *cutover.Engine, all map[payment.Date][]string) {
	t.Helper()
	for date, want := range all {
		if got := parts(t, b.fs, date); !slices.Equal(got, want) {
			t.Errorf("%s: the files are %q, want %q", date, got, want)
		}
		if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
			t.Errorf("%s, made again: %+v, %v", date, checked, err)
		}
	}
}

// What stands in a date without settlement, which is open in a journal that was put back, and has left with a later one
// since, is out of reach of a void at the issuer before the first request: the date is closed. One of which nothing has
// left is not.
func TestLeftFromAnOpenDateWithoutSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		first := b.captured("visa", 2)
		b.must(b.j.Checkpoint("earlier"))
		e, stop := b.run(settings(weekend))
		_, err := e.Cutover(t.Context(), false)
		b.must(err)
		sleepUntil(t, time.UTC, "2026-11-22 12:00:00")
		for range 2 { // Sunday, and Monday ahead of it
			_, err = e.Cutover(t.Context(), true)
			b.must(err)
		}
		stop()

		b = b.putBack()
		defer b.close()
		for range 2 { // starts
			b.must(b.engine(settings(weekend)).TakeDelivered(t.Context()))
			if open := b.j.OpenDay(); open != 20261122 || !b.days.Closed(20261121) || b.days.Closed(open) {
				t.Fatalf("%s is open", open)
			}
		}
		b.captured("visa", 1)
		e, stop = b.run(settings(weekend))
		defer stop()
		b.takenBack(b.stored(first.ID), 1)
		for range 2 {
			_, err = e.Cutover(t.Context(), true)
			b.must(err)
		}
		wantFiles(t, b, e, map[payment.Date][]string{
			20261121: {"jcb 00001: 0 of 0", "jcb 00002: 0 of 0"},
			20261122: {"jcb 00001: 0 of 0", "jcb 00002: 0 of 0", "jcb 00003: 0 of 0"}, // a window of the second start
			20261123: {"jcb 00001: 0 of 0", "visa 00002: 2 of 300", "jcb 00003: 0 of 0", "visa 00004: 2 of 200"},
		})
	})
}

// So it is where the date has a window, from before its destination had no settlement on it, and with that a file for
// what is in none.
func TestLeftFromBehindAWindowWithoutSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 12:00:00")
		b := openBook(t, vfs.NewMem())
		e, stop := b.run(settings())
		b.captured("visa", 1)
		_, err := e.Window(t.Context(), "visa")
		b.must(err)
		stop()
		left := b.captured("visa", 2)
		b.must(b.j.Checkpoint("earlier"))
		e, stop = b.run(settings(weekend))
		for range 2 {
			_, err = e.Cutover(t.Context(), true)
			b.must(err)
		}
		stop()

		b = b.putBack()
		defer b.close()
		sleepUntil(t, time.UTC, "2026-11-24 12:00:00")
		b.must(b.engine(settings(weekend)).TakeDelivered(t.Context()))
		if open := b.j.OpenDay(); open != 20261124 || !b.days.Closed(20261122) {
			t.Fatalf("%s is open, want the calendar's date", open)
		}
		e, stop = b.run(settings(weekend))
		defer stop()
		b.takenBack(b.stored(left.ID), 1)
		_, err = e.Cutover(t.Context(), false)
		b.must(err)
		wantFiles(t, b, e, map[payment.Date][]string{
			20261122: {
				"visa 00001: 1 of 100", "jcb 00002: 0 of 0", "visa 00003: 0 of 0", "jcb 00004: 0 of 0", "visa 00005: 0 of 0",
			},
			20261124: {"jcb 00001: 0 of 0", "visa 00002: 1 of 100"},
		})
	})
}

// A date on which nobody has settlement is written without any file, and leaves no folder.
func TestNobodySettles(t *testing.T) {
	for name, destinations := range map[string][]string{"named": {"visa"}, "none": nil} {
		synctest.Test(t, func(t *testing.T) {
			at(t, "UTC", "2026-11-21 12:00:00")
			b := openBook(t, vfs.NewMem())
			defer b.close()
			e, stop := b.run(settings(func(o *cutover.Options) {
				o.Settings.Destinations = destinations
				o.Settings.Calendar.Others.Weekdays = []time.Weekday{time.Saturday}
			}))
			defer stop()
			if name == "named" {
				b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
			}
			result, err := e.Cutover(t.Context(), false)
			if err != nil || result.Files == nil || len(result.Files) > 0 || b.states()[20261121] != journal.DayWritten {
				t.Errorf("%s: %+v, %v", name, result, err)
			}
			if left := tree(t, b.fs, "clearing"); len(left) > 0 {
				t.Errorf("%s: %q", name, names(left))
			}
			if _, err := e.Cutover(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			if got := parts(t, b.fs, 20261122); name == "named" && !slices.Equal(got, []string{"visa 00001: 1 of 100"}) {
				t.Errorf("%s: the next date's files are %q", name, got)
			}
		})
	}
}

// A crash at any commit or file operation while a weekend is closed: each presentment stands in exactly one file.
func TestCrashAnywhereOverAWeekend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		crashed := 0
		for n := int64(1); ; n++ {
			fs := vfs.NewCrashableMem()
			b := aWeekend(t, fs)
			left := &countdown{left: n}
			e := b.engine(settings(weekend, func(o *cutover.Options) {
				o.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if strings.HasPrefix(op.Path, "clearing") {
						return left.step(op.Path)
					}
					return nil
				}))
				o.Journal = &stumblingCommits{stumbling{b.j, left}}
			}))
			b.must(e.Start(t.Context()))
			failed := len(e.Problems()) > 0
			e.Close()
			after := fs.CrashClone(vfs.CrashCloneCfg{})
			b.close()
			b = openBook(t, after)
			e, stop := b.run(settings(weekend))
			if _, err := e.Cutover(t.Context(), false); err != nil {
				t.Fatalf("crash at %d, %s: %v", n, left.at, err)
			}
			stop()
			total := 0
			for date, want := range map[payment.Date]int{20261120: 5, 20261121: 1, 20261122: 1, 20261123: 8} {
				got := 0
				for name, content := range tree(t, after, path.Join("clearing", date.String())) {
					if strings.HasSuffix(name, ".ipm") {
						got += verified(t, name, content).Totals.Presentments
					}
				}
				if total += got; got != want {
					t.Errorf("crash at %d, %s: %s has %d presentments, want %d", n, left.at, date, got, want)
				}
			}
			b.close()
			if !failed {
				break
			}
			crashed++
		}
		if crashed < 60 {
			t.Errorf("only %d places to crash at were found", crashed)
		}
	})
}

// stumblingCommits is a journal whose commits count down, too.
type stumblingCommits struct{ stumbling }

func (s *stumblingCommits) Commit(ctx context.Context, t *journal.Transition) error {
	if err := s.c.step("commit"); err != nil {
		return err
	}
	return s.Journal.Commit(ctx, t)
}
