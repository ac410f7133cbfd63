package pebble

import (
	"errors"
	"fmt"
	"hash/maphash"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
)

// A key that was added is never absent, and of those that were not few are taken for one that may be there: when
// the first layer is full, and with a second one.
func TestKeyFilter(t *testing.T) {
	f := newKeyFilter()
	f.loaded.Store(true)
	seed := maphash.MakeSeed()
	hash := func(i int) uint64 { return maphash.Comparable(seed, i) }
	added := 0
	for _, upTo := range []int{filterLineKeys * filterFirst, 2 * filterLineKeys * filterFirst} {
		for ; added < upTo; added++ {
			f.add(hash(added))
		}
		for i := range added {
			if f.absent(hash(i)) {
				t.Fatalf("of %d keys, key %d is absent", added, i)
			}
		}
		wrong := 0
		const asked = 100_000
		for i := range asked {
			if !f.absent(hash(added + i)) {
				wrong++
			}
		}
		if wrong > asked/20 {
			t.Errorf("with %d keys, %d of %d others may be there", added, wrong, asked)
		}
	}
}

// A filter that is full still knows each key, and one with far more than it is made for says nothing.
func TestKeyFilterPastItsBounds(t *testing.T) {
	f := newKeyFilter()
	f.loaded.Store(true)
	stack := f.layers.Load()
	for f.top < filterLayers-1 {
		f.top++
		stack[f.top].Store(&filterLayer{{}})
	}
	f.room, f.keys = 0, filterUseful-1000
	for i := range uint64(1000) {
		f.add(i << 32)
	}
	if f.absent(999 << 32) {
		t.Error("a key is lost")
	}
	if f.add(1000<<32) || f.add(1001<<32) {
		t.Error("the filter is not given up")
	}
	for _, hash := range []uint64{999 << 32, 1000 << 32, 1001 << 32, 1 << 63} {
		if f.absent(hash) {
			t.Errorf("%x is absent for a filter that is given up", hash)
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
