package steady

import (
	"sync"
	"time"
)

// meter is what this process takes of the processors in the measured window alone: a warm-up with another rate, and a
// drain in which little is done, would make its share of them look small.
type meter struct {
	cpu  func() time.Duration // so far
	loop sync.WaitGroup
	stop chan struct{}

	took, elapsed time.Duration
}

// begin measures from a moment on for so long, or until end.
func (m *meter) begin(from time.Time, window time.Duration) {
	m.stop = make(chan struct{})
	m.loop.Go(func() {
		if !m.wait(from) {
			return
		}
		began, before := time.Now(), m.cpu()
		m.wait(from.Add(window))
		m.elapsed, m.took = time.Since(began), m.cpu()-before
	})
}

// wait waits for a moment; false where the meter is stopped before.
func (m *meter) wait(until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-m.stop:
		return false
	}
}

// end stops where it measures still, and returns what was taken, and in which time; zeros where the window never began.
func (m *meter) end() (took, elapsed time.Duration) {
	if m.stop != nil {
		close(m.stop)
		m.loop.Wait()
	}
	return m.took, m.elapsed
}
