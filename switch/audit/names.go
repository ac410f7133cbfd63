package audit

import (
	"hash/maphash"
	"time"
)

// A register remembers what was named and by which payment, to find a name that is given twice within a window of
// time. It keeps a name's 128-bit hash and not the name, which makes 32 bytes of any; that two names of a million
// million share one has a chance of 10⁻¹⁵.
type register struct {
	window time.Duration
	seeds  [2]maphash.Seed
	names  map[[2]uint64]naming
}

type naming struct {
	by paymentID
	at int64 // Unix seconds
}

func newRegister(window time.Duration) *register {
	return &register{
		window: window, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, names: map[[2]uint64]naming{},
	}
}

// add enters a name and returns the payment that gave it before within the window, if one did.
func (r *register) add(name string, by paymentID, at time.Time) (before paymentID, twice bool) {
	hash := [2]uint64{maphash.String(r.seeds[0], name), maphash.String(r.seeds[1], name)}
	known, ok := r.names[hash]
	r.names[hash] = naming{by: by, at: at.Unix()}
	apart := time.Duration(at.Unix()-known.at) * time.Second
	return known.by, ok && apart.Abs() < r.window
}

// How long a name is its owner's alone.
const (
	year      = 365 * 24 * time.Hour
	keyWindow = 35 * 24 * time.Hour // keys are kept that long, and then are free again
	// DE7 has no year, YDDD in an RRN or ARN one digit of it. Both windows are a day short, for leap days.
	stanWindow      = year - 24*time.Hour
	referenceWindow = 10*year - 24*time.Hour
)
