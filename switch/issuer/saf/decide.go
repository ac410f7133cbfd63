package saf

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// ErrNotParked is returned for a row that a person cannot decide on: it is not there, or it is still being sent.
var ErrNotParked = errors.New("no parked advice of this host has this sequence")

// ErrOvertaken is returned for a parked advice that must not be sent again: what it leaves authorized (DE95) is more
// than stands by now, and its bytes stand in the record.
var ErrOvertaken = errors.New("the advice leaves more authorized at the issuer (DE95) than stands by now, since " +
	"something was taken back or released meanwhile: have the issuer release the rest, then close it")

// List calls yield for the durable rows of all hosts, in their order, until it returns false.
func (q *Queue) List(ctx context.Context, yield func(journal.SAFRow) bool) error {
	hosts, err := q.o.Journal.SAFHosts(ctx)
	if err != nil {
		return err
	}
	more := true
	for _, name := range hosts {
		err := q.o.Journal.SAF(ctx, name, 0, func(r journal.SAFRow) bool {
			more = yield(r)
			return more
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Retry puts a parked advice back into its queue. ErrOvertaken says that it can only be closed.
func (q *Queue) Retry(ctx context.Context, ref journal.SAFRef) error {
	return q.decide(ctx, ref, payment.StateQueued)
}

// CloseParked ends a parked advice without the issuer's acknowledgement: a person has dealt with it otherwise (I5).
func (q *Queue) CloseParked(ctx context.Context, ref journal.SAFRef) error {
	return q.decide(ctx, ref, payment.StateClosed)
}

func (q *Queue) decide(ctx context.Context, ref journal.SAFRef, state payment.State) error {
	row, err := q.parkedRow(ctx, ref)
	if err != nil {
		return err
	}
	unlock := q.o.Turns.Lock(row.Payment)
	defer unlock()
	if row, err = q.parkedRow(ctx, ref); err != nil { // somebody else may have decided meanwhile
		return err
	}
	p, err := q.o.Journal.Payment(ctx, row.Payment)
	if err != nil {
		return err
	}
	op := &p.Ops[row.Op]
	if op.State != payment.StateParked {
		return ErrNotParked
	}
	if state == payment.StateQueued && p.Overtaken(row.Op) && !mutant.On(mutant.RetryOvertaken) {
		return ErrOvertaken
	}
	before := p.Sums()
	op.State = state
	p.Version++
	// What a decision leaves as it was it may leave so in a payment that is broken already: its advice must have an end.
	t := journal.Transition{Payment: p, Dequeue: []journal.SAFRef{ref}, EvenBroken: p.Sums() == before}
	if state == payment.StateQueued {
		// What the issuer says to it from now on is what it came to: parked anew without an answer it is refused no more.
		op.ResponseCode = ""
		row.SAFRef, row.Parked, row.Reason, row.Queued = journal.SAFRef{Host: ref.Host}, false, "", q.o.Clock.Now()
		t.Queue = []journal.SAFRow{row}
	}
	if err := q.o.Journal.Commit(ctx, &t); err != nil {
		return fmt.Errorf("commit the decision: %w", err)
	}
	q.parked(-1)
	for _, r := range t.Queue {
		q.Add(r, true, nil)
	}
	q.o.Logger.Info("store-and-forward: a person decided on a parked advice", zap.Stringer("payment", p.ID),
		zap.Stringer("operation", op.Kind), zap.Stringer("now", state))
	return nil
}

func (q *Queue) parkedRow(ctx context.Context, ref journal.SAFRef) (row journal.SAFRow, err error) {
	if q.hosts[ref.Host] == nil {
		return row, ErrNotParked
	}
	found := false
	err = q.o.Journal.SAF(ctx, ref.Host, ref.Seq, func(r journal.SAFRow) bool {
		row, found = r, r.Seq == ref.Seq && r.Parked
		return false
	})
	if err == nil && !found {
		err = ErrNotParked
	}
	return row, err
}
