package capture

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// streams are the directions of TCP connections.
type streams struct {
	packets int
	byPair  map[pair]*direction
	order   []*direction
}

type pair struct{ from, to netip.AddrPort }

// direction is one direction of a connection: its segments, by where they stand in it.
type direction struct {
	pair  pair
	first uint32 // the number of the first byte, if known from a SYN, else of the first segment seen
	syn   bool
	parts []part
}

type part struct {
	at   int64 // from first
	data []byte
	seen time.Time
}

// packet takes a packet of the file, and when it was captured.
func (s *streams) packet(link linkType, packet []byte, seen time.Time) {
	s.packets++
	seg, ok := tcp(link.ip(packet))
	if !ok || !seg.syn && len(seg.data) == 0 {
		return
	}
	if s.byPair == nil {
		s.byPair = map[pair]*direction{}
	}
	p := pair{seg.from, seg.to}
	d := s.byPair[p]
	if seg.syn {
		seg.seq++ // the SYN takes a number
		if d != nil && d.first != seg.seq {
			d = nil // the ports are used again, for another connection
		}
	}
	if d == nil {
		d = &direction{pair: p, first: seg.seq, syn: seg.syn}
		s.byPair[p] = d
		s.order = append(s.order, d)
	}
	if len(seg.data) > 0 {
		d.parts = append(d.parts, part{d.position(seg.seq), seg.data, seen})
	}
}

// position is where a sequence number stands in the direction, which may be in front of its first segment seen. Numbers
// wrap around: the nearest to what came last is meant.
func (d *direction) position(seq uint32) int64 {
	near := int64(0)
	if len(d.parts) > 0 {
		near = d.parts[len(d.parts)-1].at
	}
	return near + int64(int32(seq-d.first-uint32(near)))
}

// all puts the segments of each direction in their order, without what was sent twice, and cuts it where some are
// missing.
func (s *streams) all() (all []Stream) {
	for _, d := range s.order {
		all = append(all, d.streams()...)
	}
	return all
}

func (d *direction) streams() (all []Stream) {
	slices.SortStableFunc(d.parts, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	name := d.pair.from.String() + " > " + d.pair.to.String()
	lost := 0
	if !d.syn {
		lost = -1 // the connection had begun before
	}
	var data []byte
	var moments []moment
	next := int64(0)
	if len(d.parts) > 0 && !d.syn {
		next = d.parts[0].at
	}
	for _, p := range d.parts {
		if p.at > next {
			if len(data) > 0 {
				all = append(all, Stream{name, data, lost, moments})
			}
			data, moments, lost = nil, nil, int(p.at-next)
			next = p.at
		}
		if again := next - p.at; again < int64(len(p.data)) {
			moments = append(moments, moment{len(data), p.seen})
			data = append(data, p.data[again:]...)
			next = p.at + int64(len(p.data))
		}
	}
	if len(data) > 0 {
		all = append(all, Stream{name, data, lost, moments})
	}
	return all
}
