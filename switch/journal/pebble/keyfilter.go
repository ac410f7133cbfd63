package pebble

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"

	"switchyard/switch/journal"
)

// keyFilter tells of nearly every idempotency key that was never claimed that it was not, without a look-up: the common
// case, asked for twice a request. It is a Bloom filter in memory, of every key that was claimed since the journal was
// opened and, once loaded, of those before. A key that was swept stays in it, which costs a look-up and nothing else.
//
// It grows by layers up to filterMost keys, 21 MiB. With more it tells less and less, and with filterUseful it is given
// up: the journal goes on as it would without.
type keyFilter struct {
	loaded atomic.Bool
	layers atomic.Pointer[filterStack] // nil once it is given up

	mu   sync.Mutex // held by those who add
	keys int        // added
	top  int        // the layer that is being filled
	room int        // keys that it takes yet
}

type filterStack [filterLayers]atomic.Pointer[filterLayer]

const (
	filterLayers = 4
	// filterFirst is how many lines the first layer has, 256 KiB; each further one has four times as many.
	filterFirst = 1 << 12
	// A key has filterProbes bits in one line, so that asking costs one miss of the processor's cache a layer; with
	// filterLineKeys keys a line, ten bits each, one absent key in sixty is taken for one that may be there.
	filterLineKeys = 51
	filterProbes   = 7
	// filterMost is how many keys the layers are made for.
	filterMost = filterLineKeys * filterFirst * (1 + 4 + 16 + 64)
	// filterUseful is with how many more than half of the absent keys are looked up all the same.
	filterUseful = 3 * filterMost
)

// filterLine is a cache line of 512 bits.
type filterLine [8]atomic.Uint64

type filterLayer []filterLine

// newKeyFilter makes the filter of a journal without keys.
func newKeyFilter() *keyFilter {
	f := &keyFilter{top: -1}
	stack := new(filterStack)
	f.layers.Store(stack)
	f.grow(stack)
	return f
}

// grow begins the next layer, if there is one. f.mu is held.
func (f *keyFilter) grow(stack *filterStack) {
	if f.top == filterLayers-1 {
		return
	}
	f.top++
	layer := make(filterLayer, filterFirst<<(2*f.top))
	f.room = filterLineKeys * len(layer)
	stack[f.top].Store(&layer)
}

// add puts a key in by its hash; false: the filter is given up. Safe for concurrent use.
func (f *keyFilter) add(hash uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	stack := f.layers.Load()
	if stack == nil {
		return false
	}
	if f.keys++; f.keys > filterUseful {
		f.layers.Store(nil)
		return false
	}
	if f.room == 0 {
		f.grow(stack)
	}
	f.room = max(f.room-1, 0)
	line := stack[f.top].Load().line(hash)
	for bits, i := probes(hash), 0; i < filterProbes; i++ {
		line[bits>>6&7].Or(1 << (bits & 63))
		bits >>= 9
	}
	return true
}

// absent tells that a key, by its hash, was never claimed; false says nothing. Safe for concurrent use.
func (f *keyFilter) absent(hash uint64) bool {
	stack := f.layers.Load()
	if stack == nil || !f.loaded.Load() {
		return false
	}
	for i := range stack {
		layer := stack[i].Load()
		if layer == nil {
			break
		}
		if layer.line(hash).holds(hash) {
			return false
		}
	}
	return true
}

// line is where a key lies, by the upper half of its hash.
func (l *filterLayer) line(hash uint64) *filterLine {
	return &(*l)[hash>>32*uint64(len(*l))>>32]
}

func (l *filterLine) holds(hash uint64) bool {
	for bits, i := probes(hash), 0; i < filterProbes; i++ {
		if l[bits>>6&7].Load()&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}

// probes makes seven numbers of nine bits of the lower half of a hash.
func probes(hash uint64) uint64 { return (hash&(1<<32-1) | 1) * 0x9e3779b97f4a7c15 }

var errFilterFull = errors.New("journal: more keys than the filter can tell apart")

// loadFilter puts the keys into the filter that were claimed before the journal was opened. It runs beside everything
// else and ends early when the journal is closed; until it is done each key is looked up.
func (j *Journal) loadFilter() {
	defer close(j.filtered)
	err := j.scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			if j.closing.Load() || j.failed.Load() {
				return journal.ErrClosed
			}
			if !j.filter.add(j.hashKey(it.Key())) {
				return errFilterFull
			}
		}
		return it.Error()
	})
	switch {
	case err == nil:
		j.filter.loaded.Store(true)
	case errors.Is(err, errFilterFull):
		j.logger.Info("more idempotency keys are kept than their filter in memory can tell apart; each is looked up")
	case !errors.Is(err, journal.ErrClosed):
		j.logger.Error("the idempotency keys could not be read; each is looked up from now on", zap.Error(err))
	}
}
