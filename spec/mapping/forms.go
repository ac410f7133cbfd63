package mapping

import (
	"bytes"

	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Forms of DE43 and DE90 within canonical messages.

// forms gives DE43 and DE90 of a request the forms that the peer wants.
func (m *Mapping) forms(msg *spec.Message) {
	switch {
	case m.noAcceptor:
		msg.Unset(deAcceptor)
	case m.subfields:
		splitAcceptor(msg)
	}
	if m.noOriginal && mutant.On(mutant.CaptureAsNew) {
		msg.Unset(deOriginal)
	}
	if b := msg.Bytes(deOriginal); m.shortOriginal && len(b) == originalDigits {
		var short [originalDigits]byte
		for n := copy(short[:], b[:shortDigits]); n < len(short); n++ {
			short[n] = '0'
		}
		msg.SetBytes(deOriginal, short[:])
	}
}

// leftAway takes out of a message of the peer's what it is not sent. It comes last: what else a message of 1993 says
// hangs on it.
func (m *Mapping) leftAway(msg *spec.Message) {
	if m.noPrivate {
		msg.Unset(dePrivate)
	}
	switch {
	case m.noOriginal && m.iso1993:
		msg.Unset(deOriginal93)
	case m.noOriginal:
		msg.Unset(deOriginal)
	}
}

// DE43 of canonical messages: so many characters of name, city and country; and what stands between them where they are
// subfields.
const (
	nameEnd     = 25
	cityEnd     = 38
	countryEnd  = 40
	acceptorCut = '\\'
)

// splitAcceptor makes name\city\country of the fixed form.
func splitAcceptor(msg *spec.Message) {
	b := msg.Bytes(deAcceptor)
	if len(b) <= cityEnd || len(b) > countryEnd {
		return // not of ours
	}
	var room [countryEnd + 2]byte
	out := append(room[:0], bytes.TrimRight(b[:nameEnd], " ")...)
	out = append(append(out, acceptorCut), bytes.TrimRight(b[nameEnd:cityEnd], " ")...)
	out = append(append(out, acceptorCut), b[cityEnd:]...)
	msg.SetBytes(deAcceptor, out)
}

// joinAcceptor makes the fixed form of name\city\country; what is none of that stays.
func joinAcceptor(msg *spec.Message) {
	parts := msg.Bytes(deAcceptor)
	last := bytes.LastIndexByte(parts, acceptorCut)
	if last < 0 {
		return
	}
	middle := bytes.LastIndexByte(parts[:last], acceptorCut)
	if middle < 0 || middle > nameEnd || last-middle-1 > cityEnd-nameEnd || len(parts)-last-1 > countryEnd-cityEnd {
		return
	}
	var room [countryEnd]byte
	for i := range room {
		room[i] = ' '
	}
	copy(room[:nameEnd], parts[:middle])
	copy(room[nameEnd:cityEnd], parts[middle+1:last])
	n := cityEnd + copy(room[cityEnd:], parts[last+1:])
	msg.SetBytes(deAcceptor, room[:n])
}
