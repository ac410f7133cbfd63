package server

import (
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
	"switchyard/spec/guess"
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

	understood bool         // a message came that could be read
	likened    bool         // it was logged what something that came looks like
	signedOn   bool         // the peer has, and has not signed off since
	raw        []byte       // the frame that is worked on
	came       []byte       // it and what came behind it
	returned   []byte       // its message goes back as this, instead of an answer
	unanswered atomic.Int32 // announcements of a cutover
}

// handle works on one message. If answered, the answer is in w.resp and how it is treated in v; position is how far the
// data log must be written before the answer is. A message that goes back as it came, nearly, stands in w.returned.
func (w *worker) handle(data []byte, now time.Time) (v rules.Verdict, position int64, answered bool) {
	s := w.server
	w.returned = nil
	if err := s.codec.Unpack(data, &w.req); err != nil {
		w.bad(badMessage, err, w.raw)
		return rules.Verdict{}, 0, w.formatError(data)
	}
	if err := s.mapping.Receive(&w.req); err != nil {
		w.bad(badField, err, nil)
		return rules.Verdict{}, 0, w.refuseFormat()
	}
	mti := w.req.MTIBytes()
	if !message.Answerable(mti) {
		if w.answersCutover() {
			return rules.Verdict{}, 0, false
		}
		w.bad(badResponse, &spec.FieldError{DE: 0, Offset: 0, Want: "a request or advice, not " + w.req.MTI()}, w.misread())
		return rules.Verdict{}, 0, false
	}
	w.understood = true
	if w.refused() {
		return rules.Verdict{}, 0, true
	}
	switch {
	case message.ClassOf(mti) != message.ClassNone:
		return w.financial(now)
	case mti[1] == '8':
		return w.network(now)
	case mti[1] == '5':
		return w.reconciliation(now)
	}
	want := &spec.FieldError{DE: 0, Offset: 0, Want: "01xx, 02xx, 04xx, 05xx or 08xx, not " + w.req.MTI()}
	w.bad(badType, want, w.misread())
	w.simple(message.CodeInvalid)
	return rules.Verdict{}, 0, true
}

// misread is what came, if what was read of it is hardly a message: no MTI that there is begins it.
func (w *worker) misread() []byte {
	if spec.MTIName(w.req.MTI()) != "message" {
		return nil
	}
	return w.came
}

// simple answers with a code and nothing else.
func (w *worker) simple(c string) {
	w.answer(c)
	w.server.metrics.count(w.req.MTIBytes(), message.CodeOf(c))
}

func (w *worker) financial(now time.Time) (v rules.Verdict, position int64, answered bool) {
	s := w.server
	if err := w.request.Parse(&w.req); err != nil {
		w.bad(badField, err, nil)
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
	if w.out.Why != "" {
		w.logRefusal()
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

// logRefusal logs why a reversal was refused.
func (w *worker) logRefusal() {
	s := w.server
	if logged, _ := s.logs.allow(); !logged {
		return
	}
	s.logger.Warn("reversal refused", zap.String("peer", w.peer), zap.String("mti", w.request.MTI),
		zap.String("rrn", string(message.TrimBlanks(w.request.RRN[:]))), zap.String("response_code", w.out.Code.Text()),
		zap.String("why", w.out.Why))
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
	if network := w.req.Bytes(deNetwork); network != nil {
		if w.server.repeats.network {
			w.resp.SetBytes(deNetwork, network)
		}
		w.sign(string(network), c)
	}
	return v, 0, true
}

// formatError answers a message that does not parse with 30, if its MTI and STAN stand before what is wrong; false if
// not. Where no more than the MTI can be read the message goes back with 9 for its version.
func (w *worker) formatError(data []byte) bool {
	_, err := w.server.codec.Walk(data, &w.req)
	_ = w.server.mapping.Receive(&w.req) // of what could be read: its type and identity at least, if it is known at all
	if err == nil || !message.Answerable(w.req.MTIBytes()) {
		return false
	}
	if w.refuseFormat() {
		return true
	}
	w.returned = slices.Clone(data)
	message.Reject(w.returned)
	return false
}

// refuseFormat answers a request with 30 if its MTI and STAN are known.
func (w *worker) refuseFormat() bool {
	if !message.Answerable(w.req.MTIBytes()) || !w.req.Has(11) {
		return false
	}
	w.simple(message.CodeFormat)
	return true
}

// bad counts a frame that is not worked on and logs what was wrong with it, which names fields and no values. data is
// what could not be read, if the log is to say what it looks like.
func (w *worker) bad(reason string, err error, data []byte) {
	w.server.metrics.badFrames.WithLabelValues(reason).Inc()
	allowed, unlogged := w.server.logs.allow()
	if !allowed {
		return
	}
	fields := []zap.Field{
		zap.String("peer", w.peer), zap.String("reason", reason), zap.Error(err), zap.Int64("unlogged", unlogged),
	}
	if data != nil {
		looks := guess.Say(data, guess.Options{Framing: w.server.framing.String(), Codec: w.server.codec})
		if looks != "" { // else it looks as is configured
			fields = append(fields, zap.String("looks", looks))
		}
		w.likened = true
	}
	w.server.logger.Warn("bad frame", fields...)
}
