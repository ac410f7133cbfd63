// Package turn keeps the operations of one payment apart.
//
// There are two kinds of hold. [Table.Lock] is short: it covers reading a payment, changing it and committing the
// change, and is never held while an issuer is waited for. [Table.Take] is the payment's turn at the issuer: requests
// and advices of one payment take it for a whole exchange, so that its messages reach the issuer one after another.
// Whoever holds both took the turn first.
package turn

import (
	"context"
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
	users  int
	locked bool
	freed  sync.Cond     // of the shard's mu: locked was taken back
	turn   chan struct{} // holds one token while the turn is taken; nil while nobody has asked for it
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

// Take waits for the payment's turn at the issuer and returns what gives it back, or ctx's error.
func (t *Table) Take(ctx context.Context, id payment.ID) (release func(), err error) {
	s := t.shard(id)
	s.mu.Lock()
	e := s.enter(id)
	if e.turn == nil {
		e.turn = make(chan struct{}, 1)
	}
	turn := e.turn
	s.mu.Unlock()
	end := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave(id, e)
	}
	select {
	case turn <- struct{}{}:
		return func() {
			<-turn
			end()
		}, nil
	case <-ctx.Done():
		end()
		return nil, ctx.Err()
	}
}
