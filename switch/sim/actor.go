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
	"switchyard/switch/gateway/client"
)

// history is every request of the actors with what came of it.
type history struct {
	mu    sync.Mutex
	calls []*call
	keys  map[string]*keyed // by keyName
	order []*keyed
}

// keyed is what is known of an idempotency key, which is a merchant's at a node.
type keyed struct {
	node     *switchNode
	merchant string
	key      string
	by       *actor      // who used it first
	req      api.Request // the first one; repeats with the same body are equal to it
	calls    []*call
}

// keyName tells a key from those of other merchants and nodes.
func keyName(n *switchNode, merchant, key string) string { return n.name + " " + merchant + " " + key }

// call is one request that was sent.
type call struct {
	actor      int
	by         *actor
	merchant   string // whose keys it is about
	req        api.Request
	other      bool  // another body under a key that is used
	begin, end int64 // in the order of all events; end 0: never answered
	at         time.Duration
	answer     *api.Answer // nil: the answer was lost
}

func (h *history) add(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
	if c.req.Key == "" || c.req.Op == api.OpStatus {
		return
	}
	if h.keys == nil {
		h.keys = map[string]*keyed{}
	}
	name := c.name(c.req.Key)
	k := h.keys[name]
	if k == nil {
		k = &keyed{node: c.by.node, merchant: c.merchant, key: c.req.Key, by: c.by, req: c.req}
		h.keys[name] = k
		h.order = append(h.order, k)
	}
	k.calls = append(k.calls, c)
}

// name is keyName of a key of the call's.
func (c *call) name(key string) string { return keyName(c.by.node, c.merchant, key) }

const merchant = "M1"

// actor is a gateway that plays steps one after another.
type actor struct {
	w      *world
	number int
	node   *switchNode
	party  *party
	late   sync.WaitGroup // steps that are not waited for

	mu       sync.Mutex
	idle     []*client.Client // connections that nobody uses
	payment  string           // the latest
	capture  string           // the latest of it
	reuse    string           // key of the last request
	calls    int
	sessions int
}

func newActor(w *world, number int) *actor {
	return &actor{w: w, number: number, node: w.nodes[number%len(w.nodes)], party: &party{name: gatewayName}}
}

func (a *actor) play(steps []Step) {
	for i := range steps {
		s := &steps[i]
		time.Sleep(s.Wait + time.Duration(a.number*1000+i))
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

func (a *actor) now() (payment, capture, last string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.payment, a.capture, a.reuse
}

// step plays one step.
func (a *actor) step(i int, s *Step) {
	req, ok := a.request(fmt.Sprintf("a%d-%d", a.number, i), s)
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

// request makes the request of a step; false if there is nothing that it could be about.
func (a *actor) request(key string, s *Step) (api.Request, bool) {
	payment, capture, last := a.now()
	r := api.Request{ID: key, Key: key, Amount: s.Amount, Present: api.Fields(api.FieldKey)}
	if s.Do.creates() {
		r.Merchant, r.Terminal, r.Currency, r.Card = merchant, "T1", "EUR", api.Card{Number: cards[s.Card], Expiry: "3012", CVC: "123"}
		r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard)
		switch s.Do {
		case DoAuthorize, DoSale:
			r.Op = api.OpAuthorize
			if s.Do == DoSale {
				r.Op = api.OpSale
			}
			if s.Amount%2 == 0 {
				r.Partial, r.Present = true, r.Present.With(api.FieldPartial)
			}
		case DoVerify:
			r.Op, r.Amount = api.OpVerify, 0
			r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldCurrency, api.FieldCard)
		case DoVoice:
			r.Op, r.AuthCode, r.Card.CVC = api.OpCapture, "V"+strconv.Itoa(10000+int(s.Amount)), ""
			r.Card.Number = cards[s.Card%goodCards]
			r.Present = r.Present.With(api.FieldAuthCode)
		}
		return r, true
	}
	if s.Do == DoReverseByKey {
		r.Op, r.Merchant, r.OfKey, r.Amount = api.OpReverse, merchant, last, 0
		r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey)
		return r, last != ""
	}
	r.Payment, r.Present = payment, r.Present.With(api.FieldPayment)
	if s.Amount != 0 {
		r.Present = r.Present.With(api.FieldAmount)
	}
	switch s.Do {
	case DoIncrement:
		r.Op, r.Amount = api.OpIncrement, s.Amount+1
		r.Present = r.Present.With(api.FieldAmount)
	case DoCapture:
		r.Op = api.OpCapture
	case DoFinal:
		r.Op, r.Final = api.OpCapture, true
		r.Present = r.Present.With(api.FieldFinal)
	case DoReverse:
		r.Op = api.OpReverse
	case DoVoid:
		r.Op, r.Amount, r.Present = api.OpVoid, 0, api.Fields(api.FieldKey, api.FieldPayment)
		if capture != "" && s.Amount%2 == 0 {
			r.Capture, r.Present = capture, r.Present.With(api.FieldCapture)
		}
	case DoRefund:
		r.Op = api.OpRefund
	case DoStatus:
		r.Op, r.Key, r.Amount, r.Present = api.OpStatus, "", 0, api.Fields(api.FieldPayment)
	}
	return r, payment != ""
}

// learn remembers what later steps are about.
func (a *actor) learn(req *api.Request, ans *api.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if req.Key != "" {
		a.reuse = req.Key
	}
	if ans == nil || ans.Err != nil || ans.Payment == "" {
		return
	}
	if ans.Payment != a.payment {
		if req.Payment != "" {
			return // of a payment that is no longer the latest
		}
		a.payment, a.capture = ans.Payment, ""
	}
	if ans.Capture != "" {
		a.capture = ans.Capture
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
func (a *actor) persist(req *api.Request, lost Lost) *api.Answer {
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

func (a *actor) giveUp(req *api.Request, lost Lost) *api.Answer {
	if req.Key == "" || lost == LostLeave {
		return nil
	}
	if lost == LostAsk {
		ask := api.Request{ID: "ask", Op: api.OpStatus, Key: req.Key, Merchant: merchant, Present: api.Fields(api.FieldKey, api.FieldMerchant)}
		return a.persist(&ask, LostRetry)
	}
	undo := api.Request{
		ID: "undo", Op: api.OpReverse, Key: req.Key + "-undo", OfKey: req.Key, Merchant: merchant,
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
	}
	a.persist(&undo, LostRetry)
	return nil
}

// once sends a request once. sent says that it may have reached the switch.
func (a *actor) once(req *api.Request, other bool) (ans *api.Answer, sent bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := a.connect(ctx)
	if err != nil {
		a.w.trace.addf("actor "+strconv.Itoa(a.number), "not connected: %v", err)
		return nil, false
	}
	rec := &call{
		actor: a.number, by: a, merchant: merchant, req: *req, other: other, at: time.Since(a.w.begin),
		begin: a.w.order.Add(1),
	}
	ans, err = c.Do(ctx, req)
	switch {
	case err == nil:
		rec.end, rec.answer = a.w.order.Add(1), ans
		a.w.history.add(rec)
		a.mu.Lock()
		a.idle = append(a.idle, c)
		a.mu.Unlock()
		a.w.trace.addf("actor "+strconv.Itoa(a.number), "%s: %s", requestText(req), answerText(ans))
		return ans, true
	case errors.Is(err, client.ErrNotSent):
		_ = c.Close()
		return nil, false
	}
	a.w.history.add(rec)
	_ = c.Close()
	a.w.trace.addf("actor "+strconv.Itoa(a.number), "%s: lost: %v", requestText(req), err)
	return nil, true
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
	return client.Dial(ctx, a.node.gateway, client.Options{MaxInFlight: room, Dial: a.dial})
}

func requestText(r *api.Request) string {
	t := r.Op.String() + " " + r.Key
	if r.Payment != "" {
		t += " of " + r.Payment
	}
	if r.OfKey != "" {
		t += " of key " + r.OfKey
	}
	if r.Amount != 0 {
		t += fmt.Sprintf(" %d", r.Amount)
	}
	if r.Final {
		t += " final"
	}
	return t
}

func answerText(a *api.Answer) string {
	if a.Err != nil {
		return "refused: " + a.Err.Error()
	}
	t := fmt.Sprintf("%s, approved %t code %q amount %d, authorized %d released %d captured %d refunded %d, RRN %s STAN %s", a.Status,
		a.Approved, a.ResponseCode, a.Amount, a.Authorized, a.Released, a.Captured, a.Refunded, a.RRN, a.STAN)
	if a.Payment != "" {
		t = a.Payment + " " + t
	}
	if a.Replayed {
		t += ", replayed"
	}
	return t
}

func (a *actor) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return a.w.net.dial(ctx, a.party, addr)
}
