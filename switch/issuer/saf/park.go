package saf

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// ParkAll parks every queued advice, with a reason, but those of payments that leave names. For a journal that was
// put back: what became of its payments since is not in it, so a person decides on each. It comes before Start.
func (q *Queue) ParkAll(ctx context.Context, reason string, leave func(payment.ID) bool) error {
	var queued []journal.SAFRow
	err := q.List(ctx, func(r journal.SAFRow) bool {
		if !r.Parked && !leave(r.Payment) {
			queued = append(queued, r)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, row := range queued {
		if err := q.park(ctx, row, reason); err != nil {
			return fmt.Errorf("park the advice %d of %s: %w", row.Seq, row.Host, err)
		}
	}
	return nil
}

func (q *Queue) park(ctx context.Context, row journal.SAFRow, reason string) error {
	unlock := q.o.Turns.Lock(row.Payment)
	defer unlock()
	p, err := q.o.Journal.Payment(ctx, row.Payment)
	if err != nil {
		return err
	}
	if row.Op >= len(p.Ops) || p.Ops[row.Op].State != payment.StateQueued {
		return fmt.Errorf("payment %s: operation %d is not queued", p.ID, row.Op)
	}
	p.Ops[row.Op].State = payment.StateParked
	p.Version++
	t := journal.Transition{Payment: p, Dequeue: []journal.SAFRef{row.SAFRef}, EvenBroken: true} // moves no money
	row.SAFRef, row.Parked, row.Reason = journal.SAFRef{Host: row.Host}, true, reason
	t.Queue = []journal.SAFRow{row}
	return q.o.Journal.Commit(ctx, &t)
}

// AddParked takes a parked row, which was just committed: a person decides what becomes of it.
func (q *Queue) AddParked(p *payment.Payment, row journal.SAFRow) {
	q.parked(1)
	op := &p.Ops[row.Op]
	q.o.Logger.Error("store-and-forward: the issuer refused an advice for good; it is parked",
		zap.Stringer("payment", p.ID), zap.Stringer("operation", op.Kind), zap.String("rrn", op.RRN),
		zap.String("response_code", op.ResponseCode), zap.String("reason", row.Reason))
}
