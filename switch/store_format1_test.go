package txswitch_test

import (
	"errors"
	"testing"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/switchtest"
)

// storeOfFormat1 is a switch's data folder and its issuer's, as an older program left them on 2026-11-26: a day of
// every operation is written, the next one is open.
const (
	storeOfFormat1  = "testdata/store-format1"
	storeKeyFormat1 = "switchyard-key-1 6047f4bc 3ddZkeiPRoATj/XxghZ56MDDf9rI1nkxWmD2DVUbnYg=\n"
)

// What an older program stored goes on: it is captured, refunded and reversed, its day is closed, and the books agree.
func TestStoreOfFormat1(t *testing.T) {
	s := startRecorded(t, storeOfFormat1, time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC))
	s.AwaitReady()
	s.AwaitDrained()
	for _, step := range []struct {
		op      api.Op
		payment string
		amount  int64
	}{
		{api.OpCapture, "P10000000004", 700}, {api.OpCapture, "P10000000001", 200}, {api.OpRefund, "P10000000001", 300},
		{api.OpReverse, "P10000000009", 0},
	} {
		if a := s.Do(switchtest.On(step.op, step.op.String()+" "+step.payment, step.payment, step.amount)); !a.Approved {
			t.Errorf("%s of %s: %+v", step.op, step.payment, a)
		}
	}
	keysOfFormat1(t, s)
	s.Operator("POST", "/v1/cutover", nil)
	s.Audit()

	verifyRecorded(t, s)
}

// startRecorded starts a switch and its issuer on a copy of what an older program left in a folder, at a moment.
func startRecorded(t *testing.T, folder string, then time.Time) *switchtest.System {
	t.Helper()
	fs, issuer := vfs.NewCrashableMem(), vfs.NewMem()
	for _, c := range []struct {
		to        vfs.FS
		from, dir string
	}{{fs, "data", "switch"}, {fs, "data.mark", "switch.mark"}, {issuer, "issuer-data", "issuer"}} {
		there, err := vfs.Clone(vfs.Default, c.to, folder+"/"+c.from, c.dir)
		if err != nil || !there && c.from != "data.mark" { // the mark is younger than format 1
			t.Fatal(c.from, there, err)
		}
	}
	began := time.Now()
	return switchtest.Start(t, switchtest.Options{
		FS: fs, KeyText: storeKeyFormat1, IssuerFS: issuer, IssuerData: true,
		Wall: func() time.Time { return then.Add(time.Since(began)) },
	})
}

// verifyRecorded stops the switch and holds its journal against itself.
func verifyRecorded(t *testing.T, s *switchtest.System) {
	t.Helper()
	s.StopSwitch()
	j, err := pebble.Open(pebble.Options{
		FS: s.FS, Dir: "switch/journal", Node: 1, ReadOnly: true,
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Verify(func(problem string) bool { t.Error(problem); return true })
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

// keysOfFormat1 repeats what the older program served, one of each: the MAC of a body is what it was, so each is a
// repeat, and with another body a conflict.
func keysOfFormat1(t *testing.T, s *switchtest.System) {
	t.Helper()
	named := func(op api.Op, key, payment string, amount int64, change func(*api.Request)) api.Request {
		r := switchtest.On(op, key, payment, amount)
		if change != nil {
			change(&r)
		}
		return r
	}
	made := func(op api.Op, key string, amount int64, currency string, change func(*api.Request)) api.Request {
		r := switchtest.Authorize(key, amount)
		r.Op, r.Currency, r.Card = op, currency, api.Card{Number: "4000000000000002", Expiry: "2912"}
		if amount == 0 {
			r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldCurrency, api.FieldCard)
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	entry := func(e api.Entry) func(*api.Request) {
		return func(r *api.Request) { r.Entry, r.Present = e, r.Present.With(api.FieldEntry) }
	}
	for _, c := range []struct {
		payment string
		req     api.Request
	}{
		{"P10000000001", made(api.OpAuthorize, "k-auth", 10_000, "EUR", func(r *api.Request) {
			r.Reference, r.Present = "order-1", r.Present.With(api.FieldReference)
		})},
		{"P10000000001", named(api.OpCapture, "k-cap1", "P10000000001", 6_000, nil)},
		{"P10000000001", named(api.OpRefund, "k-ref1", "P10000000001", 1_500, nil)},
		{"P10000000003", made(api.OpSale, "k-sale", 700, "JPY", func(r *api.Request) {
			r.Merchant, r.Card.Number = "M2", "5100000000000008"
			entry(api.EntryContactless)(r)
		})},
		{"P10000000004", made(api.OpAuthorize, "k-auth-open", 5_000, "EUR", entry(api.EntryMOTO))},
		{"P10000000004", named(api.OpIncrement, "k-inc", "P10000000004", 500, nil)},
		{"P10000000006", made(api.OpVerify, "k-ver", 0, "EUR", nil)},
		{"P10000000008", made(api.OpCapture, "k-voice", 900, "EUR", func(r *api.Request) {
			r.AuthCode, r.Present = "123456", r.Present.With(api.FieldAuthCode)
		})},
		{"P10000000003", named(api.OpVoid, "k-void", "P10000000003", 0, nil)},
		{"P1000000000A", made(api.OpAuthorize, "k-final", 4_000, "EUR", func(r *api.Request) {
			r.Initiator, r.Present = api.InitiatorMerchant, r.Present.With(api.FieldInitiator)
		})},
		{"P1000000000A", named(api.OpCapture, "k-finalcap", "P1000000000A", 1_000, func(r *api.Request) {
			r.Final, r.Present = true, r.Present.With(api.FieldFinal)
		})},
		{"P10000000004", named(api.OpVoid, "k-void-cap", "P10000000004", 0, func(r *api.Request) {
			r.Capture, r.Present = "P10000000004-2", r.Present.With(api.FieldCapture)
		})},
		{"", api.Request{
			Op: api.OpReverse, Key: "k-burn", Merchant: "M1", OfKey: "never-sent",
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
		}},
	} {
		// A reversal of what never came is answered as often as it is asked; what it burned is a repeat of nothing.
		if a := s.Do(c.req); a.Err != nil || a.Replayed != (c.payment != "") || a.Payment != c.payment {
			t.Errorf("%s again: %+v", c.req.Key, a)
		}
		if c.payment == "" || c.req.Payment == "P10000000003" {
			continue // there is no body to compare; the other payments are another merchant's, who has keys of his own
		}
		other := c.req
		switch other.Payment {
		case "":
			other.Currency = "USD"
		case "P1000000000A":
			other.Payment = "P10000000004"
		default:
			other.Payment = "P1000000000A"
		}
		if a := s.Do(other); a.Err == nil || a.Err.Code != api.CodeConflict {
			t.Errorf("%s with another body: %+v", c.req.Key, a)
		}
	}
}
