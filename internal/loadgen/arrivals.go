package loadgen

import (
	"math/rand/v2"
	"time"
)

// arrivals is the schedule of an open loop. It is fixed by the seed alone: nothing that the target does moves it.
type arrivals struct {
	gapNS float64    // mean gap
	rng   *rand.Rand // nil for even spacing
	atNS  float64    // of the last arrival, since the start
}

func newArrivals(rate float64, fixed bool, seed uint64) *arrivals {
	a := &arrivals{gapNS: float64(time.Second) / rate}
	if !fixed {
		a.rng = rand.New(rand.NewPCG(seed, 0x6172726976616c73))
	}
	return a
}

// next returns when the next request is due, since the start. The gaps of a Poisson process are exponential.
func (a *arrivals) next() time.Duration {
	gap := a.gapNS
	if a.rng != nil {
		gap *= a.rng.ExpFloat64()
	}
	a.atNS += gap
	return time.Duration(a.atNS)
}
