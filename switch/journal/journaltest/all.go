package journaltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// all hands a slice over and returns its errors.
func all(ctx context.Context, j journal.Journal, ts []*journal.Transition) []error {
	errs := make([]error, len(ts))
	for i := range errs {
		errs[i] = errors.New("CommitAll has not said what became of it")
	}
	j.CommitAll(ctx, ts, errs)
	return errs
}

// Each transition of a slice is taken or refused for itself, against those before it.
func commitAll(t *testing.T, store Store) {
	j := store(t)(t)
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	j.CommitAll(ctx, nil, nil)
	second := func(n uint64) *payment.Payment { p := Fresh(n); p.Version = 2; return p }
	broken := func(n uint64) *payment.Payment { p := Captured(n, day1); p.Ops[1].Amount = 1001; return p }
	row := journal.SAFRow{SAFRef: journal.SAFRef{Host: "a"}, Payment: Fresh(1).ID}
	steps := []struct {
		what string
		t    *journal.Transition
		want error
	}{
		{"a new payment", &journal.Transition{Payment: Fresh(1), Keys: Claim("k"), Opens: []int{0}}, nil},
		{"its key", &journal.Transition{Payment: Fresh(2), Keys: Claim("k")}, &journal.KeyTakenError{}},
		{"its version", &journal.Transition{Payment: Fresh(1)}, journal.ErrVersion},
		{"its second version", &journal.Transition{Payment: second(1), Closes: []int{0},
			Queue: []journal.SAFRow{row, row}, Events: []journal.Event{{Kind: 1}, {Kind: 2}}}, nil},
		{"its second version again", &journal.Transition{Payment: second(1)}, journal.ErrVersion},
		{"no payment", &journal.Transition{}, errAny},
		{"a closed date", &journal.Transition{Payment: Fresh(3), Day: day2, Keys: Claim("free")}, journal.ErrDayClosed},
		{"what a refused one claimed", &journal.Transition{Payment: Fresh(4), Keys: Claim("free"), Day: day1}, nil},
		{"broken money", &journal.Transition{Payment: broken(5), Keys: Claim("unused")}, &journal.BrokenError{}},
		{"broken money all the same", &journal.Transition{Payment: broken(6), EvenBroken: true,
			Queue: []journal.SAFRow{row}, Events: []journal.Event{{Kind: 3}}}, nil},
	}
	ts := make([]*journal.Transition, len(steps))
	for i := range steps {
		ts[i] = steps[i].t
	}
	for i, err := range all(ctx, j, ts) {
		s := &steps[i]
		switch {
		case s.want == nil && err == nil, errors.Is(s.want, errAny) && err != nil, s.want != nil && errors.Is(err, s.want):
		case s.want != nil && err != nil && reflect.TypeOf(err) == reflect.TypeOf(s.want):
		default:
			t.Errorf("%s: %v, want %v", s.what, err, s.want)
		}
	}
	for n, version := range []uint64{1: 2, 2: 0, 3: 0, 4: 1, 5: 0, 6: 1} {
		p, err := j.Payment(ctx, payment.NewID(1, uint64(n)))
		if version == 0 && !errors.Is(err, journal.ErrNotFound) || version != 0 && (err != nil || p.Version != version) {
			t.Errorf("payment %d: %+v, %v, want version %d", n, p, err, version)
		}
	}
	if _, err := j.Key(ctx, "M1", "unused"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a refused transition left its key: %v", err)
	}
	var rows []uint64
	if err := j.SAF(ctx, "a", 0, func(r journal.SAFRow) bool { rows = append(rows, r.Seq); return true }); err != nil {
		t.Error(err)
	}
	if want := []uint64{ts[3].Queue[0].Seq, ts[3].Queue[1].Seq, ts[9].Queue[0].Seq}; !reflect.DeepEqual(rows, want) {
		t.Errorf("rows %d are queued, the transitions say %d", rows, want)
	}
	var events []uint64
	_, err := j.Events(ctx, 0, func(e journal.Event) bool { events = append(events, e.Position); return true })
	want := []uint64{ts[3].Events[0].Position, ts[3].Events[1].Position, ts[9].Events[0].Position}
	if err != nil || !reflect.DeepEqual(events, want) {
		t.Errorf("events stand at %d, %v; the transitions say %d", events, err, want)
	}
}

// errAny stands for an error of which there is no more to say.
var errAny = errors.New("any error")

// Whatever is handed over in slices ends as if each had been committed by itself.
func commitAllAsCommit(t *testing.T, store Store) {
	const seed, rounds, longest = 9, 40, 40
	rng := rand.New(rand.NewPCG(seed, 0))
	one, many := store(t)(t), store(t)(t)
	for _, j := range []journal.Journal{one, many} {
		if err := j.Cutover(ctx, 0, day1); err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		var alone, together []*journal.Transition
		for range rng.IntN(longest) {
			make := randomTransition(rng)
			alone, together = append(alone, make()), append(together, make())
		}
		errs := all(ctx, many, together)
		for i, tr := range alone {
			err := one.Commit(ctx, tr)
			if fmt.Sprint(err) != fmt.Sprint(errs[i]) || !reflect.DeepEqual(holds(err), holds(errs[i])) {
				t.Fatalf("seed %d, round %d, transition %d: %v in a slice, %v alone", seed, round, i, errs[i], err)
			}
			if !reflect.DeepEqual(tr, together[i]) {
				t.Fatalf("seed %d, round %d, transition %d: %+v in a slice, %+v alone", seed, round, i, together[i], tr)
			}
		}
	}
	if a, b := content(t, one), content(t, many); !reflect.DeepEqual(a, b) {
		t.Errorf("seed %d: in slices\n%+v\nalone\n%+v", seed, b, a)
	}
}

// holds is what holds the key that an error tells of, but for the time.
func holds(err error) (e journal.KeyTakenError) {
	var taken *journal.KeyTakenError
	if errors.As(err, &taken) {
		e = *taken
		e.Holds.Claimed = time.Time{}
	}
	return e
}

// content is what a journal keeps of a few payments and keys.
func content(t *testing.T, j journal.Journal) (list []any) {
	add := func(x any, err error) {
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			t.Error(err)
		}
		list = append(list, x)
	}
	add(nil, j.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool { add(p, nil); return true }))
	add(nil, j.SAF(ctx, "a", 0, func(r journal.SAFRow) bool { add(r, nil); return true }))
	add(j.Events(ctx, 0, func(e journal.Event) bool { add(e, nil); return true }))
	for n := range fewKeys {
		e, err := j.Key(ctx, "M1", fmt.Sprint("key ", n))
		e.Claimed = time.Time{}
		add(e, err)
	}
	return list
}

const fewPayments, fewKeys = 30, 50

// randomTransition returns what makes one transition, the same each time, that may well be refused.
func randomTransition(rng *rand.Rand) func() *journal.Transition {
	n, version, key := 1+rng.Uint64N(fewPayments), 1+rng.Uint64N(3), rng.IntN(2*fewKeys)
	shape := rng.IntN(12)
	return func() *journal.Transition {
		p := Fresh(n)
		p.Version = version
		tr := &journal.Transition{Payment: p}
		if key < fewKeys {
			tr.Keys = Claim(fmt.Sprint("key ", key))
		}
		switch shape {
		case 0:
			tr.Day = day2
		case 1:
			tr.Day, tr.Unsealed = day1, day1
		case 2:
			p.Ops[0].Amount = -1
		case 3, 4:
			tr.Queue = []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Queued: p.Created}}
			tr.Events = []journal.Event{{Kind: 1, Data: []byte{}}}
		}
		return tr
	}
}

// A slice may be longer than any group; its first and its last transition know of each other.
func commitAllOfMany(t *testing.T, store Store) {
	j := store(t)(t)
	const many = 10_000
	ts := make([]*journal.Transition, many)
	for i := range ts {
		ts[i] = &journal.Transition{Payment: Fresh(uint64(i + 1)), Keys: Claim(fmt.Sprint("key ", i%(many-1)))}
	}
	for i, err := range all(ctx, j, ts) {
		var taken *journal.KeyTakenError
		if i < many-1 && err != nil || i == many-1 && (!errors.As(err, &taken) || taken.Holds.Payment != Fresh(1).ID) {
			t.Fatalf("transition %d of %d: %v", i, many, err)
		}
	}
	stored := 0
	if err := j.Payments(ctx, payment.ID{}, func(*payment.Payment) bool { stored++; return true }); err != nil ||
		stored != many-1 {
		t.Errorf("%d payments are stored, %v", stored, err)
	}
}

// Of many slices that claim the same keys at once exactly one transition wins each key, and the others are told which.
func concurrentSlices(t *testing.T, store Store) {
	j := store(t)(t)
	const rounds, callers, keys = 10, 8, 16
	for round := range rounds {
		var wg sync.WaitGroup
		var errs [callers][]error
		id := func(caller, i int) uint64 { return uint64((round*callers+caller)*keys + i + 1) }
		key := func(i int) string { return fmt.Sprintf("key %d of round %d", i, round) }
		for c := range callers {
			wg.Go(func() {
				ts := make([]*journal.Transition, keys)
				for i := range ts {
					ts[i] = &journal.Transition{Payment: Fresh(id(c, i)), Keys: Claim(key((i + c) % keys))}
				}
				errs[c] = all(ctx, j, ts)
			})
		}
		wg.Wait()
		for i := range keys {
			e, err := j.Key(ctx, "M1", key(i))
			if err != nil {
				t.Fatalf("%s: %v", key(i), err)
			}
			winners := 0
			for c := range callers {
				at := (i - c + keys) % keys
				var taken *journal.KeyTakenError
				switch err := errs[c][at]; {
				case err == nil && e.Payment == Fresh(id(c, at)).ID:
					winners++
				case err != nil && errors.As(err, &taken) && taken.Holds.Payment == e.Payment:
				default:
					t.Errorf("%s, caller %d: %v, it is %s's", key(i), c, err, e.Payment)
				}
			}
			if winners != 1 {
				t.Errorf("%s: %d winners", key(i), winners)
			}
		}
	}
}
