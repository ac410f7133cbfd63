package journal

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/clock"
)

// The record of the time seen last, as docs/journal.md describes it.
func TestGoldenSeen(t *testing.T) {
	want, err := hex.DecodeString("01" + "18EA07B4337E8159" + "01")
	if err != nil {
		t.Fatal(err)
	}
	if got := appendSeen(nil, goldenTime, true); !bytes.Equal(got, want) {
		t.Errorf("% X, want % X", got, want)
	}
	at, stepped, err := decodeSeen(want)
	if err != nil || !at.Equal(goldenTime) || !stepped {
		t.Errorf("read back: %s, %t, %v", at, stepped, err)
	}
	for _, bad := range [][]byte{nil, want[:9], append(bytes.Clone(want), 0), {2}, append(bytes.Clone(want[:9]), 2)} {
		if _, _, err := decodeSeen(bad); err == nil || !strings.Contains(err.Error(), "time seen last") {
			t.Errorf("% X: %v", bad, err)
		}
	}
}

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
		life := func(do func(j *Pebble)) {
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
			life(func(j *Pebble) {
				if at, stepped := j.Seen(); !at.Equal(want) || stepped != wantStepped {
					t.Errorf("%s: seen %s, stepped %t, want %s, %t", what, at, stepped, want, wantStepped)
				}
			})
		}
		var committed time.Time
		life(func(j *Pebble) {
			if at, _ := j.Seen(); !at.IsZero() {
				t.Errorf("a new journal has seen %s", at)
			}
			time.Sleep(time.Minute)
			committed = time.Now()
			if err := j.Commit(ctx, &Transition{Payment: fresh(1)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		})
		expect("after a commit", committed, false)
		life(func(j *Pebble) {
			if err := j.db.Delete(keySeen, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		})
		expect("without the record", committed, false)
		var kept time.Time
		life(func(j *Pebble) {
			time.Sleep(time.Hour)
			kept = time.Now()
			off = 10 * time.Hour // what is kept is what can be believed
			if err := j.KeepTime(ctx); err != nil {
				t.Fatal(err)
			}
		})
		expect("after KeepTime, the clock set ahead", kept, true)
		life(func(j *Pebble) {
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
