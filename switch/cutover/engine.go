// Package cutover closes business days: it opens the next date, waits until nothing of the old one is without an
// outcome, seals it, and writes its clearing files.
//
// A date goes open, closing, sealed, written; each step is a commit of the journal, so a crash at any point goes on
// from where it was: Start finishes what it finds. What a file is made from is fixed when the date is sealed, and the
// files are a function of that and of the journal (I8): they are written under temporary names, synced and renamed, the
// manifest last. Sealing builds each record once, so that what cannot be built is put aside and keeps nothing else from
// leaving, and splits what one file cannot hold. What fails is tried again every minute and told meanwhile (Problems);
// nothing that the switch serves waits for it.
//
// A destination may have windows: several times a date what it has so far is sealed and written by itself, as a date
// is, and the cutover seals the rest.
//
// Files in reading order: engine.go (when), finish.go (a date's way from closing to written), seal.go (what its files
// are made from), window.go (a part of the open date), calendar.go (for whom there are none), split.go, record.go (a
// record), write.go (the files), output.go (where to), release.go (what waits for people), rebuild.go (once more, from
// the journal), delivered.go (what was delivered before the journal was put back), taken.go (and stands in the open
// date), follow.go (a host's cutover).
//
// It does not know the layout of the files (package clearing) nor how a capture comes to stand in a date (package
// flow).
package cutover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/internal/slowlock"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// Sealer waits until a date has no operation without an outcome and lets none begin; presentment.Days is one.
type Sealer interface {
	Seal(ctx context.Context, date payment.Date) error
}

// Form is how a clearing file is written.
type Form struct {
	CodePage clearing.CodePage
	Blocked  bool // in blocks of 1014
	RDW      bool // record descriptor words; else VBS
}

// Settings are what the config says of clearing.
type Settings struct {
	AcquirerID   string          // DE32 of payments whose record has none
	ProcessorID  string          // in PDS0105; DE33 and DE94
	Form                         // of the files
	Forms        map[string]Form // of the files of destinations that have another one, by their names
	Production   bool
	Destinations []string // each gets a file every day, an empty one too
	// NodeInFileID makes the last five digits of a file id the node (2) and the sequence (3), for nodes that share a
	// processor id.
	NodeInFileID bool
	Node         uint32
	Calendar     Calendar
	// Release has the files of a date or a window that is sealed wait until they are released.
	Release bool
	Windows Windows
}

// Options are what an engine works with.
type Options struct {
	Journal  journal.Journal
	Days     Sealer
	Keyring  *pan.Keyring
	Clock    *clock.Clock // nil: the machine's
	FS       vfs.FS
	Dir      string         // of the clearing files; made if need be
	Location *time.Location // of the business day and of DE12
	// At is the local time of day of the cutover, since midnight.
	At       time.Duration
	Settings Settings
	// Merchants are asked for what a record whose own data make none can be built with.
	Merchants *merchant.Directory
	// Lock takes the short lock of a payment: turn.Table.Lock. Without it nobody else may change payments.
	Lock func(payment.ID) (unlock func())
	// Sealed is told of each date that is sealed; nil: nobody is. It must not block.
	Sealed func(payment.Date)
	// Bounds are what one file holds; default, and at most, what the layout can say.
	Bounds Bounds
	Logger *zap.Logger
	// Registerer takes the metrics; none are kept without it.
	Registerer prometheus.Registerer
}

// Engine closes business days. Safe for concurrent use.
type Engine struct {
	o       Options
	source  *Source
	started chan struct{} // closed once Start has finished the days that it found
	// wake holds one token when the schedule shall look: a cutover off it has left a day unfinished, or the clock changed.
	wake    chan struct{}
	running context.Context
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      slowlock.Mutex                // held through a cutover: one at a time
	written map[payment.Date]map[int]File // under mu: what this run has written of unfinished dates, by sequence
	waiting map[payment.Date]unreleased   // under mu: dates of which files wait to be released

	problems problems
	metrics  metrics
}

const (
	// recheck is how often the schedule looks at the clock, which somebody may have set.
	recheck = time.Hour
	// retry is how long after a cutover that failed it tries again to finish the day.
	retry = time.Minute
)

// New makes an engine.
func New(o Options) *Engine {
	o.Bounds = o.Bounds.complete()
	for _, name := range slices.Sorted(maps.Keys(o.Settings.Windows)) {
		if !slices.Contains(o.Settings.Destinations, name) {
			o.Settings.Destinations = append(slices.Clone(o.Settings.Destinations), name)
		}
	}
	if o.Lock == nil {
		o.Lock = func(payment.ID) func() { return func() {} }
	}
	if o.Sealed == nil {
		o.Sealed = func(payment.Date) {}
	}
	e := &Engine{
		o: o, started: make(chan struct{}), wake: make(chan struct{}, 1), written: map[payment.Date]map[int]File{},
		waiting: map[payment.Date]unreleased{}, metrics: newMetrics(o.Registerer),
		source: &Source{o.Journal, o.Keyring, o.FS, o.Dir},
	}
	e.running, e.stop = context.WithCancel(context.Background())
	return e
}

// ErrNotBegun is returned for a cutover of a date that has not begun: the one before it was closed ahead of the
// schedule, by hand or with a host's cutover.
var ErrNotBegun = errors.New(
	"the open business date has not begun yet: its predecessor was closed ahead of the schedule",
)

// ErrTooFar is returned for a date that is too far ahead of the calendar.
var ErrTooFar = errors.New("too far ahead of the calendar")

// ErrUsed is returned for a date that was opened before.
var ErrUsed = errors.New("it was opened before; no date opens twice")

// ErrPast is returned for a date before the calendar's.
var ErrPast = errors.New("the calendar is past it")

// ErrUnconfirmed is returned for what goes by the calendar while nobody has confirmed the clock.
var ErrUnconfirmed = errors.New("the clock is unconfirmed: set it right, or confirm it with switchctl clock confirm")

// ErrOvertaken is returned for a cutover that another one came before.
var ErrOvertaken = errors.New("another cutover has opened it already")

// ErrClosed is returned for a cutover after Close.
var ErrClosed = errors.New("the switch is stopping; no cutover begins")

// Open opens the first business date of a new journal; it comes before the first request.
func (e *Engine) Open(ctx context.Context) error {
	if e.o.Journal.OpenDay() != 0 {
		return nil
	}
	if err := e.o.Journal.Cutover(ctx, 0, e.dateAt(e.o.Clock.Now())); err != nil {
		return fmt.Errorf("open the first business date: %w", err)
	}
	return nil
}

// Start finishes days that a crash left behind and cuts over on schedule from then on; what cannot be finished yet is
// tried again by the schedule. It comes once no intent of an earlier run is without an outcome: a sale of a day that
// is sealed must not be approved or reversed afterwards. It fails only if ctx ends.
func (e *Engine) Start(ctx context.Context) error {
	err := errors.Join(e.lastAside(ctx), e.resume(ctx))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	close(e.started)
	e.done.Go(func() { e.schedule(err) })
	return nil
}

// Close ends the schedule and lets no cutover begin. One that waits for outcomes is left where it is, and the next
// Start goes on with it; one that writes its files is waited for.
func (e *Engine) Close() {
	e.stop()
	e.done.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
}

// dateAt is the business date at a moment: the calendar date, or from the cutover on the next one.
func (e *Engine) dateAt(t time.Time) payment.Date {
	t = t.In(e.o.Location)
	date := payment.DateOf(t)
	if e.o.At > 0 && !t.Before(e.cutoverOn(date)) {
		return date.Next()
	}
	return date
}

// cutoverOn is the moment of a calendar date's cutover. At 00:00 it is the date's beginning. Where clocks are put
// forward over that time it is as much later as they are.
func (e *Engine) cutoverOn(date payment.Date) time.Time { return e.momentOn(date, e.o.At) }

// momentOn is a local time of day, since midnight, on a calendar date.
func (e *Engine) momentOn(date payment.Date, timeOfDay time.Duration) time.Time {
	d := int(date)
	year, month, day, seconds := d/10000, time.Month(d/100%100), d%100, int(timeOfDay/time.Second)
	at := time.Date(year, month, day, 0, 0, seconds, 0, e.o.Location)
	// For a time that there is not, time.Date returns what the clock would have shown before the change or after it.
	hour, minute, second := at.Clock()
	shown := time.Date(at.Year(), at.Month(), at.Day(), hour, minute, second, 0, time.UTC)
	if early := time.Date(year, month, day, 0, 0, seconds, 0, time.UTC).Sub(shown); early > 0 {
		at = at.Add(early)
	}
	return at
}

// next is the next scheduled cutover after a moment.
func (e *Engine) next(t time.Time) time.Time {
	date := payment.DateOf(t.In(e.o.Location))
	for at := e.cutoverOn(date); ; at = e.cutoverOn(date) {
		if at.After(t) {
			return at
		}
		date = date.Next()
	}
}

// schedule cuts over whenever the clock has moved on to a date that is not open yet. After a cutover by hand, or with a
// host's, that date is open by then, so nothing happens. A date that was used ahead of its time, by a wrong clock, is
// passed over: what is accepted on it stands in the one after it. Days that a cutover left unfinished are finished
// first. err is what the first attempt at that came to.
func (e *Engine) schedule(err error) {
	for ; ; err = e.resume(e.running) {
		wait := recheck
		now := e.o.Clock.Confirmed()
		if mutant.On(mutant.CutoverUnconfirmed) {
			now = e.o.Clock.Wall()
		}
		if date := e.dateAt(now); date > e.o.Journal.OpenDay() {
			_, failed := e.cutover(e.running, e.o.Journal.OpenDay(), date)
			err = errors.Join(err, failed)
		}
		err = errors.Join(err, e.dueWindows(e.running, now))
		if err != nil && e.running.Err() == nil {
			wait = retry
			e.o.Logger.Error("cutover failed; it is tried again", zap.Duration("in", wait), zap.Error(err))
		}
		now = e.o.Clock.Confirmed()
		timer := time.NewTimer(min(wait, e.next(now).Sub(now), e.untilWindow(now)))
		select {
		case <-timer.C:
		case <-e.wake:
			timer.Stop()
		case <-e.running.Done():
			timer.Stop()
			return
		}
	}
}

// Cutover closes the open business date by hand, in place of its scheduled cutover, and returns what was written.
// With ahead it does so even if the open date has not begun, but not if it is more than one date ahead of the
// calendar. When it fails, or ctx ends, with the next date open already, the schedule finishes the rest.
func (e *Engine) Cutover(ctx context.Context, ahead bool) (Result, error) {
	return e.closeOpen(ctx, func(open payment.Date) (next payment.Date, err error) {
		switch today := e.dateAt(e.o.Clock.Now()); {
		case open <= today:
		case !ahead:
			return 0, ErrNotBegun
		case e.o.Clock.Doubt() != clock.Confirmed:
			return 0, ErrUnconfirmed
		case open > today.Next() && !mutant.On(mutant.AnyDateAhead):
			return 0, fmt.Errorf("%w: the calendar is at %s, and no more than one date ahead of it is closed; "+
				"where a wrong clock opened this one, cut over to the date that should be open", ErrTooFar, today)
		}
		return open.Next(), nil
	})
}

// CutoverTo closes the open business date by hand and opens another one: the way back from a date that was opened by
// a wrong clock. What was accepted under the wrong date is closed with it, in files of its own. The other date is the
// calendar's or the one after it, or the first one behind them that was never opened, and before the open one.
func (e *Engine) CutoverTo(ctx context.Context, date payment.Date) (Result, error) {
	return e.closeOpen(ctx, func(open payment.Date) (next payment.Date, err error) {
		today := e.dateAt(e.o.Clock.Now())
		if e.o.Clock.Doubt() != clock.Confirmed {
			return 0, ErrUnconfirmed
		}
		first, err := e.unused(ctx, today)
		if err != nil {
			return 0, err
		}
		_, err = e.o.Journal.Day(ctx, date)
		switch {
		case date == open:
			return 0, fmt.Errorf("%w: %s is the open one", ErrUsed, date)
		case err == nil:
			return 0, fmt.Errorf("%w: %s; the first that can be opened is %s", ErrUsed, date, first)
		case !errors.Is(err, journal.ErrNotFound):
			return 0, err
		case date < today:
			return 0, fmt.Errorf("%w: %s; the first that can be opened is %s", ErrPast, date, first)
		case date > today.Next() && date > open && !mutant.On(mutant.AnyDateAhead):
			return 0, fmt.Errorf("%s is %w, which is at %s: this is the way back from a date, and no way ahead", date,
				ErrTooFar, today)
		case date > today.Next() && date > first:
			return 0, fmt.Errorf("%s is %w, which is at %s; the first that can be opened is %s", date, ErrTooFar, today, first)
		}
		return date, nil
	})
}

// unused is the first date from one on that was never opened.
func (e *Engine) unused(ctx context.Context, date payment.Date) (payment.Date, error) {
	for {
		switch _, err := e.o.Journal.Day(ctx, date); {
		case errors.Is(err, journal.ErrNotFound):
			return date, nil
		case err != nil:
			return 0, err
		}
		date = date.Next()
	}
}

// closeOpen closes the open business date, unless next has a reason not to, and no other one, and opens the first
// unused date from next's on: should the schedule close it meanwhile the error is ErrOvertaken.
func (e *Engine) closeOpen(ctx context.Context, next func(open payment.Date) (payment.Date, error)) (Result, error) {
	if err := e.ready(ctx); err != nil {
		return Result{}, err
	}
	open := e.o.Journal.OpenDay()
	to, err := next(open)
	if err != nil {
		return Result{}, fmt.Errorf("business date %s: %w", open, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.running, cancel)()
	result, err := e.cutover(ctx, open, to)
	if err != nil {
		e.Recheck()
	}
	return result, err
}

// ready waits until what the last run left is finished, or its first attempt at that has failed.
func (e *Engine) ready(ctx context.Context) error {
	select {
	case <-e.started:
		return nil
	case <-e.running.Done():
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("the days that the last run left are not finished yet: %w", ctx.Err())
	}
}

// Recheck lets the schedule look at the clock and at unfinished days now.
func (e *Engine) Recheck() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// cutover closes a date, which must still be open, and opens the first unused one from next on.
func (e *Engine) cutover(ctx context.Context, date, next payment.Date) (Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running.Err() != nil {
		return Result{}, ErrClosed
	}
	if e.o.Journal.OpenDay() != date {
		return Result{}, fmt.Errorf("business date %s: %w", next, ErrOvertaken)
	}
	next, err := e.unused(ctx, next)
	if err != nil {
		return Result{}, err
	}
	if err := e.o.Journal.Cutover(ctx, date, next); err != nil {
		return Result{}, fmt.Errorf("cut over %s: %w", date, err)
	}
	e.o.Logger.Info("cutover", zap.Stringer("closed", date), zap.Stringer("open", next))
	if err := e.sealEarlier(ctx, date); err != nil {
		return Result{}, err
	}
	d, err := e.o.Journal.Day(ctx, date)
	if err != nil {
		return Result{}, err
	}
	return e.finish(ctx, &d)
}
