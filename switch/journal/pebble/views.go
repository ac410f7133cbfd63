package pebble

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
)

// A write is readable in Pebble before it is synced. So reads do not look at the store but at a view of it, taken after
// each group and published once that group is synced: no read shows what a crash could take back, none waits for a
// sync, and a commit that has returned is in every later one.

// view is the store as it was after a group.
type view struct {
	snapshot *pebble.Snapshot
	position uint64       // log position of the first commit that it does not show
	uses     atomic.Int64 // one for standing to be published or published, one for each read; 0: closed
	of       *views
}

// release ends one use.
func (v *view) release() {
	if v.uses.Add(-1) == 0 {
		if !v.of.stuck.Load() {
			_ = v.snapshot.Close() // fails only if closed before
		}
		v.of.all.Done()
	}
}

// views holds the published view.
type views struct {
	current atomic.Pointer[view] // nil once retired
	all     sync.WaitGroup       // views whose snapshots are open
	// mu is held by those who replace current. No call of Pebble is made under it: Pebble may come here with its own
	// locks held, by way of the fatal hook.
	mu      sync.Mutex
	retired bool
	stuck   atomic.Bool // Pebble failed with its locks held: it must not be called again
}

// take makes a view of the store as it is now.
func (s *views) take(db *pebble.DB, position uint64) *view {
	s.all.Add(1)
	v := &view{snapshot: db.NewSnapshot(), position: position, of: s}
	v.uses.Store(1)
	return v
}

// publish makes v what reads look at from now on.
func (s *views) publish(v *view) {
	s.mu.Lock()
	old := v
	if !s.retired {
		old = s.current.Swap(v)
	}
	s.mu.Unlock()
	if old != nil {
		old.release()
	}
}

// acquire returns the published view, ErrClosed once there is none. The caller releases it.
func (s *views) acquire() (*view, error) {
	for {
		v := s.current.Load()
		if v == nil {
			return nil, journal.ErrClosed
		}
		// A view whose uses have come to 0 has been replaced since.
		if n := v.uses.Load(); n > 0 && v.uses.CompareAndSwap(n, n+1) {
			return v, nil
		}
	}
}

// absent is what a read of a record that is not there returns.
func (s *views) absent() error {
	if s.current.Load() == nil {
		return journal.ErrClosed
	}
	return journal.ErrNotFound
}

// retire refuses reads from now on.
func (s *views) retire() {
	s.mu.Lock()
	s.retired = true
	old := s.current.Swap(nil)
	s.mu.Unlock()
	if old != nil {
		old.release()
	}
}

// close refuses reads and waits for those under way. No view is taken any more.
func (s *views) close() {
	s.retire()
	s.all.Wait()
}
