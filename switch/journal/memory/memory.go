// Package memory is a journal in memory, for tests of what stands above one: no disk, no goroutine, nothing is grouped.
//
// It keeps package journal's contract, which package journaltest holds it to, and encodes payments as every engine
// does, so that what it gives back shares nothing with what it was given. A [Store] outlives its journal, as a disk
// does.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// Store is what a journal keeps.
type Store struct {
	payments map[payment.ID]stored
	keys     map[keyName]journal.KeyEntry
	claimed  []keyName // in the order in which they were claimed
	queues   map[string][]journal.SAFRow
	counters map[string]uint64
	meta     map[string][]byte
	days     map[payment.Date]journal.Day
	open     payment.Date
	present  map[journal.PresentmentRef][]byte
	intents  []journal.IntentRef
	events   []journal.Event
	timers   map[journal.Timer]bool // Timer.Window, by the rest
	acts     []journal.Act
	commits  uint64
	seen     clock.Seen
	last     time.Time // of the newest commit
	hold     *journal.Hold
}

type stored struct {
	version uint64
	record  []byte
}

type keyName struct{ merchant, key string }

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{
		payments: map[payment.ID]stored{}, keys: map[keyName]journal.KeyEntry{}, queues: map[string][]journal.SAFRow{},
		counters: map[string]uint64{}, meta: map[string][]byte{}, days: map[payment.Date]journal.Day{},
		present: map[journal.PresentmentRef][]byte{}, timers: map[journal.Timer]bool{},
	}
}

// Journal is the journal on a store. One is open on a store at a time.
type Journal struct {
	clock *clock.Clock
	money *journal.Money
	left  []journal.IntentRef // intents that were open at the start
	seen  clock.Seen          // what was seen, and committed last, before the start
	last  time.Time

	mu     sync.Mutex
	s      *Store
	closed bool
}

var _ journal.Engine = (*Journal)(nil)

// Open opens the journal on a store. Keys are dated by a clock, nil: the machine's; alarms go to a logger, nil: none.
func (s *Store) Open(c *clock.Clock, logger *zap.Logger) *Journal {
	if logger == nil {
		logger = zap.NewNop()
	}
	return &Journal{
		clock: c, money: journal.NewMoney(logger), left: slices.Clone(s.intents), seen: s.seen, last: s.last, s: s,
	}
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	return j.with(context.Background(), func(*Store) error { j.closed = true; return nil })
}

// with runs f on the store, unless ctx or the journal has ended.
func (j *Journal) with(ctx context.Context, f func(s *Store) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(j.s)
}

// each yields what a read found, while ctx lasts.
func each[T any](ctx context.Context, found []T, yield func(T) bool) error {
	for _, x := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !yield(x) {
			return nil
		}
	}
	return nil
}

// find looks a copy up.
func find[K comparable, V any](s map[K]V, key K) (V, error) {
	v, ok := s[key]
	if !ok {
		return v, journal.ErrNotFound
	}
	return v, nil
}

// BurnKey implements journal.Journal.
func (j *Journal) BurnKey(ctx context.Context, claim journal.KeyClaim) error {
	claim.Op = 0
	if err := claim.Check(); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error {
		claims := []journal.KeyClaim{claim}
		if err := s.free(claims); err != nil {
			return err
		}
		j.commit(s)
		s.claim(payment.ID{}, claims, j.clock.Latest())
		return nil
	})
}

// Payment implements journal.Journal.
func (j *Journal) Payment(ctx context.Context, id payment.ID) (p *payment.Payment, err error) {
	err = j.with(context.WithoutCancel(ctx), func(s *Store) error {
		found, err := find(s.payments, id)
		if err == nil {
			p, err = record.DecodePayment(id, found.record)
		}
		return err
	})
	return p, err
}

// Walk implements journal.Journal.
func (j *Journal) Walk() journal.Walk { return &walk{j: j} }

// walk reads each payment by itself; at is the moment of the first read.
type walk struct {
	j  *Journal
	at map[payment.ID]stored // nil before
}

// Payment implements journal.Walk.
func (w *walk) Payment(id payment.ID) (p *payment.Payment, err error) {
	err = w.j.with(context.Background(), func(s *Store) error {
		if w.at == nil {
			w.at = maps.Clone(s.payments)
		}
		found, err := find(w.at, id)
		if err == nil {
			p, err = record.DecodePayment(id, found.record)
		}
		return err
	})
	return p, err
}

// Close implements journal.Walk.
func (w *walk) Close() error { return nil }

// Key implements journal.Journal.
func (j *Journal) Key(ctx context.Context, merchant, key string) (e journal.KeyEntry, err error) {
	err = j.with(context.WithoutCancel(ctx), func(s *Store) (err error) {
		e, err = find(s.keys, keyName{merchant, key})
		return err
	})
	return e, err
}

// all decodes the payments that are wanted, in the order of their ids.
func (s *Store) all(wanted func(payment.ID) bool) (list []*payment.Payment, err error) {
	for _, id := range slices.SortedFunc(maps.Keys(s.payments), compareIDs) {
		if !wanted(id) {
			continue
		}
		p, err := record.DecodePayment(id, s.payments[id].record)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func compareIDs(a, b payment.ID) int { return bytes.Compare(a[:], b[:]) }

// Payments implements journal.Journal.
func (j *Journal) Payments(ctx context.Context, after payment.ID, yield func(*payment.Payment) bool) error {
	var list []*payment.Payment
	err := j.with(ctx, func(s *Store) (err error) {
		list, err = s.all(func(id payment.ID) bool { return compareIDs(id, after) > 0 })
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, list, yield)
}

// ByReference implements journal.Journal.
func (j *Journal) ByReference(ctx context.Context, merchant, reference string, limit int) (ids []payment.ID, more bool,
	err error) {
	err = j.with(ctx, func(s *Store) error {
		list, err := s.all(func(payment.ID) bool { return true })
		list = slices.DeleteFunc(list, func(p *payment.Payment) bool {
			return p.Merchant != merchant || p.Reference != reference
		})
		slices.SortFunc(list, func(a, b *payment.Payment) int {
			return cmp.Or(b.Created.Compare(a.Created), compareIDs(b.ID, a.ID))
		})
		for _, p := range list {
			if more = len(ids) == limit; more {
				break
			}
			ids = append(ids, p.ID)
		}
		return err
	})
	return ids, more, err
}

// OpenIntents implements journal.Journal.
func (j *Journal) OpenIntents(ctx context.Context) (open []journal.IntentRef, err error) {
	err = j.with(ctx, func(*Store) error { open = slices.Clone(j.left); return nil })
	return open, err
}

// SAF implements journal.Journal.
func (j *Journal) SAF(ctx context.Context, host string, from uint64, yield func(journal.SAFRow) bool) error {
	var rows []journal.SAFRow
	if err := j.with(ctx, func(s *Store) error { rows = slices.Clone(s.queues[host]); return nil }); err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r journal.SAFRow) bool { return r.Seq < from })
	return each(ctx, rows, yield)
}

// SAFHosts implements journal.Journal.
func (j *Journal) SAFHosts(ctx context.Context) (hosts []string, err error) {
	err = j.with(ctx, func(s *Store) error { hosts = slices.Sorted(maps.Keys(s.queues)); return nil })
	return hosts, err
}

// Reserve implements journal.Journal.
func (j *Journal) Reserve(ctx context.Context, counter string, n uint64) (first uint64, err error) {
	if err := journal.CheckReserve(counter, n); err != nil {
		return 0, err
	}
	err = j.with(ctx, func(s *Store) error {
		first = max(s.counters[counter], 1)
		if first+n < first {
			return journal.UsedUp(counter)
		}
		s.counters[counter] = first + n
		return nil
	})
	return first, err
}

// PutMeta implements journal.Journal.
func (j *Journal) PutMeta(ctx context.Context, name string, value []byte) error {
	if err := journal.CheckMeta(name, value); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error { s.meta[name] = bytes.Clone(value); return nil })
}

// Meta implements journal.Journal.
func (j *Journal) Meta(ctx context.Context, name string) (value []byte, err error) {
	err = j.with(context.WithoutCancel(ctx), func(s *Store) (err error) {
		value, err = find(s.meta, name)
		value = bytes.Clone(value)
		return err
	})
	return value, err
}

// Metas implements journal.Journal.
func (j *Journal) Metas(ctx context.Context, prefix string, yield func(name string, value []byte) bool) error {
	type named struct {
		name  string
		value []byte
	}
	var list []named
	err := j.with(ctx, func(s *Store) error {
		for _, name := range slices.Sorted(maps.Keys(s.meta)) {
			if strings.HasPrefix(name, prefix) {
				list = append(list, named{name, bytes.Clone(s.meta[name])})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, list, func(n named) bool { return yield(n.name, n.value) })
}

// SweepKeys implements journal.Journal.
func (j *Journal) SweepKeys(ctx context.Context, before time.Time, limit int) (swept int, more bool, err error) {
	if err := journal.CheckSweep(limit); err != nil {
		return 0, false, err
	}
	err = j.with(ctx, func(s *Store) error {
		for len(s.claimed) > 0 && s.keys[s.claimed[0]].Claimed.Before(before) {
			if more = swept == limit; more {
				return nil
			}
			delete(s.keys, s.claimed[0])
			s.claimed = s.claimed[1:]
			swept++
		}
		return nil
	})
	return swept, more, err
}

// Events implements journal.Journal.
func (j *Journal) Events(ctx context.Context, from uint64, yield func(journal.Event) bool) (next uint64, err error) {
	var list []journal.Event
	if err := j.with(ctx, func(s *Store) error { list = slices.Clone(s.events); return nil }); err != nil {
		return from, err
	}
	list = slices.DeleteFunc(list, func(e journal.Event) bool { return e.Position < from })
	next = from
	err = each(ctx, list, func(e journal.Event) bool {
		next = e.Position + 1
		e.Data = bytes.Clone(e.Data)
		return yield(e)
	})
	return next, err
}

// SweepEvents implements journal.Journal.
func (j *Journal) SweepEvents(ctx context.Context, below uint64, limit int) (swept int, more bool, err error) {
	if err := journal.CheckEventSweep(limit); err != nil {
		return 0, false, err
	}
	err = j.with(ctx, func(s *Store) error {
		for len(s.events) > 0 && s.events[0].Position < below {
			if more = swept == limit; more {
				return nil
			}
			s.events = s.events[1:]
			swept++
		}
		return nil
	})
	return swept, more, err
}

// Append implements journal.Journal.
func (j *Journal) Append(ctx context.Context, a journal.Act) (journal.Act, error) {
	if err := a.Check(); err != nil {
		return journal.Act{}, err
	}
	a.At, a.Details = a.At.UTC(), bytes.Clone(a.Details)
	err := j.with(ctx, func(s *Store) error {
		a.Number = uint64(len(s.acts)) + 1
		if n := len(s.acts); n > 0 {
			a.Before = s.acts[n-1].Hash()
		}
		s.acts = append(s.acts, a)
		return nil
	})
	return a, err
}

// Acts implements journal.Journal.
func (j *Journal) Acts(ctx context.Context, from uint64, yield func(journal.Act) bool) error {
	var list []journal.Act
	if err := j.with(ctx, func(s *Store) error { list = slices.Clone(s.acts); return nil }); err != nil {
		return err
	}
	return each(ctx, list[min(len(list), int(max(from, 1)-1)):], yield)
}
