package pebble

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Whatever it is that would break I7, a capture, a refund or a payment of the switch's own making: it is refused with
// nothing stored and its key free, and stored all the same where that is asked for. Both are an alarm.
func TestBrokenMoney(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	o := options(t, vfs.NewMem())
	o.Logger, o.Registerer = zap.New(core), prometheus.NewRegistry()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	commit(t, j, &journal.Transition{Payment: captured(1, 20261121)})
	of := func(target int, kind payment.Kind, amount int64) payment.Op {
		return payment.Op{Kind: kind, State: payment.StateApproved, Amount: amount, Granted: amount, Target: target}
	}
	for i, op := range []payment.Op{
		of(payment.NoTarget, payment.KindCapture, 1), of(payment.NoTarget, payment.KindRelease, 1),
		of(payment.NoTarget, payment.KindReverse, 1), of(payment.NoTarget, payment.KindRefund, 1001),
		of(1, payment.KindVoid, 1001), of(1, payment.KindVoidPresentment, 1001),
	} {
		p := captured(1, 20261121)
		p.Version, p.Ops = 2, append(p.Ops, op)
		var broken *journal.BrokenError
		if err := j.Commit(ctx, &journal.Transition{Payment: p, Keys: claim("k")}); !errors.As(err, &broken) {
			t.Errorf("%s of %d: %v", op.Kind, op.Amount, err)
		}
		if stored, err := j.Payment(ctx, p.ID); err != nil || stored.Version != 1 {
			t.Errorf("%s of %d: version %d is stored, %v", op.Kind, op.Amount, stored.Version, err)
		}
		if _, err := j.Key(ctx, "M1", "k"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s of %d: its key: %v", op.Kind, op.Amount, err)
		}
		alarms := logs.FilterMessage(journal.BrokenMoney).Len()
		if n := testutil.ToFloat64(j.money.Metric()); alarms != i+1 || int(n) != i+1 {
			t.Fatalf("%s of %d: %d alarms, %v counted, want %d", op.Kind, op.Amount, alarms, n, i+1)
		}
	}
	p := captured(1, 20261121)
	p.Version, p.Ops[1].Amount = 2, 1001
	commit(t, j, &journal.Transition{Payment: p, Keys: claim("k"), EvenBroken: true})
	if stored, err := j.Payment(ctx, p.ID); err != nil || stored.Version != 2 || stored.Invariant() == "" {
		t.Errorf("what was received: version %d is stored, %v", stored.Version, err)
	}
	if n := logs.FilterMessage(journal.BrokenMoney).FilterField(zap.Bool("committed", true)).Len(); n != 1 {
		t.Errorf("%d alarms of what was stored, want 1", n)
	}
}

// Nothing is allocated for a payment that is whole.
func TestCheckMoneyAllocates(t *testing.T) {
	j := open(t, vfs.NewMem())
	tr := &journal.Transition{Payment: captured(1, 20261121)}
	if n := testing.AllocsPerRun(100, func() { _ = j.money.Check(tr) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
