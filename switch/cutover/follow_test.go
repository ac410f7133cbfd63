package cutover_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// refusal is what became of an announcement, in a word.
func refusal(err error) string {
	for word, is := range map[string]error{
		"not begun": cutover.ErrNotBegun, "too soon": cutover.ErrTooSoon, "overtaken": cutover.ErrOvertaken,
		"stopped": cutover.ErrClosed,
	} {
		if errors.Is(err, is) {
			return word
		}
	}
	if err != nil {
		return err.Error()
	}
	return "closed"
}

// A host announces its cutover, once or more often, before or after the scheduled one. A line is a moment and what is
// done then; what came of it stands in the trace.
func TestFollow(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     time.Duration
		begin  string
		doings string
		want   string
	}{
		{"each link announces it, and the host repeats it", 0, "2026-11-21 12:00:00", `
			2026-11-21 22:00:00 host
			2026-11-21 22:00:00 host
			2026-11-21 22:00:30 host
			2026-11-21 23:59:59 host
			2026-11-22 00:00:00 host
			2026-11-22 02:00:00 host
			2026-11-22 22:00:00 host
			2026-11-22 22:00:05 host`, `
			2026-11-21 12:00:00 opens 2026-11-21
			2026-11-21 22:00:00 opens 2026-11-22
			2026-11-21 22:00:00 closed
			2026-11-21 22:00:00 not begun
			2026-11-21 22:00:30 not begun
			2026-11-21 23:59:59 not begun
			2026-11-22 00:00:00 too soon
			2026-11-22 02:00:00 too soon
			2026-11-22 22:00:00 opens 2026-11-23
			2026-11-22 22:00:00 closed
			2026-11-22 22:00:05 not begun`},
		{"on both sides of midnight", 0, "2026-11-21 12:00:00", `
			2026-11-21 23:59:58 host
			2026-11-22 00:00:01 host
			2026-11-22 23:59:58 host`, `
			2026-11-21 12:00:00 opens 2026-11-21
			2026-11-21 23:59:58 opens 2026-11-22
			2026-11-21 23:59:58 closed
			2026-11-22 00:00:01 too soon
			2026-11-22 23:59:58 opens 2026-11-23
			2026-11-22 23:59:58 closed`},
		{"right after the schedule", 22 * time.Hour, "2026-11-21 12:00:00", `
			2026-11-21 22:00:03 host
			2026-11-21 23:00:03 host
			2026-11-22 22:00:03 host`, `
			2026-11-21 12:00:00 opens 2026-11-21
			2026-11-21 22:00:00 opens 2026-11-22
			2026-11-21 22:00:03 too soon
			2026-11-21 23:00:03 too soon
			2026-11-22 22:00:00 opens 2026-11-23
			2026-11-22 22:00:03 too soon`},
		{"the schedule stands in for one that is missing", 8 * time.Hour, "2026-11-21 12:00:00", `
			2026-11-22 06:00:00 host
			2026-11-24 06:00:00 host
			2026-11-24 06:00:01 host`, `
			2026-11-21 12:00:00 opens 2026-11-22
			2026-11-22 06:00:00 opens 2026-11-23
			2026-11-22 06:00:00 closed
			2026-11-23 08:00:00 opens 2026-11-24
			2026-11-24 06:00:00 opens 2026-11-25
			2026-11-24 06:00:00 closed
			2026-11-24 06:00:01 not begun`},
		{"followed again after the schedule has stood in hours before", 22 * time.Hour, "2026-11-21 12:00:00", `
			2026-11-22 06:00:00 host
			2026-11-22 06:01:00 host`, `
			2026-11-21 12:00:00 opens 2026-11-21
			2026-11-21 22:00:00 opens 2026-11-22
			2026-11-22 06:00:00 opens 2026-11-23
			2026-11-22 06:00:00 closed
			2026-11-22 06:01:00 not begun`},
		{"by hand before it, by hand after it", 0, "2026-11-21 12:00:00", `
			2026-11-21 21:00:00 hand
			2026-11-21 22:00:00 host
			2026-11-22 22:00:00 host
			2026-11-22 22:10:00 hand`, `
			2026-11-21 12:00:00 opens 2026-11-21
			2026-11-21 21:00:00 opens 2026-11-22
			2026-11-21 21:00:00 closed
			2026-11-21 22:00:00 not begun
			2026-11-22 22:00:00 opens 2026-11-23
			2026-11-22 22:00:00 closed
			2026-11-22 22:10:00 not begun`},
		{"the first date of a new switch", 0, "2026-11-21 21:59:00", `
			2026-11-21 22:00:00 host
			2026-11-21 22:00:01 host`, `
			2026-11-21 21:59:00 opens 2026-11-21
			2026-11-21 22:00:00 opens 2026-11-22
			2026-11-21 22:00:00 closed
			2026-11-21 22:00:01 not begun`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(t, "UTC", c.begin)
				noted, e, stop := scheduled(t, time.UTC, c.at)
				defer stop()
				for line := range strings.Lines(strings.TrimSpace(c.doings)) {
					moment, doing := splitLine(line)
					sleepUntil(t, time.UTC, moment)
					synctest.Wait() // the schedule of this moment comes first
					var err error
					if doing == "host" {
						_, err = e.Follow(t.Context())
					} else {
						_, err = e.Cutover(t.Context(), false)
					}
					noted.note(refusal(err))
				}
				got := strings.ReplaceAll(strings.Join(noted.trace, "\n"), " UTC", "")
				if want := strings.ReplaceAll(strings.TrimSpace(c.want), "\t", ""); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// splitLine cuts a line into its moment and the rest.
func splitLine(line string) (moment, rest string) {
	line = strings.TrimSpace(line)
	return line[:len("2006-01-02 15:04:05")], strings.TrimSpace(line[len("2006-01-02 15:04:05"):])
}

func (c *calendar) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace = append(c.trace, time.Now().In(c.location).Format("2006-01-02 15:04:05 MST")+" "+what)
}

// What is announced again while the date is being closed, or after a restart, closes nothing: the journal knows of the
// cutover.
func TestFollowIsRememberedByTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 23:59:55")
		fs := vfs.NewMem()
		b := openBook(t, fs)
		e, stop := b.run(settings())
		if !b.days.Enter(20261121) { // a sale without an outcome
			t.Fatal("the date is sealed")
		}
		time.AfterFunc(8*time.Second, func() { b.days.Leave(20261121) })
		ended := make(chan error, 1)
		go func() {
			_, err := e.Follow(t.Context())
			ended <- err
		}()
		sleepUntil(t, time.UTC, "2026-11-22 00:00:02")
		synctest.Wait()
		if _, err := e.Follow(t.Context()); refusal(err) != "too soon" {
			t.Errorf("while the date is being closed: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stop()
		b.close()

		b = openBook(t, fs)
		defer b.close()
		e, stop = b.run(settings())
		defer stop()
		sleepUntil(t, time.UTC, "2026-11-22 00:00:10")
		if _, err := e.Follow(t.Context()); refusal(err) != "too soon" {
			t.Errorf("after a restart: %v", err)
		}
		if states := b.states(); b.j.OpenDay() != 20261122 || len(states) != 2 || states[20261121] != journal.DayWritten {
			t.Errorf("%s is open; %v", b.j.OpenDay(), states)
		}
	})
}

// raced closes the date by the schedule's way between a cutover's look at the open date and its own turn.
type raced struct {
	*calendar
	once bool
}

func (r *raced) Days(ctx context.Context, yield func(journal.Day) bool) error {
	if err := r.calendar.Days(ctx, yield); err != nil || !r.once {
		return err
	}
	r.once = false
	return r.calendar.Cutover(context.Background(), r.OpenDay(), r.OpenDay().Next())
}

// A date that another cutover closes meanwhile is not closed a second time, nor is the next one in its place.
func TestFollowIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 22:00:00")
		r := &raced{calendar: &calendar{location: time.UTC, days: map[payment.Date]journal.Day{}}}
		b := &book{t: t, fs: vfs.NewMem(), days: presentment.NewDays(nil)}
		e, stop := b.run(settings(func(o *cutover.Options) { o.Journal = r }))
		defer stop()
		synctest.Wait()
		r.once = true
		_, err := e.Follow(t.Context())
		if refusal(err) != "overtaken" || r.OpenDay() != 20261122 {
			t.Errorf("%v; %s is open", err, r.OpenDay())
		}
		if opened := slices.DeleteFunc(
			slices.Clone(r.trace), func(line string) bool { return !strings.Contains(line, "opens") },
		); len(opened) != 2 {
			t.Errorf("opened %v", opened)
		}
	})
}
