package journaltest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

func commitAndRead(t *testing.T, store Store) {
	j := store(t)(t)
	p := Fresh(1)
	p.Reference = "order 1"
	before := time.Now()
	commit(t, j, &journal.Transition{Payment: p, Keys: Claim("k"), Opens: []int{0}})

	got, err := j.Payment(ctx, p.ID)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("Payment: %+v, %v", got, err)
	}
	e, err := j.Key(ctx, "M1", "k")
	if err != nil || e.Payment != p.ID || e.Op != 0 || e.MAC != [16]byte{1} || e.Claimed.Before(before) {
		t.Errorf("Key: %+v, %v", e, err)
	}
	if _, err := j.Payment(ctx, payment.NewID(1, 2)); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a payment that is not there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "other"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := j.Meta(ctx, "none"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a value that is not there: %v", err)
	}
	if _, err := j.Day(ctx, day1); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a day that is not there: %v", err)
	}
	if err := j.PutMeta(ctx, "name", []byte("value")); err != nil {
		t.Error(err)
	}
	if v, err := j.Meta(ctx, "name"); err != nil || string(v) != "value" {
		t.Errorf("Meta: %q, %v", v, err)
	}
}

// metas is what stands under a prefix, and what does not.
func metas(t *testing.T, store Store) {
	j := store(t)(t)
	for _, name := range []string{"ring/0002", "ring", "ring/0000", "rinh", "ring0", "another", "ring/0010"} {
		if err := j.PutMeta(ctx, name, []byte("of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(prefix string, most int) (all []string) {
		t.Helper()
		if err := j.Metas(ctx, prefix, func(name string, value []byte) bool {
			all = append(all, name+"="+string(value))
			return len(all) < most
		}); err != nil {
			t.Errorf("Metas %q: %v", prefix, err)
		}
		return all
	}
	whole := []string{"ring/0000=of ring/0000", "ring/0002=of ring/0002", "ring/0010=of ring/0010"}
	if got := listed("ring/", 10); !slices.Equal(got, whole) {
		t.Errorf("Metas: %q; want %q", got, whole)
	}
	if got := listed("ring/", 2); !slices.Equal(got, whole[:2]) {
		t.Errorf("Metas until it is enough: %q; want %q", got, whole[:2])
	}
	if got := listed("ring/1", 10); got != nil {
		t.Errorf("Metas of nothing: %q", got)
	}
}

func versions(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	foreign := Fresh(1)
	foreign.ID = payment.NewID(2, 1)
	for _, p := range []*payment.Payment{Fresh(10), foreign} {
		commit(t, j, &journal.Transition{Payment: p})
		refused := func(version uint64) {
			t.Helper()
			q := *p
			q.Version = version
			q.Terminal = "T2"
			if err := j.Commit(ctx, &journal.Transition{Payment: &q, Keys: Claim("refused")}); !errors.Is(
				err, journal.ErrVersion,
			) {
				t.Errorf("%s version %d after %d: %v", p.ID, version, p.Version, err)
			}
		}
		refused(1)
		refused(3)
		p.Version = 2
		commit(t, j, &journal.Transition{Payment: p})
		refused(1)
		refused(2)
		if got, err := j.Payment(ctx, p.ID); err != nil || got.Version != 2 || got.Terminal != "T1" {
			t.Errorf("a refused transition left something: %+v, %v", got, err)
		}
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: &payment.Payment{ID: payment.NewID(1, 11),
		Version: 2}}); !errors.Is(err, journal.ErrVersion) {
		t.Errorf("version 2 of a payment that is not there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "refused"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a refused transition left its key: %v", err)
	}

	// After a restart nothing is in memory.
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	for _, p := range []*payment.Payment{Fresh(10), foreign} {
		for _, c := range []struct {
			version uint64
			want    error
		}{{1, journal.ErrVersion}, {2, journal.ErrVersion}, {4, journal.ErrVersion}, {3, nil}, {3, journal.ErrVersion}} {
			p.Version = c.version
			if err := j.Commit(ctx, &journal.Transition{Payment: p}); !errors.Is(err, c.want) {
				t.Errorf("%s version %d after the restart: %v, want %v", p.ID, c.version, err, c.want)
			}
		}
	}
	commit(t, j, &journal.Transition{Payment: Fresh(9)}) // below the newest, yet never used
}

func badTransitions(t *testing.T, store Store) {
	j := store(t)(t)
	with := func(change func(tr *journal.Transition)) *journal.Transition {
		tr := &journal.Transition{Payment: Fresh(1)}
		change(tr)
		return tr
	}
	for name, tr := range map[string]*journal.Transition{
		"no payment":       {},
		"no id":            with(func(tr *journal.Transition) { tr.Payment.ID = payment.ID{} }),
		"no version":       with(func(tr *journal.Transition) { tr.Payment.Version = 0 }),
		"negative amount":  with(func(tr *journal.Transition) { tr.Payment.Ops[0].Amount = -1 }),
		"zero byte in key": with(func(tr *journal.Transition) { tr.Keys = Claim("a\x00b") }),
		"empty key":        with(func(tr *journal.Transition) { tr.Keys = Claim("") }),
		"empty merchant":   with(func(tr *journal.Transition) { tr.Keys = []journal.KeyClaim{{Key: "k"}} }),
		"reference":        with(func(tr *journal.Transition) { tr.Payment.Reference = "\x00" }),
		"too many keys":    with(func(tr *journal.Transition) { tr.Keys = make([]journal.KeyClaim, journal.MaxClaims+1) }),
		"opens nothing":    with(func(tr *journal.Transition) { tr.Opens = []int{1} }),
		"closes nothing":   with(func(tr *journal.Transition) { tr.Closes = []int{-1} }),
		"queue of no host": with(func(tr *journal.Transition) { tr.Queue = []journal.SAFRow{{}} }),
		"dequeue":          with(func(tr *journal.Transition) { tr.Dequeue = []journal.SAFRef{{}} }),
		"no date":          with(func(tr *journal.Transition) { tr.Present = []journal.Presentment{{}} }),
		"no destination":   with(func(tr *journal.Transition) { tr.Withdraw = []journal.PresentmentRef{{Date: day1}} }),
		"created in 1066": with(func(tr *journal.Transition) {
			tr.Payment.Created = time.Date(1066, 10, 14, 9, 0, 0, 0,
				time.UTC)
		}),
		"endless reference": with(func(tr *journal.Transition) { tr.Payment.Reference = string(make([]byte, 1<<16)) }),
	} {
		if err := j.Commit(ctx, tr); err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	if err := j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
		t.Errorf("stored: %+v",
			p)
		return true
	}); err != nil {
		t.Error(err)
	}
}

func canceledContext(t *testing.T, store Store) {
	j := store(t)(t)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := j.Commit(ended, &journal.Transition{Payment: Fresh(1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	slice := all(ended, j, []*journal.Transition{{}, {Payment: Fresh(1)}, {Payment: Fresh(2), Keys: Claim("k")}})
	if slice[0] == nil || errors.Is(slice[0], context.Canceled) || !errors.Is(slice[1], context.Canceled) ||
		!errors.Is(slice[2], context.Canceled) {
		t.Errorf("CommitAll: %v", slice)
	}
	if _, err := j.Reserve(ended, "c", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Reserve: %v", err)
	}
	// Nothing was applied.
	commit(t, j, &journal.Transition{Payment: Fresh(1)})
	commit(t, j, &journal.Transition{Payment: Fresh(2), Keys: Claim("k")})
}

func byReference(t *testing.T, store Store) {
	j := store(t)(t)
	for n := uint64(1); n <= 5; n++ {
		p := Fresh(n)
		p.Reference = "order"
		if n == 3 {
			p.Reference = "order 3"
		}
		commit(t, j, &journal.Transition{Payment: p})
	}
	late := Fresh(1) // a node of a lower number, later
	late.ID, late.Reference, late.Created = payment.NewID(0, 9), "order", late.Created.Add(time.Hour)
	commit(t, j, &journal.Transition{Payment: late})

	ids, more, err := j.ByReference(ctx, "M1", "order", 3)
	want := []payment.ID{late.ID, payment.NewID(1, 5), payment.NewID(1, 4)}
	if err != nil || !more || !reflect.DeepEqual(ids, want) {
		t.Errorf("the newest three: %v, more %v, %v", ids, more, err)
	}
	ids, more, err = j.ByReference(ctx, "M1", "order", 5)
	if err != nil || more || len(ids) != 5 || ids[4] != payment.NewID(1, 1) {
		t.Errorf("all five: %v, more %v, %v", ids, more, err)
	}
	if ids, _, err = j.ByReference(ctx, "M2", "order", 5); err != nil || len(ids) != 0 {
		t.Errorf("another merchant's: %v, %v", ids, err)
	}
}

func paymentsInOrder(t *testing.T, store Store) {
	j := store(t)(t)
	for _, n := range []uint64{3, 1, 300, 2} {
		commit(t, j, &journal.Transition{Payment: Fresh(n)})
	}
	scan := func(after payment.ID, most int) (got []uint64) {
		err := j.Payments(ctx, after, func(p *payment.Payment) bool {
			got = append(got, p.ID.Counter())
			commit(t, j, &journal.Transition{Payment: Fresh(1000 + p.ID.Counter() + after.Counter()*7)}) // not in the snapshot
			return len(got) < most
		})
		if err != nil {
			t.Error(err)
		}
		return got
	}
	if got := scan(payment.ID{}, 100); !reflect.DeepEqual(got, []uint64{1, 2, 3, 300}) {
		t.Errorf("all: %v", got)
	}
	if got := scan(payment.NewID(1, 2), 2); !reflect.DeepEqual(got, []uint64{3, 300}) {
		t.Errorf("two after 2: %v", got)
	}
}
