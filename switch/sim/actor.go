package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// actor is a gateway that plays steps one after another.
type actor struct {
	w      *world
	number int
	node   *switchNode
	who    gatewayIdentity
	party  *party
	late   sync.WaitGroup // steps that are not waited for

	mu     sync.Mutex
	idle   []*client.Client // connections that nobody uses
	about  subject          // of its next steps
	reuse  wish             // its last request with a key
	dialed uint64
	slow   time.Duration // after which it reads on every other connection; 0: at once
	vanish *vanishPart   // it comes by the second door; nil: by the gateway port
}

// line is what one request is sent on.
type line interface {
	Do(ctx context.Context, req *api.Request) (*api.Answer, error)
	Close() error
}

// subject is a payment as an actor knows it.
type subject struct {
	payment, capture   string // the latest, and the latest capture of it
	merchant, currency string
}

// wish is a request, and whose keys it is about.
type wish struct {
	api.Request
	merchant string
	currency string
}

func newActor(w *world, number int) *actor {
	a := &actor{w: w, number: number, node: w.nodes[number%len(w.nodes)], party: &party{name: gatewayName}}
	if s, ok := sectionOf[gatewaysSection](w.plan); ok {
		a.who = s.of(number)
	}
	return a
}

func (a *actor) play(steps []Step) {
	for i := range steps {
		s := &steps[i]
		a.w.rest(s.Wait + time.Duration(a.number*1000+i))
		if s.Apart {
			a.late.Go(func() { a.step(i, s) })
			continue
		}
		a.step(i, s)
	}
	a.late.Wait()
	a.hangUp()
}

func (a *actor) hangUp() {
	a.mu.Lock()
	idle := a.idle
	a.idle = nil
	a.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// now is what the actor's next step is about, and its last request with a key.
func (a *actor) now() (subject, wish) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.about, a.reuse
}

// step plays one step.
func (a *actor) step(i int, s *Step) {
	req, ok := a.request(a.keyOf(i, s), s)
	if !ok {
		return
	}
	if s.Copies > 1 {
		var copies sync.WaitGroup
		for range s.Copies - 1 {
			copies.Go(func() { a.once(&req, false) })
		}
		defer copies.Wait()
	}
	a.learn(&req, a.persist(&req, s.Lost))
	if s.Again {
		a.once(&req, false)
	}
	if s.Other {
		other := req
		if other.Amount++; req.Op == api.OpVoid || req.Op == api.OpVerify {
			return // have no amount
		}
		other.Present = other.Present.With(api.FieldAmount)
		a.once(&other, true)
	}
}

// keyOf is a step's key: the actor's own, or one that actors of the same gateway use for other merchants, too.
func (a *actor) keyOf(i int, s *Step) string {
	if s.SharedKey {
		return fmt.Sprintf("k%d%s", i, a.who.name)
	}
	return fmt.Sprintf("a%d-%d", a.number, i)
}

// learn remembers what later steps are about.
func (a *actor) learn(req *wish, ans *api.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if req.Key != "" {
		a.reuse = *req
	}
	if ans == nil || ans.Err != nil || ans.Payment == "" {
		return
	}
	if ans.Payment != a.about.payment {
		if req.Payment != "" {
			return // of a payment that is no longer the latest, or another actor's
		}
		a.about = subject{payment: ans.Payment, merchant: req.merchant, currency: req.currency}
	}
	if ans.Capture != "" {
		a.about.capture = ans.Capture
	}
}

// How an actor goes about a request that is not answered, or refused for now.
const (
	patience  = 45 * time.Second // for one answer
	mostTries = 12
	restFirst = 150 * time.Millisecond
	restMost  = 8 * time.Second
)

// persist sends a request until it is answered, or does what else a step says where the answer is lost. It returns the
// answer, nil if there is none.
func (a *actor) persist(req *wish, lost Lost) *api.Answer {
	rest := restFirst
	for range mostTries {
		ans, sent := a.once(req, false)
		switch {
		case ans != nil && (ans.Err == nil || !ans.Err.Retry()):
			return ans
		case ans == nil && sent && lost != LostRetry:
			return a.giveUp(req, lost)
		}
		time.Sleep(rest)
		rest = min(2*rest, restMost)
	}
	return nil
}

func (a *actor) giveUp(req *wish, lost Lost) *api.Answer {
	if req.Key == "" || lost == LostLeave {
		return nil
	}
	if lost == LostAsk {
		return a.persist(askFor(req.Key, req.merchant), LostRetry)
	}
	undo := wish{merchant: req.merchant, currency: req.currency, Request: api.Request{
		ID: "undo", Op: api.OpReverse, Key: req.Key + "-undo", OfKey: req.Key, Merchant: req.merchant,
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
	}}
	a.persist(&undo, LostRetry)
	return nil
}

// once sends a request once. sent says that it may have reached the switch.
func (a *actor) once(req *wish, other bool) (ans *api.Answer, sent bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := a.line(ctx)
	if err != nil {
		a.w.trace.addf("actor "+strconv.Itoa(a.number), "not connected: %v", err)
		return nil, false
	}
	rec := &call{
		actor: a.number, by: a, merchant: req.merchant, req: *req, other: other, at: time.Since(a.w.begin),
		begin: a.w.order.Add(1),
	}
	ans, err = c.Do(ctx, &req.Request)
	switch {
	case err == nil:
		rec.end, rec.answer = a.w.order.Add(1), ans
		a.w.history.add(rec)
		a.keep(c)
		a.w.trace.addf("actor "+strconv.Itoa(a.number), "%s: %s", requestText(&req.Request), answerText(ans))
		return ans, true
	case errors.Is(err, client.ErrNotSent):
		_ = c.Close()
		return nil, false
	}
	a.w.history.add(rec)
	_ = c.Close()
	a.w.trace.addf("actor "+strconv.Itoa(a.number), "%s: lost: %v", requestText(&req.Request), err)
	return nil, true
}

// line is what the next request is sent on.
func (a *actor) line(ctx context.Context) (line, error) {
	if a.vanish != nil {
		return a.vanish.door(a)
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// keep keeps a connection for later requests.
func (a *actor) keep(l line) {
	c, ok := l.(*client.Client)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.idle = append(a.idle, c)
}

// connect takes a connection that nobody uses, or makes one.
func (a *actor) connect(ctx context.Context) (*client.Client, error) {
	a.mu.Lock()
	for len(a.idle) > 0 {
		c := a.idle[len(a.idle)-1]
		a.idle = a.idle[:len(a.idle)-1]
		if c.Err() == nil {
			a.mu.Unlock()
			return c, nil
		}
		a.mu.Unlock()
		_ = c.Close()
		a.mu.Lock()
	}
	a.mu.Unlock()
	const room = 4 // requests in flight
	return client.Dial(ctx, a.node.gateway, client.Options{
		MaxInFlight: room, Dial: a.dial, Gateway: a.who.name, Secret: a.who.secret,
	})
}

func (a *actor) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	a.mu.Lock()
	a.dialed++
	slow := a.slow > 0 && a.dialed%2 == 1
	a.mu.Unlock()
	c, err := a.w.net.dial(ctx, a.party, addr)
	if err != nil || !slow {
		return c, err
	}
	return slowed(c, a.slow), nil
}
