package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

// Idempotency keys come in no order. Rows in the order of the keys would fall all over those that are stored, and each
// compaction would write them anew. So the keys of one stretch of the log stand together: new rows fall into the newest
// stretch only, and an old one is not written again until it is swept.
//
//	log     1 --------------+---------------+---------------------->
//	rows    K (format 1, 2) | B 1 ...       | B 2 ...   new keys here
//	filter  one             | one           | one
//
// A key is in one stretch at most. One that nobody has claimed is in none, which the filter of each has to say, or a
// look-up in it; hence there are few of them.

// stretch is where the keys lie that were claimed from a log position on, up to the next stretch's.
type stretch struct {
	number uint32 // 0: of a journal of format 1 or 2, whose rows have another prefix
	first  uint64 // log position
	room   int    // keys that it is made for; the next stretch begins then
	filter keyFilter
}

const (
	// leastStretch is how many keys a stretch has at least. A shorter one would be written less often while it is the
	// newest, and make for more stretches to ask.
	leastStretch = 1 << 20
	// stretchShare is how many stretches hold all keys, or as many more as they grew by. With manyKeys, of which filters
	// tell little, a look-up in each is what counts, and stretches grow with what is kept.
	stretchShare = 8
	manyKeys     = 32 << 20

	// claimHead is what stands before a claim's name in its row's key: the prefix and the number of the stretch.
	claimHead = 1 + 4
)

// rowKey makes the key of a claim's row in this stretch, of what appendClaim made.
func (s *stretch) rowKey(claim []byte) []byte {
	if s.number == 0 {
		claim[claimHead-1] = prefixKey
		return claim[claimHead-1:]
	}
	claim[0] = prefixClaim
	binary.BigEndian.PutUint32(claim[1:], s.number)
	return claim
}

// prefix is what the keys of the stretch's rows begin with.
func (s *stretch) prefix() []byte {
	if s.number == 0 {
		return []byte{prefixKey}
	}
	return binary.BigEndian.AppendUint32([]byte{prefixClaim}, s.number)
}

// full tells that the next stretch is to begin.
func (s *stretch) full() bool { return s.filter.keys.Load() >= int64(s.room) }

// stretches are those that may hold a key. The committer adds the next one, and takes out what is swept.
type stretches struct {
	list  atomic.Pointer[[]*stretch] // oldest first; what it points at is never changed
	mu    sync.Mutex                 // held by those who replace it
	next  uint32                     // number of the next stretch
	least int                        // keys of a stretch
	lines int                        // that the filters may yet take
}

func (s *stretches) all() []*stretch { return *s.list.Load() }

// newest is where keys are claimed; nil before the first.
func (s *stretches) newest() *stretch {
	list := s.all()
	if len(list) == 0 || list[len(list)-1].number == 0 {
		return nil
	}
	return list[len(list)-1]
}

// stretchAt returns the stretch of a log position, nil if there is none.
func stretchAt(list []*stretch, position uint64) *stretch {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].first <= position {
			return list[i]
		}
	}
	return nil
}

// mayHold are the stretches that may hold a key, by the hash of its claim's name, the newest first.
func (s *stretches) mayHold(hash uint64) iter.Seq[*stretch] {
	return func(yield func(*stretch) bool) {
		list := s.all()
		for i := len(list) - 1; i >= 0; i-- {
			if mutant.On(mutant.OldStretchNotAsked) && i < len(list)-1 {
				return
			}
			if !list[i].filter.absent(hash) && !yield(list[i]) {
				return
			}
		}
	}
}

// hashKey is the hash of a claim's name, under a seed of this run.
func (j *Journal) hashKey(name []byte) uint64 {
	if hash := j.opts.hashKey; hash != nil {
		return hash(bytes.Clone(name)) // a copy, so that no name is on the heap for what a test may do with it
	}
	return maphash.Bytes(j.hashSeed, name)
}

// begin begins the next stretch at a log position.
func (s *stretches) begin(first uint64) *stretch {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.all()
	keys := 0
	for _, before := range list {
		keys += int(before.filter.keys.Load())
	}
	n := &stretch{number: s.next, first: first, room: max(s.least, keys/stretchShare, keys-manyKeys)}
	s.next++
	s.lines -= n.filter.make(n.room, s.lines)
	n.filter.loaded.Store(true)
	list = append(list[:len(list):len(list)], n)
	s.list.Store(&list)
	return n
}

// drop takes out stretches whose keys are all swept, unless another sweep has.
func (s *stretches) drop(swept []*stretch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.all()
	for len(list) > 0 && slices.Contains(swept, list[0]) {
		s.lines += len(list[0].filter.lines)
		list = list[1:]
	}
	s.list.Store(&list)
}

// below returns the stretches that end before a log position, but never the one in which keys are claimed.
func below(list []*stretch, position uint64) []*stretch {
	n := 0
	for n+1 < len(list) && list[n+1].first <= position {
		n++
	}
	return list[:n]
}

// stretchKey is the key of the row that says where a stretch begins.
func stretchKey(number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixInternal, 'k'}, number)
}

// readStretches reads which stretches a store has whose log ends before next. Those that are swept are not among them.
func readStretches(store pebble.Reader, next uint64) (list []*stretch, err error) {
	swept, err := readSwept(store)
	if err != nil {
		return nil, err
	}
	list = []*stretch{{first: 1}}
	prefix := stretchKey(0)[:2]
	err = within(store, prefix, after(prefix), func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			if len(it.Key()) != len(stretchKey(0)) {
				return badKey(it.Key(), "I, k and 4 bytes")
			}
			s := &stretch{number: binary.BigEndian.Uint32(it.Key()[len(prefix):])}
			if s.first, s.room, err = record.DecodeStretch(s.number, it.Value()); err != nil {
				return err
			}
			if before := list[len(list)-1]; s.first < before.first || s.first > next {
				return fmt.Errorf("journal: stretch %d of idempotency keys begins at log position %d, expected %d to %d",
					s.number, s.first, before.first, next)
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	old := list[0]
	end := next
	if len(list) > 1 {
		end = list[1].first
	}
	old.room = int(end-min(swept, end)) / 2 // a payment of two commits has a key
	if len(list) == 1 && end <= swept {
		return nil, nil
	}
	return list[len(below(list, swept)):], nil
}

// readSwept reads the log position below which keys are swept.
func readSwept(store pebble.Reader) (uint64, error) {
	value, err := get(store, keySwept)
	if errors.Is(err, journal.ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	return record.DecodeNumber("position of the key sweep", value)
}

// loadStretches reads which stretches there are, and makes room for their filters, the newest's first.
func (c *committer) loadStretches() error {
	list, err := readStretches(c.j.db, c.position)
	if err != nil {
		return err
	}
	s := &c.j.stretches
	s.list.Store(&list)
	s.next = 1
	for i := len(list) - 1; i >= 0 && !c.j.opts.ReadOnly; i-- {
		s.next = max(s.next, list[i].number+1)
		s.lines -= list[i].filter.make(list[i].room, s.lines)
	}
	return nil
}

// fillFilters puts the keys into the filters that were claimed before the journal was opened, the newest stretch's
// first. It runs beside everything else and ends early when the journal is closed; until a filter has all its keys each
// is looked up in its stretch.
func (j *Journal) fillFilters(list []*stretch) {
	defer close(j.filtered)
	for i := len(list) - 1; i >= 0; i-- {
		err := j.fillFilter(list[i])
		switch {
		case err == nil:
			list[i].filter.loaded.Store(true)
		case errors.Is(err, journal.ErrClosed):
			return
		default:
			j.logger.Error("idempotency keys could not be read; each is looked up from now on", zap.Error(err))
		}
	}
}

func (j *Journal) fillFilter(s *stretch) error {
	prefix := s.prefix()
	return j.scan(prefix, after(prefix), func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			if j.closing.Load() || j.failed.Load() {
				return journal.ErrClosed
			}
			s.filter.add(j.hashKey(it.Key()[len(prefix):]))
		}
		return it.Error()
	})
}
