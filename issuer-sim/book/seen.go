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
	before        uint64 // the message of the same moment that was seen before
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
	fateRefused       // an advice or reversal that a rule refused: its repeat is taken as new
)

// find returns the memory of a message by its moment, and by its RRN where one is given; nil if there is none within a
// day. An awaited original is found under any RRN.
func (s *shard) find(m message.Moment, rrn *message.Reference, card message.Digits, now uint32) *seen {
	for number := s.seenIndex[m]; number != 0; {
		e := s.seen.at(number)
		if e == nil || now-e.at > day && now > e.at {
			return nil
		}
		if e.card == card && (rrn == nil || e.fate == fateAwaited || e.rrn == *rrn) {
			return e
		}
		number = e.before
	}
	return nil
}

// remember makes room for a message's memory.
func (s *shard) remember(e seen) {
	if s.seen.full() {
		old := s.seen.at(s.seen.first)
		if s.seenIndex[old.Moment] == s.seen.first {
			delete(s.seenIndex, old.Moment)
		}
	}
	e.before = s.seenIndex[e.Moment]
	number, place := s.seen.add()
	*place = e
	s.seenIndex[e.Moment] = number
}
