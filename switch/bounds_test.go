package txswitch_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// I13: each request that gets no answer queues its reversal, so a host that is silent fills the queue; past its bound
// and the reserve for what is in flight nothing more is sent.
func TestSilentIssuerFillsTheQueue(t *testing.T) {
	silent := startScripted(t, func(_, _ *spec.Message) bool { return false })
	const maxQueued, maxInFlight = 2, 3
	s := switchtest.Start(t, switchtest.Options{
		IssuerAddr: silent, Deadline: 5 * time.Millisecond,
		Configure: func(c *txswitch.Config) {
			c.Limits.MaxQueued, c.Limits.MaxInFlight = maxQueued, maxInFlight
		},
	})
	s.AwaitReady()
	for i := range maxQueued + maxInFlight {
		if a := s.Do(switchtest.Authorize(fmt.Sprint("k", i), 100)); a.Status != api.StatusReversing {
			t.Fatalf("request %d: %+v, error %v", i, a, a.Err)
		}
	}
	wantError(t, s.Do(switchtest.Authorize("one more", 100)), api.CodeBusy, "")
	if queued := s.Switch.Stats().SAF.Queued; queued != maxQueued+maxInFlight {
		t.Errorf("%d reversals are queued", queued)
	}
}

// A silent host fills its own queue: cards of another are served, and of its own those that another host of the route
// takes.
func TestSilentIssuerLeavesTheOthersRoom(t *testing.T) {
	silent := startScripted(t, func(_, _ *spec.Message) bool { return false })
	s := switchtest.Start(t, switchtest.Options{Deadline: 5 * time.Millisecond, Configure: func(c *txswitch.Config) {
		c.Limits.MaxQueued, c.Limits.MaxInFlight = 2, 1
		good := c.Issuers[0]
		bad, standby := good, 0
		bad.Name, bad.Address = "silent", silent
		c.Issuers = append(c.Issuers, bad)
		c.Issuers[0].Deadline = config.Duration(10 * time.Second)
		c.Routes.Rules = []txswitch.RouteRule{
			{Prefix: "", Route: "good", Host: good.Name},
			{Prefix: "51", Route: "silent", Host: "silent"},
			{Prefix: "52", Route: "both", Host: "silent"},
			{Prefix: "52", Route: "both", Host: good.Name, Weight: &standby},
		}
	}})
	s.AwaitReady()
	with := func(key, card string) api.Request {
		r := switchtest.Authorize(key, 100)
		r.Card.Number = card
		return r
	}
	const onlySilent, onBoth = "5100000000000008", "5200000000000007"
	for _, key := range []string{"k0", "k1", "k2"} {
		if a := s.Do(with(key, onlySilent)); a.Status != api.StatusReversing {
			t.Fatalf("%s: %+v, error %v", key, a, a.Err)
		}
	}
	wantError(t, s.Do(with("k3", onlySilent)), api.CodeBusy, "")
	first := s.Do(with("k4", switchtest.GoodCard))
	wantApproved(t, first, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k5", first.Payment, 100)), "")
	wantApproved(t, s.Do(with("k6", onBoth)), "00")
}

// wireTrace is what an issuer was sent, in order.
type wireTrace struct {
	mu   sync.Mutex
	mtis []string
}

func (w *wireTrace) add(m *spec.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mtis = append(w.mtis, m.MTI())
}

func (w *wireTrace) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mtis = nil
}

func (w *wireTrace) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.mtis)
}

// I5: an unanswered 0400 goes on as a 0420, which has not been sent before and so is no repeat.
func TestVoidOfSaleGoesOnAsAdvice(t *testing.T) {
	var sent wireTrace
	addr := startScripted(t, func(m, response *spec.Message) bool {
		sent.add(m)
		if m.MTI() == "0400" {
			response.Reset() // hangs up instead
		}
		return true
	})
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: addr})
	s.AwaitReady()
	sale := switchtest.Authorize("k1", 100)
	sale.Op = api.OpSale
	a := s.Do(sale)
	wantApproved(t, a, "00")
	if v := s.Do(switchtest.On(api.OpVoid, "k2", a.Payment, 0)); v.Err != nil || v.Status != api.StatusReversing {
		t.Fatalf("%+v, error %v", v, v.Err)
	}
	s.AwaitDrained()
	if got, want := fmt.Sprint(sent.list()), "[0200 0400 0420]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// I5: the reversal of a request that a crash left without an outcome begins with a 0420.
func TestRecoveredRequestIsReversedFromTheBeginning(t *testing.T) {
	var sent wireTrace
	first := make(chan struct{}, 1)
	addr := startScripted(t, func(m, _ *spec.Message) bool {
		sent.add(m)
		select {
		case first <- struct{}{}:
		default:
		}
		return m.MTI()[1] == '4'
	})
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: addr, Deadline: time.Hour})
	s.AwaitReady()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r := switchtest.Authorize("k1", 100)
		_, _ = s.Client.Do(t.Context(), &r) // the crash may come first
	}()
	<-first
	s.CrashSwitch()
	<-answered
	sent.clear()
	s.StartSwitch()
	s.AwaitReady()
	s.AwaitDrained()
	if got, want := fmt.Sprint(sent.list()), "[0420]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}
