package cutover_test

import (
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

// put writes a file over.
func put(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write([]byte(text))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// otherwise are settings that nothing of a sealed date may be made with.
func otherwise(o *cutover.Options) {
	o.Location, o.Bounds = time.FixedZone("elsewhere", 3600), cutover.Bounds{Records: 1}
	o.Settings = cutover.Settings{
		AcquirerID: "999999", ProcessorID: "888888", Form: cutover.Form{CodePage: clearing.CP500}, Production: true,
		Destinations: []string{"zzz"},
	}
}

// I8: files that are made again from the journal are the same to the byte, whatever the config says by then; they are
// written to a new folder only, and nothing that is there changes.
func TestRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 00:00:00")
		b := aDay(t, vfs.NewMem())
		defer b.close()
		_, stop := b.run(settings(func(o *cutover.Options) { o.Bounds.Records = 2 }))
		stop()
		delivered := tree(t, b.fs, "clearing")
		e, stop := b.run(settings(otherwise))
		defer stop()
		for date, files := range map[payment.Date]int{20261120: 4, 20261121: 12} {
			checked, err := e.Check(t.Context(), date)
			if err != nil || len(checked.Differences) > 0 || len(checked.Files) != files {
				t.Fatalf("%s: %+v, %v", date, checked, err)
			}
			again := path.Join("again", date.String())
			written, err := e.Rebuild(t.Context(), date, again)
			if err != nil || !slices.Equal(written.Files, checked.Files) || written.Dir != again {
				t.Fatalf("%s: %+v, %v", date, written, err)
			}
			got := tree(t, b.fs, again)
			for name, text := range got {
				if delivered[path.Join("clearing", date.String(), path.Base(name))] != text {
					t.Errorf("%s differs", name)
				}
			}
			if len(got) != files {
				t.Errorf("%s: %q", date, names(got))
			}
			if _, err := e.Rebuild(t.Context(), date, again); !errors.Is(err, cutover.ErrExists) {
				t.Errorf("a second time: %v", err)
			}
		}
		for _, dir := range []string{"clearing", "clearing/2026-11-23", "clearing/x/y", "again/../clearing/2026-11-23"} {
			if _, err := e.Rebuild(t.Context(), 20261121, dir); !errors.Is(err, cutover.ErrExists) {
				t.Errorf("into %s: %v", dir, err)
			}
		}
		if _, err := e.Check(t.Context(), 20261122); !errors.Is(err, cutover.ErrUnwritten) {
			t.Errorf("the open date: %v", err)
		}
		if _, err := e.Rebuild(t.Context(), 20261122, "new"); !errors.Is(err, cutover.ErrUnwritten) {
			t.Errorf("the open date: %v", err)
		}
		if _, err := e.Check(t.Context(), 20260101); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a date that was never opened: %v", err)
		}
		for name, text := range tree(t, b.fs, "clearing") {
			if delivered[name] != text {
				t.Errorf("%s was changed", name)
			}
		}
		if left := tree(t, b.fs, "new"); len(left) > 0 {
			t.Errorf("refused, and %q is there", names(left))
		}
	})
}

// Descriptor words are fixed when a date is sealed, like code page and blocking: files are made again as they were,
// whatever the config says by then, and a date that is sealed later is as it says.
func TestFramingIsFixedWhenSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		closeDate := func(rdw, blocked bool) (ipm string) {
			e, stop := b.run(settings(func(o *cutover.Options) { o.Settings.RDW, o.Settings.Blocked = rdw, blocked }))
			defer stop()
			b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
			closed, err := e.Cutover(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			text := read(t, b.fs, closed.Files[0].IPM)
			report := verified(t, closed.Files[0].IPM, text)
			if want := (clearing.Framing{Blocked: blocked, RDW: rdw}); report.Framing != want {
				t.Errorf("%s: %s, want %s", closed.BusinessDate, report.Framing, want)
			}
			manifest, err := clearing.ReadManifest(strings.NewReader(read(t, b.fs, closed.Files[0].Manifest)))
			if err != nil || manifest.RDW != rdw || manifest.Blocked != blocked {
				t.Errorf("%s: manifest %+v, %v", closed.BusinessDate, manifest, err)
			}
			return text
		}
		records := closeDate(true, false)
		if n := int(records[0])<<8 | int(records[1]); records[2:4] != "\x00\x00" || records[n:n+2] == "\x00\x00" {
			t.Errorf("the file begins with %x, and %d bytes on stands %x", records[:4], n, records[n:n+4])
		}
		time.Sleep(24 * time.Hour)
		closeDate(true, true)
		time.Sleep(24 * time.Hour)
		closeDate(false, true)
		e, stop := b.run(settings(func(o *cutover.Options) { o.Settings.Blocked = false }))
		defer stop()
		for _, date := range []payment.Date{20261120, 20261121, 20261122} {
			if checked, err := e.Check(t.Context(), date); err != nil || len(checked.Differences) > 0 {
				t.Errorf("%s made again: %+v, %v", date, checked, err)
			}
		}
	})
}

// A date whose files could not be written yet is written to a folder elsewhere; nothing is there to compare.
func TestRebuildBeforeItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		disk := &fullDisk{FS: vfs.NewMem()}
		b := openBook(t, disk.FS.(*vfs.MemFS))
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) { o.FS = disk }))
		defer stop()
		b.must(b.present(b.authorized("visa", 100), capture(100, 1), presentment.Snapshot{}))
		disk.full.Store(true)
		if _, err := e.Cutover(t.Context(), true); err == nil {
			t.Fatal("the cutover wrote to a full disk")
		}
		disk.full.Store(false)
		if _, err := e.Check(t.Context(), 20261120); !errors.Is(err, cutover.ErrUnwritten) {
			t.Errorf("check: %v", err)
		}
		made, err := e.Rebuild(t.Context(), 20261120, "again")
		if err != nil || len(made.Files) != 4 || len(tree(t, b.fs, "again")) != 4 {
			t.Errorf("%+v, %v", made, err)
		}
	})
}

// What fails on the way leaves no folder, and an error.
func TestRebuildFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 00:00:00")
		b := aDay(t, vfs.NewMem())
		defer b.close()
		_, stop := b.run(settings())
		stop()
		steps := 0
		for n := int64(1); ; n++ {
			left := countdown{left: n}
			e, stop := b.run(settings(func(o *cutover.Options) {
				o.FS = errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if op.Kind != errorfs.OpRemoveAll && strings.HasPrefix(op.Path, "again") {
						return left.step(op.Path)
					}
					return nil
				}))
			}))
			_, err := e.Rebuild(t.Context(), 20261121, "again")
			stop()
			if err == nil {
				break
			}
			steps++
			if !errors.Is(err, errorfs.ErrInjected) || len(tree(t, b.fs, "again")) > 0 {
				t.Fatalf("step %d, %s: %v; %q is left", n, left.at, err, names(tree(t, b.fs, "again")))
			}
		}
		if steps < 20 {
			t.Errorf("only %d steps", steps)
		}
	})
}

// A delivered file that is another one is told of with the first place at which it is, whatever it is.
func TestRebuiltDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-22 00:00:00")
		b := aDay(t, vfs.NewMem())
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) { o.Settings.CodePage = clearing.ASCII }))
		defer stop()
		const stem = "clearing/2026-11-21/002261121000004000020000" // of amex 1, and visa 2
		replaced := func(from, to string) func(string) string {
			return func(text string) string {
				if !strings.Contains(text, from) {
					t.Errorf("%q does not stand there", from)
				}
				return strings.Replace(text, from, to, 1)
			}
		}
		for _, c := range []struct {
			name, file string
			change     func(string) string
			want       string
		}{
			{"an amount", "2.ipm", replaced("000000006000", "000000006001"),
				`record 4 DE4: "000000006000  60.00 EUR" "000000006001  60.01 EUR"`},
			{"a card with the same mask", "2.ipm", replaced("4111111111111111", "4111112222221111"),
				`record 2 DE2: "411111******1111" "411111******1111"`},
			{"a subelement", "2.ipm", replaced("01480049782", "01480049783"), `record 2 DE48 PDS0148: "9782" "9783"`},
			{"the trailer", "2.ipm", replaced("0301016", "0302016"),
				`record 6 DE48 PDS0301: "0000000000011200" "nothing"`},
			{"what fills the block", "2.ipm", func(s string) string { return s[:len(s)-1] + "X" },
				`record 4 : "" "clearing: record 4 at byte 2026: block ends`},
			{"a block's end", "2.ipm", func(s string) string { return s[:1012] + "XX" + s[1014:] },
				`record 0 : "" "clearing: file at byte 1012: block ends`},
			{"cut", "2.ipm", func(s string) string { return s[:1014] }, `record 4 : `},
			{"nothing in it", "2.ipm", func(string) string { return "" }, `record 0 : "" "clearing: the file is empty"`},
			{"longer", "2.ipm", func(s string) string { return s + s[:1014] },
				`record 0 : "" "clearing: file at byte 2028: there are bytes`},
			{"a cell", "2.detail.csv", replaced(",6000,", ",6001,"), `record 3 amount_minor: "6000" "6001"`},
			{"a row more", "2.detail.csv", func(s string) string { return s + s[strings.LastIndex(s[:len(s)-2], "\n")+1:] },
				`record 5 payment: "nothing" "P`},
			{"a column's name", "2.detail.csv", replaced("capture,", "captured,"), `record 0 capture: "capture" "captured"`},
			{"line ends", "2.detail.csv", func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") },
				`record 0 : "" ""`},
			{"a quote", "2.detail.csv", replaced("M1", `M"1`), `record 1 : "" "parse error on line 2`},
			{"a sum", "2.summary.csv", replaced(",10000,", ",10001,"), `record 1 gross_minor: "10000" "10001"`},
			{"a total", "2.manifest.json", replaced(`"sum_minor": 11200`, `"sum_minor": 11201`), `sum_minor: `},
			{"a card in a manifest", "1.manifest.json", replaced(`"amex"`, `"4111111111111111"`),
				`destination: "\"destination\": \"amex\"," "\"destination\": \"411111******1111\","`},
		} {
			name := stem + c.file
			before := read(t, b.fs, name)
			put(t, b.fs, name, c.change(before))
			checked, err := e.Check(t.Context(), 20261121)
			put(t, b.fs, name, before)
			if err != nil || len(checked.Differences) != 1 {
				t.Errorf("%s: %+v, %v", c.name, checked, err)
				continue
			}
			d := checked.Differences[0]
			got := fmt.Sprintf("record %d %s: %q %q", d.Record, d.Field, d.Rebuilt, d.Delivered)
			at := int64(0)
			for after := c.change(before); at < int64(min(len(before), len(after))) && before[at] == after[at]; {
				at++
			}
			if !strings.Contains(got, c.want) || d.Offset != at || path.Base(name) != d.File || d.Missing {
				t.Errorf("%s: %+v: %s, want %s at byte %d", c.name, d, got, c.want, at)
			}
		}
		b.must(b.fs.Remove(stem + "2.summary.csv"))
		put(t, b.fs, stem+"1.ipm", "")
		checked, err := e.Check(t.Context(), 20261121)
		if err != nil || len(checked.Differences) != 2 || checked.Differences[0].Missing || !checked.Differences[1].Missing {
			t.Errorf("%+v, %v", checked, err)
		}
	})
}
