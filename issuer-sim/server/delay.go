package server

import (
	"container/heap"
	"sync"
	"time"
)

// delayed is an answer that waits for its time.
type delayed struct {
	due      time.Time
	order    uint64 // of those that are due at the same time
	position int64  // how far the data log must be written before
	frame    []byte
	drip     time.Duration // if not 0, the bytes go one by one over this time
}

func (d delayed) with(frame []byte) delayed {
	d.frame = frame
	return d
}

// delays are the delayed answers of one link. One goroutine, started with the first of them, writes all that are due in
// one go.
type delays struct {
	link    *link
	mu      sync.Mutex
	queue   delayHeap
	added   uint64
	wake    chan struct{}
	running bool
	closed  bool
}

// add takes an answer; false, and counted, if too many wait already.
func (d *delays) add(a delayed) bool {
	s := d.link.server
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return true // nobody is there to read it
	}
	if s.waiting.Add(1) > int64(s.limits.Delayed) {
		s.waiting.Add(-1)
		s.metrics.undelayed.Inc()
		return false
	}
	s.metrics.delayed.Inc()
	d.added++
	a.order = d.added
	heap.Push(&d.queue, a)
	if !d.running {
		d.running = true
		d.wake = make(chan struct{}, 1)
		go d.run()
	} else if d.queue[0].order == a.order {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// close drops what waits and ends the goroutine.
func (d *delays) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.forget(len(d.queue))
	d.queue = nil
	if d.running {
		close(d.wake)
	}
}

func (d *delays) forget(n int) {
	d.link.server.waiting.Add(-int64(n))
	d.link.server.metrics.delayed.Sub(float64(n))
}

func (d *delays) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var out []byte
	for {
		rest := time.Hour
		var drips []delayed
		var position int64
		out = out[:0]
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return
		}
		now := time.Now()
		for len(d.queue) > 0 {
			if wait := d.queue[0].due.Sub(now); wait > 0 {
				rest = wait
				break
			}
			a := heap.Pop(&d.queue).(delayed)
			d.forget(1)
			position = max(position, a.position)
			if a.drip > 0 {
				drips = append(drips, a)
			} else {
				out = append(out, a.frame...)
			}
		}
		d.mu.Unlock()
		if !d.write(out, drips, position) {
			d.link.reset()
		}
		if len(out)+len(drips) > 0 {
			continue
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-d.wake:
		}
	}
}

// write writes what is due; false if the connection is of no use any more.
func (d *delays) write(out []byte, drips []delayed, position int64) bool {
	l := d.link
	if len(out)+len(drips) == 0 {
		return true
	}
	if !l.server.gate.wait(l.server.quit, l.lib.Done()) || l.server.book.Commit(position) != nil {
		return false
	}
	if len(out) > 0 && l.write(out) != nil {
		return false
	}
	for _, a := range drips {
		if !l.drip(a) {
			return false
		}
	}
	return true
}

// drip writes a frame byte by byte over its time. Nothing else goes out on the connection meanwhile.
func (l *link) drip(a delayed) bool {
	l.writing.Lock()
	defer l.writing.Unlock()
	step := time.NewTicker(max(time.Microsecond, a.drip/time.Duration(len(a.frame))))
	defer step.Stop()
	for i := range a.frame {
		if _, err := l.out.Write(a.frame[i : i+1]); err != nil {
			return false
		}
		select {
		case <-step.C:
		case <-l.lib.Done():
			return false
		case <-l.server.quit:
			return false
		}
	}
	return true
}

// delayHeap is a container/heap by time, and by order at the same time.
type delayHeap []delayed

func (h delayHeap) Len() int { return len(h) }
func (h delayHeap) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].order < h[j].order
}
func (h delayHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *delayHeap) Push(x any) { *h = append(*h, x.(delayed)) }

// Pop implements heap.Interface.
func (h *delayHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = delayed{}
	*h = old[:len(old)-1]
	return last
}
