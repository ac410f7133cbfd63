package saf_test

import (
	"context"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// An advice's answer is recorded even if its payment breaks I7: the sums stay, the advice is parked, and a person can
// end it.
func TestAnswerToABrokenPayment(t *testing.T) {
	run(t, approveAll, func(t *testing.T, w *world) {
		p := w.authorized()
		p.Version = 1
		op := capture(1500) // of 1000
		op.State, op.Advised, op.At, op.RRN = payment.StateQueued, true, time.Now().UTC(), p.Ops[0].RRN
		w.must(w.issuer.Identify(context.Background(), &op))
		p.Ops = append(p.Ops, op)
		tr := &journal.Transition{
			Payment: p, EvenBroken: true,
			Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "issuer"}, Payment: p.ID, Op: 1, Node: 1, Queued: time.Now()}},
		}
		w.must(w.j.Commit(context.Background(), tr))
		before := p.Sums()
		w.queue.Add(tr.Queue[0], false, nil)
		var parked []journal.SAFRow
		w.await("the advice is parked", func() bool {
			parked = nil
			w.must(w.queue.List(t.Context(), func(r journal.SAFRow) bool { parked = append(parked, r); return true }))
			return len(parked) == 1 && parked[0].Parked
		})
		now, err := w.j.Payment(t.Context(), p.ID)
		w.must(err)
		if got := now.Ops[1]; got.State != payment.StateParked || got.ResponseCode != "00" || now.Sums() != before {
			t.Errorf("the capture is %s with %q, the sums %+v, were %+v", got.State, got.ResponseCode, now.Sums(), before)
		}
		if want := "what the issuer's answer would change breaks a money invariant"; parked[0].Reason != want {
			t.Errorf("parked because: %s", parked[0].Reason)
		}
		w.must(w.queue.CloseParked(context.Background(), parked[0].SAFRef))
		if got := w.states(p); got != "closed" {
			t.Errorf("a person closed it, and it is %s", got)
		}
	})
}
