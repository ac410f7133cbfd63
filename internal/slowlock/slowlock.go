// Package slowlock is a mutex for what is held while the disk is waited for.
//
// It differs from sync.Mutex in one thing: whoever waits for it waits on a condition. In a bubble of testing/synctest a
// goroutine that waits for a sync.Mutex keeps time from going on, so a lock that is held through a sync that takes time
// would stand still for ever; this one does not. Where nothing slow happens under a lock, sync.Mutex is the right one.
package slowlock

import "sync"

// Mutex is the lock. The zero value is unlocked. It must not be copied after first use.
type Mutex struct {
	mu     sync.Mutex
	freed  sync.Cond
	locked bool
}

// Lock takes the lock, waiting for whoever has it.
func (m *Mutex) Lock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed.L = &m.mu
	for m.locked {
		m.freed.Wait()
	}
	m.locked = true
}

// Unlock gives the lock back. It panics if nobody has it.
func (m *Mutex) Unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.locked {
		panic("slowlock: Unlock of an unlocked Mutex")
	}
	m.locked = false
	m.freed.Signal()
}
