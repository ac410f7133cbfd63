package identity

import (
	"context"
	"fmt"
	"iter"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/slowlock"
	"switchyard/switch/clock"
)

const (
	maxSTAN = 999_999
	// sectors cut the STANs of a round into parts, each of which remembers the DE7s that it was used with.
	sectors   = 16
	perSector = maxSTAN/sectors + 1 // the last one is shorter
	// clockReserve is how far ahead of the clock DE7 is reserved durably: one sync for so long.
	clockReserve = 5
	// stanBlocks bound a reservation of STANs: a start takes the first, and each next one is twice as long up to the last,
	// so that neither starts nor load use up a round.
	firstSTANs, mostSTANs = 1 << 10, blockSize
)

// Stream hands out STAN and DE7 towards one host under one acquirer id. Safe for concurrent use.
//
// STANs go round every 999,999 messages; DE7 is what the clock says, and the clock may be set back, to what it showed
// when the same STANs were given in an earlier round. So of each sixteenth of the STANs the seconds are remembered,
// durably and before their first use, that it was given with in earlier rounds. Where the clock's second is one of
// them a later sixteenth is used, and where all were used in that second the next second that is free.
type Stream struct {
	name     string
	clock    *clock.Clock
	share    share
	reserved *reserved // nil: STANs are given as they come round

	mu     slowlock.Mutex
	stans  block
	used   [sectors]sector
	asked  time.Time // the second for which find found
	found  time.Time // this one, in the sector of the number before
	sector int       // of the message before, as what follows
	round  uint64
	second time.Time // the DE7
	text   string
}

// Stream makes the stream towards a host. It reads what was used before, so it must be made once a host.
func (a *Allocator) Stream(acquirer, host string) (*Stream, error) {
	name := acquirer + "/" + host
	s := &Stream{
		name: name, clock: a.clock, share: a.share, stans: block{store: a.store, counter: "stan/" + name, size: firstSTANs,
			most: mostSTANs},
	}
	old, err := oldReserve(context.Background(), a.store, name)
	if err != nil {
		return nil, err
	}
	for i := range s.used {
		if err := s.used[i].load(context.Background(), a.store, fmt.Sprintf("de7/%s/%d", name, i), old); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// next returns the next identity, whosever its STAN is.
func (s *Stream) next(ctx context.Context) (stan uint32, de7 string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.stans.take(ctx)
	if err != nil {
		return 0, "", err
	}
	now := s.clock.Now().Truncate(time.Second)
	if mutant.On(mutant.DE7Ahead) {
		now = now.Add(clockReserve * time.Second)
	}
	at := now
	if now.Equal(s.asked) {
		at = s.found
	}
	q, round := sectorOf(n)
	if q == s.sector && round == s.round && at.Equal(s.second) {
		return stanOf(n), s.text, nil
	}
	if !s.used[q].covers(round, at) {
		if n, at, err = s.find(ctx, n, now); err != nil {
			return 0, "", err
		}
		s.asked, s.found = now, at
	}
	s.sector, s.round = sectorOf(n)
	s.second, s.text = at, at.Format("0102150405")
	return stanOf(n), s.text, nil
}

func stanOf(n uint64) uint32 { return uint32((n-1)%maxSTAN) + 1 }

// sectorOf tells in which sixteenth of which round a number is.
func sectorOf(n uint64) (q int, round uint64) {
	return int((n - 1) % maxSTAN / perSector), (n - 1) / maxSTAN
}

// next is the first number of the next sector after a number's.
func next(n uint64) uint64 {
	q, round := sectorOf(n)
	return round*maxSTAN + min(uint64(q+1)*perSector, maxSTAN) + 1
}

// find returns a number from n on and a second from now on that were never given together, and reserves them. The
// nearest second counts more than the nearest number.
func (s *Stream) find(ctx context.Context, n uint64, now time.Time) (uint64, time.Time, error) {
	for {
		best, at := n, time.Time{}
		for m := range candidates(n) {
			q, round := sectorOf(m)
			if free := s.used[q].free(round, now); at.IsZero() || free.Before(at) {
				best, at = m, free
			}
			if at.Equal(now) {
				break
			}
		}
		q, round := sectorOf(best)
		if best != n {
			var err error
			if n, err = s.stans.skip(ctx, best); err != nil {
				return 0, time.Time{}, err
			}
			if landed, in := sectorOf(n); landed != q || in != round {
				continue // the number that was free is behind
			}
		}
		return n, at, s.used[q].use(ctx, s.stans.store, round, at)
	}
}

// candidates are a number and the first one of each sector after its own.
func candidates(n uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for range sectors {
			if !yield(n) {
				return
			}
			n = next(n)
		}
	}
}
