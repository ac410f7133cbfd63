// Package clock is the switch's wall clock: what payments, messages and files are dated by, and what expires, is swept
// and is cut over by. Durations are measured with package time, whose monotonic clock nobody sets.
//
// It knows no payment and no journal.
package clock

import "time"

// Clock is a wall clock. The zero value and nil are the machine's. Safe for concurrent use.
type Clock struct {
	wall func() time.Time
}

// New makes a clock that shows what wall does; nil: the machine's.
func New(wall func() time.Time) *Clock { return &Clock{wall: wall} }

// Now returns what things are dated by, in UTC and without a monotonic reading: two of them are as far apart as the wall
// clock says.
func (c *Clock) Now() time.Time {
	if c == nil || c.wall == nil {
		return time.Now().UTC().Round(0)
	}
	return c.wall().UTC().Round(0)
}

// Confirmed returns the time that is beyond doubt. Only by it is anything swept, expired or cut over.
func (c *Clock) Confirmed() time.Time { return c.Now() }
