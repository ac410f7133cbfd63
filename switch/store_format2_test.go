package txswitch_test

import (
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// storeOfFormat2 is a switch's data folder and its issuer's, as they were left by the program before idempotency keys
// stood in the order in which they were claimed: a day is written, the next one is open.
const storeOfFormat2 = "testdata/store-format2"

// I3: what an older program claimed is a repeat for this one, what it burned stays burned, and what it never saw is
// new, beside keys that are claimed now and over a restart; and its payments go on.
func TestStoreOfFormat2(t *testing.T) {
	s := startRecorded(t, storeOfFormat2, time.Date(2026, time.November, 25, 12, 30, 0, 0, time.UTC))
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
	verifyRecorded(t, s)
}
