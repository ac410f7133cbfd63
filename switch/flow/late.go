package flow

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/issuer/link"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// rememberedUnanswered is how many requests that got no answer in time are remembered, the newest ones, so that a late
// answer finds its payment: three seconds of a host that answers nothing at 20,000 requests a second.
const rememberedUnanswered = 1 << 16

// messageKey names a message towards a host (I9).
type messageKey struct {
	host string
	stan uint32
	de7  string
}

type operationRef struct {
	id payment.ID
	op int
}

// rememberedEarly is how many late answers are remembered whose request is not known yet: the link gave it up a
// moment ago, and its goroutine has not got round to saying so.
const rememberedEarly = 1 << 10

// unansweredTable is a bounded memory of requests that got no answer.
type unansweredTable struct {
	mu    sync.Mutex
	known map[messageKey]operationRef
	ring  []messageKey
	next  int

	early     map[messageKey]string // DE39
	earlyRing [rememberedEarly]messageKey
	nextEarly int
}

// rememberUnanswered remembers operation i, which got no answer, so that a late one finds it; one that has come already
// is recorded at once.
func (f *Flow) rememberUnanswered(p *payment.Payment, i int) {
	op := &p.Ops[i]
	op.Late = f.unanswered.put(messageKey{op.Host, op.STAN, op.DE7}, operationRef{p.ID, i})
}

// put remembers a request, and returns DE39 of its answer if that has come already.
func (t *unansweredTable) put(k messageKey, ref operationRef) (late string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if code, ok := t.early[k]; ok {
		delete(t.early, k)
		return code
	}
	if t.known == nil {
		t.known = map[messageKey]operationRef{}
	}
	if len(t.ring) < rememberedUnanswered {
		t.ring = append(t.ring, k)
	} else {
		delete(t.known, t.ring[t.next])
		t.ring[t.next] = k
		t.next = (t.next + 1) % rememberedUnanswered
	}
	t.known[k] = ref
	return ""
}

// take finds the request that a late answer with a code is for, once.
func (t *unansweredTable) take(k messageKey, code string) (operationRef, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ref, ok := t.known[k]
	if ok {
		delete(t.known, k)
		return ref, true
	}
	if t.early == nil {
		t.early = map[messageKey]string{}
	}
	delete(t.early, t.earlyRing[t.nextEarly])
	t.earlyRing[t.nextEarly] = k
	t.nextEarly = (t.nextEarly + 1) % rememberedEarly
	t.early[k] = code
	return ref, false
}

// Late records the answer to a request that was given up (I6): its code stands in the record, and what was answered to
// the gateway stays. The reversal goes on; one that had ended because the issuer found nothing to reverse is queued
// again, since now it must (I5). It is called one at a time.
func (f *Flow) Late(l link.Stray) (payment.ID, bool) {
	if l.Kind != link.KindLate {
		return payment.ID{}, false
	}
	code := l.Response.String(39)
	ref, ok := f.unanswered.take(messageKey{l.Host, l.Request.STAN, l.Request.DE7}, code)
	if !ok {
		return payment.ID{}, false
	}
	if err := f.recordLate(context.Background(), ref, code); err != nil {
		f.o.Logger.Error("a late answer was not recorded", zap.Stringer("payment", ref.id), zap.Error(err))
	}
	return ref.id, true
}

func (f *Flow) recordLate(ctx context.Context, ref operationRef, code string) error {
	unlock := f.o.Turns.Lock(ref.id)
	defer unlock()
	p, err := f.o.Journal.Payment(ctx, ref.id)
	if err != nil {
		return err
	}
	op := &p.Ops[ref.op]
	op.Late = code
	if mutant.On(mutant.LateAnswerRevives) && code == "00" {
		op.State, op.Granted = payment.StateApproved, op.Amount
	}
	p.Version++
	t := &journal.Transition{Payment: p, EvenBroken: true} // the issuer has approved it, whatever that breaks
	reversal := p.ReversalToResume(ref.op)
	if reversal != payment.NoTarget {
		p.Ops[reversal].State, p.Ops[reversal].Granted = payment.StateQueued, 0
		t.Queue = append(t.Queue, f.row(p, reversal))
	}
	if err := f.o.Journal.Commit(context.Background(), t); err != nil {
		return err
	}
	for _, row := range t.Queue {
		f.o.Logger.Warn("a late approval of what the issuer did not find: its reversal goes on",
			zap.Stringer("payment", p.ID))
		f.o.SAF.Add(row, true, nil)
	}
	return nil
}
