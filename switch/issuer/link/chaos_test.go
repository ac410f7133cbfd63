package link_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

var (
	chaosSeed  = flag.Uint64("chaos.seed", 1, "the first seed of TestChaos")
	chaosSeeds = flag.Int("chaos.seeds", 20, "how many seeds TestChaos runs")
)

// TestChaos sends requests to a host that does to each, by a hash of seed and STAN, one of the things that hosts do,
// and then holds what Send said against what the host knows.
func TestChaos(t *testing.T) {
	for n := range *chaosSeeds {
		seed := *chaosSeed + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
			if t.Failed() {
				t.Logf("again: go test ./switch/link -run TestChaos -chaos.seed %d -chaos.seeds 1", seed)
			}
		})
	}
}

// roll is a number from 0 to sides-1, a hash of all that is given.
func roll(sides uint64, of ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, of...)
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return (x ^ x>>31) % sides
}

func chaos(t *testing.T, seed uint64) {
	const requests = 300
	received := map[string]int{}  // by STAN: how often
	answered := map[string]bool{} // by STAN: with what completes it
	var previous *spec.Message
	i := &issuer{}
	i.onDial = func(n int) error {
		if roll(3, seed, "dial", n) == 0 {
			return errors.New("connection refused")
		}
		return nil
	}
	i.on = func(c *hostConn, m *spec.Message) bool {
		stan := m.String(11)
		if m.MTI() == "0800" {
			return roll(20, seed, "network", stan) == 0 // silence, now and then
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		received[stan]++
		before := previous
		previous = m
		good := func(after time.Duration) {
			time.AfterFunc(after, func() {
				i.mu.Lock()
				answered[stan] = true
				i.mu.Unlock()
				c.answer(m, "00")
			})
		}
		bad := func(de int, value string) {
			r := response(m, "00")
			r.Set(de, value)
			c.send(r)
		}
		delay := time.Duration(roll(uint64(2*time.Second), seed, "delay", stan))
		switch roll(20, seed, "deed", stan) {
		case 0: // silence
		case 1: // too late
			good(11*time.Second + delay)
		case 2: // twice
			good(delay)
			good(delay + time.Millisecond)
		case 3: // the answer to another request, under this one's STAN
			if before != nil {
				r := response(before, "00")
				r.Set(11, stan)
				c.send(r)
			}
		case 4:
			bad(37, "000000000000")
		case 5:
			bad(49, "840")
		case 6:
			bad(4, "000000012346")
		case 7: // frames that are none, then the answer
			c.sendRaw([]byte{0, 0})
			c.sendRaw(append([]byte{0, 9}, "0110 junk"...))
			c.sendRaw(append([]byte{0xff, 0xff}, make([]byte, 65535)...))
			good(delay)
		case 8: // closes in the middle of a frame
			if roll(4, seed, "close", stan) == 0 {
				c.sendRaw([]byte{1, 0, '0', '1'})
				c.Close()
			}
		default:
			good(delay)
		}
		return true
	}
	f := newFixture(t, i, func(c *link.Config) {
		c.Links, c.WindowPerLink, c.Seed, c.EchoIdle = 2, 20, seed, 5*time.Second
	})

	type outcome struct {
		stan int
		err  error
	}
	outcomes := make(chan outcome)
	for stan := 1; stan <= requests; stan++ {
		go func() {
			time.Sleep(time.Duration(roll(uint64(30*time.Second), seed, "start", stan)))
			deadline := time.Now().Add(10 * time.Second)
			ctx, cancel := context.WithDeadline(t.Context(), deadline)
			defer cancel()
			slot, err := f.Acquire(ctx)
			if err == nil {
				frame, want := request(stan)
				if stan%2 == 0 { // both ways of telling the time
					want.Deadline, ctx = deadline, context.Background()
				}
				err = slot.Send(ctx, frame, want, new(spec.Message))
			}
			outcomes <- outcome{stan, err}
		}()
	}
	counts := map[string]int{}
	for range requests {
		o := <-outcomes
		stan := fmt.Sprintf("%06d", o.stan)
		i.mu.Lock()
		got, answer := received[stan], answered[stan]
		i.mu.Unlock()
		name := "answered"
		switch {
		case o.err == nil && !answer:
			t.Errorf("STAN %s was completed, and the host never answered it", stan)
		case o.err == nil:
		case errors.Is(o.err, link.ErrNotSent), errors.Is(o.err, link.ErrBusy), errors.Is(o.err, link.ErrUnavailable):
			name = "unsent"
			if got != 0 {
				t.Errorf("STAN %s reached the host; Send said: %v", stan, o.err)
			}
		case errors.Is(o.err, link.ErrNoAnswer), errors.Is(o.err, link.ErrLinkLost):
			name = "unknown"
		default:
			t.Errorf("STAN %s: %v is none of the errors that Send may return", stan, o.err)
		}
		if got > 1 {
			t.Errorf("STAN %s reached the host %d times", stan, got)
		}
		counts[name]++
	}
	if counts["answered"] == 0 || counts["unknown"] == 0 {
		t.Errorf("outcomes %v: want some of each kind, or this tests nothing", counts)
	}
	for _, l := range f.Links() {
		if l.InUse != 0 {
			t.Errorf("link %s keeps %d slots", l.Link, l.InUse)
		}
	}
	f.close()
}
