package day

import (
	"context"
	"errors"
	"time"

	"switchyard/switch/api"
)

// A request refused with retry is sent again: the nth time after n·retryPause, at most maxTries times in all or, where
// outages are to be expected, for as long as they may last, with pauses that grow no further.
const (
	maxTries   = 8
	retryPause = 50 * time.Millisecond
)

// How long a payment may be reversing, and how often the driver asks.
const (
	resolveLimit = 2 * time.Minute
	resolvePause = 50 * time.Millisecond
)

// reply is an answer, and whether the request was sent more than once for it: it may then be an answer to a repeat.
type reply struct {
	*api.Answer
	resent bool
}

// do sends an operation, twice where the plan says so, and checks what comes back.
func (p *play) do(s step) error {
	defer func() { p.ops++ }()
	if p.plan.Repeats && p.plan.AtOnce {
		return p.both(s)
	}
	first, err := p.send(s.req)
	if err != nil {
		return err
	}
	w, err := p.take(&s, first)
	if err != nil {
		return err
	}
	if p.plan.Repeats {
		again, err := p.send(repeat(s.req))
		if err != nil {
			return err
		}
		p.takeRepeat(s.req, w, first, again)
	}
	return p.finish(&s, w)
}

// both sends the same request twice at the same time: one of them must be told that it is a repeat.
func (p *play) both(s step) error {
	type result struct {
		r   reply
		err error
	}
	other := make(chan result, 1)
	twin := repeat(s.req)
	go func() {
		r, err := p.send(twin)
		other <- result{r, err}
	}()
	first, err := p.send(s.req)
	o := <-other
	if err = errors.Join(err, o.err); err != nil {
		return err
	}
	second := o.r
	if first.Replayed && !second.Replayed {
		first, second = second, first
	}
	if first.resent || second.resent {
		first.resent = true // whichever of them was first may have lost its answer
	}
	w, err := p.take(&s, first)
	if err != nil {
		return err
	}
	p.takeRepeat(s.req, w, first, second)
	return p.finish(&s, w)
}

// send sends a request until it is taken or refused for good.
func (p *play) send(req *api.Request) (r reply, err error) {
	begin := time.Now()
	for try := 1; ; try++ {
		start := time.Now()
		r.Answer, err = p.client.Do(p.ctx, req)
		switch {
		case err == nil:
			p.book.answered(p.plan, req, moved(req, r.Answer), r.Answer, time.Since(start))
			if r.Err == nil || !r.Err.Retry() || p.gaveUp(try, begin) {
				return r, nil
			}
			p.book.retried()
		case p.o.Outage == 0 || p.gaveUp(try, begin) || p.ctx.Err() != nil:
			return r, err
		default:
			r.resent = true
			p.book.disconnected()
		}
		if err := p.pause(time.Duration(min(try, maxTries)) * retryPause); err != nil {
			return r, err
		}
	}
}

func (p *play) gaveUp(try int, begin time.Time) bool {
	if p.o.Outage == 0 {
		return try == maxTries
	}
	return time.Since(begin) > p.o.Outage
}

func (p *play) pause(d time.Duration) error {
	select {
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-time.After(d):
		return nil
	}
}

// moved is the amount that the book enters with an answer.
func moved(req *api.Request, a *api.Answer) int64 {
	switch {
	case req.Op == api.OpStatus || a.Replayed:
		return 0 // no money moved by it
	case !a.Approved:
		return req.Amount
	}
	return a.Amount
}

// take checks the first answer to an operation and returns what its repeats must say. What the answer makes of the
// payment is entered into the book, whether it is what was planned or not: the switch will clear it.
func (p *play) take(s *step, r reply) (want, error) {
	w := p.expected(s, r.Answer)
	if r.Err == nil && w.approved {
		p.should = s.after
		if s.clears != 0 {
			p.book.presented(p.plan.Card.Number, s.clears)
		}
	}
	if !p.check(s.req, r, w, false) {
		return w, errDeparted
	}
	if p.o.Remember {
		p.book.remember(p.plan.Merchant.ID, s.req.Key, r.Answer)
	}
	return w, nil
}

// takeRepeat checks the answer to a repeat of an operation whose first answer was taken.
func (p *play) takeRepeat(req *api.Request, w want, first, again reply) {
	p.check(req, again, w, true)
	if again.Err == nil {
		p.same(req, first.Answer, again.Answer)
	}
}

// unresolved stands for whatever status an operation that the issuer did not answer leaves until the switch knows it,
// too.
const unresolved = api.Status("")

// expected is what an answer must say: what the plan has or, where the issuer may fail to answer and did, what the
// switch makes of that. Such an operation has no DE39 and was not made, but for a reversal, which the switch goes on
// with.
func (p *play) expected(s *step, a *api.Answer) want {
	if !p.o.Faults && p.o.Outage == 0 || a.Err != nil || a.ResponseCode != "" || s.want.code == "" {
		return s.want
	}
	if s.req.Op == api.OpReverse && a.Approved {
		return want{approved: true, amount: s.want.amount, status: unresolved}
	}
	return want{status: unresolved}
}

// finish ends an operation. One that the issuer did not answer is followed until the switch knows what became of it.
func (p *play) finish(s *step, w want) error {
	if w.status != unresolved {
		p.status = w.status
		return nil
	}
	a, err := p.resolve()
	if err != nil || a == nil {
		return err
	}
	switch made := p.status != ""; {
	case w.approved: // the reversal is through
		p.status = s.want.status
	case !made && a.Status == api.StatusFailed:
		p.status = api.StatusFailed // nothing was sent to the issuer
	case !made:
		p.status = api.StatusReversed
	}
	if p.checkPayment(s.req, a); a.Status != p.status {
		p.wrong(s.req, "status in the end", string(a.Status), string(p.status))
	}
	if p.should.authorized == 0 {
		return errUnmade
	}
	return nil
}

// resolve asks for the payment until nothing of it is unknown to the switch. The answer is nil where that is not to be
// waited for any longer; the mismatch is then in the book.
func (p *play) resolve() (*api.Answer, error) {
	p.book.unanswered()
	req := p.statusRequest()
	for begin := time.Now(); ; {
		r, err := p.send(req)
		if err != nil {
			return nil, err
		}
		switch {
		case r.Err != nil:
			p.wrong(req, "error", r.Err.Error(), "the payment")
			return nil, errDeparted
		case r.Status != api.StatusReversing && r.Status != api.StatusPending:
			return r.Answer, nil
		case time.Since(begin) > resolveLimit:
			p.wrong(req, "status after "+resolveLimit.String(), string(r.Status), "known")
			return nil, errDeparted
		}
		if err := p.pause(resolvePause); err != nil {
			return nil, err
		}
	}
}

// repeat copies a request, because a client may write its own id into it.
func repeat(req *api.Request) *api.Request {
	twin := *req
	return &twin
}
