package cutover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// aDay commits a day with all that a file can hold, and opens the next date but leaves the closed one to be finished.
func aDay(t *testing.T, fs *vfs.MemFS) *book {
	t.Helper()
	b := openBook(t, fs)
	b.must(b.j.Cutover(t.Context(), 0, 20261120))
	old := b.authorized("visa", 700)
	b.must(b.present(old, capture(700, 1), presentment.Snapshot{}))
	b.must(b.j.Cutover(t.Context(), 20261120, 20261121))

	p := b.authorized("visa", 10_000)
	b.must(b.present(p, capture(4000, 1), presentment.Snapshot{Reason: presentment.ReasonMoreToCome, Count: 2}))
	b.must(b.present(p, capture(6000, 2), presentment.Snapshot{Reason: presentment.ReasonLast}))
	b.must(b.present(p, refund(500), presentment.Snapshot{}))
	sale := b.authorized("amex", 1234)
	sale.Ops[0].Kind, sale.Entry, sale.ECI = payment.KindAuthorize, uint8(api.EntryEcommerce), "05"
	b.must(b.present(sale, capture(1234, 1), presentment.Snapshot{}))
	credit, op := b.credited("amex", 99)
	b.must(b.present(credit, op, presentment.Snapshot{}))
	b.must(b.present(old, payment.Op{
		Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: 700, Granted: 700, Target: 1, Number: 1,
		ARN: old.Ops[1].ARN,
	}, presentment.Snapshot{}))
	b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
	return b
}

// The files of a day by hand: who is in which, and what of each record the config does not say.
func TestFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:26:01")
		b := aDay(t, vfs.NewMem())
		defer b.close()
		_, stop := b.run(settings(func(o *cutover.Options) { o.Settings.Destinations = []string{"visa", "jcb"} }))
		stop()
		files := tree(t, b.fs, "clearing")
		var want []string
		for i, name := range []string{"amex", "jcb", "visa"} { // by name, though amex is in no config and jcb has nothing
			id := fmt.Sprintf("0022611210000040000200%03d", i+1)
			for _, kind := range []string{"detail.csv", "ipm", "manifest.json", "summary.csv"} {
				want = append(want, path.Join("clearing/2026-11-21", id+"."+kind))
			}
			var manifest struct{ Destination string }
			if err := json.Unmarshal(
				[]byte(files[path.Join("clearing/2026-11-21", id+".manifest.json")]), &manifest,
			); err != nil || manifest.Destination != name {
				t.Errorf("manifest %d: %+v, %v; want %s", i+1, manifest, err, name)
			}
		}
		got := slices.DeleteFunc(names(files), func(name string) bool { return strings.Contains(name, "2026-11-20") })
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		wantAsSealed(t, b, 20261121)
		ipm := func(i int) string { return files[fmt.Sprintf("clearing/2026-11-21/0022611210000040000200%03d.ipm", i)] }
		if r := verified(t, "the empty file", ipm(2)); r.Totals.Presentments != 0 {
			t.Errorf("the empty file: %+v", r.Totals)
		}
		// 1234 captured; 99 credited, without the chip data.
		if r := verified(t, "amex", ipm(1)); r.Totals.Presentments != 2 || r.Totals.SumMinor != 1333 {
			t.Errorf("amex: %+v", r.Totals)
		}
		if text := shown(t, ipm(1)); strings.Count(text, "200000") != 1 || strings.Contains(text, "9F2701") {
			t.Errorf("the credit's record\n%s", text)
		}
		// 4000 and 6000 captured, 500 refunded, 700 taken back.
		if r := verified(t, "visa", ipm(3)); r.Totals.Presentments != 4 || r.Totals.SumMinor != 11_200 {
			t.Errorf("visa: %+v", r.Totals)
		}
		text := shown(t, ipm(3))
		for _, c := range []struct {
			what string
			n    int
		}{{"1403", 1}, {"1404", 1}, {"200000", 1}, {"R261120", 1}, {"411111******1111", 4}} {
			if n := strings.Count(text, c.what); n != c.n {
				t.Errorf("%s stands there %d times, want %d\n%s", c.what, n, c.n, text)
			}
		}
		if strings.Contains(text, "1404") && strings.Index(text, "1403") > strings.Index(text, "1404") {
			t.Error("the captures of a payment are not in their order")
		}
		if text := shown(t, ipm(1)); !strings.Contains(text, "215") || !strings.Contains(text, "CT6") {
			t.Errorf("no level of security in the e-commerce record\n%s", text)
		}
	})
}

// I8: a crash at any operation on the disk, or any step of the day's record, and the files are the same to the byte
// afterwards; whatever the config says by then, once the date is sealed. No half-written file stays.
func TestCrashAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 00:00:00")
		reference := vfs.NewMem()
		b := aDay(t, reference)
		_, stop := b.run(settings())
		stop()
		b.close()
		want := tree(t, reference, "clearing")
		if len(want) != 12 {
			t.Fatalf("the files are %q", names(want))
		}
		crashed := 0
		for n := int64(1); crashWhile(t, n, want); n++ {
			crashed++
		}
		if crashed < 60 {
			t.Errorf("only %d places to crash at were found", crashed)
		}
	})
}

// crashWhile lets the n-th operation on clearing files or the day's record fail, crashes there, and finishes the day
// with another config. false: there was no n-th operation.
func crashWhile(t *testing.T, n int64, want map[string]string) bool {
	t.Helper()
	fs := vfs.NewCrashableMem()
	b := aDay(t, fs)
	countdown := &countdown{left: n}
	e := b.engine(settings(func(o *cutover.Options) {
		o.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if strings.HasPrefix(op.Path, "clearing") {
				return countdown.step(op.Kind.ReadOrWrite().String() + " " + op.Path)
			}
			return nil
		}))
		o.Journal = &stumbling{b.j, countdown}
	}))
	b.must(e.Start(t.Context()))
	failed := len(e.Problems()) > 0
	e.Close()
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	b.close()
	if !failed {
		return false
	}
	sealed := false
	b = openBook(t, left)
	for _, state := range b.states() {
		sealed = sealed || state == journal.DaySealed
	}
	again := settings()
	if sealed && b.states()[20261120] != journal.DayClosing && b.states()[20261121] != journal.DayClosing {
		again = settings(func(o *cutover.Options) {
			o.Location = time.FixedZone("elsewhere", 3600)
			o.Settings = cutover.Settings{
				AcquirerID: "999999", ProcessorID: "888888", Form: cutover.Form{CodePage: clearing.ASCII},
				Production:   true,
				Destinations: []string{"zzz"},
			}
		})
	}
	_, stop := b.run(again)
	stop()
	got := tree(t, left, "clearing")
	for name, content := range want {
		if got[name] != content {
			t.Errorf("crash at %d, %s: %s differs", n, countdown.at, name)
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			t.Errorf("crash at %d, %s: %s is left", n, countdown.at, name)
		}
	}
	for date, state := range b.states() {
		if date != b.j.OpenDay() && state != journal.DayWritten {
			t.Errorf("crash at %d: %s is in state %d", n, date, state)
		}
	}
	b.close()
	return true
}

// countdown fails the n-th step and all after it.
type countdown struct {
	mu   sync.Mutex // presentments are moved side by side
	left int64
	at   string
}

func (c *countdown) step(what string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left > 0 {
		return nil
	}
	if c.at == "" {
		c.at = what
	}
	return errorfs.ErrInjected
}

// stumbling is a journal whose moves of a day count down.
type stumbling struct {
	journal.Journal
	c *countdown
}

func (s *stumbling) SetDay(ctx context.Context, d journal.Day) error {
	if err := s.c.step(fmt.Sprintf("day to state %d", d.State)); err != nil {
		return err
	}
	return s.Journal.SetDay(ctx, d)
}

// I8: captures while days are cut over, as fast as both can: each that was accepted stands in the file of its date and
// in no other.
func TestCapturesRaceCutovers(t *testing.T) {
	b := openBook(t, vfs.NewMem())
	defer b.close()
	var cutovers atomic.Int64
	wall := clock.New(clock.Options{
		Wall: func() time.Time { return time.Now().AddDate(0, 0, int(cutovers.Load())) }, Leap: 1000 * time.Hour,
	})
	e, stop := b.start(settings(func(o *cutover.Options) { o.Clock = wall }))
	defer stop()
	const tills, captures, days = 8, 40, 10
	var payments []*payment.Payment
	for range tills * captures {
		payments = append(payments, b.authorized("visa", 100))
	}
	var wg sync.WaitGroup
	for i := range tills {
		wg.Go(func() {
			for j := range captures {
				p := payments[i*captures+j]
				for errors.Is(b.present(p, capture(100, 1), presentment.Snapshot{}), journal.ErrDayClosed) {
				}
			}
		})
	}
	for range days {
		if _, err := e.Cutover(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		cutovers.Add(1)
	}
	wg.Wait()
	if _, err := e.Cutover(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	stands := map[string]string{}
	total := 0
	for name, content := range tree(t, b.fs, "clearing") {
		if !strings.HasSuffix(name, ".ipm") {
			continue
		}
		total += verified(t, name, content).Totals.Presentments
		text := shown(t, content)
		for _, p := range payments {
			op := &p.Ops[1]
			if !strings.Contains(text, op.ARN) {
				continue
			}
			if before := stands[op.ARN]; before != "" {
				t.Errorf("%s stands in %s and %s", op.ARN, before, name)
			}
			stands[op.ARN] = name
			if !strings.Contains(name, op.Date.String()) {
				t.Errorf("a capture of %s stands in %s", op.Date, name)
			}
		}
	}
	if len(stands) != len(payments) || total != len(payments) {
		t.Errorf("%d captures were accepted; %d stand in the files, which have %d records", len(payments), len(stands), total)
	}
}
