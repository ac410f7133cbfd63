package incoming

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// Dispute is a chargeback, with what became of it since.
type Dispute struct {
	ID       string `json:"id"`    // the payment's, a dash and the number of the chargeback's operation
	State    string `json:"state"` // open: somebody has to decide; represented, accepted, lost
	Due      string `json:"due"`   // the last business date of a second presentment
	Payment  string `json:"payment"`
	Capture  string `json:"capture"` // what was charged back: the id of a capture or sale
	Merchant string `json:"merchant"`
	Card     string `json:"card"`         // first six and last four
	Amount   int64  `json:"amount_minor"` // charged back, as far as it counts
	Of       int64  `json:"of_minor"`     // that was presented
	Currency string `json:"currency"`
	ARN      string `json:"arn"`
	RRN      string `json:"rrn,omitempty"`
	Reason   string `json:"reason,omitempty"` // DE25 of the chargeback
	// IssuerReference is DE95, which tells the chargebacks of parts of one presentment apart.
	IssuerReference string `json:"issuer_reference,omitempty"`

	Steps []DisputeStep `json:"steps"` // in their order, the chargeback first
}

// DisputeStep is something that came, or that somebody decided: an operation of the payment.
type DisputeStep struct {
	Op     string    `json:"op"` // chargeback, represent, reject, settle, accept_dispute
	At     time.Time `json:"at"`
	By     string    `json:"by"` // who decided; of what came its record, PDS0105, a slash and DE71
	Amount int64     `json:"amount_minor"`
	Reason string    `json:"reason,omitempty"`        // DE25; of a reject the entries of PDS0005
	Date   string    `json:"business_date,omitempty"` // in whose file it stands
	State  string    `json:"state,omitempty"`         // of a second presentment: presented, rejected, settled
}

// ErrNoDispute says that no chargeback of that id opened a dispute.
var ErrNoDispute = errors.New("no dispute has this id: expected one that the list of disputes shows")

// AllDisputes is, as a state that is asked for, all of them.
const AllDisputes = "all"

// CheckDisputeState refuses what is neither a dispute's state nor AllDisputes.
func CheckDisputeState(state string) error {
	var names []string
	for _, s := range payment.DisputeStates() {
		names = append(names, s.String())
	}
	names = append(names, AllDisputes)
	for _, name := range names {
		if state == name {
			return nil
		}
	}
	return fmt.Errorf("%q is no state: expected %s", state, strings.Join(names, ", "))
}

// due is the last business date in whose file what a record took may be presented a second time: as many days from the
// date of the record's file on as its reason has.
func (d *Desk) due(source, reason string) payment.Date {
	text, _, _ := strings.Cut(source, "/")
	id, err := clearing.ParseFileID(text)
	if err != nil {
		return 0 // no file is taken without
	}
	days, named := d.o.Disputes.ByReason[reason]
	if !named {
		days = d.o.Disputes.Any
	}
	return payment.DateOf(id.Date.AddDate(0, 0, days))
}

// dueOf is that of a chargeback, which was fixed when it came.
func (d *Desk) dueOf(op *payment.Op) payment.Date {
	if op.Due != 0 {
		return op.Due
	}
	return d.due(op.Source, op.Reason) // it came before any was
}

// Disputes calls yield for the disputes of a state, in the order in which the chargebacks came. Those are left out that
// are due on a date or later, unless it is 0.
func (d *Desk) Disputes(ctx context.Context, state string, dueBefore payment.Date, yield func(Dispute) bool) error {
	var failed error
	more := true
	err := d.Files(ctx, func(f File) bool {
		for list := 1; list <= f.DisputeLists && more; list++ {
			var refs []listed
			if failed = d.get(ctx, disputesName(f.Number, list), &refs); failed != nil {
				return false
			}
			for _, ref := range refs {
				var one Dispute
				if one, failed = d.Dispute(ctx, ref.ID); failed != nil {
					return false
				}
				late := dueBefore != 0 && one.Due >= dueBefore.String()
				if late || state != AllDisputes && one.State != state {
					continue
				}
				if more = yield(one); !more {
					return false
				}
			}
		}
		return more
	})
	return errors.Join(failed, err)
}

// Dispute tells one.
func (d *Desk) Dispute(ctx context.Context, id string) (one Dispute, err error) {
	p, i, err := d.disputed(ctx, id)
	if err != nil {
		return one, err
	}
	return d.disputeOf(p, i), nil
}

// disputed finds the payment and the chargeback that an id names.
func (d *Desk) disputed(ctx context.Context, id string) (p *payment.Payment, i int, err error) {
	p, i, err = d.operationOf(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if p != nil {
		if _, opened := p.Dispute(i); opened {
			return p, i, nil
		}
	}
	return nil, 0, ErrNoDispute
}

func (d *Desk) disputeOf(p *payment.Payment, i int) Dispute {
	is, _ := p.Dispute(i)
	op, of, due := &p.Ops[i], &p.Ops[is.Presentment], d.dueOf(&p.Ops[i])
	if is.State == payment.DisputeOpen && d.o.Journal.OpenDay() > due {
		is.State = payment.DisputeLost
	}
	one := Dispute{
		ID: payment.OperationID(p.ID, i), State: is.State.String(), Due: due.String(), Payment: p.ID.String(),
		Capture: payment.OperationID(p.ID, is.Presentment), Merchant: p.Merchant, Card: p.MaskedPAN, Amount: op.Granted,
		Of: of.Clears(), Currency: p.Currency, ARN: of.ARN, RRN: of.RRN, Reason: op.Reason,
		IssuerReference: op.IssuerReference,
	}
	for _, j := range is.Steps {
		step := &p.Ops[j]
		told := DisputeStep{
			Op: step.Kind.String(), At: step.At.UTC(), By: step.Source, Amount: step.Amount, Reason: step.Reason,
		}
		if step.Kind == payment.KindRepresent {
			told.Date, told.State = step.Filed().String(), p.Presentment(j).String()
		}
		one.Steps = append(one.Steps, told)
	}
	return one
}

// MayRepresent says what Represent would have against it now.
func (d *Desk) MayRepresent(ctx context.Context, id, reason string, amount int64) error {
	if err := checkSecond(reason, amount); err != nil {
		return err
	}
	p, i, err := d.disputed(ctx, id)
	if err != nil {
		return err
	}
	if _, refused := p.CheckRepresent(i, amount, d.o.Journal.OpenDay(), d.dueOf(&p.Ops[i])); refused != nil {
		return refused
	}
	return nil
}

// MayAcceptDispute says what AcceptDispute would have against it now.
func (d *Desk) MayAcceptDispute(ctx context.Context, id string) error {
	p, i, err := d.disputed(ctx, id)
	if err != nil {
		return err
	}
	if refused := p.CheckAcceptDispute(i); refused != nil {
		return refused
	}
	return nil
}

// checkSecond refuses what no second presentment can say.
func checkSecond(reason string, amount int64) error {
	if len(reason) != 4 || strings.Trim(reason, "0123456789") != "" {
		return &AskedError{fmt.Sprintf("reason: %q: expected the four digits of DE25", clean(reason))}
	}
	if amount < 0 {
		return &AskedError{"amount: expected minor units, more than 0"}
	}
	return nil
}

// Represent presents a second time what a chargeback took, or the given part of it, in the open business date and under
// the reference of what was charged back. The reason is DE25 of the record. A *payment.Refusal says why that cannot be.
func (d *Desk) Represent(ctx context.Context, id, who, reason string, amount int64) (Dispute, error) {
	if err := checkSecond(reason, amount); err != nil {
		return Dispute{}, err
	}
	return d.dispute(ctx, id, func(p *payment.Payment, i int) (*journal.Transition, error) {
		date := d.o.Journal.OpenDay()
		counts, refused := p.CheckRepresent(i, amount, date, d.dueOf(&p.Ops[i]))
		if mutant.On(mutant.RepresentedTwice) &&
			p.Represented(p.Ops[i].Target, p.Ops[i].IssuerReference) != payment.NoTarget {
			counts, refused = p.Ops[i].Granted, nil
		}
		if refused != nil {
			return nil, refused
		}
		snapshot, err := d.again(ctx, p, p.Ops[i].Target, nil)
		if err != nil {
			return nil, err
		}
		snapshot.Reason = reason
		of, op := &p.Ops[p.Ops[i].Target], d.decision(payment.KindRepresent, p, i, who)
		op.Amount, op.Granted, op.Reason = counts, counts, reason
		op.ARN, op.RRN, op.Number, op.Date = of.ARN, of.RRN, of.Number, date
		p.Ops = append(p.Ops, op)
		row := journal.Presentment{
			PresentmentRef: presentment.RefOf(p, len(p.Ops)-1, date), Data: snapshot.Encode(),
		}
		return &journal.Transition{Payment: p, Day: date, Present: []journal.Presentment{row}}, nil
	})
}

// AcceptDispute ends a dispute: nothing of it is presented any more.
func (d *Desk) AcceptDispute(ctx context.Context, id, who string) (Dispute, error) {
	return d.dispute(ctx, id, func(p *payment.Payment, i int) (*journal.Transition, error) {
		if refused := p.CheckAcceptDispute(i); refused != nil {
			return nil, refused
		}
		op := d.decision(payment.KindAcceptDispute, p, i, who)
		p.Ops = append(p.Ops, op)
		return &journal.Transition{Payment: p, EvenBroken: true}, nil // it moves no money
	})
}

// dispute commits what is decided about a dispute.
func (d *Desk) dispute(
	ctx context.Context, id string, change func(*payment.Payment, int) (*journal.Transition, error),
) (one Dispute, err error) {
	p, i, err := d.disputed(ctx, id)
	if err != nil {
		return one, err
	}
	p, err = d.commit(ctx, p.ID, func(p *payment.Payment) (*journal.Transition, error) { return change(p, i) })
	if err != nil {
		return one, err
	}
	return d.disputeOf(p, i), nil
}

// commit changes a payment under its lock, in the next business date where a cutover comes between.
func (d *Desk) commit(
	ctx context.Context, id payment.ID, change func(*payment.Payment) (*journal.Transition, error),
) (*payment.Payment, error) {
	defer d.o.Lock(id)()
	for {
		p, err := d.o.Journal.Payment(ctx, id)
		if err != nil {
			return nil, err
		}
		t, err := change(p)
		if err != nil {
			return nil, err
		}
		p.Version++
		err = d.o.Journal.Commit(ctx, t)
		if errors.Is(err, journal.ErrDayClosed) {
			continue
		}
		return p, err
	}
}
