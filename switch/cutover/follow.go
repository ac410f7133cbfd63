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

// minFollowed is how long after a cutover, whoever made it, a host's announcement closes a date again. Sooner it
// belongs to the cutover that was made: hosts repeat it, over each of their links and for a while, and it may come
// somewhat after a schedule that was meant for the same moment. That takes minutes, or an hour or two where summer time
// begins on different days. It is far below a day, so that the announcement on the day after a date that the schedule
// had to close counts again.
const minFollowed = 6 * time.Hour

// ErrTooSoon is returned by Follow so soon after a cutover that the announcement belongs to it.
var ErrTooSoon = errors.New("the announcement belongs to the last cutover")

// Follow closes the open business date because a host announced its own cutover. It is Cutover without ahead, so that a
// date that has not begun stays open (ErrNotBegun), and closes none within minFollowed of the last cutover
// (ErrTooSoon). Together they keep what a host repeats from closing two dates: the first until the next date begins by
// the clock, the second around that moment. They hold over a restart.
func (e *Engine) Follow(ctx context.Context) (Result, error) {
	return e.closeOpen(ctx, func(open payment.Date) (next payment.Date, err error) {
		now := e.o.Clock.Now()
		if open > e.dateAt(now) {
			return 0, ErrNotBegun
		}
		last, err := e.lastCutover(ctx, now)
		if err != nil {
			return 0, err
		}
		if since := now.Sub(last); since < minFollowed {
			return 0, fmt.Errorf("%w, %s ago", ErrTooSoon, since.Round(time.Second))
		}
		return open.Next(), nil
	})
}

// lastCutover returns when a date was sealed last, which is right after its cutover: now while one is being closed,
// and the zero time where there is none. A date whose sealing took long, over a stop perhaps, keeps announcements
// from closing the next one for longer, never for less. One that was sealed in the future was so by a wrong clock,
// and tells nothing.
func (e *Engine) lastCutover(ctx context.Context, now time.Time) (last time.Time, err error) {
	var damaged error
	err = e.o.Journal.Days(ctx, func(d journal.Day) bool {
		var p plan
		switch d.State {
		case journal.DayOpen:
			return true
		case journal.DayClosing:
			last = now
			return false
		case journal.DaySealed, journal.DayWritten:
		}
		if damaged = json.Unmarshal(d.Data, &p); damaged != nil {
			damaged = fmt.Errorf("record of business date %s: %w", d.Date, damaged)
			return false
		}
		if p.SealedAt.After(last) && !p.SealedAt.After(now) {
			last = p.SealedAt
		}
		return true
	})
	return last, errors.Join(err, damaged)
}
