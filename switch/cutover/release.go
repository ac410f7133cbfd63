package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Where files are to be released by people, nothing of them stands in the clearing folder before: whatever takes the
// files from there cannot come too early. What they will be is fixed when their date or window is sealed, and Rebuild
// makes those of a date elsewhere for whoever wants to look first. That they wait, and by whom and when they were
// released, stands in the date's record, so that it holds over a restart and whatever the configuration says by then.
//
// Each date and each window waits by itself, and leaves behind those before it of its destination, of the same date and
// of those that were closed before: what takes a record back follows that. What is sealed behind one that waits does
// so, too. A date waits where one of its windows does, and is released with all of them.
//
// Which dates were closed before is not said by the calendar: after a way back from a date that a wrong clock opened
// an earlier one follows a later one. So those that wait are noted when a date is sealed or a window begins, and by a
// window those that are being closed; what is behind the date itself already is not noted, or both would wait for ever.

// Release is how the files of a date or a window that wait for people stand.
type Release struct {
	By string    `json:"by,omitempty"` // "": nobody has released them
	At time.Time `json:"at,omitzero"`
	// Behind are the other dates (YYYY-MM-DD) that waited when these files were fixed, in the calendar's order.
	Behind []string `json:"behind,omitempty"`
}

// WindowName names a window of a business date; the zero WindowName is the date as a whole.
type WindowName struct {
	Destination string
	Window      int // of the destination's on the date, from 1
}

// ErrNotWaiting is returned for the release of files that do not wait for one.
var ErrNotWaiting = errors.New("its files do not wait to be released")

// ErrNoWindow is returned for the release of a window that a date does not have.
var ErrNoWindow = errors.New("the date has no such window")

// ErrEarlierWaits is returned for the release of a window behind another one that waits.
var ErrEarlierWaits = errors.New("an earlier window of its destination waits, which is released before it")

// ErrEarlierDateWaits is returned for the release of files behind those of a date that was closed before and waits.
var ErrEarlierDateWaits = errors.New("files of a date that was closed before wait for the same destination, of which " +
	"these may take records back: that date is released first")

// waits tells whether the files of a plan wait for their release.
func (p *plan) waits() bool {
	return p.Release != nil && p.Release.By == "" && !mutant.On(mutant.ReleasedUnasked)
}

// windowWaits tells whether one of some windows does.
func windowWaits(windows []*plan) bool { return slices.ContainsFunc(windows, (*plan).waits) }

// waiting is what is told of a date or a window whose files wait: those of a date's windows that do not, too.
func (p *plan) waiting(date payment.Date) Result {
	result := Result{BusinessDate: date.String(), Window: p.Window, Files: []File{}}
	for _, part := range p.parts() {
		switch {
		case part.waits():
			result.Unreleased += len(part.Files)
		case part.Result != nil:
			result.Files = append(result.Files, part.Result.Files...)
		}
	}
	return result
}

// MayRelease says what Release would have against it now.
func (e *Engine) MayRelease(ctx context.Context, date payment.Date, of WindowName) error {
	_, _, parts, err := e.waitingParts(ctx, date, of)
	if err != nil {
		return err
	}
	return e.inTurn(ctx, date, parts)
}

// inTurn is ErrEarlierDateWaits where files of a date that wait are behind those of one that was closed before.
func (e *Engine) inTurn(ctx context.Context, date payment.Date, parts []*plan) error {
	waiting, err := e.waitingDates(ctx, date, false)
	if err != nil {
		return fmt.Errorf("business date %s: look for files of other dates that wait: %w", date, err)
	}
	for _, p := range parts {
		for _, w := range waiting {
			if !p.behind(date, w.date) || p.Format < 3 && w.behind(date) {
				continue
			}
			for _, f := range p.Files {
				if w.destinations[f.Destination] {
					return fmt.Errorf("business date %s: %w: %s, for %s", date, ErrEarlierDateWaits, w.date, f.Destination)
				}
			}
		}
	}
	return nil
}

// behind tells whether a plan of a date was made when another date waited that still does. Plans of before did not note
// it: theirs were closed in the calendar's order.
func (p *plan) behind(date, other payment.Date) bool {
	if p.Format < 3 {
		return other < date
	}
	return p.Release != nil && slices.Contains(p.Release.Behind, other.String())
}

// waitingDate is a date of which files wait, and for which destinations; or one that is being closed, of which nobody
// knows yet.
type waitingDate struct {
	date         payment.Date
	destinations map[string]bool
	parts        []*plan
}

// behind tells whether some of its files were fixed behind another date, so that this one is not behind them.
func (w *waitingDate) behind(date payment.Date) bool {
	return slices.ContainsFunc(w.parts, func(p *plan) bool { return p.Format >= 3 && p.behind(w.date, date) })
}

// waitingDates are the dates but one of which files wait, and on request those that are being closed, in the calendar's
// order.
func (e *Engine) waitingDates(ctx context.Context, but payment.Date, closing bool) (found []waitingDate, err error) {
	var failed error
	err = e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if d.Date == but || d.State == journal.DayWritten {
			return true
		}
		var p plan
		if len(d.Data) > 0 {
			if failed = json.Unmarshal(d.Data, &p); failed != nil {
				failed = fmt.Errorf("record of business date %s: %w", d.Date, failed)
				return false
			}
		}
		w := waitingDate{d.Date, map[string]bool{}, p.parts()}
		for _, part := range w.parts {
			for _, f := range part.Files {
				if part.waits() {
					w.destinations[f.Destination] = true
				}
			}
		}
		if len(w.destinations) > 0 || closing && d.State == journal.DayClosing {
			found = append(found, w)
		}
		return true
	})
	return found, errors.Join(err, failed)
}

// newRelease is that of files that are fixed while other dates wait, for some destinations; nil where they need not
// wait themselves.
func newRelease(waits bool, waiting []waitingDate, destinations ...string) *Release {
	r := &Release{}
	for _, w := range waiting {
		r.Behind = append(r.Behind, w.date.String())
		for _, name := range destinations {
			waits = waits || w.destinations[name]
		}
	}
	if !waits {
		return nil
	}
	return r
}

// waitingParts is a date, its plan, and the parts of that which are released together: one window, or the date's own
// and those of all its windows that wait.
func (e *Engine) waitingParts(ctx context.Context, date payment.Date, of WindowName) (
	d journal.Day, p *plan, parts []*plan, err error,
) {
	p = &plan{}
	d, err = e.o.Journal.Day(ctx, date)
	if err == nil && len(d.Data) > 0 {
		if err = json.Unmarshal(d.Data, p); err != nil {
			err = fmt.Errorf("its record: %w", err)
		}
	}
	switch {
	case err != nil:
	case of != WindowName{}:
		parts, err = p.waitingWindow(of)
	case d.State != journal.DaySealed || !p.waits():
		err = ErrNotWaiting
	default:
		parts = slices.DeleteFunc(p.parts(), func(part *plan) bool { return !part.waits() })
	}
	switch {
	case err == nil:
	case of != WindowName{}:
		err = fmt.Errorf("window %d of %s of business date %s: %w", of.Window, of.Destination, date, err)
	default:
		err = fmt.Errorf("business date %s: %w", date, err)
	}
	return d, p, parts, err
}

// waitingWindow finds a window whose files are fixed and wait, with none before it of its destination.
func (p *plan) waitingWindow(of WindowName) ([]*plan, error) {
	var before bool
	for _, w := range p.Windows {
		switch {
		case w.Destination != of.Destination:
		case w.Window < of.Window:
			before = before || w.waits()
		case !w.waits() || len(w.Files) == 0:
			return nil, ErrNotWaiting
		case before:
			return nil, ErrEarlierWaits
		default:
			return []*plan{w}, nil
		}
	}
	return nil, ErrNoWindow
}

// Release lets the files of a window out, or those of a sealed date with all of its windows that wait: that they are
// released, and by whom, is durable before anything is written. Should the writing fail, the schedule goes on with it.
func (e *Engine) Release(ctx context.Context, date payment.Date, of WindowName, by string) (Result, error) {
	if err := e.ready(ctx); err != nil {
		return Result{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running.Err() != nil {
		return Result{}, ErrClosed
	}
	d, p, parts, err := e.waitingParts(ctx, date, of)
	if err != nil {
		return Result{}, err
	}
	if err := e.inTurn(ctx, date, parts); err != nil {
		return Result{}, err
	}
	if err := e.leaveOutDelivered(ctx, date, parts); err != nil {
		return Result{}, fmt.Errorf("release business date %s: look at the files that are there: %w", date, err)
	}
	for _, part := range parts {
		part.Release.By, part.Release.At = by, e.o.Clock.Now().UTC().Truncate(time.Millisecond)
	}
	keep := func() error {
		if d.State == journal.DaySealed {
			return e.move(ctx, &d, journal.DaySealed, p)
		}
		return e.keepWindows(ctx, &d, p.Windows)
	}
	if err := keep(); err != nil {
		return Result{}, fmt.Errorf("release business date %s: %w", date, err)
	}
	e.o.Logger.Info("clearing files are released", zap.Stringer("date", date), zap.String("by", by),
		zap.String("destination", of.Destination), zap.Int("window", of.Window))
	var result Result
	if of == (WindowName{}) {
		result, err = e.finish(ctx, &d)
	} else {
		result, err = e.writeReleased(ctx, date, p, parts[0], keep)
	}
	if err != nil {
		e.Recheck()
		return Result{}, fmt.Errorf("%s is released, and its files are not written yet, which is tried again: %w", date, err)
	}
	return result, nil
}

// leaveOutDelivered has parts of a date that are released leave out what stands in later files. Where the journal was
// put back to before the date was refused, what is in it has left with a later one. Where it was put back to before the
// date was released, the part's files are all there, which no refusal allows: they are made as they were, and what
// stands in a later file as well was presented again there, after a reject that the journal does not know.
func (e *Engine) leaveOutDelivered(ctx context.Context, date payment.Date, parts []*plan) error {
	later, err := e.deliveredLater(ctx, date)
	if err != nil || len(later) == 0 {
		return err
	}
	for _, part := range parts {
		there, err := e.allThere(date, part)
		if err != nil {
			return err
		}
		for _, id := range later {
			if !there && !slices.Contains(part.Delivered, id) {
				part.Delivered = append(part.Delivered, id)
			}
		}
	}
	return nil
}

// allThere tells whether something stands under each name of the files of a plan.
func (e *Engine) allThere(date payment.Date, p *plan) (bool, error) {
	for _, f := range p.Files {
		id, err := p.fileID(date, f.Sequence)
		if err != nil {
			return false, err
		}
		for _, suffix := range []string{".ipm", ".detail.csv", ".summary.csv", manifestSuffix} {
			_, err := e.o.FS.Stat(e.o.FS.PathJoin(e.o.Dir, date.String(), id.String()+suffix))
			if errors.Is(err, fs.ErrNotExist) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// writeReleased writes a window that is released, of a date's plan.
func (e *Engine) writeReleased(
	ctx context.Context, date payment.Date, p, window *plan, keep func() error,
) (Result, error) {
	e.noteWaiting(date, p)
	err := e.writeWindows(ctx, date, p, keep)
	e.note(ctx, date, err)
	if window.Result == nil {
		return Result{}, err
	}
	return *window.Result, nil
}

// rests tells whether nothing is to be done about a sealed date before people release it.
func (p *plan) rests() bool {
	return p.waits() && !p.Unseen && !slices.ContainsFunc(p.Windows, func(w *plan) bool {
		return !w.waits() && w.Result == nil
	})
}

// unreleased is what of a date waits.
type unreleased struct {
	date    bool // it is sealed, and waits
	windows int
}

// noteWaiting keeps for the metrics what of a date waits; p is its plan, or has the windows of one that is not sealed.
// It comes under mu, or before anything else runs.
func (e *Engine) noteWaiting(date payment.Date, p *plan) {
	is := unreleased{date: p.waits()}
	for _, w := range p.Windows {
		if w.waits() {
			is.windows++
		}
	}
	e.waiting[date] = is
	if (is == unreleased{}) {
		delete(e.waiting, date)
	}
	dates, windows := 0, 0
	for _, is := range e.waiting {
		windows += is.windows
		if is.date {
			dates++
		}
	}
	e.metrics.unreleased.Set(float64(dates))
	e.metrics.unreleasedWindows.Set(float64(windows))
}
