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
type Table struct {
	shards [shardCount]struct {
		mu      sync.Mutex
		entries map[payment.ID]*entry
	}
}

type entry struct {
	users  int
	locked bool
	freed  sync.Cond     // of the shard's mu: locked was taken back
	turn   chan struct{} // holds one token while the turn is taken
}

func (t *Table) enter(id payment.ID) *entry {
	s := &t.shards[id[11]]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e == nil {
		if s.entries == nil {
			s.entries = map[payment.ID]*entry{}
		}
		e = &entry{freed: sync.Cond{L: &s.mu}, turn: make(chan struct{}, 1)}
		s.entries[id] = e
	}
	e.users++
	return e
}

func (t *Table) leave(id payment.ID, e *entry) {
	s := &t.shards[id[11]]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(s.entries, id)
	}
}

// Lock takes the short lock of a payment and returns what gives it back. It is held while a commit waits for the disk,
// so others wait on a condition and not on a mutex: in a bubble of testing/synctest, time then goes on.
func (t *Table) Lock(id payment.ID) (unlock func()) {
	s := &t.shards[id[11]]
	e := t.enter(id)
	s.mu.Lock()
	for e.locked {
		e.freed.Wait()
	}
	e.locked = true
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		e.locked = false
		e.freed.Signal()
		s.mu.Unlock()
		t.leave(id, e)
	}
}

// Take waits for the payment's turn at the issuer and returns what gives it back, or ctx's error.
func (t *Table) Take(ctx context.Context, id payment.ID) (release func(), err error) {
	e := t.enter(id)
	select {
	case e.turn <- struct{}{}:
		return func() {
			<-e.turn
			t.leave(id, e)
		}, nil
	case <-ctx.Done():
		t.leave(id, e)
		return nil, ctx.Err()
	}
}
