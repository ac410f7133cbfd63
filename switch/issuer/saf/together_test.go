package saf_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Advices that go together end apart: each as it was answered, whatever became of those beside it, also where its
// payment has changed meanwhile.
func TestEachOfABatchHasItsOwnEnd(t *testing.T) {
	const payments = 60
	var mu sync.Mutex
	asked := map[string]int{}
	allAsked := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(asked) == payments
	}
	answer := func(m *spec.Message) string {
		mu.Lock()
		defer mu.Unlock()
		rrn := m.String(37)
		asked[rrn]++
		amount, _ := m.Uint(4)
		switch amount % 4 {
		case 1:
			return "14"
		case 2:
			return []string{"96", "00"}[min(asked[rrn], 2)-1]
		case 3:
			return []string{"", "51"}[min(asked[rrn], 2)-1]
		}
		return "00"
	}
	counted(t, answer, func(t *testing.T, w *world, j *counting) {
		w.trip, j.takes = time.Second, time.Second
		w.far.SetDown(true)
		w.await("the link is down", func() bool { return !w.host.Ready() })
		all := make([]*payment.Payment, payments)
		for i := range all {
			all[i] = w.authorized()
			w.put(all[i], capture(int64(100+i)))
		}
		w.far.SetDown(false)
		w.await("all are at the issuer", func() bool { return w.host.Ready() && allAsked() })
		var add []func(bool)
		for i, p := range all {
			if i%3 == 0 { // and changes while its advice is there
				add = append(add, w.commit(p, capture(400)))
			}
		}
		for _, a := range add {
			a(false)
		}
		w.drained()
		reasons := map[payment.ID]string{}
		w.must(w.queue.List(t.Context(), func(r journal.SAFRow) bool {
			reasons[r.Payment] += fmt.Sprintf("%v %s", r.Parked, r.Reason)
			return true
		}))
		for i, p := range all {
			want, reason := "approved", ""
			switch i % 4 {
			case 1:
				want, reason = "parked", "true response code 14"
			case 3:
				want, reason = "parked", "true response code 51"
			}
			if i%3 == 0 {
				want += " approved"
			}
			if got := w.states(p); got != want || reasons[p.ID] != reason {
				t.Errorf("payment %d: %s, %q in the queue, want %s, %q", i, got, reasons[p.ID], want, reason)
			}
		}
		if queued, parked := w.queue.Counts(); queued != 0 || parked != payments/2 {
			t.Errorf("%d queued, %d parked", queued, parked)
		}
	})
}

// counting counts what goes to a journal.
type counting struct {
	journal.Journal
	reads, commits, batches atomic.Int64
	takes, readTakes        time.Duration // a batch, a read
}

func (c *counting) Payment(ctx context.Context, id payment.ID) (*payment.Payment, error) {
	c.reads.Add(1)
	time.Sleep(c.readTakes)
	return c.Journal.Payment(ctx, id)
}

func (c *counting) Commit(ctx context.Context, t *journal.Transition) error {
	c.commits.Add(1)
	return c.Journal.Commit(ctx, t)
}

func (c *counting) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	c.batches.Add(1)
	time.Sleep(c.takes)
	c.Journal.CommitAll(ctx, ts, errs)
}

// counted tests something on a journal that counts.
func counted(t *testing.T, answer func(m *spec.Message) string, test func(t *testing.T, w *world, j *counting)) {
	t.Helper()
	j := &counting{}
	over := func(real journal.Journal) journal.Journal {
		j.Journal = real
		return j
	}
	runWith(t, &world{answer: answer, over: over}, func(t *testing.T, w *world) { test(t, w, j) })
}

// What is answered while others are being committed is committed together.
func TestAnswersGoTogether(t *testing.T) {
	const payments = 200
	counted(t, approveAll, func(t *testing.T, w *world, j *counting) {
		w.trip, j.takes = time.Second, time.Second
		add := make([]func(bool), payments)
		for i := range add {
			add[i] = w.commit(w.authorized(), capture(1))
		}
		time.Sleep(time.Second) // the queue has seen by now that there is a link
		for _, a := range add {
			a(false)
		}
		w.drained()
		// The first ones to come are two batches, which may be on their way at once; all others come meanwhile.
		if n := j.batches.Load(); n > 4 || j.commits.Load() != 0 {
			t.Errorf("%d batches and %d single commits for %d answers of one moment", n, j.commits.Load(), payments)
		}
	})
}

// A payment that is handed over with its row is not read again, nor for the advices behind it; what has become of it
// meanwhile is not lost.
func TestPaymentInHand(t *testing.T) {
	counted(t, approveAll, func(t *testing.T, w *world, j *counting) {
		p := w.authorized()
		ofHand := w.commitOne(p, capture(100))
		ofHand()
		w.drained()
		if n := j.reads.Load(); n != 0 {
			t.Errorf("read %d times", n)
		}
		old := w.commitOne(w.now(p), capture(200)) // with the payment as it is before the next capture
		newer := w.commitOne(w.now(p), capture(300))
		old()
		newer()
		w.drained()
		if got := w.states(p); got != "approved approved approved" {
			t.Error(got)
		}
		w.wantSeen(`
			0220 A00000000001 amount 100
			0220 A00000000001 amount 200
			0220 A00000000001 amount 300`)
	})
}

// A disk that takes its time for each read does many at once: the advices of a batch do not wait for each other's.
func TestReadsThatTakeTime(t *testing.T) {
	const payments = 40
	counted(t, approveAll, func(t *testing.T, w *world, j *counting) {
		add := make([]func(bool), payments)
		for i := range add {
			add[i] = w.commit(w.authorized(), capture(1))
		}
		time.Sleep(time.Second) // the queue has seen by now that there is a link
		j.readTakes = time.Second
		begun := time.Now()
		for _, a := range add {
			a(false)
		}
		w.drained()
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%d reads of a second each took %v", payments, took)
		}
		if n := strings.Count(w.seen(), "0220"); n != payments {
			t.Errorf("%d were sent", n)
		}
	})
}

// An advice whose payment is in use waits by itself, before it is sent and before its end is stored.
func TestNobodyWaitsForAnother(t *testing.T) {
	run(t, approveAll, func(t *testing.T, w *world) {
		var all []*payment.Payment
		for range 6 {
			all = append(all, w.authorized())
		}
		release, err := w.turns.Take(t.Context(), all[0].ID)
		w.must(err)
		unlock := w.turns.Lock(all[1].ID)
		for _, p := range all {
			w.commit(p, capture(100))(false)
		}
		w.await("the others are through", func() bool { queued, _ := w.queue.Counts(); return queued == 2 })
		if got := strings.Count(w.seen(), "0220"); got != 5 {
			t.Errorf("%d were sent, want all but the one without its turn", got)
		}
		release()
		w.await("it has its turn", func() bool { queued, _ := w.queue.Counts(); return queued == 1 })
		unlock()
		w.drained()
		w.wantSeen("0220 A00000000001 amount 100")
		for i, p := range all {
			if got := w.states(p); got != "approved" {
				t.Errorf("payment %d: %s", i, got)
			}
		}
	})
}

// More than the link has room for wait for their slots, each by itself, and all get one.
func TestFewSlots(t *testing.T) {
	const payments, slots = 40, 4
	var atOnce, most atomic.Int64
	w := &world{slots: slots, trip: time.Second}
	w.answer = func(*spec.Message) string {
		most.Store(max(most.Load(), atOnce.Add(1)))
		time.AfterFunc(w.trip-time.Millisecond, func() { atOnce.Add(-1) })
		return "00"
	}
	runWith(t, w, func(t *testing.T, w *world) {
		for range payments {
			w.put(w.authorized(), capture(100))
		}
		w.drained()
		if n := most.Load(); n != slots*3/4 {
			t.Errorf("%d at once, want three quarters of %d slots", n, slots)
		}
		if got := strings.Count(w.seen(), "0220"); got != payments {
			t.Errorf("%d were sent", got)
		}
	})
}

// Close waits for no issuer: what is not answered is given up, stays durable, and is repeated by the next start.
func TestCloseGivesUp(t *testing.T) {
	var silent atomic.Bool
	silent.Store(true)
	run(t, func(*spec.Message) string {
		if silent.Load() {
			return ""
		}
		return "00"
	}, func(t *testing.T, w *world) {
		p, waits := w.authorized(), w.authorized()
		release, err := w.turns.Take(t.Context(), waits.ID)
		w.must(err)
		w.put(p, capture(100))
		w.put(waits, capture(200))
		time.Sleep(time.Second) // the queue has seen by now that there is a link
		begun := time.Now()
		w.stop()
		release()
		if took := time.Since(begun); took >= deadline {
			t.Errorf("closing took %v", took)
		}
		w.wantSeen("0220 A00000000001 amount 100")
		silent.Store(false)
		w.start(saf.Options{})
		w.drained()
		if w.states(p) != "approved" || w.states(waits) != "approved" {
			t.Errorf("%s, %s", w.states(p), w.states(waits))
		}
		if got := w.seen(); !strings.Contains(got, "0221 A00000000001 amount 100") {
			t.Errorf("the issuer received\n%s", got)
		}
	})
}
