package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// captured commits a payment with captures of 100, 200 and so on.
func (b *book) captured(destination string, captures int) *payment.Payment {
	b.t.Helper()
	p := b.authorized(destination, 100_000)
	for n := range captures {
		b.must(b.present(p, capture(int64(n+1)*100, n+1), presentment.Snapshot{}))
	}
	return p
}

// stored is a payment as the journal has it.
func (b *book) stored(id payment.ID) *payment.Payment {
	b.t.Helper()
	p, err := b.j.Payment(b.t.Context(), id)
	b.must(err)
	return p
}

// places tells what the manifests of a date say of where their files stand in it, by sequence.
func places(t *testing.T, fs vfs.FS, date payment.Date) (told []string) {
	t.Helper()
	files := tree(t, fs, path.Join("clearing", date.String()))
	for _, name := range names(files) {
		if !strings.HasSuffix(name, ".manifest.json") {
			continue
		}
		m, err := clearing.ReadManifest(strings.NewReader(files[name]))
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s: window %d, last %d", m.FileID[20:], m.Window, m.LastSequence))
	}
	return told
}

// Each window has what came since the one before; the cutover has the rest, and all are the date's files. They are made
// again as they were, whatever the config says by then.
func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) { o.Settings.Destinations = []string{"visa", "jcb"} }))
		ended := func(window, records int) {
			t.Helper()
			result, err := e.Window(t.Context(), "visa")
			if err != nil || result.Window != window || len(result.Files) != 1 || result.Files[0].Records != records ||
				result.BusinessDate != "2026-11-20" {
				t.Fatalf("window %d: %+v, %v", window, result, err)
			}
		}
		p := b.captured("visa", 2)
		b.captured("amex", 1)
		ended(1, 2)
		ended(2, 0)
		p = b.stored(p.ID)
		if p.Ops[1].Window != 1 || p.Ops[2].Window != 1 {
			t.Errorf("%+v is not in window 1", p.Ops)
		}
		// What it takes back stands in a file, so a record does.
		b.must(b.present(p, payment.Op{
			Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: 200, Granted: 200, Target: 2, Number: 2,
			ARN: p.Ops[2].ARN,
		}, presentment.Snapshot{}))
		late := b.captured("visa", 3)
		// The issuer has not answered yet whether this one stands.
		asked := b.captured("visa", 1)
		asked.Ops = append(asked.Ops, payment.Op{
			Kind: payment.KindVoid, State: payment.StatePending, Amount: 100, Target: 1, At: time.Now().UTC(),
			Key: "v", Host: "issuer", STAN: 77, RRN: "000100000077",
		})
		asked.Version++
		b.must(b.j.Commit(t.Context(), &journal.Transition{Payment: asked, Opens: []int{2}}))
		ended(3, 4)
		if got := b.stored(asked.ID); got.Ops[1].Window != 0 {
			t.Error("a capture whose void is at the issuer is in a window")
		}
		if d, err := b.j.Day(t.Context(), 20261120); err != nil || d.State != journal.DayOpen {
			t.Errorf("%+v, %v", d, err)
		} else if files, delivered, err := cutover.SealedFiles(d); err != nil || len(files) != 3 || len(delivered) > 0 ||
			files[2] != (cutover.SealedFile{
				FileID: "0022611200000040000200003", Destination: "visa", Window: 3, Records: 4, SumMinor: 800,
			}) {
			t.Errorf("%+v, %q, %v", files, delivered, err)
		}
		late = b.stored(late.ID)
		b.must(b.present(late, capture(400, 4), presentment.Snapshot{}))
		result, err := e.Cutover(t.Context(), false)
		if err != nil || len(result.Files) != 6 {
			t.Fatalf("%+v, %v", result, err)
		}
		want := []string{
			"visa 00001: 2 of 300", "visa 00002: 0 of 0", "visa 00003: 4 of 800", "amex 00004: 1 of 100", "jcb 00005: 0 of 0",
			"visa 00006: 2 of 500",
		}
		wantAsSealed(t, b, 20261120)
		if got := parts(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		want = []string{
			"00001: window 1, last 0", "00002: window 2, last 0", "00003: window 3, last 0", "00004: window 0, last 6",
			"00005: window 0, last 6", "00006: window 0, last 6",
		}
		if got := places(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("the manifests say %q, want %q", got, want)
		}
		files := tree(t, b.fs, "clearing")
		if text := shown(t, files["clearing/2026-11-20/0022611200000040000200003.ipm"]); strings.Count(
			text, "R261120") != 1 {
			t.Errorf("the reversal\n%s", text)
		}
		stop()
		e, stop = b.run(settings(otherwise))
		defer stop()
		checked, err := e.Check(t.Context(), 20261120)
		if err != nil || len(checked.Differences) > 0 || len(checked.Files) != 24 {
			t.Errorf("made again: %+v, %v", checked, err)
		}
		put(t, b.fs, "clearing/2026-11-20/0022611200000040000200003.detail.csv", "other\n")
		if checked, err = e.Check(t.Context(), 20261120); err != nil || len(checked.Differences) != 1 ||
			checked.Differences[0].File != "0022611200000040000200003.detail.csv" {
			t.Errorf("with a file changed: %+v, %v", checked, err)
		}
	})
}

// Who can have no window is told so, and nothing is stored.
func TestNoWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(weekend))
		defer stop()
		b.captured("amex", 1)
		for destination, want := range map[string]error{
			"nobody": cutover.ErrNoDestination, "zzz": cutover.ErrNoDestination, "visa": cutover.ErrNotSettling,
		} {
			if _, err := e.Window(t.Context(), destination); !errors.Is(err, want) {
				t.Errorf("%s: %v", destination, err)
			}
		}
		// Each destination keeps an id for the cutover.
		b.must(b.fs.MkdirAll("clearing/2026-11-21", 0o700))
		put(t, b.fs, "clearing/2026-11-21/0022611210000040000290000.ipm", "")
		if _, err := e.Window(t.Context(), "jcb"); !errors.Is(err, cutover.ErrNoFileIDs) {
			t.Errorf("without ids: %v", err)
		}
		if d, err := b.j.Day(t.Context(), 20261121); err != nil || len(d.Data) > 0 {
			t.Errorf("stored is %s, %v", d.Data, err)
		}
	})
}

// A date with a window has a last file, also where its destination is without settlement by the time of the cutover,
// and of a node, whose number stands in the sequence.
func TestLastFileBehindAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		ofNode := func(o *cutover.Options) {
			o.Settings.Destinations, o.Settings.NodeInFileID, o.Settings.Node = []string{"visa"}, true, 7
		}
		e, stop := b.run(settings(ofNode))
		b.captured("visa", 1)
		_, err := e.Window(t.Context(), "visa")
		b.must(err)
		stop()
		b.captured("visa", 1)
		e, stop = b.run(settings(ofNode, func(o *cutover.Options) {
			o.Settings.Calendar.Others.Dates = []payment.Date{20261120}
		}))
		defer stop()
		_, err = e.Cutover(t.Context(), false)
		b.must(err)
		want := []string{"07001: window 1, last 0", "07002: window 0, last 7002"}
		if got := places(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("the manifests say %q, want %q", got, want)
		}
		// What is in no window is carried on.
		want = []string{"visa 07001: 1 of 100", "visa 07002: 0 of 0"}
		wantAsSealed(t, b, 20261120)
		if got := parts(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// Windows end by the schedule: once each, over a restart too, and after a stop over several of them once. The first
// start comes behind 23:00 of the evening before, which is on this date.
func TestWindowSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		location := at(t, "Europe/Berlin", "2026-11-20 05:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		o := settings(weekend, func(o *cutover.Options) {
			o.Location, o.At = location, 22*time.Hour
			o.Settings.Windows = cutover.Windows{
				"visa": {6 * time.Hour, 12 * time.Hour, 13 * time.Hour, 18 * time.Hour, 23 * time.Hour}, "amex": {6 * time.Hour},
			}
		})
		e, stop := b.run(o)
		b.captured("visa", 1)
		for _, step := range []struct {
			until   string
			down    bool
			windows int
		}{
			{"2026-11-20 05:59:59", false, 1},
			{"2026-11-20 06:00:01", false, 2},
			{"2026-11-20 06:00:02", true, 2},
			{"2026-11-20 14:00:00", true, 3},
			{"2026-11-20 17:59:59", false, 3},
			{"2026-11-20 18:00:01", false, 4},
			{"2026-11-20 21:59:59", true, 4},
		} {
			if step.down {
				stop()
			}
			sleepUntil(t, location, step.until)
			if step.down {
				e, stop = b.run(o)
			}
			synctest.Wait()
			d, err := b.j.Day(t.Context(), 20261120)
			b.must(err)
			files, _, err := cutover.SealedFiles(d)
			b.must(err)
			if got := len(slices.DeleteFunc(files, func(f cutover.SealedFile) bool {
				return f.Destination != "visa"
			})); got != step.windows || len(e.Problems()) > 0 {
				t.Errorf("%s: %d windows, want %d; %v", step.until, got, step.windows, e.Problems())
			}
		}
		sleepUntil(t, location, "2026-11-21 23:30:00")
		synctest.Wait()
		stop()
		want := []string{
			"visa 00001: 0 of 0", "amex 00002: 0 of 0", "visa 00003: 1 of 100", "visa 00004: 0 of 0", "visa 00005: 0 of 0",
			"amex 00006: 0 of 0", "jcb 00007: 0 of 0", "visa 00008: 0 of 0",
		}
		if got := parts(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		// A Saturday: visa has no settlement, and no window.
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, []string{
			"amex 00001: 0 of 0", "amex 00002: 0 of 0", "jcb 00003: 0 of 0",
		}) {
			t.Errorf("on the Saturday: %q", got)
		}
	})
}

// I8: a window that was delivered, and which the journal was then put back to before, is not written over, and what
// stands in it is not presented again.
func TestDeliveredWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		b.captured("visa", 2)
		b.must(b.j.Checkpoint("earlier"))
		e, stop := b.run(settings())
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		stop()
		b = b.putBack()
		defer b.close()
		b.made += 10
		b.captured("visa", 1)
		e, stop = b.run(settings())
		defer stop()
		result, err := e.Window(t.Context(), "visa")
		if err != nil || result.Window != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		b.captured("visa", 3)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		want := []string{"visa 00001: 2 of 300", "visa 00002: 1 of 100", "visa 00003: 3 of 600"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A capture whose delivered window is closed again may be rejected by then, and presented again within its date: the
// files that were there have the first of the two, and not the second.
func TestPresentedAgainBehindADeliveredWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		id := b.captured("visa", 2).ID
		b.must(b.j.Checkpoint("earlier"))
		e, stop := b.run(settings())
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		stop()
		b = b.putBack()
		defer b.close()
		e, stop = b.run(settings())
		defer stop()
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		p := b.stored(id)
		of := &p.Ops[1]
		p.Ops = append(p.Ops, payment.Op{
			Kind: payment.KindReject, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
			At: of.At, DoneAt: of.At, Source: "0012611210000012345600001/2",
		})
		b.must(b.present(p, payment.Op{
			Kind: payment.KindResubmit, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
			Number: of.Number, ARN: of.ARN,
		}, presentment.Snapshot{}))
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		want := []string{"visa 00001: 2 of 300", "visa 00002: 0 of 0", "visa 00003: 1 of 100"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A window that the journal knows has what was rejected; the next one, which was delivered before the journal was put
// back, has what it was presented again with: that is not written again.
func TestPresentedAgainInADeliveredWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		id := b.captured("visa", 1).ID
		e, stop := b.run(settings())
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		p := b.stored(id)
		of := p.Ops[1]
		p.Ops = append(p.Ops, payment.Op{
			Kind: payment.KindReject, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
			At: of.At, DoneAt: of.At, Source: "0012611210000012345600001/2",
		})
		b.must(b.present(p, payment.Op{
			Kind: payment.KindResubmit, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
			Number: of.Number, ARN: of.ARN,
		}, presentment.Snapshot{}))
		b.must(b.j.Checkpoint("earlier"))
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		stop()
		b = b.putBack()
		defer b.close()
		e = b.engine(settings())
		b.must(e.TakeDelivered(t.Context()))
		b.must(e.TakeDelivered(t.Context())) // at the next start
		b.must(e.Start(t.Context()))
		defer e.Close()
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		want := []string{"visa 00001: 1 of 100", "visa 00002: 1 of 100", "visa 00003: 0 of 0", "visa 00004: 0 of 0"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// What the open date has for destinations whose files were delivered is put into windows, each once, also where a crash
// came between two of them, and what no record can be built of by now.
func TestDeliveredOfTwoDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		both := settings(func(o *cutover.Options) { o.Settings.Destinations = []string{"amex", "visa"} })
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		amex, visa := b.captured("amex", 1), b.captured("visa", 1)
		b.must(b.j.Checkpoint("earlier"))
		e, stop := b.run(both)
		for _, destination := range []string{"amex", "visa"} {
			if _, err := e.Window(t.Context(), destination); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		b = b.putBack()
		defer b.close()
		b.blank(b.stored(visa.ID), 1)
		e, stop = b.run(both)
		if _, err := e.Window(t.Context(), "amex"); err != nil { // as far as a crash let it come
			t.Fatal(err)
		}
		stop()
		for range 2 {
			b.must(b.engine(both).TakeDelivered(t.Context()))
		}
		for _, id := range []payment.ID{amex.ID, visa.ID} {
			if op := b.stored(id).Ops[1]; op.Window != 1 {
				t.Errorf("payment %s is in window %d", id, op.Window)
			}
		}
	})
}

// A crash at any commit while what was delivered is put into a window: the next start has all of it in there before the
// first request.
func TestCrashAnywhereWhileDeliveredIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		halfFilled := 0
		for n := int64(1); ; n++ {
			b := openBook(t, vfs.NewMem())
			b.must(b.j.Cutover(t.Context(), 0, 20261121))
			ids := []payment.ID{b.captured("visa", 2).ID, b.captured("visa", 1).ID, b.captured("visa", 1).ID}
			b.must(b.j.Checkpoint("earlier"))
			e, stop := b.run(settings())
			_, err := e.Window(t.Context(), "visa")
			b.must(err)
			stop()
			b = b.putBack()
			left := &countdown{left: n}
			failed := b.engine(settings(func(o *cutover.Options) {
				o.Journal = &stumblingCommits{stumbling{b.j, left}}
			})).TakeDelivered(t.Context())
			taken := func() (count int) {
				for _, id := range ids {
					if op := b.stored(id).Ops[1]; op.Window == 1 {
						count++
					}
				}
				return count
			}
			if count := taken(); count > 0 && count < len(ids) {
				halfFilled++
			}
			b.must(b.engine(settings()).TakeDelivered(t.Context()))
			if count := taken(); count != len(ids) {
				t.Errorf("crash at %d, %s: %d of %d payments are in the window", n, left.at, count, len(ids))
			}
			b.close()
			if failed == nil {
				break
			}
		}
		if halfFilled == 0 {
			t.Error("no crash left a window half filled")
		}
	})
}

// A window whose place another file takes is written behind it; the sequences of the date go on behind that.
func TestOccupiedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		taken := false
		stolen := errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			const occupied = "clearing/2026-11-21/0022611210000040000200002.detail.csv"
			if !taken && op.Path == occupied+".tmp" { // it is begun
				taken = true
				put(t, b.fs, occupied, "of somebody else\n")
			}
			return nil
		}))
		e, stop := b.run(settings(func(o *cutover.Options) { o.FS = stolen }))
		defer stop()
		for range 3 {
			b.captured("visa", 1)
			if _, err := e.Window(t.Context(), "visa"); err != nil {
				t.Fatal(err)
			}
		}
		b.captured("visa", 2)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"visa 00001: 1 of 100", "visa 00003: 1 of 100", "visa 00004: 1 of 100", "visa 00005: 2 of 300",
		}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if checked, err := e.Check(t.Context(), 20261121); err != nil || len(checked.Differences) > 0 {
			t.Errorf("made again: %+v, %v", checked, err)
		}
	})
}

// A crash at any commit or file operation while windows end and their date is closed: each presentment stands in
// exactly one file, and the sequences have no gap.
func TestCrashAnywhereInWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		crashed := 0
		for n := int64(1); ; n++ {
			fs := vfs.NewCrashableMem()
			b := openBook(t, fs)
			b.must(b.j.Cutover(t.Context(), 0, 20261123))
			left := &countdown{left: n}
			e := b.engine(settings(func(o *cutover.Options) {
				o.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if strings.HasPrefix(op.Path, "clearing") {
						return left.step(op.Path)
					}
					return nil
				}))
				o.Journal = &stumblingCommits{stumbling{b.j, left}}
			}))
			b.must(e.Start(context.Background()))
			failed := false
			for range 2 {
				b.captured("visa", 2)
				b.captured("visa", 1)
				if _, err := e.Window(t.Context(), "visa"); err != nil {
					failed = true
					break
				}
			}
			if !failed {
				_, err := e.Cutover(t.Context(), false)
				failed = err != nil
			}
			e.Close()
			after := fs.CrashClone(vfs.CrashCloneCfg{})
			b.close()
			b = openBook(t, after)
			if got := restoredWindows(b, n%2 == 0); len(got) > 0 {
				t.Errorf("crash at %d, %s: %s", n, left.at, strings.Join(got, "; "))
			}
			b.close()
			if !failed {
				break
			}
			crashed++
		}
		if crashed < 60 {
			t.Errorf("only %d places to crash at were found", crashed)
		}
	})
}

// restoredWindows goes on behind a crash, with another window first or with the cutover, and tells what is wrong then.
func restoredWindows(b *book, another bool) (wrong []string) {
	e, stop := b.run(settings())
	defer stop()
	if b.j.OpenDay() == 20261123 {
		b.captured("visa", 1)
		if another {
			_, err := e.Window(b.t.Context(), "visa")
			b.must(err)
		}
		_, err := e.Cutover(b.t.Context(), false)
		b.must(err)
	}
	return wrongWindows(b, e)
}

// wrongWindows tells what is wrong with the files of a date with windows.
func wrongWindows(b *book, e *cutover.Engine) (wrong []string) {
	due := map[string]int{} // by ARN
	b.must(b.j.Payments(b.t.Context(), payment.ID{}, func(p *payment.Payment) bool {
		for i := range p.Ops {
			if p.Ops[i].ARN != "" {
				due[p.Ops[i].ARN]++
			}
		}
		return true
	}))
	var sequences []string
	folder := tree(b.t, b.fs, path.Join("clearing", "2026-11-23"))
	for _, name := range names(folder) {
		base := path.Base(name)
		switch {
		case strings.HasSuffix(base, ".tmp"):
			wrong = append(wrong, base+" is left")
		case strings.HasSuffix(base, ".ipm"):
			verified(b.t, name, folder[name])
			sequences = append(sequences, base[20:25])
		case strings.HasSuffix(base, ".detail.csv"):
			for row, err := range clearing.ReadDetail(strings.NewReader(folder[name])) {
				b.must(err)
				due[row.ARN]--
			}
		}
	}
	for arn, n := range due {
		if n != 0 {
			wrong = append(wrong, arn+" is missing or there twice")
		}
	}
	if want := []string{"00001", "00002", "00003", "00004", "00005"}; !slices.Equal(sequences, want[:len(sequences)]) {
		wrong = append(wrong, "the sequences are "+strings.Join(sequences, " "))
	}
	if checked, err := e.Check(b.t.Context(), 20261123); err != nil || len(checked.Differences) > 0 {
		wrong = append(wrong, "made again the files are others")
	}
	return wrong
}
