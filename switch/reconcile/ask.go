package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/spec"
	"switchyard/switch/issuer/message"
	"switchyard/switch/payment"
)

// reconcile asks hosts about a date and keeps what they answer. One that is silent is not asked about anything else in
// the same round.
func (e *Engine) reconcile(ctx context.Context, date payment.Date, hosts []string, silent map[string]bool) error {
	hosts = slices.DeleteFunc(hosts, func(name string) bool {
		if silent[name] {
			e.putOff(hostDate{name, date}, HostDate{})
		}
		return silent[name]
	})
	if len(hosts) == 0 {
		return nil
	}
	all, err := e.figuresOf(ctx, date)
	if err != nil {
		return err
	}
	for _, name := range hosts {
		at := hostDate{name, date}
		if open := openOf(all, name); open > 0 && e.waits(at) {
			e.o.Logger.Info("a business date is not reconciled yet: messages of it wait for the host's answer",
				zap.Stringer("date", date), zap.String("host", name), zap.Int("waiting", open))
			e.putOff(at, HostDate{})
			continue
		}
		if err := e.hostDate(ctx, at, all, silent); err != nil {
			return err
		}
	}
	return nil
}

// openOf is how many messages of a host have no end.
func openOf(all map[Key]*figures, host string) (open int) {
	for key, f := range all {
		if key.Host == host {
			open += f.open
		}
	}
	return open
}

// waits tells whether the end of what is queued is waited for still.
func (e *Engine) waits(at hostDate) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.again[at] && time.Since(e.tries[at].since) < patience
}

// putOff notes an attempt that has not ended a host's date, and what it came to.
func (e *Engine) putOff(at hostDate, last HostDate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.tries[at]
	if a == nil { // a person has asked for it anew meanwhile
		return
	}
	a.next, a.wait, a.last = time.Now().Add(a.wait), min(2*a.wait, mostWait), last
}

// hostDate sends a host its 0500s of a date, and keeps the answers.
func (e *Engine) hostDate(ctx context.Context, at hostDate, all map[Key]*figures, silent map[string]bool) error {
	d, err := e.day(ctx, at.date)
	if err != nil {
		return err
	}
	kept := d.host(at.host)
	var keys []Key
	for key := range all {
		if key.Host == at.host {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Acquirer, b.Acquirer), cmp.Compare(a.Currency, b.Currency))
	})
	h := HostDate{Host: at.host, Ended: true, Results: []Result{}}
	answers := 0
	for _, key := range keys {
		r := Result{Key: key, Status: Unanswered, Ours: all[key].totals, Open: all[key].open}
		if !silent[at.host] {
			if err := e.ask(ctx, at.date, &r); err != nil {
				silent[at.host] = true
				e.unanswered(at, &r, err)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.Ended = h.Ended && r.ended()
		if r.Status == Unanswered && kept != nil {
			if i := slices.IndexFunc(kept.Results, func(k Result) bool { return k.Key == key }); i >= 0 {
				r = kept.Results[i] // what it said before
			}
		} else if r.Status != Unanswered {
			answers++
		}
		h.Results = append(h.Results, r)
	}
	if answers > 0 || len(keys) == 0 {
		if err := e.keep(ctx, at.date, h); err != nil {
			return err
		}
	}
	if !h.Ended {
		e.putOff(at, h)
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.tries, at)
	delete(e.again, at)
	return nil
}

// codeOutOfBalance is DE39 by which a host of 1987 may say what DE66 says, too.
const codeOutOfBalance = "95"

// DE66.
const (
	balanced  = "1"
	unbalance = "2"
)

// ask sends one 0500 and writes what came of it into r. An error is why there is no answer; one that says nothing, or
// that the host cannot say now, is none.
func (e *Engine) ask(ctx context.Context, date payment.Date, r *Result) error {
	var m, resp spec.Message
	now := e.o.Clock.Now()
	about := message.Reconciliation{Date: date, Acquirer: r.Acquirer, Currency: r.Currency, Totals: r.Ours}
	if mutant.On(mutant.TotalsOfAnotherDate) {
		about.Date = e.o.Journal.OpenDay()
	}
	if err := about.Build(&m, now); err != nil {
		return err
	}
	r.AskedAt = now.UTC()
	if err := e.hosts[r.Host].Ask(ctx, &m, &resp, now); err != nil {
		return err
	}
	r.read(&resp)
	if r.Status != Unanswered {
		r.AnsweredAt = e.o.Clock.Now().UTC()
	}
	e.told(date, r)
	return nil
}

// read decides what an answer means.
func (r *Result) read(resp *spec.Message) {
	r.Code, r.Balance = payment.CodeOf(resp.Bytes(39)), resp.String(66)
	theirs, figures := message.TotalsOf(resp)
	switch means := payment.Meaning(r.Code); {
	case means.Again, means.NotFound: // it cannot say now; 21: it has taken no action
		return
	case r.Code == codeOutOfBalance:
		r.Balance = unbalance
	case !means.Done:
		r.Status = Refused
		return
	}
	if figures {
		r.Theirs = &theirs
	}
	switch denied := r.Balance == unbalance; {
	case figures && (!same(&r.Ours, &theirs) || denied && r.Ours == theirs): // one that denies and repeats ours says: no
		r.Status = OutOfBalance
	case figures, r.Balance == balanced:
		r.Status = InBalance
	case denied:
		r.Status = OutOfBalance
	}
	if r.Status == OutOfBalance && mutant.On(mutant.DifferenceAccepted) {
		r.Status = InBalance
	}
}

// same tells whether figures are the same but for what was taken back: a request whose answer did not come and its
// reversal move nothing together, and whether the host had approved the first nobody else knows.
func same(a, b *message.Totals) bool {
	left := func(told, back message.Sum) message.Sum {
		return message.Sum{Number: told.Number - back.Number, AmountMinor: told.AmountMinor - back.AmountMinor}
	}
	return left(a.Debits, a.DebitReversals) == left(b.Debits, b.DebitReversals) &&
		left(a.Credits, a.CreditReversals) == left(b.Credits, b.CreditReversals)
}
