package pebble

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
)

// The next start knows the time: of the last group, of the last KeepTime, and in a journal of an older program that
// of its last log row.
func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		o := options(t, fs)
		var off time.Duration
		o.Clock = clock.New(clock.Options{
			Wall: func() time.Time { return time.Now().Add(off) }, Synchronized: func() bool { return false },
		})
		life := func(do func(j *Journal)) {
			t.Helper()
			j, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			do(j)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(what string, want time.Time, wantStepped bool) {
			t.Helper()
			life(func(j *Journal) {
				if seen := j.Seen(); !seen.At.Equal(want) || seen.Stepped != wantStepped {
					t.Errorf("%s: seen %+v, want %s, %t", what, seen, want, wantStepped)
				}
			})
		}
		var committed time.Time
		life(func(j *Journal) {
			if seen := j.Seen(); !seen.At.IsZero() {
				t.Errorf("a new journal has seen %s", seen.At)
			}
			time.Sleep(time.Minute)
			committed = time.Now()
			if err := j.Commit(ctx, &journal.Transition{Payment: fresh(1)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		expect("after a commit", committed, false)
		life(func(j *Journal) {
			if err := j.db.Delete(keySeen, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		})
		expect("without the record", committed, false)
		var kept time.Time
		life(func(j *Journal) {
			time.Sleep(time.Hour)
			kept = time.Now()
			off = 10 * time.Hour // what is kept is what can be believed
			if err := j.KeepTime(ctx); err != nil {
				t.Fatal(err)
			}
		})
		expect("after KeepTime, the clock set ahead", kept, true)
		life(func(j *Journal) {
			if err := j.db.Set(keySeen, []byte{1, 2}, pebble.Sync); err != nil {
				t.Fatal(err)
			}
			if err := j.KeepTime(ctx); err != nil {
				t.Fatal(err)
			}
			if err := j.Verify(func(problem string) bool { t.Error(problem); return true }); err != nil {
				t.Error(err)
			}
		})
	})
}

// A key that is claimed while the clock is behind is kept from the latest time that was ever seen, over a restart too:
// once the clock is right again it is as young as it is.
func TestKeyClaimedWhileTheClockIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const behind = 33 * 24 * time.Hour
		o := options(t, vfs.NewMem())
		life := func(do func(j *Journal, off *time.Duration)) {
			t.Helper()
			off := -behind
			o.Clock = clock.New(clock.Options{
				Wall: func() time.Time { return time.Now().Add(off) }, Synchronized: func() bool { return true },
			})
			j, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			o.Clock.Resume(j.Seen())
			do(j, &off)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		life(func(j *Journal, off *time.Duration) {
			*off = 0
			o.Clock.Confirm()
			if err := j.KeepTime(ctx); err != nil {
				t.Fatal(err)
			}
			*off = -behind
			commit(t, j, &journal.Transition{Payment: fresh(1), Keys: claim("before a restart")})
		})
		time.Sleep(time.Minute)
		life(func(j *Journal, off *time.Duration) {
			commit(t, j, &journal.Transition{Payment: fresh(2), Keys: claim("after it")})
			*off = 0
			o.Clock.Confirm()
			if n, _, err := j.SweepKeys(ctx, o.Clock.Confirmed().Add(-24*time.Hour), 100); err != nil || n != 0 {
				t.Errorf("a minute later %d keys of a day ago are swept, %v", n, err)
			}
			time.Sleep(25 * time.Hour)
			if n, _, err := j.SweepKeys(ctx, o.Clock.Confirmed().Add(-24*time.Hour), 100); err != nil || n != 2 {
				t.Errorf("a day later %d keys are swept, %v", n, err)
			}
		})
	})
}
