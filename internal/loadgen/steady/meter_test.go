package steady

import (
	"testing"
	"testing/synctest"
	"time"
)

// The processor time that counts is that of the window: not of the warm-up before it, nor of the wait for answers
// behind it.
func TestMeter(t *testing.T) {
	for name, c := range map[string]struct {
		ends          time.Duration // the run, since its begin
		took, elapsed time.Duration
	}{
		"after a drain":     {ends: 27 * time.Second, took: 20 * time.Second, elapsed: 10 * time.Second},
		"in the window":     {ends: 5 * time.Second, took: 6 * time.Second, elapsed: 3 * time.Second},
		"in the warm-up":    {ends: time.Second},
		"before it started": {},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			m := meter{cpu: func() time.Duration { // two processors, all of them, from the second to the twelfth second
				return 2 * min(max(time.Since(began)-2*time.Second, 0), 10*time.Second)
			}}
			m.begin(began.Add(2*time.Second), 10*time.Second)
			time.Sleep(c.ends)
			if took, elapsed := m.end(); took != c.took || elapsed != c.elapsed {
				t.Errorf("%s: %s in %s, want %s in %s", name, took, elapsed, c.took, c.elapsed)
			}
		})
	}
	var never meter
	if took, elapsed := never.end(); took != 0 || elapsed != 0 {
		t.Errorf("%s in %s although it never began", took, elapsed)
	}
}
