package pebble

import "sync/atomic"

// keyFilter tells of nearly every idempotency key that was never claimed in a stretch that it was not, without a
// look-up: the common case, asked for twice a request. It is a Bloom filter in memory, made for as many keys as its
// stretch has room for. A key that was swept stays in it, which costs a look-up and nothing else. All methods are safe
// for concurrent use.
type keyFilter struct {
	loaded atomic.Bool  // it has all keys of its stretch
	keys   atomic.Int64 // that were put in
	lines  []filterLine // none: it can tell nothing
	probes int          // bits of a key
}

const (
	// A key has its bits in one line, so that asking costs one miss of the processor's cache; with filterLineKeys keys a
	// line, 13 bits each, one absent key in two hundred is taken for one that may be there.
	filterLineKeys = 40
	mostProbes     = 7
	// filterLines bounds the lines of all filters together, 24 MiB, and filterMost those of one, of which there are ten
	// or so. With more keys than 16 million a filter has fewer bits a key, and tells less.
	filterLines = 24 << 20 / lineBits * 8
	filterMost  = filterLines / 10
	lineBits    = 512
)

// filterLine is a cache line.
type filterLine [lineBits / 64]atomic.Uint64

// make gives the filter room for so many keys, of at most so many lines, and returns how many it took.
func (f *keyFilter) make(keys, most int) (lines int) {
	lines = min(keys/filterLineKeys+1, most, filterMost)
	f.lines = make([]filterLine, lines)
	f.probes = min(max(lines*lineBits/(keys+1)*7/10, 1), mostProbes)
	return lines
}

// add puts a key in by its hash.
func (f *keyFilter) add(hash uint64) {
	f.keys.Add(1)
	if len(f.lines) == 0 {
		return
	}
	line := f.line(hash)
	for bits, i := probes(hash), 0; i < f.probes; i++ {
		line[bits>>6&7].Or(1 << (bits & 63))
		bits >>= 9
	}
}

// absent tells that a key, by its hash, was never claimed in the stretch; false says nothing.
func (f *keyFilter) absent(hash uint64) bool {
	if len(f.lines) == 0 || !f.loaded.Load() {
		return false
	}
	line := f.line(hash)
	for bits, i := probes(hash), 0; i < f.probes; i++ {
		if line[bits>>6&7].Load()&(1<<(bits&63)) == 0 {
			return true
		}
		bits >>= 9
	}
	return false
}

// line is where a key lies, by the upper half of its hash.
func (f *keyFilter) line(hash uint64) *filterLine {
	return &f.lines[hash>>32*uint64(len(f.lines))>>32]
}

// probes makes seven numbers of nine bits of the lower half of a hash.
func probes(hash uint64) uint64 { return (hash&(1<<32-1) | 1) * 0x9e3779b97f4a7c15 }
