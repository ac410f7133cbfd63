package slowlock_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/slowlock"
)

// One holder at a time, and time goes on while others wait.
func TestHeldWhileTimeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu     slowlock.Mutex
			all    sync.WaitGroup
			inside int
		)
		begin := time.Now()
		for range 10 {
			all.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				inside++
				if inside != 1 {
					t.Errorf("%d hold the lock", inside)
				}
				time.Sleep(time.Second)
				inside--
			})
		}
		all.Wait()
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("ten holds of a second took %v", took)
		}
	})
}

func TestUnlockOfUnlocked(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	new(slowlock.Mutex).Unlock()
}
