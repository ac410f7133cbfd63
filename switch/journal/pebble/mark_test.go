package pebble

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
)

// marked opens a journal with a mark outside of its folder.
func marked(t testing.TB, fs vfs.FS) *Journal {
	t.Helper()
	j, err := Open(markedOptions(t, fs))
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

func markedOptions(t testing.TB, fs vfs.FS) Options {
	o := options(t, fs)
	o.Mark = "data.mark"
	o.Marked = func(counter string) bool { return counter == "payment" || strings.HasPrefix(counter, "arn/") }
	return o
}

// file returns the bytes of a file.
func file(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t testing.TB, fs vfs.FS, path string, text []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// newestLog is the name of the newest log file of a folder, whose size is not zero.
func newestLog(t testing.TB, fs vfs.FS, dir string) string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".log") && name > newest && len(file(t, fs, fs.PathJoin(dir, name))) > 0 {
			newest = name
		}
	}
	if newest == "" {
		t.Fatal("no log file")
	}
	return fs.PathJoin(dir, newest)
}

func copyFolder(t testing.TB, fs *vfs.MemFS, from, to string) {
	t.Helper()
	if _, err := vfs.Clone(fs, fs, from, to, vfs.CloneSync); err != nil {
		t.Fatal(err)
	}
}

// What is broken in the newest log file of a journal is found at the start, by both ways to open it, and before
// anything is written: with the file put right again the journal opens.
func TestDamagedNewestLog(t *testing.T) {
	damages := map[string]func(fs vfs.FS, path string, text []byte){
		"cut to half": func(fs vfs.FS, path string, text []byte) { write(t, fs, path, text[:len(text)/2]) },
		"missing": func(fs vfs.FS, path string, _ []byte) {
			if err := fs.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"empty":       func(fs vfs.FS, path string, _ []byte) { write(t, fs, path, nil) },
		"last record": func(fs vfs.FS, path string, text []byte) { write(t, fs, path, text[:len(text)-40]) },
	}
	for _, at := range []int{10, 3, 2} { // of the file: a part of its bits
		damages["a bit at 1/"+string(rune('0'+at%10))] = func(fs vfs.FS, path string, text []byte) {
			text[len(text)/at] ^= 4
			write(t, fs, path, text)
		}
	}
	for name, damage := range damages {
		for _, killed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				fs := vfs.NewCrashableMem()
				j := marked(t, fs)
				for n := range uint64(40) {
					commit(t, j, &journal.Transition{Payment: fresh(n + 1), Opens: []int{0}})
				}
				left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1,
					1))}) // a kill: the page cache stays
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				if !killed {
					left = fs
				}
				path := newestLog(t, left, "data")
				whole := file(t, left, path)
				damage(left, path, append([]byte(nil), whole...))
				for _, readOnly := range []bool{true, false} {
					o := markedOptions(t, left)
					o.ReadOnly = readOnly
					j, err := Open(o)
					if err == nil {
						_ = j.Close()
						t.Fatalf("it opens (reading only: %v)", readOnly)
					}
					if !errors.Is(err, ErrDamaged) && !strings.Contains(err.Error(), "replay") {
						t.Errorf("opening it says: %v", err)
					}
				}
				write(t, left, path, whole)
				again := marked(t, left)
				if _, err := again.Payment(ctx, fresh(40).ID); err != nil || again.Hold() != nil {
					t.Errorf("put right: %v, %+v", err, again.Hold())
				}
			})
		}
	}
}

// A folder that is put back to an earlier copy of itself is held, until it is released; its counters go on from where
// the mark saw them, and neither it nor another copy of that time passes for the journal afterwards.
func TestEarlierCopyIsHeld(t *testing.T) {
	fs := vfs.NewMem()
	j := marked(t, fs)
	commit(t, j, &journal.Transition{Payment: fresh(1)})
	if _, err := j.Reserve(ctx, "payment", 100); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, fs, "data", "earlier")
	j = marked(t, fs)
	if h := j.Hold(); h != nil {
		t.Fatalf("held after a stop: %+v", h)
	}
	commit(t, j, &journal.Transition{Payment: fresh(2)})
	first, err := j.Reserve(ctx, "payment", 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	putBack := func() *Journal {
		if err := fs.RemoveAll("data"); err != nil {
			t.Fatal(err)
		}
		copyFolder(t, fs, "earlier", "data")
		return marked(t, fs)
	}
	for range 2 { // and again after a stop while it is held
		j = putBack()
		h := j.Hold()
		if h == nil || len(h.Reasons) != 1 || !strings.Contains(h.Reasons[0], "earlier copy") {
			t.Fatalf("held: %+v", h)
		}
		if _, ok := j.Lost(); !ok {
			t.Error("what the mark knows is not told")
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = marked(t, fs)
		if again := j.Hold(); again == nil || len(again.Reasons) != 1 {
			t.Fatalf("held at the next start: %+v", again)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j = marked(t, fs)
	if err := j.Release(ctx); err != nil {
		t.Fatal(err)
	}
	next, err := j.Reserve(ctx, "payment", 1)
	if err != nil || next < first+100 {
		t.Errorf("the first number after the release is %d, %v; numbers below %d were given", next, err, first+100)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = marked(t, fs)
	if h := j.Hold(); h != nil {
		t.Errorf("held after it was released: %+v", h)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j = putBack(); j.Hold() == nil {
		t.Error("the copy that was put back once passes for the journal")
	}
}

// The counter of payments, which moves seldom, stays in the mark beside those of however many business dates.
func TestMarkKeepsTheLastingCounter(t *testing.T) {
	fs := vfs.NewMem()
	j := marked(t, fs)
	reserve := func(counter string) uint64 {
		t.Helper()
		first, err := j.Reserve(ctx, counter, 100)
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	commit(t, j, &journal.Transition{Payment: fresh(1)})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, fs, "data", "earlier")
	j = marked(t, fs)
	first := reserve("payment")
	for date := range 3 * maxMarked {
		reserve(fmt.Sprintf("arn/400001/%d", date))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fs.RemoveAll("data"); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, fs, "earlier", "data")
	j = marked(t, fs)
	if err := j.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if next := reserve("payment"); next < first+100 {
		t.Errorf("the first number after the release is %d; numbers below %d were given", next, first+100)
	}
	if next := reserve(fmt.Sprintf("arn/400001/%d", 3*maxMarked-1)); next < 100 {
		t.Errorf("the first number of the newest date is %d; numbers below 100 were given", next)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// A journal without its mark, or beside another journal's, is held: it came from elsewhere, or the folder was emptied.
func TestStrangeMarkIsHeld(t *testing.T) {
	t.Run("mark is gone", func(t *testing.T) {
		fs := vfs.NewMem()
		if err := marked(t, fs).Close(); err != nil {
			t.Fatal(err)
		}
		if err := fs.Remove("data.mark"); err != nil {
			t.Fatal(err)
		}
		if h := marked(t, fs).Hold(); h == nil {
			t.Error("not held")
		}
	})
	t.Run("folder is emptied", func(t *testing.T) {
		fs := vfs.NewMem()
		j := marked(t, fs)
		commit(t, j, &journal.Transition{Payment: fresh(1)})
		if err := errors.Join(j.Close(), fs.RemoveAll("data")); err != nil {
			t.Fatal(err)
		}
		if h := marked(t, fs).Hold(); h == nil {
			t.Error("not held")
		}
	})
	t.Run("first start was broken off", func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		o := markedOptions(t, fs)
		m := &mark{Identity: identity{1}}
		if err := createMark(fs, o.Mark, m); err != nil {
			t.Fatal(err)
		}
		if h := marked(t, fs).Hold(); h != nil {
			t.Errorf("held: %+v", h)
		}
	})
	t.Run("journal of an older program", func(t *testing.T) {
		fs := vfs.NewMem()
		j := open(t, fs)
		commit(t, j, &journal.Transition{Payment: fresh(1)})
		if err := errors.Join(j.db.Delete(keySynced, nil), j.Close(), fs.Remove("data/"+insideMark)); err != nil {
			t.Fatal(err)
		}
		if h := marked(t, fs).Hold(); h != nil {
			t.Errorf("held: %+v", h)
		}
	})
}

// A mark that a crash left torn, stale or half written is never one that is ahead of the journal.
func TestMarkSlots(t *testing.T) {
	m := mark{Identity: identity{1, 2}, Batch: 77, Counters: map[string]uint64{"payment": 65537, "arn/400001/20261121": 9}}
	for _, withCounters := range []bool{true, false} {
		text := appendMark(nil, &m, withCounters)
		got, ok := decodeMark(append(text, make([]byte, 100)...))
		if !ok || got.Identity != m.Identity || got.Batch != 77 || (len(got.Counters) == 2) != withCounters {
			t.Fatalf("read as %+v, %v", got, ok)
		}
		for i := range text {
			bad := append([]byte(nil), text...)
			bad[i] ^= 1
			if _, ok := decodeMark(bad); ok {
				t.Errorf("a wrong bit at byte %d is not seen", i)
			}
			if _, ok := decodeMark(text[:i]); ok {
				t.Errorf("cut at byte %d is not seen", i)
			}
		}
	}
	fs := vfs.NewMem()
	write(t, fs, "empty", nil)
	if _, err := readMark(fs, "empty"); err == nil {
		t.Error("an empty file is a mark")
	}
}
