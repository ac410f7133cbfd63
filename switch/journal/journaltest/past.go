package journaltest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// past holds journal.Past: what an engine knows when it is opened, and only of the time before.
func past(t *testing.T, store Store) {
	open := store(t)
	j, ok := open(t).(interface {
		journal.Journal
		journal.Past
	})
	if !ok {
		t.Fatal("no journal.Past")
	}
	counters := func(want ...string) {
		t.Helper()
		if names, err := j.CounterNames(ctx); err != nil || !slices.Equal(names, want) {
			t.Errorf("counters %q, %v; want %q", names, err, want)
		}
	}
	newest := func(want uint64) {
		t.Helper()
		if n, err := j.NewestPayment(ctx); err != nil || n != want {
			t.Errorf("the newest payment is number %d, %v; want %d", n, err, want)
		}
	}
	if seen := j.Seen(); !seen.At.IsZero() || !seen.Latest.IsZero() || seen.Stepped || !j.LastCommit().IsZero() {
		t.Errorf("a new journal has seen %+v, the newest commit %s", seen, j.LastCommit())
	}
	counters()
	newest(0)

	began := time.Now()
	for _, name := range []string{"b", "a", "b"} {
		if _, err := j.Reserve(ctx, name, 3); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []uint64{1 << 40, 7} { // not the newest commit: the highest number
		commit(t, j, &journal.Transition{Payment: Fresh(n)})
	}
	committed := time.Now()
	if err := j.KeepTime(ctx); err != nil {
		t.Fatal(err)
	}
	kept := time.Now()
	counters("a", "b")
	newest(1 << 40)
	if !j.Seen().At.IsZero() || !j.LastCommit().IsZero() {
		t.Error("what is known of the time before changed while the journal was open")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.KeepTime(ctx); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("KeepTime of a closed journal: %v", err)
	}

	j = open(t).(interface {
		journal.Journal
		journal.Past
	})
	within := func(what string, at, from, to time.Time) {
		t.Helper()
		if at.Before(from.Round(0).Add(-time.Microsecond)) || at.After(to.Round(0).Add(time.Microsecond)) {
			t.Errorf("%s is %s, want between %s and %s", what, at, from, to)
		}
	}
	within("the newest commit", j.LastCommit(), began, committed)
	within("the time seen last", j.Seen().At, committed, kept)
	counters("a", "b")
	newest(1 << 40)
}

// held holds journal.Held, where an engine has it: reasons gather, last over a stop, and keep nobody from committing.
func held(t *testing.T, store Store) {
	open := store(t)
	type heldJournal interface {
		journal.Journal
		journal.Held
	}
	j, ok := open(t).(heldJournal)
	if !ok {
		t.Fatal("no journal.Held")
	}
	again := func() {
		t.Helper()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t).(heldJournal)
	}
	reasons := func(want ...string) {
		t.Helper()
		var got []string
		if h := j.Hold(); h != nil {
			if got = h.Reasons; h.Since.IsZero() {
				t.Error("held since no time")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("held for %q, want %q", got, want)
		}
	}
	reasons()
	for _, reason := range []string{"one", "two", "one"} {
		if err := j.AddHold(ctx, reason); err != nil {
			t.Fatal(err)
		}
	}
	reasons("one", "two")
	again()
	reasons("one", "two")
	if batch, lost := j.Lost(); lost {
		t.Errorf("it lacks what came up to batch %d, says something outside that nobody made", batch)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(1)})
	if err := j.Release(ctx); err != nil {
		t.Fatal(err)
	}
	reasons()
	again()
	reasons()
	if _, err := j.Payment(ctx, payment.NewID(1, 1)); err != nil {
		t.Errorf("what was committed while it was held: %v", err)
	}
}
