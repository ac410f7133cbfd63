package link_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network and payments are an issuer's ways to tell what it deals with.
func network(m *spec.Message, code string) bool {
	return m.MTI() == "0800" && m.String(70) == code
}

func TestSignOnSendSignOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		f := newFixture(t, i, nil)
		synctest.Wait()
		if !f.Ready() {
			t.Fatal("not ready although the host answered the sign-on")
		}
		resp, err := f.send(1)
		if err != nil || resp.String(39) != "00" || resp.MTI() != "0110" {
			t.Errorf("got %s DE39 %q, %v; want 0110 00", resp.MTI(), resp.String(39), err)
		}
		f.close()
		if got, want := i.messages(), []string{"0800 001", "0100 000001", "0800 002"}; !slices.Equal(got, want) {
			t.Errorf("the host got %v, want %v", got, want)
		}
		if f.Ready() {
			t.Error("ready after Close")
		}
		_, err = f.Acquire(t.Context())
		mustBe(t, err, link.ErrUnavailable)
	})
}

func TestSignOnRefusedOrUnanswered(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(c *hostConn, m *spec.Message)
		waits  time.Duration // how long an attempt itself takes
	}{
		{"refused", func(c *hostConn, m *spec.Message) { c.answer(m, "91") }, 0},
		{"silent", func(*hostConn, *spec.Message) {}, 5 * time.Second},
		{"closes", func(c *hostConn, m *spec.Message) { c.Close() }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refusals := 5
				i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
					if !network(m, "001") || c.n > refusals {
						return false
					}
					tc.answer(c, m)
					return true
				}}
				f := newFixture(t, i, nil)
				defer f.close()
				synctest.Wait()
				if f.Ready() {
					t.Fatal("ready without a sign-on")
				}
				_, err := f.Acquire(t.Context())
				mustBe(t, err, link.ErrUnavailable)
				time.Sleep(time.Minute)
				if !f.Ready() {
					t.Fatal("not ready although the host answered the sixth sign-on")
				}
				backoffs(t, i.dialled(), tc.waits)
			})
		})
	}
}

// backoffs holds the attempts to what Config promises: the first again within 100 ms, then doubling, half of it by
// chance.
func backoffs(t *testing.T, dials []time.Time, attempt time.Duration) {
	t.Helper()
	longest := 100 * time.Millisecond
	for n := 1; n < len(dials); n++ {
		wait := dials[n].Sub(dials[n-1]) - attempt
		if wait < longest/2 || wait > longest {
			t.Errorf("attempt %d came %v after the last, want %v to %v", n+1, wait, longest/2, longest)
		}
		longest = min(2*longest, 5*time.Second)
	}
}

func TestHostDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		i := &issuer{onDial: func(n int) error {
			if down {
				return errors.New("connection refused")
			}
			return nil
		}}
		f := newFixture(t, i, nil)
		defer f.close()
		time.Sleep(time.Minute)
		backoffs(t, i.dialled(), 0)
		if n := f.logs.FilterMessage("link down").Len(); n != 1 {
			t.Errorf("a host that is down is warned of %d times, want once", n)
		}
		i.mu.Lock()
		down = false
		i.mu.Unlock()
		time.Sleep(5 * time.Second)
		if _, err := f.send(1); err != nil {
			t.Error(err)
		}
	})
}

func TestReconnectWithin100ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		f := newFixture(t, i, nil)
		defer f.close()
		for n := 1; n <= 5; n++ {
			time.Sleep(2 * time.Second)
			lost := time.Now()
			i.conn().Close()
			time.Sleep(100 * time.Millisecond)
			if d := i.dialled(); len(d) != n+1 || d[n].Sub(lost) > 100*time.Millisecond || !f.Ready() {
				t.Fatalf("loss %d: dialled %d times, ready %v; want a new link within 100 ms", n, len(d), f.Ready())
			}
		}
	})
}

func TestUnstableHostIsMetWithLongerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			c.answer(m, "00")
			c.Close()
			return true
		}}
		f := newFixture(t, i, nil)
		defer f.close()
		time.Sleep(time.Minute)
		backoffs(t, i.dialled(), 0)
	})
}

func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := false
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			i.mu.Lock()
			defer i.mu.Unlock()
			return silent && c.n == 1
		}
		f := newFixture(t, i, func(c *link.Config) { c.EchoIdle = 30 * time.Second })
		defer f.close()
		time.Sleep(20 * time.Second)
		if _, err := f.send(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(26 * time.Second)
		if got, want := i.messages(), []string{"0800 001", "0100 000001"}; !slices.Equal(got, want) {
			t.Errorf("the host got %v, want %v: no echo is due 26 s after an answer", got, want)
		}
		time.Sleep(4 * time.Second)
		if got, want := i.messages(), []string{"0800 301"}; !slices.Equal(got, want) {
			t.Errorf("the host got %v, want %v", got, want)
		}

		// Half open: all that we send vanishes. What is in flight is unknown, and the link is taken down and made again.
		i.mu.Lock()
		silent = true
		i.mu.Unlock()
		start := time.Now()
		time.Sleep(26 * time.Second)
		sent := f.sending(2) // an own request is no sign of life of the host's
		mustBe(t, <-sent, link.ErrLinkLost)
		if waited := time.Since(start); waited > 36*time.Second {
			t.Errorf("a link that answers no echo was kept for %v", waited)
		}
		if got, want := i.messages(), []string{"0100 000002", "0800 301"}; !slices.Equal(got, want) {
			t.Errorf("the host got %v, want %v", got, want)
		}
		time.Sleep(time.Second)
		if !f.Ready() {
			t.Error("the link was not made again")
		}
	})
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []func()
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			held = append(held, func() { c.answer(m, "00") })
			return true
		}
		f := newFixture(t, i, func(c *link.Config) { c.Links, c.WindowPerLink, c.Queue = 2, 4, 3 })
		defer f.close()
		synctest.Wait()
		var results []<-chan error
		for stan := 1; stan <= 8; stan++ {
			results = append(results, f.sending(stan))
		}
		synctest.Wait()
		for _, l := range f.Links() {
			if l.InUse != 4 {
				t.Errorf("link %s has %d of 8 requests, want 4: each goes where the most room is", l.Link, l.InUse)
			}
		}
		// Three wait; the fourth is refused at once.
		for stan := 9; stan <= 11; stan++ {
			results = append(results, f.sending(stan))
		}
		synctest.Wait()
		_, err := f.send(12)
		mustBe(t, err, link.ErrBusy)
		// One whose time ends leaves the queue.
		i.messages()
		ctx, cancel := context.WithCancel(t.Context())
		i.mu.Lock()
		answer := held
		held = nil
		i.mu.Unlock()
		answer[0]()
		synctest.Wait() // 9 has a slot now
		waits := make(chan error)
		go func() {
			_, err := f.Acquire(ctx)
			waits <- err
		}()
		synctest.Wait()
		cancel()
		err = <-waits
		mustBe(t, err, link.ErrBusy)
		mustBe(t, err, context.Canceled)
		for _, a := range answer[1:] {
			a()
		}
		synctest.Wait()
		i.mu.Lock()
		for _, a := range held {
			a()
		}
		i.mu.Unlock()
		for n, r := range results {
			if err := <-r; err != nil {
				t.Errorf("request %d: %v", n+1, err)
			}
		}
		for _, l := range f.Links() {
			if l.InUse != 0 {
				t.Errorf("link %s keeps %d slots", l.Link, l.InUse)
			}
		}
	})
}

func TestWaitersAreToldThatTheLinkIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool { return m.MTI() == "0100" }}
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 1 })
		defer f.close()
		synctest.Wait()
		inFlight, waiting := f.sending(1), make(chan error, 1)
		synctest.Wait()
		go func() {
			_, err := f.Acquire(t.Context())
			waiting <- err
		}()
		synctest.Wait()
		i.conn().Close()
		mustBe(t, <-inFlight, link.ErrLinkLost)
		mustBe(t, <-waiting, link.ErrUnavailable)
	})
}

func TestAdmissionByDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				time.AfterFunc(800*time.Millisecond, func() { c.answer(m, "00") })
				return true
			}
			return false
		}
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 1 })
		defer f.close()
		synctest.Wait()
		if _, err := f.send(1); err != nil {
			t.Fatal(err)
		}
		busy := f.sending(2)
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.Acquire(ctx)
		mustBe(t, err, link.ErrBusy)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a request that could not be answered in time was refused after %v, want at once", waited)
		}
		if err := <-busy; err != nil {
			t.Error(err)
		}
	})
}

// What is asked for beyond what the host can do is refused, rather than made to wait as long as its deadline allows.
func TestStandingQueueIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				time.AfterFunc(100*time.Millisecond, func() { c.answer(m, "00") })
				return true
			}
			return false
		}
		f := newFixture(t, i, nil) // a window of 8: 80 requests a second
		defer f.close()
		synctest.Wait()
		var mu sync.Mutex
		var slowest time.Duration
		served := 0
		var all sync.WaitGroup
		begin := time.Now()
		for n := range 3000 { // 1,000 a second
			at := time.Duration(n) * time.Millisecond
			all.Go(func() {
				time.Sleep(at)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				slot, err := f.Acquire(ctx)
				cancel()
				if err != nil {
					mustBe(t, err, link.ErrBusy)
					return
				}
				waited := time.Since(begin) - at
				frame, want := request(1 + n)
				if err := slot.Send(t.Context(), frame, want, new(spec.Message)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				served++
				if at > time.Second {
					slowest = max(slowest, waited)
				}
			})
		}
		all.Wait()
		if slowest > 200*time.Millisecond { // an eighth of a second, and what the host's pace makes of it
			t.Errorf("a request waited for %v", slowest)
		}
		if served < 240 { // 80 a second, for three seconds
			t.Errorf("%d requests were served while there was always one waiting", served)
		}
	})
}

func TestWindowNarrowsAndWidens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := 6 * time.Second
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			time.AfterFunc(delay, func() { c.answer(m, "00") })
			return true
		}
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 64 })
		defer f.close()
		synctest.Wait()
		round := func(from, n int) {
			var sent []<-chan error
			for stan := from; stan < from+n; stan++ {
				sent = append(sent, f.sending(stan))
			}
			for _, s := range sent {
				if err := <-s; err != nil {
					t.Error(err)
				}
			}
		}
		window := func(want int) {
			t.Helper()
			if got := f.Links()[0].Window; got != want {
				t.Errorf("the window is %d, want %d", got, want)
			}
		}
		for n, want := range []int{51, 40, 32, 25, 20, 16, 16} { // once for all that were sent before it narrowed
			round(1+n*10, 10)
			window(want)
		}
		i.mu.Lock()
		delay = 10 * time.Millisecond
		i.mu.Unlock()
		for n := range 8 {
			round(100+n*16, 16)
		}
		window(32)
		for n := range 16 {
			round(1000+n*16, 16)
		}
		window(64)
	})
}

// TestSlowerThanUsual is a host that takes its time: no window narrows for that, but for taking much longer than it
// did.
func TestSlowerThanUsual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := 300 * time.Millisecond
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			time.AfterFunc(delay, func() { c.answer(m, "00") })
			return true
		}
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 64 })
		defer f.close()
		synctest.Wait()
		window := func(stan int, takes time.Duration, want int) {
			t.Helper()
			i.mu.Lock()
			delay = takes
			i.mu.Unlock()
			if err := <-f.sending(stan); err != nil {
				t.Error(err)
			}
			if got := f.Links()[0].Window; got != want {
				t.Errorf("after a round trip of %v the window is %d, want %d", takes, got, want)
			}
		}
		window(1, 300*time.Millisecond, 64)
		window(2, 1100*time.Millisecond, 64)
		window(3, 1300*time.Millisecond, 51)
	})
}

// TestSilenceNarrows is a host that goes silent towards requests with less time than SlowAfter: they count as slow too,
// and those that their callers gave up do not.
func TestSilenceNarrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := holdPayments()
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 64 })
		defer f.close()
		synctest.Wait()
		try := func(stan int, ctx context.Context, after time.Duration) {
			slot, err := f.Acquire(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			frame, want := request(stan)
			if after != 0 {
				want.Deadline = time.Now().Add(after)
			}
			mustBe(t, slot.Send(ctx, frame, want, new(spec.Message)), link.ErrNoAnswer)
		}
		window := func(want int) {
			t.Helper()
			if got := f.Links()[0].Window; got != want {
				t.Errorf("the window is %d, want %d", got, want)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		try(1, gone, 0)
		window(64)
		try(2, context.Background(), time.Second)
		window(51)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		try(3, short, 0)
		window(40)
	})
}

// TestSlowCallback is an OnStray that blocks: responses are dropped and counted, and requests go on.
func TestSlowCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				for range 3000 {
					c.answer(m, "00")
				}
				return true
			}
			return false
		}}
		block := make(chan struct{})
		called := 0
		f := newFixture(t, i, func(c *link.Config) {
			c.OnStray = func(link.Stray) {
				<-block
				called++
			}
		})
		synctest.Wait()
		for stan := 1; stan <= 3; stan++ {
			if _, err := f.send(stan); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		close(block)
		f.close()
		if called != 1025 {
			t.Errorf("%d responses were handed over, want the 1024 that may wait and the one that blocked", called)
		}
	})
}

func TestCloseWaitsForWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				time.AfterFunc(3*time.Second, func() { c.answer(m, "00") })
				return true
			}
			return false
		}
		f := newFixture(t, i, nil)
		synctest.Wait()
		slot, err := f.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sent := f.sending(1)
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			f.close()
			close(closed)
		}()
		synctest.Wait()
		_, err = f.Acquire(t.Context())
		mustBe(t, err, link.ErrUnavailable)
		// A slot taken before may still be used.
		frame, want := request(2)
		if err := slot.Send(t.Context(), frame, want, new(spec.Message)); err != nil {
			t.Error(err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		<-closed
		if got, want := i.messages(), []string{"0800 001", "0100 000001", "0100 000002", "0800 002"}; !slices.Equal(
			got, want,
		) {
			t.Errorf("the host got %v, want %v", got, want)
		}
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool { return m.MTI() == "0100" }}
		f := newFixture(t, i, nil)
		synctest.Wait()
		sent := f.sending(1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		mustBe(t, f.Close(ctx), context.DeadlineExceeded)
		mustBe(t, <-sent, link.ErrLinkLost)
		if err := f.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		i.conn().Close()
	})
}

func TestCloseBeforeStart(t *testing.T) {
	h, err := link.NewHost(link.Config{
		Host: "visa", Addr: "a:1", Codec: codec, Identity: &identity{}, Dial: (&issuer{}).dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	h.Start()
	_, err = h.Acquire(t.Context())
	mustBe(t, err, link.ErrUnavailable)
}

func TestHostAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		answers := map[string]string{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0810" {
				i.mu.Lock()
				defer i.mu.Unlock()
				answers[m.String(70)] = m.String(11) + " " + m.String(39)
				return true
			}
			return false
		}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		for n, code := range []string{"301", "201", "777"} {
			m := new(spec.Message)
			m.SetMTI("0800")
			m.Set(7, de7)
			m.SetUint(11, uint64(n+1), 6)
			m.Set(70, code)
			i.conn().send(m)
		}
		synctest.Wait()
		for code, want := range map[string]string{"301": "000001 00", "201": "000002 00", "777": "000003 12"} {
			if answers[code] != want {
				t.Errorf("DE70 %s was answered %q, want %q", code, answers[code], want)
			}
		}
		if !slices.Equal(f.cutovers, []string{"visa 1"}) {
			t.Errorf("cutovers reported: %v, want one, by link 1 of visa", f.cutovers)
		}

		// A payment request from the host is none of ours to answer.
		frame, _ := request(5)
		i.conn().sendRaw(frame)
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindUnsolicited {
			t.Errorf("reported %v, want one unsolicited", got)
		}
	})
}

// A host that stalls at its cutover leaves a thousand late answers to be told of; its announcement is not lost among
// them.
func TestCutoverAmongStrays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(_ *hostConn, m *spec.Message) bool { return m.MTI() == "0810" }}
		f := newFixture(t, i, func(c *link.Config) {
			c.OnStray = func(link.Stray) { time.Sleep(time.Millisecond) } // as a synced commit takes
		})
		defer f.close()
		synctest.Wait()
		var m spec.Message
		for n := range 1100 {
			frame, _ := request(n + 1)
			if err := codec.Unpack(frame[spec.LengthHeader:], &m); err != nil {
				t.Fatal(err)
			}
			i.conn().answer(&m, "00") // to nothing
		}
		m.Reset()
		m.SetMTI("0800")
		m.Set(7, de7)
		m.SetUint(11, 7, 6)
		m.Set(70, "201")
		i.conn().send(&m)
		time.Sleep(time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.cutovers) != 1 {
			t.Errorf("%d cutovers were handed over, want 1", len(f.cutovers))
		}
	})
}

func TestHostSignsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer func()
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" && c.n == 1 {
				answer = func() { c.answer(m, "00") }
				return true
			}
			return m.MTI() == "0810"
		}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		sent := f.sending(1)
		synctest.Wait()
		m := new(spec.Message)
		m.SetMTI("0800")
		m.Set(7, de7)
		m.Set(11, "000009")
		m.Set(70, "002")
		i.conn().send(m)
		synctest.Wait()
		_, err := f.Acquire(t.Context())
		mustBe(t, err, link.ErrUnavailable)
		answer()
		if err := <-sent; err != nil {
			t.Errorf("a request in flight at the host's sign-off: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := f.send(2); err != nil {
			t.Errorf("after a new sign-on: %v", err)
		}
	})
}
