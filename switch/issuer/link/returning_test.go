package link_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// admitted sends a request that waits for a slot for as long as a switch lets it by default.
func (f *fixture) admitted(stan int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	slot, err := f.Acquire(ctx)
	if err != nil {
		return err
	}
	frame, want := request(stan)
	return slot.Send(context.Background(), frame, want, new(spec.Message))
}

// A host that closes after each answer serves one request after another: each waits for the link, which is back soon.
func TestHostThatClosesAfterEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			c.answer(m, "00")
			if !m.Has(70) {
				c.Close()
			}
			return true
		}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		for n := range 20 {
			if err := f.admitted(1 + n); err != nil {
				t.Errorf("request %d: %v", n, err)
			}
			synctest.Wait() // the link is down: what comes now finds none
			if f.Ready() || !f.Returning() {
				t.Fatalf("after request %d: ready %v, returning %v", n, f.Ready(), f.Returning())
			}
		}
	})
}

// A host that does not come back is refused at once as soon as the first attempt has failed, and who waited is told
// then.
func TestHostThatDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		i := &issuer{}
		i.onDial = func(int) error { // i.mu is held
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		mustBe(t, f.admitted(1), nil)
		i.mu.Lock()
		down = true
		i.mu.Unlock()
		i.conn().Close()
		synctest.Wait()
		lost := time.Now()
		mustBe(t, f.admitted(2), link.ErrUnavailable)
		if took := time.Since(lost); took == 0 || took > 100*time.Millisecond {
			t.Errorf("the first request was refused after %v, want the first attempt's time", took)
		}
		refused := time.Now()
		mustBe(t, f.admitted(3), link.ErrUnavailable)
		if took := time.Since(refused); took != 0 || f.Returning() {
			t.Errorf("the second request was refused after %v", took)
		}
	})
}

// A host that takes no connection any more, without a refusal, is waited for no longer than the caller allows, and a
// second later not at all. An advice waits for no link.
func TestHostThatIsSilentAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool { return m.Has(70) && c.n > 1 } // later sign-ons get no answer
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		mustBe(t, f.admitted(1), nil)
		i.conn().Close()
		synctest.Wait()
		lost := time.Now()
		_, err := f.AcquireAdvice(t.Context())
		mustBe(t, err, link.ErrUnavailable)
		mustBe(t, f.admitted(2), link.ErrUnavailable)
		if took := time.Since(lost); took != 200*time.Millisecond {
			t.Errorf("the request was refused after %v, want all its time", took)
		}
		time.Sleep(time.Second)
		again := time.Now()
		mustBe(t, f.admitted(3), link.ErrUnavailable)
		if took := time.Since(again); took != 0 {
			t.Errorf("a second later a request was refused after %v", took)
		}
	})
}

// A host that takes each sign-on and closes is not waited for: nothing says that its next link will do anything.
func TestHostThatClosesAfterEachSignOnIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			c.answer(m, "00")
			c.Close()
			return true
		}
		f := newFixture(t, i, nil)
		defer f.close()
		time.Sleep(time.Minute)
		begin := time.Now()
		mustBe(t, f.admitted(1), link.ErrUnavailable)
		if took := time.Since(begin); took != 0 {
			t.Errorf("refused after %v", took)
		}
	})
}

// Requests that wait for a link get its slots in their order once it is back, as far as there are any.
func TestManyWaitForALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		mustBe(t, f.admitted(1), nil)
		i.conn().Close()
		synctest.Wait()
		got := make(chan *link.Slot, 20) // none is given back before all have asked
		for n := range cap(got) {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				slot, err := f.Acquire(ctx)
				if err != nil && !errors.Is(err, link.ErrBusy) {
					t.Errorf("request %d: %v", n, err)
				}
				got <- slot
			}()
		}
		var given []*link.Slot
		for range cap(got) {
			if slot := <-got; slot != nil {
				given = append(given, slot)
			}
		}
		for _, slot := range given {
			slot.Free()
		}
		if len(given) != 8 {
			t.Errorf("%d of 20 got a slot of a window of 8", len(given))
		}
	})
}

// TryAcquire takes a slot where one is free, and waits for none.
func TestTryAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &issuer{}, nil)
		defer f.close()
		synctest.Wait()
		begin := time.Now()
		for n := range 9 {
			var slot link.Slot
			if ok := f.TryAcquire(&slot); ok != (n < 8) {
				t.Errorf("slot %d of 8: %v", n, ok)
			} else if ok {
				defer slot.Free()
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it waited %v", took)
		}
	})
}
