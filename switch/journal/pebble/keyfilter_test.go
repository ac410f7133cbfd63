package pebble

import (
	"errors"
	"fmt"
	"hash/maphash"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
)

// A key that was added is never absent, and of those that were not few are taken for one that may be there: of a filter
// as it is made for its keys, and more of one that had no room.
func TestKeyFilter(t *testing.T) {
	seed := maphash.MakeSeed()
	hash := func(i int) uint64 { return maphash.Comparable(seed, i) }
	for _, c := range []struct{ keys, most, wrong int }{
		{1, filterLines, 1000}, {1 << 20, filterLines, 1000}, {1 << 20, 1 << 13, 25_000},
		{1 << 20, 1, 100_000}, {1 << 20, 0, 100_000},
	} {
		var f keyFilter
		f.loaded.Store(true)
		if took := f.make(c.keys, c.most); took > c.most {
			t.Errorf("%d lines, at most %d", took, c.most)
		}
		for i := range c.keys {
			f.add(hash(i))
		}
		for i := range c.keys {
			if f.absent(hash(i)) {
				t.Fatalf("of %d keys, key %d is absent", c.keys, i)
			}
		}
		wrong := 0
		const asked = 100_000
		for i := range asked {
			if !f.absent(hash(c.keys + i)) {
				wrong++
			}
		}
		if wrong > c.wrong {
			t.Errorf("with %d keys in %d lines, %d of %d others may be there", c.keys, len(f.lines), wrong, asked)
		}
	}
}

// I3: keys claimed before a restart are refused after it, before the filter is loaded and then; others are not there.
func TestKeysAfterRestart(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	const keys = 100
	for n := range uint64(keys) {
		commit(t, j, &journal.Transition{Payment: fresh(n + 1), Keys: claim(fmt.Sprint("k", n))})
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, fs)
	for _, loaded := range []bool{false, true} {
		if loaded {
			<-j.filtered
		}
		for n := range keys {
			var taken *journal.KeyTakenError
			if err := j.Commit(ctx, &journal.Transition{Payment: fresh(keys + 1),
				Keys: claim(fmt.Sprint("k", n))}); !errors.As(err, &taken) {
				t.Fatalf("key %d, loaded %v: %v", n, loaded, err)
			}
			if _, err := j.Key(ctx, "M1", fmt.Sprint("k", n)); err != nil {
				t.Fatalf("key %d, loaded %v: %v", n, loaded, err)
			}
			if _, err := j.Key(ctx, "M1", fmt.Sprint("other", n)); !errors.Is(err, journal.ErrNotFound) {
				t.Fatalf("another key, loaded %v: %v", loaded, err)
			}
		}
	}
}
