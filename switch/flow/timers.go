package flow

import (
	"context"
	"sync"
	"time"

	"switchyard/switch/journal"
)

// Where timers are looked for. Those that were fired stay in the journal's files as deleted rows until these are
// compacted, and a look from the first timer on would step over all of them each second. So it goes on from the last
// one that was served, and back where one is set before that.

// place is up to which timers were served.
type place struct {
	mu     sync.Mutex
	behind journal.Timer // none stands up to it; zero: nothing was served yet
	set    time.Time     // the earliest that was set since begin; zero: none
}

// begin returns behind which timer to look.
func (p *place) begin() journal.Timer {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = time.Time{}
	return p.behind
}

// served says that none stands up to a timer, as read since begin; one that was set meanwhile may.
func (p *place) served(last journal.Timer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set.IsZero() || p.set.After(last.At) {
		p.behind = last
	}
}

// stands says that a timer stands.
func (p *place) stands(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set.IsZero() || at.Before(p.set) {
		p.set = at
	}
	if !at.After(p.behind.At) {
		p.behind = journal.Timer{At: at.Add(-1)}
	}
}

// timed is a journal that tells a place of each timer that it stores, once it has: by then whoever looks finds it.
type timed struct {
	journal.Journal
	place *place
}

// Commit implements journal.Journal.
func (j timed) Commit(ctx context.Context, t *journal.Transition) error {
	err := j.Journal.Commit(ctx, t)
	j.stored(t, err)
	return err
}

// CommitAll implements journal.Journal.
func (j timed) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	j.Journal.CommitAll(ctx, ts, errs)
	for i, t := range ts {
		j.stored(t, errs[i])
	}
}

// SetTimers implements journal.Journal.
func (j timed) SetTimers(ctx context.Context, set, fired []journal.Timer) error {
	err := j.Journal.SetTimers(ctx, set, fired)
	for i := range set {
		j.place.stands(set[i].At)
	}
	return err
}

func (j timed) stored(t *journal.Transition, err error) {
	if err != nil {
		return
	}
	for _, at := range t.Timers {
		j.place.stands(at)
	}
}
