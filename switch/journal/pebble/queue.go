package pebble

import (
	"context"
	"sync"
)

// queue holds the requests that wait for the committer, in order, bounded.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	most    int
	closed  error
	space   chan struct{} // made by a caller who found the queue full; closed when that has changed
	wake    chan struct{} // one token: there is something to take
}

func (q *queue) init(most int) {
	q.most = most
	q.wake = make(chan struct{}, 1)
}

// push adds requests in their order and returns how many: all, unless it fails. While the queue is full it waits until
// ctx ends.
func (q *queue) push(ctx context.Context, requests ...*request) (pushed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for {
		q.mu.Lock()
		if q.closed != nil {
			q.mu.Unlock()
			return pushed, q.closed
		}
		before := len(q.waiting)
		n := min(q.most-before, len(requests)-pushed)
		q.waiting = append(q.waiting, requests[pushed:pushed+n]...)
		pushed += n
		if pushed == len(requests) {
			q.mu.Unlock()
			if before == 0 {
				q.signal()
			}
			return pushed, nil
		}
		if q.space == nil {
			q.space = make(chan struct{})
		}
		space := q.space
		q.mu.Unlock()
		if before == 0 {
			q.signal()
		}
		select {
		case <-space:
		case <-ctx.Done():
			return pushed, ctx.Err()
		}
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for requests and takes all of them, giving the queue an empty slice in return. It returns false once the
// queue is closed and empty.
func (q *queue) take(empty []*request) (taken []*request, open bool) {
	for {
		<-q.wake
		q.mu.Lock()
		taken, q.waiting = q.waiting, empty
		closed := q.closed != nil
		q.free()
		q.mu.Unlock()
		if closed {
			q.signal() // the next call must not wait
		}
		if len(taken) > 0 {
			return taken, true
		}
		if closed {
			return nil, false
		}
		empty = taken
	}
}

// free wakes those who wait for space. The caller holds mu.
func (q *queue) free() {
	if q.space != nil {
		close(q.space)
		q.space = nil
	}
}

// close refuses everything from now on with err; what waits is still taken.
func (q *queue) close(err error) {
	q.mu.Lock()
	if q.closed == nil {
		q.closed = err
	}
	q.free()
	q.mu.Unlock()
	q.signal()
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
