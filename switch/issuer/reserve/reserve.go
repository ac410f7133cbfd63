// Package reserve holds the STANs of messages that have no end yet, towards hosts whose answers are known by their STAN
// alone: identity.Stream gives none of them again.
//
// A STAN is held from the commit of its intent to that of its outcome, and where that is unknown until its reversal has
// ended; that of an advice or a reversal from when it is queued until the issuer has acknowledged it, or a person has
// closed it. All of this is read from what is committed, so it needs no care of those who commit, and is the same after
// a restart.
//
// It is no storage: [Journal] passes everything on to the engine that it stands before. Switches without such a host go
// without it.
package reserve

import (
	"context"
	"fmt"
	"sync"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Journal is an engine, and holds STANs by what is committed to it.
type Journal struct {
	journal.Engine
	streams map[string]*identity.Stream

	mu   sync.Mutex
	held map[journal.IntentRef]hold
}

// hold is what one operation holds.
type hold struct {
	stream *identity.Stream
	stans  [2]uint32 // its own and, of a timeout reversal, its original's; 0: none
}

// Open makes one of an engine and the streams of the hosts that it is for, by the hosts' names, and holds the STANs of
// all that an earlier run left without an end.
func Open(ctx context.Context, j journal.Engine, streams map[string]*identity.Stream) (*Journal, error) {
	x := &Journal{Engine: j, streams: streams, held: map[journal.IntentRef]hold{}}
	left, err := j.OpenIntents(ctx)
	if err != nil {
		return nil, err
	}
	for host := range streams {
		err := j.SAF(ctx, host, 0, func(r journal.SAFRow) bool {
			left = append(left, journal.IntentRef{Payment: r.Payment, Op: r.Op})
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("queue of %s: %w", host, err)
		}
	}
	for _, ref := range left {
		p, err := j.Payment(ctx, ref.Payment)
		if err != nil {
			return nil, fmt.Errorf("payment %s: %w", ref.Payment, err)
		}
		x.committed(p)
	}
	return x, nil
}

// Commit implements journal.Journal.
func (x *Journal) Commit(ctx context.Context, t *journal.Transition) error {
	err := x.Engine.Commit(ctx, t)
	if err == nil {
		x.committed(t.Payment)
	}
	return err
}

// CommitAll implements journal.Journal.
func (x *Journal) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	x.Engine.CommitAll(ctx, ts, errs)
	for i, t := range ts {
		if errs[i] == nil {
			x.committed(t.Payment)
		}
	}
}

// committed holds what a payment's operations hold now, and releases what they held before. Commits of one payment come
// one after another: whoever changes it has its lock until Commit has returned.
func (x *Journal) committed(p *payment.Payment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range p.Ops {
		ref := journal.IntentRef{Payment: p.ID, Op: i}
		before, now := x.held[ref], x.holds(p, i)
		if before == now {
			continue
		}
		now.each(now.stream.Hold)
		before.each(before.stream.Release)
		if now.stream == nil {
			delete(x.held, ref)
		} else {
			x.held[ref] = now
		}
	}
}

// holds is what operation i holds.
func (x *Journal) holds(p *payment.Payment, i int) (h hold) {
	op := &p.Ops[i]
	switch op.State {
	case payment.StatePending, payment.StateQueued, payment.StateParked:
	default:
		return h
	}
	if h.stream = x.streams[op.Host]; h.stream == nil {
		return hold{}
	}
	h.stans[0] = op.STAN
	if op.Kind == payment.KindTimeoutReversal {
		h.stans[1] = p.Ops[op.Target].STAN
	}
	return h
}

func (h *hold) each(do func(stan uint32)) {
	if h.stream == nil {
		return
	}
	for _, stan := range h.stans {
		if stan != 0 {
			do(stan)
		}
	}
}
