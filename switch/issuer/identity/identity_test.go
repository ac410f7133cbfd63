package identity_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
)

// store is a durable store in memory: what was reserved survives the allocators that are made on it.
type store struct {
	mu       sync.Mutex
	counters map[string]uint64
	metas    map[string][]byte
	slow     time.Duration // what a value takes to be stored
}

func newStore() *store { return &store{counters: map[string]uint64{}, metas: map[string][]byte{}} }

func (s *store) clone() *store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &store{counters: maps.Clone(s.counters), metas: maps.Clone(s.metas)}
}

func (s *store) Reserve(_ context.Context, counter string, n uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.counters[counter] + 1
	s.counters[counter] += n
	return first, nil
}

func (s *store) PutMeta(_ context.Context, name string, value []byte) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metas[name] = value
	return nil
}

func (s *store) Meta(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.metas[name]; ok {
		return v, nil
	}
	return nil, journal.ErrNotFound
}

// I9: restarts repeat no (DE7, STAN), payment id or RRN, and STANs stay within six digits when they come round.
func TestNoNumberTwiceAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		st := newStore()
		messages, rrns, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for range 20 { // 20 lives of 70,000 messages within one second of virtual time: STANs come round
			a := identity.NewAllocator(st, 1, nil)
			s, err := a.Stream("400001", "visa-1")
			if err != nil {
				t.Fatal(err)
			}
			for range 70_000 {
				stan, de7, err := s.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if stan < 1 || stan > 999_999 {
					t.Fatalf("STAN %d is out of 1 to 999999", stan)
				}
				key := fmt.Sprintf("%s/%06d", de7, stan)
				if messages[key] {
					t.Fatalf("(DE7, STAN) %s was given twice", key)
				}
				messages[key] = true
			}
			for range 1000 {
				later, err := a.LaterRRN(ctx, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				id, err := a.Payment(ctx)
				if err != nil {
					t.Fatal(err)
				}
				rrn := a.RRN(id, time.Now())
				if rrns[rrn] || rrns[later] || rrn == later || ids[id.String()] || len(rrn) != 12 {
					t.Fatalf("RRN %s or %s or payment %s was given twice", rrn, later, id)
				}
				for found := range identity.PaymentsOf(rrn, id.Counter()) {
					if found != id {
						t.Fatalf("RRN %s leads to %s, want %s", rrn, found, id)
					}
				}
				rrns[rrn], rrns[later], ids[id.String()] = true, true, true
			}
		}
	})
}
