package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Where a date's files are to be released by people, nothing of them stands in the clearing folder before: whatever
// takes the files from there cannot come too early. What they will be is fixed when the date is sealed, and Rebuild
// makes them elsewhere for whoever wants to look first. That they wait, and by whom and when they were released, stands
// in the date's record, so that it holds over a restart and whatever the configuration says by then.

// Release is how the files of a date that wait for people stand.
type Release struct {
	By string    `json:"by,omitempty"` // "": nobody has released them
	At time.Time `json:"at,omitzero"`
}

// ErrNotWaiting is returned for the release of a date whose files do not wait for one.
var ErrNotWaiting = errors.New("its files do not wait to be released")

// waits tells whether the files of a sealed date wait for their release.
func (p *plan) waits() bool { return p.Release != nil && p.Release.By == "" }

// waiting is what a cutover answers of a date whose files wait.
func (p *plan) waiting(date payment.Date) Result {
	return Result{BusinessDate: date.String(), Files: []File{}, Unreleased: p.files()}
}

// files counts those of the date and of its windows.
func (p *plan) files() (n int) {
	for _, part := range p.parts() {
		n += len(part.Files)
	}
	return n
}

// MayRelease says what Release would have against a date now.
func (e *Engine) MayRelease(ctx context.Context, date payment.Date) error {
	_, _, err := e.waitingDay(ctx, date)
	return err
}

// waitingDay is a sealed date whose files wait for their release.
func (e *Engine) waitingDay(ctx context.Context, date payment.Date) (d journal.Day, p plan, err error) {
	d, err = e.o.Journal.Day(ctx, date)
	if err == nil && d.State == journal.DaySealed {
		if err = json.Unmarshal(d.Data, &p); err != nil {
			err = fmt.Errorf("its record: %w", err)
		}
	}
	if err == nil && !p.waits() {
		err = ErrNotWaiting
	}
	if err != nil {
		return d, p, fmt.Errorf("business date %s: %w", date, err)
	}
	return d, p, nil
}

// Release lets the files of a sealed date out: that they are released, and by whom, is durable before anything is
// written. Should the writing fail, the schedule goes on with it.
func (e *Engine) Release(ctx context.Context, date payment.Date, by string) (Result, error) {
	if err := e.ready(ctx); err != nil {
		return Result{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running.Err() != nil {
		return Result{}, ErrClosed
	}
	d, p, err := e.waitingDay(ctx, date)
	if err != nil {
		return Result{}, err
	}
	p.Release = &Release{By: by, At: e.o.Clock.Now().UTC().Truncate(time.Millisecond)}
	if err := e.move(ctx, &d, journal.DaySealed, &p); err != nil {
		return Result{}, fmt.Errorf("release business date %s: %w", date, err)
	}
	e.o.Logger.Info("clearing files are released", zap.Stringer("date", date), zap.String("by", by))
	result, err := e.finish(ctx, &d)
	if err != nil {
		e.Recheck()
		return Result{}, fmt.Errorf("%s is released, and its files are not written yet, which is tried again: %w", date, err)
	}
	return result, nil
}

// noteWaiting keeps for the metric whether the files of a date wait. It comes under mu, or before anything else runs.
func (e *Engine) noteWaiting(date payment.Date, waits bool) {
	if waits {
		e.waiting[date] = true
	} else {
		delete(e.waiting, date)
	}
	e.metrics.unreleased.Set(float64(len(e.waiting)))
}
