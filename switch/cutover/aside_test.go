package cutover_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// blank makes the presentment of a payment's operation that of a merchant without a name: no record can be built of it.
func (b *book) blank(p *payment.Payment, op int) {
	b.t.Helper()
	ref := journal.PresentmentRef{Date: p.Ops[op].Date, Destination: p.Route, Payment: p.ID, Op: op}
	row, err := b.j.Presentment(b.t.Context(), ref)
	b.must(err)
	snapshot, err := presentment.DecodeSnapshot(row.Data)
	b.must(err)
	snapshot.Name = " "
	row.Data = snapshot.Encode()
	b.must(b.j.Amend(b.t.Context(), row))
}

// What one merchant breaks holds up nobody else's file: a record that cannot be built is put aside, shown, and
// carried from date to date until it can be; then it stands in exactly one file.
func TestRecordThatCannotBeBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings())
		broken := b.authorized("visa", 700)
		b.must(b.present(broken, capture(700, 1), presentment.Snapshot{}))
		b.blank(broken, 1)
		b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
		b.must(b.present(b.authorized("amex", 50), capture(50, 1), presentment.Snapshot{}))

		for _, c := range []struct {
			date  payment.Date
			files []string
		}{
			{20261120, []string{"amex 00001: 1 of 50", "visa 00002: 1 of 100"}},
			{20261121, []string{"visa 00001: 0 of 0"}},
		} {
			result, err := e.Cutover(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if got := parts(t, b.fs, c.date); !slices.Equal(got, c.files) {
				t.Errorf("the files of %s are %q, want %q", c.date, got, c.files)
			}
			want := cutover.AsideRecord{
				Payment: broken.ID.String(), Operation: 1, Merchant: "M1", Destination: "visa",
				Why: "clearing: DE43 acceptor: name is missing", CarriedTo: c.date.Next().String(),
			}
			if result.Aside == nil || result.Aside.Count != 1 || !strings.Contains(result.Aside.Records[0].Why, "DE43") {
				t.Fatalf("put aside is %+v, want one", result.Aside)
			}
			want.Why = result.Aside.Records[0].Why
			if got := result.Aside.Records[0]; got != want {
				t.Errorf("put aside is %+v, want %+v", got, want)
			}
			p, err := b.j.Payment(t.Context(), broken.ID)
			b.must(err)
			if p.Ops[1].Date != 20261120 || p.Ops[1].Filed() != c.date.Next() {
				t.Errorf("the capture of %s is filed on %s", p.Ops[1].Date, p.Ops[1].Filed())
			}
		}
		stop()

		// The merchants file says better now.
		directory, err := merchant.NewDirectory([]merchant.Profile{{
			ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
		}}, true, merchant.DefaultProfile())
		b.must(err)
		sleepUntil(t, time.UTC, "2026-11-21 12:00:00") // no date is closed that is further ahead
		e, stop = b.run(settings(func(o *cutover.Options) { o.Merchants = directory }))
		defer stop()
		result, err := e.Cutover(t.Context(), true)
		if err != nil || result.Aside != nil {
			t.Fatalf("put aside is %+v, error %v", result.Aside, err)
		}
		want := []string{"visa 00001: 1 of 700"}
		if got := parts(t, b.fs, 20261122); !slices.Equal(got, want) {
			t.Errorf("the files are %q, want %q", got, want)
		}
		if err := b.j.Presentments(t.Context(), 20261120, func(row journal.Presentment) bool {
			if row.Payment == broken.ID {
				t.Error("the record stands in the clearing of its first date, too")
			}
			return true
		}); err != nil {
			t.Error(err)
		}
	})
}

// A reversal waits for the record that it takes back: both leave together, the first one first.
func TestReversalOfWhatIsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings())
		defer stop()
		p := b.authorized("visa", 700)
		b.must(b.present(p, capture(700, 1), presentment.Snapshot{}))
		b.blank(p, 1)
		if _, err := e.Cutover(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		var err error
		p, err = b.j.Payment(t.Context(), p.ID)
		b.must(err)
		b.must(b.present(p, payment.Op{
			Kind: payment.KindVoidPresentment, State: payment.StateApproved, Amount: 700, Granted: 700, Target: 1, Number: 1,
			ARN: p.Ops[1].ARN,
		}, presentment.Snapshot{})) // its own data would make a record
		result, err := e.Cutover(t.Context(), true)
		if err != nil || result.Aside == nil || result.Aside.Count != 2 {
			t.Errorf("put aside is %+v, error %v; want both", result.Aside, err)
		}
		want := []string{"visa 00001: 0 of 0"}
		if got := parts(t, b.fs, 20261121); !slices.Equal(got, want) {
			t.Errorf("the files are %q, want %q", got, want)
		}
	})
}

// A date that cannot be written is told of, tried again every minute, also at a start, and holds up no other date.
func TestDateThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		disk := &fullDisk{FS: vfs.NewMem()}
		disk.full.Store(true)
		b := openBook(t, disk.FS.(*vfs.MemFS))
		defer b.close()
		full := func(o *cutover.Options) { o.FS = disk }
		e, stop := b.run(settings(full))
		b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
		if _, err := e.Cutover(t.Context(), true); err == nil {
			t.Fatal("a full disk is no error")
		}
		stop()
		e, stop = b.run(settings(full)) // the start goes well
		defer stop()
		problems := e.Problems()
		if len(problems) != 1 || problems[0].Date != 20261120 || !strings.Contains(problems[0].Err.Error(), errFull.Error()) {
			t.Fatalf("the problems are %v", problems)
		}
		since := problems[0].Since
		if _, err := e.Cutover(t.Context(), true); err == nil {
			t.Error("a full disk is no error")
		}
		time.Sleep(5 * time.Minute)
		if problems := e.Problems(); len(problems) != 2 || !problems[0].Since.Equal(since) {
			t.Errorf("the problems are %v", problems)
		}
		disk.full.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, date := range []payment.Date{20261120, 20261121} {
			wantDay(t, b.j, date, journal.DayWritten)
		}
		if problems := e.Problems(); len(problems) > 0 {
			t.Errorf("the problems are %v", problems)
		}
	})
}
