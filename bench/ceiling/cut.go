package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// request is what is cut out of a line; the slices are of the line.
type request struct {
	id, amount, card []byte
}

// errLine ends the relay at a line that is not one of switchctl load's.
var errLine = errors.New(`line: expected an authorization of switchctl load: "id", then "amount", then "number"`)

// cutLine takes the three values out of a line, which stand in this order.
func cutLine(line []byte) (q request, err error) {
	rest := line
	if q.id, rest = after(rest, `"id":"`, '"'); rest == nil || len(q.id) > maxID {
		return q, errLine
	}
	if q.amount, rest = after(rest, `"amount":`, ','); rest == nil || len(q.amount) > amountDigits {
		return q, errLine
	}
	if q.card, rest = after(rest, `"number":"`, '"'); rest == nil {
		return q, errLine
	}
	return q, nil
}

// after returns what stands between a name and the next end, and what follows; nil where there is none.
func after(b []byte, name string, end byte) (value, rest []byte) {
	at := bytes.Index(b, []byte(name))
	if at < 0 {
		return nil, nil
	}
	b = b[at+len(name):]
	n := bytes.IndexByte(b, end)
	if n < 0 {
		return nil, nil
	}
	return b[:n], b[n:]
}

// response is what is cut out of a 0110.
type response struct {
	stan     uint32
	approved bool
	authCode [authCodeBytes]byte
	network  [networkBytes]byte
}

// cutFrame takes the values of an approval from where they stand in the template; of any other answer only the STAN,
// which stands in the same place.
func (t *texts) cutFrame(frame []byte) (a response, err error) {
	if len(frame) < t.answerSTAN+stanDigits || string(frame[headerBytes:headerBytes+4]) != "0110" {
		return a, errors.New("frame: expected a 0110 of issuer-sim")
	}
	for _, c := range frame[t.answerSTAN : t.answerSTAN+stanDigits] {
		if c < '0' || c > '9' {
			return a, errors.New("frame: expected DE11 where it stands in every 0110 of issuer-sim")
		}
		a.stan = a.stan*10 + uint32(c-'0')
	}
	if len(frame) == t.answerBytes && string(frame[t.answerCode:t.answerCode+2]) == "00" {
		a.approved = true
		copy(a.authCode[:], frame[t.answerAuthCode:])
		copy(a.network[:], frame[t.answerNetwork:])
	}
	return a, nil
}

// cutWhole returns the first whole frame of b with its header, nil where there is none yet.
func cutWhole(b []byte) []byte {
	if len(b) < headerBytes {
		return nil
	}
	n := headerBytes + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil
	}
	return b[:n]
}

// noRoom is the error of a reader whose buffer is full without a whole line or frame in it.
func noRoom(what string, size int) error { return fmt.Errorf("%s: longer than %d bytes", what, size) }
