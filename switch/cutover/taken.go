package cutover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// What stands in the open date can be voided at its issuer, and leaves no more. Where the journal was put back it may
// have left, in a file of the date or, carried on from there, of a later one. Then it must be taken back by a record of
// its own: else the cardholder is debited for what was voided.

// TakeDelivered ends a window of each destination of which whole files of the open business date, or of later ones, are
// there that the journal does not know, since it was put back: what stands in a window is out of reach of a void. On a
// date without settlement there are none: where something that the date has for such a destination stands in these
// files, the date is closed, as it was before the journal was put back.
//
// It comes before the first request. What cannot be taken, or told, is an error; what was begun is finished by the
// schedule.
func (e *Engine) TakeDelivered(ctx context.Context) error {
	d, err := e.o.Journal.Day(ctx, e.o.Journal.OpenDay())
	if err != nil {
		return err
	}
	windows, err := windowsOf(&d)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(windows, func(p *plan) bool { return len(p.Files) == 0 && len(p.Delivered) > 0 }) {
		e.mu.Lock()
		err = e.fillWindows(ctx, &d, windows) // a crash left it half filled
		e.mu.Unlock()
		if err != nil {
			return err
		}
	}
	_, whole, err := e.deliveredFiles(ctx, d.Date, e.newPlan(), windows)
	if err != nil {
		return err
	}
	later, err := e.deliveredLater(ctx, d.Date) // into which something may have been carried
	if err != nil {
		return err
	}
	whole = append(whole, later...)
	var settling, others []string
	for _, destination := range e.unnoted(whole, windows) {
		if e.o.Settings.Calendar.Settles(destination, d.Date) {
			settling = append(settling, destination)
		} else {
			others = append(others, destination)
		}
	}
	left, err := e.anyLeft(ctx, d.Date, others, whole)
	if left {
		return e.closeLeft(ctx, d.Date)
	}
	for _, destination := range settling {
		e.o.Logger.Warn("files of the open business date were delivered that the journal does not know: what it has for "+
			"their destination is put into a window", zap.Stringer("date", d.Date), zap.String("destination", destination))
		if _, failed := e.endWindow(ctx, destination, time.Time{}); failed != nil {
			err = errors.Join(err, fmt.Errorf("window of %s: %w", destination, failed))
		}
	}
	return err
}

// unnoted lists the destinations that some whole files are for, or may be, which no window of theirs notes.
func (e *Engine) unnoted(whole []string, windows []*plan) (destinations []string) {
	for _, id := range whole {
		if mutant.On(mutant.DeliveredVoided) {
			continue
		}
		maybe := e.o.Settings.Destinations
		if of, err := e.destinationOf(id); err == nil {
			maybe = []string{of}
		} else {
			e.o.Logger.Warn("the manifest of a delivered file cannot be read; it may be of any destination",
				zap.String("file", id), zap.Error(err))
		}
		for _, of := range maybe {
			if !slices.ContainsFunc(windows, func(p *plan) bool { // which notes all whole files, whosever they are
				return p.Destination == of && slices.Contains(p.Delivered, id)
			}) {
				destinations = append(destinations, of)
			}
		}
	}
	slices.Sort(destinations)
	return slices.Compact(destinations)
}

// destinationOf reads for whom a delivered file is.
func (e *Engine) destinationOf(id string) (string, error) {
	parsed, err := clearing.ParseFileID(id)
	if err != nil {
		return "", err
	}
	f, err := e.o.FS.Open(e.o.FS.PathJoin(e.o.Dir, parsed.Date.Format(time.DateOnly), id+manifestSuffix))
	if err != nil {
		return "", err
	}
	m, err := clearing.ReadManifest(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return m.Destination, nil
}

// anyLeft tells whether something that a date has for some destinations, in no window, stands in some files.
func (e *Engine) anyLeft(
	ctx context.Context, date payment.Date, destinations, files []string,
) (left bool, err error) {
	if len(destinations) == 0 {
		return false, nil
	}
	walk := e.o.Journal.Walk()
	defer func() { _ = walk.Close() }() // it was only read
	stand, err := e.source.delivered(ctx, date, &plan{Delivered: files})
	var failed error
	if err == nil {
		err = e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
			if presentment.WindowOf(row.Data) != 0 || !slices.Contains(destinations, row.Destination) {
				return true
			}
			var p *payment.Payment
			if p, failed = walk.Payment(row.Payment); failed == nil {
				left = stand.has(p, row.Op)
			}
			return failed == nil && !left
		})
	}
	if err = errors.Join(err, failed); err != nil {
		return false, fmt.Errorf("whether delivered files have something for %s: %w", strings.Join(destinations, ", "), err)
	}
	return left, nil
}

// closeLeft closes the open date, of which something has left, and opens the calendar's, or the one after it. Nothing
// is under way yet that it would have to wait for; Start seals it.
func (e *Engine) closeLeft(ctx context.Context, date payment.Date) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	next, err := e.unused(ctx, max(date.Next(), e.dateAt(e.o.Clock.Confirmed())))
	if err == nil {
		err = e.o.Journal.Cutover(ctx, date, next)
	}
	if err == nil {
		err = e.o.Days.Seal(ctx, date)
	}
	if err != nil {
		return fmt.Errorf("close %s, of which something stands in delivered files: %w", date, err)
	}
	e.o.Logger.Warn("what the open business date has for a destination without settlement on it stands in delivered "+
		"files that the journal does not know: the date is closed", zap.Stringer("closed", date), zap.Stringer("open", next))
	return nil
}
