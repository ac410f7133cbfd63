package cutover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// wantAsSealed fails the test unless what a date's files have is what was fixed of them when they were sealed.
func wantAsSealed(t *testing.T, b *book, date payment.Date) {
	t.Helper()
	day, err := b.j.Day(t.Context(), date)
	b.must(err)
	sealed, _, err := cutover.SealedFiles(day)
	b.must(err)
	for _, f := range sealed {
		text := read(t, b.fs, path.Join("clearing", date.String(), f.FileID+".manifest.json"))
		m, err := clearing.ReadManifest(strings.NewReader(text))
		b.must(err)
		if m.Totals.Presentments != f.Records || m.Totals.SumMinor != f.SumMinor {
			t.Errorf("file %s has %+v, and was sealed as %+v", f.FileID, m.Totals, f)
		}
	}
}

// parts tells the clearing files of a date: destination, sequence, records and their sum, each file verified.
func parts(t *testing.T, fs vfs.FS, date payment.Date) (told []string) {
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
		r := verified(t, name, files[strings.TrimSuffix(name, ".manifest.json")+".ipm"])
		told = append(told, fmt.Sprintf("%s %s: %d of %d",
			m.Destination, m.FileID[20:], r.Totals.Presentments, r.Totals.SumMinor))
	}
	return told
}

// A date with more for a destination than one file holds, by records, by their sum or by rows of the summary, makes
// several: their sequences go on over the parts and the destinations behind them.
func TestSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		for name, c := range map[string]struct {
			bounds cutover.Bounds
			want   []string
		}{
			"nothing to split": {cutover.Bounds{}, []string{
				"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 5 of 1500",
			}},
			"by records": {cutover.Bounds{Records: 2}, []string{
				"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 2 of 300", "visa 00004: 2 of 700", "visa 00005: 1 of 500",
			}},
			"by sums": {cutover.Bounds{SumMinor: 600}, []string{
				"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 3 of 600", "visa 00004: 1 of 400", "visa 00005: 1 of 500",
			}},
			"by rows": {cutover.Bounds{Rows: 2}, []string{
				"amex 00001: 1 of 50", "jcb 00002: 0 of 0", "visa 00003: 3 of 600", "visa 00004: 2 of 900",
			}},
		} {
			b := openBook(t, vfs.NewMem())
			e, stop := b.run(settings(func(o *cutover.Options) {
				o.Bounds, o.Settings.Destinations = c.bounds, []string{"visa", "jcb"}
			}))
			date := b.j.OpenDay()
			for i := range 5 {
				p := b.authorized("visa", int64(i+1)*100)
				p.Merchant = []string{"M1", "M1", "M2", "M3", "M3"}[i]
				b.must(b.present(p, capture(int64(i+1)*100, 1), presentment.Snapshot{}))
			}
			b.must(b.present(b.authorized("amex", 50), capture(50, 1), presentment.Snapshot{}))
			if _, err := e.Cutover(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			wantAsSealed(t, b, date)
			if got := parts(t, b.fs, date); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			stop()
			b.close()
		}
	})
}

// A sum that PDS0301 cannot say is split at the bounds of the layout itself: 10,001 captures of the largest amount.
func TestMoreThanPDS0301Holds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		const largest, captures = 999_999_999_999, 10_001
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings())
		defer stop()
		date := b.j.OpenDay()
		for range captures {
			b.must(b.present(b.authorized("visa", largest), capture(largest, 1), presentment.Snapshot{}))
		}
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		want := []string{"visa 00001: 10000 of 9999999999990000", "visa 00002: 1 of 999999999999"}
		if got := parts(t, b.fs, date); !slices.Equal(got, want) {
			t.Errorf("the files are %q, want %q", got, want)
		}
	})
}

// More files than there are ids for keep no date from being sealed: the files hold a multiple of what they should.
func TestFewerIDsThanFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) {
			o.Bounds, o.Settings.NodeInFileID, o.Settings.Node = cutover.Bounds{Records: 2}, true, 7
		}))
		defer stop()
		date, ids := b.j.OpenDay(), clearing.MaxNodeSequence
		const more = 4001 // 2001 files of 2, 1001 of 4, 668 of 6
		for range more {
			b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
		}
		b.must(b.present(b.authorized("amex", 100), capture(100, 1), presentment.Snapshot{}))
		result, err := e.Cutover(t.Context(), false)
		if err != nil || len(result.Files) != 668 || len(result.Files) > ids {
			t.Fatalf("%d files, %v", len(result.Files), err)
		}
		for i, f := range result.Files {
			want := 6
			switch i {
			case 0:
				want = 1
			case len(result.Files) - 1:
				want = more - 666*6
			}
			if f.Records != want || !strings.HasSuffix(f.FileID, fmt.Sprintf("07%03d", i+1)) {
				t.Errorf("file %d: %d records in %s, want %d", i+1, f.Records, f.FileID, want)
			}
		}
		if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
			t.Errorf("made again: %+v, %v", checked, err)
		}
	})
}

// I8: where the files begin and end is in the plan: a crash while they are written, and a start with other bounds,
// and they are the same to the byte.
func TestSplitIsFixedWhenSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		play := func(crash bool) map[string]string {
			disk := &fullDisk{FS: vfs.NewMem()}
			b := openBook(t, disk.FS.(*vfs.MemFS))
			defer b.close()
			low := func(o *cutover.Options) { o.Bounds, o.FS = cutover.Bounds{Records: 3, SumMinor: 700}, disk }
			e, stop := b.run(settings(low))
			for i := range 9 {
				b.must(b.present(b.authorized("visa", int64(i+1)*100), capture(int64(i+1)*100, 1), presentment.Snapshot{}))
			}
			disk.full.Store(crash)
			if _, err := e.Cutover(t.Context(), true); crash == (err == nil) {
				t.Fatalf("the cutover ended with %v", err)
			}
			stop()
			disk.full.Store(false)
			_, stop = b.run(settings(func(o *cutover.Options) { o.Bounds = cutover.Bounds{Records: 5} }))
			stop()
			return tree(t, b.fs, "clearing")
		}
		want, got := play(false), play(true)
		if len(want) < 5*4 {
			t.Fatalf("only %q", names(want))
		}
		for name, text := range want {
			if got[name] != text {
				t.Errorf("%s differs", name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%q, want %q", names(got), names(want))
		}
	})
}

// A plan of before files were split has a file a destination, whatever it holds.
func TestPlanOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		date := payment.Date(20261120)
		b.must(b.j.Cutover(t.Context(), 0, date))
		for _, amount := range []int64{100, 200} {
			b.must(b.present(b.authorized("visa", amount), capture(amount, 1), presentment.Snapshot{}))
		}
		b.must(b.j.Cutover(t.Context(), date, date.Next()))
		data, err := json.Marshal(map[string]any{
			"sealed_at": "2026-11-20T12:00:00Z", "acquirer_id": "400001", "processor_id": "400002", "code_page": "cp500",
			"blocked": true, "production": false, "location": "UTC",
			"files": []map[string]any{{"destination": "amex", "sequence": 1}, {"destination": "visa", "sequence": 2}},
		})
		b.must(err)
		b.must(b.j.SetDay(context.Background(), journal.Day{Date: date, State: journal.DaySealed, Data: data}))
		_, stop := b.run(settings())
		stop()
		want := []string{"amex 00001: 0 of 0", "visa 00002: 2 of 300"}
		if got := parts(t, b.fs, date); !slices.Equal(got, want) {
			t.Errorf("the files are %q, want %q", got, want)
		}
		want = []string{"00001: window 0, last 0", "00002: window 0, last 0"} // as they may have been written before
		if got := places(t, b.fs, date); !slices.Equal(got, want) {
			t.Errorf("the manifests say %q, want %q", got, want)
		}
	})
}
