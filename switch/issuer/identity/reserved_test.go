package identity_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/issuer/identity"
)

const latest = 5 * time.Minute

// alone is a stream towards a host whose answers are known by their STAN alone, over restarts, and what was done with
// its STANs.
type alone struct {
	store *store
	o     identity.Reserve
	place int
	nodes int
	s     *identity.Stream
	sent  map[uint32]time.Time // when each was sent last
	held  map[uint32]bool
}

func newAlone(t rapid.TB, o identity.Reserve, nodes int) *alone {
	o.Latest = latest
	x := &alone{store: newStore(), o: o, place: 1, nodes: nodes, sent: map[uint32]time.Time{}, held: map[uint32]bool{}}
	x.start(t)
	return x
}

func (x *alone) start(t rapid.TB) {
	t.Helper()
	a := identity.NewAllocator(x.store, 1, nil)
	a.Share(x.place, x.nodes)
	var err error
	if x.s, err = a.Stream("400001", "h"); err == nil {
		err = x.s.Reserve(context.Background(), x.o)
	}
	if err != nil {
		t.Fatal(err)
	}
	for stan := range x.held {
		x.s.Hold(stan)
	}
}

// take gives a message its STAN and sends it, and holds the STAN against what was done with it before.
func (x *alone) take(t rapid.TB) (uint32, error) {
	t.Helper()
	stan, de7, err := x.s.Take(context.Background(), false)
	if err != nil {
		return 0, err
	}
	if then, ok := x.sent[stan]; ok && time.Since(then) <= latest {
		t.Fatalf("STAN %06d is given at %s, %s after it was last sent", stan, de7, time.Since(then))
	}
	if x.held[stan] {
		t.Fatalf("STAN %06d is given although it is held", stan)
	}
	x.sent[stan] = time.Now()
	return stan, nil
}

// again sends a STAN's message again.
func (x *alone) again(t rapid.TB, stan uint32) {
	t.Helper()
	if err := x.s.Sending(context.Background(), stan); err != nil {
		t.Fatal(err)
	}
	x.sent[stan] = time.Now()
}

// around lets the STANs come round to where they began, less some, at the next block; some seconds later, since DE7 is
// another one then.
func (x *alone) around(t rapid.TB, but uint64) {
	t.Helper()
	if _, err := x.store.Reserve(context.Background(), "stan/400001/h", 999_999-but); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
}

func (x *alone) must(t rapid.TB) uint32 {
	t.Helper()
	stan, err := x.take(t)
	if err != nil {
		t.Fatal(err)
	}
	return stan
}

// take gives so many messages their STANs, and holds the first and the last against what they should be.
func (x *alone) takes(t rapid.TB, n int, first, last uint32) {
	t.Helper()
	got := [2]uint32{x.must(t)}
	got[1] = got[0]
	for range n - 1 {
		got[1] = x.must(t)
	}
	if got != [2]uint32{first, last} {
		t.Fatalf("%d STANs are %06d to %06d, want %06d to %06d", n, got[0], got[1], first, last)
	}
}

// A STAN that comes round is passed over until the answer to its last use can come no more (I10), and however often its
// message was sent. A start knows of a thousand in a row only when one of them was sent last, and a few thousand ahead.
func TestSTANsAreReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newAlone(t, identity.Reserve{}, 1)
		x.takes(t, 1024, 1, 1024) // a block
		x.around(t, 1024)
		x.takes(t, 1024, 1025, 2048) // the second half of the next one
		time.Sleep(latest - 10*time.Second)
		x.again(t, 5)
		time.Sleep(15 * time.Second)
		x.around(t, 2048)
		x.takes(t, 5, 1, 6)
		x.takes(t, 2042, 7, 2048)
		x.around(t, 4096)
		time.Sleep(2 * latest)
		x.again(t, 5)
		x.start(t)
		x.takes(t, 1024, 8000, 9023)
		time.Sleep(latest + 2*time.Minute)
		x.must(t) // from then on it is known that time went on
		time.Sleep(10 * time.Second)
		x.store.counters["stan/400001/h"] = 5 * 999_999
		x.start(t)
		x.takes(t, 10, 1, 10)
	})
}

// What is held is not given, however long ago it was sent, until it is released as often as it was held.
func TestHeldSTANs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newAlone(t, identity.Reserve{}, 1)
		x.takes(t, 1024, 1, 1024)
		x.s.Hold(1)
		x.s.Hold(1)
		time.Sleep(20 * latest)
		x.around(t, 1024)
		x.takes(t, 2047, 2, 2048)
		x.s.Release(1)
		time.Sleep(20 * latest)
		x.around(t, 2048)
		x.takes(t, 4095, 2, 4096)
		x.s.Release(1)
		time.Sleep(2 * latest)
		x.around(t, 4096)
		x.takes(t, 2, 1, 2)
	})
}

// While none is free requests are refused, and the last ones are kept for what must be sent: that waits for more.
func TestNoSTANIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nodes, spare, stans = 35, 100, 999_999 / 35
		x := newAlone(t, identity.Reserve{Spare: spare}, nodes)
		given := 0
		for ; ; given++ {
			if _, err := x.take(t); errors.Is(err, identity.ErrReserved) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		reserved, refused := x.s.Reserved()
		if given < stans-spare || given > stans-spare+1 || reserved != given || refused != 1 {
			t.Fatalf("%d of %d given, %d reserved, %d refused; want all but %d", given, stans, reserved, refused, spare)
		}
		begin := time.Now()
		for range spare + 10 {
			stan, _, err := x.s.Take(context.Background(), true)
			if err != nil {
				t.Fatal(err)
			}
			if then, ok := x.sent[stan]; ok && time.Since(then) <= latest {
				t.Fatalf("STAN %06d is given %s after it was sent", stan, time.Since(then))
			}
			x.sent[stan] = time.Now()
		}
		if waited := time.Since(begin); waited < latest || waited > latest+10*time.Second {
			t.Errorf("what must be sent has waited for %s, want as long as a STAN is reserved", waited)
		}
		x.must(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		x = newAlone(t, identity.Reserve{}, nodes)
		if err := x.s.ReserveAll(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := x.s.Take(ctx, true); !errors.Is(err, identity.ErrReserved) || !errors.Is(err, context.Canceled) {
			t.Errorf("with no STAN, and nobody who waits: %v", err)
		}
	})
}

// Where nobody knows when STANs were sent none is given until all may be: the host repeated more until now, or what is
// remembered is older than that it did.
func TestNothingIsKnownOfSTANs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newAlone(t, identity.Reserve{}, 1)
		if _, _, err := x.s.Next(context.Background()); err != nil { // a sign-on
			t.Fatal(err)
		}
		x.o.Used = true
		for range 2 {
			x.start(t)
			x.must(t) // all is remembered
		}
		if err := x.s.NotReserved(context.Background()); err != nil {
			t.Fatal(err)
		}
		x.start(t)
		if _, err := x.take(t); !errors.Is(err, identity.ErrReserved) {
			t.Fatalf("a STAN of which nobody knows when it was sent: %v", err)
		}
		time.Sleep(latest + 5*time.Second)
		x.must(t)
		old := x.store.metas["reserved/400001/h"]
		x.store.metas["reserved/400001/h"] = append([]byte{1}, old[13:]...) // of version 1, which lacks what is in front
		x.start(t)
		if _, err := x.take(t); !errors.Is(err, identity.ErrReserved) {
			t.Fatalf("a STAN of which it is not known whose it was: %v", err)
		}
		x.store.metas["reserved/400001/h"] = []byte{9}
		s, err := identity.NewAllocator(x.store, 1, nil).Stream("400001", "h")
		if err == nil {
			err = s.Reserve(context.Background(), x.o)
		}
		if err == nil {
			t.Error("a record in another format is taken")
		}
	})
}

// What is kept of when STANs were sent is of a node's own. Where its share is another one after a start, those that are
// new to it are given when nobody can have had them a moment ago.
func TestShareOfReservedSTANsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newAlone(t, identity.Reserve{}, 2)
		x.must(t)
		x.start(t)
		x.must(t) // the share is the same
		for _, share := range [][2]int{{0, 2}, {0, 1}} {
			x.place, x.nodes = share[0], share[1]
			x.start(t)
			if stan, err := x.take(t); !errors.Is(err, identity.ErrReserved) {
				t.Fatalf("place %d of %d: STAN %06d, %v", x.place, x.nodes, stan, err)
			}
			time.Sleep(latest + 5*time.Second)
			x.must(t)
		}
	})
}

// Over any order of messages, repeats, holds, starts, time and slow disks no STAN is given whose last use may still be
// answered.
func TestNoReservedSTANIsGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			x := newAlone(t, identity.Reserve{}, 35)
			var all []uint32
			one := func() uint32 { return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")] }
			for range rapid.IntRange(1, 30).Draw(t, "steps") {
				switch what := rapid.IntRange(0, 7).Draw(t, "what"); {
				case what < 2 || len(all) == 0:
					for range rapid.IntRange(1, 200).Draw(t, "messages") {
						if stan, err := x.take(t); err == nil {
							all = append(all, stan)
						}
					}
				case what == 2:
					x.again(t, one())
				case what == 3:
					x.around(t, uint64(rapid.SampledFrom([]int{0, 1024, 2048, 4096, 65_536}).Draw(t, "but")))
				case what == 4:
					x.start(t)
				case what == 5:
					if stan := one(); x.held[stan] {
						delete(x.held, stan)
						x.s.Release(stan)
					} else if time.Since(x.sent[stan]) <= latest { // what is held was held from when it was given
						x.held[stan] = true
						x.s.Hold(stan)
					}
				case what == 6:
					x.store.slow = rapid.SampledFrom([]time.Duration{0, time.Second, 90 * time.Second, 2 * latest}).Draw(t, "disk")
				default:
					time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, latest - time.Second,
						latest, 2 * latest}).Draw(t, "time"))
				}
			}
		})
	})
}

// Who holds a STAN, or asks how many there are, does not wait for the disk that another one's sending waits for.
func TestHoldsWaitForNoDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newAlone(t, identity.Reserve{}, 1)
		first := x.must(t)
		time.Sleep(time.Hour) // what was made durable is over
		x.store.slow = 10 * time.Second
		sent := make(chan error, 1)
		go func() { sent <- x.s.Sending(context.Background(), first) }()
		synctest.Wait()
		began := time.Now()
		x.s.Hold(first + 1)
		if n, _ := x.s.Reserved(); n != 2 {
			t.Errorf("%d STANs are reserved, want the one that is sent and the one that is held", n)
		}
		x.s.Release(first + 1)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s for the disk", waited)
		}
		if err := <-sent; err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("sent after %s, %v; want it durable first", time.Since(began), err)
		}
		x.sent[first] = time.Now()
		time.Sleep(latest - time.Second)
		x.store.slow = 0
		x.around(t, 1)
		if stan := x.must(t); stan == first {
			t.Error("the STAN that was sent late is given")
		}
	})
}
