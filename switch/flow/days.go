package flow

import (
	"context"
	"sync"

	"switchyard/internal/mutant"
	"switchyard/switch/payment"
)

// Days keeps a business date from being sealed while an operation that would change its presentments has no outcome:
// a sale or refund of that date, or a void of one of its captures. Safe for concurrent use.
type Days struct {
	mu      sync.Mutex
	pending map[payment.Date]int
	sealed  map[payment.Date]bool
	idle    map[payment.Date]chan struct{}
}

// NewDays makes the table; sealed are the dates that the journal says are sealed.
func NewDays(sealed []payment.Date) *Days {
	d := &Days{pending: map[payment.Date]int{}, sealed: map[payment.Date]bool{}, idle: map[payment.Date]chan struct{}{}}
	for _, date := range sealed {
		d.sealed[date] = true
	}
	return d
}

// Enter announces an operation that may change a date's presentments; false where the date is sealed.
func (d *Days) Enter(date payment.Date) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed[date] {
		return false
	}
	d.pending[date]++
	return true
}

// Sealed tells whether a date is sealed.
func (d *Days) Sealed(date payment.Date) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sealed[date]
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

// Seal waits until no operation of the date is without an outcome and lets none begin afterwards.
func (d *Days) Seal(ctx context.Context, date payment.Date) error {
	for {
		d.mu.Lock()
		if d.pending[date] == 0 || mutant.On(mutant.SealWithoutWaiting) {
			d.sealed[date] = true
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
