package folder

import (
	"hash/maphash"
	"math/bits"
)

// A sieve tells of each of many keys whether it was there before, in a few bits a key: it never takes one for new that
// is not, and seldom, one in some thousands, one that is new for one that is not. What it tells of is then looked at by
// itself.
type sieve struct {
	seed maphash.Seed
	bits []uint64
}

const (
	sieveBits   = 16      // of a key, at least
	sieveProbes = 6       // bits that a key sets
	maxSieve    = 1 << 31 // bits: what a manifest says is not held against its file yet
	wordBits    = 64
)

// newSieve is one for some keys, all of them new.
func newSieve(keys int) *sieve {
	size := maxSieve
	if keys < maxSieve/sieveBits {
		size = 1 << bits.Len(uint(max(keys, wordBits)*sieveBits-1))
	}
	return &sieve{seed: maphash.MakeSeed(), bits: make([]uint64, size/wordBits)}
}

// add adds a key, and tells whether it was there, or seems so.
func (s *sieve) add(key []byte) (before bool) {
	before = true
	for _, at := range s.probes(key) {
		word, bit := &s.bits[at/wordBits], uint64(1)<<(at%wordBits)
		before = before && *word&bit != 0
		*word |= bit
	}
	return before
}

// has tells whether a key is there, or seems so.
func (s *sieve) has(key []byte) bool {
	for _, at := range s.probes(key) {
		if s.bits[at/wordBits]&(1<<(at%wordBits)) == 0 {
			return false
		}
	}
	return true
}

// probes are the bits of a key.
func (s *sieve) probes(key []byte) (at [sieveProbes]uint64) {
	hash, size := maphash.Bytes(s.seed, key), uint64(len(s.bits)*wordBits)
	step := bits.RotateLeft64(hash, wordBits/2) | 1
	for i := range at {
		at[i] = hash % size
		hash += step
	}
	return at
}
