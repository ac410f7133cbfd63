package server

import (
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// worker turns frames into answers. Each connection has one, so that its memory is used again.
type worker struct {
	server  *Server
	peer    string // the connection's other end, for the log
	req     spec.Message
	resp    spec.Message
	request message.Request
	out     book.Outcome
	scratch [256]byte

	unanswered atomic.Int32 // announcements of a cutover
}

// handle works on one frame. If answered, the answer is in w.resp and how it is treated in v; position is how far the
// data log must be written before the answer is.
func (w *worker) handle(frame []byte, now time.Time) (v rules.Verdict, position int64, answered bool) {
	s := w.server
	if err := s.codec.Unpack(frame, &w.req); err != nil {
		w.bad(badMessage, err)
		return rules.Verdict{}, 0, w.formatError(frame, err)
	}
	mti := w.req.MTIBytes()
	if !message.Answerable(mti) {
		if w.answersCutover() {
			return rules.Verdict{}, 0, false
		}
		w.bad(badResponse, &spec.FieldError{DE: 0, Offset: 0, Want: "a request or advice, not " + w.req.MTI()})
		return rules.Verdict{}, 0, false
	}
	switch {
	case message.ClassOf(mti) != message.ClassNone:
		return w.financial(now)
	case mti[1] == '8':
		return w.network(now)
	case mti[1] == '5':
		return w.reconciliation(now)
	}
	w.bad(badType, &spec.FieldError{DE: 0, Offset: 0, Want: "01xx, 02xx, 04xx, 05xx or 08xx, not " + w.req.MTI()})
	w.simple(message.CodeInvalid)
	return rules.Verdict{}, 0, true
}

// simple answers with a code and nothing else.
func (w *worker) simple(c string) {
	answer(&w.resp, &w.req, c)
	w.server.metrics.count(w.req.MTIBytes(), message.CodeOf(c))
}

func (w *worker) financial(now time.Time) (v rules.Verdict, position int64, answered bool) {
	s := w.server
	if err := w.request.Parse(&w.req); err != nil {
		w.bad(badField, err)
		w.simple(message.CodeFormat)
		return rules.Verdict{}, 0, true
	}
	misread := s.rules.Load().Misread(&w.request, s.book.Seed(), now)
	if misread != rules.FaultNone {
		w.request.Card = w.request.Card.Neighbour()
		s.metrics.faults.WithLabelValues(misread).Inc()
	}
	position = s.book.Process(&w.request, &w.out, now)
	if w.out.Repeat {
		s.metrics.repeats.Inc()
	}
	if w.out.Why != "" && s.logs.allow() {
		s.logger.Warn("reversal refused", zap.String("peer", w.peer), zap.String("mti", w.request.MTI),
			zap.String("rrn", string(message.TrimBlanks(w.request.RRN[:]))), zap.String("response_code", w.out.Code.Text()),
			zap.String("why", w.out.Why))
	}
	if w.out.Conduct == book.ConductSilent || w.out.Conduct == book.ConductDeaf {
		s.metrics.unanswered.Inc()
		return rules.Verdict{}, position, false
	}
	w.answerFinancial(&w.request, &w.out)
	if misread == rules.FaultMisread {
		w.resp.Set(2, w.request.Card.Text())
	}
	s.metrics.count(w.req.MTIBytes(), w.out.Code)
	return w.out.Verdict, position, true
}

// network answers sign-on, sign-off, echo and cutover (DE70): all are well unless a rule says otherwise.
func (w *worker) network(now time.Time) (v rules.Verdict, position int64, answered bool) {
	c := message.CodeApproved
	if rules := w.server.rules.Load(); rules.Any() {
		w.request = message.Request{}
		if err := w.request.ParseIdentity(&w.req); err == nil {
			v = rules.JudgeNetwork(&w.request, &w.req, w.server.book.Seed(), now)
		}
		if v.Code != (message.Code{}) {
			c = v.Code.Text()
		}
	}
	w.simple(c)
	if network := w.req.Bytes(70); network != nil {
		w.resp.SetBytes(70, network)
	}
	return v, 0, true
}

// formatError answers a message that does not parse with 30 if its MTI and STAN stand before what is wrong.
func (w *worker) formatError(frame []byte, err error) bool {
	var field *spec.FieldError
	if !errors.As(err, &field) || !w.server.salvage(frame, field, &w.req) {
		return false
	}
	if mti := w.req.MTIBytes(); !message.Answerable(mti) || !w.req.Has(11) {
		return false
	}
	w.simple(message.CodeFormat)
	return true
}

// bad counts a frame that is not worked on and logs what was wrong with it, which names fields and no values.
func (w *worker) bad(reason string, err error) {
	w.server.metrics.badFrames.WithLabelValues(reason).Inc()
	if w.server.logs.allow() {
		w.server.logger.Warn("bad frame", zap.String("peer", w.peer), zap.String("reason", reason), zap.Error(err))
	}
}
