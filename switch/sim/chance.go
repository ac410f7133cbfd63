package sim

import (
	"hash/fnv"
	"time"
)

// chance makes random choices that do not depend on the order in which they are asked for: each is a hash of the seed
// and of what it is about.
type chance uint64

func (c chance) of(what string, n uint64) uint64 {
	h := fnv.New64a()
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(uint64(c)>>(8*i)), byte(n>>(8*i))
	}
	_, _ = h.Write(b[:]) // a hash takes everything
	_, _ = h.Write([]byte(what))
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below is a number from 0 up to n, without n.
func (c chance) below(n int, what string, about uint64) int {
	return int(c.of(what, about) % uint64(n))
}

// oneIn is true once in n.
func (c chance) oneIn(n int, what string, about uint64) bool { return c.below(n, what, about) == 0 }

// delay is a duration from least to most on an instant of its own: its nanoseconds are a hash, too.
func (c chance) delay(least, most time.Duration, what string, about uint64) time.Duration {
	return least + time.Duration(c.of(what, about)%uint64(most-least+1))
}
