package server

import (
	"sync/atomic"
	"time"
)

// limiter lets logsPerSecond lines of a kind through, so that a flood of bad frames is no flood of lines.
type limiter struct {
	second   atomic.Int64
	lines    atomic.Int64
	withheld atomic.Int64
}

const logsPerSecond = 20

// allow tells whether one more line may be logged and, if so, how many were not since the last one.
func (l *limiter) allow() (ok bool, withheld int64) {
	now := time.Now().Unix()
	if old := l.second.Load(); old != now && l.second.CompareAndSwap(old, now) {
		l.lines.Store(0)
	}
	if l.lines.Add(1) > logsPerSecond {
		l.withheld.Add(1)
		return false, 0
	}
	return true, l.withheld.Swap(0)
}
