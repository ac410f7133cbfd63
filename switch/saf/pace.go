package saf

import "time"

// pace finds how many advices of a host are to be sent at once beside requests: each one takes the processor and a place in the
// journal's next sync from a request, so as few as bring about BesideRate. How many that are depends on the disk and on the
// host's round trip, so it is tried out: some more while they are too slow, some fewer while they are faster than need be.
type pace struct {
	n     int       // at once; 0: nothing was tried out yet
	since time.Time // of the measurement under way
	done  int       // in it
	full  bool      // in it one more could have been sent, but for n
}

const (
	// BesideRate is how many advices of a host are sent a second beside requests, if it can be done: an outage's million in a
	// minute and a half.
	BesideRate = 12_000
	// besideFirst is what is begun with, besideLeast and besideMost are the bounds.
	besideFirst, besideLeast, besideMost = 32, 8, 256
	// paceStep is how long a measurement lasts at least; one of more than paceBreak had nothing to send and says nothing.
	paceStep  = 100 * time.Millisecond
	paceBreak = time.Second
)

// room tells whether one more may be sent now, while sending are.
func (p *pace) room(now time.Time, sending int) bool {
	took := now.Sub(p.since)
	switch {
	case p.n == 0:
		p.n = besideFirst
	case took < paceStep:
		return p.fits(sending)
	case took > paceBreak:
	default:
		rate := float64(p.done) / took.Seconds()
		if rate < BesideRate && p.full {
			p.n = min(p.n+p.n/8, besideMost)
		} else if rate > 1.25*BesideRate {
			p.n = max(p.n-p.n/8, besideLeast)
		}
	}
	p.since, p.done, p.full = now, 0, false
	return p.fits(sending)
}

func (p *pace) fits(sending int) bool {
	p.full = p.full || sending >= p.n
	return sending < p.n
}
