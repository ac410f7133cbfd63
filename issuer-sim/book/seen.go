package book

import (
	"switchyard/issuer-sim/message"
)

// day is how long a message is known, in seconds: for repeats, and for reversals whose original has not come or was
// declined. What was approved is found in the books after it (findOriginal).
const day = 24 * 60 * 60

// seen is the memory of one message: what it was and how it was answered.
type seen struct {
	message.Moment
	rrn           message.Reference
	card          message.Digits
	amount        int64  // DE4 of the answer
	authorization uint64 // what it made or changed; 0 for none
	part          uint32 // of it: the posting or the increase; 0 for the authorization itself
	at            uint32 // Unix seconds
	before        uint64 // the message of the same moment and card that was seen before
	beforeRRN     uint64 // of the same RRN and card, see shard.seenByRRN
	code          message.Code
	fate          fate
	tries         uint8 // repeats so far, up to 255
}

// fate is what came of a message.
type fate uint8

const (
	fateAnswered fate = iota
	fateSilent        // worked on and never answered, nor its repeats
	fateAwaited       // never seen itself: its reversal came first
	fateRefused       // an advice or reversal that is as if it had not come: its repeat is taken as new
)

// find returns the memory of a message by its moment, and by its RRN where one is given; nil if there is none within a
// day. An awaited original is found under any RRN, unless nothing else is known of it.
func (s *shard) find(m message.Moment, rrn *message.Reference, card message.Digits, now uint32) *seen {
	if m.Class == message.ClassNone {
		return s.findAwaited(m, rrn, card, now)
	}
	for number := s.seenIndex.get(m.Place(card)); number != 0; {
		e := s.seen.at(number)
		if e == nil || now-e.at > day && now > e.at {
			return nil
		}
		named := rrn == nil || e.rrn == *rrn || e.fate == fateAwaited
		if e.card == card && e.Moment == m && named {
			return e
		}
		number = e.before
	}
	return nil
}

// findAwaited is find for an original of which nothing is known but whose it is and its RRN: all of a card's have the
// same moment, and are found by their RRNs.
func (s *shard) findAwaited(m message.Moment, rrn *message.Reference, card message.Digits, now uint32) *seen {
	s.seekRRNs()
	named := seen{Moment: m, rrn: *rrn, card: card}
	for number := s.seenByRRN.get(named.rrnPlace()); number != 0; {
		e := s.seen.at(number)
		if e == nil || now-e.at > day && now > e.at {
			return nil
		}
		if e.card == card && e.Moment == m && e.rrn == *rrn {
			return e
		}
		number = e.beforeRRN
	}
	return nil
}

// awaits is the moment under which an original is awaited: what its reversal says of it, or nothing but whose it is.
func awaits(r *message.Request) message.Moment {
	if r.Original.Class == message.ClassNone {
		return message.Moment{Acquirer: r.Acquirer}
	}
	return r.Original
}

// recall returns the memory of a message, or that its reversal came first.
func (s *shard) recall(r *message.Request, now uint32) *seen {
	known := s.find(r.Moment, &r.RRN, r.Card, now)
	if known == nil && s.awaitsRRNs && r.Class != message.ClassReversal {
		known = s.find(message.Moment{Acquirer: r.Acquirer}, &r.RRN, r.Card, now)
	}
	return known
}

// remember makes room for a message's memory.
func (s *shard) remember(e seen) {
	if s.seen.full() {
		old := s.seen.at(s.seen.first)
		s.seenIndex.remove(old.Place(old.card), s.seen.first)
		if s.seeksRRNs {
			s.seenByRRN.remove(old.rrnPlace(), s.seen.first)
		}
	}
	key := e.Place(e.card)
	e.before = s.seenIndex.get(key)
	number, place := s.seen.add()
	*place = e
	s.seenIndex.put(key, number)
	if s.seeksRRNs {
		s.placeRRN(place, number)
	}
}

// rrnPlace is a message's place in the index by RRNs.
func (e *seen) rrnPlace() uint64 { return message.Mix(uint64(e.card)) ^ e.rrn.Place(e.Acquirer) }

// placeRRN puts a message into the index by RRNs, unless it is a reversal: none is an original.
func (s *shard) placeRRN(e *seen, number uint64) {
	if e.Class == message.ClassReversal {
		return
	}
	key := e.rrnPlace()
	e.beforeRRN = s.seenByRRN.get(key)
	s.seenByRRN.put(key, number)
}

// seekRRNs begins to keep the index by RRNs. Most acquirers tell originals, and it is not there for them.
func (s *shard) seekRRNs() {
	if s.seeksRRNs {
		return
	}
	s.seeksRRNs = true
	for number := s.seen.first; number < s.seen.next; number++ {
		s.placeRRN(s.seen.at(number), number)
	}
}
