package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// Widths of what is cut and put in.
const (
	headerBytes   = spec.LengthHeader
	maxID         = 16
	amountDigits  = 12
	stanDigits    = 6
	rrnDigits     = 12
	de7Digits     = 10
	authCodeBytes = 6
	networkBytes  = 15
	minCard       = 12
	maxCard       = 19
)

// What stands in the templates where values are put in: each is found once in its text.
const (
	markID      = "ID#"
	markAmount  = 777_777_777_777
	markSTAN    = "888888"
	markRRN     = "RRN#RRN#RRN#"
	markDE7     = "1231235959"
	markAuth    = "AUTH##"
	markNetwork = "NETWORK#NETWORK"
)

// texts are the ready frames and lines. They are packed by the switch's own codec and encoder, so that they have the
// elements, the members and the lengths that the switch's have.
type texts struct {
	frames [maxCard + 1]frameText // by the length of the card number

	// Where values stand in a 0110 that approves, with its header.
	answerBytes, answerSTAN, answerCode, answerAuthCode, answerNetwork int

	approved, declined []piece
}

// frameText is a 0100 and where its values stand.
type frameText struct {
	frame                        []byte
	card, amount, de7, stan, rrn int
}

// value names what follows a piece of a line.
type value int

const (
	valueNone value = iota
	valueID
	valueAmount
	valueSTAN
	valueRRN
	valueAuthCode
	valueNetwork
)

// piece is a part of an answer's line, and the value that stands behind it.
type piece struct {
	text string
	then value
}

func newTexts() (*texts, error) {
	codec := spec.MustCodec(spec.DefaultDialect)
	t := &texts{}
	for n := minCard; n <= maxCard; n++ {
		card := bytes.Repeat([]byte{'9'}, n)
		frame, err := codec.PackFrame(nil, requestOf(string(card)))
		if err != nil {
			return nil, err
		}
		t.frames[n] = frameText{
			frame: frame, card: bytes.Index(frame, card), amount: bytes.Index(frame, strconv.AppendInt(nil, markAmount, 10)),
			de7: bytes.Index(frame, []byte(markDE7)), stan: bytes.Index(frame, []byte(markSTAN)),
			rrn: bytes.Index(frame, []byte(markRRN)),
		}
	}
	answer, err := codec.PackFrame(nil, responseOf())
	if err != nil {
		return nil, err
	}
	t.answerBytes = len(answer)
	t.answerSTAN, t.answerAuthCode = bytes.Index(answer, []byte(markSTAN)), bytes.Index(answer, []byte(markAuth))
	t.answerCode = t.answerAuthCode + authCodeBytes // DE39 stands behind DE38
	t.answerNetwork = bytes.Index(answer, []byte(markNetwork))
	t.approved, t.declined = cutText(wire.AppendAnswer(nil, approval())), cutText(wire.AppendAnswer(nil, decline()))
	return t, nil
}

// requestOf is the 0100 that the switch makes of an authorization of switchctl load.
func requestOf(card string) *spec.Message {
	m := &spec.Message{}
	m.SetMTI("0100")
	m.Set(2, card)
	m.Set(3, "000000")
	m.SetUint(4, markAmount, amountDigits)
	m.Set(7, markDE7)
	m.Set(11, markSTAN)
	m.Set(12, "202501")
	m.Set(13, "1121")
	m.Set(14, "9912")
	m.Set(18, "5999")
	m.Set(22, "810")
	m.Set(25, "59")
	m.Set(32, "400001")
	m.Set(37, markRRN)
	m.Set(41, "LOAD1000")
	m.Set(42, "LOAD00000000001")
	m.Set(43, `LOAD00000000001\1 Nowhere\Nowhere\`)
	m.SetBytes(48, spec.AppendTLV(spec.AppendTLV(nil, spec.TagInitiator, "C"), spec.TagCVC, "123"))
	m.Set(49, "978")
	return m
}

// responseOf is the 0110 by which issuer-sim approves it.
func responseOf() *spec.Message {
	m := &spec.Message{}
	m.SetMTI("0110")
	m.Set(3, "000000")
	m.SetUint(4, markAmount, amountDigits)
	m.Set(7, markDE7)
	m.Set(11, markSTAN)
	m.Set(12, "202501")
	m.Set(13, "1121")
	m.Set(32, "400001")
	m.Set(37, markRRN)
	m.Set(38, markAuth)
	m.Set(39, "00")
	m.Set(41, "LOAD1000")
	m.Set(42, "LOAD00000000001")
	m.SetBytes(48, spec.AppendTLV(spec.AppendTLV(nil, spec.TagNetworkID, markNetwork), spec.TagCVCResult, "M"))
	m.Set(49, "978")
	return m
}

// approval is the switch's answer to an authorization that was approved, decline to one that was not.
func approval() *api.Answer {
	return &api.Answer{
		ID: markID, Op: api.OpAuthorize, Payment: "P" + markRRN[1:], Status: api.StatusAuthorized, Approved: true,
		ResponseCode: "00", Reason: "approved", AuthCode: markAuth, RRN: markRRN, STAN: markSTAN, NetworkID: markNetwork,
		CVCResult: "M", Amount: markAmount, Currency: "EUR", Authorized: markAmount, Capturable: markAmount,
		Created: time.Date(2026, 11, 21, 20, 25, 1, 123_456_789, time.UTC),
	}
}

func decline() *api.Answer {
	return &api.Answer{
		ID: markID, Op: api.OpAuthorize, Payment: "P" + markRRN[1:], Status: api.StatusDeclined, ResponseCode: "05",
		Reason: "do not honor", RRN: markRRN, STAN: markSTAN, Amount: markAmount, Currency: "EUR",
		Created: time.Date(2026, 11, 21, 20, 25, 1, 123_456_789, time.UTC),
	}
}

// cutText cuts a line where values stand in it. The payment's id is that of the template: nobody asks for it again.
func cutText(line []byte) (pieces []piece) {
	text := string(line) + "\n"
	marks := []struct {
		mark string
		then value
	}{
		{markID, valueID}, {strconv.Itoa(markAmount), valueAmount}, {markSTAN, valueSTAN}, {markRRN, valueRRN},
		{markAuth, valueAuthCode}, {markNetwork, valueNetwork},
	}
	for {
		first, at, width := valueNone, len(text), 0
		for _, m := range marks {
			if i := bytes.Index([]byte(text), []byte(m.mark)); i >= 0 && i < at {
				first, at, width = m.then, i, len(m.mark)
			}
		}
		pieces = append(pieces, piece{text[:at], first})
		if first == valueNone {
			return pieces
		}
		text = text[at+width:]
	}
}

// appendFrame appends the 0100 of a request.
func (t *texts) appendFrame(b []byte, q *request, p *payment, de7 *[de7Digits]byte) ([]byte, error) {
	if len(q.card) < minCard || len(q.card) > maxCard {
		return b, fmt.Errorf("line: a card number of %d digits, expected %d to %d", len(q.card), minCard, maxCard)
	}
	f := &t.frames[len(q.card)]
	start := len(b)
	b = append(b, f.frame...)
	frame := b[start:]
	copy(frame[f.card:], q.card)
	amount := frame[f.amount : f.amount+amountDigits]
	copy(amount, "000000000000")
	copy(amount[amountDigits-len(q.amount):], q.amount)
	copy(frame[f.de7:], de7[:])
	copy(frame[f.stan:], p.stan[:])
	copy(frame[f.rrn:], p.rrn[:])
	return b, nil
}

// appendAnswer appends the line that answers a payment.
func (t *texts) appendAnswer(b []byte, p *payment, a *response) []byte {
	pieces := t.approved
	if !a.approved {
		pieces = t.declined
	}
	for i := range pieces {
		b = append(b, pieces[i].text...)
		switch pieces[i].then {
		case valueID:
			b = append(b, p.id[:p.idBytes]...)
		case valueAmount:
			b = append(b, p.amount[:p.amountBytes]...)
		case valueSTAN:
			b = append(b, p.stan[:]...)
		case valueRRN:
			b = append(b, p.rrn[:]...)
		case valueAuthCode:
			b = append(b, a.authCode[:]...)
		case valueNetwork:
			b = append(b, a.network[:]...)
		case valueNone:
		}
	}
	return b
}

// putDigits writes a number over b, with zeros before it.
func putDigits(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
}
