package saf

import (
	"context"
	"errors"
	"time"

	"switchyard/internal/lane"
	"switchyard/internal/mutant"
	"switchyard/switch/issuer/link"
	"switchyard/switch/journal"
)

// The way of advices: those of a host that may be sent go together through each step, and none has a goroutine.
//
//	next ─▶ send ─▶ Received ─▶ conclude ─▶ CommitAll ─▶ put back
//
// What one of them would have to wait for, which is its payment's turn or lock, a slot, or the disk, takes it out: it
// waits on a goroutine of its own, and so holds up nobody. Its answer is taken together with others again. What breaks
// I7, or is refused because its payment has changed, is decided anew alone. What becomes of an advice is decided by the
// same functions on all ways (advice.go).

// send starts a batch of advices. Once the reads of payments have to wait for the disk the rest goes alone: the disk
// serves many reads at once in the time of one.
func (h *host) send(batch []*advice) {
	var reads lane.Reads
	var over []*advice
	for _, a := range batch {
		if reads.Slow() {
			a.goAlone()
			continue
		}
		begin := time.Now()
		alone, started := a.common()
		switch {
		case alone:
			a.goAlone()
		case !started:
			over = append(over, a)
		}
		reads.Took(begin)
	}
	h.issuer.Host.Flush()
	h.put(over)
}

// common starts an advice; alone is true where it would have to wait.
func (a *advice) common() (alone, started bool) {
	if a.endTurn = a.q.o.Turns.TryTake(a.c.id); a.endTurn == nil {
		return true, false
	}
	if !a.read() {
		return false, false
	}
	if !a.h.issuer.TryAcquireAdvice(&a.call) {
		return true, false
	}
	return false, a.start()
}

// goAlone goes on with a start that has to wait.
func (a *advice) goAlone() {
	h := a.h // a may be somebody else's once it is started
	a.q.starting.Go(func() {
		if a.startAlone() {
			h.issuer.Host.Flush()
			return
		}
		h.put([]*advice{a})
	})
}

// startAlone is common with the waits, from where that stood.
func (a *advice) startAlone() bool {
	if a.endTurn == nil {
		endTurn, err := a.q.o.Turns.Take(a.q.ctx, a.c.id)
		if err != nil {
			return a.over(verdictLater)
		}
		a.endTurn = endTurn
	}
	if !a.read() {
		return false
	}
	switch err := a.h.issuer.AcquireAdvice(a.q.ctx, &a.call); {
	case errors.Is(err, link.ErrUnavailable):
		return a.over(verdictNoLink)
	case err != nil:
		return a.over(verdictLater)
	}
	return a.start()
}

// conclude takes a batch from the host's answers to their ends.
func (h *host) conclude(batch []*advice) {
	var over, ends []*advice
	var ts []*journal.Transition
	for _, a := range batch {
		switch {
		case !a.ended():
			over = append(over, a)
		case !a.tryLock():
			go a.endAlone(nil)
		default:
			a.decide()
			if mutant.On(mutant.EndOfAnother) && len(ends) > 0 {
				a.payment.Ops[a.item.op].State = ends[len(ends)-1].state
			}
			ends, ts = append(ends, a), append(ts, &a.t)
		}
	}
	if len(ends) > 0 {
		errs := make([]error, len(ends))
		h.q.o.Journal.CommitAll(context.Background(), ts, errs)
		for i, a := range ends {
			if mutant.On(mutant.RefusedIsStored) && i > 0 {
				errs[i] = nil
			}
			if a.refuted(errs[i]) {
				go a.endAlone(errs[i])
				continue
			}
			a.committed(errs[i])
			over = append(over, a)
		}
	}
	h.put(over)
}

// tryLock takes the payment's lock, where nobody has it.
func (a *advice) tryLock() bool {
	a.unlock = a.q.o.Turns.TryLock(a.c.id)
	return a.unlock != nil
}

// endAlone goes on with an end that has to wait for the payment's lock, or was refuted by an error.
func (a *advice) endAlone(err error) {
	ctx := context.Background() // it was answered: it is seen through
	if a.unlock == nil {
		a.unlock = a.q.o.Turns.Lock(a.c.id)
		a.decide()
		err = a.q.o.Journal.Commit(ctx, &a.t)
	}
	for a.refuted(err) {
		a.broken = a.broken || journal.IsBroken(err)
		if a.payment, err = a.q.o.Journal.Payment(ctx, a.c.id); err != nil {
			break
		}
		a.decide()
		err = a.q.o.Journal.Commit(ctx, &a.t)
	}
	a.committed(err)
	a.h.put([]*advice{a})
}

// put puts the chains of attempts that are over where they belong next.
func (h *host) put(over []*advice) {
	if len(over) == 0 {
		return
	}
	for _, a := range over {
		a.free()
		if mutant.On(mutant.DropAdvice) && a.verdict == verdictRepeat {
			a.verdict = verdictDone
		}
	}
	done := h.finish(over)
	h.q.grow(h, -done)
	for _, a := range over {
		switch a.verdict {
		case verdictDone:
			h.q.waiting.drop(a.c.id)
		case verdictRepeat:
			h.again(a.c, h.backoff(a.item.attempts-1))
		case verdictLater, verdictNoLink:
			h.again(a.c, hostRetry)
		}
		*a = advice{call: a.call} // what it is about is taken anew
		h.q.advices.Put(a)
	}
	h.q.sending.Add(-len(over))
}
