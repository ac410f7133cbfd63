package cutover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// putBackDay is a book whose date 2026-11-21 was closed and delivered, and whose journal was then put back to before
// that: a capture that was delivered is in it, and another one is accepted since.
func putBackDay(t *testing.T) (b *book, delivered map[string]string) {
	t.Helper()
	b = openBook(t, vfs.NewMem())
	b.must(b.j.Cutover(t.Context(), 0, 20261121))
	p := b.authorized("visa", 10_000)
	b.must(b.present(p, capture(4000, 1), presentment.Snapshot{}))
	b.must(b.j.Checkpoint("earlier"))
	lost := b.authorized("visa", 9000)
	b.must(b.present(lost, capture(9000, 1), presentment.Snapshot{}))
	b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
	_, stop := b.run(settings())
	stop()
	delivered = tree(t, b.fs, "clearing")
	b = b.putBack()
	b.made += 10
	late := b.authorized("visa", 500)
	b.must(b.present(late, capture(500, 1), presentment.Snapshot{}))
	b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
	return b, delivered
}

// I8: a date that was delivered before the journal was put back is not written over. What stands in a file there is
// not presented again; the rest leaves under a new sequence.
func TestDeliveredDateIsClosedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 20:26:01")
		b, delivered := putBackDay(t)
		defer b.close()
		_, stop := b.run(settings())
		stop()
		files := tree(t, b.fs, "clearing")
		for name, text := range delivered {
			if files[name] != text {
				t.Errorf("%s was written over", name)
			}
		}
		fresh := 0
		for name, text := range files {
			if _, was := delivered[name]; was || !strings.HasSuffix(name, ".ipm") || !strings.Contains(name, "2026-11-21") {
				continue
			}
			fresh++
			if r := verified(t, name, text); r.Totals.Presentments != 1 || r.Totals.SumMinor != 500 {
				t.Errorf("%s: %+v, want the capture that was in no file", name, r.Totals)
			}
		}
		if fresh != 1 {
			t.Errorf("%d new files of the date in %q", fresh, names(files))
		}
	})
}

// I8: of several second presentments of one capture those that were delivered are not presented again, and the others
// are: they are told apart by what they answer.
func TestDeliveredSecondPresentments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 20:26:01")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		p := b.authorized("visa", 10_000)
		for _, reference := range []string{"REF-A", "REF-B"} {
			p.Ops = append(p.Ops, payment.Op{
				Kind: payment.KindChargeback, State: payment.StateApproved, Amount: 300, Granted: 300, Target: 3,
				Source: "1/" + reference, IssuerReference: reference, At: time.Now(), DoneAt: time.Now(),
			})
		}
		b.must(b.present(p, capture(4000, 1), presentment.Snapshot{})) // operation 3
		represent := func(p *payment.Payment, chargeback int) {
			b.must(b.present(p, payment.Op{
				Kind: payment.KindRepresent, State: payment.StateApproved, Amount: 300, Granted: 300, Target: chargeback,
				Source: "anna", Reason: "2700", ARN: p.Ops[3].ARN,
			}, presentment.Snapshot{Reason: "2700"}))
		}
		b.must(b.j.Checkpoint("earlier"))
		represent(p, 1)
		b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
		_, stop := b.run(settings())
		stop()
		delivered := tree(t, b.fs, "clearing")
		b = b.putBack()
		defer b.close()
		p = b.stored(p.ID)
		represent(p, 1)
		represent(p, 2)
		b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
		_, stop = b.run(settings())
		stop()
		var fresh []string
		for name, text := range tree(t, b.fs, "clearing") {
			if _, was := delivered[name]; was || !strings.HasSuffix(name, ".ipm") || !strings.Contains(name, "2026-11-21") {
				continue
			}
			in, err := clearing.NewReader(strings.NewReader(text))
			for err == nil {
				var r *clearing.Record
				if r, err = in.Next(); err == nil && r.MTI == "1240" {
					fresh = append(fresh, r.FunctionCode()+" "+r.IssuerReference())
				}
			}
		}
		if !slices.Equal(fresh, []string{"205 REF-B"}) {
			t.Errorf("presented are %q, want what was in no file", fresh)
		}
	})
}

// I8: what was put aside when its date was closed, and left with a later date, is not presented again where the journal
// is put back to before all of that, although it is filed on the first date there.
func TestDeliveredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:26:01")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		broken := b.authorized("visa", 700)
		b.must(b.present(broken, capture(700, 1), presentment.Snapshot{}))
		b.blank(broken, 1)
		b.must(b.j.Checkpoint("earlier"))
		directory, err := merchant.NewDirectory([]merchant.Profile{{
			ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
		}}, true, merchant.DefaultProfile())
		b.must(err)
		right := func(o *cutover.Options) { o.Merchants = directory }
		cutBoth := func(first, second cutover.Options) {
			t.Helper()
			for _, o := range []cutover.Options{first, second} {
				e, stop := b.run(o)
				_, err := e.Cutover(t.Context(), true)
				stop()
				b.must(err)
			}
		}
		cutBoth(settings(), settings(right))
		delivered := tree(t, b.fs, "clearing")
		b = b.putBack()
		defer b.close()
		cutBoth(settings(right), settings(right))

		files, stands := tree(t, b.fs, "clearing"), 0
		for name, text := range files {
			if was, there := delivered[name]; there && was != text {
				t.Errorf("%s was written over", name)
			}
			if strings.HasSuffix(name, ".ipm") {
				stands += verified(t, name, text).Totals.Presentments
			}
		}
		if stands != 1 {
			t.Errorf("the capture stands in files %d times: %q", stands, names(files))
		}
	})
}

// I8: a window that was being filled in an earlier copy of the journal is filled anew once that is put back, and takes
// the id of the file in which it was delivered. What stands there, since it was carried into the window from a date
// that is still being closed in the copy, does not leave with that date as well.
func TestDeliveredInAWindowThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261120))
		broken := b.authorized("visa", 700)
		b.must(b.present(broken, capture(700, 1), presentment.Snapshot{}))
		b.blank(broken, 1)
		b.must(b.j.Cutover(t.Context(), 20261120, 20261121)) // nobody seals it yet
		data, err := json.Marshal(map[string]any{"windows": []map[string]any{{
			"destination": "visa", "window": 1, "format": 3, "sealed_at": "2026-11-21T11:00:00Z", "acquirer_id": "400001",
			"processor_id": "400002", "code_page": "cp500", "blocked": true, "location": "UTC",
			"release": map[string]any{"behind": []string{"2026-11-20"}},
		}}})
		b.must(err)
		b.must(b.j.SetDay(t.Context(), journal.Day{Date: 20261121, State: journal.DayOpen, Data: data}))
		b.must(b.j.Checkpoint("earlier"))

		// The window cannot be filled before the date is sealed, which carries the record into it.
		_, stop := b.run(settings(waiting, func(o *cutover.Options) { o.Journal = &unreadableDate{b.j, 20261121} }))
		stop()
		wantDay(t, b.j, 20261120, journal.DaySealed)
		directory, err := merchant.NewDirectory([]merchant.Profile{{
			ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
		}}, true, merchant.DefaultProfile())
		b.must(err)
		right := settings(waiting, func(o *cutover.Options) { o.Merchants = directory })
		e, stop := b.run(right)
		window := cutover.WindowName{Destination: "visa", Window: 1}
		_, err = e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
		b.must(err)
		_, err = e.Release(t.Context(), 20261121, window, "ann and bob")
		b.must(err)
		stop()
		wantParts := func(date payment.Date, want ...string) {
			t.Helper()
			if got := parts(t, b.fs, date); !slices.Equal(got, want) {
				t.Errorf("the files of %s are %q, want %q", date, got, want)
			}
		}
		wantParts(20261120, "visa 00001: 0 of 0")
		wantParts(20261121, "visa 00001: 1 of 700")

		b = b.putBack()
		defer b.close()
		e = b.engine(right)
		b.must(e.TakeDelivered(t.Context()))
		b.must(e.Start(t.Context()))
		defer e.Close()
		_, err = e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob")
		b.must(err)
		wantParts(20261120, "visa 00001: 0 of 0", "visa 00002: 0 of 0")
		_, err = e.Release(t.Context(), 20261121, window, "ann and bob")
		b.must(err)
		wantParts(20261121, "visa 00001: 1 of 700", "visa 00003: 0 of 0")
	})
}

// unreadableDate is a journal of which the presentments of a date cannot be read.
type unreadableDate struct {
	journal.Journal
	date payment.Date
}

// Presentments implements journal.Journal.
func (u *unreadableDate) Presentments(
	ctx context.Context, date payment.Date, yield func(journal.Presentment) bool,
) error {
	if date == u.date {
		return errFull
	}
	return u.Journal.Presentments(ctx, date, yield)
}

// What stands under the id of a window that is being written is its own: a date before it that is sealed then has
// nothing there.
func TestDeliveredAndAWindowThatIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		b.must(b.j.Cutover(t.Context(), 0, 20261120))
		b.must(b.present(b.authorized("visa", 700), capture(700, 1), presentment.Snapshot{}))
		b.must(b.j.Cutover(t.Context(), 20261120, 20261121)) // nobody can seal it yet
		b.must(b.present(b.authorized("visa", 300), capture(300, 1), presentment.Snapshot{}))
		e, stop := b.run(settings(func(o *cutover.Options) {
			o.Journal = &unreadableDate{&windowsUnwritten{b.j}, 20261120}
		}))
		_, err := e.Window(t.Context(), "visa")
		b.must(err)
		stop()
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, []string{"visa 00001: 1 of 300"}) {
			t.Fatalf("the files of the window are %q", got)
		}

		_, stop = b.run(settings(func(o *cutover.Options) { o.Journal = &windowsUnwritten{b.j} }))
		stop()
		wantDay(t, b.j, 20261120, journal.DayWritten)
		day, err := b.j.Day(t.Context(), 20261120)
		b.must(err)
		if _, delivered, err := cutover.SealedFiles(day); err != nil || len(delivered) > 0 {
			t.Errorf("it was delivered in %q, %v", delivered, err)
		}
	})
}

// windowsUnwritten is a journal that cannot keep that a window of the open date is written.
type windowsUnwritten struct{ journal.Journal }

// SetDay implements journal.Journal.
func (w *windowsUnwritten) SetDay(ctx context.Context, d journal.Day) error {
	if d.State == journal.DayOpen && bytes.Contains(d.Data, []byte(`"result":`)) {
		return errFull
	}
	return w.Journal.SetDay(ctx, d)
}

// A file that appears after the date was sealed is not written over, either: the date is written under new sequences.
func TestOccupiedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:26:01")
		b := aDay(t, vfs.NewMem())
		defer b.close()
		b.must(b.fs.MkdirAll("clearing/2026-11-21", 0o700))
		const occupied = "clearing/2026-11-21/0022611210000040000200001.ipm"
		once := false
		o := settings()
		o.FS = &occupying{FS: b.fs, create: func(name string) {
			if once || !strings.HasPrefix(name, strings.TrimSuffix(occupied, ".ipm")) {
				return
			}
			once = true
			f, err := b.fs.Create(occupied, vfs.WriteCategoryUnspecified)
			b.must(err)
			_, err = f.Write([]byte("somebody else's"))
			b.must(err)
			b.must(f.Close())
		}}
		_, stop := b.run(o)
		stop()
		files := tree(t, b.fs, "clearing")
		if files[occupied] != "somebody else's" {
			t.Errorf("%s was written over", occupied)
		}
		total := 0
		for name, text := range files {
			if strings.HasSuffix(name, ".ipm") && name != occupied && strings.Contains(name, "2026-11-21") {
				total += verified(t, name, text).Totals.Presentments
			}
		}
		if total != 6 {
			t.Errorf("%d presentments in the date's files, want 6, in %q", total, names(files))
		}
	})
}

// occupying calls create before a file is made.
type occupying struct {
	vfs.FS
	create func(name string)
}

// Create implements vfs.FS.
func (o *occupying) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	o.create(name)
	return o.FS.Create(name, category)
}

// I8: a record that was delivered before the journal was put back, and that cannot be built now, counts as delivered:
// it keeps its row and its date and leaves with no later one, and what takes it back leaves as ever.
func TestDeliveredThatCannotBeBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:26:01")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261120))
		bound := func(o *cutover.Options) { o.Bounds.Records = 2 }
		takenBack := b.authorized("visa", 3000)
		b.must(b.present(takenBack, capture(3000, 1), presentment.Snapshot{}))
		closed := func(want ...string) {
			t.Helper()
			date := b.j.OpenDay()
			e, stop := b.run(settings(bound))
			var result cutover.Result
			var err error
			if b.j.OpenDay() == date { // else it was over by the calendar, and the start has closed it
				result, err = e.Cutover(t.Context(), true)
			}
			stop()
			if err != nil || result.Aside != nil {
				t.Fatalf("%s: %v, put aside is %+v", date, err, result.Aside)
			}
			if got := parts(t, b.fs, date); !slices.Equal(got, want) {
				t.Errorf("the files of %s are %q, want %q", date, got, want)
			}
		}
		closed("visa 00001: 1 of 3000")
		p := b.authorized("visa", 700)
		b.must(b.present(p, capture(700, 1), presentment.Snapshot{}))
		b.must(b.present(takenBack, reversalOf(takenBack, 1), presentment.Snapshot{}))
		b.must(b.j.Checkpoint("earlier"))
		closed("visa 00001: 2 of 3700")
		b = b.putBack()
		defer func() { b.close() }()
		b.blank(p, 1)
		for amount := range int64(3) {
			b.must(b.present(b.authorized("visa", 10+amount), capture(10+amount, 1), presentment.Snapshot{}))
		}
		closed("visa 00001: 2 of 3700", "visa 00002: 0 of 0", "visa 00003: 2 of 21", "visa 00004: 1 of 12")
		for i, payment := range []*payment.Payment{p, takenBack} {
			got, err := b.j.Payment(t.Context(), payment.ID)
			b.must(err)
			if op := got.Ops[i+1]; op.Filed() != 20261121 || op.Date != 20261121 {
				t.Errorf("payment %s operation %d of %s is filed on %s", payment.ID, i+1, op.Date, op.Filed())
			}
		}

		// What takes the delivered record back cannot be built either, until the merchants file says better.
		b.must(b.present(p, reversalOf(p, 1), presentment.Snapshot{}))
		directory, err := merchant.NewDirectory([]merchant.Profile{{
			ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
		}}, true, merchant.DefaultProfile())
		b.must(err)
		bound = func(o *cutover.Options) { o.Merchants = directory }
		closed("visa 00001: 1 of 700")
	})
}

// reversalOf takes a presentment back.
func reversalOf(p *payment.Payment, target int) payment.Op {
	op := &p.Ops[target]
	return payment.Op{
		Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: op.Amount, Granted: op.Amount,
		Target: target, Number: 1, ARN: op.ARN,
	}
}

// I8: a clearing folder that cannot be looked at when a date is sealed is looked at before the date is written, and
// what stands in files there is not presented again, whichever processor id they have. Nothing is put aside unseen.
func TestDeliveredUnseen(t *testing.T) {
	for name, broken := range map[string]bool{"sealed": false, "with a broken record": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at(t, "UTC", "2026-11-22 20:26:01")
				b, delivered := putBackDay(t)
				defer b.close()
				state := journal.DaySealed
				if broken {
					p, err := b.j.Payment(t.Context(), payment.NewID(1, 1))
					b.must(err)
					b.blank(p, 1)
					state = journal.DayClosing
				}
				disk := &unlisted{FS: b.fs}
				disk.down.Store(true)
				e, stop := b.run(settings(func(o *cutover.Options) {
					o.FS, o.Settings.ProcessorID = disk, "400003"
				}))
				defer stop()
				if got := b.states()[20261121]; got != state || len(e.Problems()) != 1 {
					t.Errorf("the date is %v with problems %v, want %v with one", got, e.Problems(), state)
				}
				for _, again := range []func() (*cutover.Rebuilt, error){
					func() (*cutover.Rebuilt, error) { return e.Check(t.Context(), 20261121) },
					func() (*cutover.Rebuilt, error) { return e.Rebuild(t.Context(), 20261121, "again") },
				} {
					_, err := again()
					if !errors.Is(err, cutover.ErrUnwritten) ||
						!broken && !strings.Contains(err.Error(), "the clearing folder could not be looked at") {
						t.Errorf("made again: %v", err)
					}
				}
				disk.down.Store(false)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				wantDay(t, b.j, 20261121, journal.DayWritten)
				files, total := tree(t, b.fs, "clearing"), 0
				for name, text := range files {
					if was, there := delivered[name]; there && was != text {
						t.Errorf("%s was written over", name)
					} else if !there && strings.HasSuffix(name, ".ipm") && strings.Contains(name, "2026-11-21") {
						total += verified(t, name, text).Totals.Presentments
					}
				}
				if total != 1 {
					t.Errorf("%d presentments in new files of the date, want the one that was in no file", total)
				}
			})
		})
	}
}

// unlisted is a disk on which no folder can be listed while it is down.
type unlisted struct {
	vfs.FS
	down atomic.Bool
}

// List implements vfs.FS.
func (u *unlisted) List(dir string) ([]string, error) {
	if u.down.Load() {
		return nil, errFull
	}
	return u.FS.List(dir)
}
