package log

import (
	"encoding/binary"
	"errors"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

var errRecord = errors.New("a record that ends early or is of no known type")

// records reads a payload. After the first error everything is zero and err stays.
type records struct {
	b   []byte
	err error
}

func (r *records) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *records) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *records) byte() byte {
	var b [1]byte
	r.bytes(b[:])
	return b[0]
}

func (r *records) bytes(to []byte) {
	if len(r.b) < len(to) {
		r.fail()
		return
	}
	copy(to, r.b)
	r.b = r.b[len(to):]
}

func (r *records) fail() { r.b, r.err = nil, errRecord }

func (r *records) moment(m *message.Moment) {
	m.Acquirer = message.Digits(r.uvarint())
	m.STAN = uint32(r.uvarint())
	m.DE7 = uint32(r.uvarint())
}

// message reads a message record behind its type. What was asked for is what was answered but in part.
func (r *records) message(c *cardsRead, q *message.Request, out *book.Outcome) (at uint32, card uint32) {
	*q, *out = message.Request{}, book.Outcome{}
	at = uint32(r.uvarint())
	q.Class, q.Kind = message.Class(r.byte()), message.Kind(r.byte())
	has := r.byte()
	q.Card, card = c.read(r)
	r.moment(&q.Moment)
	r.bytes(q.RRN[:])
	r.bytes(out.Code[:])
	out.Amount = int64(r.uvarint())
	if !out.Code.Is(message.CodePartial) {
		q.Amount = out.Amount
	}
	q.Currency = uint16(r.uvarint())
	q.Date = uint16(r.uvarint())
	r.text(q.Merchant[:])
	message.Fill(q.AuthCode[:], nil)
	if has&hasAuthCode != 0 {
		r.bytes(q.AuthCode[:])
		q.Advice = true
	}
	if has&hasFirstRRN != 0 {
		r.bytes(q.FirstRRN[:])
	}
	if has&hasNumber != 0 {
		q.Number = uint32(r.uvarint())
	}
	if has&hasARN != 0 {
		r.bytes(q.ARN[:])
	}
	if has&hasOriginal != 0 {
		q.Original.Class = message.Class(r.byte())
		r.moment(&q.Original)
	}
	if has&hasStays != 0 {
		q.Stays = int64(r.uvarint())
	}
	q.Credit = has&isCredit != 0
	if has&isSilent != 0 {
		out.Conduct = book.ConductSilent
	}
	if q.Class >= message.Classes || q.Kind >= message.Kinds {
		r.fail()
	}
	return at, card
}

// cardsRead are the cards of the records so far, by id.
type cardsRead struct {
	log     *Log
	numbers map[uint32]message.Digits
}

// read reads a card. card is its id if it stands there for the first time, else 0.
func (c *cardsRead) read(r *records) (number message.Digits, card uint32) {
	if id := r.uvarint(); id != 0 {
		number, ok := c.numbers[uint32(id)]
		if !ok {
			r.fail()
		}
		return number, 0
	}
	card = uint32(r.uvarint())
	var key [4]byte
	r.bytes(key[:])
	n := int(r.byte())
	if n > maxSealed || n > len(r.b) {
		r.fail()
		return 0, 0
	}
	text, _, err := c.log.keys.Open(binary.BigEndian.Uint32(key[:]), c.log.nonce(card), r.b[:n])
	number, ok := message.ParseDigits([]byte(text))
	if err != nil || !ok {
		r.fail()
		return 0, 0
	}
	r.b = r.b[n:]
	c.numbers[card] = number
	c.log.cards = max(c.log.cards, card)
	return number, card
}

// text reads a length and as many bytes into fixed text.
func (r *records) text(to []byte) {
	n := int(r.byte())
	if n > len(to) || n > len(r.b) {
		r.fail()
		return
	}
	message.Fill(to, r.b[:n])
	r.b = r.b[n:]
}
