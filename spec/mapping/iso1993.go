package mapping

import (
	"time"

	"switchyard/spec"
)

// ISO 8583:1993 and 1987. Elements that both have alike are not touched.
//
// DE12 of a request is DE7 with the year: so DE56, which names an original by its DE12, can name it by what DE90 says
// of it, and nothing else is needed to tell the one from the other. An answer repeats it.

// types are the MTIs of both editions: reversals are advices in 1993, reconciliations too, and network management has
// the class 8, function 0 and origin 4.
var types = [...]struct{ ours, theirs string }{
	{"0100", "1100"}, {"0101", "1101"}, {"0110", "1110"}, {"0120", "1120"}, {"0121", "1121"}, {"0130", "1130"},
	{"0200", "1200"}, {"0201", "1201"}, {"0210", "1210"}, {"0220", "1220"}, {"0221", "1221"}, {"0230", "1230"},
	{"0420", "1420"}, {"0421", "1421"}, {"0430", "1430"}, {"0400", "1420"}, {"0401", "1421"}, {"0410", "1430"},
	{"0500", "1520"}, {"0520", "1520"}, {"0510", "1530"}, {"0530", "1530"},
	{"0800", "1804"}, {"0810", "1814"},
}

// functions are DE70 and the function codes (DE24) of network management.
var functions = [...]struct{ ours, theirs string }{
	{"001", "801"}, {"002", "802"}, {"201", "821"}, {"301", "831"},
}

// Function codes (DE24) of what the switch sends, and reasons (DE25).
const (
	functionAuthorize   = "100"
	functionVerify      = "108"
	functionFinancial   = "200"
	functionCapture     = "201"
	functionReverse     = "400"
	functionReversePart = "401"
	functionReconcile   = "500"
	reasonStandIn       = "1003"
)

// to1993 makes a message of 1993 of a canonical one.
func (m *Mapping) to1993(msg *spec.Message, at time.Time) error {
	var mti [4]byte
	copy(mti[:], msg.MTIBytes())
	theirs := typeOf(string(mti[:]))
	if theirs == "" {
		return refuse(0, "a message that ISO 8583:1993 has: 01xx, 02xx, 04xx, 05xx or 08xx")
	}
	class, request := mti[1], isRequest(mti[:])
	if class != '8' {
		if err := m.times93(msg, class, request, at); err != nil {
			return err
		}
	}
	if request && class != '8' {
		if err := m.request93(msg, mti[:]); err != nil {
			return err
		}
		if err := original93(msg, at); err != nil {
			return err
		}
	}
	if class == '8' {
		network93(msg)
	}
	code93(msg, class)
	if class == '5' {
		msg.Unset(deBalanced)
	}
	msg.SetMTI(theirs)
	return nil
}

// typeOf is the type of a message of 1993; "" if it has none.
func typeOf(ours string) string {
	for i := range types {
		if types[i].ours == ours {
			return types[i].theirs
		}
	}
	return ""
}

// times93 gives DE12, 13 and 15 their forms.
func (m *Mapping) times93(msg *spec.Message, class byte, request bool, at time.Time) error {
	if sent := msg.Bytes(deSent); request && msg.Has(deTime) && len(sent) == 10 {
		var room [10]byte
		copy(room[:], sent)
		msg.SetBytes(deDate, room[:4])
		msg.SetBytes(deTime, room[4:])
	}
	if err := m.dateTime(msg, at); err != nil {
		return err
	}
	to := deSettlement
	if class == '5' {
		to = deReconciliation93
	}
	return longDate(msg, deSettlement, to, at)
}

// request93 moves what a financial request has elsewhere in 1993.
func (m *Mapping) request93(msg *spec.Message, mti []byte) error {
	if mti[1] == '5' {
		msg.Set(deFunction93, functionReconcile)
		return nil
	}
	entry, condition := msg.Bytes(deEntry), msg.Bytes(deCondition)
	if condition != nil {
		code := codeOf(entry, condition)
		if code == "" {
			return refuse(deEntry, "an entry mode and condition that has a form of twelve characters")
		}
		msg.Unset(deCondition)
		msg.Set(deEntry, code)
	}
	var room [24]byte
	if n := copy(room[:], msg.Bytes(deCategory)); n > 0 {
		msg.Unset(deCategory)
		msg.SetBytes(deCategory93, room[:n])
	}
	if reason, ok := spec.FindTLV(msg.Bytes(dePrivate), spec.TagReversalReason); ok && len(reason) == 4 {
		copy(room[:], reason)
		msg.SetBytes(deReason93, room[:4])
	} else if mti[1] == '1' && mti[2] == '2' {
		msg.Set(deReason93, reasonStandIn)
	}
	function := functionOf(msg, mti)
	if stays := msg.Bytes(deReplaced); mti[1] == '4' && len(stays) == originalDigits {
		// In a reversal of a part DE4 is what stays, and DE30 what there was.
		for n := copy(room[:], msg.Bytes(deAmount)); n < len(room); n++ {
			room[n] = '0'
		}
		msg.SetBytes(deAmount, stays[:12])
		msg.Unset(deReplaced)
		msg.SetBytes(deAmounts93, room[:])
	}
	msg.Set(deFunction93, function)
	return nil
}

// functionOf is DE24 of a financial request.
func functionOf(msg *spec.Message, mti []byte) string {
	switch amount, _ := msg.Uint(deAmount); {
	case mti[1] == '1' && amount == 0:
		return functionVerify
	case mti[1] == '1':
		return functionAuthorize
	case mti[1] == '4' && msg.Has(deReplaced):
		return functionReversePart
	case mti[1] == '4':
		return functionReverse
	case mti[2] == '2' && msg.Has(deOriginal):
		return functionCapture
	}
	return functionFinancial
}

// network93 makes DE24 of DE70; a code that the table does not have stays as it is.
func network93(msg *spec.Message) {
	var room [3]byte
	n := copy(room[:], msg.Bytes(deNetwork))
	if n == 0 {
		return
	}
	msg.Unset(deNetwork)
	for i := range functions {
		if functions[i].ours == string(room[:n]) {
			msg.Set(deFunction93, functions[i].theirs)
			return
		}
	}
	msg.SetBytes(deFunction93, room[:n])
}

// from1993 makes a canonical message of one of 1993.
func (m *Mapping) from1993(msg *spec.Message) error {
	ours := ""
	for i := range types {
		if types[i].theirs == string(msg.MTIBytes()) {
			ours = types[i].ours
			break
		}
	}
	if ours == "" && msg.MTIBytes()[0] == '1' {
		return nil // none of ours, and like none of them, for its version; what it is to who reads it, it says itself
	}
	if ours == "" {
		return refuse(0, "a message of ISO 8583:1993: 1xxx")
	}
	class, request := ours[1], isRequest([]byte(ours))
	msg.SetMTI(ours)
	if class == '8' {
		network87(msg)
		m.code87(msg, class, false)
		return nil
	}
	m.undates(msg)
	if class == '5' {
		shortDate(msg, deReconciliation93, deSettlement)
	}
	if err := original87(msg); err != nil && request {
		return err
	}
	msg.Unset(deOriginal93) // of an answer, for which nobody reads it
	if class != '5' {
		request87(msg, class, request)
	}
	msg.Unset(deFunction93)
	m.code87(msg, class, ours[2] == '3')
	return nil
}

// request87 moves back what request93 moved.
func request87(msg *spec.Message, class byte, request bool) {
	var room [originalDigits]byte
	if n := copy(room[:], msg.Bytes(deCategory93)); n > 0 {
		msg.Unset(deCategory93)
		msg.SetBytes(deCategory, room[:n])
	}
	reason := room[:copy(room[:], msg.Bytes(deReason93))]
	msg.Unset(deReason93)
	if class == '4' && request && len(reason) == 4 {
		addReason(msg, reason)
	}
	if code := msg.Bytes(deEntry); len(code) == codeEntry {
		entry, condition := entryOf(code)
		msg.Unset(deEntry)
		if entry != "" {
			msg.Set(deEntry, entry)
		}
		msg.Set(deCondition, condition)
	}
	if amounts := msg.Bytes(deAmounts93); class == '4' && len(amounts) == 24 {
		for n := copy(room[:], msg.Bytes(deAmount)); n < len(room); n++ {
			room[n] = '0'
		}
		msg.SetBytes(deAmount, amounts[:12])
		msg.Unset(deAmounts93)
		msg.SetBytes(deReplaced, room[:])
	}
}

// addReason puts the reason of a reversal into DE48 where it does not stand there.
func addReason(msg *spec.Message, reason []byte) {
	private := msg.Bytes(dePrivate)
	if _, ok := spec.FindTLV(private, spec.TagReversalReason); ok || private != nil {
		return
	}
	var room [8]byte
	msg.SetBytes(dePrivate, append(append(room[:0], spec.TagReversalReason+"04"...), reason...))
}

// network87 makes DE70 of DE24.
func network87(msg *spec.Message) {
	var room [3]byte
	n := copy(room[:], msg.Bytes(deFunction93))
	if n == 0 {
		return
	}
	msg.Unset(deFunction93)
	for i := range functions {
		if functions[i].theirs == string(room[:n]) {
			msg.Set(deNetwork, functions[i].ours)
			return
		}
	}
	msg.SetBytes(deNetwork, room[:n])
}
