package issuersim

import (
	"slices"
	"time"

	"switchyard/spec"
)

// deliver sends the answer in l.worker.resp as the rules say: at once, which means with the batch, or later, or not as it
// should be. The data log must be written up to position before the answer is.
func (l *link) deliver(v *verdict, position int64, now time.Time) error {
	resp := &l.worker.resp
	turn := l.server.issuer.rules.Load().pacer.turn(now)
	if v.fault == faultNone && v.latency == 0 && l.swap == nil && !turn.After(now) {
		l.out = l.pack(l.out, resp)
		return nil
	}
	if v.fault != faultNone {
		l.server.metrics.faults.WithLabelValues(v.fault).Inc()
	}
	a := delayed{due: turn.Add(v.latency), position: position}
	switch v.fault {
	case faultNoAnswer:
		return nil
	case faultReset:
		l.reset()
		return errReset
	case faultPause:
		l.server.gate.pause(v.delay)
	case faultLate:
		a.due = a.due.Add(v.delay)
	case faultWrongSTAN:
		stan, _ := resp.Uint(11)
		resp.SetUint(11, (stan+1)%(maxSTAN+1), 6)
	case faultWrongAmount:
		if amount, ok := resp.Uint(4); ok {
			resp.SetUint(4, amount^1, 12)
		}
	case faultSwapped:
		if l.swap == nil {
			l.swap = &spec.Message{}
			l.swap.CopyFrom(resp)
			return nil
		}
	}
	if held := l.swap; held != nil {
		l.swap = nil
		exchange(held, resp)
		l.later.add(a.with(l.pack(nil, held)))
	}
	start := len(l.out)
	l.out = l.pack(l.out, resp)
	frame := l.out[start:]
	switch v.fault {
	case faultMalformed:
		spoil(frame)
	case faultCut:
		l.out = l.out[:start+len(frame)/2]
		return errCut
	case faultDuplicate:
		again := a.with(slices.Clone(frame))
		again.due = again.due.Add(v.delay)
		l.later.add(again)
	case faultUnsolicited:
		estrange(resp)
		l.later.add(a.with(l.pack(nil, resp)))
	case faultDrip:
		a.drip = v.delay
	}
	if a.drip > 0 || a.due.After(now) {
		if !l.later.add(a.with(slices.Clone(frame))) {
			return nil // too many wait: it goes with the batch
		}
		l.out = l.out[:start]
	}
	return nil
}

// exchange gives each of two answers the other's STAN and DE7, so that each seems to answer the other's request.
func exchange(a, b *spec.Message) {
	for _, de := range []int{7, 11} {
		of := a.String(de)
		a.SetBytes(de, b.Bytes(de))
		b.Set(de, of)
	}
}

// estrange makes an answer one to nothing that was asked.
func estrange(m *spec.Message) {
	stan, _ := m.Uint(11)
	m.SetUint(11, (stan+maxSTAN/2)%(maxSTAN+1), 6)
	if m.Has(37) {
		m.Set(37, "UNSOLICITED0")
	}
}

// spoil makes a frame's bitmap unreadable, or what stands in its place; the frame's length stays right.
func spoil(frame []byte) {
	for i := spec.LengthHeader + 4; i < min(len(frame), spec.LengthHeader+12); i++ {
		frame[i] = '?'
	}
}
