package loadgen

import (
	"bytes"
	"fmt"

	"switchyard/internal/loadgen/record"
)

// lateMessage is what a late answer belongs to.
const lateMessage = "a request that was given up before"

// givenUp are the requests of a lane that were given up last, by what they are found by: the oldest are forgotten.
type givenUp struct {
	known map[uint64]bool
	order []uint64 // a ring, once it is full
	next  int
}

func (g *givenUp) add(hash uint64) {
	if len(g.order) < maxGivenUp {
		g.order = append(g.order, hash)
	} else {
		delete(g.known, g.order[g.next])
		g.order[g.next] = hash
		g.next = (g.next + 1) % maxGivenUp
	}
	g.known[hash] = true
}

// take tells whether a request was given up, once.
func (g *givenUp) take(hash uint64) (was bool) {
	was = g.known[hash]
	delete(g.known, hash)
	return was
}

func (g *givenUp) clear() {
	clear(g.known)
	g.order, g.next = g.order[:0], 0
}

// nobodys says what an answer is that no request in flight on its connection is found by.
func (l *isoLane) nobodys(hash uint64) (class record.Class, code, nearest string) {
	t := l.target
	for _, other := range t.lanes {
		if other != l && other.askedFor(hash) {
			return record.Unmatched, "connection", "a request in flight on another connection"
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given.take(hash) {
		return record.Late, "", lateMessage
	}
	return l.nearest(hash)
}

// askedFor tells whether a request is in flight here, whose answer came on another connection.
func (l *isoLane) askedFor(hash uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, there := l.index[hash]
	if there {
		s := &l.target.slots[slot]
		s.near, s.nearCode = record.Unmatched, "connection"
	}
	return there
}

// likeness is how much of an answer is as in a request.
type likeness struct {
	names int // of STAN and RRN, which name it
	all   int // of what is held against it
}

func (a likeness) less(b likeness) bool {
	return a.names < b.names || a.names == b.names && a.all < b.all
}

// nearest finds what a message comes nearest to that is found by nothing. The lock is held.
func (l *isoLane) nearest(hash uint64) (class record.Class, code, nearest string) {
	t := l.target
	best, most, alike := -1, likeness{}, 0
	for k, slot := 0, l.number; slot < len(t.slots) && k < maxLooked; k, slot = k+1, slot+len(t.lanes) {
		s := &t.slots[slot]
		if s.before == hash || s.end == nil && s.hash == hash && s.values != nil {
			return record.Unmatched, "again", "a request that was answered already"
		}
		if s.end == nil {
			continue
		}
		switch like := l.like(s); {
		case most.less(like):
			best, most, alike = slot, like, 1
		case like == most:
			alike++
		}
	}
	if best < 0 {
		return record.Unmatched, "foreign", "no request in flight has anything of it"
	}
	s := &t.slots[best]
	nearest = "a request in flight, but for"
	if alike > 1 {
		nearest = fmt.Sprintf("one of %d requests in flight, but for", alike)
	}
	for i := range s.values {
		if !bytes.Equal(s.values[i], l.values[i]) {
			de := t.element(i)
			if code == "" {
				code = fieldCode(de)
			}
			nearest += " " + named(de)
		}
	}
	if alike == 1 && (most.names > 0 || 2*most.all >= len(s.values)) { // it is rather that one than any
		s.near, s.nearCode = record.Unmatched, code
	}
	return record.Unmatched, code, nearest
}

// like is how much of the answer that was taken is as in a request. What neither has says nothing.
func (l *isoLane) like(s *isoSlot) (like likeness) {
	for i, sent := range s.values {
		if len(sent) == 0 || !bytes.Equal(sent, l.values[i]) {
			continue
		}
		like.all++
		if de := l.target.element(i); de == 11 || de == 37 {
			like.names++
		}
	}
	return like
}
