package issuersim

import (
	"switchyard/spec"
)

// echoed are the elements that an answer repeats from its request, where they stand there.
var echoed = [...]int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49}

// answer writes the response to a request or advice: no DE2, what the request said of itself, and the outcome.
func answer(resp, req *spec.Message, c string) {
	resp.Reset()
	resp.SetMTI(responseMTI(req.MTIBytes()))
	for _, de := range echoed {
		if v := req.Bytes(de); v != nil {
			resp.SetBytes(de, v)
		}
	}
	resp.Set(39, c)
}

// answerFinancial writes the response to a request that the issuer worked on.
func (w *worker) answerFinancial(r *request, out *outcome) {
	answer(&w.resp, &w.req, out.code.text())
	if out.code.is(codePartial) {
		w.resp.SetUint(4, uint64(out.amount), 12)
		w.resp.SetBytes(54, w.appendOriginalAmount(w.scratch[:0], r))
	}
	if r.class != classAuthorization && r.class != classFinancial {
		return
	}
	if out.authCode != [6]byte{} {
		w.resp.SetBytes(38, out.authCode[:])
	}
	if data := appendResults(w.scratch[:0], r, out); len(data) > 0 {
		w.resp.SetBytes(48, data)
	}
}

// appendOriginalAmount appends what was asked for, in DE54: account type 00, amount type 57, currency, D, amount.
func (w *worker) appendOriginalAmount(b []byte, r *request) []byte {
	b = append(b, "0057"...)
	b = append(b, w.req.Bytes(49)...)
	b = append(b, 'D')
	return append(b, w.req.Bytes(4)...)
}

// appendResults appends DE48: the network's id of an approved request, and what checking the address and the CVC gave.
func appendResults(b []byte, r *request, out *outcome) []byte {
	if out.network != [15]byte{} {
		b = append(b, spec.TagNetworkID+"15"...)
		b = append(b, out.network[:]...)
	}
	switch r.address {
	case avsMatch:
		b = append(b, spec.TagAVSResult+"01Y"...)
	case avsMismatch:
		b = append(b, spec.TagAVSResult+"01N"...)
	}
	switch r.cvc {
	case cvcRight:
		b = append(b, spec.TagCVCResult+"01M"...)
	case cvcWrong:
		b = append(b, spec.TagCVCResult+"01N"...)
	}
	return b
}

// responses are the MTIs of the answers, by the second and third digit of what they answer: requests end in 10, advices
// in 30, whether first sent or repeated.
var responses = func() (t [10][2]string) {
	for c := range t {
		t[c] = [2]string{"0" + string(rune('0'+c)) + "10", "0" + string(rune('0'+c)) + "30"}
	}
	return t
}()

// responseMTI is the MTI that answers a request or advice.
func responseMTI(mti []byte) string {
	if mti[2] == '2' {
		return responses[mti[1]-'0'][1]
	}
	return responses[mti[1]-'0'][0]
}

// answerable tells whether an MTI is that of a request or advice of version 1987, which gets an answer.
func answerable(mti []byte) bool {
	return len(mti) == 4 && mti[0] == '0' && (mti[2] == '0' || mti[2] == '2')
}
