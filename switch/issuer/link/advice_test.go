package link_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// slots takes n slots and fails the test if one is not there.
func (f *fixture) slots(n int, acquire func(context.Context) (*link.Slot, error)) []*link.Slot {
	f.t.Helper()
	var all []*link.Slot
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		s, err := acquire(ctx)
		cancel()
		if err != nil {
			f.t.Fatalf("slot %d of %d: %v", len(all)+1, n, err)
		}
		all = append(all, s)
	}
	return all
}

// However many advices wait, requests find a quarter of the window.
func TestAdvicesLeaveRoomForRequests(t *testing.T) {
	for _, c := range []struct{ window, advices int }{{1, 1}, {2, 1}, {4, 3}, {16, 12}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, &issuer{}, func(cfg *link.Config) { cfg.WindowPerLink = c.window })
			defer f.close()
			synctest.Wait()
			held := f.slots(c.advices, f.AcquireAdvice)
			waits := make(chan error, 1)
			go func() {
				s, err := f.AcquireAdvice(context.Background())
				if err == nil {
					s.Free()
				}
				waits <- err
			}()
			synctest.Wait()
			select {
			case err := <-waits:
				t.Fatalf("window %d: advice %d did not wait: %v", c.window, c.advices+1, err)
			default:
			}
			if c.window > 1 {
				for range 3 { // also while an advice waits, and again when they come back
					for _, s := range f.slots(c.window-c.advices, f.Acquire) {
						s.Free()
					}
				}
			}
			for _, s := range held {
				s.Free()
			}
			if err := <-waits; err != nil {
				t.Error(err)
			}
		})
	}
}

// Requests that wait go first, but an advice is not kept waiting for good.
func TestEighthFreedSlotGoesToAnAdvice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &issuer{}, nil)
		defer f.close()
		synctest.Wait()
		held := f.slots(1, f.Acquire)
		rest := f.slots(7, f.Acquire)
		granted := make(chan *link.Slot, 32)
		var order strings.Builder
		wait := func(n int, what string, acquire func(context.Context) (*link.Slot, error)) {
			for range n {
				go func() {
					s, err := acquire(context.Background())
					if err != nil {
						t.Error(err)
						return
					}
					order.WriteString(what) // one slot is handed on at a time
					granted <- s
				}()
			}
			synctest.Wait()
		}
		wait(4, "a", f.AcquireAdvice)
		wait(16, "r", f.Acquire)
		for range 20 {
			held[0].Free()
			held[0] = <-granted
			synctest.Wait()
		}
		if got, want := order.String(), "rrrrrrrarrrrrrrarraa"; got != want {
			t.Errorf("requests (r) and advices (a) got slots in the order %s, want %s", got, want)
		}
		for _, s := range append(rest, held...) {
			s.Free()
		}
	})
}

// Advices are given up at once, and nothing else: their receivers are told that there was no answer, their slots are
// free, and what the host says yet is late.
func TestGiveUpAdvices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		var asked []*spec.Message
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			copied := new(spec.Message)
			copied.CopyFrom(m)
			asked = append(asked, copied)
			return true
		}
		f := newFixture(t, i, func(cfg *link.Config) { cfg.WindowPerLink = 4 })
		defer f.close()
		synctest.Wait()
		box := &inbox{}
		for stan := 1; stan <= 3; stan++ {
			var slot link.Slot
			if !f.TryAcquireAdvice(&slot) {
				t.Fatal("no slot for an advice")
			}
			frame, want := request(stan)
			want.Deadline = time.Now().Add(time.Minute)
			if err := slot.Start(frame, &want, &letter{to: box, name: "advice"}); err != nil {
				t.Fatal(err)
			}
		}
		if f.TryAcquireAdvice(new(link.Slot)) {
			t.Error("an advice has the slot that is kept for requests")
		}
		if err := f.start(t, box, "request", 4); err != nil {
			t.Fatal(err)
		}
		f.Flush()
		synctest.Wait()
		f.GiveUpAdvices()
		gone := "advice " + link.ErrNoAnswer.Error()
		if want := []string{gone, gone, gone, "flush"}; !slices.Equal(box.came, want) {
			t.Errorf("came %q, want %q", box.came, want)
		}
		if n := f.Links()[0].InUse; n != 1 {
			t.Errorf("%d slots are taken, want the request's", n)
		}
		box.came = nil
		for _, m := range asked {
			i.conn().answer(m, "00")
		}
		synctest.Wait()
		if want := []string{"request 00", "flush"}; !slices.Equal(box.came, want) {
			t.Errorf("came %q, want %q", box.came, want)
		}
		late := f.reported()
		for _, s := range late {
			if s.Kind != link.KindLate {
				t.Errorf("an answer is %v, want late", s.Kind)
			}
		}
		if len(late) != 3 {
			t.Errorf("%d late answers, want those of the three advices", len(late))
		}
	})
}
