// Package turn keeps the operations of one payment apart.
//
// There are two kinds of hold. [Table.Lock] is short: it covers reading a payment, changing it and committing the
// change, and is never held while an issuer is waited for. [Table.Take] is the payment's turn at the issuer: requests
// and advices of one payment take it for a whole exchange, so that its messages reach the issuer one after another.
// Whoever holds both took the turn first.
package turn

import (
	"context"
	"slices"
	"sync"

	"switchyard/switch/payment"
)

const shardCount = 256

// Table holds the locks of the payments in use; a payment that nobody uses takes no room. The zero value is ready.
type Table struct{ shards [shardCount]shard }

type shard struct {
	mu      sync.Mutex
	entries map[payment.ID]*entry
}

type entry struct {
	users   int
	locked  bool
	freed   sync.Cond // of the shard's mu: locked was taken back
	taken   bool      // the turn is
	waiting []chan struct{}
}

func (t *Table) shard(id payment.ID) *shard { return &t.shards[id[11]] }

// enter makes the caller, who holds mu, a user of a payment's entry.
func (s *shard) enter(id payment.ID) *entry {
	e := s.entries[id]
	if e == nil {
		if s.entries == nil {
			s.entries = map[payment.ID]*entry{}
		}
		e = &entry{freed: sync.Cond{L: &s.mu}}
		s.entries[id] = e
	}
	e.users++
	return e
}

// leave is the end of enter; the caller holds mu.
func (s *shard) leave(id payment.ID, e *entry) {
	if e.users--; e.users == 0 {
		delete(s.entries, id)
	}
}

// Lock takes the short lock of a payment and returns what gives it back. It is held while a commit waits for the disk,
// so others wait on a condition and not on a mutex: in a bubble of testing/synctest, time then goes on.
func (t *Table) Lock(id payment.ID) (unlock func()) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.enter(id)
	for e.locked {
		e.freed.Wait()
	}
	return s.lock(id, e)
}

// TryLock is Lock where nobody has the lock; otherwise it returns nil.
func (t *Table) TryLock(id payment.ID) (unlock func()) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil && e.locked {
		return nil
	}
	return s.lock(id, s.enter(id))
}

// lock takes a lock that is free for a user of its entry, who holds mu.
func (s *shard) lock(id payment.ID, e *entry) (unlock func()) {
	e.locked = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		e.locked = false
		e.freed.Signal()
		s.leave(id, e)
	}
}

// Take waits for the payment's turn at the issuer, first come first served, and returns what gives it back, or ctx's
// error.
func (t *Table) Take(ctx context.Context, id payment.ID) (release func(), err error) {
	s := t.shard(id)
	s.mu.Lock()
	e := s.enter(id)
	if !e.taken {
		defer s.mu.Unlock()
		return s.take(id, e), nil
	}
	mine := make(chan struct{})
	e.waiting = append(e.waiting, mine)
	s.mu.Unlock()
	select {
	case <-mine:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.take(id, e), nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(e.waiting, mine); i >= 0 {
			e.waiting = slices.Delete(e.waiting, i, i+1)
		} else { // it came at the same moment
			e.passOn()
		}
		s.leave(id, e)
		return nil, ctx.Err()
	}
}

// TryTake is Take where nobody has the turn; otherwise it returns nil.
func (t *Table) TryTake(id payment.ID) (release func()) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil && e.taken {
		return nil
	}
	return s.take(id, s.enter(id))
}

// take takes a turn that is free, or was passed on, for a user of its entry, who holds mu.
func (s *shard) take(id payment.ID, e *entry) (release func()) {
	e.taken = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		e.passOn()
		s.leave(id, e)
	}
}

// passOn gives the turn to who has waited for it longest, and back where nobody has. The caller holds the shard's mu.
func (e *entry) passOn() {
	if len(e.waiting) == 0 {
		e.taken = false
		return
	}
	close(e.waiting[0])
	e.waiting = slices.Delete(e.waiting, 0, 1)
}
