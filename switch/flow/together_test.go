package flow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/merchant"
)

// ask takes requests in together and returns where their answers come.
func (w *world) ask(reqs ...*api.Request) []*asker {
	calls, to := make([]*api.Call, len(reqs)), make([]*asker, len(reqs))
	for i, req := range reqs {
		to[i] = w.asker()
		calls[i] = &api.Call{Caller: &api.Caller{Gateway: "g"}, Request: req, To: to[i]}
	}
	w.flow.Take(context.Background(), calls)
	return to
}

// authorization is a request that is approved, under a key.
func authorization(key string) *api.Request {
	return &api.Request{
		Op: api.OpAuthorize, Key: key, Merchant: "M1", Terminal: "T1", Amount: 1000, Currency: "EUR",
		Card: api.Card{Number: goodCard, Expiry: "3012", CVC: "123"},
	}
}

// What is taken in together goes together: all intents are committed before a frame is sent. What is refused, or
// repeats another, is answered for itself.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		abroad, chips := authorization("abroad"), authorization("chips")
		abroad.Card.Number, chips.EMV = "5"+goodCard[1:], "9"
		status := &api.Request{Op: api.OpStatus, Payment: "P1", Present: api.FieldSet(0).With(api.FieldPayment)}
		to := w.ask(authorization("a"), abroad, authorization("b"), chips, authorization("a"), authorization("c"), status)
		synctest.Wait()
		var got []string
		for _, one := range to {
			a := <-one.answer
			got = append(got, strings.TrimSpace(strings.SplitN(said(&a), ":", 2)[0]))
		}
		want := []string{
			"authorized, approved", "no_route card.number", "authorized, approved", "invalid_field emv",
			"authorized, approved, replayed", "authorized, approved", "unknown_payment payment",
		}
		if !slices.Equal(got, want) {
			t.Errorf("answers %q, want %q", got, want)
		}
		trace := strings.Split(w.seen(), "\n")
		for i, line := range trace {
			if intent := strings.HasPrefix(line, "commit 1"); intent != (i < 3) {
				t.Errorf("want the three intents first: %q", trace)
			}
		}
	})
}

// One that has to wait holds up none of those that came with it.
func TestOneThatWaitsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		w.script["0100"] = "silence"
		first := w.ask(authorization("a"))
		time.Sleep(deadline / 2)
		w.mu.Lock()
		w.script["0100"] = "00"
		w.mu.Unlock()
		to := w.ask(authorization("a"), authorization("b"))
		synctest.Wait()
		if a := <-to[1].answer; !a.Approved {
			t.Errorf("got %s", said(&a))
		}
		select {
		case a := <-to[0].answer:
			t.Errorf("the repeat is answered while the first is at the issuer: %s", said(&a))
		default:
		}
		time.Sleep(deadline)
		synctest.Wait()
		one, again := <-first[0].answer, <-to[0].answer
		if one.Status != api.StatusReversing || again.Payment != one.Payment || !again.Replayed {
			t.Errorf("got %s and %s", said(&one), said(&again))
		}
	})
}

// With more requests than slots, with limits, and through a cutover each is answered, and nothing is counted that is
// over in the end.
func TestTogetherInNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{limits: &merchant.Limits{MaxDayCount: 3}})
		defer w.end()
		var limited, reqs []*api.Request
		for i := range 600 { // a link's window is 256
			if i < 5 {
				limited = append(limited, authorization(fmt.Sprint("limited", i)))
			}
			req := authorization(fmt.Sprint("k", i))
			req.Merchant = "UNLIMITED"
			if i%2 == 0 {
				req.Op = api.OpSale
			}
			reqs = append(reqs, req)
		}
		refused := 0
		for _, to := range w.ask(limited...) {
			if a := <-to.answer; a.Err != nil && a.Err.Code == api.CodeLimitExceeded {
				refused++
			}
		}
		w.journal.onCommit = func() {
			w.must(w.journal.Cutover(context.Background(), firstDate, firstDate.Next()))
		}
		w.journal.commits.Store(50)
		dates := map[string]int{}
		for i, to := range w.ask(reqs...) {
			a := <-to.answer
			switch {
			case !a.Approved:
				t.Errorf("request %d: %s", i, said(&a))
			case reqs[i].Op == api.OpSale:
				dates[a.BusinessDate]++
			}
		}
		if refused != 2 || len(dates) != 2 {
			t.Errorf("%d refused by the limit, want 2; sales by date %v, want two dates", refused, dates)
		}
		if n := w.flow.InFlight(); n != 0 {
			t.Errorf("%d in flight in the end", n)
		}
		for _, l := range w.host.Links() {
			if l.InUse != 0 {
				t.Errorf("link %s keeps %d slots", l.Link, l.InUse)
			}
		}
	})
}

// Captures that are taken in together go together. What has to wait for its payment or its key, what is refused, and
// what a cutover overtakes is answered for itself.
func TestCapturesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		var ids []string
		for _, to := range w.ask(authorization("a"), authorization("b"), authorization("c")) {
			a := <-to.answer
			ids = append(ids, a.Payment)
		}
		capture := func(id, key string, amount int64) *api.Request {
			present := api.FieldSet(0).With(api.FieldPayment).With(api.FieldAmount)
			return &api.Request{Op: api.OpCapture, Payment: id, Key: key, Amount: amount, Present: present}
		}
		dollars := capture(ids[0], "in dollars", 1)
		dollars.Currency, dollars.Present = "USD", dollars.Present.With(api.FieldCurrency)
		w.journal.onCommit = func() {
			w.must(w.journal.Cutover(context.Background(), firstDate, firstDate.Next()))
		}
		w.journal.commits.Store(3)
		w.seen()
		reqs := []*api.Request{
			capture(ids[0], "1", 400), capture(ids[1], "2", 1001), capture(ids[1], "3", 1000), capture(ids[2], "4", 300),
			capture("P9", "5", 1), capture(ids[0], "6", 600), capture(ids[2], "4", 300), dollars,
		}
		var got []string
		dates, replayed := map[string]int{}, 0
		for i, to := range w.ask(reqs...) {
			a := <-to.answer
			line := fmt.Sprint(reqs[i].Key, " ", a.Captured)
			switch {
			case a.Err != nil:
				line = fmt.Sprint(reqs[i].Key, " ", a.Err.Code, " ", a.Err.Field)
			case a.Replayed:
				replayed++
			default:
				dates[a.BusinessDate]++
			}
			got = append(got, line)
		}
		want := []string{
			"1 400", "2 amount_exceeds amount", "3 1000", "4 300", "5 unknown_payment payment", "6 1000",
			"4 300", "in dollars invalid_field currency",
		}
		if !slices.Equal(got, want) {
			t.Errorf("answers %q, want %q", got, want)
		}
		if len(dates) != 2 || replayed != 1 {
			t.Errorf("captures by date %v, want two dates; %d repeats, want 1", dates, replayed)
		}
		trace := strings.Split(w.seen(), "\n")
		for i, want := range []string{"key 1 of 1", "key 3 of 1", "refused: journal: the business date is closed"} {
			if !strings.Contains(trace[i], want) {
				t.Errorf("want the batch first, %q: %q", want, trace)
			}
		}
		if n := w.flow.InFlight(); n != 0 {
			t.Errorf("%d in flight in the end", n)
		}
	})
}

// Captures of payments that are read from the disk do not wait for each other's reads.
func TestCapturesOfWhatIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		const payments, read = 20, 10 * time.Millisecond
		var reqs []*api.Request
		for i := range payments {
			a := <-w.ask(authorization(fmt.Sprint("a", i)))[0].answer
			reqs = append(reqs, &api.Request{
				Op: api.OpCapture, Payment: a.Payment, Key: fmt.Sprint("c", i), Amount: 1000,
				Present: api.FieldSet(0).With(api.FieldPayment).With(api.FieldAmount),
			})
		}
		synctest.Wait()
		w.journal.slow = read
		begin := time.Now()
		for _, to := range w.ask(reqs...) {
			if a := <-to.answer; a.Captured != 1000 {
				t.Errorf("got %s", said(&a))
			}
		}
		if took := time.Since(begin); took > 6*read { // the first three's, then two of each other one, at once
			t.Errorf("%d captures took %s, want the time of a few reads of %s", payments, took, read)
		}
	})
}
