package presentment

import (
	"context"
	"sync"

	"switchyard/internal/mutant"
	"switchyard/switch/payment"
)

// Days keeps a business date from being sealed while an operation that would change its presentments has no outcome:
// a sale or refund of that date, or a void of one of its captures. From the moment on that it is being sealed nothing
// enters it, so what is waited for is what was under way then. Safe for concurrent use.
type Days struct {
	mu      sync.Mutex
	pending map[payment.Date]int
	closed  map[payment.Date]bool
	idle    map[payment.Date]chan struct{}
}

// NewDays makes the table; closed are the dates that the journal says are closing, sealed or written.
func NewDays(closed []payment.Date) *Days {
	d := &Days{pending: map[payment.Date]int{}, closed: map[payment.Date]bool{}, idle: map[payment.Date]chan struct{}{}}
	for _, date := range closed {
		d.closed[date] = true
	}
	return d
}

// Enter announces an operation that may change a date's presentments; false where the date is being sealed, or is.
func (d *Days) Enter(date payment.Date) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed[date] {
		return false
	}
	d.pending[date]++
	return true
}

// Closed tells whether a date is being sealed, or is: what stands in its clearing stays there.
func (d *Days) Closed(date payment.Date) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed[date]
}

// Leave ends what Enter announced: the outcome is committed.
func (d *Days) Leave(date payment.Date) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending[date]--; d.pending[date] > 0 {
		return
	}
	delete(d.pending, date)
	if c := d.idle[date]; c != nil {
		close(c)
		delete(d.idle, date)
	}
}

// Seal lets no operation of the date begin any more and waits for the outcomes of those that have: at most the issuer's
// deadline.
func (d *Days) Seal(ctx context.Context, date payment.Date) error {
	for {
		d.mu.Lock()
		d.closed[date] = d.closed[date] || !mutant.On(mutant.VoidEntersClosing)
		if d.pending[date] == 0 || mutant.On(mutant.SealWithoutWaiting) {
			d.closed[date] = true
			d.mu.Unlock()
			return nil
		}
		c := d.idle[date]
		if c == nil {
			c = make(chan struct{})
			d.idle[date] = c
		}
		d.mu.Unlock()
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
