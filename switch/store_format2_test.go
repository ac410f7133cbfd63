package txswitch_test

import (
	"errors"
	"testing"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/switchtest"
)

// storeOfFormat2 is a switch's data folder and its issuer's, as they were left by the program before idempotency keys
// stood in the order in which they were claimed: a day is written, the next one is open.
const storeOfFormat2 = "testdata/store-format2"

// I3: what an older program claimed is a repeat for this one, what it burned stays burned, and what it never saw is
// new, beside keys that are claimed now and over a restart; and its payments go on.
func TestStoreOfFormat2(t *testing.T) {
	fs, issuer := vfs.NewCrashableMem(), vfs.NewMem()
	for _, c := range []struct {
		to        vfs.FS
		from, dir string
	}{{fs, "data", "switch"}, {fs, "data.mark", "switch.mark"}, {issuer, "issuer-data", "issuer"}} {
		if _, err := vfs.Clone(vfs.Default, c.to, storeOfFormat2+"/"+c.from, c.dir); err != nil {
			t.Fatal(err)
		}
	}
	began, then := time.Now(), time.Date(2026, time.November, 25, 12, 30, 0, 0, time.UTC)
	s := switchtest.Start(t, switchtest.Options{
		FS: fs, KeyText: storeKeyFormat1, IssuerFS: issuer, IssuerData: true,
		Wall: func() time.Time { return then.Add(time.Since(began)) },
	})
	for _, round := range []string{"first", "second"} {
		s.AwaitReady()
		s.AwaitDrained()
		for key, c := range map[string]struct {
			amount  int64
			payment string
		}{"a1": {1000, "P10000000001"}, "a4": {700, "P10000000005"}, "b1": {900, "P10000000009"}} {
			if a := s.Do(switchtest.Authorize(key, c.amount)); !a.Approved || a.Payment != c.payment {
				t.Errorf("%s: the repeat of %s: %+v", round, key, a)
			}
		}
		if a := s.Do(switchtest.Authorize("a2", 1)); a.Err == nil || a.Err.Code != api.CodeConflict {
			t.Errorf("%s: another body under a2: %+v", round, a)
		}
		if a := s.Do(switchtest.Authorize("never used", 500)); a.Err == nil || a.Err.Code != api.CodeConflict {
			t.Errorf("%s: a key that was burned: %+v", round, a)
		}
		for _, a := range []api.Answer{
			s.Do(switchtest.Authorize("new", 1200)), s.Do(switchtest.Authorize("new in the "+round, 1300)),
			s.Do(switchtest.On(api.OpCapture, round, "P10000000002", 100)),
		} {
			if !a.Approved {
				t.Errorf("%s: %+v", round, a)
			}
		}
		if round == "first" {
			s.StopSwitch()
			s.StartSwitch()
		}
	}
	s.Audit()

	s.StopSwitch()
	j, err := pebble.Open(pebble.Options{
		FS: fs, Dir: "switch/journal", Node: 1, ReadOnly: true,
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Verify(func(problem string) bool { t.Error(problem); return true })
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}
