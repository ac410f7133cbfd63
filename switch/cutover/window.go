package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// A destination may want what is accepted on a date in several files, one every few hours. Such a file is a window:
// what stands in the open date for the destination, and in no window before, is put into it, a commit a payment; then
// its plan is fixed, and its files are written, as those of a date are. What is in a window is out of reach of a void,
// as what is in a sealed date is. The cutover seals what is in no window, and the date then has the files of all.
//
// Each step is a commit: the record of the date, which is open all the while, has the plans of its windows. One without
// files is being filled; whoever finds it goes on with it, before another one is begun and before the date is sealed. A
// payment whose void is at the issuer is left for the next one: nobody waits.

// Windows are the local times of day, since midnight, at which a destination's windows end, by its name. The last one
// of a date ends with it and has no time.
type Windows map[string][]time.Duration

// ErrNoDestination is returned for a window of a destination that the config does not name and that has nothing on the
// open date.
var ErrNoDestination = errors.New("the configuration has no such destination, and nothing was accepted for one")

// ErrNotSettling is returned for a window of a destination without settlement on the open date.
var ErrNotSettling = errors.New("it has no settlement on the open business date")

// ErrNoFileIDs is returned for a window for which the date has no file id left.
var ErrNoFileIDs = errors.New("the business date has no file ids (PDS0105) left for another window")

// parts are the plans of a date: those of its windows, and its own of the rest.
func (p *plan) parts() []*plan { return append(slices.Clone(p.Windows), p) }

// has tells whether a presentment of the date belongs to the plan's files. Of a destination that has none of a date,
// since it has no settlement on it or the date was refused, something may be left that stands in a later date's.
func (p *plan) has(row *journal.Presentment) bool {
	of := func(f planFile) bool { return f.Destination == row.Destination }
	if slices.Contains(p.Held, row.Destination) && !slices.ContainsFunc(p.Files, of) {
		return false
	}
	return presentment.WindowOf(row.Data) == p.Window && (p.Window == 0 || row.Destination == p.Destination)
}

// openDate is the record of a date that is not sealed.
type openDate struct {
	Windows []*plan `json:"windows,omitempty"`
	// Refused is there where the date was sealed before, and what stands in it is to be carried on; Aside is what was put
	// aside then.
	Refused *Refusal `json:"refused,omitempty"`
	Aside   *Aside   `json:"aside,omitempty"`
}

// openDateOf reads the record of a date that is not sealed.
func openDateOf(d *journal.Day) (is openDate, err error) {
	if len(d.Data) == 0 {
		return is, nil
	}
	if err := json.Unmarshal(d.Data, &is); err != nil {
		return is, fmt.Errorf("record of business date %s: %w", d.Date, err)
	}
	return is, nil
}

// windowsOf are the windows of a date, in their order.
func windowsOf(d *journal.Day) ([]*plan, error) {
	is, err := openDateOf(d)
	return is.Windows, err
}

// keepWindows stores the windows of a date that is not sealed.
func (e *Engine) keepWindows(ctx context.Context, d *journal.Day, windows []*plan) error {
	data, err := json.Marshal(openDate{Windows: windows})
	if err != nil {
		return err
	}
	next := journal.Day{Date: d.Date, State: d.State, Data: data}
	if err := e.o.Journal.SetDay(ctx, next); err != nil {
		return err
	}
	*d = next
	return nil
}

// Window ends a window of a destination: what the open business date has for it, and no window before, is sealed and
// written, or waits for its release. When it fails, or ctx ends, once it has begun, the schedule finishes the rest.
func (e *Engine) Window(ctx context.Context, destination string) (Result, error) {
	if err := e.ready(ctx); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.running, cancel)()
	result, err := e.endWindow(ctx, destination, time.Time{})
	if err != nil {
		e.Recheck()
		return result, fmt.Errorf("window of %s: %w", destination, err)
	}
	return result, nil
}

// endWindow ends a window of a destination, unless one was begun on the open date since a moment; the zero time: in any
// case.
func (e *Engine) endWindow(ctx context.Context, destination string, since time.Time) (result Result, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running.Err() != nil {
		return Result{}, ErrClosed
	}
	d, err := e.o.Journal.Day(ctx, e.o.Journal.OpenDay())
	if err != nil {
		return Result{}, err
	}
	known, err := e.destined(ctx, d.Date, destination)
	switch {
	case err != nil:
		return Result{}, err
	case !known:
		return Result{}, ErrNoDestination
	case !e.o.Settings.Calendar.Settles(destination, d.Date):
		return Result{}, ErrNotSettling
	}
	windows, err := windowsOf(&d)
	if err != nil || !since.IsZero() && slices.ContainsFunc(windows, func(p *plan) bool {
		return p.Destination == destination && !p.SealedAt.Before(since)
	}) {
		return Result{}, err
	}
	defer func() { e.note(ctx, d.Date, err) }()
	if err := e.fillWindows(ctx, &d, windows); err != nil {
		return Result{}, err
	}
	p, err := e.beginWindow(ctx, &d, windows, destination)
	if err != nil {
		return Result{}, err
	}
	windows = append(windows, p)
	if err := e.fillWindows(ctx, &d, windows); err != nil {
		return Result{}, err
	}
	of := &plan{Windows: windows}
	e.noteWaiting(d.Date, of)
	err = e.writeWindows(ctx, d.Date, of, func() error { return e.keepWindows(ctx, &d, windows) })
	if p.waits() {
		return p.waiting(d.Date), nil
	}
	if p.Result == nil {
		return Result{}, err
	}
	if err != nil {
		e.o.Logger.Error("another window could not be written", zap.Stringer("date", d.Date), zap.Error(err))
	}
	return *p.Result, nil
}

// destined tells whether the config names a destination, or a date has something for it.
func (e *Engine) destined(ctx context.Context, date payment.Date, destination string) (is bool, err error) {
	if slices.Contains(e.o.Settings.Destinations, destination) {
		return true, nil
	}
	err = e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		is = row.Destination == destination
		return row.Destination < destination // in whose order they come
	})
	return is, err
}

// beginWindow stores how the next window of a destination is made, before anything is in it.
func (e *Engine) beginWindow(
	ctx context.Context, d *journal.Day, windows []*plan, destination string,
) (p *plan, err error) {
	p = e.newPlan()
	p.Destination, p.Window = destination, 1
	others, err := e.waitingDates(ctx, d.Date, true)
	if err != nil {
		return nil, fmt.Errorf("look for files of other dates that wait: %w", err)
	}
	waits := e.o.Settings.Release
	for _, before := range windows {
		if before.Destination == destination {
			p.Window, waits = before.Window+1, waits || before.waits()
		}
	}
	p.Release = newRelease(waits, others, destination)
	if p.After, err = e.look(ctx, d.Date, p, windows); err != nil {
		return nil, fmt.Errorf("look at the clearing files that are there: %w", err)
	}
	if e.idsLeft(p) < 1 {
		return nil, ErrNoFileIDs
	}
	return p, e.keepWindows(ctx, d, append(slices.Clone(windows), p))
}

// idsLeft is how many files a window may have, so that each destination has one left for the cutover: those that the
// config names, and a tenth of all for those that it does not, or no more, and that have something on the date.
func (e *Engine) idsLeft(p *plan) int {
	most := MostFiles(p.Node != nil)
	return most - p.After - max(len(e.o.Settings.Destinations), most/10)
}

// fillWindows puts what belongs into windows that were begun, and fixes their files.
func (e *Engine) fillWindows(ctx context.Context, d *journal.Day, windows []*plan) error {
	for _, p := range windows {
		if len(p.Files) > 0 {
			continue
		}
		if err := e.take(ctx, d.Date, p); err != nil {
			return fmt.Errorf("window %d of %s: %w", p.Window, p.Destination, err)
		}
		if err := e.fixFiles(ctx, d.Date, p); err != nil {
			return fmt.Errorf("window %d of %s: %w", p.Window, p.Destination, err)
		}
		if err := e.keepWindows(ctx, d, windows); err != nil {
			return err
		}
		e.o.Logger.Info("window sealed", zap.Stringer("date", d.Date), zap.String("destination", p.Destination),
			zap.Int("window", p.Window))
	}
	return nil
}

// take puts what a date has for a destination, and no window has, into a window.
func (e *Engine) take(ctx context.Context, date payment.Date, p *plan) error {
	s := e.newSealing(ctx, p)
	var rows []journal.Presentment // of one payment
	var failed error
	flush := func() {
		if len(rows) > 0 && failed == nil {
			failed = s.take(rows)
		}
		rows = rows[:0]
	}
	err := e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		if row.Destination != p.Destination || presentment.WindowOf(row.Data) != 0 {
			return failed == nil
		}
		if len(rows) > 0 && row.Payment != rows[0].Payment {
			flush()
		}
		rows = append(rows, row)
		return failed == nil
	})
	flush()
	return errors.Join(err, failed, s.mover.wait())
}

// take puts presentments of one payment into the window, in one commit.
func (s *sealing) take(rows []journal.Presentment) error {
	unlock := s.e.o.Lock(rows[0].Payment)
	t, err := s.taken(rows)
	if err != nil || t == nil {
		unlock()
		return err
	}
	s.mover.begin(func() error {
		defer unlock()
		return s.e.o.Journal.Commit(s.ctx, t)
	})
	return nil
}

// taken is the transition that puts what still stands of presentments of one payment into the window; nil where that is
// nothing. What no record can be built of stays for the cutover, which puts it aside where there is still none.
func (s *sealing) taken(rows []journal.Presentment) (*journal.Transition, error) {
	p, err := s.e.o.Journal.Payment(s.ctx, rows[0].Payment)
	if err != nil || voidUnderWay(p) {
		return nil, err
	}
	t := &journal.Transition{Payment: p, Unsealed: rows[0].Date, EvenBroken: true} // moves no money
	decided := map[int]*presentment.Snapshot{}                                     // by operation; nil: none can be built
	for _, row := range rows {
		row, err := s.e.o.Journal.Presentment(s.ctx, row.PresentmentRef)
		if errors.Is(err, journal.ErrNotFound) {
			continue // a void was quicker
		}
		if err == nil && row.Op >= len(p.Ops) {
			err = fmt.Errorf("the payment has %d operations", len(p.Ops))
		}
		var snapshot *presentment.Snapshot
		var fault error
		if err == nil {
			snapshot, _, fault, err = s.decide(p, row, decided)
		}
		if err != nil {
			return nil, fmt.Errorf("payment %s, operation %d: %w", p.ID, row.Op, err)
		}
		decided[row.Op] = snapshot
		stands := false
		if fault != nil {
			if stands, err = s.stands(p, row.Op); err != nil {
				return nil, err
			}
		}
		if stands {
			snapshot = s.asItStands(row)
			decided[row.Op] = snapshot
		} else if fault != nil {
			s.e.o.Logger.Warn("a record cannot be built; it is in no window", zap.Stringer("date", row.Date),
				zap.Stringer("payment", p.ID), zap.Int("operation", row.Op), zap.Error(fault))
			continue
		}
		snapshot.Window, p.Ops[row.Op].Window = s.plan.Window, s.plan.Window
		row.Data = snapshot.Encode()
		t.Present = append(t.Present, row)
	}
	if len(t.Present) == 0 {
		return nil, nil
	}
	p.Version++
	return t, nil
}

// voidUnderWay tells whether the issuer has yet to answer a void, by which a presentment is withdrawn or is not.
func voidUnderWay(p *payment.Payment) bool {
	return slices.ContainsFunc(p.Ops, func(op payment.Op) bool {
		return op.Kind == payment.KindVoid && op.State == payment.StatePending
	})
}

// fixFiles lays what is in a window into files.
func (e *Engine) fixFiles(ctx context.Context, date payment.Date, p *plan) error {
	files := newSplitter(e.o.Bounds, []string{p.Destination})
	walk := e.o.Journal.Walk()
	defer func() { _ = walk.Close() }() // it was only read
	var failed error
	err := e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		if !p.has(&row) {
			return true
		}
		var pay *payment.Payment
		if pay, failed = walk.Payment(row.Payment); failed != nil {
			return false
		}
		p.PastWindow = p.PastWindow || pay.Ops[row.Op].PastWindow
		files.add(row.Destination, pay.Merchant, pay.Currency, moved(pay, row.Op))
		return true
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	laid, _, err := files.plan(max(1, e.idsLeft(p)))
	for i := range laid {
		laid[i].Sequence += p.After
	}
	p.Files = laid
	return err
}

// writeWindows writes the windows of a date that are not written yet and do not wait for their release; of is the
// date's plan, keep stores it. One that cannot be written keeps no other from being.
func (e *Engine) writeWindows(ctx context.Context, date payment.Date, of *plan, keep func() error) (err error) {
	for _, p := range of.Windows {
		if p.Result != nil || p.waits() {
			continue
		}
		others := slices.DeleteFunc(of.parts(), func(other *plan) bool { return other == p })
		result, failed := e.writeOnce(ctx, date, p, others, keep)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("window %d of %s: %w", p.Window, p.Destination, failed))
			continue
		}
		p.Result = &result
		if err := keep(); err != nil {
			return err
		}
		e.o.Logger.Info("clearing files of a window written", zap.Stringer("date", date),
			zap.String("destination", p.Destination), zap.Int("window", p.Window), zap.Int("files", len(result.Files)))
	}
	return err
}

// closeWindows fills what was begun on a date that is being sealed, and returns its record.
func (e *Engine) closeWindows(ctx context.Context, d *journal.Day) (openDate, error) {
	is, err := openDateOf(d)
	if err == nil {
		err = e.fillWindows(ctx, d, is.Windows)
	}
	return is, err
}

// resumeWindows finishes the windows of the open date that were begun.
func (e *Engine) resumeWindows(ctx context.Context) (err error) {
	if e.o.Journal.OpenDay() == 0 {
		return nil
	}
	d, err := e.o.Journal.Day(ctx, e.o.Journal.OpenDay())
	if err != nil {
		return err
	}
	windows, err := windowsOf(&d)
	if err == nil && !slices.ContainsFunc(windows, func(p *plan) bool { return p.Result == nil }) {
		return nil
	}
	defer func() { e.note(ctx, d.Date, err) }()
	if err == nil {
		err = e.fillWindows(ctx, &d, windows)
	}
	if err != nil {
		return err
	}
	of := &plan{Windows: windows}
	e.noteWaiting(d.Date, of)
	return e.writeWindows(ctx, d.Date, of, func() error { return e.keepWindows(ctx, &d, windows) })
}

// dueWindows ends the windows whose time on the open date has come; of one destination one, however many times have
// passed since the last.
func (e *Engine) dueWindows(ctx context.Context, now time.Time) (err error) {
	for _, destination := range slices.Sorted(maps.Keys(e.o.Settings.Windows)) {
		due := e.lastWindow(e.o.Settings.Windows[destination], now)
		if open := e.o.Journal.OpenDay(); e.dateAt(due) != open || !e.o.Settings.Calendar.Settles(destination, open) {
			continue
		}
		if _, failed := e.endWindow(ctx, destination, due); failed != nil {
			err = errors.Join(err, fmt.Errorf("window of %s: %w", destination, failed))
		}
	}
	return err
}

// lastWindow is the last of some times of day at or before a moment.
func (e *Engine) lastWindow(times []time.Duration, now time.Time) (last time.Time) {
	today := payment.DateOf(now.In(e.o.Location))
	for _, date := range []payment.Date{payment.DateOf(today.Time().AddDate(0, 0, -1)), today} {
		for _, timeOfDay := range times {
			if at := e.momentOn(date, timeOfDay); !at.After(now) && at.After(last) {
				last = at
			}
		}
	}
	return last
}

// untilWindow is how long it is from a moment until the next end of a window.
func (e *Engine) untilWindow(now time.Time) time.Duration {
	until := time.Duration(math.MaxInt64)
	today := payment.DateOf(now.In(e.o.Location))
	for _, times := range e.o.Settings.Windows {
		for _, date := range []payment.Date{today, today.Next()} {
			for _, timeOfDay := range times {
				if at := e.momentOn(date, timeOfDay); at.After(now) {
					until = min(until, at.Sub(now))
				}
			}
		}
	}
	return until
}
