package identity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
)

// A sector remembers with which seconds its STANs were given. Seconds are those of DE7, which knows no year: so many
// since the beginning of a year that has a 29th of February. They go round, and an arc is a stretch of them.

const (
	yearSeconds = 366 * 86_400
	// remembered is how far on either side of now arcs are kept. What is further away was used some months ago, or will be
	// reached in some: hosts forget a message in days.
	remembered = 120 * 86_400
	// joined is how far apart two arcs may be to be kept as one.
	joined = clockReserve
	// mostOpen and mostPast bound the arcs of a sector. The oldest are joined, and what lies between them is lost to it.
	mostOpen, mostPast = 16, 256

	sectorFormat = 1
	sectorHead   = 19
	arcBytes     = 8
)

// arc is a stretch of seconds, both ends included; it may lie around the end of the year.
type arc struct{ from, to uint32 }

// secondOf is the second of a moment.
func secondOf(t time.Time) uint32 {
	t = t.UTC()
	day := time.Date(2000, t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).YearDay() - 1
	hour, minute, second := t.Clock()
	return uint32(day*86_400 + hour*3600 + minute*60 + second)
}

// after is how far b comes after a, going round.
func after(a, b uint32) uint32 { return (b + yearSeconds - a) % yearSeconds }

func (a arc) has(second uint32) bool { return after(a.from, second) <= after(a.from, a.to) }

// sector is a part of a stream's STANs.
type sector struct {
	name  string
	round uint64 // of the STANs that are being given
	at    int64  // when one was given last, Unix seconds
	open  []arc  // seconds of this round, which are free for it
	past  []arc  // those of earlier rounds
	last  arc    // of open, the one that now is in; zero: none yet
}

// covers tells whether a moment is reserved for a round's numbers already.
func (s *sector) covers(round uint64, now time.Time) bool {
	return round == s.round && s.last != (arc{}) && s.last.has(secondOf(now))
}

// forgotten tells whether a moment is so far from when the sector was used last that nothing of it counts.
func (s *sector) forgotten(now time.Time) bool {
	return now.Unix()-s.at > remembered || s.at-now.Unix() > remembered
}

// free is the first moment from now on that a round's numbers may be given with.
func (s *sector) free(round uint64, now time.Time) time.Time {
	if s.forgotten(now) || mutant.On(mutant.DE7Repeated) {
		return now
	}
	taken := s.past
	if round != s.round {
		taken = append(slices.Clone(s.past), s.open...)
	}
	for moved := true; moved; {
		moved = false
		for _, a := range taken {
			if second := secondOf(now); a.has(second) {
				now = now.Add(time.Duration(after(second, a.to)+1) * time.Second)
				moved = true
			}
		}
	}
	return now
}

// use makes a moment one of a round's, and those right after it, durably.
func (s *sector) use(ctx context.Context, store Store, round uint64, now time.Time) error {
	second := secondOf(now)
	next := sector{name: s.name, round: round, at: now.Unix()}
	if !s.forgotten(now) {
		next.open, next.past = slices.Clone(s.open), slices.Clone(s.past)
	}
	if round != s.round {
		next.past, next.open = append(next.past, next.open...), nil
	}
	next.open = near(next.open, second)
	next.past = join(near(next.past, second), second, mostPast)
	next.last = arc{second, second}
	for reach := uint32(1); reach <= clockReserve && free(next.past, (second+reach)%yearSeconds); reach++ {
		next.last.to = (second + reach) % yearSeconds
	}
	next.open = join(append(next.open, next.last), second, mostOpen)
	if err := store.PutMeta(ctx, s.name, next.encode()); err != nil {
		return fmt.Errorf("reserve %s: %w", s.name, err)
	}
	*s = next
	return nil
}

func free(taken []arc, second uint32) bool {
	return !slices.ContainsFunc(taken, func(a arc) bool { return a.has(second) })
}

// near keeps of arcs what is not too far from now.
func near(arcs []arc, now uint32) (kept []arc) {
	begin := (now + yearSeconds - remembered) % yearSeconds
	const window = 2 * remembered
	for _, a := range arcs {
		from, to := after(begin, a.from), after(begin, a.to)
		switch {
		case from <= to && from > window: // all of it is far away
			continue
		case from > to: // it comes from far away, or goes on to there and around
			if from <= window {
				kept = append(kept, arc{a.from, (begin + window) % yearSeconds})
			}
			from = 0
		}
		kept = append(kept, arc{(begin + from) % yearSeconds, (begin + min(to, window)) % yearSeconds})
	}
	return kept
}

// join sorts arcs from the oldest on, makes one of those that are close, and joins the oldest until at most so many are
// left. All must be near now.
func join(arcs []arc, now uint32, most int) []arc {
	begin := (now + yearSeconds - remembered) % yearSeconds
	slices.SortFunc(arcs, func(a, b arc) int { return int(after(begin, a.from)) - int(after(begin, b.from)) })
	var joinedArcs []arc
	for _, a := range arcs {
		if n := len(joinedArcs); n > 0 {
			l := &joinedArcs[n-1]
			if after(begin, a.from) <= after(begin, l.to)+joined {
				if after(begin, a.to) > after(begin, l.to) {
					l.to = a.to
				}
				continue
			}
		}
		joinedArcs = append(joinedArcs, a)
	}
	for len(joinedArcs) > most {
		joinedArcs[1].from = joinedArcs[0].from
		joinedArcs = joinedArcs[1:]
	}
	return joinedArcs
}

func (s *sector) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{sectorFormat}, s.round)
	b = binary.BigEndian.AppendUint64(b, uint64(s.at))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.open)))
	for _, list := range [2][]arc{s.open, s.past} {
		for _, a := range list {
			b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, a.from), a.to)
		}
	}
	return b
}

// load reads what a sector was used with. Where an older program left no more than the time that it had reserved, all
// before it counts as used.
func (s *sector) load(ctx context.Context, store Store, name string, old time.Time) error {
	s.name = name
	b, err := store.Meta(ctx, name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		if !old.IsZero() {
			s.at = old.Unix()
			s.past = []arc{{secondOf(old.Add(-remembered * time.Second)), secondOf(old)}}
		}
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", name, err)
	case len(b) < sectorHead || b[0] != sectorFormat || (len(b)-sectorHead)%arcBytes != 0:
		return fmt.Errorf("value %s: expected format %d, a round, a time, a number and arcs of %d bytes",
			name, sectorFormat, arcBytes)
	}
	s.round, s.at = binary.BigEndian.Uint64(b[1:]), int64(binary.BigEndian.Uint64(b[9:]))
	open := int(binary.BigEndian.Uint16(b[17:]))
	for b = b[sectorHead:]; len(b) > 0; b = b[arcBytes:] {
		a := arc{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		if a.from >= yearSeconds || a.to >= yearSeconds {
			return fmt.Errorf("value %s: an arc is out of range: expected seconds of a year", name)
		}
		if len(s.open) < open {
			s.open = append(s.open, a)
		} else {
			s.past = append(s.past, a)
		}
	}
	if len(s.open) < open {
		return fmt.Errorf("value %s: %d arcs of this round, expected %d", name, len(s.open), open)
	}
	return nil
}

// oldReserve is the time up to which an older program reserved DE7, which never went back in it; zero: it reserved
// none.
func oldReserve(ctx context.Context, store Store, name string) (time.Time, error) {
	name = "clock/" + name
	v, err := store.Meta(ctx, name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("read %s: %w", name, err)
	case len(v) != 8:
		return time.Time{}, fmt.Errorf("value %s: %d bytes, expected 8", name, len(v))
	}
	return time.Unix(int64(binary.BigEndian.Uint64(v)), 0).UTC(), nil
}
