package incoming

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// Reject is a presentment that the clearing system rejected, with what became of it since.
type Reject struct {
	ID       string            `json:"id"` // the payment's, a dash and the operation's number, as that of a capture
	Kind     string            `json:"kind"`
	Payment  string            `json:"payment"`
	Merchant string            `json:"merchant"`
	Card     string            `json:"card"` // first six and last four
	Amount   int64             `json:"amount_minor"`
	Currency string            `json:"currency"`
	ARN      string            `json:"arn"`
	RRN      string            `json:"rrn,omitempty"`
	Date     string            `json:"business_date"` // in whose file it was rejected last
	Source   string            `json:"source"`        // the record that rejects it: PDS0105, a slash, DE71
	Reason   string            `json:"reason,omitempty"`
	At       time.Time         `json:"at"`
	State    string            `json:"state"` // rejected: somebody has to decide; else what became of it
	Fix      map[string]string `json:"fix,omitempty"`
}

func fixName(id string) string { return "incoming/fixes/" + id }

// ErrNoReject says that no presentment of that id was rejected.
var ErrNoReject = errors.New("no rejected presentment has this id: expected one that the list of rejects shows")

// AskedError is something asked about a reject or a dispute that can be nothing.
type AskedError struct{ Why string }

// Error implements error.
func (e *AskedError) Error() string { return e.Why }

// Rejects calls yield for the rejected presentments that wait for somebody's decision, or with all for those of which
// something has become, too, in the order in which they came.
func (d *Desk) Rejects(ctx context.Context, all bool, yield func(Reject) bool) error {
	var failed error
	more := true
	err := d.Files(ctx, func(f File) bool {
		for list := 1; list <= f.RejectLists && more; list++ {
			var refs []listed
			if failed = d.get(ctx, rejectsName(f.Number, list), &refs); failed != nil {
				return false
			}
			for _, ref := range refs {
				var r Reject
				if r, failed = d.Reject(ctx, ref.ID); failed != nil {
					return false
				}
				// One that was rejected once more stands in a later list.
				if r.Source == ref.Source && (all || r.State == payment.PresentmentRejected.String()) {
					if more = yield(r); !more {
						return false
					}
				}
			}
		}
		return more
	})
	return errors.Join(failed, err)
}

// Reject tells one rejected presentment.
func (d *Desk) Reject(ctx context.Context, id string) (r Reject, err error) {
	p, op, err := d.rejected(ctx, id)
	if err != nil {
		return r, err
	}
	return d.describe(ctx, p, op)
}

// rejected finds the payment and operation that an id names.
func (d *Desk) rejected(ctx context.Context, id string) (p *payment.Payment, op int, err error) {
	p, op, err = d.operationOf(ctx, id)
	if err == nil && (p == nil || lastReject(p, op) == payment.NoTarget) {
		err = ErrNoReject
	}
	return p, op, err
}

// lastReject is the newest reject of an operation's presentment, or NoTarget.
func lastReject(p *payment.Payment, op int) int {
	for i := len(p.Ops) - 1; i > op; i-- {
		if p.Ops[i].Kind == payment.KindReject && p.Ops[i].Target == op {
			return i
		}
	}
	return payment.NoTarget
}

func (d *Desk) describe(ctx context.Context, p *payment.Payment, i int) (r Reject, err error) {
	op, by := &p.Ops[i], &p.Ops[lastReject(p, i)]
	r = Reject{
		ID: payment.OperationID(p.ID, i), Kind: op.Kind.String(), Payment: p.ID.String(), Merchant: p.Merchant,
		Card: p.MaskedPAN, Amount: op.Clears(), Currency: p.Currency, ARN: op.ARN, RRN: op.RRN,
		Date: p.Ops[p.LastPresented(i)].Filed().String(), Source: by.Source, Reason: by.Reason, At: by.At.UTC(),
		State: p.Presentment(i).String(),
	}
	r.Fix, err = d.fixOf(ctx, r.ID)
	return r, err
}

func (d *Desk) fixOf(ctx context.Context, id string) (fix map[string]string, err error) {
	if err = d.get(ctx, fixName(id), &fix); errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return fix, err
}

// fixes are the fields of a record that may be put right, and where they stand in what it is made of. The amount, the
// card, the currency and the acquirer reference are not among them: with others it would be another payment's.
var fixes = map[string]func(*presentment.Snapshot) *string{
	"name":        func(s *presentment.Snapshot) *string { return &s.Name },
	"street":      func(s *presentment.Snapshot) *string { return &s.Street },
	"city":        func(s *presentment.Snapshot) *string { return &s.City },
	"postal_code": func(s *presentment.Snapshot) *string { return &s.PostalCode },
	"state":       func(s *presentment.Snapshot) *string { return &s.State },
	"country":     func(s *presentment.Snapshot) *string { return &s.Country },
	"mcc":         func(s *presentment.Snapshot) *string { return &s.MCC },
}

// Fixable are the names of what a fix may change.
func Fixable() []string {
	return []string{"name", "street", "city", "postal_code", "state", "country", "mcc"}
}

// Fix says what the next presentment of a rejected one says otherwise: merchant data by their names, beside those of an
// earlier fix. Nothing is presented before Resubmit.
func (d *Desk) Fix(ctx context.Context, id string, fields map[string]string) (r Reject, err error) {
	p, op, err := d.rejected(ctx, id)
	if err != nil {
		return r, err
	}
	defer d.o.Lock(p.ID)()
	if p, err = d.o.Journal.Payment(ctx, p.ID); err != nil {
		return r, err
	}
	if refused := p.CheckRejected(op); refused != nil {
		return r, refused
	}
	fix, err := d.fixOf(ctx, id)
	if err != nil {
		return r, err
	}
	if fix == nil {
		fix = map[string]string{}
	}
	for name, value := range fields {
		if fixes[name] == nil {
			return r, &AskedError{fmt.Sprintf("%s: may not be changed: expected %s", name, strings.Join(Fixable(), ", "))}
		}
		fix[name] = value
	}
	if _, err := d.again(ctx, p, op, fix); err != nil {
		return r, err
	}
	if err := d.putJSON(ctx, fixName(id), fix); err != nil {
		return r, err
	}
	return d.describe(ctx, p, op)
}

// again is what the next presentment of an operation says: what the one before it said, but for what was put right.
func (d *Desk) again(ctx context.Context, p *payment.Payment, op int, fix map[string]string) (
	s presentment.Snapshot, err error,
) {
	last := p.LastPresented(op)
	row, err := d.o.Journal.Presentment(ctx, presentment.RefOf(p, last, p.Ops[last].Filed()))
	if err != nil {
		return s, fmt.Errorf("read its presentment: %w", err)
	}
	if s, err = presentment.DecodeSnapshot(row.Data); err != nil {
		return s, fmt.Errorf("read its presentment: %w", err)
	}
	s.Window = 0 // of the one before
	if s.Format == 0 {
		s.SetAnswers(p, op)
	}
	for name, value := range fix {
		*fixes[name](&s) = value
	}
	if err := cutover.CheckSnapshot(&s, p.Merchant); err != nil {
		return s, &AskedError{"no record can be made with it: " + err.Error()}
	}
	return s, nil
}

// Resubmit presents a rejected presentment again in the open business date, under the same acquirer reference (I8).
func (d *Desk) Resubmit(ctx context.Context, id, who string) (Reject, error) {
	return d.decide(ctx, id, func(p *payment.Payment, i int) (*journal.Transition, error) {
		fix, err := d.fixOf(ctx, id)
		if err != nil {
			return nil, err
		}
		of := &p.Ops[i]
		if of.Kind == payment.KindVoidPresentment {
			return nil, &payment.Refusal{Message: "it takes an earlier record back: it can only be written off"}
		}
		snapshot, err := d.again(ctx, p, i, fix)
		if err != nil {
			return nil, err
		}
		date := d.o.Journal.OpenDay()
		op := d.decision(payment.KindResubmit, p, i, who)
		op.ARN, op.RRN, op.Number, op.Date = of.ARN, of.RRN, of.Number, date
		if mutant.On(mutant.ResubmitNewARN) {
			op.ARN, _ = clearing.ARN("400001", date.Time(), 1)
		}
		p.Ops = append(p.Ops, op)
		row := journal.Presentment{
			PresentmentRef: presentment.RefOf(p, len(p.Ops)-1, date), Data: snapshot.Encode(),
		}
		return &journal.Transition{Payment: p, Day: date, Present: []journal.Presentment{row}}, nil
	})
}

// MayWriteOff says what WriteOff would have against an id now.
func (d *Desk) MayWriteOff(ctx context.Context, id string) error {
	p, op, err := d.rejected(ctx, id)
	if err != nil {
		return err
	}
	if refused := p.CheckRejected(op); refused != nil {
		return refused
	}
	return nil
}

// WriteOff gives a rejected presentment up: it is presented no more.
func (d *Desk) WriteOff(ctx context.Context, id, who, reason string) (Reject, error) {
	return d.decide(ctx, id, func(p *payment.Payment, i int) (*journal.Transition, error) {
		op := d.decision(payment.KindWriteOff, p, i, who)
		op.Reason = clean(reason)
		p.Ops = append(p.Ops, op)
		return &journal.Transition{Payment: p}, nil
	})
}

func (d *Desk) decision(kind payment.Kind, p *payment.Payment, target int, who string) payment.Op {
	now, amount := d.o.Clock.Now(), p.Ops[target].Clears()
	return payment.Op{
		Kind: kind, State: payment.StateApproved, Amount: amount, Granted: amount, Target: target, At: now, DoneAt: now,
		Source: who,
	}
}

// decide commits what is decided about a rejected presentment. A *payment.Refusal says that it is rejected no more.
func (d *Desk) decide(
	ctx context.Context, id string, change func(*payment.Payment, int) (*journal.Transition, error),
) (r Reject, err error) {
	p, op, err := d.rejected(ctx, id)
	if err != nil {
		return r, err
	}
	p, err = d.commit(ctx, p.ID, func(p *payment.Payment) (*journal.Transition, error) {
		if refused := p.CheckRejected(op); refused != nil {
			return nil, refused
		}
		t, err := change(p, op)
		if err != nil {
			return nil, err
		}
		t.EvenBroken = true // it moves no money
		return t, nil
	})
	if err != nil {
		return r, err
	}
	return d.describe(ctx, p, op)
}
