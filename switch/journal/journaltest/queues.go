package journaltest

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"switchyard/switch/journal"
)

func saf(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	queued := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := Fresh(1)
	tr := &journal.Transition{Payment: p, Queue: []journal.SAFRow{
		{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Op: 0, Node: 1, Queued: queued},
		{SAFRef: journal.SAFRef{Host: "b"}, Payment: p.ID, Op: 0},
		{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Op: 0, Queued: queued, Parked: true, Reason: "12"},
	}}
	commit(t, j, tr)
	first, third := tr.Queue[0], tr.Queue[2]
	if first.Seq == 0 || third.Seq <= first.Seq {
		t.Fatalf("sequences %d and %d", first.Seq, third.Seq)
	}
	rows := func(host string, from uint64) (got []journal.SAFRow) {
		t.Helper()
		if err := j.SAF(ctx, host, from, func(r journal.SAFRow) bool { got = append(got, r); return true }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := rows("a", 0); !reflect.DeepEqual(got, []journal.SAFRow{first, third}) {
		t.Errorf("queue a: %+v", got)
	}
	if got := rows("a", first.Seq+1); !reflect.DeepEqual(got, []journal.SAFRow{third}) {
		t.Errorf("queue a from the second: %+v", got)
	}
	if hosts, err := j.SAFHosts(ctx); err != nil || !reflect.DeepEqual(hosts, []string{"a", "b"}) {
		t.Errorf("hosts: %v, %v", hosts, err)
	}

	p.Version = 2
	commit(t, j, &journal.Transition{Payment: p, Dequeue: []journal.SAFRef{first.SAFRef, tr.Queue[1].SAFRef}})
	for range 2 { // before and after a restart
		if got := rows("a", 0); !reflect.DeepEqual(got, []journal.SAFRow{third}) {
			t.Errorf("queue a after dequeue: %+v", got)
		}
		if got := rows("b", 0); got != nil {
			t.Errorf("queue b after dequeue: %+v", got)
		}
		if hosts, err := j.SAFHosts(ctx); err != nil || !reflect.DeepEqual(hosts, []string{"a"}) {
			t.Errorf("hosts: %v, %v", hosts, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t)
	}

	// The moving lower bound: rows that come after an empty scan are found.
	p.Version = 3
	commit(t, j, &journal.Transition{Payment: p, Dequeue: []journal.SAFRef{third.SAFRef}})
	if got := rows("a", 0); got != nil {
		t.Errorf("queue a, emptied: %+v", got)
	}
	p.Version = 4
	tr = &journal.Transition{Payment: p, Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID}}}
	commit(t, j, tr)
	if tr.Queue[0].Seq <= third.Seq {
		t.Errorf("sequence %d after %d", tr.Queue[0].Seq, third.Seq)
	}
	if got := rows("a", 0); len(got) != 1 {
		t.Errorf("queue a, filled again: %+v", got)
	}
}

// A worker that scans while others queue and dequeue sees each row until it is dequeued.
func safConcurrentScan(t *testing.T, store Store) {
	j := store(t)(t)
	const rows = 400
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // a bystander that moves the lower bound
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := j.SAF(ctx, "a", 0, func(journal.SAFRow) bool { return false }); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := uint64(1); n <= rows; n++ {
		p := Fresh(n)
		tr := &journal.Transition{Payment: p, Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID}}}
		commit(t, j, tr)
		found := false
		if err := j.SAF(ctx, "a", 0, func(r journal.SAFRow) bool {
			found = found ||
				r.Payment == p.ID
			return true
		}); err != nil || !found {
			t.Fatalf("row %d is not in the queue: %v", n, err)
		}
		if n%8 != 0 {
			p.Version = 2
			commit(t, j, &journal.Transition{Payment: p, Dequeue: []journal.SAFRef{tr.Queue[0].SAFRef}})
		}
	}
	close(stop)
	wg.Wait()
	left := 0
	if err := j.SAF(ctx, "a", 0, func(journal.SAFRow) bool { left++; return true }); err != nil || left != rows/8 {
		t.Errorf("%d rows are left, want %d: %v", left, rows/8, err)
	}
}

func reserve(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	reserve := func(counter string, n, want uint64) {
		t.Helper()
		if first, err := j.Reserve(ctx, counter, n); err != nil || first != want {
			t.Errorf("Reserve %s %d: %d, %v, want %d", counter, n, first, err, want)
		}
	}
	reserve("rrn", 100, 1)
	reserve("rrn", 1, 101)
	reserve("stan", 5, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	reserve("rrn", 10, 102)
	reserve("rrn", ^uint64(0)-200, 112)
	if _, err := j.Reserve(ctx, "rrn", 1000); err == nil {
		t.Error("a counter ran over its end")
	}
	if _, err := j.Reserve(ctx, "rrn", 0); err == nil {
		t.Error("reserved nothing")
	}
}

// Blocks taken by many at once never overlap (I9).
func reserveConcurrent(t *testing.T, store Store) {
	j := store(t)(t)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				first, err := j.Reserve(ctx, "c", 3)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for n := first; n < first+3; n++ {
					if seen[n] {
						t.Errorf("%d was given twice", n)
					}
					seen[n] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 8*20*3 {
		t.Errorf("%d numbers", len(seen))
	}
}
