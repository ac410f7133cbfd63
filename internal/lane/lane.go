// Package lane hands what comes one by one on in batches.
package lane

import "sync"

// width is how many batches of a lane may be on their way at once: while one waits for its sync the next one is made.
// More would make each smaller.
const width = 2

// Lane makes batches as large as they have become while the ones before were on their way. It has goroutines only while
// it has work, so there is nothing to stop. Safe for concurrent use.
type Lane[T any] struct {
	run func(batch []T)

	mu      sync.Mutex
	waiting []T
	spare   [width][]T // memory of batches that were handled
	spares  int
	running int
}

// New makes a lane whose batches are handled by run, which does not keep them.
func New[T any](run func(batch []T)) *Lane[T] { return &Lane[T]{run: run} }

// Add queues an element; Flush must follow.
func (l *Lane[T]) Add(x T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, x)
}

// Flush makes sure that what was added is handled. It implements link.Flusher.
func (l *Lane[T]) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 && l.running < width {
		l.running++
		go l.work()
	}
}

func (l *Lane[T]) work() {
	var batch []T
	for {
		if batch = l.next(batch); batch == nil {
			return
		}
		l.run(batch)
	}
}

// next takes all that waits and gives back the batch before; nil where nothing waits, and the goroutine ends.
func (l *Lane[T]) next(before []T) []T {
	clear(before)
	l.mu.Lock()
	defer l.mu.Unlock()
	if before != nil {
		l.spare[l.spares] = before[:0]
		l.spares++
	}
	if len(l.waiting) == 0 {
		l.running--
		return nil
	}
	batch := l.waiting
	l.waiting = nil
	if l.spares > 0 {
		l.spares--
		l.waiting = l.spare[l.spares]
	}
	return batch
}
