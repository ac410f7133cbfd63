package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// calendar is a journal of business dates only, in memory, that notes when they are opened: nothing of it ticks, so
// that days pass in no time.
type calendar struct {
	journal.Journal
	location *time.Location

	mu    sync.Mutex
	open  payment.Date
	days  map[payment.Date]journal.Day
	trace []string
}

func (c *calendar) OpenDay() payment.Date {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

func (c *calendar) Cutover(_ context.Context, from, next payment.Date) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, opened := c.days[next]; opened || from != c.open {
		return journal.ErrDayClosed
	}
	if from != 0 {
		c.days[from] = journal.Day{Date: from, State: journal.DayClosing}
	}
	c.open, c.days[next] = next, journal.Day{Date: next, State: journal.DayOpen}
	c.trace = append(c.trace, time.Now().In(c.location).Format("2006-01-02 15:04:05 MST")+" opens "+next.String())
	return nil
}

func (c *calendar) SetDay(_ context.Context, d journal.Day) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.days[d.Date] = d
	return nil
}

func (c *calendar) Days(_ context.Context, yield func(journal.Day) bool) error {
	c.mu.Lock()
	days := slices.Collect(maps.Values(c.days))
	c.mu.Unlock()
	for _, d := range days {
		if !yield(d) {
			return nil
		}
	}
	return nil
}

func (c *calendar) Day(_ context.Context, date payment.Date) (journal.Day, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.days[date]
	if !ok {
		return d, journal.ErrNotFound
	}
	return d, nil
}

func (c *calendar) Presentments(context.Context, payment.Date, func(journal.Presentment) bool) error {
	return nil
}

func (c *calendar) Walk() journal.Walk { return noPayments{} }

// noPayments is a walk that finds none.
type noPayments struct{ journal.Walk }

func (noPayments) Close() error { return nil }

// scheduled starts an engine on a calendar.
func scheduled(t *testing.T, location *time.Location, cutoverAt time.Duration) (*calendar, *cutover.Engine, func()) {
	t.Helper()
	c := &calendar{location: location, days: map[payment.Date]journal.Day{}}
	b := &book{t: t, fs: vfs.NewMem(), days: presentment.NewDays(nil)}
	e, stop := b.run(settings(func(o *cutover.Options) { o.Journal, o.Location, o.At = c, location, cutoverAt }))
	return c, e, stop
}

// Business days as the clock goes, over changes to and from summer time.
func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		name, zone, begin, end string
		at                     time.Duration
		want                   string
	}{
		{"midnight UTC", "UTC", "2026-11-21 20:26:01", "2026-11-23 12:00:00", 0, `
			2026-11-21 20:26:01 UTC opens 2026-11-21
			2026-11-22 00:00:00 UTC opens 2026-11-22
			2026-11-23 00:00:00 UTC opens 2026-11-23`},
		{"a day begins at its cutover", "America/New_York", "2026-10-31 23:00:00", "2026-11-02 23:30:00", 23 * time.Hour, `
			2026-10-31 23:00:00 EDT opens 2026-11-01
			2026-11-01 23:00:00 EST opens 2026-11-02
			2026-11-02 23:00:00 EST opens 2026-11-03`},
		{"a day ends right before it", "America/New_York", "2026-03-07 22:59:59", "2026-03-08 23:30:00", 23 * time.Hour, `
			2026-03-07 22:59:59 EST opens 2026-03-07
			2026-03-07 23:00:00 EST opens 2026-03-08
			2026-03-08 23:00:00 EDT opens 2026-03-09`},
		{"a time that there is not in spring", "Europe/Berlin", "2026-03-28 12:00:00", "2026-03-30 12:00:00", 2*time.Hour + 30*time.Minute, `
			2026-03-28 12:00:00 CET opens 2026-03-29
			2026-03-29 03:30:00 CEST opens 2026-03-30
			2026-03-30 02:30:00 CEST opens 2026-03-31`},
		{"the same west of Greenwich", "America/New_York", "2026-03-07 12:00:00", "2026-03-09 12:00:00", 2*time.Hour + 30*time.Minute, `
			2026-03-07 12:00:00 EST opens 2026-03-08
			2026-03-08 03:30:00 EDT opens 2026-03-09
			2026-03-09 02:30:00 EDT opens 2026-03-10`},
		{"a time that comes twice in autumn", "Europe/Berlin", "2026-10-24 12:00:00", "2026-10-26 12:00:00", 2*time.Hour + 30*time.Minute, `
			2026-10-24 12:00:00 CEST opens 2026-10-25
			2026-10-25 02:30:00 CET opens 2026-10-26
			2026-10-26 02:30:00 CET opens 2026-10-27`},
		{"a midnight that there is not", "America/Santiago", "2026-09-04 12:00:00", "2026-09-07 12:00:00", 0, `
			2026-09-04 12:00:00 -04 opens 2026-09-04
			2026-09-05 00:00:00 -04 opens 2026-09-05
			2026-09-06 01:00:00 -03 opens 2026-09-06
			2026-09-07 00:00:00 -03 opens 2026-09-07`},
		{"a midnight that comes twice", "America/Havana", "2026-10-31 12:00:00", "2026-11-02 12:00:00", 0, `
			2026-10-31 12:00:00 CDT opens 2026-10-31
			2026-11-01 00:00:00 CDT opens 2026-11-01
			2026-11-02 00:00:00 CST opens 2026-11-02`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				location := at(t, c.zone, c.begin)
				noted, _, stop := scheduled(t, location, c.at)
				sleepUntil(t, location, c.end)
				synctest.Wait()
				stop()
				if got, want := strings.Join(noted.trace, "\n"), strings.ReplaceAll(
					strings.TrimSpace(c.want), "\t", "",
				); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				for date, d := range noted.days {
					if date != noted.open && d.State != journal.DayWritten {
						t.Errorf("%s is in state %d", date, d.State)
					}
				}
			})
		})
	}
}

// What is accepted on a date of 23 or 25 hours without settlement, a capture in each of them, stands in the next date's
// file.
func TestNoSettlementOnLongAndShortDates(t *testing.T) {
	for _, c := range []struct {
		name, zone, begin string
		at                time.Duration
		closed            payment.Date
		hours             int
	}{
		{"spring", "Europe/Berlin", "2026-03-29 00:00:01", 0, 20260329, 23},
		{"autumn", "Europe/Berlin", "2026-10-25 00:00:01", 0, 20261025, 25},
		{"from the evening before", "America/New_York", "2026-03-07 23:00:01", 23 * time.Hour, 20260308, 23},
		{"after a late beginning", "America/New_York", "2026-03-08 03:30:01", 2*time.Hour + 30*time.Minute, 20260309, 23},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				location := at(t, c.zone, c.begin)
				b := openBook(t, vfs.NewMem())
				defer b.close()
				e, stop := b.run(settings(func(o *cutover.Options) {
					o.Location, o.At = location, c.at
					o.Settings.Calendar.Others.Dates = []payment.Date{c.closed}
				}))
				defer stop()
				hours := 0
				for ; b.j.OpenDay() == c.closed; hours++ {
					b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
					time.Sleep(time.Hour)
				}
				synctest.Wait()
				if _, err := e.Cutover(t.Context(), false); err != nil || hours != c.hours {
					t.Errorf("%s has %d hours, want %d; %v", c.closed, hours, c.hours, err)
				}
				if got := parts(t, b.fs, c.closed); len(got) > 0 {
					t.Errorf("%s: the files are %q", c.closed, got)
				}
				want := []string{fmt.Sprintf("visa 00001: %d of %d", c.hours, 100*c.hours)}
				if got := parts(t, b.fs, c.closed.Next()); !slices.Equal(got, want) {
					t.Errorf("%s: the files are %q, want %q", c.closed.Next(), got, want)
				}
			})
		})
	}
}

// A cutover by hand takes the place of that date's scheduled one; a second one needs to be asked for ahead of time.
func TestManualCutover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		location := at(t, "Europe/Berlin", "2026-11-21 21:00:00")
		noted, e, stop := scheduled(t, location, 22*time.Hour)
		defer stop()
		result, err := e.Cutover(t.Context(), false)
		if err != nil || result.BusinessDate != "2026-11-21" || len(result.Files) != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		if _, err := e.Cutover(t.Context(), false); !errors.Is(err, cutover.ErrNotBegun) {
			t.Errorf("a second time: %v", err)
		}
		sleepUntil(t, location, "2026-11-22 12:00:00")
		synctest.Wait()
		if open := noted.OpenDay(); open != 20261122 {
			t.Errorf("at noon of the next day %s is open", open)
		}
		sleepUntil(t, location, "2026-11-22 22:00:01")
		synctest.Wait()
		if result, err = e.Cutover(t.Context(), true); err != nil || result.BusinessDate != "2026-11-23" {
			t.Errorf("%+v, %v", result, err)
		}
		if result, err = e.Cutover(t.Context(), true); err != nil || result.BusinessDate != "2026-11-24" {
			t.Errorf("%+v, %v", result, err)
		}
		for range 40 {
			if _, err := e.Cutover(t.Context(), true); !errors.Is(err, cutover.ErrTooFar) {
				t.Errorf("two dates ahead: %v", err)
			}
		}
		for date := payment.Date(20261126); date < 20261129; date = date.Next() { // nor is the way back a way ahead
			if _, err := e.CutoverTo(t.Context(), date); !errors.Is(err, cutover.ErrTooFar) {
				t.Errorf("to %s: %v", date, err)
			}
		}
		sleepUntil(t, location, "2026-11-24 23:00:00")
		synctest.Wait()
		want := []string{
			"2026-11-21 21:00:00 CET opens 2026-11-21", "2026-11-21 21:00:00 CET opens 2026-11-22",
			"2026-11-22 22:00:00 CET opens 2026-11-23", "2026-11-22 22:00:01 CET opens 2026-11-24",
			"2026-11-22 22:00:01 CET opens 2026-11-25",
		}
		if got := strings.Join(noted.trace, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	})
}

// A switch that was down over a cutover makes up for it at its start.
func TestCutoverAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:00:00")
		fs := vfs.NewMem()
		b := openBook(t, fs)
		_, stop := b.run(settings())
		b.must(b.present(b.authorized("visa", 1000), capture(1000, 1), presentment.Snapshot{}))
		stop()
		b.close()
		sleepUntil(t, time.UTC, "2026-11-24 08:00:00")
		b = openBook(t, fs)
		defer b.close()
		_, stop = b.run(settings())
		synctest.Wait()
		stop()
		if open := b.j.OpenDay(); open != 20261124 || b.states()[20261121] != journal.DayWritten {
			t.Errorf("%s is open; %v", open, b.states())
		}
	})
}
