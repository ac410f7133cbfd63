package wire

import (
	"strconv"

	"switchyard/switch/api"
)

// hello is the operation by which a connection says who it is. It is no request: no flow serves it, so package api does
// not know it.
const hello = "hello"

// Bounds of a hello.
const (
	maxGateway = 64
	maxSecret  = 128
)

// Line is what a gateway may send: a request or, where Hello is set, who it is.
type Line struct {
	api.Request // of a hello: the id alone

	Hello   bool
	Gateway string
	Secret  string // never stored or logged

	given api.FieldSet // which of gateway and secret the line has, by their seen bits
}

// DecodeLine reads one line into l, whatever stood there before, as [DecodeRequest] reads one that cannot be a hello. A
// hello is also held against its form: nobody else knows it.
func DecodeLine(line []byte, l *Line) *api.Error {
	*l = Line{}
	d := requestDecoder{scanner: scanner{text: string(line)}, line: l}
	d.request(&l.Request)
	switch {
	case d.broken():
		*l = Line{}
		return d.noObject()
	case d.fault != nil:
		return d.fault
	case l.Hello:
		return l.checkHello()
	case l.given != 0:
		return l.checkNoHello()
	}
	return nil
}

// greeting reads a field of a hello into its place.
func (d *requestDecoder) greeting(name string, into *string, bit api.FieldSet) {
	var given bool
	if *into, given = d.text(name); given {
		d.line.given |= bit
	}
}

func (l *Line) checkHello() *api.Error {
	switch {
	case l.Present != 0:
		return api.NotTaken(l.Present.First().String(), hello)
	case l.given&seenGateway == 0:
		return api.NotGiven("gateway", hello)
	case l.given&seenSecret == 0:
		return api.NotGiven("secret", hello)
	}
	if fault := checkText("gateway", l.Gateway, maxGateway); fault != nil {
		return fault
	}
	return checkText("secret", l.Secret, maxSecret)
}

// checkNoHello refuses what only a hello takes in a request, unless [api.Request.Validate] has something to say that
// comes before it.
func (l *Line) checkNoHello() *api.Error {
	switch {
	case l.Op == api.OpNone || l.Surplus() != 0:
		return nil
	case l.given&seenGateway != 0:
		return api.NotTaken("gateway", l.Op.String())
	}
	return api.NotTaken("secret", l.Op.String())
}

func checkText(field, s string, limit int) *api.Error {
	switch {
	case s == "" || len(s) > limit:
		return api.FieldError(field, "expected 1 to "+strconv.Itoa(limit)+" characters")
	case !printable(s, limit):
		return api.FieldError(field, "expected printable ASCII")
	}
	return nil
}

// AppendHello writes a hello as one JSON object, without the LF.
func AppendHello(b []byte, id, gateway, secret string) []byte {
	b = append(b, '{')
	b = optional(b, `"id":`, id)
	b = member(b, `"op":`, hello)
	b = member(b, `"gateway":`, gateway)
	return append(member(b, `"secret":`, secret), '}')
}

// AppendHelloAnswer writes the answer to a hello as one JSON object, without the LF: gateway is the name under which
// the connection now is known, "" where no gateways are listed. A hello that is refused is answered with
// [AppendAnswer].
func AppendHelloAnswer(b []byte, id, gateway string) []byte {
	b = appendID(append(b, '{'), id)
	b = member(b, `"op":`, hello)
	return append(optional(b, `"gateway":`, gateway), '}')
}
