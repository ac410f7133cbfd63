package pebble

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// acknowledged is what a crash must not take back.
type acknowledged struct {
	mu       sync.Mutex
	versions map[payment.ID]uint64
	keys     map[string]payment.ID
	rows     map[journal.SAFRef]bool // true: queued, false: dequeued
	commits  atomic.Int64
	numbers  uint64 // the first number that Reserve has not given
}

func newAcknowledged() *acknowledged {
	return &acknowledged{versions: map[payment.ID]uint64{}, keys: map[string]payment.ID{},
		rows: map[journal.SAFRef]bool{}, numbers: 1}
}

// work commits payments with a key, a queued row and a reserved number each until it is stopped, and notes what was
// acknowledged. Payments of one worker end on its number.
func (a *acknowledged) work(t *testing.T, j *Journal, worker, workers int, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		if i%8 == 0 {
			first, err := j.Reserve(ctx, "c", 5)
			if err != nil {
				t.Errorf("Reserve: %v", err)
				return
			}
			a.mu.Lock()
			a.numbers = max(a.numbers, first+5)
			a.mu.Unlock()
		}
		key := fmt.Sprintf("%d/%d", worker, i)
		p := fresh(uint64(1 + worker + i*workers))
		tr := &journal.Transition{Payment: p, Keys: claim(key), Opens: []int{0}}
		if !a.commit(t, j, tr) {
			return
		}
		p.Version, p.Ops[0].State = 2, payment.StateQueued
		tr = &journal.Transition{Payment: p, Closes: []int{0},
			Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID}}}
		if !a.commit(t, j, tr) {
			return
		}
		p.Version, p.Ops[0].State = 3, payment.StateApproved
		if !a.commit(t, j, &journal.Transition{Payment: p, Dequeue: []journal.SAFRef{tr.Queue[0].SAFRef}}) {
			return
		}
	}
}

func (a *acknowledged) commit(t *testing.T, j *Journal, tr *journal.Transition) bool {
	if err := j.Commit(ctx, tr); err != nil {
		t.Errorf("Commit: %v", err)
		return false
	}
	a.commits.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.versions[tr.Payment.ID] = tr.Payment.Version
	for _, k := range tr.Keys {
		a.keys[k.Key] = tr.Payment.ID
	}
	for _, r := range tr.Queue {
		a.rows[r.SAFRef] = true
	}
	for _, r := range tr.Dequeue {
		a.rows[r] = false
	}
	return true
}

// check holds a journal after a crash against what was acknowledged before it.
func (a *acknowledged) check(t *testing.T, j *Journal) {
	for id, version := range a.versions {
		if p, err := j.Payment(ctx, id); err != nil || p.Version < version {
			t.Errorf("payment %s version %d: %+v, %v", id, version, p, err)
		}
	}
	for key, id := range a.keys {
		if e, err := j.Key(ctx, "M1", key); err != nil || e.Payment != id {
			t.Errorf("key %s: %+v, %v", key, e, err)
		}
	}
	left := map[journal.SAFRef]bool{}
	if err := j.SAF(ctx, "a", 0, func(r journal.SAFRow) bool { left[r.SAFRef] = true; return true }); err != nil {
		t.Error(err)
	}
	for ref, queued := range a.rows {
		if left[ref] && !queued {
			t.Errorf("row %d came back", ref.Seq)
		}
	}
	if first, err := j.Reserve(ctx, "c", 1); err != nil || first < a.numbers {
		t.Errorf("number %d was given before the crash already: %v", first, err)
	}
	verified(t, j)
}

// verified fails the test for each problem that Verify finds.
func verified(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Verify(func(problem string) bool { t.Error(problem); return true }); err != nil {
		t.Error(err)
	}
}

// Whatever was acknowledged is there after a crash, and of what was not, each transition is there whole or not at all.
// Each round crashes the journal of the one before while eight workers commit to it.
func TestCrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	a := newAcknowledged()
	rng := rand.New(rand.NewPCG(20261121, 1))
	const rounds, workers = 8, 8
	for round := range rounds {
		o := markedOptions(t, fs)
		o.keysOfStretch = 50 // so that a crash finds several
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if h := j.Hold(); h != nil {
			t.Fatalf("held after a crash: %+v", h)
		}
		a.check(t, j)
		open, err := j.OpenIntents(ctx)
		if err != nil {
			t.Fatal(err)
		}
		listed := map[payment.ID]bool{}
		for _, ref := range open {
			listed[ref.Payment] = true
		}
		if err := j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
			if listed[p.ID] != (p.Version == 1) {
				t.Errorf("payment %s version %d: listed as open: %v", p.ID, p.Version, listed[p.ID])
			}
			return true
		}); err != nil {
			t.Error(err)
		}
		for _, ref := range open { // what the crash left open is finished, as a daemon would
			p, err := j.Payment(ctx, ref.Payment)
			if err != nil || p.Version != 1 {
				t.Fatalf("open intent of payment %s: %+v, %v", ref.Payment, p, err)
			}
			p.Version = 2
			a.commit(t, j, &journal.Transition{Payment: p, Closes: []int{0}})
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var done atomic.Int64
		for w := range workers {
			wg.Go(func() {
				a.work(t, j, round*workers+w, rounds*workers, stop)
				done.Add(1)
			})
		}
		for until := a.commits.Load() + 100 + rng.Int64N(300); a.commits.Load() < until && done.Load() == 0; {
			runtime.Gosched()
		}
		a.mu.Lock() // what is acknowledged by now
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		survivors := a.clone()
		a.mu.Unlock()
		close(stop)
		wg.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		fs, a = crashed, survivors
	}
}

// The low-water mark moves on as intents are closed, stops at the oldest open one, and a restart after a crash begins
// there.
func TestLowWaterMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		j := open(t, fs)
		position := uint64(1)
		do := func(tr *journal.Transition) {
			time.Sleep(lowWriteEvery) // virtual: each group writes the mark
			commit(t, j, tr)
			position++
		}
		mark := func(want uint64) {
			t.Helper()
			got := uint64(1) // as long as none is written
			value, err := get(j.db, keyLow)
			if err == nil {
				got, err = record.DecodeNumber("mark", value)
			} else if errors.Is(err, journal.ErrNotFound) {
				err = nil
			}
			if err != nil || got != want {
				t.Errorf("the mark is at %d, want %d: %v", got, want, err)
			}
		}
		done := func(n uint64) *payment.Payment { p := fresh(n); p.Version = 2; return p }
		do(&journal.Transition{Payment: fresh(1), Opens: []int{0}})
		mark(1)
		do(&journal.Transition{Payment: done(1), Closes: []int{0}})
		mark(3)
		do(&journal.Transition{Payment: fresh(2), Opens: []int{0}})
		do(&journal.Transition{Payment: fresh(3), Opens: []int{0}})
		do(&journal.Transition{Payment: done(3), Closes: []int{0}})
		mark(3)
		do(&journal.Transition{Payment: fresh(4), Opens: []int{0}})

		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, crashed)
		intents, err := j.OpenIntents(ctx)
		if want := []journal.IntentRef{{Payment: fresh(2).ID}, {Payment: fresh(4).ID}}; err != nil ||
			!slices.Equal(intents, want) {
			t.Errorf("open intents after the crash: %v, %v", intents, err)
		}
		do(&journal.Transition{Payment: done(2), Closes: []int{0}})
		mark(6) // that of payment 4
		do(&journal.Transition{Payment: done(4), Closes: []int{0}})
		mark(position)
	})
}

func (a *acknowledged) clone() *acknowledged {
	b := newAcknowledged()
	for k, v := range a.versions {
		b.versions[k] = v
	}
	for k, v := range a.keys {
		b.keys[k] = v
	}
	for k, v := range a.rows {
		b.rows[k] = v
	}
	b.numbers = a.numbers
	return b
}

// diskFS fails or blocks the syncs of log files.
type diskFS struct {
	fail  atomic.Bool
	block atomic.Pointer[diskGate]
}

// diskGate tells when a sync has come to it and holds it until it is opened.
type diskGate struct{ reached, open chan struct{} }

var errDisk = errors.New("the disk is broken")

// MaybeError implements errorfs.Injector.
func (d *diskFS) MaybeError(op errorfs.Op) error {
	if !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
	default:
		return nil
	}
	if g := d.block.Load(); g != nil {
		select {
		case g.reached <- struct{}{}:
		default:
		}
		<-g.open
	}
	if d.fail.Load() {
		return errDisk
	}
	return nil
}

// String implements errorfs.Injector.
func (d *diskFS) String() string { return "diskFS" }

// I14: when a sync fails the fatal hook is called, and no commit is acknowledged from then on.
func TestFailedSync(t *testing.T) {
	disk := &diskFS{}
	o := options(t, errorfs.Wrap(vfs.NewMem(), disk))
	var fatal atomic.Int64
	died := make(chan error, 16)
	o.Fatal = func(msg string, err error) {
		fatal.Add(1)
		died <- err
		runtime.Goexit()
	}
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(1)})

	gate := &diskGate{make(chan struct{}, 1), make(chan struct{})}
	disk.block.Store(gate)
	const committers, slice = 64, 8
	errs := make(chan error, committers+slice)
	for n := range committers {
		go func() { errs <- j.Commit(ctx, &journal.Transition{Payment: fresh(uint64(2 + n))}) }()
	}
	go func() {
		ts, all := make([]*journal.Transition, slice), make([]error, slice)
		for n := range ts {
			ts[n] = &journal.Transition{Payment: fresh(uint64(2 + committers + n))}
		}
		j.CommitAll(ctx, ts, all)
		for _, err := range all {
			errs <- err
		}
	}()
	<-gate.reached
	disk.fail.Store(true)
	close(gate.open)
	for range committers + slice {
		if err := <-errs; err != journal.ErrClosed {
			t.Errorf("a commit that was not synced: %v", err)
		}
	}
	if err := <-died; !errors.Is(err, errDisk) && !strings.Contains(err.Error(), errDisk.Error()) {
		t.Errorf("the fatal hook was told %v", err)
	}
	disk.fail.Store(false) // a disk that comes back changes nothing
	if err := j.Commit(ctx, &journal.Transition{Payment: fresh(100)}); err != journal.ErrClosed {
		t.Errorf("a commit after the failure: %v", err)
	}
	if _, err := j.Reserve(ctx, "c", 1); err != journal.ErrClosed {
		t.Errorf("Reserve after the failure: %v", err)
	}
	if p, err := j.Payment(ctx, fresh(2).ID); err != journal.ErrClosed {
		t.Errorf("a read of what was never synced: %+v, %v", p, err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if fatal.Load() == 0 {
		t.Error("the fatal hook was not called")
	}
}

// Until a group is synced its callers wait, refusals based on it wait, and reads do not show it.
func TestNothingBeforeTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskFS{}
		j := open(t, errorfs.Wrap(vfs.NewMem(), disk))
		if err := j.Cutover(ctx, 0, day1); err != nil {
			t.Fatal(err)
		}
		gate := &diskGate{make(chan struct{}, 1), make(chan struct{})}
		disk.block.Store(gate)

		var mu sync.Mutex
		returned := map[string]error{}
		start := func(name string, f func() error) {
			go func() {
				err := f()
				mu.Lock()
				returned[name] = err
				mu.Unlock()
			}()
		}
		p := captured(1, day1)
		p.Reference = "order"
		start("commit", func() error {
			return j.Commit(ctx, &journal.Transition{Payment: p, Keys: claim("k"), Day: day1,
				Present: []journal.Presentment{presentment(p, 1)},
				Queue:   []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Op: 1}}})
		})
		<-gate.reached
		synctest.Wait() // the payment is in the store, not synced
		if _, err := get(j.db, appendPaymentKey(nil, p.ID)); err != nil {
			t.Fatalf("the payment is not in the store: %v", err)
		}
		start("key taken", func() error { return j.Commit(ctx, &journal.Transition{Payment: fresh(2), Keys: claim("k")}) })
		start("version", func() error { return j.Commit(ctx, &journal.Transition{Payment: p}) })
		start("cutover", func() error { return j.Cutover(ctx, day1, day2) })
		start("slice", func() error {
			errs := make([]error, 3)
			j.CommitAll(ctx, []*journal.Transition{{}, {Payment: fresh(4)}, {Payment: fresh(5), Keys: claim("k")}}, errs)
			if errs[0] == nil || errs[1] != nil {
				return errors.Join(errs...)
			}
			return errs[2]
		})
		start("closed", func() error { return j.Commit(ctx, &journal.Transition{Payment: fresh(3), Day: day3}) })
		start("reserve", func() error { _, err := j.Reserve(ctx, "c", 1); return err })
		synctest.Wait()
		mu.Lock()
		if len(returned) > 0 {
			t.Errorf("returned before the sync: %v", returned)
		}
		mu.Unlock()

		// How many of each kind of record a reader sees.
		seen := func() (n [7]int) {
			count := func(i int, err error) {
				if err == nil {
					n[i]++
				} else if !errors.Is(err, journal.ErrNotFound) {
					t.Error(err)
				}
			}
			_, err := j.Payment(ctx, p.ID)
			count(0, err)
			_, err = j.Key(ctx, "M1", "k")
			count(1, err)
			ids, _, err := j.ByReference(ctx, "M1", "order", 10)
			n[2] = len(ids)
			err = errors.Join(err, j.Payments(ctx, payment.ID{}, func(*payment.Payment) bool { n[3]++; return true }))
			err = errors.Join(err, j.SAF(ctx, "a", 0, func(journal.SAFRow) bool { n[4]++; return true }))
			_, logErr := logged(j, 0, func(record.LogEntry) bool { n[5]++; return true })
			err = errors.Join(err, logErr, j.Presentments(ctx, day1, func(journal.Presentment) bool { n[6]++; return true }))
			if err != nil {
				t.Error(err)
			}
			return n
		}
		if n := seen(); n != [7]int{} || j.OpenDay() != day1 {
			t.Errorf("seen before the sync: %v, open day %s", n, j.OpenDay())
		}
		disk.block.Store(nil)
		close(gate.open)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		var taken *journal.KeyTakenError
		if len(returned) != 7 || returned["commit"] != nil || !errors.As(returned["key taken"], &taken) ||
			!errors.As(returned["slice"], &taken) || returned["version"] != journal.ErrVersion ||
			returned["cutover"] != nil || returned["closed"] != journal.ErrDayClosed || returned["reserve"] != nil {
			t.Errorf("after the sync: %v", returned)
		}
		if n := seen(); n != [7]int{1, 1, 1, 2, 1, 2, 1} || j.OpenDay() != day2 {
			t.Errorf("seen after the sync: %v, open day %s", n, j.OpenDay())
		}
	})
}

// Keys whose hashes are alike are told apart within a group.
func TestKeysOfOneHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskFS{}
		o := options(t, errorfs.Wrap(vfs.NewMem(), disk))
		o.hashKey = func([]byte) uint64 { return 7 }
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		gate := &diskGate{make(chan struct{}, 1), make(chan struct{})}
		disk.block.Store(gate)
		const committers, keys = 30, 10
		errs := make([]error, committers)
		for n := range committers {
			go func() {
				errs[n] = j.Commit(ctx, &journal.Transition{Payment: fresh(uint64(1 + n)), Keys: claim(fmt.Sprint("key ", n%keys))})
			}()
			synctest.Wait() // one after another; all but the first two wait and make up a group
		}
		disk.block.Store(nil)
		close(gate.open)
		synctest.Wait()
		for n, err := range errs {
			var taken *journal.KeyTakenError
			switch {
			case n < keys && err != nil:
				t.Errorf("commit %d: %v", n, err)
			case n >= keys && (!errors.As(err, &taken) || taken.Holds.Payment != fresh(uint64(1+n%keys)).ID):
				t.Errorf("commit %d: %v", n, err)
			}
		}
		verified(t, j)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A copy that is made while the disk fails ends nothing that a failed commit would not: the journal can be closed.
func TestCheckpointOnABrokenDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskFS{}
		o := options(t, errorfs.Wrap(vfs.NewMem(), disk))
		o.Fatal = func(string, error) { runtime.Goexit() }
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, j, &journal.Transition{Payment: fresh(1)})
		disk.fail.Store(true)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := j.Checkpoint("copy"); err == nil {
				t.Error("a copy was made, its log not synced")
			}
		}()
		<-done
		disk.fail.Store(false)
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// A context that ends takes a waiting transition back; one that has been taken is waited for.
func TestContextWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskFS{}
		o := options(t, errorfs.Wrap(vfs.NewMem(), disk))
		o.MaxWaiting = 2
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		gate := &diskGate{make(chan struct{}, 1), make(chan struct{})}
		disk.block.Store(gate)
		type result struct {
			n   uint64
			err error
		}
		results := make(chan result, 100)
		cancels := map[uint64]context.CancelFunc{}
		start := func(n uint64) {
			c, cancel := context.WithCancel(ctx)
			cancels[n] = cancel
			go func() { results <- result{n, j.Commit(c, &journal.Transition{Payment: fresh(n)})} }()
			synctest.Wait()
		}
		for n := range uint64(10) {
			start(n + 1)
		}
		for _, cancel := range cancels {
			cancel()
		}
		synctest.Wait()
		// All but maxUnsynced groups of one each waited in the queue or for room in it.
		if len(results) != 10-maxUnsynced {
			t.Errorf("%d of 10 gave up, want %d", len(results), 10-maxUnsynced)
		}
		disk.block.Store(nil)
		close(gate.open)
		synctest.Wait()
		committed := 0
		for range 10 {
			r := <-results
			_, err := j.Payment(ctx, fresh(r.n).ID)
			switch {
			case r.err == nil && err == nil:
				committed++
			case errors.Is(r.err, context.Canceled) && errors.Is(err, journal.ErrNotFound):
			default:
				t.Errorf("payment %d: commit %v, payment %v", r.n, r.err, err)
			}
		}
		if committed != maxUnsynced {
			t.Errorf("%d were committed, want %d", committed, maxUnsynced)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Of a slice whose context ends, what was taken is waited for, and the rest is not applied: what waited, and what had
// no room to. Another slice behind it has all of it done.
func TestContextOfASlice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskFS{}
		o := options(t, errorfs.Wrap(vfs.NewMem(), disk))
		o.MaxWaiting = 4
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		gate := &diskGate{make(chan struct{}, 1), make(chan struct{})}
		disk.block.Store(gate)
		slice := func(ctx context.Context, first, many int) chan []error {
			done := make(chan []error, 1)
			go func() {
				ts, errs := make([]*journal.Transition, many), make([]error, many)
				for i := range ts {
					ts[i] = &journal.Transition{Payment: fresh(uint64(first + i))}
				}
				j.CommitAll(ctx, ts, errs)
				done <- errs
			}()
			synctest.Wait()
			return done
		}
		// Each group takes what waits, four at most, until maxUnsynced groups are on their way.
		const taken, waiting, without = 4 * maxUnsynced, 4, 3
		ending, cancel := context.WithCancel(ctx)
		ended := slice(ending, 1, taken+waiting+without)
		behind := slice(ctx, 100, 6)
		cancel()
		synctest.Wait()
		if len(ended) > 0 || len(behind) > 0 {
			t.Error("a slice returned before the sync of what was taken")
		}
		disk.block.Store(nil)
		close(gate.open)
		committed := 0
		for i, err := range <-ended {
			_, missing := j.Payment(ctx, fresh(uint64(1+i)).ID)
			switch {
			case err == nil && missing == nil:
				committed++
			case errors.Is(err, context.Canceled) && errors.Is(missing, journal.ErrNotFound):
			default:
				t.Errorf("payment %d: commit %v, payment %v", i+1, err, missing)
			}
		}
		if committed != taken {
			t.Errorf("%d were committed, want %d", committed, taken)
		}
		for i, err := range <-behind {
			if _, missing := j.Payment(ctx, fresh(uint64(100+i)).ID); err != nil || missing != nil {
				t.Errorf("payment %d, of the slice behind: commit %v, payment %v", 100+i, err, missing)
			}
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// failures are writes that fail a journal, by what a child process is told to fail.
var failures = map[string]struct {
	flush bool // tables and the manifest are written by a flush only
	fail  func(op errorfs.Op) bool
}{
	"log write": {false, func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileWrite &&
			strings.HasSuffix(op.Path, ".log")
	}},
	"table write": {true, func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileWrite &&
			strings.HasSuffix(op.Path, ".sst")
	}},
	"table create": {true, func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpCreate &&
			strings.HasSuffix(op.Path, ".sst")
	}},
	"manifest": {true, func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "MANIFEST")
	}},
	"new log": {true, func(op errorfs.Op) bool {
		return (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && strings.HasSuffix(op.Path, ".log")
	}},
}

// The exit codes of the child.
const (
	exitFatal        = 42 // by the hook, as it should
	exitAcknowledged = 43 // a commit was acknowledged after the hook was called
)

const failureVariable = "JOURNAL_TEST_FAILURE"

// I14: wherever a write fails, the process ends by its hook and acknowledges nothing after it. Pebble cannot go on or
// be closed after some of these, so each has a process of its own.
func TestFailureEndsTheProcess(t *testing.T) {
	if name := os.Getenv(failureVariable); name != "" {
		failAndExit(t, name)
		return
	}
	for name := range failures {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestFailureEndsTheProcess$", "-test.timeout=60s")
			child.Env = append(os.Environ(), failureVariable+"="+name)
			out, err := child.CombinedOutput()
			if code := child.ProcessState.ExitCode(); code != exitFatal {
				t.Errorf("exit code %d, want %d: %v\n%s", code, exitFatal, err, out)
			}
		})
	}
}

// failAndExit runs in the child.
func failAndExit(t *testing.T, name string) {
	var on, dead atomic.Bool
	failure := failures[name]
	o := options(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && failure.fail(op) {
			return errDisk
		}
		return nil
	})))
	var once sync.Once
	o.Fatal = func(string, error) {
		once.Do(func() {
			dead.Store(true)
			for range 1000 { // time for the others to do what they should not
				runtime.Gosched()
			}
			os.Exit(exitFatal)
		})
		select {}
	}
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(1)})
	on.Store(true)
	var n atomic.Uint64
	for range 4 {
		go func() {
			for {
				wasDead := dead.Load()
				err := j.Commit(ctx, &journal.Transition{Payment: fresh(2 + n.Add(1))})
				if err == nil && wasDead {
					os.Exit(exitAcknowledged)
				}
			}
		}()
	}
	if failure.flush {
		_, _ = j.db.AsyncFlush() // fails, or the flush does
	}
	select {}
}
