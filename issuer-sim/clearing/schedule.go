package clearing

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
)

// A schedule is the times of day, UTC, at which windows end by themselves: since midnight, each once, in their order.
type schedule []time.Duration

const timeOfDayLayout = "15:04"

func parseSchedule(texts []string) (s schedule, _ error) {
	for _, text := range texts {
		at, err := time.Parse(timeOfDayLayout, text)
		if err != nil || len(text) != len(timeOfDayLayout) {
			return nil, fmt.Errorf("windows: %q: expected a time of day such as \"08:00\", UTC", text)
		}
		s = append(s, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute)
	}
	slices.Sort(s)
	if twice := slices.Compact(slices.Clone(s)); len(twice) != len(s) || len(s) > maxWindowsOfADate {
		return nil, fmt.Errorf("windows: expected each time of day once, %d at the most", maxWindowsOfADate)
	}
	return s, nil
}

// after is the first time behind a moment.
func (s schedule) after(t time.Time) time.Time {
	midnight := t.UTC().Truncate(24 * time.Hour)
	for _, at := range s {
		if due := midnight.Add(at); due.After(t) {
			return due
		}
	}
	return midnight.AddDate(0, 0, 1).Add(s[0])
}

// latest is the last time up to a moment.
func (s schedule) latest(t time.Time) time.Time {
	midnight := t.UTC().Truncate(24 * time.Hour)
	for _, at := range slices.Backward(s) {
		if due := midnight.Add(at); !due.After(t) {
			return due
		}
	}
	return midnight.AddDate(0, 0, -1).Add(s[len(s)-1])
}

// looksAtClock is how long a clock that is set goes unnoticed, and how long a window that could not be ended waits.
const looksAtClock = time.Minute

// EndWindows ends windows by the clock until quit is closed. What ended last stands in the log: a time that came while
// nobody ran is made up for at the start, once for however many there were.
func (d *Desk) EndWindows(quit <-chan struct{}) {
	if len(d.schedule) == 0 {
		return
	}
	for {
		rest := looksAtClock
		if due, err := d.nextWindow(); err != nil {
			d.logger.Error("clearing window not begun; it is tried again", zap.Error(err))
		} else if now := d.o.Now(); now.Before(due) {
			rest = min(rest, due.Sub(now))
		} else if _, err := d.closeWindow(d.schedule.latest(now)); err != nil {
			d.logger.Error("clearing window not ended; it is tried again", zap.Error(err))
		} else {
			continue
		}
		select {
		case <-time.After(rest):
		case <-quit:
			return
		}
	}
}

// nextWindow is when the window ends by the clock. The first of all begins now, and the log has that.
func (d *Desk) nextWindow() (time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, now := d.books.ClockedUpTo(), d.o.Now().Unix()
	if last == 0 || last > now { // or the clock was set back
		last = now
		if err := d.books.CloseWindow(&book.Closed{Clocked: last}); err != nil {
			return time.Time{}, err
		}
	}
	return d.schedule.after(time.Unix(last, 0)), nil
}
