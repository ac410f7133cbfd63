package server

import (
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/spec"
)

// answer writes the response to a request or advice: what it repeats of what the request said of itself, and the
// outcome.
func (w *worker) answer(c string) {
	w.resp.Reset()
	w.resp.SetMTI(message.ResponseMTI(w.req.MTIBytes()))
	for _, de := range w.server.repeats.elements {
		if v := w.req.Bytes(de); v != nil {
			w.resp.SetBytes(de, v)
		}
	}
	w.resp.Set(39, c)
}

// answerFinancial writes the response to a request that the issuer worked on.
func (w *worker) answerFinancial(r *message.Request, out *book.Outcome) {
	w.answer(out.Code.Text())
	says := &w.server.repeats
	if out.Code.Is(message.CodePartial) {
		if w.resp.Has(4) {
			w.resp.SetUint(4, uint64(out.Amount), 12)
		}
		if says.amounts {
			w.resp.SetBytes(54, w.appendOriginalAmount(w.scratch[:0], r))
		}
	}
	if r.Class != message.ClassAuthorization && r.Class != message.ClassFinancial {
		return
	}
	if out.AuthCode != [6]byte{} {
		w.resp.SetBytes(38, out.AuthCode[:])
	}
	if data := appendResults(w.scratch[:0], r, out); says.private && len(data) > 0 {
		w.resp.SetBytes(48, data)
	}
}

// appendOriginalAmount appends what was asked for, in DE54: account type 00, amount type 57, currency, D, amount.
func (w *worker) appendOriginalAmount(b []byte, r *message.Request) []byte {
	b = append(b, "0057"...)
	b = append(b, w.req.Bytes(49)...)
	b = append(b, 'D')
	return append(b, w.req.Bytes(4)...)
}

// appendResults appends DE48: the network's id of an approved request, and what checking the address and the CVC gave.
func appendResults(b []byte, r *message.Request, out *book.Outcome) []byte {
	if out.Network != [15]byte{} {
		b = append(b, spec.TagNetworkID+"15"...)
		b = append(b, out.Network[:]...)
	}
	switch r.Address {
	case message.AVSMatch:
		b = append(b, spec.TagAVSResult+"01Y"...)
	case message.AVSMismatch:
		b = append(b, spec.TagAVSResult+"01N"...)
	}
	switch r.CVC {
	case message.CVCRight:
		b = append(b, spec.TagCVCResult+"01M"...)
	case message.CVCWrong:
		b = append(b, spec.TagCVCResult+"01N"...)
	}
	return b
}
