package saf_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/spec"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

func (w *world) wantSeen(want string) {
	w.t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if got := w.seen(); got != strings.Join(lines, "\n") {
		w.t.Errorf("the issuer received\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

// One payment's advices go out one after another in their order; the second waits for the first to be acknowledged.
func TestOrderOfOnePayment(t *testing.T) {
	tries := 0
	answer := func(m *spec.Message) string {
		if tries++; tries <= 2 {
			return "" // the first one is answered at its third sending only
		}
		return "00"
	}
	run(t, answer, func(t *testing.T, w *world) {
		p := w.authorized()
		w.put(p, capture(100), capture(200))
		w.put(p, capture(300))
		w.drained()
		w.wantSeen(`
			0220 A00000000001 amount 100
			0221 A00000000001 amount 100
			0221 A00000000001 amount 100
			0220 A00000000001 amount 200
			0220 A00000000001 amount 300`)
		if got := w.states(p); got != "approved approved approved" {
			t.Error(got)
		}
	})
}

// Advices of many payments are under way side by side, as many as InFlight says and not one more.
func TestManyAtOnce(t *testing.T) {
	const payments, inFlight = 40, 8
	var atOnce, most atomic.Int64
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = &world{t: t, fs: vfs.NewMem(), begun: time.Now(), answer: func(*spec.Message) string {
			most.Store(max(most.Load(), atOnce.Add(1)))
			return "" // the issuer is silent: all that may be in flight is
		}}
		w.start(saf.Options{InFlight: inFlight})
		for range payments {
			w.put(w.authorized(), capture(100))
		}
		time.Sleep(deadline - time.Second)
		synctest.Wait()
		if n := most.Load(); n != inFlight {
			t.Errorf("%d advices were sent within the deadline, want %d", n, inFlight)
		}
		w.mu.Lock()
		w.answer = approveAll
		w.mu.Unlock()
		w.drained()
		w.stop()
	})
}

// How each code ends a capture or a reversal, or does not (I5).
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		kind  string
		codes string // in the order of the answers
		want  string
		sent  int
	}{
		{"capture", "00", "approved", 1}, {"capture", "08", "approved", 1}, {"capture", "91 96 91 00", "approved", 4},
		{"capture", "14", "parked", 1}, {"capture", "21", "parked", 1}, {"capture", "25", "parked", 1},
		{"capture", "96 51", "parked", 2}, {"reversal", "00", "approved", 1}, {"reversal", "21", "approved", 1},
		{"reversal", "25", "approved", 1}, {"reversal", "91 96 25", "approved", 3}, {"reversal", "08", "parked", 1},
		{"reversal", "12", "parked", 1}, {"reversal", "30", "parked", 1},
		// Of what the issuer approved, and be it too late, it must not find nothing.
		{"reversal of a late approval", "00", "approved", 1}, {"reversal of a late approval", "91 21", "parked", 2},
		{"reversal of a late approval", "25", "parked", 1}, {"reversal of an unwanted part", "25", "parked", 1},
		{"reversal of a late verification", "25", "approved", 1},
		{"release", "00", "approved", 1}, {"release", "21", "parked", 1}, {"release", "96 25", "parked", 2},
		{"void", "00", "approved", 1}, {"void", "21", "parked", 1}, {"void", "25", "parked", 1},
		{"void of a refused capture", "25", "approved", 1},
		// A hold that nothing was captured of may have lapsed by itself.
		{"expire", "00", "approved", 1}, {"expire", "25", "approved", 1}, {"expire", "91 21", "approved", 2},
		{"expire", "14", "parked", 1},
	} {
		t.Run(c.kind+" "+c.codes, func(t *testing.T) {
			codes := strings.Fields(c.codes)
			sent := 0
			run(t, func(*spec.Message) string { sent++; return codes[min(sent, len(codes))-1] }, func(t *testing.T, w *world) {
				p, op := w.authorized(), capture(100)
				root := &p.Ops[0]
				switch c.kind {
				case "reversal", "reversal of a late approval", "reversal of a late verification":
					root.State, root.ResponseCode, op = payment.StateUnknown, "", reversal()
					if c.kind != "reversal" {
						root.Late = "00"
					}
					if c.kind == "reversal of a late verification" {
						root.Kind, root.Late = payment.KindVerify, "85"
					}
				case "reversal of an unwanted part":
					root.State, root.ResponseCode, op = payment.StateDeclined, "10", reversal()
				case "release":
					op.Kind, op.Stays = payment.KindRelease, 900
				case "expire":
					op.Kind, op.Amount = payment.KindExpire, root.Granted
				case "void", "void of a refused capture":
					op.State, op.ResponseCode = payment.StateApproved, "00"
					if c.kind != "void" {
						op.State, op.ResponseCode = payment.StateParked, "14"
					}
					w.must(w.issuer.Identify(context.Background(), &op))
					p.Ops = append(p.Ops, op)
					op = payment.Op{Kind: payment.KindVoid, State: payment.StateQueued, Advised: true, Amount: 100, Target: 1}
				}
				w.put(p, op)
				w.drained()
				states := strings.Fields(w.states(p))
				if got := states[len(states)-1]; got != c.want || sent != c.sent {
					t.Errorf("%s after %d, want %s after %d", got, sent, c.want, c.sent)
				}
				queued, parked := w.queue.Counts()
				if want := strings.Count(c.want, "parked"); queued != 0 || parked != want {
					t.Errorf("%d queued, %d parked", queued, parked)
				}
				end := c.want
				if c.kind == "expire" && (codes[c.sent-1] == "21" || codes[c.sent-1] == "25") {
					end = "lapsed"
				}
				if n := w.attempts(end); n != 1 {
					t.Errorf("%v attempts are counted %s", n, end)
				}
			})
		})
	}
}

// A silent issuer is asked again after a second or so, then later and later, at most a minute apart; with the repeat
// MTI and everything else as before.
func TestSilence(t *testing.T) {
	var frames []string
	var times []time.Duration
	var begun time.Time
	var back atomic.Bool // the issuer answers again
	answer := func(m *spec.Message) string {
		if back.Load() {
			return approveAll(m)
		}
		times = append(times, time.Since(begun))
		frames = append(frames, fmt.Sprint(m.MTI(), " ", m.String(11), m.String(7), m.String(12), m.String(37), m.String(90)))
		return ""
	}
	run(t, answer, func(t *testing.T, w *world) {
		begun = time.Now()
		p := w.authorized()
		p.Ops[0].State = payment.StateUnknown
		w.put(p, reversal())
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if len(frames) < 18 {
			t.Fatalf("sent %d times in twenty minutes", len(frames))
		}
		for i := range frames {
			mti, rest, _ := strings.Cut(frames[i], " ")
			_, first, _ := strings.Cut(frames[0], " ")
			if i == 0 && mti != "0420" || i > 0 && mti != "0421" || rest != first {
				t.Errorf("sending %d is %s, the first was %s", i+1, frames[i], frames[0])
			}
			if i == 0 {
				continue
			}
			most := min(time.Second<<(i-1), time.Minute)
			if pause := times[i] - times[i-1] - deadline; pause < most/2 || pause > most+10*time.Millisecond {
				t.Errorf("pause %d is %s, want %s to %s", i, pause, most/2, most)
			}
		}
		back.Store(true)
		w.drained()
		if got := w.states(p); got != "approved" {
			t.Error(got)
		}
	})
}

// I5: after a crash the queue goes on with repeats, since nobody knows what went out; what was parked stays parked.
func TestRestart(t *testing.T) {
	run(t, func(m *spec.Message) string {
		if m.String(4) == "000000000007" {
			return "14"
		}
		return ""
	}, func(t *testing.T, w *world) {
		undone := w.authorized()
		undone.Ops[0].State = payment.StateUnknown
		w.put(undone, reversal())
		captured, refused := w.authorized(), w.authorized()
		w.put(refused, capture(7))
		w.await("it is parked", func() bool { _, parked := w.queue.Counts(); return parked == 1 })
		w.commit(captured, capture(100), capture(200)) // the crash comes before it is handed over
		w.seen()
		left := w.fs.CrashClone(vfs.CrashCloneCfg{})
		w.stop()
		w.fs, w.answer = left, approveAll
		w.seen()
		w.start(saf.Options{})
		w.drained()
		got := w.seen()
		for _, line := range []string{
			"0421 A00000000001 amount 1000", "0221 A00000000002 amount 100", "0221 A00000000002 amount 200",
		} {
			if strings.Count(got, line) != 1 {
				t.Errorf("%s: not sent once\n%s", line, got)
			}
		}
		if strings.Count(got, "\n") != 2 || w.states(refused) != "parked" {
			t.Errorf("the issuer received\n%s\nthe parked advice is %s", got, w.states(refused))
		}
		if _, parked := w.queue.Counts(); parked != 1 {
			t.Errorf("%d parked", parked)
		}
	})
}

// Of a queue that is longer than the window only a part is in memory, whatever comes in meanwhile: nothing is lost,
// sent twice or out of order, and parked rows are passed over.
func TestLongQueue(t *testing.T) {
	const window, payments = 8, 100
	for _, inFlight := range []int{1, 4, 64} { // the last one takes more than the window at once
		t.Run(fmt.Sprint(inFlight, " in flight"), func(t *testing.T) {
			run(t, func(m *spec.Message) string {
				if m.String(4) == "000000000007" {
					return "14"
				}
				return "00"
			}, func(t *testing.T, w *world) {
				w.far.SetDown(true)
				w.await("the link is down", func() bool { return !w.host.Ready() })
				var all []*payment.Payment
				for i := range payments {
					p := w.authorized()
					op := capture(100)
					if i%5 == 0 {
						op = capture(7) // refused for good
					}
					w.put(p, op)
					all = append(all, p)
				}
				for _, p := range all[:payments/2] {
					w.put(p, capture(200))
				}
				w.stop()
				w.far.SetDown(false)
				w.start(saf.Options{Window: window, InFlight: inFlight})
				for i, p := range all { // while the queue is read on
					w.put(p, capture(300))
					if i%10 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
				w.drained()
				want := map[string]string{}
				for i, p := range all {
					amounts := "100 "
					if i%5 == 0 {
						amounts = "7 "
					}
					if i < payments/2 {
						amounts += "200 "
					}
					want[p.Ops[0].RRN] = amounts + "300 "
				}
				got := map[string]string{}
				for line := range strings.Lines(w.seen()) {
					f := strings.Fields(line)
					got[f[1]] += f[3] + " "
				}
				for rrn := range want {
					if got[rrn] != want[rrn] {
						t.Errorf("%s: sent %q, want %q", rrn, got[rrn], want[rrn])
					}
				}
				if queued, parked := w.queue.Counts(); queued != 0 || parked != payments/5 {
					t.Errorf("%d queued, %d parked", queued, parked)
				}
			})
		})
	}
}

// While the issuer cannot be reached nothing is sent or counted as a try; when it is back everything goes out soon.
func TestOutage(t *testing.T) {
	run(t, approveAll, func(t *testing.T, w *world) {
		w.far.SetDown(true)
		w.await("the link is down", func() bool { return !w.host.Ready() })
		p := w.authorized()
		w.put(p, capture(100))
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := w.seen(); got != "" {
			t.Fatalf("received %s", got)
		}
		w.far.SetDown(false)
		back := time.Now()
		w.drained()
		if took := time.Since(back); took > 20*time.Second {
			t.Errorf("sent %s after the issuer was back", took)
		}
		w.wantSeen("0220 A00000000001 amount 100")
	})
}

// Wait holds until the payment's advices are acknowledged or parked, and only that payment's.
func TestWait(t *testing.T) {
	var mu sync.Mutex
	code := ""
	run(t, func(*spec.Message) string { mu.Lock(); defer mu.Unlock(); return code }, func(t *testing.T, w *world) {
		p, other := w.authorized(), w.authorized()
		w.put(p, capture(100), capture(200))
		if err := w.queue.Wait(t.Context(), other.ID); err != nil {
			t.Errorf("another payment: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.queue.Wait(ctx, p.ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		done := make(chan string)
		go func() {
			if err := w.queue.Wait(t.Context(), p.ID); err != nil {
				t.Error(err)
			}
			done <- w.states(p)
		}()
		mu.Lock()
		code = "14"
		mu.Unlock()
		if got := <-done; got != "parked parked" {
			t.Errorf("the wait was over with %s", got)
		}
	})
}

// Room counts what is queued for a host and what may yet need a reversal (I13).
func TestRoom(t *testing.T) {
	run(t, func(*spec.Message) string { return "" }, func(t *testing.T, w *world) {
		w.stop()
		w.start(saf.Options{MaxQueued: 10})
		for range 4 {
			w.put(w.authorized(), capture(1))
		}
		for inFlight, want := range map[int]bool{0: true, 5: true, 6: false, 100: false} {
			if got := w.queue.Room("issuer", inFlight); got != want {
				t.Errorf("4 of 10 queued, %d in flight: room %v", inFlight, got)
			}
		}
		if !w.queue.Room("another", 9) {
			t.Error("a host's queue fills another's")
		}
	})
}

// A capture that is accepted while an advice of its payment is at the issuer is not undone by the advice's end.
func TestCaptureWhileAnAdviceIsInFlight(t *testing.T) {
	var once sync.Once
	var meanwhile func() func(sent bool)
	var add func(sent bool)
	run(t, func(*spec.Message) string {
		once.Do(func() { add = meanwhile() })
		return "00"
	}, func(t *testing.T, w *world) {
		p := w.authorized()
		meanwhile = func() func(bool) { return w.commit(p, capture(200)) }
		w.put(p, capture(100))
		w.await("the first is done", func() bool { return w.states(p) == "approved queued" })
		add(false)
		w.drained()
		if got := w.states(p); got != "approved approved" {
			t.Errorf("the captures are %s", got)
		}
		w.wantSeen(`
			0220 A00000000001 amount 100
			0220 A00000000001 amount 200`)
	})
}

// While requests come, few advices are sent at once; when they end, many.
func TestRequestsGoBesideAdvices(t *testing.T) {
	const few = 32
	run(t, func(m *spec.Message) string {
		if m.MTI() == "0100" {
			return "00"
		}
		return "" // each advice is in flight until its deadline
	}, func(t *testing.T, w *world) {
		add := make([]func(bool), 0, 4*few)
		for range cap(add) {
			add = append(add, w.commit(w.authorized(), capture(1)))
		}
		time.Sleep(time.Second) // the queue has seen by now that there is a link
		w.request(w.authorized())
		for _, a := range add {
			a(false)
		}
		synctest.Wait()
		if n := w.host.Links()[0].InUse; n != few {
			t.Errorf("%d advices are in flight beside requests, want %d", n, few)
		}
		time.Sleep(deadline + time.Second)
		synctest.Wait()
		if n := w.host.Links()[0].InUse; n <= few {
			t.Errorf("%d advices are in flight with no request for %v", n, deadline)
		}
	})
}

// Beside requests, too, a host that is slow to answer is sent so many advices at once that its queue drains.
func TestSlowHostDrainsBesideRequests(t *testing.T) {
	run(t, approveAll, func(t *testing.T, w *world) {
		w.trip = 2 * time.Second
		over := make(chan struct{})
		var requests sync.WaitGroup
		requests.Go(func() {
			for {
				requests.Go(func() { w.request(w.authorized()) })
				select {
				case <-time.After(200 * time.Millisecond):
				case <-over:
					return
				}
			}
		})
		time.Sleep(10 * time.Second)
		const advices = 2000
		add := make([]func(bool), advices)
		for i := range add {
			add[i] = w.commit(w.authorized(), capture(1))
		}
		begun := time.Now()
		for _, a := range add {
			a(false)
		}
		w.drained()
		if took := time.Since(begun); took > 40*time.Second { // 32 at once would take two minutes
			t.Errorf("%d advices took %v", advices, took)
		}
		close(over)
		requests.Wait()
	})
}

// A person's decisions: a parked advice is tried again, behind what is queued, or closed; each once.
func TestDecisions(t *testing.T) {
	code := "14"
	run(t, func(*spec.Message) string { return code }, func(t *testing.T, w *world) {
		p, q := w.authorized(), w.authorized()
		w.put(p, capture(100))
		w.drained()
		w.put(q, capture(200))
		w.drained()
		rows := func() (refs []journal.SAFRef) {
			w.must(w.queue.List(t.Context(), func(r journal.SAFRow) bool {
				if !r.Parked || r.Reason != "response code 14" {
					t.Errorf("%+v", r)
				}
				refs = append(refs, r.SAFRef)
				return true
			}))
			return refs
		}
		parked := rows()
		if len(parked) != 2 {
			t.Fatalf("%v are parked", parked)
		}
		w.must(w.queue.CloseParked(t.Context(), parked[1]))
		if got := w.states(q); got != "closed" {
			t.Error(got)
		}
		code = "00"
		var wg sync.WaitGroup
		var taken atomic.Int64
		for range 8 { // eight people at once
			wg.Go(func() {
				switch err := w.queue.Retry(context.Background(), parked[0]); {
				case err == nil:
					taken.Add(1)
				case !errors.Is(err, saf.ErrNotParked):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.drained()
		if got := w.states(p); got != "approved" || taken.Load() != 1 || len(rows()) != 0 {
			t.Errorf("%s, taken %d times, left %v", got, taken.Load(), rows())
		}
		for _, ref := range append(
			parked, journal.SAFRef{Host: "issuer", Seq: 1 << 40}, journal.SAFRef{Host: "nobody", Seq: 1},
		) {
			if err := w.queue.Retry(t.Context(), ref); !errors.Is(err, saf.ErrNotParked) {
				t.Errorf("%v: %v", ref, err)
			}
		}
		if queued, left := w.queue.Counts(); queued != 0 || left != 0 {
			t.Errorf("%d queued, %d parked", queued, left)
		}
		w.wantSeen(`
			0220 A00000000001 amount 100
			0220 A00000000002 amount 200
			0221 A00000000001 amount 100`)
	})
}

// A queue for a host that the config does not name is an error that names it.
func TestUnknownHost(t *testing.T) {
	run(t, approveAll, func(t *testing.T, w *world) {
		other := *w.issuer
		other.Name = "gone"
		w.issuer = &other
		p := w.authorized()
		p.Version++
		op := capture(1)
		op.State = payment.StateQueued
		p.Ops = append(p.Ops, op)
		row := journal.SAFRow{SAFRef: journal.SAFRef{Host: "gone"}, Payment: p.ID, Op: 1, Node: 1, Queued: time.Now()}
		w.must(w.j.Commit(t.Context(), &journal.Transition{Payment: p, Queue: []journal.SAFRow{row}}))
		if err := w.queue.Start(); err == nil || !strings.Contains(err.Error(), `"gone"`) {
			t.Errorf("%v", err)
		}
	})
}
