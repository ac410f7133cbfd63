package sim

import (
	"testing"
	"time"
)

// The last cutover by hand may meet the scheduled one at midnight, which takes its place: that is no failure.
func TestCutoverMeetsTheScheduledOne(t *testing.T) {
	if *flagChild != "" {
		t.Skip("in a child")
	}
	const (
		asked = 3 * time.Second // after the run began, and a little more: once it was quiet for so long
		more  = time.Second
		sync  = 60 * time.Millisecond
	)
	for later := time.Duration(0); later < more; later += sync / 10 {
		p := &Plan{
			Seed: 1, Begin: 24*time.Hour - asked - later, Deadline: 2 * time.Second, SyncMost: sync, Hosts: 1, Nodes: 1,
			Links:  1,
			Window: 64, InFlight: 1024, Queued: 1000, Actors: [][]Step{{{Do: DoSale, Amount: 100, Copies: 1}}},
		}
		r := played(t, p)
		for _, failure := range r.Failures {
			t.Errorf("begun %v before midnight: %s", asked+later, failure)
		}
		if r.Faults[cutoverOvertaken] > 0 {
			return
		}
	}
	t.Error("they never met")
}
