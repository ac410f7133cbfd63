package flow

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/spec"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/turn"
)

// An answer whose consequence breaks I7 is recorded without it: an approved request is undone like one
// without an answer, a reversal waits for a person.
func TestAnswerThatBreaksMoney(t *testing.T) {
	j := memory.NewStore().Open(nil, zap.NewNop())
	defer j.Close()
	const date = payment.Date(20261121)
	if err := j.Cutover(context.Background(), 0, date); err != nil {
		t.Fatal(err)
	}
	stream, err := identity.NewAllocator(j, 1, nil).Stream("400001", "issuer")
	if err != nil {
		t.Fatal(err)
	}
	issuers := map[string]*exchange.Issuer{"issuer": {Name: "issuer", Stream: stream}}
	queue := saf.New(saf.Options{
		Journal: j, Issuers: issuers, Turns: &turn.Table{}, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
	}) // not started: nothing is sent
	merchants, err := merchant.NewDirectory(nil, false, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	f := New(Options{
		Journal: j, Issuers: issuers, SAF: queue, Merchants: merchants, Logger: zap.NewNop(),
		Registerer: prometheus.NewRegistry(),
	})

	for n, c := range []struct {
		what    string
		kind    payment.Kind
		amount  int64
		broken  bool // the payment is, before
		state   payment.State
		appends int // operations
		parked  bool
	}{
		// Faults that no check has: a refund for more than was asked for, a reversal of what is captured.
		{"a refund", payment.KindRefund, 500, false, payment.StateUnknown, 1, false},
		{"a reversal", payment.KindReverse, 500, true, payment.StateParked, 0, true},
	} {
		at := time.Now().UTC()
		op := func(kind payment.Kind, state payment.State, amount int64) payment.Op {
			return payment.Op{
				Kind: kind, State: state, Amount: amount, Target: payment.NoTarget, At: at, Host: "issuer", RRN: "R", Date: date,
			}
		}
		p := &payment.Payment{
			ID: payment.NewID(1, uint64(n+1)), Version: 1, Merchant: "M1", Route: "visa", Currency: "EUR", Created: at,
		}
		p.Ops = []payment.Op{
			op(payment.KindAuthorize, payment.StateApproved, 1000), op(payment.KindCapture, payment.StateQueued, 1000),
			op(c.kind, payment.StatePending, c.amount),
		}
		p.Ops[0].Granted = 1000
		intent := &journal.Transition{Payment: p, Opens: []int{2}, EvenBroken: c.broken}
		if err := j.Commit(context.Background(), intent); err != nil {
			t.Fatalf("%s: its intent: %v", c.what, err)
		}
		before := p.Sums()
		var call exchange.Call
		var response spec.Message
		code := "00"
		if c.kind == payment.KindRefund {
			code = "10"
			response.Set(4, "000000002000")
		}
		response.Set(39, code)
		call.Read(&response)
		if err := f.concludeOne(context.Background(), p, 2, &reply{call: &call, partial: true}); err != nil {
			t.Fatalf("%s: its outcome: %v", c.what, err)
		}
		stored, err := j.Payment(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		got := stored.Ops[2]
		if got.State != c.state || got.ResponseCode != code || stored.Sums() != before || len(stored.Ops) != 3+c.appends {
			t.Errorf("%s: %s with %q and %d operations, the sums %+v, were %+v",
				c.what, got.State, got.ResponseCode, len(stored.Ops), stored.Sums(), before)
		}
		last := len(stored.Ops) - 1
		reversal := stored.Ops[last]
		if c.appends > 0 && (reversal.Kind != payment.KindTimeoutReversal || reversal.Target != 2 || reversal.RRN != "R") {
			t.Errorf("%s: its reversal is %+v", c.what, reversal)
		}
		rows := 0
		err = j.SAF(t.Context(), "issuer", 0, func(r journal.SAFRow) bool {
			if r.Payment == p.ID {
				rows++
				if r.Op != last || r.Parked != c.parked {
					t.Errorf("%s: the row is %+v", c.what, r)
				}
			}
			return true
		})
		if err != nil || rows != 1 {
			t.Errorf("%s: %d rows, %v", c.what, rows, err)
		}
		const want = "the switch could not take the issuer's approval: it breaks a money invariant; " +
			"the request is being reversed"
		if a := answer(stored, 2, at); c.appends > 0 && (a.Approved || a.Reason != want) {
			t.Errorf("%s is answered approved %t: %s", c.what, a.Approved, a.Reason)
		}
	}
}
