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

// applying is a file that is being applied.
type applying struct {
	*Desk
	file *File
	path string

	batch    []*item
	found    []Exception // that stand in no list yet
	counted  int         // exceptions since it was made durable how far the file has got
	rejects  []listed    // that stand in no list yet
	disputes []listed    // nor these

	search search
	sums   map[string]*fileSums // by the id of a file of ours
	said   map[wholeRecord]int  // the records that moved the presentments of whole files
}

// outcome is what came of an item.
type outcome struct {
	booked    payment.Kind // KindNone: nothing
	at        int          // the operation that it is booked as
	listed    bool         // a reject that is decided about as one, or a chargeback
	exception *Exception
}

// apply goes through a file from the record on that it has got to. The caller holds mu.
func (d *Desk) apply(ctx context.Context, f *File, path string) error {
	if !f.Taken.IsZero() {
		return nil
	}
	a := &applying{
		Desk: d, file: f, path: path, batch: make([]*item, 0, batchItems), sums: map[string]*fileSums{},
		said: map[wholeRecord]int{},
	}
	var failed error
	err := a.eachItem(f.Next, func(it *item) bool {
		if a.batch = append(a.batch, it); len(a.batch) == batchItems {
			failed = a.flush(ctx)
		}
		return failed == nil
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	if err := a.flush(ctx); err != nil {
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

// eachItem calls yield for what the records of the file say, from a record on.
func (a *applying) eachItem(from int, yield func(*item) bool) error {
	file, err := a.o.FS.Open(a.path)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := newReading(a.untilClose(file))
	if err != nil {
		return err
	}
	for {
		it, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if it.number >= from && !yield(it) {
			return nil
		}
	}
}

// source names a record of the file, as an operation has it.
func (a *applying) source(it *item) string { return fmt.Sprintf("%s/%08d", a.file.FileID, it.number) }

// flush applies what was read and makes durable that it is. After a crash within it the same records come again, and
// those that are applied are found to be.
func (a *applying) flush(ctx context.Context) error {
	if len(a.batch) == 0 {
		return nil
	}
	next := a.batch[len(a.batch)-1].next
	for rest := a.batch; len(rest) > 0; {
		n, err := 1, error(nil)
		if rest[0].aboutFile() {
			err = a.wholeFile(ctx, rest[0])
		} else {
			if n = slices.IndexFunc(rest, (*item).aboutFile); n < 0 {
				n = len(rest)
			}
			err = a.records(ctx, rest[:n])
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	a.batch = a.batch[:0]
	return a.advance(ctx, next)
}

// records applies records that are about a presentment each.
func (a *applying) records(ctx context.Context, items []*item) error {
	outcomes := make([]outcome, len(items))
	places, err := a.find(ctx, items)
	if err != nil {
		return err
	}
	var todo changes
	for i, it := range items {
		switch {
		case it.why != "":
			outcomes[i].exception = a.exception(it, nil, payment.NoTarget, it.why)
		case it.kind == payment.KindNone:
			a.file.Noted++
		case places[i].why != "":
			outcomes[i].exception = a.exception(it, nil, payment.NoTarget, places[i].why)
		default:
			todo.add(places[i].payment, func(p *payment.Payment) (adds payment.Kind, err error) {
				outcomes[i], adds, err = a.book(ctx, p, places[i].op, it)
				return adds, err
			})
		}
	}
	if err := a.change(ctx, &todo); err != nil {
		return err
	}
	for i, o := range outcomes {
		if err := a.came(ctx, items[i], places[i].payment, places[i].op, o); err != nil {
			return err
		}
	}
	return nil
}

// came counts and lists what came of an item for operation op of a payment.
func (a *applying) came(ctx context.Context, it *item, of payment.ID, op int, o outcome) error {
	if o.exception != nil {
		if err := a.except(ctx, o.exception); err != nil {
			return err
		}
	}
	switch o.booked {
	case payment.KindReject:
		a.file.Rejected++
		clear(a.sums) // they are of what is not rejected
		if o.listed {
			a.rejects = append(a.rejects, listed{payment.OperationID(of, op), a.source(it)})
		}
	case payment.KindChargeback:
		a.file.ChargedBack++
		if o.listed {
			a.disputes = append(a.disputes, listed{payment.OperationID(of, o.at), a.source(it)})
		}
	case payment.KindSettle:
		a.file.Settled++
	default:
	}
	return a.fullLists(ctx)
}

// exception says why a record, of what is said of operation op of a payment, is for a person to look at. p is nil where
// none is found.
func (a *applying) exception(it *item, p *payment.Payment, op int, why string) *Exception {
	e := &Exception{
		FileID: a.file.FileID, Record: it.number, Message: it.of, ARN: it.arn, RRN: it.rrn, Card: it.card,
		Amount: it.amount, Currency: it.currency, Reason: it.reason, IssuerReference: it.issuerReference, Why: why,
	}
	if p != nil {
		e.Payment = p.ID.String()
		if it.aboutFile() { // it names none of them
			of := &p.Ops[op]
			e.ARN, e.RRN, e.Card, e.Amount, e.Currency = of.ARN, of.RRN, p.MaskedPAN, of.Clears(), p.Currency
		}
	}
	return e
}

// book makes a record an operation of the payment, about its operation target, unless it is one already. An exception
// beside says what a person has to look at. adds is what the payment has more by it.
func (a *applying) book(ctx context.Context, p *payment.Payment, target int, it *item) (
	o outcome, adds payment.Kind, err error,
) {
	at := p.Told(a.source(it), target)
	if it.second {
		if at, target = secondOf(p, a.source(it), it.issuerReference, target); target == payment.NoTarget {
			why := "it rejects a second presentment, and there was none"
			return outcome{exception: a.exception(it, p, target, why)}, payment.KindNone, nil
		}
	}
	if mutant.On(mutant.ChargebackTwice) && it.kind == payment.KindChargeback {
		at = payment.NoTarget
	}
	if at == payment.NoTarget {
		op, why, err := a.operation(ctx, p, target, it)
		if err != nil || why != "" {
			return outcome{exception: a.exception(it, p, target, why)}, payment.KindNone, err
		}
		p.Ops = append(p.Ops, op)
		at, adds = len(p.Ops)-1, op.Kind
	}
	o.booked, o.at = it.kind, at
	// The dispute of a second presentment that is rejected is open again, and listed since it was opened.
	_, opened := p.Dispute(at)
	o.listed = opened || it.kind == payment.KindReject && p.Ops[target].Kind != payment.KindRepresent
	if excess := p.ExcessOf(at); excess > 0 {
		why := "it is of more than the cardholder was still owed: the excess is booked with it"
		if p.Repeats(at) {
			why = "a chargeback of the presentment had its issuer reference (DE95) before: it counts for nothing, and is booked"
		}
		o.exception = a.exception(it, p, target, why)
		o.exception.Operation, o.exception.Excess = at, excess
	}
	return o, adds, nil
}

// operation is what a record becomes, or why it can become nothing.
func (a *applying) operation(ctx context.Context, p *payment.Payment, target int, it *item) (
	op payment.Op, why string, err error,
) {
	presented := &p.Ops[p.LastPresented(target)]
	day, err := a.day(ctx, presented.Filed())
	switch {
	case err != nil:
		return op, "", err
	case !day.filed(p.Route, presented):
		return op, "its presentment stands in no file yet", nil
	case it.currency != p.Currency:
		return op, fmt.Sprintf("it is in %s, the payment in %s", it.currency, p.Currency), nil
	case it.card != "" && it.card != p.MaskedPAN:
		return op, fmt.Sprintf("it is of the card %s, the payment of %s", it.card, p.MaskedPAN), nil
	case it.file != "" && !slices.Contains(day.ids, it.file):
		return op, fmt.Sprintf("file %s is none of %s, on which its presentment stands", it.file, presented.Filed()), nil
	case it.file != "" && !day.mayHold(it.file, presented.Window):
		return op, fmt.Sprintf("its presentment stands in another file of %s, not in %s", presented.Filed(), it.file), nil
	}
	now := a.o.Clock.Now()
	op = payment.Op{
		Kind: it.kind, State: payment.StateApproved, Target: target, At: now, DoneAt: now, Source: a.source(it),
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
		op.Amount, op.Due, op.IssuerReference = it.amount, a.due(op.Source, it.reason), it.issuerReference
		if r, err = a.charge(ctx, p, target, it, &op); err != nil {
			return op, "", err
		}
	}
	if r != nil {
		return op, r.Message, nil
	}
	return op, "", nil
}

// charge says what of a chargeback counts, and whether it takes what was presented a second time: nobody can charge
// that back before it stands in a file.
func (a *applying) charge(ctx context.Context, p *payment.Payment, target int, it *item, op *payment.Op) (
	r *payment.Refusal, err error,
) {
	says := payment.Chargeback{Amount: it.amount, IssuerReference: it.issuerReference, Arbitration: it.arbitration}
	second, r := p.TakesAgain(target, says)
	if r != nil {
		return r, nil
	}
	if second != payment.NoTarget {
		day, err := a.day(ctx, p.Ops[second].Filed())
		if err != nil {
			return nil, err
		}
		if day.filed(p.Route, &p.Ops[second]) {
			op.Number = payment.SecondChargeback
		} else {
			second = payment.NoTarget
		}
	}
	op.Granted, r = p.CheckChargeback(target, says, second)
	return r, nil
}

// secondOf finds the second presentment of an operation that a record rejects, and the operation that the record is
// already, or NoTarget. One that was rejected before is found by its record, whatever was presented since; another by
// the issuer reference that it has, where the record has one.
func secondOf(p *payment.Payment, source, issuerReference string, of int) (told, second int) {
	second = payment.NoTarget
	for _, i := range p.SecondPresentments(of) {
		if told = p.Told(source, i); told != payment.NoTarget {
			return told, i
		}
		if issuerReference == p.Ops[p.Ops[i].Target].IssuerReference {
			second = i
		}
	}
	return payment.NoTarget, second
}

// changes are to be made to payments, those of one in their order. A change says what the payment has more by it.
type changes struct {
	order []payment.ID
	of    map[payment.ID][]func(*payment.Payment) (adds payment.Kind, err error)
}

func (c *changes) add(id payment.ID, change func(*payment.Payment) (adds payment.Kind, err error)) {
	if c.of == nil {
		c.of = map[payment.ID][]func(*payment.Payment) (payment.Kind, error){}
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
	ctx context.Context, id payment.ID, change []func(*payment.Payment) (adds payment.Kind, err error),
) error {
	defer d.o.Lock(id)()
	p, err := d.o.Journal.Payment(ctx, id)
	if err != nil {
		return err
	}
	var added []payment.Kind
	for _, one := range change {
		adds, err := one(p)
		if err != nil {
			return err
		}
		if adds != payment.KindNone {
			added = append(added, adds)
		}
	}
	if len(added) == 0 {
		return nil
	}
	p.Version++
	// What came must not be lost, whatever is broken in the payment.
	if err := d.o.Journal.Commit(ctx, &journal.Transition{Payment: p, EvenBroken: true}); err != nil {
		return err
	}
	for _, kind := range added { // what was committed before, and comes again, was counted then
		d.metrics.records.WithLabelValues(kind.String()).Inc()
	}
	return nil
}
