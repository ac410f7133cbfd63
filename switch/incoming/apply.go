package incoming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

const (
	// batchItems is how many records are looked up and committed before it is made durable how far the file has got.
	batchItems = 1024
	// atOnce is how many payments are changed side by side: their commits share syncs.
	atOnce = 64
)

// outcome is what came of an item.
type outcome struct {
	booked    payment.Kind // KindNone: nothing
	exception *Exception
}

// apply goes through a file from the record on that it has got to. The caller holds mu.
func (d *Desk) apply(ctx context.Context, f *File, path string) error {
	if !f.Taken.IsZero() {
		return nil
	}
	file, err := d.o.FS.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := newReading(d.untilClose(file))
	if err != nil {
		return err
	}
	batch := make([]*item, 0, batchItems)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := d.batch(ctx, f, batch)
		batch = batch[:0]
		return err
	}
	for {
		it, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case it.number < f.Next:
			continue
		case it.whole && it.why == "":
			if err := flush(); err != nil {
				return err
			}
			if err := d.wholeFile(ctx, f, it); err != nil {
				return err
			}
			continue
		}
		if batch = append(batch, it); len(batch) == batchItems {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	f.Taken = d.o.Clock.Now().UTC()
	if err := d.put(ctx, f); err != nil {
		return err
	}
	d.metrics.files.WithLabelValues("taken").Inc()
	d.o.Logger.Info("incoming clearing file taken", zap.String("file", f.FileID), zap.String("name", f.Name),
		zap.Int("rejected", f.Rejected), zap.Int("charged_back", f.ChargedBack), zap.Int("settled", f.Settled),
		zap.Int("exceptions", f.Exceptions))
	return nil
}

// source names a record of a file, as an operation has it.
func source(f *File, it *item) string { return fmt.Sprintf("%s/%08d", f.FileID, it.number) }

// batch applies records of a file and makes durable that they are. After a crash within it they come again, and those
// that are applied are found to be.
func (d *Desk) batch(ctx context.Context, f *File, batch []*item) error {
	outcomes := make([]outcome, len(batch))
	places, err := d.find(ctx, batch)
	if err != nil {
		return err
	}
	var todo changes
	for i, it := range batch {
		switch {
		case it.why != "":
			outcomes[i].exception = exception(f, it, nil, it.why)
		case it.kind == payment.KindNone:
			f.Noted++
		case places[i].why != "":
			outcomes[i].exception = exception(f, it, nil, places[i].why)
		default:
			todo.add(places[i].payment, func(p *payment.Payment) (changed bool, err error) {
				outcomes[i], changed, err = d.book(ctx, f, p, places[i].op, it)
				return changed, err
			})
		}
	}
	if err := d.change(ctx, &todo); err != nil {
		return err
	}
	var found []Exception
	var rejects []rejected
	for i, o := range outcomes {
		d.count(f, o.booked, 1)
		if o.booked == payment.KindReject {
			rejects = append(rejects, rejected{rejectID(places[i].payment, places[i].op), source(f, batch[i])})
		}
		if o.exception != nil {
			found = append(found, *o.exception)
		}
	}
	d.metrics.records.WithLabelValues("exception").Add(float64(len(found)))
	if err := d.listRejects(ctx, f, rejects); err != nil {
		return err
	}
	return d.advance(ctx, f, batch[len(batch)-1].next, found)
}

// count counts what became of records, or of presentments.
func (d *Desk) count(f *File, kind payment.Kind, n int) {
	switch kind {
	case payment.KindReject:
		f.Rejected += n
	case payment.KindChargeback:
		f.ChargedBack += n
	case payment.KindSettle:
		f.Settled += n
	default:
		return
	}
	d.metrics.records.WithLabelValues(kind.String()).Add(float64(n))
}

func exception(f *File, it *item, p *payment.Payment, why string) *Exception {
	e := &Exception{
		FileID: f.FileID, Record: it.number, Message: it.of, ARN: it.arn, RRN: it.rrn, Card: it.card, Amount: it.amount,
		Currency: it.currency, Reason: it.reason, Why: why,
	}
	if p != nil {
		e.Payment = p.ID.String()
	}
	return e
}

// book makes a record an operation of the payment, about its operation target, unless it is one already. An exception
// beside says what a person has to look at.
func (d *Desk) book(ctx context.Context, f *File, p *payment.Payment, target int, it *item) (
	o outcome, changed bool, err error,
) {
	at := p.Told(source(f, it), target)
	if mutant.On(mutant.ChargebackTwice) && it.kind == payment.KindChargeback {
		at = payment.NoTarget
	}
	if at == payment.NoTarget {
		op, why, err := d.operation(ctx, f, p, target, it)
		if err != nil || why != "" {
			return outcome{exception: exception(f, it, p, why)}, false, err
		}
		p.Ops = append(p.Ops, op)
		at, changed = len(p.Ops)-1, true
	}
	o.booked = it.kind
	if excess := p.ExcessOf(at); it.kind == payment.KindChargeback && excess > 0 {
		o.exception = exception(f, it, p, "it is of more than the cardholder was still owed: the excess is booked with it")
		o.exception.Operation, o.exception.Excess = at, excess
	}
	return o, changed, nil
}

// operation is what a record becomes, or why it can become nothing.
func (d *Desk) operation(ctx context.Context, f *File, p *payment.Payment, target int, it *item) (
	op payment.Op, why string, err error,
) {
	presented := &p.Ops[p.LastPresented(target)]
	day, err := d.day(ctx, presented.Filed())
	switch {
	case err != nil:
		return op, "", err
	case !day.sealed:
		return op, "its presentment stands in no file yet", nil
	case it.currency != p.Currency:
		return op, fmt.Sprintf("it is in %s, the payment in %s", it.currency, p.Currency), nil
	case it.card != "" && it.card != p.MaskedPAN:
		return op, fmt.Sprintf("it is of the card %s, the payment of %s", it.card, p.MaskedPAN), nil
	case it.file != "" && !slices.Contains(day.ids, it.file):
		return op, fmt.Sprintf("file %s is none of %s, on which its presentment stands", it.file, presented.Filed()), nil
	}
	now := d.o.Clock.Now()
	op = payment.Op{
		Kind: it.kind, State: payment.StateApproved, Target: target, At: now, DoneAt: now, Source: source(f, it),
		Reason: it.reason,
	}
	var r *payment.Refusal
	switch it.kind {
	case payment.KindReject:
		r = p.CheckReject(target)
		op.Amount, op.Granted = presented.Clears(), presented.Clears()
	case payment.KindSettle:
		r = p.CheckSettle(target)
		op.Amount, op.Granted = presented.Clears(), presented.Clears()
	default:
		op.Amount = it.amount
		op.Granted, r = p.CheckChargeback(target, it.amount)
	}
	if r != nil {
		return op, r.Message, nil
	}
	return op, "", nil
}

// changes are to be made to payments, those of one in their order.
type changes struct {
	order []payment.ID
	of    map[payment.ID][]func(*payment.Payment) (changed bool, err error)
}

func (c *changes) add(id payment.ID, change func(*payment.Payment) (changed bool, err error)) {
	if c.of == nil {
		c.of = map[payment.ID][]func(*payment.Payment) (bool, error){}
	}
	if c.of[id] == nil {
		c.order = append(c.order, id)
	}
	c.of[id] = append(c.of[id], change)
}

// change makes all changes durable, payments side by side.
func (d *Desk) change(ctx context.Context, c *changes) error {
	var working sync.WaitGroup
	errs := make([]error, min(atOnce, len(c.order)))
	for worker := range errs {
		working.Go(func() {
			for i := worker; i < len(c.order) && errs[worker] == nil; i += len(errs) {
				errs[worker] = d.changePayment(ctx, c.order[i], c.of[c.order[i]])
			}
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

func (d *Desk) changePayment(
	ctx context.Context, id payment.ID, change []func(*payment.Payment) (changed bool, err error),
) error {
	defer d.o.Lock(id)()
	p, err := d.o.Journal.Payment(ctx, id)
	if err != nil {
		return err
	}
	changed := false
	for _, one := range change {
		did, err := one(p)
		if err != nil {
			return err
		}
		changed = changed || did
	}
	if !changed {
		return nil
	}
	p.Version++
	// What came must not be lost, whatever is broken in the payment.
	return d.o.Journal.Commit(ctx, &journal.Transition{Payment: p, EvenBroken: true})
}
