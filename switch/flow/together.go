package flow

import (
	"context"
	"slices"
	"time"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// The common way of operations that make a payment, and of captures (together_capture.go): many go together through
// each step, and none has a goroutine.
//
//	Take ─▶ intend ─▶ CommitAll ─▶ start ─▶ Received ─▶ conclude ─▶ CommitAll ─▶ answer
//
// What one of them would have to wait for, or what is not plain, takes it out: before its intent is committed it gives
// everything back and begins anew alone (authorize.go); afterwards it goes on alone where it stands. So nobody waits
// for another one's trouble, and what is rare is written once, straight on. What is decided for one payment is decided
// by the same functions on both ways.

// joint is a request on the common way.
type joint struct {
	operation
	ctx   context.Context
	asked *api.Call
	taken time.Time // when the request was
	said  api.Answer
}

// making is an operation on the common way that makes a payment.
type making struct {
	joint
	begin time.Time // of the step that it is in
	err   error     // of sending
	reply reply

	own     exchange.Call // what call names, if anything
	payment payment.Payment
	ops     [2]payment.Op // room for the payment's
	t       journal.Transition
	keys    [1]journal.KeyClaim
	index   [1]int // of the operation: 0
}

// Take implements api.Handler.
func (f *Flow) Take(ctx context.Context, calls []*api.Call) {
	now := time.Now()
	for _, c := range calls {
		switch c.Request.Op {
		case api.OpAuthorize, api.OpSale, api.OpVerify:
			m := f.makings.Get().(*making)
			m.takeIn(ctx, f, c, now)
			m.begin = now
			f.intending.Add(m)
		case api.OpCapture:
			x := &capturing{}
			x.takeIn(ctx, f, c, now)
			f.capturing.Add(x)
		default:
			go f.alone(ctx, c)
		}
	}
	f.intending.Flush()
	f.capturing.Flush()
}

// takeIn makes j a call's request.
func (j *joint) takeIn(ctx context.Context, f *Flow, c *api.Call, now time.Time) {
	j.operation = operation{Flow: f, req: c.Request, caller: c.Caller}
	j.ctx, j.asked, j.taken = ctx, c, now
	f.inFlight.Add(1)
}

// alone serves a call by itself.
func (f *Flow) alone(ctx context.Context, c *api.Call) {
	a := f.Handle(ctx, c.Caller, c.Request)
	c.To.Answered(&a)
	c.To.Flush()
}

// intend takes a batch from requests to frames: all intents are committed before any of them is sent (I1).
func (f *Flow) intend(batch []*making) {
	var intents []*making
	for _, m := range batch {
		if m.prepare() {
			intents = append(intents, m)
		}
	}
	var hosts []*link.Host
	f.commit(intents, func(m *making, err error) {
		if !m.intended(err) {
			return
		}
		if h := m.issuer.Host; !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
		m.start()
	})
	for _, h := range hosts {
		h.Flush()
	}
}

// prepare takes all that the intent of a request needs; false where the request is answered already, or goes on alone.
// It waits for nothing but, now and then, the sync of a new block of numbers.
func (m *making) prepare() bool {
	refusedWith, common := m.take()
	if common {
		return true
	}
	if refusedWith == nil {
		m.beginAlone()
		return false
	}
	m.giveBack()
	m.answerAlone(refused(refusedWith))
	return false
}

// beginAlone gives everything back and begins anew, alone.
func (m *making) beginAlone() {
	m.giveBack()
	m.anew()
}

// anew begins anew, alone, with nothing taken.
func (j *joint) anew() {
	j.inFlight.Add(-1)
	go j.alone(j.ctx, j.asked)
}

// take is create without a wait; common is false where there is one, or an error.
func (m *making) take() (refusedWith *api.Error, common bool) {
	if refusedWith := m.closed(); refusedWith != nil {
		return refusedWith, false
	}
	if !m.claimNew(m.req.Merchant, "") {
		return nil, false
	}
	if refusedWith := m.placed(); refusedWith != nil {
		return refusedWith, false
	}
	if m.profile.Limits != nil || m.o.GatewayLimits[m.caller.Gateway] != nil {
		return nil, false // their counters are durable
	}
	if m.req.CapturedBySwitch() && m.req.CaptureAfter == 0 {
		return nil, false // its capture comes before its answer
	}
	emv, err := storedEMV(m.req)
	if err != nil {
		return api.FieldError("emv", err.Error()), false
	}
	issuers, refusedWith := m.withRoom(m.route.Issuers)
	if refusedWith != nil {
		return refusedWith, false
	}
	if m.issuer = free(issuers, &m.own); m.issuer == nil {
		return nil, false
	}
	m.call = &m.own
	m.metrics.slot.Observe(time.Since(m.begin).Seconds())
	p := &m.payment
	if refusedWith := m.fill(context.Background(), p, m.ops[:0], emv); refusedWith != nil {
		return refusedWith, false
	}
	m.keys[0] = m.claim
	p.Version++
	m.t = journal.Transition{Payment: p, Keys: m.keys[:], Opens: m.index[:], Timers: timersOf(p, 0)}
	if refusedWith := m.dated(context.Background(), &m.t, 0); refusedWith != nil {
		return refusedWith, false
	}
	if err := m.pack(p, 0); err != nil {
		return m.fault("pack the request", err), false
	}
	return nil, true
}

// giveBack gives back what take took, whatever that was.
func (m *making) giveBack() {
	m.leave()
	if m.call != nil {
		m.call.Free()
		m.call = nil
	}
	if m.claim.Key != "" {
		m.endKey()
	}
}

// intended goes on from the commit of the intent; true where it is to be sent.
func (m *making) intended(err error) bool {
	switch {
	case err == nil:
		m.metrics.intent.Observe(time.Since(m.begin).Seconds())
		m.metrics.begun.Inc()
		return true
	case cutBetween(err, &m.payment.Ops[0]):
		m.beginAlone()
	default:
		m.giveBack()
		m.answerAlone(refused(m.intentRefused(err)))
	}
	return false
}

// start sends a committed intent, with the next Flush of its host.
func (m *making) start() {
	m.begin = time.Now()
	if err := m.call.Start(m); err != nil {
		m.Received(nil, err).Flush()
	}
}

// Received implements link.Receiver.
func (m *making) Received(resp *spec.Message, err error) link.Flusher {
	if err == nil {
		m.call.Read(resp)
	}
	concluding := m.concluding // m may be somebody else's as soon as it is added
	m.err = err
	concluding.Add(m)
	return concluding
}

// conclude takes a batch from the issuers' answers to the gateways': all outcomes are committed before any of them is
// told (I2).
func (f *Flow) conclude(batch []*making) {
	now := time.Now()
	var outcomes, told []*making
	for _, m := range batch {
		m.metrics.issuer.Observe(now.Sub(m.begin).Seconds())
		m.begin = now
		if m.received() {
			outcomes = append(outcomes, m)
		}
	}
	f.commit(outcomes, func(m *making, err error) {
		if m.concluded(err) {
			m.answer()
			told = append(told, m)
		}
	})
	for _, m := range told {
		m.asked.To.Flush()
		m.joint, m.reply, m.err = joint{}, reply{}, nil // what it is about is written anew
		f.makings.Put(m)
	}
}

// received makes an answer the outcome of its operation; false where it goes on alone. Nobody else changes the payment
// before its outcome stands, but one without an answer, which may come late: so that one is locked (seeThrough).
func (m *making) received() bool {
	m.reply = reply{err: m.err, call: m.call, partial: m.req.Partial}
	m.t = journal.Transition{Payment: &m.payment, Closes: m.index[:]}
	if m.reply.code() == "" {
		go m.seeThroughAlone()
		return false
	}
	if err := m.Flow.received(context.Background(), &m.t, 0, &m.reply); err != nil {
		m.giveBack()
		m.answerAlone(refused(m.fault("commit the outcome", err)))
		return false
	}
	return true
}

// concluded goes on from the commit of the outcome to the answer; false where it goes on alone.
func (m *making) concluded(err error) bool {
	if journal.IsBroken(err) {
		go m.notTakenAlone(err)
		return false
	}
	m.said = m.outcome(&m.t, err)
	m.giveBack()
	return true
}

// seeThroughAlone goes on with a request that was not sent or has no answer.
func (m *making) seeThroughAlone() {
	issuers, refusedWith := m.withRoom(m.route.Issuers)
	if refusedWith != nil {
		issuers = []*exchange.Issuer{m.issuer}
	}
	a := m.seeThrough(m.ctx, &m.payment, issuers, m.reply)
	m.giveBack()
	m.answerAlone(a)
}

// notTakenAlone goes on with an answer that breaks a money invariant.
func (m *making) notTakenAlone(err error) {
	t, err := m.looked(context.Background(), &m.t, 0, &m.reply, err)
	a := m.outcome(t, err)
	m.giveBack()
	m.answerAlone(a)
}

// outcome is the answer to what was committed, or was not.
func (m *making) outcome(t *journal.Transition, err error) api.Answer {
	if err != nil {
		return refused(m.fault("commit the outcome", err))
	}
	m.Flow.concluded(t, 0, m.begin)
	return m.done(&m.payment, 0)
}

// commit commits the transitions of a batch and says of each what came of it.
func (f *Flow) commit(batch []*making, done func(m *making, err error)) {
	if len(batch) == 0 {
		return
	}
	ts, errs := make([]*journal.Transition, len(batch)), make([]error, len(batch))
	for i, m := range batch {
		ts[i] = &m.t
	}
	f.o.Journal.CommitAll(context.Background(), ts, errs)
	for i, m := range batch {
		done(m, errs[i])
	}
}

// answer answers the request; the asker is to be flushed then.
func (j *joint) answer() {
	j.served(j.caller, j.req, &j.said, time.Since(j.taken))
	j.inFlight.Add(-1)
	j.asked.To.Answered(&j.said)
}

// answerAlone answers a request that is not one of many. What it was made of is left to the collector: the queue of
// what is undone may have kept the payment.
func (j *joint) answerAlone(a api.Answer) {
	j.said = a
	j.answer()
	j.asked.To.Flush()
}
