package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link/linktest"
	"switchyard/switch/payment"
	"switchyard/switch/reconcile"
)

// What counts, and as what: each operation that a host was told under the date, by what the journal has of it.
func TestWhatCounts(t *testing.T) {
	const (
		approved = payment.StateApproved
		unknown  = payment.StateUnknown
		queued   = payment.StateQueued
		parked   = payment.StateParked
	)
	for name, c := range map[string]struct {
		ops  []payment.Op // the first is of the date where it tells anything
		want string
		open int
	}{
		"a sale": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7}}, "1/7 -0/0 +0/0 -0/0", 0},
		"one approved in part": {
			[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7, Granted: 4, ResponseCode: "10"}},
			"1/4 -0/0 +0/0 -0/0", 0,
		},
		"one that is declined": {
			[]payment.Op{{Kind: payment.KindSale, State: payment.StateDeclined, Amount: 7, ResponseCode: "51"}},
			"0/0 -0/0 +0/0 -0/0", 0,
		},
		"one that was not sent": {
			[]payment.Op{{Kind: payment.KindSale, State: payment.StateFailed, Amount: 7}},
			"0/0 -0/0 +0/0 -0/0", 0,
		},
		"a credit": {[]payment.Op{{Kind: payment.KindCredit, State: approved, Amount: 7}}, "0/0 -0/0 +1/7 -0/0", 0},
		"an authorization": {
			[]payment.Op{{Kind: payment.KindAuthorize, State: approved, Amount: 7}},
			"0/0 -0/0 +0/0 -0/0", 0,
		},
		"a capture that is acknowledged": {[]payment.Op{
			{Kind: payment.KindCapture, State: approved, Amount: 7}}, "1/7 -0/0 +0/0 -0/0", 0},
		"one that waits": {
			[]payment.Op{{Kind: payment.KindCapture, State: queued, Amount: 7}},
			"0/0 -0/0 +0/0 -0/0", 1,
		},
		"one that is refused": {[]payment.Op{
			{Kind: payment.KindCapture, State: parked, Amount: 7, ResponseCode: "14"}}, "0/0 -0/0 +0/0 -0/0", 0},
		"one that a person closed": {[]payment.Op{
			{Kind: payment.KindCapture, State: payment.StateClosed, Amount: 7, ResponseCode: "14"}}, "0/0 -0/0 +0/0 -0/0", 0},
		"a sale that is voided": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7},
			{Kind: payment.KindVoid, State: approved, Amount: 7}}, "1/7 -1/7 +0/0 -0/0", 0},
		"one whose void waits": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7},
			{Kind: payment.KindVoid, State: queued, Amount: 7}}, "0/0 -0/0 +0/0 -0/0", 1},
		"one whose void is refused": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7},
			{Kind: payment.KindVoid, State: payment.StateDeclined, Amount: 7, ResponseCode: "12"}}, "1/7 -0/0 +0/0 -0/0", 0},
		"a timeout that is reversed": {[]payment.Op{{Kind: payment.KindSale, State: unknown, Amount: 7},
			{Kind: payment.KindTimeoutReversal, State: approved, Amount: 7}}, "1/7 -1/7 +0/0 -0/0", 0},
		"one that the issuer never saw": {[]payment.Op{{Kind: payment.KindSale, State: unknown, Amount: 7},
			{Kind: payment.KindTimeoutReversal, State: approved, Amount: 7, ResponseCode: "25"}}, "0/0 -0/0 +0/0 -0/0", 0},
		"one that was declined late": {[]payment.Op{{Kind: payment.KindSale, State: unknown, Amount: 7, Late: "51"},
			{Kind: payment.KindTimeoutReversal, State: approved, Amount: 7}}, "0/0 -0/0 +0/0 -0/0", 0},
		"one whose reversal waits": {[]payment.Op{{Kind: payment.KindSale, State: unknown, Amount: 7},
			{Kind: payment.KindTimeoutReversal, State: queued, Amount: 7}}, "0/0 -0/0 +0/0 -0/0", 1},
		"a part that nobody wanted": {[]payment.Op{
			{Kind: payment.KindSale, State: payment.StateDeclined, Amount: 7, ResponseCode: "10"},
			{Kind: payment.KindTimeoutReversal, State: approved, Amount: 7}}, "1/7 -1/7 +0/0 -0/0", 0},
		"a refund that is reversed": {[]payment.Op{{Kind: payment.KindRefund, State: unknown, Amount: 7},
			{Kind: payment.KindTimeoutReversal, State: approved, Amount: 7}}, "0/0 -0/0 +1/7 -1/7", 0},
		"a void after the date": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7},
			{Kind: payment.KindVoidPresentment, State: approved, Amount: 7}}, "1/7 -0/0 +0/0 -0/0", 0},
		"another host's": {[]payment.Op{{Kind: payment.KindSale, State: approved, Amount: 7, Host: "other"}}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				c.ops[0].Date = today
				w.put(c.ops...)
				w.seal()
				open := 0
				w.must(w.engine.Each(context.Background(), today, "issuer", func(c *reconcile.Counted) error {
					if c.Open {
						open++
					}
					return nil
				}))
				if open != c.open {
					w.t.Errorf("%d messages are open, want %d", open, c.open)
				}
				if open > 0 {
					w.want("asked while something is open", w.asked(), "")
					time.Sleep(2 * time.Hour) // it is asked all the same in the end
				}
				got := w.asked()
				if c.want == "" {
					w.want("asked", got, "")
					return
				}
				if want := "0500 400001 0101 EUR " + c.want; !strings.HasPrefix(got, want) {
					w.t.Errorf("asked %q, want %q", got, want)
				}
			})
		})
	}
}

// A date is asked about once, by currency, after it is sealed and not before, and a later start asks nothing again. One
// that was closed before hosts were reconciled is not asked about.
func TestInBalance(t *testing.T) {
	run(t, func(w *world) {
		w.put(w.sale(700))
		dollars := w.sale(50)
		p := w.put(dollars)
		p.Currency = "USD"
		w.change(p)
		time.Sleep(24 * time.Hour)
		w.want("asked before it is sealed", w.asked(), "")
		w.seal()
		w.want("asked", w.asked(), `
0500 400001 0101 EUR 1/700 -0/0 +0/0 -0/0 net C700
0500 400001 0101 USD 1/50 -0/0 +0/0 -0/0 net C050`)
		const kept = `
issuer EUR in_balance ours 1/700 -0/0 +0/0 -0/0 theirs 1/700 -0/0 +0/0 -0/0 00
issuer USD in_balance ours 1/50 -0/0 +0/0 -0/0 theirs 1/50 -0/0 +0/0 -0/0 00`
		w.want("results", w.results(today), kept)
		w.stop()
		w.start()
		time.Sleep(3 * time.Hour)
		w.want("asked after a start", w.asked(), "")
		w.want("results after a start", w.results(today), kept)
		w.seal()
		w.want("asked about a date without payments", w.asked(), `
0500 400001 0102 EUR 0/0 -0/0 +0/0 -0/0 net C000
0500 400001 0102 USD 0/0 -0/0 +0/0 -0/0 net C000`)
	})
}

// A host that says nothing is asked again after a minute, then ever later, and by the next start, with what the journal
// has by then.
func TestAskedUntilItAnswers(t *testing.T) {
	run(t, func(w *world) {
		w.says(silent)
		w.put(w.sale(700))
		w.seal()
		const asked = "0500 400001 0101 EUR 1/700 -0/0 +0/0 -0/0 net C700"
		w.want("asked", w.asked(), asked)
		time.Sleep(deadline + 30*time.Second)
		w.want("asked within a minute", w.asked(), "")
		w.want("results", w.results(today), "issuer EUR unanswered ours 1/700 -0/0 +0/0 -0/0 ...")
		time.Sleep(time.Minute)
		w.want("asked again", w.asked(), asked)
		time.Sleep(24 * time.Hour)
		if n := strings.Count(w.asked(), "\n") + 1; n < 24 || n > 32 {
			t.Errorf("asked %d times in a day, want each hour and some more", n)
		}
		w.stop() // as a crash between the seal and the answer does
		w.says(agree)
		w.start()
		w.want("asked after a start", w.asked(), asked)
		w.want("results", w.results(today),
			"issuer EUR in_balance ours 1/700 -0/0 +0/0 -0/0 theirs 1/700 -0/0 +0/0 -0/0 00")
	})
}

// 91, 96 and 21 are no answer, and neither is 00 that says nothing; any other code ends it.
func TestCodes(t *testing.T) {
	for _, c := range []struct{ code, status string }{
		{"91", "unanswered"}, {"96", "unanswered"}, {"21", "unanswered"}, {"00", "unanswered"},
		{"12", "refused"}, {"58", "refused"}, {"95", "out_of_balance"},
	} {
		run(t, func(w *world) {
			w.says(code(c.code))
			w.put(w.sale(700))
			w.seal()
			want := fmt.Sprintf("issuer EUR %s ours 1/700 -0/0 +0/0 -0/0 %s", c.status, c.code)
			if c.status == "unanswered" {
				want += " ..."
			}
			w.want(c.code, w.results(today), want)
			w.asked()
			w.says(agree)
			time.Sleep(2 * time.Minute)
			if again := w.asked() != ""; again != (c.status == "unanswered") {
				t.Errorf("%s: asked again: %v", c.code, again)
			}
		})
	}
}

// What a host denies, or what its figures deny although it agrees, is out of balance, and stays so until a person has
// it asked anew.
func TestOutOfBalance(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*spec.Message) *spec.Message
		theirs string
	}{
		"other figures": {differs(2, 900), " theirs 2/900 -0/0 +0/0 -0/0"},
		"other figures, and it agrees": {func(m *spec.Message) *spec.Message {
			r := differs(1, 900)(m)
			r.Set(66, "1")
			return r
		}, " theirs 1/900 -0/0 +0/0 -0/0"},
		"it repeats ours and denies them": {func(m *spec.Message) *spec.Message {
			r := agree(m)
			r.Set(66, "2")
			return r
		}, " theirs 1/700 -0/0 +0/0 -0/0"},
		"it denies without figures": {func(m *spec.Message) *spec.Message {
			r := linktest.Response(m, "00")
			r.Set(66, "2")
			return r
		}, ""},
	} {
		run(t, func(w *world) {
			w.says(c.answer)
			w.put(w.sale(700))
			w.seal()
			w.want(name, w.results(today), "issuer EUR out_of_balance ours 1/700 -0/0 +0/0 -0/0"+c.theirs+" 00")
			w.asked()
			w.says(agree)
			time.Sleep(24 * time.Hour)
			w.want(name+": asked again", w.asked(), "")
			w.must(w.engine.Again(context.Background(), today))
			synctest.Wait()
			w.want(name+": asked anew", w.results(today),
				"issuer EUR in_balance ours 1/700 -0/0 +0/0 -0/0 theirs 1/700 -0/0 +0/0 -0/0 00")
		})
	}
}

// A host that had not seen what timed out, or had declined it, has neither the request nor its reversal: that is in
// balance.
func TestTimeoutsTheHostNeverSaw(t *testing.T) {
	run(t, func(w *world) {
		w.says(func(m *spec.Message) *spec.Message {
			r := differs(1, 700)(m)
			r.SetUint(77, 0, 10)
			r.SetUint(89, 0, 16)
			return r
		})
		w.put(w.sale(700))
		w.put(payment.Op{Kind: payment.KindSale, State: payment.StateUnknown, Amount: 30, Date: today},
			payment.Op{Kind: payment.KindTimeoutReversal, State: payment.StateApproved, Amount: 30})
		w.seal()
		w.want("results", w.results(today),
			"issuer EUR in_balance ours 2/730 -1/30 +0/0 -0/0 theirs 1/700 -0/0 +0/0 -0/0 00")
	})
}

// Past an hour a date is asked about although something of it is queued still; it is asked again until that has an end.
func TestWhatIsQueuedStill(t *testing.T) {
	run(t, func(w *world) {
		capture := payment.Op{Kind: payment.KindCapture, State: payment.StateQueued, Amount: 30, Date: today}
		p := w.put(capture)
		w.put(w.sale(700))
		w.says(func(m *spec.Message) *spec.Message { // it has the capture, and judges by the net alone
			r := differs(2, 730)(m)
			r.Set(66, "1")
			return r
		})
		w.seal()
		time.Sleep(50 * time.Minute)
		w.want("asked within the hour", w.asked(), "")
		time.Sleep(2 * time.Hour)
		w.want("results", w.results(today),
			"issuer EUR out_of_balance ours 1/700 -0/0 +0/0 -0/0 theirs 2/730 -0/0 +0/0 -0/0 00 open 1 ...")
		p.Ops[0].State, p.Ops[0].ResponseCode, p.Ops[0].Granted = payment.StateApproved, "00", 30
		w.change(p)
		time.Sleep(2 * time.Hour)
		w.want("results once it has an end", w.results(today),
			"issuer EUR in_balance ours 2/730 -0/0 +0/0 -0/0 theirs 2/730 -0/0 +0/0 -0/0 00")
	})
}

// A date that no host is asked about cannot be asked about anew.
func TestNotAsked(t *testing.T) {
	run(t, func(w *world) {
		if err := w.engine.Again(context.Background(), today); !errors.Is(err, reconcile.ErrNotAsked) {
			t.Errorf("the open date: %v", err)
		}
	})
}

// What stands in a date's clearing is counted however old its payment is: a refund of long ago, too. It is found by its
// row, and payments of the last month by themselves.
func TestOldPayments(t *testing.T) {
	run(t, func(w *world) {
		p := w.put(w.sale(700))
		time.Sleep(50 * 24 * time.Hour)
		const date = payment.Date(20000220)
		w.must(w.j.Cutover(context.Background(), today, date))
		for range 1100 { // more than is read at once
			w.put(w.sale(1))
		}
		p.Ops = append(p.Ops, payment.Op{
			Kind: payment.KindRefund, State: payment.StateApproved, Amount: 200, Granted: 200, ResponseCode: "00", Number: 1,
			Date: date, Host: "issuer", Target: payment.NoTarget, RRN: "R1", At: time.Now(),
		})
		w.present(p, 1)
		w.seal()
		w.want("asked", w.asked(), "0500 400001 0220 EUR 1100/1100 -0/0 +1/200 -0/0 net C900")
	})
}
