package server

import (
	"sync/atomic"
	"time"
)

// limiter lets logsPerSecond lines of a kind through, so that a flood of bad frames is no flood of lines.
type limiter struct {
	second atomic.Int64
	lines  atomic.Int64
}

const logsPerSecond = 20

func (l *limiter) allow() bool {
	now := time.Now().Unix()
	if old := l.second.Load(); old != now && l.second.CompareAndSwap(old, now) {
		l.lines.Store(0)
	}
	return l.lines.Add(1) <= logsPerSecond
}
