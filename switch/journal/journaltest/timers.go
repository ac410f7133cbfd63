package journaltest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Timers come in the order of their times, are there only with their change, and stand until they are fired.
func timers(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	early := time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC) // before 1970, where numbers turn negative
	moment := func(seconds int, n uint64) journal.Timer {
		return journal.Timer{At: at.Add(time.Duration(seconds) * time.Second), Payment: payment.NewID(1, n)}
	}
	standing := func(until time.Time) (list []journal.Timer) {
		t.Helper()
		err := j.Timers(ctx, journal.Timer{}, until, func(x journal.Timer) bool { list = append(list, x); return true })
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	expect := func(until time.Time, want ...journal.Timer) {
		t.Helper()
		if got := standing(until); !slices.Equal(got, want) {
			t.Errorf("timers until %s: %v, want %v", until, got, want)
		}
	}
	commit(t, j, &journal.Transition{Payment: Fresh(1), Timers: []time.Time{moment(2, 1).At, early}})
	commit(t, j, &journal.Transition{Payment: Fresh(2), Timers: []time.Time{moment(1, 2).At}})
	if err := j.Commit(ctx, &journal.Transition{
		Payment: Fresh(2), Timers: []time.Time{at}, Fired: []time.Time{moment(1, 2).At},
	}); !errors.Is(err, journal.ErrVersion) {
		t.Fatal(err)
	}
	first := journal.Timer{At: early, Payment: payment.NewID(1, 1)}
	expect(at.Add(time.Hour), first, moment(1, 2), moment(2, 1))
	expect(moment(1, 2).At, first, moment(1, 2))
	expect(moment(1, 2).At.Add(-1), first)
	for i, all := 0, standing(at.Add(time.Hour)); i < len(all); i++ {
		var list []journal.Timer
		err := j.Timers(ctx, all[i], at.Add(time.Hour), func(x journal.Timer) bool { list = append(list, x); return true })
		if err != nil || !slices.Equal(list, all[i+1:]) {
			t.Errorf("behind %v: %v, %v, want %v", all[i], list, err, all[i+1:])
		}
	}
	err := j.Timers(ctx, moment(2, 1), at, func(x journal.Timer) bool { t.Errorf("read %v", x); return true })
	if err != nil {
		t.Errorf("up to a time before the one behind which is read: %v", err)
	}
	p := Fresh(1)
	p.Version = 2
	commit(t, j, &journal.Transition{Payment: p, Fired: []time.Time{early}})
	window := moment(4, 2)
	window.Window = true
	again := moment(5, 2)
	again.Window = true
	if err := j.SetTimers(ctx, []journal.Timer{moment(3, 2), moment(2, 1), moment(2, 2), window, again}, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.SetTimers(ctx, []journal.Timer{moment(5, 2)},
		[]journal.Timer{moment(1, 2), moment(9, 2)}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	expect(at.Add(time.Hour), moment(2, 1), moment(2, 2), moment(3, 2), window, moment(5, 2))
	for name, err := range map[string]error{
		"no payment": j.SetTimers(ctx, []journal.Timer{{At: at}}, nil),
		"no time":    j.SetTimers(ctx, nil, []journal.Timer{{Payment: payment.NewID(1, 1)}}),
		"too many":   j.SetTimers(ctx, make([]journal.Timer, journal.MaxTimers+1), nil),
		"no time in a transition": j.Commit(ctx, &journal.Transition{
			Payment: Fresh(3), Timers: []time.Time{{}},
		}),
	} {
		if err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	expect(at.Add(time.Hour), moment(2, 1), moment(2, 2), moment(3, 2), window, moment(5, 2))
}
