package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/clock"
)

// machine is a machine whose wall clock somebody sets and whose time service may be trusted.
type machine struct {
	off    time.Duration
	synced bool
}

func (m *machine) clock() *clock.Clock {
	return clock.New(clock.Options{
		Wall: func() time.Time { return time.Now().Add(m.off) }, Synchronized: func() bool { return m.synced },
		Leap: time.Hour,
	})
}

func bubble(t *testing.T, f func(t *testing.T, m *machine)) {
	synctest.Test(t, func(t *testing.T) { f(t, &machine{}) })
}

// holds checks both readings of a clock, to the second.
func holds(t *testing.T, when string, c *clock.Clock, doubt clock.Doubt, now, confirmed time.Time) {
	t.Helper()
	st := c.Look()
	if st.Doubt != doubt {
		t.Errorf("%s: the clock is %s, want %s", when, st.Doubt, doubt)
	}
	if got := c.Now().Truncate(time.Second); !got.Equal(now) {
		t.Errorf("%s: Now is %s, want %s", when, got, now)
	}
	if got := c.Confirmed().Truncate(time.Second); !got.Equal(confirmed) {
		t.Errorf("%s: Confirmed is %s, want %s", when, got, confirmed)
	}
}

// A running clock that is set ahead: what is judged stands still, what is dated goes on, until it is put right or a
// person confirms it. A time service's word is not enough.
func TestStep(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		c, begin := m.clock(), time.Now().UTC()
		m.synced = true
		time.Sleep(time.Minute)
		m.off = 59 * time.Minute
		holds(t, "59 minutes ahead", c, clock.Confirmed, begin.Add(time.Hour), begin.Add(time.Hour))
		m.off = 36 * 24 * time.Hour
		holds(t, "36 days ahead", c, clock.Stepped, begin.Add(time.Hour), begin.Add(time.Hour))
		time.Sleep(3 * time.Hour)
		holds(t, "three hours later", c, clock.Stepped, begin.Add(4*time.Hour), begin.Add(time.Hour))
		m.off = 0
		holds(t, "put right", c, clock.Confirmed, begin.Add(181*time.Minute), begin.Add(181*time.Minute))
		m.off = 40 * 24 * time.Hour
		holds(t, "40 days ahead", c, clock.Stepped, begin.Add(181*time.Minute), begin.Add(181*time.Minute))
		c.Confirm()
		ahead := begin.Add(181*time.Minute + m.off)
		holds(t, "confirmed", c, clock.Confirmed, ahead, ahead)
		m.off = 0
		holds(t, "set back after that", c, clock.Confirmed, begin.Add(181*time.Minute), begin.Add(181*time.Minute))
		if behind := c.Look().Behind.Round(time.Second); behind != 40*24*time.Hour {
			t.Errorf("set back by 40 days: it is %s behind", behind)
		}
		m.off = 40 * 24 * time.Hour
		holds(t, "ahead once more", c, clock.Stepped, begin.Add(181*time.Minute), begin.Add(181*time.Minute))
	})
}

// Small steps and a drift are believed as long as they do not come to the bound within a day.
func TestDrift(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		c := m.clock()
		for range 24 * 30 {
			time.Sleep(time.Hour)
			m.off += 2 * time.Minute // 48 minutes a day
			if st := c.Look(); st.Doubt != clock.Confirmed || st.Behind != 0 {
				t.Fatalf("at %s off the clock is %s and %s behind", m.off, st.Doubt, st.Behind)
			}
		}
		for range 24 {
			time.Sleep(time.Hour)
			m.off += 3 * time.Minute // 72 minutes a day
			c.Look()
		}
		if st := c.Look(); st.Doubt != clock.Stepped {
			t.Errorf("gaining 72 minutes in a day the clock is %s", st.Doubt)
		}
	})
}

// A start is judged by the time that was seen last: a stop is no leap where the time service says that the clock is
// right, now or as soon as it does.
func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		seen := time.Now().UTC()
		time.Sleep(5 * time.Hour)
		c := m.clock()
		c.Resume(clock.Seen{At: seen})
		holds(t, "after a stop of five hours", c, clock.AfterStop, seen, seen)
		time.Sleep(time.Minute)
		holds(t, "a minute later", c, clock.AfterStop, seen.Add(time.Minute), seen)
		m.synced = true
		right := time.Now().UTC()
		holds(t, "once the time service knows", c, clock.Confirmed, right, right)

		c = m.clock()
		c.Resume(clock.Seen{At: seen})
		holds(t, "at a start with a time service", c, clock.Confirmed, right, right)
		c = m.clock()
		c.Resume(clock.Seen{At: seen, Stepped: true})
		holds(t, "at a start after a step that nobody confirmed", c, clock.Stepped, seen, seen)
		if !c.Seen().Stepped {
			t.Error("the step is forgotten over a second start")
		}
		m.synced = false
		for _, seen := range []time.Time{{}, right.Add(-time.Hour), right.Add(24 * time.Hour)} {
			c = m.clock()
			c.Resume(clock.Seen{At: seen})
			holds(t, "at a start that is no leap", c, clock.Confirmed, right, right)
		}
		if behind := c.Look().Behind; behind != 24*time.Hour {
			t.Errorf("a day before the time seen last it is %s behind", behind)
		}
		time.Sleep(25 * time.Hour)
		if behind := c.Look().Behind; behind != 0 {
			t.Errorf("once it has caught up it is %s behind", behind)
		}
	})
}

// Each of these gives a token, so that whoever waits for one misses no change.
func TestChanged(t *testing.T) {
	bubble(t, func(t *testing.T, m *machine) {
		c := m.clock()
		for i, change := range []func(){
			func() { m.off = 2 * time.Hour; c.Now() }, func() { c.Confirm() }, func() { m.off = 0; c.Now() },
			func() { c.Resume(clock.Seen{At: time.Now().Add(-2 * time.Hour)}) },
		} {
			change()
			select {
			case <-c.Changed():
			default:
				t.Errorf("change %d gave no token", i)
			}
		}
	})
}

// The zero options and nil are the machine's clock.
func TestMachine(t *testing.T) {
	before := time.Now()
	c, none := clock.New(clock.Options{}), (*clock.Clock)(nil)
	c.Look()
	for _, now := range []time.Time{c.Now(), c.Confirmed(), none.Now(), none.Confirmed()} {
		if now.Before(before.Round(0)) || now.After(time.Now().Round(0)) {
			t.Errorf("the machine's clock is at %s", now)
		}
	}
}
