package flow

import (
	"context"
	"errors"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/message"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// sealCard stores the card in a payment: sealed, hashed and masked.
func (f *Flow) sealCard(p *payment.Payment, card *api.Card) {
	p.MaskedPAN = pan.Mask(card.Number)
	p.PANHash = f.o.Keyring.Hash(card.Number)
	p.SealKey = f.o.Keyring.SealingKey()
	p.SealedCard = f.o.Keyring.Seal(p.ID, card.Number, card.Expiry)
}

// openCard is the other way round.
func (f *Flow) openCard(p *payment.Payment) (message.Card, error) {
	number, expiry, err := f.o.Keyring.Open(p.SealKey, p.ID, p.SealedCard)
	return message.Card{PAN: number, Expiry: expiry}, err
}

// commitIntent dates operation i where it clears, packs its frame and commits its intent (I1). The frame is packed
// first, so that what cannot be sent is refused with nothing stored. leave ends the operation's hold on its business
// date and must be called once the outcome is committed.
func (f *Flow) commitIntent(ctx context.Context, t *journal.Transition, i int, call *exchange.Call, card message.Card, req *api.Request) (leave func(), _ *api.Error) {
	p := t.Payment
	op := &p.Ops[i]
	p.Version++
	begin := time.Now()
	for {
		date, refusedWith := f.dateOperation(ctx, p, i, t)
		if refusedWith != nil {
			return nil, refusedWith
		}
		if date == 0 && op.Kind == payment.KindVoid {
			return nil, closedMeanwhile
		}
		leave = func() {
			if date != 0 {
				f.o.Days.Leave(date)
			}
		}
		if err := call.Pack(p, i, card, req, false); err != nil {
			leave()
			return nil, f.fault("pack the request", err).Err
		}
		err := f.o.Journal.Commit(ctx, t)
		if err == nil {
			f.metrics.intent.Observe(time.Since(begin).Seconds())
			f.metrics.outcomes.WithLabelValues("begun").Inc()
			return leave, nil
		}
		leave()
		var taken *journal.KeyTakenError
		switch {
		case errors.Is(err, journal.ErrDayClosed) && clears(op.Kind):
			continue // a cutover came between: the next date
		case errors.As(err, &taken):
			return nil, &api.Error{Code: api.CodeConflict, Field: "key", Message: "the key is taken"}
		}
		return nil, f.fault("commit the intent", err).Err
	}
}

// closedMeanwhile refuses a void at the issuer whose capture's business date was closed before its intent.
var closedMeanwhile = api.NewError(api.CodeBusy, "the capture's business date was closed at this moment")

// dateOperation gives a sale or refund the open business date and an ARN, and enters the date that the operation's
// outcome may change.
func (f *Flow) dateOperation(ctx context.Context, p *payment.Payment, i int, t *journal.Transition) (payment.Date, *api.Error) {
	op := &p.Ops[i]
	switch {
	case op.Kind == payment.KindVoid:
		if date := p.Ops[op.Target].Filed(); f.o.Days.Enter(date) {
			return date, nil
		}
		return 0, nil
	case !clears(op.Kind):
		return 0, nil
	}
	op.Date = f.o.Journal.OpenDay()
	for !f.o.Days.Enter(op.Date) {
		op.Date = f.o.Journal.OpenDay()
	}
	t.Day = op.Date
	var err error
	if op.ARN, err = f.arn(ctx, p, op.Date); err != nil {
		f.o.Days.Leave(op.Date)
		return 0, f.fault("take an ARN", err).Err
	}
	op.Number = nextNumber(p, op.Kind, i)
	return op.Date, nil
}

// nextNumber counts the captures, or the refunds, before operation i.
func nextNumber(p *payment.Payment, kind payment.Kind, i int) int {
	n := 1
	for j := range i {
		if k := p.Ops[j].Kind; k == kind || kind == payment.KindCapture && k == payment.KindSale {
			n++
		}
	}
	return n
}

// send sends a committed intent. The gateway may hang up and the switch may stop: what is sent is seen through.
func (f *Flow) send(ctx context.Context, call *exchange.Call) error {
	begin := time.Now()
	err := call.Send(context.WithoutCancel(ctx))
	f.metrics.issuer.Observe(time.Since(begin).Seconds())
	return err
}

// conclude writes what came of operation i into the payment and commits it (I2). For an unknown or unwanted outcome the
// reversal is queued in the same commit (I5).
func (f *Flow) conclude(ctx context.Context, p *payment.Payment, i int, call *exchange.Call, sent error, partial bool) error {
	ctx = context.WithoutCancel(ctx)
	begin := time.Now()
	p.Version++
	t := &journal.Transition{Payment: p, Closes: []int{i}}
	op := &p.Ops[i]
	op.DoneAt = f.o.Clock.Now()
	switch {
	case exchange.NotSent(sent):
		op.State = payment.StateFailed
	case sent != nil, call.Code() == "": // an answer without DE39 tells no outcome
		if err := f.unknown(ctx, p, i, t); err != nil {
			return err
		}
	default:
		if err := f.answered(ctx, p, i, call, partial, t); err != nil {
			return err
		}
	}
	f.clear(p, i, t)
	t, err := f.commitReceived(ctx, p, i, call, sent, t)
	if err != nil {
		return err
	}
	op = &p.Ops[i]
	f.metrics.outcome.Observe(time.Since(begin).Seconds())
	f.metrics.outcomes.WithLabelValues(firstOutcome(op)).Inc()
	f.deliver(p, t)
	return nil
}

// deliver hands the advices of a committed transition to store-and-forward. The void of a capture that got no answer has
// been sent as the advice that it goes on as, so it begins with a repeat; what was sent as a 0400, or not at all, does not.
func (f *Flow) deliver(p *payment.Payment, t *journal.Transition) {
	for _, row := range t.Queue {
		if row.Parked {
			f.o.SAF.AddParked(p, row)
			continue
		}
		op := &p.Ops[row.Op]
		f.o.SAF.Add(row, op.Kind == payment.KindVoid && p.Ops[op.Target].Kind.Fact())
	}
}

// save commits a payment that was changed in nothing but its record.
func (f *Flow) save(ctx context.Context, p *payment.Payment) error {
	p.Version++
	err := f.o.Journal.Commit(ctx, &journal.Transition{Payment: p})
	if err != nil {
		p.Version--
	}
	return err
}

// firstOutcome is what an intent counts as (I11).
func firstOutcome(op *payment.Op) string {
	if op.State == payment.StateQueued || op.State == payment.StateParked {
		return payment.StateUnknown.String()
	}
	return op.State.String()
}

// unknown records that nobody knows what the issuer did. A request is undone by a new 0420; an unanswered reversal
// goes on as one, with its own identity.
func (f *Flow) unknown(ctx context.Context, p *payment.Payment, i int, t *journal.Transition) error {
	op := &p.Ops[i]
	op.Late = f.unanswered.put(messageKey{op.Host, op.STAN, op.DE7}, operationRef{p.ID, i})
	if op.Kind.AskedReversal() {
		f.goOn(p, i, t)
		return nil
	}
	if mutant.On(mutant.TimeoutIsDecline) {
		op.State = payment.StateDeclined
		return nil
	}
	op.State = payment.StateUnknown
	return f.undo(ctx, p, i, op.Amount, t)
}

// goOn queues a reversal that the issuer has not acknowledged: it goes on as an advice, under its own identity.
func (f *Flow) goOn(p *payment.Payment, i int, t *journal.Transition) {
	op := &p.Ops[i]
	op.State, op.Advised = payment.StateQueued, true
	t.Queue = append(t.Queue, f.row(p, i))
}

// park leaves a reversal to a person, whose original the issuer approved and does not find any more (I5). The gateway
// is told what it is told of a reversal without an answer: accepted, and not done. Should a person have it sent again,
// it goes on as an advice under its own identity.
func (f *Flow) park(p *payment.Payment, i int, t *journal.Transition) {
	op := &p.Ops[i]
	op.State, op.Advised = payment.StateParked, true
	row := f.row(p, i)
	row.Parked, row.Reason = true, saf.ParkedReason(p, i, op.ResponseCode)
	t.Queue = append(t.Queue, row)
}

// answered records the issuer's answer.
func (f *Flow) answered(ctx context.Context, p *payment.Payment, i int, call *exchange.Call, partial bool, t *journal.Transition) error {
	op := &p.Ops[i]
	call.RecordIn(op, op.DoneAt)
	reversal := op.Kind.AskedReversal()
	code := op.ResponseCode
	switch means := payment.Meaning(code); {
	case reversal && means.Again: // no answer (I5)
		f.goOn(p, i, t)
	case reversal && p.ReversalDone(i, code):
		op.State, op.Granted = payment.StateApproved, op.Amount
	case reversal && means.NotFound:
		f.park(p, i, t)
	case reversal:
		op.State = payment.StateDeclined
	case means.Partial && (!partial || call.Amount(op.Amount) == 0):
		op.State = payment.StateDeclined
		if mutant.On(mutant.PartialNotUndone) {
			return nil
		}
		return f.undo(ctx, p, i, op.Amount, t)
	case payment.Approving(code, op.Kind):
		op.State, op.Granted = payment.StateApproved, op.Amount
		if means.Partial {
			op.Granted = call.Amount(op.Amount)
		}
	default:
		op.State = payment.StateDeclined
		if root := &p.Ops[0]; mutant.On(mutant.AnsweredIsReversed) && op.Kind == payment.KindIncrement && i == 1 {
			root.State, root.Granted = payment.StateUnknown, 0
			return f.undo(ctx, p, 0, root.Amount, t)
		}
	}
	return nil
}

// undo appends the reversal of operation target and queues it.
func (f *Flow) undo(ctx context.Context, p *payment.Payment, target int, amount int64, t *journal.Transition) error {
	o := &p.Ops[target]
	op := payment.Op{
		Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Advised: true, Amount: amount, Target: target,
		At: o.DoneAt, RRN: o.RRN,
	}
	issuer := f.o.Issuers[o.Host]
	if issuer == nil {
		return &hostGoneError{o.Host}
	}
	if err := issuer.Identify(ctx, &op); err != nil {
		return err
	}
	p.Ops = append(p.Ops, op)
	t.Queue = append(t.Queue, f.row(p, len(p.Ops)-1))
	return nil
}

// row is the store-and-forward row of operation i.
func (f *Flow) row(p *payment.Payment, i int) journal.SAFRow {
	op := &p.Ops[i]
	return journal.SAFRow{
		SAFRef: journal.SAFRef{Host: op.Host}, Payment: p.ID, Op: i, Node: p.ID.Node(), Queued: f.o.Clock.Now(),
	}
}

// clear adds what operation i changes in the clearing of its date.
func (f *Flow) clear(p *payment.Payment, i int, t *journal.Transition) {
	op := &p.Ops[i]
	switch {
	case clears(op.Kind) && op.State == payment.StateApproved:
		t.Unsealed = op.Date
		t.Present = append(t.Present, f.present(p, i))
	case op.Kind == payment.KindVoid && op.Accepted():
		t.Unsealed = p.Ops[op.Target].Filed()
		if mutant.On(mutant.VoidStaysInFile) {
			return
		}
		t.Withdraw = append(t.Withdraw, presentment.RefOf(p, op.Target, t.Unsealed))
	}
}
