package route

import (
	"hash/fnv"
	"math"
)

// Pick chooses one of the hosts that are ready, false if none is. The choice is a function of key, the hosts and which
// of them are ready, and of nothing else; over many keys each host gets its weight's part. A host that is not ready
// leaves its part to the others by their weights, and the choice of the keys that were not its own stays. Standbys
// (weight 0) are asked in their order, only when no other host is ready.
//
// To fail over before anything was sent, pick again with a ready that excludes the host that failed. ready is asked at
// most once a host; nil says that all are. Pick allocates nothing.
func (r *Route) Pick(key uint64, ready func(host string) bool) (host string, ok bool) {
	best := math.Inf(1)
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.Weight == 0 {
			continue
		}
		// Weighted rendezvous hashing: of exponential variables with the weights as rates, the first host's is the least
		// with a probability of its weight's part.
		if score := exponential(key, h.Host) / float64(h.Weight); score < best && isReady(ready, h.Host) {
			best, host, ok = score, h.Host, true
		}
	}
	for i := range r.Hosts {
		if ok {
			break
		}
		if h := &r.Hosts[i]; h.Weight == 0 && isReady(ready, h.Host) {
			return h.Host, true
		}
	}
	return host, ok
}

func isReady(ready func(string) bool, host string) bool { return ready == nil || ready(host) }

// exponential is an exponentially distributed number, of rate 1, that is a hash of key and host.
func exponential(key uint64, host string) float64 {
	hash := fnv.New64a()
	hash.Write([]byte(host))
	x := hash.Sum64() ^ key
	// The finalizer of SplitMix64, twice as FNV and keys in turn differ in few bits.
	for range 2 {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	uniform := (float64(x>>11) + 0.5) / (1 << 53) // in (0, 1)
	return -math.Log(uniform)
}
