package flow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// leave commits an intent towards a host, as a crash leaves it.
func (w *world) leave(number uint64, kind payment.Kind, host string) payment.ID {
	w.t.Helper()
	p := &payment.Payment{
		ID: payment.NewID(1, 1_000_000+number), Version: 1, Merchant: "M1", Terminal: "T1", Currency: "EUR", Created: w.begun,
		Ops: []payment.Op{{
			Kind: kind, State: payment.StatePending, Amount: 1000, Target: payment.NoTarget, At: w.begun, Host: host,
			STAN: uint32(number), DE7: "1126120000", RRN: "633012000001", Date: firstDate,
		}},
	}
	w.must(w.journal.Commit(context.Background(), &journal.Transition{Payment: p, Opens: []int{0}}))
	return p.ID
}

// A host of which every STAN is reserved keeps none of another host's intents from its outcome, however many of its own
// wait, nor business dates from being closed, unless its own intents may change them. Its own are ended in the end.
func TestRecoverWithoutSTANs(t *testing.T) {
	for _, kind := range []payment.Kind{payment.KindAuthorize, payment.KindSale} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const waiting = 300
				core, logs := observer.New(zap.WarnLevel)
				w := newWorld(t, settings{stuck: true, log: zap.New(core)})
				w.quiet = true
				for n := range uint64(waiting) {
					w.leave(n+1, kind, "stuck")
				}
				other := w.leave(waiting+1, payment.KindSale, "issuer")
				w.stopRest()
				w.open()
				w.start()
				cleared := make(chan struct{})
				recovered := make(chan error, 1)
				go func() {
					_, err := w.flow.Recover(context.Background(), func() { close(cleared) })
					recovered <- err
				}()
				synctest.Wait()
				p, err := w.journal.Payment(context.Background(), other)
				w.must(err)
				if got := p.Ops[0].State; got != payment.StateUnknown {
					t.Errorf("the other host's sale is %s, want unknown", got)
				}
				if n := w.flow.Unrecovered(); n != waiting {
					t.Errorf("%d are without an outcome, want %d", n, waiting)
				}
				isCleared := func() bool {
					select {
					case <-cleared:
						return true
					default:
						return false
					}
				}
				if got, want := isCleared(), kind == payment.KindAuthorize; got != want {
					t.Errorf("business dates are free: %t, want %t", got, want)
				}
				time.Sleep(stuckFor / 2)
				if n := logs.FilterField(zap.String("host", "stuck")).Len(); n != 3 {
					t.Errorf("%d lines about it in %s, want one a minute", n, stuckFor/2)
				}
				time.Sleep(stuckFor)
				w.must(<-recovered)
				if n := w.flow.Unrecovered(); n != 0 || !isCleared() {
					t.Errorf("%d are without an outcome in the end, business dates are free: %t", n, isCleared())
				}
				w.end()
			})
		})
	}
}

// Where a host has fewer STANs free than intents, the payments of those that have to wait are not locked meanwhile.
func TestRecoverWithFewSTANs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiting, few = 20, 5
		w := newWorld(t, settings{stuck: true, few: few})
		w.quiet = true
		var left []payment.ID
		for n := range uint64(waiting) {
			left = append(left, w.leave(n+1, payment.KindAuthorize, "stuck"))
		}
		w.stopRest()
		w.open()
		w.journal.slow = time.Second // so that many have begun before the first one takes its STAN
		w.start()
		ctx, cancel := context.WithCancel(context.Background())
		recovered := make(chan error, 1)
		go func() {
			_, err := w.flow.Recover(ctx, func() {})
			recovered <- err
		}()
		time.Sleep(4 * few * time.Second)
		if n := w.flow.Unrecovered(); n != waiting-few {
			t.Errorf("%d are without an outcome, want %d", n, waiting-few)
		}
		waits, locked := 0, make(chan struct{}, waiting)
		for _, id := range left {
			p, err := w.journal.Payment(context.Background(), id)
			w.must(err)
			if p.Ops[0].State == payment.StatePending {
				waits++
				go func() {
					w.turns.Lock(id)()
					locked <- struct{}{}
				}()
			}
		}
		synctest.Wait()
		if len(locked) != waiting-few || waits != waiting-few {
			t.Errorf("%d of %d payments that wait can be locked, want all of %d", len(locked), waits, waiting-few)
		}
		cancel()
		<-recovered
		w.end()
	})
}

// A stop ends the wait.
func TestRecoverWithoutSTANsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{stuck: true})
		w.leave(1, payment.KindAuthorize, "stuck")
		w.stopRest()
		w.open()
		w.start()
		ctx, cancel := context.WithCancel(context.Background())
		recovered := make(chan error, 1)
		go func() {
			_, err := w.flow.Recover(ctx, func() {})
			recovered <- err
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-recovered:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		default:
			t.Error("it goes on")
		}
		w.end()
	})
}

// What would have to wait for STANs is not parked: it is said at once.
func TestParkWithoutSTANs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{stuck: true})
		id := w.leave(1, payment.KindAuthorize, "stuck")
		w.leave(2, payment.KindAuthorize, "issuer")
		w.stopRest()
		w.open()
		none := func(payment.ID) bool { return false }
		err := w.flow.MayPark(none)
		const want = "issuer stuck: the reversals of 1 request without an outcome need a STAN each, and 0 are free: " +
			"every STAN is reserved: the answer to its last use may still come; try again when its latest_answer has gone by " +
			"since the start, or recover these requests"
		if !errors.Is(err, identity.ErrReserved) || err.Error() != want {
			t.Errorf("error %v\n want %s", err, want)
		}
		if err := w.flow.MayPark(func(p payment.ID) bool { return p == id }); err != nil {
			t.Errorf("without it: %v", err)
		}
		time.Sleep(stuckFor + 5*time.Second)
		w.must(w.flow.MayPark(none))
		w.must(w.flow.Park(context.Background(), "in doubt", none))
		if n := w.flow.Unrecovered(); n != 0 {
			t.Errorf("%d are without an outcome", n)
		}
		w.start()
		w.end()
	})
}
