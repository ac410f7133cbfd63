package log

import (
	"encoding/binary"
	"maps"
	"slices"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// FileBegins implements book.Log.
func (l *Log) FileBegins(name, mode string) int64 {
	return l.add(func(b []byte) []byte { return appendText(appendText(append(b, recordFileBegun), name), mode) })
}

// Bits of a presentment's first byte.
const (
	presentedCredit   = 0x01
	presentedReversal = 0x02
	presentedAuthCode = 0x04
	presentedFunction = 3 // from this bit on, up to the next
	presentedAnswers  = 0x80
)

// Presentment implements book.Log.
func (l *Log) Presentment(p *book.Presentment, id *uint32) int64 {
	return l.add(func(b []byte) []byte {
		bits := byte(p.Function) << presentedFunction
		for _, one := range []struct {
			bit byte
			set bool
		}{
			{presentedCredit, p.Credit}, {presentedReversal, p.Reversal}, {presentedAuthCode, p.AuthCode != [6]byte{}},
			{presentedAnswers, p.Reference != 0},
		} {
			if one.set {
				bits |= one.bit
			}
		}
		b = l.appendCard(append(b, recordPresented, bits), p.Card, id)
		b = binary.AppendUvarint(b, uint64(p.Acquirer))
		b = append(b, p.RRN[:]...)
		b = append(b, p.ARN[:]...)
		b = binary.AppendUvarint(b, uint64(p.Amount))
		b = binary.AppendUvarint(b, uint64(p.Currency))
		b = binary.AppendUvarint(b, uint64(p.Date))
		b = appendText(b, string(message.TrimBlanks(p.Merchant[:])))
		b = binary.AppendUvarint(b, uint64(p.Record))
		b = binary.AppendUvarint(b, uint64(p.Local))
		if bits&presentedAuthCode != 0 {
			b = append(b, p.AuthCode[:]...)
		}
		if bits&presentedAnswers != 0 {
			b = binary.AppendUvarint(b, p.Reference)
		}
		return b
	})
}

// Taken implements book.Log.
func (l *Log) Taken(t *book.Taken) int64 {
	return l.add(func(b []byte) []byte {
		b = appendText(append(b, recordTaken), t.File)
		b = appendText(b, t.Mode)
		b = appendText(b, t.Answer)
		b = binary.BigEndian.AppendUint16(b, uint16(len(t.Path)))
		b = append(b, t.Path...)
		b = binary.AppendUvarint(b, uint64(t.Seen.Bytes))
		b = binary.AppendVarint(b, t.Seen.UnixNanos)
		b = binary.AppendUvarint(b, uint64(len(t.Amounts)))
		for _, currency := range slices.Sorted(maps.Keys(t.Amounts)) {
			p := t.Amounts[currency]
			b = binary.AppendUvarint(b, uint64(currency))
			for _, v := range []int64{
				p.Debits.Number, p.Debits.AmountMinor, p.Credits.Number, p.Credits.AmountMinor, p.Fees,
			} {
				b = binary.AppendVarint(b, v)
			}
		}
		return b
	})
}

// Bits of a chargeback.
const (
	chargedBackSecond = 0x01
	chargedBackRuled  = 0x02
)

// ChargeBack implements book.Log.
func (l *Log) ChargeBack(c *book.ChargeBack, id *uint32) int64 {
	return l.add(func(b []byte) []byte {
		b = l.appendCard(append(b, recordChargedBack), c.Card, id)
		b = append(b, c.ARN[:]...)
		b = binary.AppendUvarint(b, uint64(c.Amount))
		b = binary.AppendUvarint(b, uint64(c.Reason))
		b = appendTerms(b, &c.Terms)
		var bits byte
		if c.Second {
			bits |= chargedBackSecond
		}
		if c.Ruled {
			bits |= chargedBackRuled
		}
		return binary.AppendUvarint(append(b, bits), c.Reference)
	})
}

// Retrieval implements book.Log.
func (l *Log) Retrieval(arn message.ARN, reason uint16) int64 {
	return l.add(func(b []byte) []byte {
		b = append(append(b, recordRetrieval), arn[:]...)
		return binary.AppendUvarint(b, uint64(reason))
	})
}

// Fee implements book.Log.
func (l *Log) Fee(f *book.Fee) int64 {
	return l.add(func(b []byte) []byte {
		b = appendText(append(b, recordFee), f.Member)
		b = binary.AppendUvarint(b, uint64(f.Currency))
		b = binary.AppendUvarint(b, uint64(f.Amount))
		pays := byte(0)
		if f.Pays {
			pays = 1
		}
		b = binary.AppendUvarint(append(b, pays), uint64(f.Reason))
		b = append(b, f.ARN[:]...)
		return appendTerms(b, &f.Terms)
	})
}

// Closed implements book.Log.
func (l *Log) Closed(c *book.Closed) int64 {
	return l.add(func(b []byte) []byte {
		b = appendText(append(b, recordEnded), c.Date)
		b = binary.AppendUvarint(b, uint64(len(c.Files)))
		for _, id := range c.Files {
			b = appendText(b, id)
		}
		return binary.AppendUvarint(b, uint64(c.Clocked))
	})
}

func appendTerms(b []byte, t *book.Terms) []byte {
	b = binary.AppendUvarint(b, uint64(t.Currency))
	b = binary.AppendUvarint(b, uint64(t.Amount))
	b = binary.AppendUvarint(b, uint64(t.Rate))
	b = append(b, t.FeeKind[:]...)
	b = binary.AppendVarint(b, t.Fee)
	return binary.AppendVarint(b, t.FeeIn)
}

// appendText appends text of at most 255 bytes behind its length.
func appendText(b []byte, text string) []byte { return append(append(b, byte(len(text))), text...) }

// presentment reads a presentment record behind its type; presented says that it is one of today's.
func (r *records) presentment(c *cardsRead, presented bool) (p book.Presentment, card uint32) {
	bits := r.byte()
	p.Credit, p.Reversal = bits&presentedCredit != 0, bits&presentedReversal != 0
	p.Card, card = c.read(r)
	p.Acquirer = message.Digits(r.uvarint())
	r.bytes(p.RRN[:])
	r.bytes(p.ARN[:])
	p.Amount = int64(r.uvarint())
	p.Currency = uint16(r.uvarint())
	p.Date = uint16(r.uvarint())
	r.text(p.Merchant[:])
	if !presented {
		return p, card
	}
	p.Record, p.Local = uint32(r.uvarint()), uint32(r.uvarint())
	if bits&presentedAuthCode != 0 {
		r.bytes(p.AuthCode[:])
	}
	if bits&presentedAnswers != 0 {
		p.Reference = r.uvarint()
	}
	if p.Function = book.Function(bits &^ presentedAnswers >> presentedFunction); !p.Function.Valid() {
		r.fail()
	}
	return p, card
}

func (r *records) taken() (t book.Taken) {
	t.File, t.Mode, t.Answer = r.string(int(r.byte())), r.string(int(r.byte())), r.string(int(r.byte()))
	var length [2]byte
	r.bytes(length[:])
	t.Path = r.string(int(binary.BigEndian.Uint16(length[:])))
	t.Seen.Bytes, t.Seen.UnixNanos = int64(r.uvarint()), r.varint()
	n := r.uvarint()
	t.Amounts = map[uint16]*book.Position{}
	for ; n > 0 && r.err == nil; n-- {
		currency := uint16(r.uvarint())
		p := &book.Position{}
		for _, to := range []*int64{
			&p.Debits.Number, &p.Debits.AmountMinor, &p.Credits.Number, &p.Credits.AmountMinor, &p.Fees,
		} {
			*to = r.varint()
		}
		t.Amounts[currency] = p
	}
	return t
}

// chargeBack reads a chargeback behind its type; numbered says that it is one of today's. Of the others, of which there
// was one a presentment, no rule charges back once more.
func (r *records) chargeBack(c *cardsRead, numbered bool) (of book.ChargeBack, card uint32) {
	of.Card, card = c.read(r)
	r.bytes(of.ARN[:])
	of.Amount, of.Reason = int64(r.uvarint()), uint16(r.uvarint())
	of.Terms = r.terms()
	if !numbered {
		of.Ruled = true
		return of, card
	}
	bits := r.byte()
	of.Second, of.Ruled = bits&chargedBackSecond != 0, bits&chargedBackRuled != 0
	of.Reference = r.uvarint()
	return of, card
}

func (r *records) fee() (f book.Fee) {
	f.Member = r.string(int(r.byte()))
	f.Currency, f.Amount, f.Pays = uint16(r.uvarint()), int64(r.uvarint()), r.byte() != 0
	f.Reason = uint16(r.uvarint())
	r.bytes(f.ARN[:])
	f.Terms = r.terms()
	return f
}

// closed reads the end of a window behind its type; clocked says that it is one of today's.
func (r *records) closed(clocked bool) (c book.Closed) {
	c.Date = r.string(int(r.byte()))
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		c.Files = append(c.Files, r.string(int(r.byte())))
	}
	if clocked {
		c.Clocked = int64(r.uvarint())
	}
	return c
}

func (r *records) terms() (t book.Terms) {
	t.Currency, t.Amount, t.Rate = uint16(r.uvarint()), int64(r.uvarint()), uint32(r.uvarint())
	r.bytes(t.FeeKind[:])
	t.Fee, t.FeeIn = r.varint(), r.varint()
	return t
}

// string reads n bytes.
func (r *records) string(n int) string {
	if n > len(r.b) {
		r.fail()
		return ""
	}
	text := string(r.b[:n])
	r.b = r.b[n:]
	return text
}
