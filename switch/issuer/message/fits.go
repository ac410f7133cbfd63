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

// Packer packs a message as a host is sent it: a codec's Pack, or what stands above one.
type Packer func(dst []byte, m *spec.Message) ([]byte, error)

// Fits packs a message of every kind that Build can give, with all that it may carry, each value as long as it can be,
// and more, which are messages that others send to the same host. What does not pack is an error that names each DE
// once, in a message that has it. A host for which it returns nil can be sent whatever a gateway asks for.
func Fits(pack Packer, more ...*spec.Message) error {
	var faults faults
	for name, m := range everyMessage {
		faults.try(pack, name, m)
	}
	for _, m := range more {
		faults.try(pack, spec.MTIName(m.MTI()), m)
	}
	return faults.err()
}

// faults are the DEs that do not pack.
type faults struct {
	seen [spec.MaxDE + 1]bool
	all  []string
}

func (f *faults) err() error {
	if len(f.all) == 0 {
		return nil
	}
	return errors.New(strings.Join(f.all, "; "))
}

// try packs a message without one DE after another that does not pack, so as to find all that do not.
func (f *faults) try(pack Packer, name string, m *spec.Message) {
	for {
		_, err := pack(nil, m)
		if err == nil {
			return
		}
		var at *spec.FieldError
		if !errors.As(err, &at) || at.DE < 2 || !m.Has(at.DE) {
			f.all = append(f.all, fmt.Sprintf("%s (%s): %v", m.MTI(), name, err))
			return
		}
		if !f.seen[at.DE] {
			f.seen[at.DE] = true
			f.all = append(f.all, fmt.Sprintf("%s (%s): %v", m.MTI(), name, err))
		}
		m.Unset(at.DE)
	}
}

// The longest values that a message can hold: what package api lets through, and what the switch makes itself.
const (
	longestPAN    = "4000000000000000002"
	longestText40 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ ABCDEFGHIJKLM"
	sampleARN     = "74000016325000000000014"
	sampleRRN     = "632510000001"
)

// fullest is a first request with all that it may carry.
var fullest = api.Request{
	Card: api.Card{
		Number: longestPAN, Expiry: "3012", CVC: "8471", Sequence: "001", Track2: longestPAN + "=30121010000000000",
	},
	Partial: true, NetworkID: longestText40[:15], EMV: "9F1081FB" + strings.Repeat("AF", 251),
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
			At: time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), STAN: 999999, DE7: "1231235959", RRN: sampleRRN,
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
