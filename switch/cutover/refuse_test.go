package cutover_test

import (
	"context"
	"errors"
	"maps"
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

// waiting has files wait for their release.
func waiting(o *cutover.Options) { o.Settings.Release = true }

// takenBack commits what takes an operation of a payment back, in the open date.
func (b *book) takenBack(p *payment.Payment, target int) {
	b.t.Helper()
	op := &p.Ops[target]
	b.must(b.present(p, payment.Op{
		Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: op.Amount, Granted: op.Amount,
		Target: target, Number: op.Number, ARN: op.ARN,
	}, presentment.Snapshot{}))
}

// What stands in a date that is refused leaves with the open one, once, whatever window it was in and whatever has
// taken it back meanwhile, under its reference; the refused files are never made, and are told of.
func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(waiting))
		defer func() { stop() }()
		first := b.captured("visa", 2)
		if _, err := e.Window(t.Context(), "visa"); err != nil {
			t.Fatal(err)
		}
		second := b.captured("visa", 1)
		b.captured("amex", 1)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		first, second = b.stored(first.ID), b.stored(second.ID)
		b.takenBack(first, 1)
		b.takenBack(second, 1)
		if err := e.MayRefuse(t.Context(), 20261120); err != nil {
			t.Error(err)
		}
		result, err := e.Refuse(t.Context(), 20261120, "ann and bob", "a wrong category")
		if err != nil || len(result.Files) > 0 || result.Refused == nil || result.Refused.By != "ann and bob" ||
			result.Refused.Reason != "a wrong category" || !slices.Equal(result.Refused.Files, []cutover.RefusedFile{
			{Destination: "visa", FileID: "0022611200000040000200001", Records: 2},
			{Destination: "amex", FileID: "0022611200000040000200002", Records: 1},
			{Destination: "visa", FileID: "0022611200000040000200003", Records: 1},
		}) {
			t.Fatalf("%+v, %v", result, err)
		}
		wantDay(t, b.j, 20261120, journal.DayWritten)
		if there := tree(t, b.fs, "clearing"); len(there) > 0 {
			t.Errorf("there is %q", names(there))
		}
		d, err := b.j.Day(t.Context(), 20261120)
		b.must(err)
		if files, _, err := cutover.SealedFiles(d); err != nil || len(files) > 0 {
			t.Errorf("its files are %+v, %v", files, err)
		}
		if until, err := cutover.CarriedUntil(d); err != nil || until != 20261121 {
			t.Errorf("it is carried until %s, %v", until, err)
		}
		if got := b.stored(first.ID); got.Ops[1].Window != 0 || got.Ops[1].Filed() != 20261121 ||
			got.Ops[1].ARN != first.Ops[1].ARN {
			t.Errorf("%+v", got.Ops[1])
		}
		for range 2 {
			if _, err := e.Refuse(t.Context(), 20261120, "ann", "again"); !errors.Is(err, cutover.ErrNotWaiting) {
				t.Errorf("twice: %v", err)
			}
			stop()
			e, stop = b.run(settings(waiting))
		}
		b.captured("visa", 1)
		if _, err := e.Cutover(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Release(t.Context(), 20261121, cutover.WindowName{}, "ann and bob"); err != nil {
			t.Fatal(err)
		}
		want := []string{"amex 00001: 1 of 100", "visa 00002: 6 of 700"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		for _, date := range []payment.Date{20261120, 20261121} {
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s, made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// A date of which something may be out, or taken back by a file of a later one, is not refused, and nothing is changed.
func TestMayNotRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(waiting))
		defer stop()
		refused := func(date payment.Date, want error) {
			t.Helper()
			before, _ := b.j.Day(t.Context(), date) // which there may not be
			if _, err := e.Refuse(t.Context(), date, "ann and bob", "wrong"); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", date, err, want)
			}
			if after, _ := b.j.Day(t.Context(), date); want != nil && string(after.Data) != string(before.Data) {
				t.Errorf("%s: its record is changed: %s", date, after.Data)
			}
		}
		closed := func() {
			t.Helper()
			b.captured("visa", 1)
			if _, err := e.Cutover(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			sleepUntil(t, time.UTC, b.j.OpenDay().String()+" 12:00:00")
		}
		refused(20261120, cutover.ErrNotWaiting) // it is open
		refused(20261101, journal.ErrNotFound)
		closed()
		closed()
		refused(20261120, cutover.ErrLaterFiled)
		refused(20261121, nil)
		refused(20261120, nil) // what is behind it has no files any more
		window := func() {
			t.Helper()
			b.captured("visa", 1)
			if _, err := e.Window(t.Context(), "visa"); err != nil {
				t.Fatal(err)
			}
		}
		window()
		refused(20261122, cutover.ErrWindowAlone)
		window()
		of := cutover.WindowName{Destination: "visa", Window: 1}
		if _, err := e.Release(t.Context(), 20261122, of, "ann and bob"); err != nil {
			t.Fatal(err)
		}
		refused(20261122, cutover.ErrOut) // it is open still, and its second window waits
		closed()
		refused(20261122, cutover.ErrOut)
		if _, err := e.Release(t.Context(), 20261122, cutover.WindowName{}, "ann and bob"); err != nil {
			t.Fatal(err)
		}
		refused(20261122, cutover.ErrNotWaiting)
		want := []string{"visa 00001: 3 of 300", "visa 00002: 1 of 100", "visa 00003: 1 of 100"}
		if got := parts(t, b.fs, 20261122); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		closed()
		b.must(b.fs.MkdirAll("clearing/2026-11-23", 0o700))
		put(t, b.fs, "clearing/2026-11-23/0022611230000040000200001.ipm.tmp", "")
		refused(20261123, cutover.ErrOut) // the journal was put back, it may be
		b.must(b.fs.Remove("clearing/2026-11-23/0022611230000040000200001.ipm.tmp"))
		refused(20261123, nil)
	})
}

// A journal that was put back to before a date was refused has it wait again: what leaves with its release is not what
// has left with the next date since.
func TestRefusalThatTheJournalForgot(t *testing.T) {
	for _, late := range []bool{false, true} { // the date is released once the next one is sealed
		refusalForgotten(t, late)
	}
}

func refusalForgotten(t *testing.T, late bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		e, stop := b.run(settings(waiting))
		b.captured("visa", 2)
		b.captured("amex", 1)
		_, err := e.Cutover(t.Context(), false)
		b.must(err)
		b.must(b.j.Checkpoint("earlier"))
		_, err = e.Refuse(t.Context(), 20261120, "ann and bob", "wrong")
		b.must(err)
		_, err = e.Cutover(t.Context(), true)
		b.must(err)
		_, err = e.Release(t.Context(), 20261121, cutover.WindowName{}, "ann and bob")
		b.must(err)
		stop()
		b = b.putBack()
		defer b.close()
		e, stop = b.run(settings(waiting))
		defer stop()
		release := func() {
			_, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
			b.must(err)
		}
		if !late {
			release()
		}
		b.captured("visa", 1)
		_, err = e.Cutover(t.Context(), true)
		b.must(err)
		if late {
			release()
		}
		_, err = e.Release(t.Context(), 20261121, cutover.WindowName{}, "ann and bob")
		b.must(err)
		for date, want := range map[payment.Date][]string{
			20261120: {"amex 00001: 0 of 0", "visa 00002: 0 of 0"},
			20261121: {"amex 00001: 1 of 100", "visa 00002: 2 of 300", "visa 00003: 1 of 100"},
		} {
			if got := parts(t, b.fs, date); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", date, got, want)
			}
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s, made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// A journal that was put back to where a date was refused, and what stands in it not carried on yet, has no file of the
// date, though all that was in it has left with the next one since: it leaves no second time, and what takes it back
// does.
func TestRefusalThatWasUndoneByHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		e, stop := b.run(settings(waiting))
		first := b.captured("visa", 2)
		_, err := e.Cutover(t.Context(), false)
		b.must(err)
		stop()
		e = b.engine(settings(waiting, func(o *cutover.Options) {
			o.Journal = &stumblingCommits{stumbling{b.j, &countdown{left: 2}}}
		}))
		b.must(e.Start(context.Background()))
		_, err = e.Refuse(t.Context(), 20261120, "ann and bob", "wrong")
		e.Close()
		if err == nil || b.stored(first.ID).Ops[1].Carried != 0 {
			t.Fatalf("refused, and something carried on: %v", err)
		}
		wantDay(t, b.j, 20261120, journal.DayClosing)
		b.must(b.j.Checkpoint("earlier"))
		cutAndRelease := func() {
			t.Helper()
			_, err := e.Cutover(t.Context(), true)
			b.must(err)
			_, err = e.Release(t.Context(), 20261121, cutover.WindowName{}, "ann and bob")
			b.must(err)
		}
		e, stop = b.run(settings(waiting))
		cutAndRelease()
		stop()

		b = b.putBack()
		defer b.close()
		e, stop = b.run(settings(waiting))
		defer stop()
		wantDay(t, b.j, 20261120, journal.DayWritten)
		b.takenBack(b.stored(first.ID), 1)
		cutAndRelease()
		for date, want := range map[payment.Date][]string{
			20261120: nil, 20261121: {"visa 00001: 2 of 300", "visa 00002: 1 of 100"},
		} {
			if got := parts(t, b.fs, date); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", date, got, want)
			}
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s, made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// A crash at any commit or file operation while a date is refused and the next one released: each presentment stands in
// exactly one file in the end, and none in the refused date's.
func TestCrashAnywhereInARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-23 12:00:00")
		crashed := 0
		for n := int64(1); ; n++ {
			fs := vfs.NewCrashableMem()
			b := openBook(t, fs)
			e, stop := b.run(settings(waiting))
			b.captured("visa", 2)
			_, err := e.Window(t.Context(), "visa")
			b.must(err)
			p := b.captured("visa", 2)
			b.captured("amex", 1)
			_, err = e.Cutover(t.Context(), false)
			b.must(err)
			b.takenBack(b.stored(p.ID), 1)
			b.captured("visa", 1)
			stop()

			left := &countdown{left: n}
			e = b.engine(settings(waiting, func(o *cutover.Options) {
				o.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if strings.HasPrefix(op.Path, "clearing") {
						return left.step(op.Path)
					}
					return nil
				}))
				o.Journal = &stumblingCommits{stumbling{b.j, left}}
			}))
			b.must(e.Start(context.Background()))
			_, failed := e.Refuse(t.Context(), 20261123, "ann and bob", "wrong")
			if failed == nil {
				_, failed = e.Cutover(t.Context(), true)
			}
			if failed == nil {
				_, failed = e.Release(t.Context(), 20261124, cutover.WindowName{}, "ann and bob")
			}
			e.Close()
			after := fs.CrashClone(vfs.CrashCloneCfg{})
			b.close()
			b = openBook(t, after)
			if wrong := refusedInTheEnd(b); len(wrong) > 0 {
				t.Errorf("crash at %d, %s: %s", n, left.at, strings.Join(wrong, "; "))
			}
			b.close()
			if failed == nil {
				break
			}
			crashed++
		}
		if crashed < 25 {
			t.Errorf("only %d places to crash at were found", crashed)
		}
	})
}

// refusedInTheEnd goes on behind a crash and tells what is wrong then.
func refusedInTheEnd(b *book) (wrong []string) {
	e, stop := b.run(settings(waiting))
	defer stop()
	if b.states()[20261123] == journal.DaySealed { // it was not refused yet
		_, err := e.Refuse(b.t.Context(), 20261123, "ann and bob", "wrong")
		b.must(err)
	}
	if b.j.OpenDay() == 20261124 {
		_, err := e.Cutover(b.t.Context(), true)
		b.must(err)
	}
	_, err := e.Release(b.t.Context(), 20261124, cutover.WindowName{}, "ann and bob")
	if err != nil && !errors.Is(err, cutover.ErrNotWaiting) {
		wrong = append(wrong, err.Error())
	}
	for _, date := range []payment.Date{20261123, 20261124} {
		wantDay(b.t, b.j, date, journal.DayWritten)
		if checked, err := e.Check(b.t.Context(), date); err != nil || len(checked.Differences) > 0 {
			wrong = append(wrong, date.String()+" is made again otherwise")
		}
	}
	due := map[string]int{} // by ARN
	b.must(b.j.Payments(b.t.Context(), payment.ID{}, func(p *payment.Payment) bool {
		for i := range p.Ops {
			if p.Ops[i].ARN != "" {
				due[p.Ops[i].ARN]++
			}
		}
		return true
	}))
	for name, content := range tree(b.t, b.fs, "clearing") {
		switch {
		case strings.HasSuffix(name, ".tmp") || path.Dir(name) != "clearing/2026-11-24":
			wrong = append(wrong, name+" is there")
		case strings.HasSuffix(name, ".ipm"):
			verified(b.t, name, content)
		case strings.HasSuffix(name, ".detail.csv"):
			for row, err := range clearing.ReadDetail(strings.NewReader(content)) {
				b.must(err)
				due[row.ARN]--
			}
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(due)) {
		if due[arn] != 0 {
			wrong = append(wrong, arn+" is missing or there twice")
		}
	}
	return wrong
}
