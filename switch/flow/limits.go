package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"switchyard/internal/slowlock"
	"switchyard/internal/words"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// limiter keeps the limits of merchants and gateways. Its counters are of those that the config names: merchants that
// are not in the merchants file share one. A counter's durable mark runs ahead of it by a part of the limit, so that
// a request costs no sync of its own; after a start the counter goes on from the mark, so nothing that was taken is
// forgotten.
type limiter struct {
	mu     sync.Mutex
	byName map[string]*dayCounter
}

// markAhead is the part of a limit by which the durable mark runs ahead: what a crash may cost of a day's limit.
const markAhead = 64

// dayCounter counts one limit of one day.
type dayCounter struct {
	name   string
	mu     slowlock.Mutex // held through the sync of a mark
	loaded bool
	date   payment.Date
	used   int64
	marked int64
}

func (l *limiter) counter(name string) *dayCounter {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.byName[name]
	if c == nil {
		if l.byName == nil {
			l.byName = map[string]*dayCounter{}
		}
		c = &dayCounter{name: "limits/" + name}
		l.byName[name] = c
	}
	return c
}

// take counts n more on the open date, and returns it; false where that is more than most. The open date is read under
// the lock: of requests that a cutover overtakes each would begin one of two dates anew.
func (c *dayCounter) take(ctx context.Context, j journal.Journal, n, most int64) (
	date payment.Date, ok bool, err error,
) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(ctx, j); err != nil {
		return 0, false, err
	}
	if date = j.OpenDay(); date != c.date {
		c.date, c.used, c.marked = date, 0, 0
	}
	if n > most || c.used > most-n {
		return date, false, nil
	}
	if c.used+n > c.marked {
		mark := c.used + n + min(most/markAhead, most-c.used-n)
		value := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(date)), uint64(mark))
		if err := j.PutMeta(ctx, c.name, value); err != nil {
			return date, false, err
		}
		c.marked = mark
	}
	c.used += n
	return date, true, nil
}

// load reads the mark of an earlier run.
func (c *dayCounter) load(ctx context.Context, j journal.Journal) error {
	const length = 4 + 8
	if c.loaded {
		return nil
	}
	value, err := j.Meta(ctx, c.name)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	if len(value) == length {
		c.date = payment.Date(binary.BigEndian.Uint32(value))
		c.marked = int64(binary.BigEndian.Uint64(value[4:]))
		c.used = c.marked
	}
	c.loaded = true
	return nil
}

// giveBack takes n back on a date.
func (c *dayCounter) giveBack(date payment.Date, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if date == c.date {
		c.used -= n
	}
}

// spent is what a request has taken of limits.
type spent struct {
	currency string
	amount   int64
	taken    []taken
}

type taken struct {
	counter *dayCounter
	date    payment.Date
	n       int64
}

// limited is whose limits they are.
type limited struct {
	kind, name string
	limits     *merchant.Limits // nil: none
}

func (s *spent) giveBack() {
	for _, t := range s.taken {
		t.counter.giveBack(t.date, t.n)
	}
}

// giveBackUnlessTaken gives back what a request has taken unless it is approved, or may be: an unknown outcome is none
// that was declined.
func (s *spent) giveBackUnlessTaken(a *api.Answer) {
	if a.Err != nil || !a.Approved && a.Status != api.StatusReversing {
		s.giveBack()
	}
}

// spend holds a request of an amount against the limits of its merchant and its gateway, and counts it. Where neither
// has any it costs nothing.
func (f *Flow) spend(ctx context.Context, profile *merchant.Profile, gateway, currency string, amount int64) (
	*spent, *api.Error,
) {
	ofGateway := f.o.GatewayLimits[gateway] // of no gateway, where none are listed
	if profile.Limits == nil && ofGateway == nil {
		return &unlimited, nil
	}
	s := &spent{currency: currency, amount: amount}
	for _, of := range []limited{{"merchant", profile.LimitsOf(), profile.Limits}, {"gateway", gateway, ofGateway}} {
		if refusedWith := f.spendOf(ctx, s, of); refusedWith != nil {
			s.giveBack()
			return nil, refusedWith
		}
	}
	return s, nil
}

var unlimited spent

func (f *Flow) spendOf(ctx context.Context, s *spent, of limited) *api.Error {
	l := of.limits
	if l == nil {
		return nil
	}
	exceeded := func(what string) *api.Error {
		return &api.Error{Code: api.CodeLimitExceeded, Field: "amount", Message: "the " + of.kind + "'s limit " + what}
	}
	if most := l.MaxAmountMinor[s.currency]; len(l.MaxAmountMinor) > 0 && s.amount > most {
		return exceeded("of one request is " + words.Count(most, "minor unit") + " of " + s.currency)
	}
	for _, day := range []struct {
		limited bool
		name    string
		n, most int64
		what    string // one of it
		of      string
	}{
		{len(l.MaxDayMinor) > 0, s.currency, s.amount, l.MaxDayMinor[s.currency], "minor unit", " of " + s.currency},
		{l.MaxDayCount > 0, "count", 1, l.MaxDayCount, "request", ""},
	} {
		if !day.limited {
			continue
		}
		c := f.limiter.counter(of.kind + "/" + of.name + "/" + day.name)
		date, ok, err := c.take(ctx, f.o.Journal, day.n, day.most)
		switch {
		case err != nil:
			return f.fault("count against a limit", err)
		case !ok:
			return exceeded("of a business date is " + words.Count(day.most, day.what) + day.of)
		}
		s.taken = append(s.taken, taken{c, date, day.n})
	}
	return nil
}
