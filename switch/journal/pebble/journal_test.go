package pebble

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"switchyard/switch/journal"
	"switchyard/switch/journal/journaltest"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

const day1, day2, day3 = payment.Date(20261121), payment.Date(20261122), payment.Date(20261123)

// The payments of these tests are those of the contract's.
var (
	fresh       = journaltest.Fresh
	captured    = journaltest.Captured
	presentment = journaltest.Presented
	ref         = journaltest.Ref
	claim       = journaltest.Claim
)

func TestContract(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Open {
		fs := vfs.NewMem()
		return func(t *testing.T) journal.Journal { return open(t, fs) }
	})
}

// The same where a stretch has a few keys only.
func TestContractInShortStretches(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Open {
		fs := vfs.NewMem()
		return func(t *testing.T) journal.Journal {
			o := options(t, fs)
			o.keysOfStretch = 3
			return openWith(t, o)
		}
	})
}

// open opens a journal that ends with the test. A failure of its disk fails the test.
func open(t testing.TB, fs vfs.FS) *Journal {
	t.Helper()
	return openWith(t, options(t, fs))
}

func openWith(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
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

func commit(t testing.TB, j journal.Journal, tr *journal.Transition) {
	t.Helper()
	if err := j.Commit(ctx, tr); err != nil {
		t.Fatalf("Commit of %s version %d: %v", tr.Payment.ID, tr.Payment.Version, err)
	}
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

// A burned key has a place in the log and no payment.
func TestBurnedKeyInTheLog(t *testing.T) {
	j := open(t, vfs.NewMem())
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	commit(t, j, &journal.Transition{Payment: fresh(1)})
	var entries []record.LogEntry
	next, err := logged(j, 0, func(e record.LogEntry) bool { entries = append(entries, e); return true })
	if err != nil || len(entries) != 1 || entries[0].Position != 2 || next != 3 {
		t.Errorf("the log: %+v, next %d, %v", entries, next, err)
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
		if e := got[7]; e.Position != 8 || e.Payment != fresh(2).ID || e.Version != 2 || len(e.Opens) != 0 ||
			!reflect.DeepEqual(e.Closes, []int{0}) {
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
	if want := "journal: data has format 4, this program reads up to 3: a newer version wrote it"; err == nil ||
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
			values[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue() +
				float64(m.GetHistogram().GetSampleCount())
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
