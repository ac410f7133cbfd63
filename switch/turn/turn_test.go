package turn_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/payment"
	"switchyard/switch/turn"
)

// hold is one way of keeping others away from a payment.
type hold func(id payment.ID) (end func())

func ways(t *testing.T, table *turn.Table) map[string]hold {
	return map[string]hold{
		"lock": table.Lock,
		"turn": func(id payment.ID) func() {
			release, err := table.Take(context.Background(), id)
			if err != nil {
				t.Error(err)
				return func() {}
			}
			return release
		},
	}
}

// One at a time a payment, though the holder sleeps; payments do not wait for each other, and what nobody holds can be
// held again.
func TestOneAtATime(t *testing.T) {
	for _, way := range []string{"lock", "turn"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var table turn.Table
				const payments, holders = 3, 20
				begin := time.Now()
				var inside [payments]int
				var wg sync.WaitGroup
				for i := range payments {
					for range holders {
						wg.Go(func() {
							end := ways(t, &table)[way](payment.NewID(1, uint64(i)))
							defer end()
							if inside[i]++; inside[i] > 1 {
								t.Errorf("%d hold payment %d", inside[i], i)
							}
							time.Sleep(time.Second)
							inside[i]--
						})
					}
				}
				wg.Wait()
				if took := time.Since(begin); took != holders*time.Second {
					t.Errorf("it took %s, want %s: payments wait for each other, or do not", took, holders*time.Second)
				}
			})
		})
	}
}

// The lock is taken within the turn, and a turn that is waited for in vain is not taken.
func TestTurnEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table turn.Table
		id := payment.NewID(1, 1)
		release, err := table.Take(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		table.Lock(id)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := table.Take(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		release()
		if release, err = table.Take(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		release()
	})
}

// Who comes first has the turn first, but for those that have gone; TryTake takes one that nobody has or waits for.
func TestTurnsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table turn.Table
		id := payment.NewID(1, 1)
		release := table.TryTake(id)
		if release == nil {
			t.Fatal("not taken, though nobody has it")
		}
		if table.TryTake(id) != nil {
			t.Error("taken twice")
		}
		if other := table.TryTake(payment.NewID(1, 2)); other == nil {
			t.Error("not taken, though it is another payment's")
		}
		gone, leave := context.WithCancel(t.Context())
		var order []int
		var all sync.WaitGroup
		for n := range 4 {
			ctx := t.Context()
			if n == 1 {
				ctx = gone
			}
			all.Go(func() {
				release, err := table.Take(ctx, id)
				if err != nil {
					return
				}
				order = append(order, n)
				release()
			})
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		release()
		if table.TryTake(id) != nil {
			t.Error("taken before those who wait")
		}
		all.Wait()
		if !slices.Equal(order, []int{0, 2, 3}) {
			t.Errorf("the turn went to %v", order)
		}
		if table.TryTake(id) == nil {
			t.Error("not taken, though it was given back")
		}
	})
}

// TryLock takes the lock that nobody has, beside the turn, and no other one's.
func TestTryLock(t *testing.T) {
	var table turn.Table
	id := payment.NewID(1, 1)
	release, err := table.Take(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	unlock := table.TryLock(id)
	if unlock == nil {
		t.Fatal("not taken, though nobody has it")
	}
	if table.TryLock(id) != nil {
		t.Error("taken twice")
	}
	if other := table.TryLock(payment.NewID(1, 2)); other == nil {
		t.Error("not taken, though it is another payment's")
	}
	unlock()
	if table.TryLock(id) == nil {
		t.Error("not taken, though it was given back")
	}
}
