package log

import (
	"encoding/binary"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// A record begins with its type. Numbers are unsigned varints unless the width is given; what a bit of the presence
// byte announces is left out where it is not set. A card is 0, its new id, the sealing key's id (4 bytes), a length and
// the sealed number where it stands in the log for the first time; later its id. Neither CVC, track nor PIN has a place
// in a record (I12).
//
//	header  version, seed, 16 bytes that belong to the key; the first record of all
//	epoch   8 bytes, what nonces of the cards that follow begin with; the first record of each later file
//	message Unix seconds, class, kind, presence, card, DE32, STAN, DE7, RRN 12, code 2, amount of the answer, currency,
//	        DE15, length and DE42; [auth code 6] [first RRN 12] [number] [ARN 12]
//	        [original: class, STAN, DE7, DE32] [DE95]
//	change  card, status, limit + 1, currency, balance zigzag
//	partial the amount that was asked for, then a message as above: one that was approved in part
//	file begin, file end  length and id of the clearing file; those presentments that it changed something with are
//	        between; file begin of logs until November 2026
//	file begun   length and id of the clearing file, length and mode
//	presentment  1 credit + 2 reversal, card, DE32, RRN 12, ARN 12, amount, currency, date, length and DE42; of logs
//	        until November 2026, as is file end
//	presented    bits: those, 4 DE38 is there, 8 times the function, 128 DE95 is there; the rest as in a presentment,
//	        then DE71, DE12 in seconds since 2000, [auth code 6] [DE95]
//	taken   length and id of the file, empty where it was refused; length and mode; length and id of its answer; length
//	        (2 bytes) and path, its bytes, its time zigzag; how many currencies, and of each: number, debits: number and
//	        amount zigzag, credits alike, fees zigzag
//	charge back  card, ARN 12, amount, reason, terms: currency, amount, rate, fee kind 4, fee zigzag, fee zigzag; of logs
//	        until November 2026
//	charged back the same, then bits: 1 of a second presentment, 2 by a rule; DE95
//	retrieval    ARN 12, reason
//	fee     length and member, currency, amount, 1 if it is paid, reason, ARN 12, terms
//	closed  length and date, how many files, and of each length and id; of logs until November 2026
//	ended   the same, then the time at which it was to end by the clock, Unix seconds, 0 if it was told to
const (
	recordHeader  = 1
	recordEpoch   = 2
	recordMessage = 3
	recordChange  = 4

	recordFileBegin   = 5
	recordPresentment = 6
	recordFileEnd     = 7

	recordPartial = 8

	recordPresented  = 9
	recordTaken      = 10
	recordChargeBack = 11
	recordRetrieval  = 12
	recordFee        = 13
	recordClosed     = 14
	recordFileBegun  = 15

	recordChargedBack = 16
	recordEnded       = 17
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

// Message implements book.Log.
func (l *Log) Message(r *message.Request, out *book.Outcome, at uint32, id *uint32) int64 {
	return l.add(func(b []byte) []byte {
		var has byte
		for _, p := range []struct {
			bit byte
			set bool
		}{
			{hasAuthCode, r.Advice && r.AuthCode[0] > ' '}, {hasFirstRRN, r.FirstRRN != message.Reference{}},
			{hasNumber, r.Number != 0}, {hasARN, r.ARN != message.ARN{}}, {hasOriginal, r.Original.Class != message.ClassNone},
			{hasStays, r.Kind == message.KindRelease}, {isCredit, r.Credit}, {isSilent, out.Conduct == book.ConductSilent},
		} {
			if p.set {
				has |= p.bit
			}
		}
		if out.Code.Is(message.CodePartial) {
			b = append(b, recordPartial)
			b = binary.AppendUvarint(b, uint64(r.Amount))
		} else {
			b = append(b, recordMessage)
		}
		b = binary.AppendUvarint(b, uint64(at))
		b = append(b, byte(r.Class), byte(r.Kind), has)
		b = l.appendCard(b, r.Card, id)
		b = appendMoment(b, &r.Moment)
		b = append(b, r.RRN[:]...)
		b = append(b, out.Code[:]...)
		b = binary.AppendUvarint(b, uint64(out.Amount))
		b = binary.AppendUvarint(b, uint64(r.Currency))
		b = binary.AppendUvarint(b, uint64(r.Date))
		merchant := message.TrimBlanks(r.Merchant[:])
		b = append(b, byte(len(merchant)))
		b = append(b, merchant...)
		if has&hasAuthCode != 0 {
			b = append(b, r.AuthCode[:]...)
		}
		if has&hasFirstRRN != 0 {
			b = append(b, r.FirstRRN[:]...)
		}
		if has&hasNumber != 0 {
			b = binary.AppendUvarint(b, uint64(r.Number))
		}
		if has&hasARN != 0 {
			b = append(b, r.ARN[:]...)
		}
		if has&hasOriginal != 0 {
			b = append(b, byte(r.Original.Class))
			b = appendMoment(b, &r.Original)
		}
		if has&hasStays != 0 {
			b = binary.AppendUvarint(b, uint64(r.Stays))
		}
		return b
	})
}

// appendMoment appends a moment but for its class.
func appendMoment(b []byte, m *message.Moment) []byte {
	b = binary.AppendUvarint(b, uint64(m.Acquirer))
	b = binary.AppendUvarint(b, uint64(m.STAN))
	return binary.AppendUvarint(b, uint64(m.DE7))
}

// Change implements book.Log.
func (l *Log) Change(number message.Digits, c book.Change, id *uint32) int64 {
	return l.add(func(b []byte) []byte {
		b = l.appendCard(append(b, recordChange), number, id)
		b = append(b, byte(c.Status))
		b = binary.AppendUvarint(b, uint64(c.Limit+1))
		b = binary.AppendUvarint(b, uint64(c.Currency))
		return binary.AppendVarint(b, c.Balance)
	})
}

// appendCard appends a card: sealed under a new id the first time, then its id. A card that is not kept in memory has
// no place for one and is sealed each time.
func (l *Log) appendCard(b []byte, number message.Digits, id *uint32) []byte {
	if id != nil && *id != 0 {
		return binary.AppendUvarint(b, uint64(*id))
	}
	l.cards++
	if id != nil {
		*id = l.cards
	}
	sealed := l.keys.Seal(l.nonce(l.cards), number.Text(), "")
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(l.cards))
	b = binary.BigEndian.AppendUint32(b, l.keys.SealingKey())
	b = append(b, byte(len(sealed)))
	return append(b, sealed...)
}

// nonce is the number under which a card is sealed: this run's random one and the card's id, so that even a run whose
// end was lost shares none with the next.
func (l *Log) nonce(id uint32) (n [12]byte) {
	copy(n[:], l.epoch[:])
	binary.BigEndian.PutUint32(n[8:], id)
	return n
}
