package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// minFollowed is how long after a cutover, whoever made it, a host's announcement closes a date again. Sooner it belongs to
// the cutover that was made: hosts repeat it, over each of their links and for a while, and it may come somewhat after a
// schedule that was meant for the same moment. That takes minutes, or an hour or two where summer time begins on different
// days. It is far below a day, so that the announcement on the day after a date that the schedule had to close counts
// again.
const minFollowed = 6 * time.Hour

// ErrTooSoon is returned by Follow so soon after a cutover that the announcement belongs to it.
var ErrTooSoon = errors.New("the announcement belongs to the last cutover")

// Follow closes the open business date because a host announced its own cutover. It is Cutover without ahead, so that a
// date that has not begun stays open (ErrNotBegun), and closes none within minFollowed of the last cutover (ErrTooSoon).
// Together they keep what a host repeats from closing two dates: the first until the next date begins by the clock, the
// second around that moment. They hold over a restart.
func (e *Engine) Follow(ctx context.Context) (Result, error) {
	return e.closeOpen(ctx, func(open payment.Date) error {
		now := e.o.Clock.Now()
		if open > e.dateAt(now) {
			return ErrNotBegun
		}
		last, err := e.lastCutover(now)
		if err != nil {
			return err
		}
		if since := now.Sub(last); since < minFollowed {
			return fmt.Errorf("%w, %s ago", ErrTooSoon, since.Round(time.Second))
		}
		return nil
	})
}

// lastCutover returns when the date before the open one was sealed, which is right after its cutover: now while it is being
// closed, and the zero time where there is none. A date whose sealing took long, over a stop perhaps, keeps announcements
// from closing the next one for longer, never for less.
func (e *Engine) lastCutover(now time.Time) (time.Time, error) {
	var last journal.Day
	err := e.o.Journal.Days(func(d journal.Day) bool {
		if d.State != journal.DayOpen && d.Date > last.Date {
			last = d
		}
		return true
	})
	switch {
	case err != nil || last.Date == 0:
		return time.Time{}, err
	case last.State == journal.DayClosing:
		return now, nil
	}
	var p plan
	if err := json.Unmarshal(last.Data, &p); err != nil {
		return time.Time{}, fmt.Errorf("record of business date %s: %w", last.Date, err)
	}
	return p.SealedAt, nil
}
