package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"switchyard/spec"
)

// refusedInARow is how many frames may be refused one after the other before framing counts as lost: what a host that
// is one byte out of step sends may go on for ever.
const refusedInARow = 16

// refusedPerSecond is how many lines about refused frames a host gets in the log; all are counted.
const refusedPerSecond = 10

// Why a frame is refused: label values of a metric.
const (
	refusedEmpty  = "empty"
	refusedLong   = "too_long"
	refusedFormat = "format"
)

// readFrame reads one frame and handles it. An error ends the session; a frame that is refused is none.
func (s *session) readFrame() error {
	head, err := s.r.Peek(spec.LengthHeader)
	if err != nil {
		return readError(err, len(head), spec.LengthHeader)
	}
	n := int(binary.BigEndian.Uint16(head))
	switch {
	case n == 0:
		_, _ = s.r.Discard(spec.LengthHeader) // it was peeked
		return s.refuse(refusedEmpty, n, nil)
	case n > MaxFrame:
		if got, err := s.r.Discard(spec.LengthHeader + n); err != nil {
			return readError(err, got, spec.LengthHeader+n)
		}
		return s.refuse(refusedLong, n, fmt.Errorf("want at most %d bytes", MaxFrame))
	}
	frame, err := s.r.Peek(spec.LengthHeader + n)
	if err != nil {
		return readError(err, len(frame), spec.LengthHeader+n)
	}
	if err := s.h.cfg.Codec.Unpack(frame[spec.LengthHeader:], &s.in); err != nil {
		err = s.refuse(refusedFormat, n, err)
		_, _ = s.r.Discard(spec.LengthHeader + n)
		return err
	}
	_, _ = s.r.Discard(spec.LengthHeader + n) // s.in is a copy
	s.bad = 0
	s.l.m.received.Inc()
	s.receive(&s.in)
	return nil
}

func readError(err error, got, want int) error {
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading: %w", err)
	}
	if got == 0 {
		return errors.New("the host closed the connection")
	}
	return fmt.Errorf("the host closed the connection in the middle of a frame, after %d of %d bytes", got, want)
}

// refuse counts and logs a frame that is no message. why carries no value of any field (I12).
func (s *session) refuse(reason string, length int, why error) error {
	s.l.m.malformed[reason].Inc()
	s.h.mu.Lock()
	log, unlogged := s.h.refuse.take(time.Now())
	s.h.mu.Unlock()
	if log {
		s.l.log.Warn("frame refused", zap.String("reason", reason), zap.Int("length", length), zap.Error(why), zap.Int(
			"unlogged", unlogged,
		))
		if s.h.cfg.OnMalformed != nil {
			s.h.notify(event{malformed: &Malformed{
				Host: s.h.cfg.Host, Link: s.l.name, At: s.h.cfg.Clock.Now(), Bytes: length, Why: fmt.Sprintf("%s: %v", reason, why),
			}})
		}
	}
	if s.bad++; s.bad >= refusedInARow {
		return fmt.Errorf("framing is lost: %d frames refused in a row", s.bad)
	}
	return nil
}

// receive handles one message.
func (s *session) receive(msg *spec.Message) {
	if isRequest(msg) {
		s.serve(msg)
		return
	}
	h := s.h
	stan, _ := msg.Uint(deSTAN) // 0, which no request has, if there is none
	now := time.Now()
	h.mu.Lock()
	s.heard = now
	p := h.pending[uint32(min(stan, 1<<32-1))]
	if p == nil || p.s != s || p.want.differs(msg) != deNone {
		l := h.classify(s, msg, p, now)
		wrong := p != nil && p.s == s && misread(p.want.differs(msg))
		if wrong {
			h.giveUp(p)
			p.err = &MisreadError{DE: l.Differs, Code: msg.String(deResponseCode)}
		}
		h.mu.Unlock()
		h.stray(s.l, &l, msg)
		if wrong {
			h.tell(p, nil, &s.told)
		}
		return
	}
	odd := h.oddity(p, msg, now)
	trip := now.Sub(p.sent)
	h.answered.put(&p.want)
	if p.slot {
		h.trip.add(trip, now)
		h.usual.add(trip, now)
		h.adapt(s, p.sent, trip >= h.usual.slow(h.cfg.SlowAfter), now)
	}
	if p.slot {
		p.s.served = true
	}
	h.retire(p)
	h.mu.Unlock()

	if odd.de != deNone {
		s.l.tellOdd(&odd, msg)
	}
	h.tell(p, msg, &s.told)
	s.l.m.roundTrip.Observe(trip.Seconds())
}

// flushTold lets those go on whose answers stood in what was read.
func (s *session) flushTold() {
	for _, f := range s.told {
		f.Flush()
	}
	s.told = s.told[:0]
}

// wholeFrame tells whether another frame was read already.
func (s *session) wholeFrame() bool {
	n := s.r.Buffered()
	if n < spec.LengthHeader {
		return false
	}
	head, _ := s.r.Peek(spec.LengthHeader) // of what is buffered: nothing is read
	return n >= spec.LengthHeader+int(binary.BigEndian.Uint16(head))
}
