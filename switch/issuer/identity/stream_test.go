package identity_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/clock"
	"switchyard/switch/issuer/identity"
)

// stream is a stream over restarts, of a machine whose clock somebody sets.
type stream struct {
	store *store
	now   time.Time
	clock *clock.Clock
	s     *identity.Stream
	given map[string]time.Time // when, by the clock
}

func newStream(t rapid.TB, now time.Time) *stream {
	x := &stream{store: newStore(), now: now, given: map[string]time.Time{}}
	x.clock = clock.New(clock.Options{Wall: func() time.Time { return x.now }, Leap: 100 * 365 * 24 * time.Hour})
	x.start(t)
	return x
}

func (x *stream) start(t rapid.TB) {
	t.Helper()
	s, err := identity.NewAllocator(x.store, 1, x.clock).Stream("400001", "h")
	if err != nil {
		t.Fatal(err)
	}
	x.s = s
}

// give gives so many messages their identity and returns the last DE7. None may have been given before (I9), unless in
// another season: DE7 knows no year.
func (x *stream) give(t rapid.TB, n int) (de7 string) {
	t.Helper()
	for range n {
		stan, at, err := x.s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s/%06d", at, stan)
		if then, ok := x.given[key]; ok && x.now.Sub(then).Abs() < 120*24*time.Hour {
			t.Fatalf("(DE7, STAN) %s was given twice, on %s and on %s", key, then, x.now)
		}
		x.given[key], de7 = x.now, at
	}
	return de7
}

// round uses up what is left of a round of STANs but for some, as a time of load does.
func (x *stream) round(t rapid.TB, but uint64) {
	t.Helper()
	if _, err := x.store.Reserve(context.Background(), "stan/400001/h", 999_999-but); err != nil {
		t.Fatal(err)
	}
}

func (x *stream) want(t rapid.TB, when, de7 string) {
	t.Helper()
	if want := x.now.UTC().Format("0102150405"); de7 != want {
		t.Fatalf("%s: DE7 is %s, want the clock's %s", when, de7, want)
	}
}

// A clock that was wrong is put right: DE7 is right at once, at a start and while running, and no pair is given again
// (I9).
func TestClockPutRight(t *testing.T) {
	right := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, ahead := range []time.Duration{5 * time.Minute, 36 * 24 * time.Hour, 365 * 24 * time.Hour} {
		for _, restart := range []bool{false, true} {
			name := fmt.Sprintf("%s, restart %t", ahead, restart)
			x := newStream(t, right)
			x.give(t, 100)
			x.now = right.Add(ahead)
			x.want(t, name+": ahead", x.give(t, 100))
			x.now = right.Add(time.Minute)
			if restart {
				x.start(t)
			}
			x.want(t, name+": put right", x.give(t, 100))
		}
	}
}

// The time comes that was given already while the clock was wrong, with STANs that have come round: other STANs are
// used.
func TestSecondsComeAgain(t *testing.T) {
	begin := time.Date(2026, 12, 31, 23, 59, 50, 0, time.UTC)
	for _, back := range []time.Duration{20 * time.Second, 0} { // what was given, then the very same seconds
		x := newStream(t, begin)
		var last string
		for range 3 {
			x.now = begin.Add(-back)
			for range 20 {
				last = x.give(t, 50)
				x.want(t, fmt.Sprintf("back by %s", back), last)
				x.now = x.now.Add(time.Second)
			}
			x.round(t, 1024) // the STANs of the beginning are next
			x.start(t)
		}
	}
}

// Starts cost nothing: six hundred of them within a second leave DE7 at the clock.
func TestStartsCostNoTime(t *testing.T) {
	x := newStream(t, time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	for n := range 600 {
		x.want(t, fmt.Sprintf("start %d", n), x.give(t, 3))
		x.start(t)
	}
}

// A journal of an older program, which kept no more than the time that it had reserved.
func TestOlderReserve(t *testing.T) {
	x := newStream(t, time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	reserved := x.now.Add(time.Hour)
	x.store.metas["clock/400001/h"] = binary.BigEndian.AppendUint64(nil, uint64(reserved.Unix()))
	x.start(t)
	if de7 := x.give(t, 100); de7 != "1125130001" {
		t.Errorf("DE7 %s is not the second after what was reserved", de7)
	}
	x.now = reserved.Add(time.Minute)
	x.start(t)
	x.want(t, "a minute after what was reserved", x.give(t, 100))
	for name, bad := range map[string][]byte{"clock/400001/h": {1}, "de7/400001/h/3": {2, 3}} {
		x.store.metas[name] = bad
		if _, err := identity.NewAllocator(x.store, 1, x.clock).Stream("400001", "h"); err == nil {
			t.Errorf("%s is taken as %v", name, bad)
		}
	}
}

// I9 over any order of restarts, load, steps of the clock both ways and ends of years.
func TestNoPairTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newStream(t, time.Date(2027, 12, 31, 23, 58, 0, 0, time.UTC))
		steps := []time.Duration{
			time.Second, 3 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 40 * 24 * time.Hour,
			-time.Second, -3 * time.Second, -time.Minute, -time.Hour, -24 * time.Hour, -40 * 24 * time.Hour,
		}
		begin := x.now
		for range rapid.IntRange(1, 40).Draw(t, "lives") {
			if rapid.Bool().Draw(t, "restart") {
				x.start(t)
			}
			if rapid.Bool().Draw(t, "load") {
				x.round(t, uint64(rapid.SampledFrom([]int{0, 1024, 2048, 4096, 65_536}).Draw(t, "but")))
			}
			if to := x.now.Add(rapid.SampledFrom(steps).Draw(t, "step")); to.Sub(begin).Abs() < 50*24*time.Hour {
				x.now = to
			}
			x.give(t, rapid.IntRange(1, 100).Draw(t, "messages"))
		}
	})
}
