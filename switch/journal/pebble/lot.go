package pebble

import (
	"context"
	"sync/atomic"
	"time"

	"switchyard/switch/journal"
)

// lot is the requests of one CommitAll: queued under one lock, and waited for as one.
type lot struct {
	requests []*request
	at       []int         // the place of each in the slice that was handed over
	left     atomic.Int64  // how many are not finished
	done     chan struct{} // one token when none is left; it is made once and used again
}

// CommitAll implements journal.Journal.
func (j *Journal) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	l := j.lots.Get().(*lot)
	started, latest := time.Now(), j.opts.Clock.Latest()
	for i, t := range ts {
		r, err := j.prepare(t, started, latest)
		errs[i] = err
		switch {
		case err != nil:
		case acknowledgedEarly(t):
			go j.submit(ctx, r)
		default:
			l.requests, l.at = append(l.requests, r), append(l.at, i)
		}
	}
	if len(l.requests) > 0 {
		j.submitAll(ctx, l)
	}
	for k, r := range l.requests {
		i := l.at[k]
		if r == nil {
			errs[i] = ctx.Err()
			continue
		}
		errs[i] = j.conclude(r, ts[i], r.err)
	}
	clear(l.requests)
	l.requests, l.at = l.requests[:0], l.at[:0]
	j.lots.Put(l)
}

// submitAll queues a lot and waits for it. Requests that it gives up belong to the committer, and are nil in the lot.
func (j *Journal) submitAll(ctx context.Context, l *lot) {
	l.left.Store(int64(len(l.requests)))
	for _, r := range l.requests {
		r.lot = l
		r.state.Store(requestQueued)
	}
	queued, err := j.queue.push(ctx, l.requests...)
	for _, r := range l.requests[queued:] {
		r.err = err
	}
	if refused := len(l.requests) - queued; refused > 0 {
		l.ended(refused)
	}
	select {
	case <-l.done:
	case <-ctx.Done():
		abandoned := 0
		for k, r := range l.requests[:queued] {
			if r.state.CompareAndSwap(requestQueued, requestAbandoned) {
				l.requests[k] = nil
				abandoned++
			}
		}
		if abandoned > 0 {
			l.ended(abandoned)
		}
		<-l.done
	}
}

// ended counts requests that are finished. The last one lets the caller go on.
func (l *lot) ended(requests int) {
	if l.left.Add(-int64(requests)) == 0 {
		l.done <- struct{}{}
	}
}
