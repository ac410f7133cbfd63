package message

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// A Codec packs and unpacks, as spec.Codec does.
type Codec interface {
	Pack(dst []byte, m *spec.Message) ([]byte, error)
	Unpack(data []byte, m *spec.Message) error
}

// Fits packs a message of every kind that Build can give, with all that it may carry, each value as long as it can be
// and then with as many zeros in front, and more, which are messages that others send to the same host. send makes of a
// message what the host is sent, in place; acquirer is what stands in DE32, "" where any may. An answer to each that
// repeats what a host may repeat is read back: a dialect that takes leading zeros for padding packs, and makes another
// value of what it reads. What does not pack, or is not read as it was, is an error that names each DE once, in a
// message that has it. A host for which it returns nil can be sent whatever a gateway asks for, and its answers are
// understood.
func Fits(
	send func(m *spec.Message, at time.Time) error, codec Codec, acquirer string, more ...*spec.Message,
) error {
	f := faults{codec: codec, seen: map[int]bool{}}
	try := func(name string, m *spec.Message, at time.Time) {
		if err := send(m, at); err != nil {
			f.add(name, m, err)
			return
		}
		f.try(name, m, false)
		if mti := m.MTI(); mti[2]%2 == 0 { // that of a request or advice
			f.try("answer to "+name, answerTo(m), true)
		}
	}
	for _, s := range samples {
		s.acquirer = cmp.Or(acquirer, s.acquirer)
		for name, m := range s.everyMessage {
			try(name, m, s.at)
		}
	}
	for _, m := range more {
		try(spec.MTIName(m.MTI()), m, samples[0].at)
	}
	if len(f.all) == 0 {
		return nil
	}
	return errors.New(strings.Join(f.all, "; "))
}

// answerTo is an answer to a message as a host may send it.
func answerTo(m *spec.Message) *spec.Message {
	var a spec.Message
	mti := []byte(m.MTI())
	mti[2]++
	a.SetMTI(string(mti))
	for de, value := range m.Fields {
		if repeated[de] {
			a.SetBytes(de, value)
		}
	}
	code := "00"
	if mti[0] == '1' {
		code = map[byte]string{'4': "400", '5': "500", '8': "800"}[mti[1]]
		if code == "" {
			code = "000"
		}
	}
	a.Set(39, code)
	return &a
}

// repeated are the elements of an answer that are compared with what was sent, or kept.
var repeated = map[int]bool{
	2: true, 3: true, 4: true, 7: true, 11: true, 12: true, 37: true, 38: true, 41: true, 49: true,
}

// faults are what does not fit: each DE once, the MTI and the message as a whole too.
type faults struct {
	codec  Codec
	seen   map[int]bool
	all    []string
	packed []byte // the message at hand
}

// try packs a message, and reads it back if it is one that comes, without one DE after another that is wrong, so as to
// find all that are.
func (f *faults) try(name string, m *spec.Message, comes bool) {
	for {
		var err error
		if f.packed, err = f.codec.Pack(f.packed[:0], m); err == nil && comes {
			err = readBack(f.codec, f.packed, m)
		}
		if err == nil {
			return
		}
		de := f.add(name, m, err)
		if de < 2 || !m.Has(de) {
			return
		}
		m.Unset(de)
	}
}

// readBack holds what a message is read as against what it was, as package link does with answers: DE4 and DE11 are
// numbers. Blanks behind a value may come and go.
func readBack(codec Codec, data []byte, m *spec.Message) error {
	var got spec.Message
	if err := codec.Unpack(data, &got); err != nil {
		return err
	}
	if got.MTI() != m.MTI() {
		return &spec.FieldError{DE: 0, Offset: -1, Want: fmt.Sprintf("%s to be read as it is, not as %s", m.MTI(), got.MTI())}
	}
	for de, value := range m.Fields {
		if n, number := m.Uint(de); number && (de == 4 || de == 11) {
			if is, number := got.Uint(de); number && is == n {
				continue
			}
		}
		is := got.String(de)
		if was := strings.TrimRight(string(value), " "); was != strings.TrimRight(is, " ") {
			return &spec.FieldError{DE: de, Offset: -1, Want: fmt.Sprintf("%q to be read as it is, not as %q", was, is)}
		}
	}
	return nil
}

// add takes what is wrong with a message down and returns the DE, -1 if it is of none.
func (f *faults) add(name string, m *spec.Message, err error) (de int) {
	de = -1
	var at *spec.FieldError
	if errors.As(err, &at) {
		de = at.DE
	}
	if !f.seen[de] {
		f.seen[de] = true
		f.all = append(f.all, fmt.Sprintf("%s (%s): %v", m.MTI(), name, err))
	}
	return de
}

// The longest values that a message can hold: what package api lets through, and what the switch makes itself.
const (
	longestPAN    = "4000000000000000002"
	longestText40 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ ABCDEFGHIJKLM"
)

// A sample has the values of the messages that are tried.
type sample struct {
	at                                 time.Time // everything was sent then
	de7, rrn, arn                      string
	stan                               uint32
	number                             int
	amountMinor                        int64
	date                               payment.Date
	currency, category, acquirer       string
	merchant, terminal, name, approval string
	card                               Card
	first                              api.Request // with all that it may carry
}

// samples are two: the longest values, and those with the most zeros in front.
var samples = [...]sample{
	{
		at: time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), de7: "1231235959", stan: 999999, number: 999999,
		rrn: "632510000001", arn: "74000016325000000000014", amountMinor: api.MaxAmountMinor, date: 20261231,
		currency: "EUR", category: "5732", acquirer: "12345678901", merchant: longestText40[:15], terminal: "TERMINAL",
		name: longestText40, approval: "A1B2C3", card: Card{PAN: longestPAN, Expiry: "3012"},
		first: api.Request{
			Card: api.Card{
				Number: longestPAN, Expiry: "3012", CVC: "8471", Sequence: "001", Track2: longestPAN + "=30121010000000000",
			},
			Partial: true, NetworkID: longestText40[:api.MaxNetworkID], EMV: "9F1081FB" + strings.Repeat("AF", 251),
			ThreeDS: api.ThreeDS{
				Version: "2.2.0.00", ECI: "05", CAVV: longestText40, DSTransactionID: longestText40[:36],
			},
			Address: api.Address{Line: longestText40, PostalCode: longestText40[:10], Country: "DEU"},
		},
	},
	{
		at: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), de7: "0101000000", stan: 1, number: 1,
		rrn: "000000000001", arn: "00000000001000000000005", amountMinor: 1, date: 20000101,
		currency: "ALL", category: "0742", acquirer: "000001", merchant: "0", terminal: "0",
		name: "0", approval: "000000", card: Card{PAN: "40000002", Expiry: "0101"},
		first: api.Request{
			Card: api.Card{
				Number: "40000002", Expiry: "0101", CVC: "000", Sequence: "000", Track2: "40000002=01011010000000000",
			},
			NetworkID: "0", EMV: "000100", ThreeDS: api.ThreeDS{Version: "0", ECI: "00", CAVV: "0", DSTransactionID: "0"},
			Address: api.Address{Line: "0", PostalCode: "0", Country: "DE"},
		},
	},
}

// everyMessage yields, with the name of its operation, a message of each kind that can be sent. The caller may change
// it.
func (s *sample) everyMessage(yield func(name string, m *spec.Message) bool) {
	var b Builder // the payment has all that it would add
	var m spec.Message
	for kind := payment.KindNone + 1; kind < payment.KindCount; kind++ {
		row := kind.Row()
		roots := row.After
		if len(roots) == 0 {
			roots = []payment.Kind{kind}
		}
		for _, root := range roots {
			p, i := s.payment(root, kind)
			for _, repeat := range []bool{false, true} {
				for _, advised := range []bool{false, true} {
					p.Ops[i].Advised = advised
					var req *api.Request
					if i == 0 && !repeat && !advised {
						req = &s.first
					}
					if MTI(p, i, repeat) == "" {
						continue
					}
					if err := b.Build(&m, p, i, s.card, req, repeat); err != nil {
						panic(err) // the samples are wrong, not the host
					}
					if !yield(row.Name, &m) {
						return
					}
				}
			}
		}
	}
}

// payment is one that a root begins and in which operation i is of the kind.
func (s *sample) payment(root, kind payment.Kind) (p *payment.Payment, i int) {
	p = &payment.Payment{
		Merchant: s.merchant, Terminal: s.terminal, Currency: s.currency, MCC: s.category, Entry: uint8(api.EntryEcommerce),
		ECI: s.first.ThreeDS.ECI, Sequence: s.first.Card.Sequence, Acquirer: s.acquirer, AcceptorName: s.name,
		AcceptorCity: s.name, AcceptorCountry: "DE",
	}
	add := func(kind payment.Kind) {
		op := payment.Op{
			Kind: kind, State: payment.StateApproved, Amount: s.amountMinor, Target: payment.NoTarget,
			AuthCode: s.approval, Number: s.number, Final: true,
			At: s.at, STAN: s.stan, DE7: s.de7, RRN: s.rrn,
			Date: s.date, ARN: s.arn,
		}
		switch kind {
		case payment.KindReverse, payment.KindRelease, payment.KindExpire:
			op.Amount, op.Stays = 1, max(s.amountMinor-1, 1)
		case payment.KindVoid, payment.KindTimeoutReversal:
			op.Target = len(p.Ops) - 1
		default: // the others name no operation, and leave nothing
		}
		p.Ops = append(p.Ops, op)
	}
	add(root)
	if len(kind.Row().After) == 0 {
		return p, 0
	}
	begun := root.Row()
	sent := begun.Request != "" || begun.Advice != ""
	if kind == payment.KindVoid && !begun.Captures || kind == payment.KindTimeoutReversal && !sent {
		add(payment.KindCapture) // which it undoes
	}
	add(kind)
	return p, len(p.Ops) - 1
}
