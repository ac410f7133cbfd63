package pebble

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
)

// I3: whatever becomes of the stretches in which keys lie, each key is claimed or free exactly where it is in a journal
// that keeps them in a map: while they are claimed one by one, in slices and burned, swept, by a clock that is behind
// at times, over restarts, from older formats on, and where hashes tell keys apart or not.
func TestKeysInStretches(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playKeys(t, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

const playedKeys = 300

// keysGame is a journal and its model.
type keysGame struct {
	t      *testing.T
	rng    *rand.Rand
	o      Options
	j      *Journal
	model  *memory.Journal
	off    time.Duration // of the clock
	number uint64        // of the newest payment
}

func playKeys(t *testing.T, rng *rand.Rand) {
	g := &keysGame{t: t, rng: rng, o: options(t, vfs.NewMem())}
	g.o.keysOfStretch = 1 + rng.IntN(20)
	if bits := rng.IntN(8); bits < 4 {
		g.o.hashKey = func(name []byte) (hash uint64) {
			for _, c := range name {
				hash = hash*31 + uint64(c)
			}
			return hash & (1<<bits - 1) * 0x9e3779b97f4a7c15
		}
	}
	g.o.Clock = clock.New(clock.Options{Wall: func() time.Time { return time.Now().Add(g.off) }})
	g.j, g.model = openWith(t, g.o), memory.NewStore().Open(g.o.Clock, nil)
	for range 250 {
		time.Sleep(time.Duration(1+rng.IntN(60)) * time.Millisecond)
		switch rng.IntN(20) {
		case 0:
			g.restart()
		case 1:
			makeOlder(t, g.j, byte(1+rng.IntN(2)))
			g.j = openWith(t, g.o)
		case 2, 3:
			g.sweep()
		case 4:
			g.off = -time.Duration(rng.IntN(5000)*rng.IntN(2)) * time.Millisecond
			if g.off == 0 {
				g.o.Clock.Confirm()
			}
		case 5, 6:
			g.burn()
		case 7, 8, 9:
			g.look()
		default:
			g.claim()
		}
		if t.Failed() {
			return
		}
	}
	for n := range playedKeys {
		g.same(n)
	}
	verified(t, g.j)
	if err := g.j.Close(); err != nil {
		t.Error(err)
	}
}

func (g *keysGame) restart() {
	if err := g.j.Close(); err != nil {
		g.t.Fatal(err)
	}
	g.j = openWith(g.t, g.o)
	if g.rng.IntN(2) == 0 {
		<-g.j.filtered
	}
}

// sweep deletes what is older than some age.
func (g *keysGame) sweep() {
	before := g.o.Clock.Now().Add(-time.Duration(g.rng.IntN(6000)) * time.Millisecond)
	swept := func(j journal.Journal) (all int) {
		for more := true; more; {
			var n int
			var err error
			if n, more, err = j.SweepKeys(ctx, before, 1+g.rng.IntN(30)); err != nil {
				g.t.Fatal(err)
			}
			all += n
		}
		return all
	}
	if a, b := swept(g.j), swept(g.model); a != b {
		g.t.Errorf("%d keys are swept, want %d", a, b)
	}
}

func (g *keysGame) key(n int) journal.KeyClaim {
	return journal.KeyClaim{Merchant: fmt.Sprint("M", n%2), Key: fmt.Sprint("key ", n)}
}

func (g *keysGame) burn() {
	key := g.key(g.rng.IntN(playedKeys))
	g.agree(g.j.BurnKey(ctx, key), g.model.BurnKey(ctx, key))
}

// claim commits payments with a key or two each, alone or in a slice.
func (g *keysGame) claim() {
	var ts []*journal.Transition
	for range 1 + g.rng.IntN(12)*g.rng.IntN(2) {
		g.number++
		tr := &journal.Transition{Payment: fresh(g.number)}
		first := g.rng.IntN(playedKeys)
		for i := range g.rng.IntN(3) {
			tr.Keys = append(tr.Keys, g.key((first+7*i)%playedKeys))
		}
		ts = append(ts, tr)
	}
	errs := make([]error, len(ts))
	if len(ts) == 1 {
		errs[0] = g.j.Commit(ctx, ts[0])
	} else {
		g.j.CommitAll(ctx, ts, errs)
	}
	for i, tr := range ts {
		g.agree(errs[i], g.model.Commit(ctx, tr))
	}
}

// agree holds an error of the journal against the model's.
func (g *keysGame) agree(got, want error) {
	g.t.Helper()
	var a, b *journal.KeyTakenError
	if fmt.Sprint(got) != fmt.Sprint(want) || errors.As(got, &a) != errors.As(want, &b) || a != nil && *a != *b {
		g.t.Errorf("%v (%+v), want %v (%+v)", got, a, want, b)
	}
}

func (g *keysGame) look() {
	for range 10 {
		g.same(g.rng.IntN(playedKeys))
	}
}

// same holds what is read of a key against the model.
func (g *keysGame) same(n int) {
	key := g.key(n)
	got, err := g.j.Key(ctx, key.Merchant, key.Key)
	want, none := g.model.Key(ctx, key.Merchant, key.Key)
	if got != want || !errors.Is(err, none) {
		g.t.Errorf("%s: %+v, %v, want %+v, %v", key.Key, got, err, want, none)
	}
}

// makeOlder makes of a journal one of an older format, as its program would have written it, and closes it.
func makeOlder(t *testing.T, j *Journal, format byte) {
	t.Helper()
	b := j.db.NewBatch()
	err := j.scan([]byte{prefixClaim}, []byte{prefixClaim + 1}, func(it *pebble.Iterator) error {
		for ok := it.First(); ok; ok = it.Next() {
			old := append([]byte{prefixKey}, it.Key()[claimHead:]...)
			if err := errors.Join(b.Set(old, it.Value(), nil), b.Delete(it.Key(), nil)); err != nil {
				return err
			}
		}
		return it.Error()
	})
	begun := stretchKey(0)[:2]
	err = errors.Join(err, b.DeleteRange(begun, after(begun), nil), b.Set(keyFormat, []byte{format}, nil),
		b.Commit(pebble.Sync), j.Close())
	if err != nil {
		t.Fatal(err)
	}
}

// A stretch is as long as what is kept needs, so that there are few; and those that are swept are gone, with their
// filters.
func TestStretches(t *testing.T) { synctest.Test(t, playStretches) }

func playStretches(t *testing.T) {
	o := options(t, vfs.NewMem())
	o.keysOfStretch = 100
	j := openWith(t, o)
	claimed := 0
	claimMany := func(keys int) {
		var ts []*journal.Transition
		for range keys {
			claimed++
			ts = append(ts, &journal.Transition{Payment: fresh(uint64(claimed)), Keys: claim(fmt.Sprint("k", claimed))})
		}
		for len(ts) > 0 {
			n := min(len(ts), 50)
			errs := make([]error, n)
			if j.CommitAll(ctx, ts[:n], errs); errors.Join(errs...) != nil {
				t.Fatal(errors.Join(errs...))
			}
			ts = ts[n:]
		}
	}
	claimMany(10_000)
	list := j.stretches.all()
	if n := len(list); n < 10 || n > 4*stretchShare {
		t.Errorf("%d keys lie in %d stretches", claimed, n)
	}
	for i, s := range list[:len(list)-1] {
		if keys := int(s.filter.keys.Load()); keys < s.room || keys > s.room+50 {
			t.Errorf("stretch %d has %d keys, it is made for %d", i, keys, s.room)
		}
	}
	lines := j.stretches.lines
	time.Sleep(time.Hour)
	claimMany(5_000)
	swept, err := 0, error(nil)
	for more := true; more && err == nil; {
		var n int
		n, more, err = j.SweepKeys(ctx, time.Now().Add(-time.Minute), journal.MaxSweep)
		swept += n
	}
	if err != nil || swept != 10_000 {
		t.Errorf("%d keys are swept, %v", swept, err)
	}
	j.stretches.drop(list[:4]) // as another sweep would that ran beside it
	left := j.stretches.all()
	if n := len(left); n > 6 || left[0].first > 10_001 {
		t.Errorf("%d keys lie in %d stretches, the first from %d on", claimed-swept, n, left[0].first)
	}
	if j.stretches.lines <= lines {
		t.Errorf("there is room for %d lines of filters, before the sweep %d", j.stretches.lines, lines)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openWith(t, o)
	for i, s := range j.stretches.all() {
		if s.number != left[i].number || s.first != left[i].first || s.room != left[i].room {
			t.Errorf("after a restart stretch %d begins at %d, with room for %d; it did at %d, for %d", s.number, s.first,
				s.room, left[i].first, left[i].room)
		}
	}
	if n := len(j.stretches.all()); n != len(left) {
		t.Errorf("after a restart there are %d stretches, want %d", n, len(left))
	}
	verified(t, j)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// Stretches that are not in their order are no journal's.
func TestStretchesThatAreDamaged(t *testing.T) {
	for name, value := range map[string][]byte{
		"past the end": append([]byte{1}, 0, 0, 0, 0, 0, 0, 0, 9, 1), "cut": {1, 0}, "newer": {2},
	} {
		fs := vfs.NewMem()
		j := open(t, fs)
		commit(t, j, &journal.Transition{Payment: fresh(1), Keys: claim("k")})
		if err := errors.Join(j.db.Set(stretchKey(2), value, pebble.Sync), j.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(options(t, fs)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
