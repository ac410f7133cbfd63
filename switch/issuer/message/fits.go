package message

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// Fits packs a message of every kind that Build can give, with all that it may carry, each value as long as it can be,
// and more, which are messages that others send to the same host. send makes of a message what the host is sent, in
// place; pack packs that. What does not pack is an error that names each DE once, in a message that has it. A host for
// which it returns nil can be sent whatever a gateway asks for.
func Fits(
	send func(m *spec.Message, at time.Time) error, pack func(dst []byte, m *spec.Message) ([]byte, error),
	more ...*spec.Message,
) error {
	f := faults{seen: map[int]bool{}}
	try := func(name string, m *spec.Message) {
		if err := send(m, sampleAt); err != nil {
			f.add(name, m, err)
			return
		}
		// Without one DE after another that does not pack, so as to find all that do not.
		for {
			_, err := pack(nil, m)
			if err == nil {
				return
			}
			if de := f.add(name, m, err); de >= 2 && m.Has(de) {
				m.Unset(de)
				continue
			}
			return
		}
	}
	for name, m := range everyMessage {
		try(name, m)
	}
	for _, m := range more {
		try(spec.MTIName(m.MTI()), m)
	}
	if len(f.all) == 0 {
		return nil
	}
	return errors.New(strings.Join(f.all, "; "))
}

// faults are what does not pack: each DE once, the MTI and the message as a whole too.
type faults struct {
	seen map[int]bool
	all  []string
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
	sampleARN     = "74000016325000000000014"
	sampleRRN     = "632510000001"
)

// sampleAt is when everything was sent.
var sampleAt = time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)

// fullest is a first request with all that it may carry.
var fullest = api.Request{
	Card: api.Card{
		Number: longestPAN, Expiry: "3012", CVC: "8471", Sequence: "001", Track2: longestPAN + "=30121010000000000",
	},
	Partial: true, NetworkID: longestText40[:api.MaxNetworkID], EMV: "9F1081FB" + strings.Repeat("AF", 251),
	ThreeDS: api.ThreeDS{
		Version: "2.2.0.00", ECI: "05", CAVV: longestText40, DSTransactionID: longestText40[:36],
	},
	Address: api.Address{Line: longestText40, PostalCode: longestText40[:10], Country: "DEU"},
}

// everyMessage yields, with the name of its operation, a message of each kind that can be sent. The caller may change
// it.
func everyMessage(yield func(name string, m *spec.Message) bool) {
	var b Builder // the payment has all that it would add
	var m spec.Message
	for kind := payment.KindNone + 1; kind < payment.KindCount; kind++ {
		row := kind.Row()
		roots := row.After
		if len(roots) == 0 {
			roots = []payment.Kind{kind}
		}
		for _, root := range roots {
			for _, repeat := range []bool{false, true} {
				for _, advised := range []bool{false, true} {
					p, i := samplePayment(root, kind)
					p.Ops[i].Advised = advised
					var req *api.Request
					if i == 0 && !repeat && !advised {
						req = &fullest
					}
					if MTI(p, i, repeat) == "" {
						continue
					}
					if err := b.Build(&m, p, i, Card{PAN: longestPAN, Expiry: "3012"}, req, repeat); err != nil {
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

// samplePayment is a payment that a root begins and in which operation i is of the kind.
func samplePayment(root, kind payment.Kind) (p *payment.Payment, i int) {
	p = &payment.Payment{
		Merchant: longestText40[:15], Terminal: "TERMINAL", Currency: "EUR", MCC: "5732", Entry: uint8(api.EntryEcommerce),
		ECI: "05", Sequence: "001", Acquirer: "12345678901", AcceptorName: longestText40, AcceptorCity: longestText40,
		AcceptorCountry: "DE",
	}
	add := func(kind payment.Kind) {
		op := payment.Op{
			Kind: kind, State: payment.StateApproved, Amount: api.MaxAmountMinor, Target: payment.NoTarget,
			AuthCode: "A1B2C3", Number: 999999, Final: true,
			At: sampleAt, STAN: 999999, DE7: "1231235959", RRN: sampleRRN,
			Date: 20261231, ARN: sampleARN,
		}
		switch kind {
		case payment.KindReverse, payment.KindRelease:
			op.Amount, op.Stays = 1, api.MaxAmountMinor-1
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
