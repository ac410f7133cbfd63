package rules

import (
	"sync"
	"time"
)

// maxPace is the fastest pace that can be told from none.
const maxPace = 1_000_000

// pacer gives a host so many answers a second: each has its turn a gap after the one before, on whatever connection,
// and answers that come faster wait in line. A nil pacer lets everything through at once.
type pacer struct {
	gap  time.Duration
	mu   sync.Mutex
	next time.Time
}

// newPacer makes a pacer of answers a second; nil for none.
func newPacer(pace int) *pacer {
	if pace == 0 {
		return nil
	}
	return &pacer{gap: time.Second / time.Duration(pace)}
}

// turn takes a turn: the answer may go out then.
func (p *pacer) turn(now time.Time) time.Time {
	if p == nil {
		return now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	p.next = at.Add(p.gap)
	return at
}
