package link

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"switchyard/spec"
	"switchyard/spec/framing"
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
	// refusedFraming: a length, header or trailer that is none.
	refusedFraming = "framing"
)

// cutFrame is why a frame is none that never came whole. It is no label: the end of its connection is counted.
const cutFrame = "cut"

// readFrame reads one frame and handles it. An error ends the session; a frame that is refused is none.
func (s *session) readFrame() error {
	frame, err := s.h.cfg.Framing.Peek(s.r, MaxFrame)
	if err != nil {
		return s.noFrame(err)
	}
	if err := s.h.unpack(frame.Message, &s.in); err != nil {
		s.keepStrange()
		err = s.refuse(refusedFormat, len(frame.Message), err)
		_, _ = s.r.Discard(frame.Size)
		return err
	}
	s.head = append(s.head[:0], frame.Head...)
	_, _ = s.r.Discard(frame.Size) // s.in is a copy
	s.bad, s.understood, s.strange = 0, true, nil
	s.l.m.received.Inc()
	s.receive(&s.in)
	return nil
}

// noFrame passes over what is no frame, if it is known where that ends.
func (s *session) noFrame(err error) error {
	var short *framing.CutShort
	if errors.As(err, &short) {
		s.keepStrange()
		s.tellCut(short)
		return readError(short.Err, short.Got, short.Want)
	}
	var refused *framing.Error
	if !errors.As(err, &refused) {
		return err
	}
	reason := refusedFraming
	switch refused.Reason {
	case framing.Empty:
		reason, err = refusedEmpty, nil
	case framing.TooLong:
		reason = refusedLong
	default:
	}
	if reason != refusedEmpty {
		s.keepStrange()
	}
	if refused.Size == 0 {
		_ = s.refuse(reason, refused.Length, err) // the next error is as final as any of its
		return fmt.Errorf("framing is lost: %w", err)
	}
	err = s.refuse(reason, refused.Length, err) // before its bytes are passed over: some of them may never come
	if got, err := s.r.Discard(refused.Size); err != nil {
		return readError(err, got, refused.Size)
	}
	return err
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
		if reason != refusedEmpty {
			why = s.likened(why)
		}
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

// tellCut reports a frame whose end never came: it may have been an answer, or the length in front of an answer may be
// none.
func (s *session) tellCut(short *framing.CutShort) {
	h := s.h
	if short.Got == 0 || h.cfg.OnMalformed == nil {
		return
	}
	now := time.Now()
	h.mu.Lock()
	silent := now.Sub(s.heard)
	tell, _ := h.refuse.take(now)
	h.mu.Unlock()
	if !tell {
		return
	}
	at := h.cfg.Clock.Now()
	why := fmt.Errorf("%s: %d of at least %d bytes came, in framing %s, before the connection ended",
		cutFrame, short.Got, short.Want, h.cfg.Framing)
	h.notify(event{malformed: &Malformed{
		Host: h.cfg.Host, Link: s.l.name, Since: at.Add(-silent), At: at, Bytes: short.Got,
		Why: s.likened(why).Error(),
	}})
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
	s.heard, s.unanswered = now, false
	p := h.pending[uint32(min(stan, 1<<32-1))]
	mine, differs := p != nil && p.s == s, deNone
	if mine {
		differs = p.want.differs(msg)
	}
	if !mine || differs != deNone {
		wrong := mine && misread(differs, msg)
		l := h.classify(msg, p, wrong, now)
		if wrong {
			h.giveUp(p)
			p.err = &MisreadError{DE: differs, Code: msg.String(deResponseCode)}
		}
		h.mu.Unlock()
		h.stray(s.l, &l, msg)
		if wrong {
			h.tell(p, nil, &s.told)
		}
		return
	}
	if p.slot && string(msg.Bytes(deResponseCode)) == codeInProgress { // no outcome: that may come yet
		l := h.inProgress(p, now)
		h.mu.Unlock()
		h.stray(s.l, &l, msg)
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
func (s *session) wholeFrame() bool { return s.h.cfg.Framing.Buffered(s.r, MaxFrame) }
