package flow_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// authorized has an authorization approved, which the switch captures after a while; 0: not by itself.
func (w *world) authorized(key string, after time.Duration) payment.ID {
	req := api.Request{
		Op: api.OpAuthorize, Key: key, Merchant: "M1", Terminal: "T1", Currency: "EUR", Amount: 1000, CaptureAfter: after,
		Present: api.Fields(api.FieldKey, api.FieldAmount, api.FieldCurrency),
		Card:    api.Card{Number: goodCard, Expiry: "3012", CVC: "123"},
	}
	if after != 0 {
		req.Present = req.Present.With(api.FieldCapture)
	}
	a := w.do(req, 0)
	if !a.Approved {
		w.t.Fatalf("%+v", a)
	}
	id, err := payment.ParseID(a.Payment)
	w.must(err)
	return id
}

// looksBehind wants timers to be looked for behind a moment in one pass, the zero time for all of them.
func (w *world) looksBehind(at time.Time) {
	w.t.Helper()
	w.journal.looked = nil
	w.must(w.flow.ServeDue(context.Background()))
	if looked := w.journal.looked; len(looked) == 0 || !looked[0].At.Equal(at) {
		w.t.Errorf("timers are looked for behind %v, want %s", looked, at)
	}
}

// A pass goes on behind the last timer that an earlier one has served, and back to one that was set before it since.
func TestPassGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 3}})
		defer w.end()
		ctx := context.Background()
		w.must(w.flow.WatchWindows(ctx))
		left := w.authorized("left", 0)
		end := time.Now().Add(72 * time.Hour)
		w.looksBehind(time.Time{})
		time.Sleep(71 * time.Hour)
		w.authorized("captured", 2*time.Hour)
		served := time.Now().Add(2 * time.Hour)
		time.Sleep(2 * time.Hour)
		w.looksBehind(time.Time{})
		w.looksBehind(served)
		w.looksBehind(served)
		w.must(w.flow.WatchWindows(ctx)) // late: the window of the first has ended
		w.looksBehind(end.Add(time.Millisecond - 1))
		w.drained()
		p, err := w.journal.Payment(ctx, left)
		w.must(err)
		if last := &p.Ops[len(p.Ops)-1]; last.Kind != payment.KindExpire || last.State != payment.StateApproved {
			t.Errorf("what was left ends with %s, %s", last.Kind, last.State)
		}
	})
}

// Ends of windows that come at once take no more of a host's queue than they may.
func TestWindowsThatEndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queued = 6
		w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 2}, queued: queued})
		defer w.end()
		ctx := context.Background()
		w.must(w.flow.WatchWindows(ctx))
		for n := range queued + 2 {
			w.authorized(strconv.Itoa(n), 0)
		}
		time.Sleep(49 * time.Hour)
		w.far.SetDown(true)
		time.Sleep(2 * time.Second)
		w.must(w.flow.WatchWindows(ctx))
		w.journal.slowly = time.Millisecond
		w.must(w.flow.ServeDue(ctx))
		if got := w.queue.Queued("issuer"); got != queued/2 {
			t.Errorf("%d advices are queued, want %d", got, queued/2)
		}
		w.journal.slowly = 0
		w.far.SetDown(false)
		w.ready()
		for range 4 {
			time.Sleep(time.Minute)
			w.must(w.flow.ServeDue(ctx))
			w.drained()
		}
		if n := strings.Count(w.seen(), "expire approved"); n != queued+2 {
			t.Errorf("%d windows have given up what was left, want %d", n, queued+2)
		}
	})
}

// Captures that the switch has not made are found by their timers, each payment once, and no payment is read for the
// end of its window. Once they are cancelled the histories say so, and there is none to be found.
func TestUnmadeCaptures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 7}})
		defer w.end()
		ctx := context.Background()
		named := w.authorized("named", 40*time.Hour)
		twice := w.authorized("twice", 50*time.Hour)
		for n := range 3 {
			w.authorized("left "+strconv.Itoa(n), 0)
		}
		made := w.authorized("made", time.Hour)
		time.Sleep(2 * time.Hour)
		w.must(w.flow.ServeDue(ctx))
		capture := w.do(api.Request{
			Op: api.OpCapture, Key: "c", Payment: twice.String(), Amount: 300,
			Present: api.Fields(api.FieldKey, api.FieldPayment, api.FieldAmount),
		}, 0)
		w.drained()
		void := w.do(api.Request{ // sets a timer beside that of the capture
			Op: api.OpVoid, Key: "v", Payment: twice.String(), Capture: capture.Capture,
			Present: api.Fields(api.FieldKey, api.FieldPayment, api.FieldCapture),
		}, 0)
		if !void.Approved {
			t.Fatalf("%+v", void)
		}
		time.Sleep(25 * time.Hour)
		w.must(w.flow.WatchWindows(ctx))
		unmade := func() (ids []payment.ID) {
			w.must(w.flow.Unmade(ctx, func(p *payment.Payment) bool { ids = append(ids, p.ID); return true }))
			return ids
		}
		before := w.journal.reads.Load()
		if got := unmade(); !slices.Equal(got, []payment.ID{twice, named}) {
			t.Errorf("not made are %v, want %v", got, []payment.ID{twice, named})
		}
		if n := before - w.journal.reads.Load(); n != 2 {
			t.Errorf("%d payments were read, want 2", n)
		}
		w.must(w.flow.Park(ctx, "put back", func(id payment.ID) bool { return id == named }))
		if got := unmade(); !slices.Equal(got, []payment.ID{named}) {
			t.Errorf("then not made are %v, want %v", got, []payment.ID{named})
		}
		for id, want := range map[payment.ID]bool{named: false, twice: true, made: false} {
			a := w.do(api.Request{Op: api.OpStatus, Payment: id.String(), Present: api.Fields(api.FieldPayment)}, 0)
			if len(a.History) == 0 || a.History[0].CaptureCancelled != want {
				t.Errorf("%s: cancelled %t is expected in %+v", id, want, a.History)
			}
		}
		p, err := w.journal.Payment(ctx, twice)
		w.must(err)
		if why := p.CaptureCancelled(); !strings.HasSuffix(why, ", is cancelled: put back") {
			t.Errorf("cancelled, since %q", why)
		}
		time.Sleep(48 * time.Hour)
		w.must(w.flow.ServeDue(ctx))
		w.drained()
		if n := strings.Count(w.seen(), "queued automatically"); n != 2 {
			t.Errorf("the switch has captured %d times, want 2", n)
		}
	})
}

// What a void gives back once the switch's own capture was due, and found everything captured, is not captured by the
// switch any more; what one gives back before is.
func TestVoidBehindTheDueCapture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 7}})
		defer w.end()
		ctx := context.Background()
		capturedAndVoided := func(key string, between time.Duration) payment.ID {
			id := w.authorized(key, 2*time.Hour)
			captured := w.do(api.Request{
				Op: api.OpCapture, Key: key + " capture", Payment: id.String(), Amount: 1000,
				Present: api.Fields(api.FieldKey, api.FieldPayment, api.FieldAmount),
			}, 0)
			w.drained()
			time.Sleep(between)
			w.must(w.flow.ServeDue(ctx))
			void := w.do(api.Request{
				Op: api.OpVoid, Key: key + " void", Payment: id.String(), Capture: captured.Capture,
				Present: api.Fields(api.FieldKey, api.FieldPayment, api.FieldCapture),
			}, 0)
			if !void.Approved {
				t.Fatalf("%+v", void)
			}
			time.Sleep(3 * time.Hour)
			w.must(w.flow.ServeDue(ctx))
			w.drained()
			return id
		}
		for between, want := range map[time.Duration]bool{time.Hour: true, 3 * time.Hour: false} {
			id := capturedAndVoided(between.String(), between)
			p, err := w.journal.Payment(ctx, id)
			w.must(err)
			if last := &p.Ops[len(p.Ops)-1]; last.Automatic != want {
				t.Errorf("voided %s after the authorization: ends with %s, by the switch %t, want %t", between, last.Kind,
					last.Automatic, want)
			}
			if cancelled := p.CaptureCancelled() != ""; cancelled == want || p.CaptureAwaited() {
				t.Errorf("voided %s after the authorization: cancelled %t, awaited %t", between, cancelled, p.CaptureAwaited())
			}
		}
	})
}

// A journal that was put back does not take a key that it does not know for one that was never used: for a day nobody
// is told so, and nothing is burned.
func TestForgottenKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 7}})
		defer w.end()
		ask := func(op api.Op, key string) (a api.Answer, forgotten bool) {
			req := api.Request{Op: op, Merchant: "M1", Key: key, Present: api.Fields(api.FieldKey, api.FieldMerchant)}
			if op == api.OpReverse {
				req.Key, req.OfKey, req.Present = "reversal of "+key, key, req.Present.With(api.FieldOfKey)
			}
			a = w.do(req, 0)
			return a, a.Err != nil && a.Err.Code == api.CodeUnknownPayment && strings.Contains(a.Err.Message, "put back")
		}
		if a, forgotten := ask(api.OpStatus, "lost"); forgotten {
			t.Errorf("status before: %+v", a)
		}
		if a, _ := ask(api.OpReverse, "burned"); !a.Approved {
			t.Errorf("reversal before: %+v", a)
		}
		w.authorized("known", 0)
		w.must(w.flow.Park(context.Background(), "put back", func(payment.ID) bool { return false }))
		byReference := api.Request{
			Op: api.OpStatus, Merchant: "M1", Reference: "lost", Present: api.Fields(api.FieldMerchant, api.FieldReference),
		}
		if a := w.do(byReference, 0); a.Err == nil || a.Err.Code != api.CodeUnknownPayment || a.Err.Field != "reference" {
			t.Errorf("by reference: %+v", a)
		}
		for range 2 {
			for _, op := range []api.Op{api.OpStatus, api.OpReverse} {
				if a, forgotten := ask(op, "lost"); !forgotten {
					t.Errorf("%s: %+v", op, a)
				}
			}
		}
		if a, _ := ask(api.OpReverse, "burned"); !a.Approved {
			t.Errorf("of a key that was burned before: %+v", a)
		}
		if a, _ := ask(api.OpReverse, "known"); !a.Approved || a.Payment == "" {
			t.Errorf("of a key that is known: %+v", a)
		}
		time.Sleep(25 * time.Hour)
		if a, forgotten := ask(api.OpStatus, "lost"); forgotten {
			t.Errorf("status a day later: %+v", a)
		}
		if a, _ := ask(api.OpReverse, "lost"); !a.Approved || a.Status != api.StatusReversed {
			t.Errorf("reversal a day later: %+v", a)
		}
	})
}

// One that was made in the future, by a clock that was wrong, keeps none behind it waiting to be watched; by a clock
// that is behind, all that are new seem to be, and are not watched before they are a day old.
func TestWatchedOutOfOrder(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		ages    []time.Duration // of payments, in the order of their ids
		watched int             // how many of them are
	}{
		"in their order":                {[]time.Duration{50 * time.Hour, 30 * time.Hour, time.Hour}, 2},
		"new by a clock behind":         {[]time.Duration{30 * time.Hour, -time.Hour, -2 * time.Hour}, 1},
		"ahead, then a young one":       {[]time.Duration{-time.Hour, time.Hour}, 0},
		"ahead, then an old one":        {[]time.Duration{-1, -2, -3 * time.Hour, 25 * time.Hour, time.Hour}, 4},
		"ahead, then old ones":          {[]time.Duration{-5 * day, -5 * day, 30 * time.Hour, 29 * time.Hour, -day, 0}, 4},
		"further than any window ahead": {[]time.Duration{-36 * day, -35 * day}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{})
				defer w.end()
				ctx := context.Background()
				for n, age := range c.ages {
					at := time.Now().Add(-age)
					w.must(w.journal.Commit(ctx, &journal.Transition{Payment: &payment.Payment{
						ID: payment.NewID(1, uint64(n+1)), Version: 1, Merchant: "M1", Currency: "EUR", Created: at,
						Expires: at.Add(60 * day),
						Ops: []payment.Op{{
							Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: 100, Granted: 100,
							Target: payment.NoTarget, At: at, Host: "issuer",
						}},
					}}))
				}
				w.must(w.flow.WatchWindows(ctx))
				n := 0
				w.must(w.journal.Timers(ctx, journal.Timer{}, time.Now().Add(1000*day), func(t journal.Timer) bool {
					n++
					return t.Window
				}))
				if n != c.watched {
					t.Errorf("%d payments are watched, want %d", n, c.watched)
				}
			})
		})
	}
}
