package saf

import "time"

// pace finds how many advices of a host are to be sent at once beside requests: each one takes the processor and a
// place in the journal's next sync from a request, so as few as bring about BesideRate. How many that are depends on
// the disk and on the host's round trip, so it is tried out: some more while they are too slow, some fewer while they
// are faster than need be.
type pace struct {
	n     int       // at once; 0: nothing was tried out yet
	since time.Time // of the measurement under way
	done  int       // in it
	full  bool      // in it one more could have been sent, but for n
}

const (
	// BesideRate is how many advices of a host are sent a second beside requests, if it can be done: an outage's million
	// in a minute and a half.
	BesideRate = 12_000
	// besideFirst is what is begun with, besideLeast and besideMost are the bounds. Where 64 are too slow, more make
	// requests wait and little else: while the tables of an outage were compacted, 256 were no faster, and requests beside
	// them had a p99 of 90 ms and not of 10. But a host that takes its time is sent as many more as BesideRate has in
	// flight meanwhile.
	besideFirst, besideLeast, besideMost = 32, 8, 64
	// paceStep is how long a measurement lasts at least; one of more than paceBreak had nothing to send and says nothing.
	paceStep  = 100 * time.Millisecond
	paceBreak = time.Second
)

// room tells how many more may be sent now, while sending are and ready wait, to a host whose round trip is trip at its
// best.
func (p *pace) room(now time.Time, sending, ready int, trip time.Duration) int {
	took := now.Sub(p.since)
	switch {
	case p.n == 0:
		p.n = besideFirst
	case took < paceStep:
		return p.fits(sending, ready)
	case took > paceBreak:
	default:
		rate := float64(p.done) / took.Seconds()
		if rate < BesideRate && p.full {
			p.n = min(p.n+p.n/8, besideMost+int(BesideRate*trip.Seconds()))
		} else if rate > 1.25*BesideRate {
			p.n = max(p.n-p.n/8, besideLeast)
		}
	}
	p.since, p.done, p.full = now, 0, false
	return p.fits(sending, ready)
}

func (p *pace) fits(sending, ready int) int {
	room := max(p.n-sending, 0)
	p.full = p.full || ready > room
	return room
}
