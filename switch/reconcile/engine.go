// Package reconcile holds each closed business date against the hosts' own figures: once a date is sealed, each host
// that is configured for it is sent an 0500 for each acquirer id and currency, with the totals of what it was told
// under that date, and says in its 0510 whether its own are the same (ISO 8583, DE66), and what they are.
//
//	sealed ─▶ figures of the journal ─▶ 0500 ─▶ 0510 ─▶ compared ─▶ kept, told (log, metrics, Days)
//
// It guarantees that no answer is counted for a date before it is kept in the journal, that a date which is sealed is
// asked about until it is answered, over restarts, and that nothing waits for it: neither the cutover nor the files
// nor a request. It changes no payment. What makes a difference is for a person: [Engine.Each] lists what was counted.
//
// Files in reading order: engine.go (when), count.go (what counts), ask.go (the 0500 and what an answer means),
// record.go (what is kept), tell.go (log and metrics), compare.go (what makes a difference, of an issuer's book).
//
// It is not the audit, which holds payment by payment against an issuer's book: it knows what hosts say of themselves.
package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/switch/clock"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Journal is what the engine asks of the journal.
type Journal interface {
	Payment(ctx context.Context, id payment.ID) (*payment.Payment, error)
	Payments(ctx context.Context, after payment.ID, yield func(*payment.Payment) bool) error
	Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error
	Days(ctx context.Context, yield func(journal.Day) bool) error
	OpenDay() payment.Date
	Meta(ctx context.Context, name string) ([]byte, error)
	PutMeta(ctx context.Context, name string, value []byte) error
}

// Options are what an engine works with.
type Options struct {
	Journal Journal
	Hosts   []*exchange.Issuer // those that are asked; none: nothing is done
	// Acquirer is DE32 of a payment's messages.
	Acquirer   func(*payment.Payment) string
	Clock      *clock.Clock
	Logger     *zap.Logger
	Registerer prometheus.Registerer
}

// Engine reconciles. Safe for concurrent use.
type Engine struct {
	o       Options
	hosts   map[string]*exchange.Issuer
	metrics metrics
	wake    chan struct{} // holds one token when there may be something to do
	done    sync.WaitGroup
	running context.Context
	stop    context.CancelFunc

	mu    sync.Mutex
	tries map[hostDate]*attempts // of what has not ended
	again map[hostDate]bool      // what a person wants asked anew
}

type hostDate struct {
	host string
	date payment.Date
}

// attempts are those at a host's date in this run.
type attempts struct {
	since time.Time // of the first look at it
	next  time.Time
	wait  time.Duration
	last  HostDate // what it came to so far, where nothing is kept
}

// How often what is not answered is asked again: after a minute, then after twice as long each time, up to an hour.
const (
	firstWait = time.Minute
	mostWait  = time.Hour
	// patience is how long the end of what is queued still is waited for, before a date is asked about all the same.
	patience = time.Hour
	// lasting is how long a date is asked about. A host that has told nothing of it by then is asked by people.
	lasting = 60 * 24 * time.Hour
	// recheck is how often the dates are looked at besides: none is sealed without a word (Sealed).
	recheck = time.Hour
)

// New makes an engine.
func New(o Options) *Engine {
	e := &Engine{
		o: o, hosts: map[string]*exchange.Issuer{}, metrics: newMetrics(o.Registerer), wake: make(chan struct{}, 1),
		tries: map[hostDate]*attempts{}, again: map[hostDate]bool{},
	}
	for _, h := range o.Hosts {
		e.hosts[h.Name] = h
	}
	e.running, e.stop = context.WithCancel(context.Background())
	return e
}

// Start begins to ask. It comes once a date is open.
func (e *Engine) Start() {
	if len(e.hosts) > 0 {
		e.done.Go(e.run)
	}
}

// Close ends it; an 0500 that is under way is given up, and asked again by the next start.
func (e *Engine) Close() {
	e.stop()
	e.done.Wait()
}

// Sealed is told that a date may have been sealed. It does not block.
func (e *Engine) Sealed() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// run asks about what is due until the engine is closed.
func (e *Engine) run() {
	for e.running.Err() == nil {
		next, err := e.round(e.running)
		if err != nil && e.running.Err() == nil {
			e.o.Logger.Error("business dates could not be reconciled; it is tried again", zap.Duration("in", firstWait),
				zap.Error(err))
			next = firstWait
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-e.wake:
			timer.Stop()
		case <-e.running.Done():
			timer.Stop()
		}
	}
}

// round asks about every date that is due and returns after how long the next one is.
func (e *Engine) round(ctx context.Context) (next time.Duration, err error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	dates, err := e.sealed(ctx)
	if err != nil {
		return 0, err
	}
	silent := map[string]bool{} // hosts that did not answer in this round
	for _, date := range dates {
		due, err := e.due(ctx, date)
		if err == nil && len(due) > 0 {
			err = e.reconcile(ctx, date, due, silent)
		}
		if err != nil {
			return 0, fmt.Errorf("business date %s: %w", date, err)
		}
	}
	return e.look(ctx, dates)
}

// sealed lists the dates that may be asked about, in their order.
func (e *Engine) sealed(ctx context.Context) (dates []payment.Date, err error) {
	now := e.o.Clock.Now()
	err = e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if (d.State == journal.DaySealed || d.State == journal.DayWritten) && now.Sub(d.Date.Time()).Abs() <= lasting {
			dates = append(dates, d.Date)
		}
		return true
	})
	return dates, err
}

// asked lists the hosts that a date is reconciled with, with what is kept of it.
func (e *Engine) asked(ctx context.Context, date payment.Date) (hosts []string, d Day, err error) {
	if d, err = e.day(ctx, date); err != nil {
		return nil, d, err
	}
	for name := range e.hosts {
		since, err := e.since(ctx, name)
		if err != nil {
			return nil, d, err
		}
		if date >= since {
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	return hosts, d, nil
}

// due lists the hosts that are to be asked about a date now.
func (e *Engine) due(ctx context.Context, date payment.Date) (due []string, err error) {
	hosts, d, err := e.asked(ctx, date)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range hosts {
		at := hostDate{name, date}
		if kept := d.host(name); kept != nil && kept.Ended && !e.again[at] {
			delete(e.tries, at)
			continue
		}
		if e.tries[at] == nil {
			e.tries[at] = &attempts{since: time.Now(), wait: firstWait}
		}
		if !e.tries[at].next.After(time.Now()) {
			due = append(due, name)
		}
	}
	return due, nil
}

// look sets the gauges and finds after how long the next date is due.
func (e *Engine) look(ctx context.Context, dates []payment.Date) (next time.Duration, err error) {
	next = recheck
	open, differ := map[string]int{}, map[string]int{}
	for _, date := range dates {
		hosts, d, err := e.asked(ctx, date)
		if err != nil {
			return 0, err
		}
		for _, name := range hosts {
			kept := d.host(name)
			if kept == nil || !kept.Ended {
				open[name]++
			}
			if kept != nil && slices.ContainsFunc(kept.Results, func(r Result) bool { return r.Status == OutOfBalance }) {
				differ[name]++
			}
		}
	}
	for name := range e.hosts {
		e.metrics.open.WithLabelValues(name).Set(float64(open[name]))
		e.metrics.differ.WithLabelValues(name).Set(float64(differ[name]))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for at, a := range e.tries {
		if !slices.Contains(dates, at.date) {
			delete(e.tries, at) // it is not asked about any more
			continue
		}
		next = min(next, max(0, time.Until(a.next)))
	}
	return next, nil
}

// Days tells how the sealed dates stand, in their order: one, or all of the last 60 days.
func (e *Engine) Days(ctx context.Context, one payment.Date) (days []Day, err error) {
	days = []Day{}
	dates, err := e.sealed(ctx)
	for _, date := range dates {
		if one != 0 && date != one {
			continue
		}
		hosts, d, err := e.asked(ctx, date)
		if err != nil {
			return nil, err
		}
		for _, name := range hosts {
			if d.host(name) == nil {
				d.put(e.lastTry(name, date))
			}
		}
		days = append(days, d)
	}
	return days, err
}

// lastTry is what the last attempt at what nothing is kept of came to.
func (e *Engine) lastTry(name string, date payment.Date) HostDate {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a := e.tries[hostDate{name, date}]; a != nil && a.last.Host != "" {
		return a.last
	}
	return HostDate{Host: name, Results: []Result{}}
}

// ErrNotAsked is returned for a date that no host is asked about.
var ErrNotAsked = errors.New("no host is asked about it: it is not sealed, none is configured with " +
	"reconcile, or it was closed before one was, or more than 60 days ago")

// Again has the hosts asked anew about a date, whatever they have answered, and returns at once.
func (e *Engine) Again(ctx context.Context, date payment.Date) error {
	dates, err := e.sealed(ctx)
	if err != nil {
		return err
	}
	hosts, _, err := e.asked(ctx, date)
	if err != nil {
		return err
	}
	if !slices.Contains(dates, date) || len(hosts) == 0 {
		return fmt.Errorf("business date %s: %w", date, ErrNotAsked)
	}
	e.mu.Lock()
	for _, name := range hosts {
		at := hostDate{name, date}
		delete(e.tries, at)
		e.again[at] = true
	}
	e.mu.Unlock()
	e.Sealed()
	return nil
}

// Each calls take with each message that a host was told under a date, in no particular order, until it fails.
func (e *Engine) Each(ctx context.Context, date payment.Date, host string, take func(*Counted) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	err := e.eachOf(ctx, date, func(Key) {}, func(c *Counted) {
		if failed == nil && c.Host == host {
			if failed = take(c); failed != nil {
				cancel()
			}
		}
	})
	return cmp.Or(failed, err)
}
