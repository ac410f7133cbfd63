// Package journaltest is what every engine of package journal must pass: all that commits and reads promise.
package journaltest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Open opens a store's journal, the first time a new one, and after each Close the same again. The journal is closed at
// the end of the test at the latest.
type Open func(t *testing.T) journal.Journal

// Store makes a new store.
type Store func(t *testing.T) Open

// Run holds an engine against the contract. Its journals are of node 1 and their clock is the machine's.
func Run(t *testing.T, store Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, store Store)
	}{
		{"CommitAndRead", commitAndRead},
		{"Metas", metas},
		{"CommitAll", commitAll},
		{"CommitAllAsCommit", commitAllAsCommit},
		{"CommitAllOfMany", commitAllOfMany},
		{"Versions", versions},
		{"BadTransitions", badTransitions},
		{"CanceledContext", canceledContext},
		{"ByReference", byReference},
		{"PaymentsInOrder", paymentsInOrder},
		{"Walk", walk},
		{"KeyTaken", keyTaken},
		{"BurnKey", burnKey},
		{"ConcurrentClaims", concurrentClaims},
		{"ConcurrentSlices", concurrentSlices},
		{"SweepKeys", sweepKeys},
		{"SAF", saf},
		{"SAFConcurrentScan", safConcurrentScan},
		{"Reserve", reserve},
		{"ReserveConcurrent", reserveConcurrent},
		{"Days", days},
		{"Presentments", presentments},
		{"Amend", amend},
		{"CapturesRaceWithSealing", capturesRaceWithSealing},
		{"OpenIntents", openIntents},
		{"BrokenMoney", brokenMoney},
		{"Past", past},
		{"Held", held},
		{"Events", eventsInOrder},
		{"Timers", timers},
		{"Acts", acts},
		{"EndedContext", endedContext},
		{"Closed", closed},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, store) })
	}
}

var ctx = context.Background()

const day1, day2, day3 = payment.Date(20261121), payment.Date(20261122), payment.Date(20261123)

// Fresh is a new payment with a pending authorization.
func Fresh(n uint64) *payment.Payment {
	at := time.Date(2026, 11, 21, 10, 0, 0, int(n), time.UTC)
	return &payment.Payment{
		ID: payment.NewID(1, n), Version: 1, Merchant: "M1", Terminal: "T1", Currency: "EUR", Route: "visa", Created: at,
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 1000, Target: payment.NoTarget, At: at,
		}},
	}
}

// Captured is Fresh with an accepted capture, as one new payment.
func Captured(n uint64, date payment.Date) *payment.Payment {
	p := Fresh(n)
	p.Ops[0].State, p.Ops[0].Granted = payment.StateApproved, 1000
	p.Ops = append(p.Ops, payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Amount: 1000, Target: payment.NoTarget, Number: 1,
		Date: date, ARN: "arn", At: p.Created,
	})
	return p
}

// Presented is the presentment of an operation.
func Presented(p *payment.Payment, op int) journal.Presentment {
	return journal.Presentment{PresentmentRef: Ref(p, op), Data: []byte("data")}
}

// Ref names the presentment of an operation.
func Ref(p *payment.Payment, op int) journal.PresentmentRef {
	return journal.PresentmentRef{Date: p.Ops[op].Date, Destination: p.Route, Payment: p.ID, Op: op}
}

func commit(t testing.TB, j journal.Journal, tr *journal.Transition) {
	t.Helper()
	if err := j.Commit(ctx, tr); err != nil {
		t.Fatalf("Commit of %s version %d: %v", tr.Payment.ID, tr.Payment.Version, err)
	}
}

// Claim claims a key of the payments' merchant.
func Claim(key string) []journal.KeyClaim {
	return []journal.KeyClaim{{Merchant: "M1", Key: key, MAC: [16]byte{1}}}
}

// What was open when the journal was closed is listed by the next start, in the order in which it was opened.
func openIntents(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	for n := uint64(1); n <= 6; n++ {
		commit(t, j, &journal.Transition{Payment: Fresh(n), Opens: []int{0}})
	}
	for _, n := range []uint64{1, 2, 4} {
		p := Fresh(n)
		p.Version = 2
		commit(t, j, &journal.Transition{Payment: p, Closes: []int{0}})
	}
	if open, err := j.OpenIntents(ctx); err != nil || len(open) != 0 {
		t.Errorf("open intents of a new journal: %v, %v", open, err)
	}
	for range 3 { // restarts change nothing
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t)
		open, err := j.OpenIntents(ctx)
		want := []journal.IntentRef{{Payment: Fresh(3).ID}, {Payment: Fresh(5).ID}, {Payment: Fresh(6).ID}}
		if err != nil || !slices.Equal(open, want) {
			t.Errorf("open intents: %v, %v", open, err)
		}
	}
}

// I7: what would break it is refused with nothing stored and its key free, and stored where that is asked for.
func brokenMoney(t *testing.T, store Store) {
	j := store(t)(t)
	commit(t, j, &journal.Transition{Payment: Captured(1, day1)})
	p := Captured(1, day1)
	p.Version, p.Ops[1].Amount = 2, 1001
	var broken *journal.BrokenError
	if err := j.Commit(ctx, &journal.Transition{Payment: p, Keys: Claim("k")}); !errors.As(err, &broken) {
		t.Errorf("a capture of more than was authorized: %v", err)
	}
	if stored, err := j.Payment(ctx, p.ID); err != nil || stored.Version != 1 {
		t.Errorf("stored: %+v, %v", stored, err)
	}
	if _, err := j.Key(ctx, "M1", "k"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("its key: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: p, Keys: Claim("k"), EvenBroken: true})
	if stored, err := j.Payment(ctx, p.ID); err != nil || stored.Version != 2 || stored.Invariant() == "" {
		t.Errorf("what was received: %+v, %v", stored, err)
	}
}

// A read that iterates ends with its context.
func endedContext(t *testing.T, store Store) {
	j := store(t)(t)
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); n <= 2; n++ {
		p := Captured(n, day1)
		commit(t, j, &journal.Transition{
			Payment: p, Present: []journal.Presentment{Presented(p, 1)}, Events: []journal.Event{{Kind: 1}},
			Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Op: 1}},
		})
		if _, err := j.Append(ctx, act("x")); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	read := 0
	next := func() bool { read++; cancel(); return true }
	for name, iterate := range map[string]func() error{
		"Payments": func() error {
			return j.Payments(ended, payment.ID{}, func(*payment.Payment) bool { return next() })
		},
		"SAF":  func() error { return j.SAF(ended, "a", 0, func(journal.SAFRow) bool { return next() }) },
		"Acts": func() error { return j.Acts(ended, 0, func(journal.Act) bool { return next() }) },
		"Presentments": func() error {
			return j.Presentments(ended, day1, func(journal.Presentment) bool { return next() })
		},
		"Events": func() error {
			_, err := j.Events(ended, 0, func(journal.Event) bool { return next() })
			return err
		},
	} {
		ended, cancel = context.WithCancel(ctx)
		read = 0
		if err := iterate(); !errors.Is(err, context.Canceled) || read != 1 {
			t.Errorf("%s: %d were read, %v", name, read, err)
		}
	}
	cancel()
}

// A closed journal takes nothing and shows nothing.
func closed(t *testing.T, store Store) {
	j := store(t)(t)
	commit(t, j, &journal.Transition{Payment: Fresh(1)})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, reserved := j.Reserve(ctx, "c", 1)
	_, read := j.Payment(ctx, Fresh(1).ID)
	_, key := j.Key(ctx, "M1", "k")
	slice := all(ctx, j, []*journal.Transition{{}, {Payment: Fresh(3)}})
	if slice[0] == nil || errors.Is(slice[0], journal.ErrClosed) {
		t.Errorf("CommitAll of what no journal takes: %v", slice[0])
	}
	for name, err := range map[string]error{
		"CommitAll": slice[1],
		"Commit":    j.Commit(ctx, &journal.Transition{Payment: Fresh(2)}), "Reserve": reserved, "Payment": read, "Key": key,
		"Payments": j.Payments(ctx, payment.ID{}, func(*payment.Payment) bool { return true }), "Close": j.Close(),
	} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
