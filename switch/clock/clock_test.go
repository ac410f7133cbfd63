package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/clock"
)

// A wall clock that somebody sets is what Now shows; without one it is package time's.
func TestWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var back time.Duration
		c := clock.New(func() time.Time { return time.Now().Add(-back) })
		time.Sleep(time.Hour)
		back = 2 * time.Hour
		if got, want := c.Now(), begin.Add(-time.Hour); !got.Equal(want) {
			t.Errorf("after an hour and set back by two: %s, want %s", got, want)
		}
		var machine *clock.Clock
		if got, want := machine.Now(), begin.Add(time.Hour); !got.Equal(want) {
			t.Errorf("the machine's clock: %s, want %s", got, want)
		}
	})
}
