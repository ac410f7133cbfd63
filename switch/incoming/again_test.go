package incoming_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

var errCrash = errors.New("crash")

// stopsAt gives the desk a file, and lets the journal fail from a write on.
func (b *bench) stopsAt(write int, text []byte) {
	b.t.Helper()
	n := 0
	b.refuse = func() error {
		if n++; n >= write {
			return errCrash
		}
		return nil
	}
	_, err := b.receive(text)
	b.refuse = nil
	if !errors.Is(err, errCrash) {
		b.t.Fatalf("the file was not stopped: %v", err)
	}
}

// What a record is booked on is what it is about, also where it could be about another presentment by then.
func TestWhatIsBookedWins(t *testing.T) {
	b := newBench(t)
	text := file(t, theirs, false, chargeback("", rrn(1), smaller))
	b.stopsAt(3, text) // the file is known, the chargeback booked; how far it has got is not written
	p := b.payment(1)
	p.Version++
	p.Ops = append(p.Ops, payment.Op{
		Kind: payment.KindCapture, State: payment.StateApproved, Amount: smaller, Granted: smaller,
		Target: payment.NoTarget, RRN: rrn(1), ARN: arn(t, 13), Date: date.Next(), At: date.Time(),
	})
	row := journal.Presentment{PresentmentRef: presentment.RefOf(p, len(p.Ops)-1, date.Next())}
	must(t, b.journal.Commit(ctx, &journal.Transition{Payment: p, Present: []journal.Presentment{row}}))
	b.open()
	if r := b.received(text); r.ChargedBack != 1 || r.Exceptions != 0 {
		t.Errorf("%+v: %+v", r, b.exceptions())
	}
	if got := b.payment(1).Sums().ChargedBack; got != smaller {
		t.Errorf("charged back are %d", got)
	}
}

// A settlement that was begun is gone on with, whatever was rejected between: what it says was true when it was judged.
func TestSettlementThatWasBegun(t *testing.T) {
	b := newBench(t)
	text := file(t, theirs, false, settlement(ourFile, 5*original+smaller, original))
	b.stopsAt(3, text) // one payment is settled
	rejected := 0
	for number := 1; number <= 3; number++ {
		if b.payment(number).Presentment(1) == payment.PresentmentSent {
			rejected = number
		}
	}
	b.open()
	b.received(file(t, next(2), false, reject(ourFile, arn(t, uint64(10*rejected+1)), rrn(rejected))...))
	if r := b.received(text); r.Settled != 6 || r.Exceptions != 0 {
		t.Errorf("%+v: %+v", r, b.exceptions())
	}
	if strings.Count(b.states(), "settled") != 6 || b.payment(rejected).Presentment(1) != payment.PresentmentRejected {
		t.Error(b.states())
	}
}

// Each presentment that a record about a file does not move is told, and of very many the first hundred.
func TestEachUnmovedIsTold(t *testing.T) {
	const payments = 60
	b := newBenchOf(t, payments)
	all := settlement(ourFile, 2*payments*original-(original-smaller), original)
	b.received(file(t, theirs, false, all))
	r := b.received(file(t, next(2), false, all))
	found := b.exceptions()
	if r.Exceptions != 101 || len(found) != 101 || r.Settled != 0 {
		t.Fatalf("%+v: %+v", r, found)
	}
	told := map[string]bool{}
	for _, e := range found[:100] {
		if told[e.ARN] = true; e.Payment == "" || e.Amount == 0 || e.Card != masked || e.Record != 2 ||
			!strings.Contains(e.Why, "settled already") {
			t.Errorf("%+v", e)
		}
	}
	last := found[100].Why
	if want := fmt.Sprintf("%d presentments of file %s", 2*payments+1, ourFile); len(told) != 100 ||
		!strings.HasPrefix(last, want) {
		t.Errorf("%d are told, then %s", len(told), last)
	}
}

// Records about whole files cost neither a commit nor a walk each, and a file has so many at most.
func TestManyRecordsAboutFiles(t *testing.T) {
	b := newBench(t)
	var unknown, wrong []*clearing.Message
	for n := range 10_001 {
		unknown = append(unknown, settlement("0022611210000040000100009", 0, 0))
		wrong = append(wrong, settlement(ourFile, int64(n), 0))
	}
	writes := b.writes
	_, err := b.receive(file(t, theirs, false, unknown...))
	var refused *incoming.RefusedError
	if !errors.As(err, &refused) || b.writes != writes ||
		!strings.Contains(err.Error(), "10001 records about whole files (1644/685, 1644/699): expected 10000 at most") {
		t.Errorf("too many: %v", err)
	}
	b.scans = 0
	r := b.received(file(t, theirs, false, append(unknown[:3000:3000], wrong[:3000]...)...))
	if r.Exceptions != 6000 || b.scans != 1 || b.writes-writes > 20 {
		t.Errorf("%+v: %d walks, %d writes", r, b.scans, b.writes-writes)
	}
	b.expect(untouched)
}

// What the metrics count is what was booked, once.
func TestMetricsCountOnce(t *testing.T) {
	b := newBench(t)
	text := file(t, theirs, false, chargeback(arn(t, 11), rrn(1), original), chargeback(arn(t, 99), rrn(7), 1))
	b.stopsAt(4, text) // the chargeback and the list of exceptions are written, how far the file has got is not
	b.received(text)
	families, err := b.registry.Gather()
	must(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	if got["chargeback"] != 1 || got["exception"] != 1 || got["taken"] != 1 {
		t.Errorf("counted are %v", got)
	}
}

// What answers files that were sent under an earlier processor id is taken.
func TestEarlierProcessorID(t *testing.T) {
	b := newBench(t)
	b.processor = "500002"
	b.open()
	if r := b.received(answer(t)); r.Settled != 6 {
		t.Errorf("%+v", r)
	}
	b.expect(answered)
	_, err := b.receive(file(t, "0012611220000060000300001", false))
	if err == nil || !strings.Contains(err.Error(), "it is for the member 00000600003: expected 00000500002") {
		t.Error(err)
	}
}
