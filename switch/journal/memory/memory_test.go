package memory_test

import (
	"errors"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/journal/journaltest"
	"switchyard/switch/journal/memory"
)

func TestContract(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Open {
		store := memory.NewStore()
		return func(t *testing.T) journal.Journal {
			j := store.Open(nil, nil)
			t.Cleanup(func() {
				if err := j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
					t.Error(err)
				}
			})
			return j
		}
	})
}
