package issuersim

import (
	"encoding/binary"
	"errors"
)

// A record begins with its type. Numbers are unsigned varints unless the width is given; what a bit of the presence byte
// announces is left out where it is not set. A card is 0, its new id, the sealing key's id (4 bytes), a length
// and the sealed number where it stands in the log for the first time; later its id. Neither CVC, track nor PIN has a place in a record (I12).
//
//	header  version, seed, 16 bytes that belong to the key; the first record of all
//	epoch   8 bytes, what nonces of the cards that follow begin with; the first record of each later file
//	message Unix seconds, class, kind, presence, card, DE32, STAN, DE7, RRN 12, code 2, amount of the answer, currency, DE15,
//	        length and DE42; [auth code 6] [first RRN 12] [number] [ARN 12] [original: class, STAN, DE7, DE32] [DE95]
//	change  card, status, limit + 1, currency, balance zigzag
//	partial the amount that was asked for, then a message as above: one that was approved in part
//	file begin, file end  length and id of the clearing file; those presentments that it changed something with are between
//	presentment  1 credit + 2 reversal, card, DE32, RRN 12, ARN 12, amount, currency, date, length and DE42
const (
	recordHeader  = 1
	recordEpoch   = 2
	recordMessage = 3
	recordChange  = 4

	recordFileBegin   = 5
	recordPresentment = 6
	recordFileEnd     = 7

	recordPartial = 8
)

const logVersion = 1

// Bits of the presence byte.
const (
	hasAuthCode = 0x01
	hasFirstRRN = 0x02
	hasNumber   = 0x04
	hasARN      = 0x08
	hasOriginal = 0x10
	hasStays    = 0x20
	isCredit    = 0x40
	isSilent    = 0x80
)

// maxSealed is the longest sealed card number.
const maxSealed = 64

// appendMessage appends a message that was applied. It is called with the shard's lock, so that a card's records stand in
// the order in which they were applied.
func (l *dataLog) appendMessage(s *shard, r *request, out *outcome, at uint32) int64 {
	return l.add(func(b []byte) []byte {
		var has byte
		for _, p := range []struct {
			bit byte
			set bool
		}{
			{hasAuthCode, r.advice && r.authCode[0] > ' '}, {hasFirstRRN, r.firstRRN != reference{}}, {hasNumber, r.number != 0},
			{hasARN, r.arn != arn{}}, {hasOriginal, r.original.class != classNone}, {hasStays, r.kind == kindRelease},
			{isCredit, r.credit}, {isSilent, out.conduct == conductSilent},
		} {
			if p.set {
				has |= p.bit
			}
		}
		if out.code.is(codePartial) {
			b = append(b, recordPartial)
			b = binary.AppendUvarint(b, uint64(r.amount))
		} else {
			b = append(b, recordMessage)
		}
		b = binary.AppendUvarint(b, uint64(at))
		b = append(b, byte(r.class), byte(r.kind), has)
		b = l.appendCard(b, s, r.card)
		b = appendMoment(b, &r.moment)
		b = append(b, r.rrn[:]...)
		b = append(b, out.code[:]...)
		b = binary.AppendUvarint(b, uint64(out.amount))
		b = binary.AppendUvarint(b, uint64(r.currency))
		b = binary.AppendUvarint(b, uint64(r.date))
		merchant := trimBlanks(r.merchant[:])
		b = append(b, byte(len(merchant)))
		b = append(b, merchant...)
		if has&hasAuthCode != 0 {
			b = append(b, r.authCode[:]...)
		}
		if has&hasFirstRRN != 0 {
			b = append(b, r.firstRRN[:]...)
		}
		if has&hasNumber != 0 {
			b = binary.AppendUvarint(b, uint64(r.number))
		}
		if has&hasARN != 0 {
			b = append(b, r.arn[:]...)
		}
		if has&hasOriginal != 0 {
			b = append(b, byte(r.original.class))
			b = appendMoment(b, &r.original)
		}
		if has&hasStays != 0 {
			b = binary.AppendUvarint(b, uint64(r.stays))
		}
		return b
	})
}

func trimBlanks(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// appendMoment appends a moment but for its class.
func appendMoment(b []byte, m *moment) []byte {
	b = binary.AppendUvarint(b, uint64(m.acquirer))
	b = binary.AppendUvarint(b, uint64(m.stan))
	return binary.AppendUvarint(b, uint64(m.de7))
}

// appendChange appends a change made over the control HTTP.
func (l *dataLog) appendChange(s *shard, number digits, c cardChange) int64 {
	return l.add(func(b []byte) []byte {
		b = l.appendCard(append(b, recordChange), s, number)
		b = append(b, byte(c.status))
		b = binary.AppendUvarint(b, uint64(c.limit+1))
		b = binary.AppendUvarint(b, uint64(c.currency))
		return binary.AppendVarint(b, c.balance)
	})
}

// appendFile appends that a clearing file begins or has ended.
func (l *dataLog) appendFile(kind byte, id string) int64 {
	return l.add(func(b []byte) []byte {
		b = append(b, kind, byte(len(id)))
		return append(b, id...)
	})
}

// Bits of a presentment's first byte.
const (
	presentedCredit   = 0x01
	presentedReversal = 0x02
)

// appendPresentment appends a presentment that changed something.
func (l *dataLog) appendPresentment(s *shard, p *presentment) int64 {
	return l.add(func(b []byte) []byte {
		var bits byte
		if p.credit {
			bits |= presentedCredit
		}
		if p.reversal {
			bits |= presentedReversal
		}
		b = l.appendCard(append(b, recordPresentment, bits), s, p.card)
		b = binary.AppendUvarint(b, uint64(p.acquirer))
		b = append(b, p.rrn[:]...)
		b = append(b, p.arn[:]...)
		b = binary.AppendUvarint(b, uint64(p.amount))
		b = binary.AppendUvarint(b, uint64(p.currency))
		b = binary.AppendUvarint(b, uint64(p.date))
		merchant := trimBlanks(p.merchant[:])
		b = append(b, byte(len(merchant)))
		return append(b, merchant...)
	})
}

// presentment reads a presentment record behind its type.
func (r *records) presentment(c *cardsRead) (p presentment, card uint32) {
	bits := r.byte()
	p.credit, p.reversal = bits&presentedCredit != 0, bits&presentedReversal != 0
	p.card, card = c.read(r)
	p.acquirer = digits(r.uvarint())
	r.bytes(p.rrn[:])
	r.bytes(p.arn[:])
	p.amount = int64(r.uvarint())
	p.currency = uint16(r.uvarint())
	p.date = uint16(r.uvarint())
	r.text(p.merchant[:])
	return p, card
}

// id reads the id of a clearing file.
func (r *records) id() string {
	n := int(r.byte())
	if n > len(r.b) {
		r.fail()
		return ""
	}
	id := string(r.b[:n])
	r.b = r.b[n:]
	return id
}

// text reads a length and as many bytes into fixed text.
func (r *records) text(to []byte) {
	n := int(r.byte())
	if n > len(to) || n > len(r.b) {
		r.fail()
		return
	}
	fill(to, r.b[:n])
	r.b = r.b[n:]
}

// appendCard appends a card: sealed under a new id the first time, then its id. A card that is not kept in memory has no
// place for one and is sealed each time.
func (l *dataLog) appendCard(b []byte, s *shard, number digits) []byte {
	c := s.lookup(number)
	if c != nil && c.id != 0 {
		return binary.AppendUvarint(b, uint64(c.id))
	}
	l.cards++
	if c != nil {
		c.id = l.cards
	}
	sealed := l.keys.Seal(l.nonce(l.cards), number.text(), "")
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(l.cards))
	b = binary.BigEndian.AppendUint32(b, l.keys.SealingKey())
	b = append(b, byte(len(sealed)))
	return append(b, sealed...)
}

// nonce is the number under which a card is sealed: this run's random one and the card's id, so that even a run whose end
// was lost shares none with the next.
func (l *dataLog) nonce(id uint32) (n [12]byte) {
	copy(n[:], l.epoch[:])
	binary.BigEndian.PutUint32(n[8:], id)
	return n
}

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

func (r *records) moment(m *moment) {
	m.acquirer = digits(r.uvarint())
	m.stan = uint32(r.uvarint())
	m.de7 = uint32(r.uvarint())
}

// message reads a message record behind its type. What was asked for is what was answered but in part.
func (r *records) message(c *cardsRead, q *request, out *outcome) (at uint32, card uint32) {
	*q, *out = request{}, outcome{}
	at = uint32(r.uvarint())
	q.class, q.kind = class(r.byte()), kind(r.byte())
	has := r.byte()
	q.card, card = c.read(r)
	r.moment(&q.moment)
	r.bytes(q.rrn[:])
	r.bytes(out.code[:])
	out.amount = int64(r.uvarint())
	if !out.code.is(codePartial) {
		q.amount = out.amount
	}
	q.currency = uint16(r.uvarint())
	q.date = uint16(r.uvarint())
	r.text(q.merchant[:])
	fill(q.authCode[:], nil)
	if has&hasAuthCode != 0 {
		r.bytes(q.authCode[:])
		q.advice = true
	}
	if has&hasFirstRRN != 0 {
		r.bytes(q.firstRRN[:])
	}
	if has&hasNumber != 0 {
		q.number = uint32(r.uvarint())
	}
	if has&hasARN != 0 {
		r.bytes(q.arn[:])
	}
	if has&hasOriginal != 0 {
		q.original.class = class(r.byte())
		r.moment(&q.original)
	}
	if has&hasStays != 0 {
		q.stays = int64(r.uvarint())
	}
	q.credit = has&isCredit != 0
	if has&isSilent != 0 {
		out.conduct = conductSilent
	}
	if q.class >= classes || q.kind >= kinds {
		r.fail()
	}
	return at, card
}

// cardsRead are the cards of the records so far, by id.
type cardsRead struct {
	log     *dataLog
	numbers map[uint32]digits
}

// read reads a card. card is its id if it stands there for the first time, else 0.
func (c *cardsRead) read(r *records) (number digits, card uint32) {
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
	number, ok := parseDigits([]byte(text))
	if err != nil || !ok {
		r.fail()
		return 0, 0
	}
	r.b = r.b[n:]
	c.numbers[card] = number
	c.log.cards = max(c.log.cards, card)
	return number, card
}
