package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/spec"
)

// take takes a message that came, which came as another one where a mapping is between.
func (l *isoLane) take(m, came *spec.Message) {
	mti := m.MTIBytes()
	switch {
	case mti[1] == '8' && mti[2] == '0':
		l.answerNetwork(m)
	case mti[1] == '8':
		stan, _ := m.Uint(11)
		l.mu.Lock()
		answered := l.networks[stan]
		l.mu.Unlock()
		if answered == nil {
			l.stray(record.Unmatched, "network", "no network message with its STAN waits", came)
			return
		}
		select {
		case answered <- m.String(39):
		default: // it was answered already
		}
	case (mti[2]-'0')%2 == 0:
		l.stray(record.Unmatched, "request", "it asks and does not answer", came)
	default:
		l.answer(m, came)
	}
}

// answer ends the request that a message answers.
func (l *isoLane) answer(m, came *spec.Message) {
	t, now := l.target, time.Now()
	l.mu.Lock()
	var hash uint64
	hash, l.values = t.found(m, l.values)
	slot, there := l.index[hash]
	if !there {
		l.mu.Unlock()
		class, code, nearest := l.nobodys(hash)
		l.stray(class, code, nearest, came)
		return
	}
	s := &t.slots[slot]
	if de := l.differs(s, m); de >= 0 {
		s.near, s.nearCode = record.Unmatched, fieldCode(de)
		nearest := fmt.Sprintf("the request with its STAN and RRN, but for %s", named(de))
		l.mu.Unlock()
		l.stray(record.Unmatched, fieldCode(de), nearest, came)
		return
	}
	end := l.over(s)
	out := Outcome{At: now}
	if t.notes.Load().gaveUp(slot, now) {
		out.Class = record.NoAnswer
		l.mu.Unlock()
		l.stray(record.Late, "", lateMessage, came) // before the end, which may be the run's: its record is closed then
		t.traffic.after(&s.journey, &out)
		end(out)
		return
	}
	step := s.journey.at()
	out.Class, out.Code = verdictOf(step, m.Bytes(39), came.Bytes(39))
	if out.Class == record.Approved {
		s.approved(step, m)
		t.traffic.Recorded.approved(s.journey.n, m.Bytes(38))
	} else {
		t.notes.Load().Example(out.Class, out.Code, "", l.shown(came))
	}
	l.mu.Unlock()
	t.traffic.after(&s.journey, &out)
	end(out)
}

// approved keeps what later steps need of an approval.
func (s *isoSlot) approved(step Step, m *spec.Message) {
	j := &s.journey
	switch step {
	case StepIncrement:
		j.capturable += s.sent.amount
	case StepCapture:
		s.cleared = s.sent
		j.refundable += s.sent.amount
	case StepAuthorize, StepSale, StepRepeat:
		s.authCode = append(s.authCode[:0], m.Bytes(38)...)
		if granted, ok := m.Uint(4); ok && string(m.Bytes(39)) == partly {
			j.capturable, j.refundable = min(j.capturable, int64(granted)), min(j.refundable, int64(granted))
		}
	default: // nothing follows from them
	}
}

// partly is the response code of an approval of less than was asked for.
const partly = "10"

// verdictOf is what a response code of 1987 says of a step; theirs is how the host writes it, which is what people
// count it by. A text of it is made where it is no approval.
func verdictOf(step Step, code, theirs []byte) (record.Class, string) {
	approved := false
	switch string(code) {
	case "00", "08", partly, "11":
		approved = true
	case "85":
		approved = step == StepVerify
	}
	switch {
	case len(theirs) == 0:
		return record.Unmatched, "no DE39"
	case len(code) == 0:
		return record.Unmatched, "DE39 " + string(theirs) + " means nothing here"
	case approved && step == StepBad:
		return record.Unmatched, "a bad request was taken"
	case approved:
		return record.Approved, ""
	}
	return record.Declined, string(theirs)
}

// mtiElement stands for the MTI among elements.
const mtiElement = 0

// differs is the first element in which an answer that has a request's identity differs from it; -1 if it fits. The
// lock is held.
func (l *isoLane) differs(s *isoSlot, m *spec.Message) int {
	t, mti := l.target, [4]byte(m.MTIBytes())
	asked := s.mti
	asked[2]++
	if asked[3] == '1' && mti[3] == '0' {
		asked[3] = '0' // a repeat is answered as the request was
	}
	if mti != asked {
		return mtiElement
	}
	for i, de := range t.others {
		sent, came := s.values[len(t.identity)+i], l.values[len(t.identity)+i]
		if len(sent) == 0 || bytes.Equal(sent, came) {
			continue
		}
		if de == 4 && string(m.Bytes(39)) == partly && len(came) == len(sent) && bytes.Compare(came, sent) < 0 {
			continue // approved in part
		}
		return de
	}
	return -1
}

// element is the element of a place in the values of a request.
func (t *ISOTarget) element(i int) int {
	if i < len(t.identity) {
		return t.identity[i]
	}
	return t.others[i-len(t.identity)]
}

// fieldCode is what an element counts by, and named what people call it.
func fieldCode(de int) string {
	if de == mtiElement {
		return "MTI"
	}
	return fmt.Sprintf("DE%d", de)
}

func named(de int) string {
	if de == mtiElement {
		return "the MTI"
	}
	return fmt.Sprintf("DE%d (%s)", de, spec.FieldName(de))
}

// stray notes a message that is nobody's answer.
func (l *isoLane) stray(class record.Class, code, nearest string, m *spec.Message) {
	l.target.notes.Load().Stray(class, code, nearest, l.shown(m))
}

// shown is a message for people, card data masked.
func (l *isoLane) shown(m *spec.Message) func() string {
	return func() string { return spec.Describe(l.target.Codec, m) }
}

// unreadable notes a frame that cannot be read. Where enough of it could, the request that it answers is known to have
// had one. Errors of package spec hold no values.
func (l *isoLane) unreadable(message []byte, m *spec.Message, err error) {
	code := "frame"
	var fault *spec.FieldError
	if errors.As(err, &fault) {
		code = "message"
		if fault.DE > 0 {
			code = fieldCode(fault.DE)
		}
	}
	nearest := ""
	if message != nil {
		_, _ = l.target.Codec.Walk(message, m) // as far as it can be read: why no further is known
	}
	if message != nil && m.Has(11) {
		t := l.target
		l.mu.Lock()
		for k, slot := 0, l.number; slot < len(t.slots) && k < maxLooked; k, slot = k+1, slot+len(t.lanes) {
			s := &t.slots[slot]
			if stan, _ := m.Uint(11); s.end != nil && s.sent.stan == stan {
				s.near, s.nearCode = record.Unparsable, code
				nearest = "the request with its STAN"
			}
		}
		l.mu.Unlock()
	}
	l.target.notes.Load().Stray(record.Unparsable, code, nearest, func() string {
		if message == nil {
			return err.Error()
		}
		return err.Error() + ": " + outline(message, m)
	})
}

// outline is a message as far as it could be read, without values: where what is read begins in the wrong place nobody
// knows in which of them a card number stands.
func outline(message []byte, m *spec.Message) string {
	b := fmt.Appendf(nil, "%d bytes, as far as they can be read %q", len(message), m.MTI())
	for de := 2; de <= 128; de++ {
		if m.Has(de) {
			b = fmt.Appendf(b, " DE%d(%d)", de, len(m.Bytes(de)))
		}
	}
	return string(b)
}

// answerNetwork answers a host that signs on, or asks whether we live.
func (l *isoLane) answerNetwork(m *spec.Message) {
	m.SetMTI("0810")
	m.Set(39, "00")
	l.mu.Lock()
	err := l.err
	if err == nil {
		err = l.pack(m, time.Now())
	}
	l.mu.Unlock()
	if err == nil {
		l.signal()
	}
}

// echo asks again and again whether the host lives, and notes when it does not say so.
func (l *isoLane) echo(ended <-chan struct{}) {
	tick := time.NewTicker(l.target.Echo)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), l.target.Echo)
		_, err := l.network(ctx, echoTest)
		cancel()
		if errors.Is(err, errNoNetworkAnswer) {
			l.target.notes.Load().Stray(record.NoAnswer, "echo", "an echo test (0800, DE70 301)", err.Error)
		}
	}
}
