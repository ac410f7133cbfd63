// Package clock is the switch's wall clock: what payments, messages and files are dated by, and what expires, is swept
// and is cut over by. Durations are measured with package time, whose monotonic clock nobody sets.
//
// It guards against a wall clock that is wrong. What a wall clock ahead of its time does cannot be taken back: it
// sweeps keys whose requests are charged again when they are repeated, and ends days and capture windows. So a clock
// that leapt ahead is unconfirmed, and while it is, [Clock.Confirmed], by which anything is swept, expired or cut
// over, stands still, and [Clock.Now], by which things are dated, goes on from the last confirmed time with the
// monotonic clock.
//
// A leap is seen in two ways: while the switch runs, the wall clock gains on the monotonic one; at a start, it is
// ahead of the time that the switch last saw. A stop alone is no leap, and the clock cannot tell the one from the
// other, so after a stop the word of the machine's time service suffices. A step of a running clock is confirmed by a
// person, also over restarts. A clock that is put right again confirms itself.
//
// It knows no payment and no journal: whoever makes it keeps the time that was seen ([Clock.Seen]) and gives it back
// ([Clock.Resume]).
package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a clock is made from. The zero value is the machine's clock.
type Options struct {
	// Wall is the wall clock; nil: the machine's.
	Wall func() time.Time
	// Synchronized tells whether a time service keeps the wall clock right; nil: what the kernel says.
	Synchronized func() bool
	// Leap is how far ahead the wall clock may come without being confirmed, at a start or within a day; 0: DefaultLeap.
	Leap time.Duration
}

// DefaultLeap is Options.Leap unless it is set: summer time that is mistaken for a time to be set, and no more.
const DefaultLeap = time.Hour

const (
	// ignored is by how much the wall clock may differ from the monotonic one until it is looked at closely.
	ignored = time.Second
	// forgiven is after how long a gain that was no leap is forgotten, so that small ones do not add up to one for ever.
	forgiven = 24 * time.Hour
)

// Doubt is why a clock is unconfirmed.
type Doubt uint8

// The doubts.
const (
	Confirmed Doubt = iota // there is none
	AfterStop              // it is far ahead of the last time that the switch saw before it was stopped
	Stepped                // it was set ahead while the switch ran
)

// String says it in words.
func (d Doubt) String() string {
	switch d {
	case AfterStop:
		return "far ahead of the time that was seen last before the start"
	case Stepped:
		return "set ahead while the switch was running"
	}
	return "confirmed"
}

// Clock is a wall clock. A nil one is the machine's and never in doubt. Safe for concurrent use.
type Clock struct {
	o       Options
	begin   time.Time     // with its monotonic reading, from which offsets are measured
	changed chan struct{} // a token when state's doubt, or that it was set back, has changed

	state atomic.Pointer[state]
	mu    sync.Mutex // of changes of state
}

// state is what is believed of the wall clock. A zero of a clock is what it shows less what the monotonic clock has
// run.
type state struct {
	doubt     Doubt
	zero      time.Time     // as last believed
	base      time.Time     // the zero that a gain is measured from,
	baseAt    time.Duration // and since when
	confirmed time.Time     // with a doubt: the last time without
	latest    time.Time     // the latest that was shown and believed
}

// New makes a clock that believes what it sees, until Resume.
func New(o Options) *Clock {
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Synchronized == nil {
		o.Synchronized = synchronized
	}
	if o.Leap == 0 {
		o.Leap = DefaultLeap
	}
	c := &Clock{o: o, begin: time.Now(), changed: make(chan struct{}, 1)}
	m, wall := c.read()
	c.state.Store(believed(m, wall))
	return c
}

func believed(m time.Duration, wall time.Time) *state {
	zero := wall.Add(-m)
	return &state{zero: zero, base: zero, baseAt: m, latest: wall}
}

// read reads both clocks, the monotonic one first: what is lost between the two makes the wall clock seem to gain,
// which is looked at again, and never seem to be set back.
func (c *Clock) read() (m time.Duration, wall time.Time) {
	m = time.Since(c.begin)
	return m, c.o.Wall().UTC().Round(0)
}

// Seen is what is kept of a clock over a stop.
type Seen struct {
	At      time.Time // what it showed last and was believed; zero: nothing is known
	Latest  time.Time // the latest that it ever showed and was believed
	Stepped bool      // it was in doubt because it was set ahead while the switch ran
}

// Resume takes up what was seen before the start. It comes before anything is dated.
func (c *Clock) Resume(seen Seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, wall := c.read()
	s := believed(m, wall)
	if !seen.At.IsZero() && wall.Sub(seen.At) > c.o.Leap && (seen.Stepped || !c.o.Synchronized()) {
		s = believed(m, seen.At.UTC().Round(0))
		s.confirmed, s.doubt = s.latest, AfterStop
		if seen.Stepped {
			s.doubt = Stepped
		}
	}
	for _, at := range []time.Time{seen.At, seen.Latest} {
		if at = at.UTC().Round(0); s.latest.Before(at) {
			s.latest = at
		}
	}
	c.set(s)
}

// Now returns what things are dated by, in UTC and without a monotonic reading: two of them are as far apart as the
// wall clock says. While the clock is in doubt it is the last time without, and what the monotonic clock has run since.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now().UTC().Round(0)
	}
	now, _ := c.look()
	return now
}

// Confirmed returns the time that is beyond doubt: Now, or while the clock is in doubt the last time without. Only by
// it is anything swept, expired or cut over.
func (c *Clock) Confirmed() time.Time {
	if c == nil {
		return time.Now().UTC().Round(0)
	}
	now, s := c.look()
	if s.doubt != Confirmed {
		return s.confirmed
	}
	return now
}

// Wall returns what the wall clock shows, right or wrong.
func (c *Clock) Wall() time.Time {
	if c == nil {
		return time.Now().UTC().Round(0)
	}
	return c.o.Wall().UTC().Round(0)
}

// Doubt tells whether the clock is in doubt, and why.
func (c *Clock) Doubt() Doubt {
	if c == nil {
		return Confirmed
	}
	_, s := c.look()
	return s.doubt
}

// Latest returns the latest time that the clock ever showed and was believed, Now at least. What is kept for a time is
// kept from it on: from Now, what came while the clock was behind would be given up too early once it is right.
func (c *Clock) Latest() time.Time {
	if c == nil {
		return time.Now().UTC().Round(0)
	}
	now, s := c.look()
	if s.latest.After(now) {
		return s.latest
	}
	return now
}

// Seen returns what is to be kept over a stop and given to Resume.
func (c *Clock) Seen() Seen {
	if c == nil {
		now := time.Now().UTC().Round(0)
		return Seen{At: now, Latest: now}
	}
	now, s := c.look()
	seen := Seen{At: now, Latest: now, Stepped: s.doubt == Stepped}
	if s.latest.After(now) {
		seen.Latest = s.latest
	}
	return seen
}

// look reads the clock. Nearly always the wall clock is where the monotonic one says.
func (c *Clock) look() (now time.Time, s *state) {
	m, wall := c.read()
	s = c.state.Load()
	gained := wall.Sub(s.zero) - m
	if s.doubt == Confirmed && -ignored < gained && gained < ignored {
		return wall, s
	}
	if s.doubt != Confirmed && wall.Add(-m).Sub(s.base) > c.o.Leap {
		return s.zero.Add(m), s
	}
	return c.judge()
}

// judge takes in that the wall clock is not where it was expected.
func (c *Clock) judge() (time.Time, *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, wall := c.read() // anew: this goroutine may have stood still between the two readings
	s := *c.state.Load()
	if s.doubt == Confirmed && m-s.baseAt >= forgiven {
		s.base, s.baseAt = s.zero, m
	}
	zero := wall.Add(-m)
	if zero.Sub(s.base) > c.o.Leap {
		if s.doubt == Confirmed {
			s.doubt, s.confirmed = Stepped, s.zero.Add(m)
			c.set(&s)
		}
		return s.zero.Add(m), &s
	}
	if before := s.zero.Add(m); s.latest.Before(before) {
		s.latest = before
	}
	if s.latest.Before(wall) {
		s.latest = wall
	}
	if zero.Before(s.base) {
		s.base, s.baseAt = zero, m
	}
	s.zero, s.doubt, s.confirmed = zero, Confirmed, time.Time{}
	c.set(&s)
	return wall, &s
}

// set publishes a state. The caller holds mu.
func (c *Clock) set(s *state) {
	c.state.Store(s)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Status is where a clock stands.
type Status struct {
	Doubt     Doubt
	Wall      time.Time     // what it shows
	Now       time.Time     // what things are dated by
	Confirmed time.Time     // what is swept, expired and cut over by
	Behind    time.Duration // how far Now is behind the latest time that was seen: the clock was set back
	// Synchronized is what the time service says.
	Synchronized bool
}

// Look looks at the clock, accepts the time service's word for one in doubt after a stop, and tells how it stands. It
// is called every second or so, and once after each token of Changed.
func (c *Clock) Look() Status {
	now, s := c.look()
	synchronized := c.o.Synchronized()
	if s.doubt == AfterStop && synchronized {
		c.Confirm()
		now, s = c.look()
	}
	m, wall := c.read()
	st := Status{
		Doubt: s.doubt, Wall: wall, Now: now, Confirmed: now, Behind: max(s.latest.Sub(now), 0), Synchronized: synchronized,
	}
	if s.doubt != Confirmed {
		st.Confirmed = s.confirmed
	} else if s.latest.Before(now) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if fresh := *c.state.Load(); fresh.doubt == Confirmed && fresh.zero.Equal(s.zero) {
			fresh.latest = fresh.zero.Add(m)
			c.state.Store(&fresh)
		}
	}
	return st
}

// Changed gives a token when the clock was set ahead or back, put right or confirmed.
func (c *Clock) Changed() <-chan struct{} { return c.changed }

// Confirm says that what the wall clock shows is right, whatever it showed before, and returns that.
func (c *Clock) Confirm() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, wall := c.read()
	c.set(believed(m, wall))
	return wall
}
