package message_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/issuer/message"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

var card = message.Card{PAN: "4111111111111111", Expiry: "3012"}

// sent gives operation n a moment and an identity of its own: second n of the payment, STAN 101+n.
func sent(n int, op payment.Op) payment.Op {
	op.At = time.Date(2026, 11, 21, 20, 26, n, 0, time.UTC)
	op.STAN, op.DE7 = uint32(101+n), fmt.Sprintf("11212026%02d", n)
	if op.RRN == "" {
		op.RRN = fmt.Sprintf("63251000000%d", n)
	}
	return op
}

const (
	firstRRN   = "632510000000"
	authorized = "A1B2C3"
	arn        = "74000016325000000000014"
)

// root is an approved first request.
func root(kind payment.Kind) payment.Op {
	op := payment.Op{
		Kind: kind, State: payment.StateApproved, Amount: 12345, Granted: 12345, Target: payment.NoTarget,
		AuthCode: authorized,
	}
	switch kind {
	case payment.KindSale, payment.KindCredit:
		op.Date, op.ARN, op.Number = 20261121, arn, 1
	case payment.KindVerify:
		op.Amount, op.Granted = 0, 0
	}
	return op
}

// made is a payment with operations; each has its identity.
func made(ops ...payment.Op) *payment.Payment {
	p := &payment.Payment{
		ID: payment.NewID(1, 1), Merchant: "M1", Terminal: "T1", Currency: "EUR", MCC: "5732",
		Entry: uint8(api.EntryEcommerce), ECI: "05",
	}
	for n, op := range ops {
		p.Ops = append(p.Ops, sent(n, op))
	}
	return p
}

func unapproved(op payment.Op, state payment.State) payment.Op {
	op.State, op.Granted, op.AuthCode = state, 0, ""
	return op
}

func capture(amount int64, number int) payment.Op {
	return payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Amount: amount, Target: payment.NoTarget, Number: number,
		Advised: true, Date: 20261121, ARN: arn, RRN: firstRRN,
	}
}

func timeoutReversal(target int, amount int64, rrn string) payment.Op {
	return payment.Op{
		Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Amount: amount, Target: target, Advised: true,
		RRN: rrn,
	}
}

func increment(state payment.State) payment.Op {
	return payment.Op{Kind: payment.KindIncrement, State: state, Amount: 655, Target: payment.NoTarget}
}

func refund(state payment.State) payment.Op {
	return payment.Op{
		Kind: payment.KindRefund, State: state, Amount: 300, Target: payment.NoTarget, Number: 1, Date: 20261122, ARN: arn,
	}
}

func reverse(amount, stays int64) payment.Op {
	return payment.Op{
		Kind: payment.KindReverse, State: payment.StatePending, Amount: amount, Stays: stays, Target: payment.NoTarget,
		RRN: firstRRN,
	}
}

func void(target int) payment.Op {
	return payment.Op{Kind: payment.KindVoid, State: payment.StatePending, Amount: 12345, Target: target, RRN: firstRRN}
}

// request is what the gateway sends with a first request: all that is used and forgotten.
func request(change ...func(*api.Request)) *api.Request {
	r := &api.Request{Card: api.Card{Number: card.PAN, Expiry: card.Expiry, CVC: "847"}}
	for _, c := range change {
		c(r)
	}
	return r
}

func everything(r *api.Request) {
	r.Partial = true
	r.NetworkID = "NET4711"
	r.ThreeDS = api.ThreeDS{
		Version: "2.2.0", ECI: "05", CAVV: "AAABBIIFmAAAAAAAAAAAAAAAAAA=",
		DSTransactionID: "f25084f0-5b16-4c0a-ae5d-b24808a95e4b",
	}
	r.Address = api.Address{Line: "12 High Street", PostalCode: "10115", Country: "DE"}
}

// built is one message: operation op of a payment.
type built struct {
	p   *payment.Payment
	op  int
	req *api.Request
}

// last is the last operation of a payment, an advice or a later request.
func last(p *payment.Payment) built { return built{p: p, op: len(p.Ops) - 1} }

func entered(p *payment.Payment, e api.Entry) *payment.Payment {
	p.Entry, p.ECI = uint8(e), ""
	return p
}

func cases() map[string]built {
	auth := root(payment.KindAuthorize)
	pending := unapproved(auth, payment.StatePending)
	unknown := unapproved(auth, payment.StateUnknown)
	sale := root(payment.KindSale)
	chip := entered(made(pending), api.EntryChip)
	chip.Sequence = "1"
	stored := entered(made(pending), api.EntryStored)
	stored.Initiator = uint8(api.InitiatorMerchant)
	voice := root(payment.KindVoice)
	credit := root(payment.KindCredit)
	unanswered := func(p *payment.Payment) built {
		b := last(p)
		op := &p.Ops[b.op]
		op.State, op.Advised = payment.StateQueued, true
		return b
	}
	return map[string]built{
		"authorize":            {made(pending), 0, request()},
		"authorize-everything": {made(pending), 0, request(everything)},
		"authorize-chip":       {chip, 0, request(func(r *api.Request) { r.EMV, r.Card.CVC = "9F26081122334455667788", "" })},
		"authorize-stored":     {stored, 0, request(func(r *api.Request) { r.Card.CVC, r.NetworkID = "", "NET4711" })},
		"authorize-magstripe": {entered(made(pending), api.EntryMagstripe), 0, request(func(r *api.Request) {
			r.Card.Track2, r.Card.CVC = "4111111111111111D30121010000000000", ""
		})},
		"authorize-moto": {entered(made(pending), api.EntryMOTO), 0, request()},
		"verify":         {made(unapproved(root(payment.KindVerify), payment.StatePending)), 0, request()},
		"sale":           {made(unapproved(sale, payment.StatePending)), 0, request()},
		"stand-in": last(made(payment.Op{
			Kind: payment.KindStandIn, State: payment.StateQueued, Amount: 12345, Granted: 12345, Target: payment.NoTarget,
			AuthCode: "000001", Advised: true,
		})),
		"increment":      last(made(auth, increment(payment.StatePending))),
		"refund":         last(made(auth, capture(12345, 1), refund(payment.StatePending))),
		"credit":         {made(unapproved(credit, payment.StatePending)), 0, request()},
		"capture-first":  last(made(auth, capture(5000, 1))),
		"capture-second": last(made(auth, capture(5000, 1), capture(345, 2))),
		"capture-final":  last(made(auth, func() payment.Op { c := capture(5000, 1); c.Final = true; return c }())),
		"capture-voice":  last(made(voice, capture(12345, 1))),
		"release": last(made(auth, capture(5000, 1), payment.Op{
			Kind: payment.KindRelease, State: payment.StateQueued, Amount: 7345, Stays: 5000, Target: payment.NoTarget,
			Advised: true, RRN: firstRRN,
		})),
		"reverse-all":         last(made(auth, reverse(12345, 0))),
		"reverse-part":        last(made(auth, reverse(5000, 7345))),
		"reverse-continued":   unanswered(made(auth, reverse(5000, 7345))),
		"void-sale":           last(made(sale, void(0))),
		"void-sale-continued": unanswered(made(sale, void(0))),
		"void-capture":        last(made(auth, capture(12345, 1), void(1))),
		"timeout-authorize":   last(made(unknown, timeoutReversal(0, 12345, firstRRN))),
		"timeout-sale":        last(made(unapproved(sale, payment.StateUnknown), timeoutReversal(0, 12345, firstRRN))),
		"timeout-increment":   last(made(auth, increment(payment.StateUnknown), timeoutReversal(1, 655, "632510000001"))),
		"timeout-refund": last(made(
			auth, capture(12345, 1), refund(payment.StateUnknown), timeoutReversal(2, 300, "632510000002"),
		)),
		"timeout-credit":   last(made(unapproved(credit, payment.StateUnknown), timeoutReversal(0, 12345, firstRRN))),
		"partial-unwanted": last(made(unapproved(auth, payment.StateDeclined), timeoutReversal(0, 6173, firstRRN))),
	}
}

func builder(t *testing.T) *message.Builder {
	t.Helper()
	profile := merchant.DefaultProfile()
	profile.ID, profile.Name, profile.City, profile.Country = "M1", "Lamps & Shades", "Berlin", "DEU"
	directory, err := merchant.NewDirectory([]merchant.Profile{profile}, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	return &message.Builder{AcquirerID: "400001", Unrecorded: "400001", Merchants: directory}
}

// lines are a message's values, a DE a line, and the tags of DE48.
func lines(t *testing.T, m *spec.Message) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, m.MTI())
	m.Fields(func(de int, value []byte) bool {
		if de != 48 {
			fmt.Fprintf(&b, "%3d %s\n", de, strings.ReplaceAll(string(value), " ", "·"))
			return true
		}
		for rest := value; len(rest) > 0; {
			var n int
			if _, err := fmt.Sscanf(string(rest[2:4]), "%2d", &n); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, " 48 %s %s\n", rest[:2], rest[4:4+n])
			rest = rest[4+n:]
		}
		return true
	})
	return b.String()
}

// The messages of docs/iso8583.md, one a kind, with all their values.
func TestMessages(t *testing.T) {
	all := cases()
	datadriven.RunTest(t, "testdata/messages", func(t *testing.T, d *datadriven.TestData) string {
		c, known := all[d.Cmd]
		if !known {
			t.Fatalf("%s: no such case", d.Pos)
		}
		delete(all, d.Cmd)
		var m spec.Message
		if err := builder(t).Build(&m, c.p, c.op, card, c.req, false); err != nil {
			return err.Error() + "\n"
		}
		return lines(t, &m)
	})
	for name := range all {
		t.Errorf("%s is not in testdata/messages", name)
	}
}

// A repeat differs from the first sending in its MTI only, and so does the 0420 that goes on from a 0400.
func TestRepeats(t *testing.T) {
	all := cases()
	build := func(c built, repeat bool) (mti, rest string) {
		var m spec.Message
		if err := builder(t).Build(&m, c.p, c.op, card, nil, repeat); err != nil {
			t.Fatal(err)
		}
		mti, rest, _ = strings.Cut(lines(t, &m), "\n")
		return mti, rest
	}
	for name, mtis := range map[string]string{
		"stand-in": "0120 0121", "capture-first": "0220 0221", "capture-final": "0220 0221", "capture-voice": "0220 0221",
		"release": "0420 0421", "void-capture": "0420 0421", "timeout-authorize": "0420 0421", "timeout-refund": "0420 0421",
		"partial-unwanted": "0420 0421", "reverse-continued": "0420 0421", "void-sale-continued": "0420 0421",
	} {
		first, a := build(all[name], false)
		again, b := build(all[name], true)
		if first+" "+again != mtis || a != b {
			t.Errorf("%s: %s then %s, want %s\n%s%s", name, first, again, mtis, a, b)
		}
	}
	for before, after := range map[string]string{"reverse-part": "reverse-continued", "void-sale": "void-sale-continued"} {
		first, a := build(all[before], false)
		next, b := build(all[after], false)
		if first != "0400" || next != "0420" || a != b {
			t.Errorf("%s: %s goes on as %s\n%s%s", before, first, next, a, b)
		}
	}
}

// What a payment recorded when it was made stands in each of its messages, whatever the config says by then: the
// acquirer in DE32 and DE90, the acceptor in DE43, the merchant category in DE18.
func TestRecordedOutlastsTheConfig(t *testing.T) {
	before := builder(t)
	merchants, err := merchant.NewDirectory(nil, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	after := &message.Builder{AcquirerID: "99999999999", Unrecorded: "888888", Merchants: merchants}
	for name, c := range cases() {
		before.Record(c.p, before.Merchants.Lookup(c.p.Merchant))
		var first, later spec.Message
		if err := before.Build(&first, c.p, c.op, card, c.req, false); err != nil {
			t.Fatal(err)
		}
		if err := after.Build(&later, c.p, c.op, card, c.req, false); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a, b := lines(t, &first), lines(t, &later); a != b {
			t.Errorf("%s: was\n%s\nis under another config\n%s", name, a, b)
		}
	}
	// A payment from before: the acquirer that the journal remembers, and a profile of today.
	old := cases()["capture-first"]
	var m spec.Message
	if err := after.Build(&m, old.p, old.op, card, nil, false); err != nil {
		t.Fatal(err)
	}
	name := merchants.Fallback(old.p.Merchant).NameLocation()
	if got := m.String(90); m.String(32) != "888888" || got[20:31] != "00000888888" || m.String(43) != name {
		t.Errorf("DE32 %s, DE90 %s, DE43 %q", m.String(32), got, m.String(43))
	}
}

// Each message is the same after a way through the bytes of each dialect of its edition.
func TestRoundTrip(t *testing.T) {
	for _, dialect := range spec.Stock() {
		codec := spec.MustCodec(dialect)
		if codec.Version() != spec.ISO1987 {
			continue
		}
		for name, c := range cases() {
			var m, back spec.Message
			if err := builder(t).Build(&m, c.p, c.op, card, c.req, false); err != nil {
				t.Fatal(err)
			}
			frame, err := codec.PackFrame(nil, &m)
			if err != nil {
				t.Errorf("%s %s: %v", dialect, name, err)
				continue
			}
			if err := codec.Unpack(frame[spec.LengthHeader:], &back); err != nil {
				t.Errorf("%s %s: %v", dialect, name, err)
				continue
			}
			if strings.HasPrefix(dialect, spec.BCDDialect) || dialect == "iso87binary-jpos" { // they pack D and = alike
				m.Set(35, strings.ReplaceAll(m.String(35), "D", "="))
				if m.String(35) == "" {
					m.Unset(35)
				}
			}
			trim := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "·\n", "\n"), "·") }
			if a, b := trim(lines(t, &m)), trim(lines(t, &back)); a != b {
				t.Errorf("%s %s: was\n%s\nis\n%s", dialect, name, a, b)
			}
		}
	}
}

// What cannot be sent is refused by name.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*payment.Payment){
		"currency XXQ of payment P10000000001 is not known": func(p *payment.Payment) { p.Currency = "XXQ" },
		"operation voice of payment P10000000001 sends no message": func(p *payment.Payment) {
			p.Ops[0].Kind = payment.KindVoice
		},
	} {
		p := made(root(payment.KindAuthorize))
		change(p)
		var m spec.Message
		if err := builder(t).Build(&m, p, 0, card, nil, false); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
