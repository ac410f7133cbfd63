package server

import (
	"slices"
	"time"

	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// deliver sends the answer in l.worker.resp as the rules say: at once, which means with the batch, or later, or not as
// it should be. The data log must be written up to position before the answer is.
func (l *link) deliver(v *rules.Verdict, position int64, now time.Time) error {
	resp := &l.worker.resp
	turn := l.server.rules.Load().Turn(now)
	if v.Fault == rules.FaultNone && v.Latency == 0 && l.swap == nil && !turn.After(now) {
		l.answers = l.pack(l.answers, resp, l.head)
		return nil
	}
	if v.Fault != rules.FaultNone {
		l.server.metrics.faults.WithLabelValues(v.Fault).Inc()
	}
	a := delayed{due: turn.Add(v.Latency), position: position}
	switch v.Fault {
	case rules.FaultNoAnswer:
		return nil
	case rules.FaultReset:
		l.reset()
		return errReset
	case rules.FaultPause:
		l.server.gate.pause(v.Delay)
	case rules.FaultLate:
		a.due = a.due.Add(v.Delay)
	case rules.FaultWrongSTAN:
		stan, _ := resp.Uint(11)
		resp.SetUint(11, (stan+1)%(message.MaxSTAN+1), 6)
	case rules.FaultWrongAmount:
		if amount, ok := resp.Uint(4); ok {
			resp.SetUint(4, amount^1, 12)
		}
	case rules.FaultWrongCard:
		if resp.MTIBytes()[1] < '5' { // a message about a card
			resp.Set(2, l.worker.request.Card.Neighbour().Text())
		}
	case rules.FaultWrongCode:
		if code := resp.String(3); len(code) > 2 {
			resp.Set(3, "31"+code[2:])
		}
	case rules.FaultSwapped:
		if l.swap == nil {
			l.swap = &held{head: slices.Clone(l.head)}
			l.swap.message.CopyFrom(resp)
			return nil
		}
	}
	if held := l.swap; held != nil {
		l.swap = nil
		exchange(&held.message, resp)
		l.later.add(a.with(l.pack(nil, &held.message, held.head)))
	}
	start := len(l.answers)
	l.answers = l.pack(l.answers, resp, l.head)
	frame := l.answers[start:]
	switch v.Fault {
	case rules.FaultMalformed:
		spoil(frame, len(l.server.framing.Begin(nil, l.head)))
	case rules.FaultCut:
		l.answers = l.answers[:start+len(frame)/2]
		return errCut
	case rules.FaultDuplicate:
		again := a.with(slices.Clone(frame))
		again.due = again.due.Add(v.Delay)
		l.later.add(again)
	case rules.FaultUnsolicited:
		estrange(resp)
		l.later.add(a.with(l.pack(nil, resp, l.head)))
	case rules.FaultDrip:
		a.drip = v.Delay
	}
	if a.drip > 0 || a.due.After(now) {
		if !l.later.add(a.with(slices.Clone(frame))) {
			return nil // too many wait: it goes with the batch
		}
		l.answers = l.answers[:start]
	}
	return nil
}

// exchange gives each of two answers the other's STAN and DE7, so that each seems to answer the other's request.
func exchange(a, b *spec.Message) {
	for _, de := range []int{7, 11} {
		if !a.Has(de) || !b.Has(de) {
			continue // of those that answers here do not repeat
		}
		of := a.String(de)
		a.SetBytes(de, b.Bytes(de))
		b.Set(de, of)
	}
}

// estrange makes an answer one to nothing that was asked.
func estrange(m *spec.Message) {
	stan, _ := m.Uint(11)
	m.SetUint(11, (stan+message.MaxSTAN/2)%(message.MaxSTAN+1), 6)
	if m.Has(37) {
		m.Set(37, "UNSOLICITED0")
	}
}

// spoil makes a frame's bitmap unreadable, or what stands in its place, where its message begins at an offset; the
// frame's length stays right.
func spoil(frame []byte, message int) {
	for i := message + 4; i < min(len(frame), message+12); i++ {
		frame[i] = '?'
	}
}
