package cutover_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/cutover"
	"switchyard/switch/merchant"
)

// putBackDay is a book whose date 2026-11-21 was closed and delivered, and whose journal was then put back to before
// that: a capture that was delivered is in it, and another one is accepted since.
func putBackDay(t *testing.T) (b *book, delivered map[string]string) {
	t.Helper()
	b = openBook(t, vfs.NewMem())
	b.must(b.j.Cutover(t.Context(), 0, 20261121))
	p := b.authorized("visa", 10_000)
	b.must(b.present(p, capture(4000, 1), cutover.Snapshot{}))
	b.must(b.j.Checkpoint("earlier"))
	lost := b.authorized("visa", 9000)
	b.must(b.present(lost, capture(9000, 1), cutover.Snapshot{}))
	b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
	_, stop := b.run(settings())
	stop()
	delivered = tree(t, b.fs, "clearing")
	b.close()
	if err := b.fs.RemoveAll("journal"); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.Clone(b.fs, b.fs, "earlier", "journal"); err != nil {
		t.Fatal(err)
	}
	b = openBook(t, b.fs)
	b.made += 10
	late := b.authorized("visa", 500)
	b.must(b.present(late, capture(500, 1), cutover.Snapshot{}))
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

// I8: what was put aside when its date was closed, and left with a later date, is not presented again where the journal
// is put back to before all of that, although it is filed on the first date there.
func TestDeliveredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 20:26:01")
		b := openBook(t, vfs.NewMem())
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		broken := b.authorized("visa", 700)
		b.must(b.present(broken, capture(700, 1), cutover.Snapshot{}))
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
		b.close()
		b.must(b.fs.RemoveAll("journal"))
		_, err = vfs.Clone(b.fs, b.fs, "earlier", "journal")
		b.must(err)
		b = openBook(t, b.fs)
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
		if total != 5 {
			t.Errorf("%d presentments in the date's files, want 5, in %q", total, names(files))
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
