package pebble

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

const day1, day2, day3 = payment.Date(20261121), payment.Date(20261122), payment.Date(20261123)

// open opens a journal that ends with the test. A failure of its disk fails the test.
func open(t testing.TB, fs vfs.FS) *Journal {
	t.Helper()
	j, err := Open(options(t, fs))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
			t.Error(err)
		}
	})
	return j
}

func options(t testing.TB, fs vfs.FS) Options {
	return Options{FS: fs, Dir: "data", Node: 1, Fatal: func(msg string, err error) {
		t.Errorf("the journal failed: %s: %v", msg, err)
		runtime.Goexit()
	}}
}

// fresh is a new payment with a pending authorization.
func fresh(n uint64) *payment.Payment {
	at := time.Date(2026, 11, 21, 10, 0, 0, int(n), time.UTC)
	return &payment.Payment{
		ID: payment.NewID(1, n), Version: 1, Merchant: "M1", Terminal: "T1", Currency: "EUR", Route: "visa", Created: at,
		Ops: []payment.Op{{Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 1000, Target: payment.NoTarget, At: at}},
	}
}

// captured is fresh with an accepted capture, as one new payment.
func captured(n uint64, date payment.Date) *payment.Payment {
	p := fresh(n)
	p.Ops[0].State, p.Ops[0].Granted = payment.StateApproved, 1000
	p.Ops = append(p.Ops, payment.Op{Kind: payment.KindCapture, State: payment.StateQueued, Amount: 1000, Target: payment.NoTarget, Number: 1, Date: date, ARN: "arn", At: p.Created})
	return p
}

func presentment(p *payment.Payment, op int) journal.Presentment {
	return journal.Presentment{PresentmentRef: ref(p, op), Data: []byte("data")}
}

func ref(p *payment.Payment, op int) journal.PresentmentRef {
	return journal.PresentmentRef{Date: p.Ops[op].Date, Destination: p.Route, Payment: p.ID, Op: op}
}

func commit(t testing.TB, j journal.Journal, tr *journal.Transition) {
	t.Helper()
	if err := j.Commit(ctx, tr); err != nil {
		t.Fatalf("Commit of %s version %d: %v", tr.Payment.ID, tr.Payment.Version, err)
	}
}

func claim(key string) []journal.KeyClaim {
	return []journal.KeyClaim{{Merchant: "M1", Key: key, MAC: [16]byte{1}}}
}

func TestCommitAndRead(t *testing.T) {
	j := open(t, vfs.NewMem())
	p := fresh(1)
	p.Reference = "order 1"
	before := time.Now()
	commit(t, j, &journal.Transition{Payment: p, Keys: claim("k"), Opens: []int{0}})

	got, err := j.Payment(ctx, p.ID)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("Payment: %+v, %v", got, err)
	}
	e, err := j.Key(ctx, "M1", "k")
	if err != nil || e.Payment != p.ID || e.Op != 0 || e.MAC != [16]byte{1} || e.Claimed.Before(before) {
		t.Errorf("Key: %+v, %v", e, err)
	}
	if _, err := j.Payment(ctx, payment.NewID(1, 2)); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a payment that is not there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "other"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := j.Meta(ctx, "none"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a value that is not there: %v", err)
	}
	if _, err := j.Day(ctx, day1); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a day that is not there: %v", err)
	}
	if err := j.PutMeta(ctx, "name", []byte("value")); err != nil {
		t.Error(err)
	}
	if v, err := j.Meta(ctx, "name"); err != nil || string(v) != "value" {
		t.Errorf("Meta: %q, %v", v, err)
	}
}

func TestVersions(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	foreign := fresh(1)
	foreign.ID = payment.NewID(2, 1)
	for _, p := range []*payment.Payment{fresh(10), foreign} {
		commit(t, j, &journal.Transition{Payment: p})
		refused := func(version uint64) {
			t.Helper()
			q := *p
			q.Version = version
			q.Terminal = "T2"
			if err := j.Commit(ctx, &journal.Transition{Payment: &q, Keys: claim("refused")}); err != journal.ErrVersion {
				t.Errorf("%s version %d after %d: %v", p.ID, version, p.Version, err)
			}
		}
		refused(1)
		refused(3)
		p.Version = 2
		commit(t, j, &journal.Transition{Payment: p})
		refused(1)
		refused(2)
		if got, err := j.Payment(ctx, p.ID); err != nil || got.Version != 2 || got.Terminal != "T1" {
			t.Errorf("a refused transition left something: %+v, %v", got, err)
		}
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: &payment.Payment{ID: payment.NewID(1, 11),
		Version: 2}}); err != journal.ErrVersion {
		t.Errorf("version 2 of a payment that is not there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "refused"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a refused transition left its key: %v", err)
	}

	// After a restart nothing is in memory.
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs)
	for _, p := range []*payment.Payment{fresh(10), foreign} {
		for _, c := range []struct {
			version uint64
			want    error
		}{{1, journal.ErrVersion}, {2, journal.ErrVersion}, {4, journal.ErrVersion}, {3, nil}, {3, journal.ErrVersion}} {
			p.Version = c.version
			if err := j.Commit(ctx, &journal.Transition{Payment: p}); err != c.want {
				t.Errorf("%s version %d after the restart: %v, want %v", p.ID, c.version, err, c.want)
			}
		}
	}
	commit(t, j, &journal.Transition{Payment: fresh(9)}) // below the newest, yet never used
}

// A counter that shares its slot in the version table with a newer one is looked up in the store, and in its group.
func TestVersionsBeyondTheTable(t *testing.T) {
	j := open(t, vfs.NewMem())
	old, recent := fresh(5), fresh(5+versionSlots)
	commit(t, j, &journal.Transition{Payment: old})
	commit(t, j, &journal.Transition{Payment: recent})
	old.Version = 3
	if err := j.Commit(ctx, &journal.Transition{Payment: old}); err != journal.ErrVersion {
		t.Errorf("version 3 after 1: %v", err)
	}
	old.Version = 2
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 { // of one group or not, one wins
		wg.Go(func() {
			switch err := j.Commit(ctx, &journal.Transition{Payment: old}); err {
			case nil:
				mu.Lock()
				won++
				mu.Unlock()
			case journal.ErrVersion:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d of 16 made version 2", won)
	}
}

func TestKeyTaken(t *testing.T) {
	j := open(t, vfs.NewMem())
	first := fresh(1)
	commit(t, j, &journal.Transition{Payment: first, Keys: claim("k")})

	second := fresh(2)
	err := j.Commit(ctx, &journal.Transition{Payment: second,
		Keys: []journal.KeyClaim{{Merchant: "M1", Key: "free"}, {Merchant: "M1", Key: "k", Op: 0}}})
	var taken *journal.KeyTakenError
	if !errors.As(err, &taken) || taken.Claim.Key != "k" || taken.Holds.Payment != first.ID || taken.Holds.MAC != [16]byte{1} {
		t.Fatalf("got %v", err)
	}
	if _, err := j.Payment(ctx, second.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the refused payment is there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "free"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the refused transition's other key is there: %v", err)
	}
	// Neither another merchant nor a longer key is the same key.
	for i, k := range []journal.KeyClaim{{Merchant: "M2", Key: "k"}, {Merchant: "M1", Key: "k2"},
		{Merchant: "M1k", Key: "x"}, {Merchant: "M1", Key: "kx"}} {
		commit(t, j, &journal.Transition{Payment: fresh(uint64(10 + i)), Keys: []journal.KeyClaim{k}})
	}
}

func TestBurnKey(t *testing.T) {
	j := open(t, vfs.NewMem())
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "k", MAC: [16]byte{1}}); err != nil {
		t.Fatal(err)
	}
	var taken *journal.KeyTakenError
	if err := j.Commit(ctx, &journal.Transition{Payment: fresh(1), Keys: claim("k")}); !errors.As(err, &taken) ||
		!taken.Holds.Payment.IsZero() {
		t.Errorf("a burned key: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(1), Keys: claim("used")})
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "used"}); !errors.As(err, &taken) ||
		taken.Holds.Payment != fresh(1).ID {
		t.Errorf("burning a used key: %v", err)
	}
	var entries []record.LogEntry
	next, err := logged(j, 0, func(e record.LogEntry) bool { entries = append(entries, e); return true })
	if err != nil || len(entries) != 1 || entries[0].Position != 2 || next != 3 {
		t.Errorf("the log: %+v, next %d, %v", entries, next, err)
	}
}

// Exactly one of many concurrent claims of a key wins, and all others are told who did.
func TestConcurrentClaims(t *testing.T) {
	j := open(t, vfs.NewMem())
	const rounds, claimers = 20, 32
	for round := range rounds {
		key := fmt.Sprintf("key %d", round)
		var wg sync.WaitGroup
		errs := make([]error, claimers)
		for i := range claimers {
			wg.Go(func() {
				errs[i] = j.Commit(ctx, &journal.Transition{Payment: fresh(uint64(round*claimers + i + 1)), Keys: claim(key)})
			})
		}
		wg.Wait()
		winner := payment.ID{}
		for i, err := range errs {
			if err == nil {
				if !winner.IsZero() {
					t.Fatalf("%s: two winners", key)
				}
				winner = payment.NewID(1, uint64(round*claimers+i+1))
			}
		}
		for i, err := range errs {
			var taken *journal.KeyTakenError
			if err != nil && (!errors.As(err, &taken) || taken.Holds.Payment != winner) {
				t.Errorf("%s, claimer %d: %v, the winner is %s", key, i, err, winner)
			}
			_, err := j.Payment(ctx, payment.NewID(1, uint64(round*claimers+i+1)))
			if (err == nil) != (errs[i] == nil) {
				t.Errorf("%s, claimer %d: commit %v, payment %v", key, i, errs[i], err)
			}
		}
		if winner.IsZero() {
			t.Errorf("%s: nobody won", key)
		}
	}
}

func TestBadTransitions(t *testing.T) {
	j := open(t, vfs.NewMem())
	with := func(change func(tr *journal.Transition)) *journal.Transition {
		tr := &journal.Transition{Payment: fresh(1)}
		change(tr)
		return tr
	}
	for name, tr := range map[string]*journal.Transition{
		"no payment":       {},
		"no id":            with(func(tr *journal.Transition) { tr.Payment.ID = payment.ID{} }),
		"no version":       with(func(tr *journal.Transition) { tr.Payment.Version = 0 }),
		"negative amount":  with(func(tr *journal.Transition) { tr.Payment.Ops[0].Amount = -1 }),
		"zero byte in key": with(func(tr *journal.Transition) { tr.Keys = claim("a\x00b") }),
		"empty key":        with(func(tr *journal.Transition) { tr.Keys = claim("") }),
		"empty merchant":   with(func(tr *journal.Transition) { tr.Keys = []journal.KeyClaim{{Key: "k"}} }),
		"reference":        with(func(tr *journal.Transition) { tr.Payment.Reference = "\x00" }),
		"too many keys":    with(func(tr *journal.Transition) { tr.Keys = make([]journal.KeyClaim, journal.MaxClaims+1) }),
		"opens nothing":    with(func(tr *journal.Transition) { tr.Opens = []int{1} }),
		"closes nothing":   with(func(tr *journal.Transition) { tr.Closes = []int{-1} }),
		"queue of no host": with(func(tr *journal.Transition) { tr.Queue = []journal.SAFRow{{}} }),
		"dequeue":          with(func(tr *journal.Transition) { tr.Dequeue = []journal.SAFRef{{}} }),
		"no date":          with(func(tr *journal.Transition) { tr.Present = []journal.Presentment{{}} }),
		"no destination":   with(func(tr *journal.Transition) { tr.Withdraw = []journal.PresentmentRef{{Date: day1}} }),
		"created in 1066": with(func(tr *journal.Transition) {
			tr.Payment.Created = time.Date(1066, 10, 14, 9, 0, 0, 0,
				time.UTC)
		}),
		"endless reference": with(func(tr *journal.Transition) { tr.Payment.Reference = string(make([]byte, 1<<16)) }),
	} {
		if err := j.Commit(ctx, tr); err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	if err := j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
		t.Errorf("stored: %+v",
			p)
		return true
	}); err != nil {
		t.Error(err)
	}
}

func TestCanceledContext(t *testing.T) {
	j := open(t, vfs.NewMem())
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := j.Commit(ended, &journal.Transition{Payment: fresh(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := j.Reserve(ended, "c", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Reserve: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(1)}) // nothing of the first one was applied
}

func TestByReference(t *testing.T) {
	j := open(t, vfs.NewMem())
	for n := uint64(1); n <= 5; n++ {
		p := fresh(n)
		p.Reference = "order"
		if n == 3 {
			p.Reference = "order 3"
		}
		commit(t, j, &journal.Transition{Payment: p})
	}
	late := fresh(1) // a node of a lower number, later
	late.ID, late.Reference, late.Created = payment.NewID(0, 9), "order", late.Created.Add(time.Hour)
	commit(t, j, &journal.Transition{Payment: late})

	ids, more, err := j.ByReference(ctx, "M1", "order", 3)
	want := []payment.ID{late.ID, payment.NewID(1, 5), payment.NewID(1, 4)}
	if err != nil || !more || !reflect.DeepEqual(ids, want) {
		t.Errorf("the newest three: %v, more %v, %v", ids, more, err)
	}
	ids, more, err = j.ByReference(ctx, "M1", "order", 5)
	if err != nil || more || len(ids) != 5 || ids[4] != payment.NewID(1, 1) {
		t.Errorf("all five: %v, more %v, %v", ids, more, err)
	}
	if ids, _, err = j.ByReference(ctx, "M2", "order", 5); err != nil || len(ids) != 0 {
		t.Errorf("another merchant's: %v, %v", ids, err)
	}
}

func TestPaymentsInOrder(t *testing.T) {
	j := open(t, vfs.NewMem())
	for _, n := range []uint64{3, 1, 300, 2} {
		commit(t, j, &journal.Transition{Payment: fresh(n)})
	}
	scan := func(after payment.ID, most int) (got []uint64) {
		err := j.Payments(ctx, after, func(p *payment.Payment) bool {
			got = append(got, p.ID.Counter())
			commit(t, j, &journal.Transition{Payment: fresh(1000 + p.ID.Counter() + after.Counter()*7)}) // not in the snapshot
			return len(got) < most
		})
		if err != nil {
			t.Error(err)
		}
		return got
	}
	if got := scan(payment.ID{}, 100); !reflect.DeepEqual(got, []uint64{1, 2, 3, 300}) {
		t.Errorf("all: %v", got)
	}
	if got := scan(payment.NewID(1, 2), 2); !reflect.DeepEqual(got, []uint64{3, 300}) {
		t.Errorf("two after 2: %v", got)
	}
}

func TestSAF(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	queued := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := fresh(1)
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
		j = open(t, fs)
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
func TestSAFConcurrentScan(t *testing.T) {
	j := open(t, vfs.NewMem())
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
		p := fresh(n)
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

func TestReserve(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
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
	j = open(t, fs)
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
func TestReserveConcurrent(t *testing.T) {
	j := open(t, vfs.NewMem())
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

func TestLogAndOpenIntents(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	for n := uint64(1); n <= 6; n++ {
		commit(t, j, &journal.Transition{Payment: fresh(n), Opens: []int{0}})
	}
	for _, n := range []uint64{1, 2, 4} {
		p := fresh(n)
		p.Version = 2
		commit(t, j, &journal.Transition{Payment: p, Closes: []int{0}})
	}
	if open, err := j.OpenIntents(ctx); err != nil || len(open) != 0 {
		t.Errorf("open intents of a new journal: %v, %v", open, err)
	}
	for range 3 { // restarts change nothing
		var got []record.LogEntry
		next, err := logged(j, 0, func(e record.LogEntry) bool { got = append(got, e); return true })
		if err != nil || next != 10 || len(got) != 9 {
			t.Fatalf("the log has %d entries and goes on at %d, %v", len(got), next, err)
		}
		if e := got[7]; e.Position != 8 || e.Payment != fresh(2).ID || e.Version != 2 || len(e.Opens) != 0 || !reflect.DeepEqual(e.Closes, []int{0}) {
			t.Errorf("the eighth entry: %+v", e)
		}
		n := 0
		if next, err = logged(j, 4, func(e record.LogEntry) bool { n++; return n < 2 }); err != nil || n != 2 || next != 6 {
			t.Errorf("two from the fourth: %d entries, goes on at %d, %v", n, next, err)
		}
		if next, err = logged(j, 100,
			func(record.LogEntry) bool { t.Error("an entry past the end"); return true }); err != nil || next != 100 {
			t.Errorf("past the end: %d, %v", next, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, fs)
		open, err := j.OpenIntents(ctx)
		want := []journal.IntentRef{{Payment: fresh(3).ID}, {Payment: fresh(5).ID}, {Payment: fresh(6).ID}}
		if err != nil || !reflect.DeepEqual(open, want) {
			t.Errorf("open intents: %v, %v", open, err)
		}
	}
	commit(t, j, &journal.Transition{Payment: fresh(7), Opens: []int{0}})
	if next, err := logged(j, 10, func(e record.LogEntry) bool { return e.Position == 10 }); err != nil || next != 11 {
		t.Errorf("the log after a restart goes on at %d, %v", next, err)
	}
}

// What is swept is what was claimed before the moment, and a key that is claimed again later stays.
func TestSweepKeys(t *testing.T) {
	j := open(t, vfs.NewMem())
	for n := uint64(1); n <= 4; n++ {
		commit(t, j, &journal.Transition{Payment: fresh(n), Keys: claim(fmt.Sprint("old ", n))})
	}
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "burned"}); err != nil {
		t.Fatal(err)
	}
	// The clock of a log row is the committer's; a moment between two commits is told apart by a clock that moves.
	at := time.Now()
	for !time.Now().After(at) {
		runtime.Gosched()
	}
	commit(t, j, &journal.Transition{Payment: fresh(5), Keys: claim("new")})

	for _, c := range []struct {
		what   string
		before time.Time
		limit  int
		swept  int
		more   bool
	}{
		{"nothing is that old", at.Add(-time.Hour), 100, 0, false},
		{"at most three", at, 3, 3, true},
		{"the other two", at, 100, 2, false},
		{"nothing is left", at, 100, 0, false},
	} {
		if n, more, err := j.SweepKeys(ctx, c.before, c.limit); err != nil || n != c.swept || more != c.more {
			t.Errorf("%s: %d, more %v, %v", c.what, n, more, err)
		}
	}
	for _, key := range []string{"old 1", "old 4", "burned"} {
		if _, err := j.Key(ctx, "M1", key); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := j.Key(ctx, "M1", "new"); err != nil {
		t.Errorf("the new key: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(6), Keys: claim("old 1")})
	if _, _, err := j.SweepKeys(ctx, at, 0); err == nil {
		t.Error("swept at most none")
	}
}

// A long stretch of the log without keys does not hold the sweep up.
func TestSweepKeysPastCommitsWithoutThem(t *testing.T) {
	j := open(t, vfs.NewMem())
	var all sync.WaitGroup
	for n := range uint64(journal.MaxSweep) {
		all.Go(func() { commit(t, j, &journal.Transition{Payment: fresh(n + 1)}) })
	}
	all.Wait()
	commit(t, j, &journal.Transition{Payment: fresh(journal.MaxSweep + 1), Keys: claim("behind")})
	before := time.Now().Add(time.Hour)
	if n, more, err := j.SweepKeys(ctx, before, 1); err != nil || n != 0 || !more {
		t.Errorf("%d, more %v, %v", n, more, err)
	}
	if n, more, err := j.SweepKeys(ctx, before, 1); err != nil || n != 1 || more {
		t.Errorf("%d, more %v, %v", n, more, err)
	}
}

func TestDays(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	if j.OpenDay() != 0 {
		t.Errorf("a new journal's day is %s", j.OpenDay())
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: fresh(1), Day: day1}); err != journal.ErrDayClosed {
		t.Errorf("a day that was never opened: %v", err)
	}
	if err := j.Cutover(ctx, day1, day2); err != journal.ErrDayClosed {
		t.Errorf("cutover from a day that is not open: %v", err)
	}
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	if err := j.Cutover(ctx, day1, day1); err == nil {
		t.Error("cutover to the same day")
	}
	p := captured(1, day1)
	commit(t, j, &journal.Transition{Payment: p, Day: day1, Present: []journal.Presentment{presentment(p, 1)}})
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DaySealed}); err != journal.ErrDayClosed {
		t.Errorf("sealing an open day: %v", err)
	}
	if err := j.Cutover(ctx, day1, day2); err != nil || j.OpenDay() != day2 {
		t.Fatalf("cutover: %v, open is %s", err, j.OpenDay())
	}
	if err := j.Cutover(ctx, day1, day3); err != journal.ErrDayClosed {
		t.Errorf("a second cutover of the day: %v", err)
	}

	late := captured(2, day1)
	if err := j.Commit(ctx, &journal.Transition{Payment: late, Day: day1,
		Present: []journal.Presentment{presentment(late, 1)}}); err != journal.ErrDayClosed {
		t.Errorf("a capture on the closing day: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: late, Unsealed: day1,
		Present: []journal.Presentment{presentment(late, 1)}}) // a sale's outcome
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayWritten}); err != journal.ErrDayClosed {
		t.Errorf("written before sealed: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DaySealed, Data: []byte("files")}); err != nil {
		t.Fatal(err)
	}
	for name, tr := range map[string]*journal.Transition{
		"unsealed": {Payment: fresh(3), Unsealed: day1},
		"another present": {Payment: fresh(3), Unsealed: day2,
			Present: []journal.Presentment{presentment(captured(3, day1), 1)}},
		"withdraw": {Payment: fresh(3), Withdraw: []journal.PresentmentRef{ref(p, 1)}},
		"future":   {Payment: fresh(3), Present: []journal.Presentment{presentment(captured(3, day3), 1)}},
	} {
		if err := j.Commit(ctx, tr); err != journal.ErrDayClosed {
			t.Errorf("%s on a sealed day: %v", name, err)
		}
	}
	for range 2 { // before and after a restart
		var got []journal.PresentmentRef
		err := j.Presentments(ctx, day1, func(p journal.Presentment) bool {
			if string(p.Data) != "data" {
				t.Errorf("data %q", p.Data)
			}
			got = append(got, p.PresentmentRef)
			return true
		})
		if err != nil || !reflect.DeepEqual(got, []journal.PresentmentRef{ref(p, 1), ref(late, 1)}) {
			t.Errorf("presentments: %+v, %v", got, err)
		}
		if d, err := j.Day(ctx, day1); err != nil || d.State != journal.DaySealed || string(d.Data) != "files" {
			t.Errorf("the sealed day: %+v, %v", d, err)
		}
		var days []journal.DayState
		if err := j.Days(ctx, func(d journal.Day) bool { days = append(days, d.State); return true }); err != nil ||
			!reflect.DeepEqual(days, []journal.DayState{journal.DaySealed, journal.DayOpen}) {
			t.Errorf("days: %v, %v", days, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, fs)
		if j.OpenDay() != day2 {
			t.Errorf("the open day is %s", j.OpenDay())
		}
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayWritten}); err != nil {
		t.Error(err)
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: fresh(3), Unsealed: day1}); err != journal.ErrDayClosed {
		t.Errorf("a written day: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(3), Day: day2, Unsealed: day2})
}

// Presentments sort by destination, payment and operation, and a withdrawn one is gone.
func TestPresentments(t *testing.T) {
	j := open(t, vfs.NewMem())
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	var want []journal.PresentmentRef
	for _, route := range []string{"visa", "amex"} {
		for _, n := range []uint64{300, 2} {
			p := captured(n+uint64(len(want))*1000, day1)
			p.Route = route
			for _, op := range []int{1, 0} {
				p.Ops[op].Date = day1
				commit(t, j, &journal.Transition{Payment: p, Present: []journal.Presentment{presentment(p, op)}})
				p.Version++
				want = append(want, ref(p, op))
			}
		}
	}
	want = []journal.PresentmentRef{want[5], want[4], want[7], want[6], want[1], want[0], want[3], want[2]}
	read := func() (got []journal.PresentmentRef) {
		t.Helper()
		if err := j.Presentments(ctx, day1, func(p journal.Presentment) bool {
			got = append(got,
				p.PresentmentRef)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	commit(t, j, &journal.Transition{Payment: fresh(9999), Withdraw: want[:3]})
	if got := read(); !reflect.DeepEqual(got, want[3:]) {
		t.Errorf("after withdrawing three: %v", got)
	}
	for i, ref := range want {
		switch p, err := j.Presentment(ctx, ref); {
		case i < 3 && !errors.Is(err, journal.ErrNotFound):
			t.Errorf("%v, which was withdrawn: %v", ref, err)
		case i >= 3 && (err != nil || p.PresentmentRef != ref || len(p.Data) == 0):
			t.Errorf("%v: %+v, %v", ref, p, err)
		}
	}
}

// I8: while captures race with the end of their day, each is either in the sealed day or refused.
func TestCapturesRaceWithSealing(t *testing.T) {
	j := open(t, vfs.NewMem())
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	const workers = 8
	var mu sync.Mutex
	accepted := map[payment.ID]payment.Date{}
	began := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; ; i++ {
				if i == 20 {
					began <- struct{}{}
				}
				date := j.OpenDay()
				p := captured(uint64(1+w+i*workers), date)
				switch err := j.Commit(ctx, &journal.Transition{Payment: p, Day: date,
					Present: []journal.Presentment{presentment(p, 1)}}); err {
				case nil:
					mu.Lock()
					accepted[p.ID] = date
					mu.Unlock()
				case journal.ErrDayClosed:
				default:
					t.Error(err)
					return
				}
				if date == day3 {
					return
				}
			}
		})
	}
	for range workers {
		<-began
	}
	inDay := map[payment.ID]payment.Date{}
	for _, date := range []payment.Date{day1, day2} {
		if err := j.Cutover(ctx, date, date.Next()); err != nil {
			t.Fatal(err)
		}
		if err := j.SetDay(ctx, journal.Day{Date: date, State: journal.DaySealed}); err != nil {
			t.Fatal(err)
		}
		if err := j.Presentments(ctx, date,
			func(p journal.Presentment) bool { inDay[p.Payment] = date; return true }); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := j.Presentments(ctx, day3,
		func(p journal.Presentment) bool { inDay[p.Payment] = day3; return true }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(accepted, inDay) {
		t.Errorf("%d captures were accepted, %d stand in a day", len(accepted), len(inDay))
	}
}

func TestCheckpoint(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	p := fresh(1)
	commit(t, j, &journal.Transition{Payment: p, Keys: claim("k"), Opens: []int{0}})
	if err := j.Checkpoint("copy"); err != nil {
		t.Fatal(err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(2)})

	o := options(t, fs)
	o.Dir, o.ReadOnly = "copy", true
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Payment(ctx, p.ID); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("the copy's payment: %+v, %v", got, err)
	}
	if _, err := c.Payment(ctx, fresh(2).ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a payment made after the copy: %v", err)
	}
	if open, err := c.OpenIntents(ctx); err != nil || len(open) != 1 {
		t.Errorf("the copy's open intents: %v, %v", open, err)
	}
	if err := c.Commit(ctx, &journal.Transition{Payment: fresh(3)}); err != ErrReadOnly {
		t.Errorf("a commit to a journal opened for reading: %v", err)
	}
	if _, err := c.Reserve(ctx, "c", 1); err != ErrReadOnly {
		t.Errorf("Reserve: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Checkpoint("copy"); err == nil {
		t.Error("a checkpoint over another one")
	}
}

func TestOpenRefuses(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	if _, err := Open(options(t, fs)); err == nil {
		t.Error("opened twice")
	}
	if err := j.db.Set(keyFormat, []byte{journalFormat + 1}, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(options(t, fs))
	if want := "journal: data has format 3, this program reads up to 2: a newer version wrote it"; err == nil ||
		err.Error() != want {
		t.Errorf("a newer journal: %v", err)
	}
	o := options(t, vfs.NewMem())
	o.ReadOnly = true
	if _, err := Open(o); err == nil {
		t.Error("read a journal that is not there")
	}
	if _, err := Open(Options{FS: fs, Dir: "data"}); err == nil {
		t.Error("opened without a fatal hook")
	}
	// A store that something else made.
	o = options(t, vfs.NewMem())
	j, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.db.Delete(keyFormat, nil), j.db.Set([]byte("foreign"), nil, nil), j.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("took over a store of something else")
	}
}

func TestClosed(t *testing.T) {
	j := open(t, vfs.NewMem())
	commit(t, j, &journal.Transition{Payment: fresh(1)})
	// A read that is under way holds Close up, and may read on; what is new is refused.
	closed := make(chan error)
	err := j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
		go func() { closed <- j.Close() }()
		for { // until reads are refused: Close waits for this one
			if _, err := j.Payment(ctx, p.ID); err == journal.ErrClosed {
				break
			} else if err != nil {
				t.Errorf("a read while Close is called: %v", err)
			}
			runtime.Gosched()
		}
		select {
		case err := <-closed:
			t.Errorf("Close did not wait for a read: %v", err)
		default:
		}
		return true
	})
	if err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: fresh(2)}); err != journal.ErrClosed {
		t.Errorf("Commit: %v", err)
	}
	if _, err := logged(j, 0, nil); err != journal.ErrClosed {
		t.Errorf("Log: %v", err)
	}
	if err := j.Checkpoint("copy"); err != journal.ErrClosed {
		t.Errorf("Checkpoint: %v", err)
	}
	if err := j.Close(); err != journal.ErrClosed {
		t.Errorf("a second Close: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	fs, reg := vfs.NewMem(), prometheus.NewPedanticRegistry()
	o := options(t, fs)
	o.Registerer = reg
	for n := range 2 { // a registry survives its journal
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, j, &journal.Transition{Payment: fresh(uint64(n + 1))})
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			m := f.GetMetric()[0]
			values[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		for _, name := range []string{"commit_seconds", "sync_seconds", "group_commits"} {
			if values["switchyard_journal_"+name] != 1 {
				t.Errorf("%s counted %v", name, values["switchyard_journal_"+name])
			}
		}
		for _, name := range []string{"memtable_bytes", "disk_bytes"} {
			if values["switchyard_journal_"+name] == 0 {
				t.Errorf("%s is 0", name)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if families, err := reg.Gather(); err != nil || len(families) != 0 {
			t.Errorf("metrics after Close: %v, %v", families, err)
		}
	}
}
