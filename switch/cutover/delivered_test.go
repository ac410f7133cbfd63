package cutover_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/cutover"
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
