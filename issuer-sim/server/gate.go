package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// gate is where all connections wait while the host pauses.
type gate struct {
	active atomic.Bool
	mu     sync.Mutex
	paused chan struct{} // closed when the pause ends; nil without one
	until  time.Time
}

// pause makes everybody wait for a time from now; a longer pause that is on stays.
func (g *gate) pause(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := time.Now().Add(d)
	if g.paused != nil && until.Before(g.until) {
		return
	}
	g.until = until
	if g.paused == nil {
		g.paused = make(chan struct{})
		g.active.Store(true)
	}
	time.AfterFunc(d, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !time.Now().Before(g.until) {
			g.release()
		}
	})
}

func (g *gate) release() {
	if g.paused != nil {
		close(g.paused)
		g.paused = nil
		g.active.Store(false)
	}
}

// wait waits for the pause to end; false if the server or the link ends first.
func (g *gate) wait(quit, done <-chan struct{}) bool {
	if !g.active.Load() {
		return true
	}
	g.mu.Lock()
	paused := g.paused
	g.mu.Unlock()
	if paused == nil {
		return true
	}
	select {
	case <-paused:
		return true
	case <-quit:
		return false
	case <-done:
		return false
	}
}
