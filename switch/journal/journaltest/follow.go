package journaltest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"switchyard/switch/journal"
)

func withEvents(n uint64, data ...string) *journal.Transition {
	tr := &journal.Transition{Payment: Fresh(n)}
	for i, d := range data {
		tr.Events = append(tr.Events, journal.Event{Kind: uint16(i + 1), Data: []byte(d)})
	}
	return tr
}

func events(t *testing.T, j journal.Journal, from uint64) (got []string, next uint64) {
	t.Helper()
	next, err := j.Events(t.Context(), from, func(e journal.Event) bool { got = append(got, string(e.Data)); return true })
	if err != nil {
		t.Fatal(err)
	}
	return got, next
}

// Events come in commit order and from a position on, are there only with their change, and stay until they are swept.
func eventsInOrder(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	first := withEvents(1, "a", "b")
	commit(t, j, first)
	commit(t, j, &journal.Transition{Payment: Fresh(2)})
	commit(t, j, withEvents(3, "c"))
	if err := j.Commit(ctx, withEvents(3, "refused")); !errors.Is(err, journal.ErrVersion) {
		t.Fatal(err)
	}
	if e := first.Events[1]; e.Position != journal.EventPosition(1, 1) || e.Payment != Fresh(1).ID {
		t.Errorf("filled in: %+v", e)
	}
	got, next := events(t, j, 0)
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("events %v", got)
	}
	if got, again := events(t, j, next); got != nil || again != next {
		t.Errorf("after the last: %v, goes on at %d of %d", got, again, next)
	}
	if got, _ := events(t, j, first.Events[1].Position); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("from the second: %v", got)
	}
	if n, more, err := j.SweepEvents(ctx, next, 1); n != 1 || !more || err != nil {
		t.Errorf("sweep of one: %d, %v, %v", n, more, err)
	}
	if n, more, err := j.SweepEvents(ctx, next-1, 10); n != 1 || more || err != nil {
		t.Errorf("sweep up to the last: %d, %v, %v", n, more, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	if got, _ := events(t, j, 0); !slices.Equal(got, []string{"c"}) {
		t.Errorf("after the sweep and a restart: %v", got)
	}
	big := withEvents(4, string(make([]byte, journal.MaxEventData+1)))
	if err := j.Commit(ctx, big); err == nil {
		t.Error("an event that is too large was taken")
	}
}

func act(what string) journal.Act {
	return journal.Act{At: time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC), Who: "ann", Role: "operate", What: what,
		Details: []byte(`{"host":"h"}`)}
}

// Acts are numbered, follow from each other, over a restart too.
func acts(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	first, err := j.Append(ctx, act("retry"))
	if err != nil || first.Number != 1 || first.Before != [32]byte{} {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	second, err := j.Append(ctx, act("close"))
	if err != nil || second.Number != 2 || second.Before != first.Hash() {
		t.Fatalf("%+v, %v", second, err)
	}
	var got []journal.Act
	if err := j.Acts(ctx, 2, func(a journal.Act) bool { got = append(got, a); return true }); err != nil ||
		!reflect.DeepEqual(got, []journal.Act{second}) {
		t.Errorf("acts from 2: %+v, %v", got, err)
	}
	if n, last, err := journal.CheckActs(ctx, j); n != 2 || last != second.Hash() || err != nil {
		t.Errorf("checked: %d, %x, %v", n, last, err)
	}
	for name, bad := range map[string]journal.Act{
		"nobody": {At: time.Now(), What: "x"}, "no time": {Who: "a", What: "x"},
		"no JSON": {At: time.Now(), Who: "a", What: "x", Details: []byte("{")},
	} {
		if _, err := j.Append(ctx, bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
