package flow

import "sync"

// laneWidth is how many batches of a lane may be on their way at once: while one waits for its sync the next one is
// made. More would make each smaller.
const laneWidth = 2

// lane hands what comes one by one on in batches, as large as they have become while the ones before were on their way.
// It has goroutines only while it has work, so there is nothing to stop.
type lane[T any] struct {
	run func(batch []T) // handles one batch; it does not keep it

	mu      sync.Mutex
	waiting []T
	spare   [laneWidth][]T // memory of batches that were handled
	spares  int
	running int
}

// add queues an element; Flush must follow.
func (l *lane[T]) add(x T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, x)
}

// Flush makes sure that what was added is handled. It implements link.Flusher.
func (l *lane[T]) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 && l.running < laneWidth {
		l.running++
		go l.work()
	}
}

func (l *lane[T]) work() {
	var batch []T
	for {
		if batch = l.next(batch); batch == nil {
			return
		}
		l.run(batch)
	}
}

// next takes all that waits and gives back the batch before; nil where nothing waits, and the goroutine ends.
func (l *lane[T]) next(before []T) []T {
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
