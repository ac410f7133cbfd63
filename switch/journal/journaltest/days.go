package journaltest

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

func days(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	if j.OpenDay() != 0 {
		t.Errorf("a new journal's day is %s", j.OpenDay())
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: Fresh(1), Day: day1}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("a day that was never opened: %v", err)
	}
	if err := j.Cutover(ctx, day1, day2); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("cutover from a day that is not open: %v", err)
	}
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	if err := j.Cutover(ctx, day1, day1); err == nil {
		t.Error("cutover to the same day")
	}
	p := Captured(1, day1)
	commit(t, j, &journal.Transition{Payment: p, Day: day1, Present: []journal.Presentment{Presented(p, 1)}})
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DaySealed}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("sealing an open day: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayOpen, Data: []byte("windows")}); err != nil {
		t.Errorf("what is kept of an open day: %v", err)
	}
	if err := j.Cutover(ctx, day1, day2); err != nil || j.OpenDay() != day2 {
		t.Fatalf("cutover: %v, open is %s", err, j.OpenDay())
	}
	if d, err := j.Day(ctx, day1); err != nil || d.State != journal.DayClosing || string(d.Data) != "windows" {
		t.Errorf("the closing day: %+v, %v", d, err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayOpen}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("a closing day is opened again: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayClosing, Data: []byte("more")}); err != nil {
		t.Errorf("what is kept of a closing day: %v", err)
	}
	if err := j.Cutover(ctx, day1, day3); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("a second cutover of the day: %v", err)
	}

	late := Captured(2, day1)
	if err := j.Commit(ctx, &journal.Transition{Payment: late, Day: day1,
		Present: []journal.Presentment{Presented(late, 1)}}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("a capture on the closing day: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: late, Unsealed: day1,
		Present: []journal.Presentment{Presented(late, 1)}}) // a sale's outcome
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayWritten}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("written before sealed: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DaySealed, Data: []byte("files")}); err != nil {
		t.Fatal(err)
	}
	for name, tr := range map[string]*journal.Transition{
		"unsealed": {Payment: Fresh(3), Unsealed: day1},
		"another present": {Payment: Fresh(3), Unsealed: day2,
			Present: []journal.Presentment{Presented(Captured(3, day1), 1)}},
		"withdraw": {Payment: Fresh(3), Withdraw: []journal.PresentmentRef{Ref(p, 1)}},
		"future":   {Payment: Fresh(3), Present: []journal.Presentment{Presented(Captured(3, day3), 1)}},
	} {
		if err := j.Commit(ctx, tr); !errors.Is(err, journal.ErrDayClosed) {
			t.Errorf("%s on a sealed day: %v", name, err)
		}
	}
	for range 2 { // before and after a restart
		var got []journal.PresentmentRef
		err := j.Presentments(ctx, day1, func(p journal.Presentment) bool {
			if string(p.Data) != "data" {
				t.Errorf("data %q", p.Data)
			}
			got = append(got, p.PresentmentRef)
			return true
		})
		if err != nil || !reflect.DeepEqual(got, []journal.PresentmentRef{Ref(p, 1), Ref(late, 1)}) {
			t.Errorf("presentments: %+v, %v", got, err)
		}
		if d, err := j.Day(ctx, day1); err != nil || d.State != journal.DaySealed || string(d.Data) != "files" {
			t.Errorf("the sealed day: %+v, %v", d, err)
		}
		var days []journal.DayState
		if err := j.Days(ctx, func(d journal.Day) bool { days = append(days, d.State); return true }); err != nil ||
			!reflect.DeepEqual(days, []journal.DayState{journal.DaySealed, journal.DayOpen}) {
			t.Errorf("days: %v, %v", days, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t)
		if j.OpenDay() != day2 {
			t.Errorf("the open day is %s", j.OpenDay())
		}
	}
	// Its files are never made: it is emptied, and sealed again.
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayOpen}); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("a sealed day is opened again: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DayClosing}); err != nil {
		t.Fatal(err)
	}
	p.Version++
	commit(t, j, &journal.Transition{
		Payment: p, Day: day2, Withdraw: []journal.PresentmentRef{Ref(p, 1)},
		Present: []journal.Presentment{{PresentmentRef: refOn(p, 1, day2), Data: []byte("data")}},
	})
	for _, state := range []journal.DayState{journal.DaySealed, journal.DayWritten} {
		if err := j.SetDay(ctx, journal.Day{Date: day1, State: state}); err != nil {
			t.Error(err)
		}
	}
	for _, state := range []journal.DayState{journal.DayClosing, journal.DaySealed} {
		if err := j.SetDay(ctx, journal.Day{Date: day1, State: state}); !errors.Is(err, journal.ErrDayClosed) {
			t.Errorf("a written day moves to state %d: %v", state, err)
		}
	}
	if err := j.Commit(ctx, &journal.Transition{Payment: Fresh(3), Unsealed: day1}); !errors.Is(
		err, journal.ErrDayClosed,
	) {
		t.Errorf("a written day: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(3), Day: day2, Unsealed: day2})
}

// refOn is Ref on another date.
func refOn(p *payment.Payment, op int, date payment.Date) journal.PresentmentRef {
	ref := Ref(p, op)
	ref.Date = date
	return ref
}

// Presentments sort by destination, payment and operation, and a withdrawn one is gone.
func presentments(t *testing.T, store Store) {
	j := store(t)(t)
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	var want []journal.PresentmentRef
	for _, route := range []string{"visa", "amex"} {
		for _, n := range []uint64{300, 2} {
			p := Captured(n+uint64(len(want))*1000, day1)
			p.Route = route
			for _, op := range []int{1, 0} {
				p.Ops[op].Date = day1
				commit(t, j, &journal.Transition{Payment: p, Present: []journal.Presentment{Presented(p, op)}})
				p.Version++
				want = append(want, Ref(p, op))
			}
		}
	}
	want = []journal.PresentmentRef{want[5], want[4], want[7], want[6], want[1], want[0], want[3], want[2]}
	read := func() (got []journal.PresentmentRef) {
		t.Helper()
		if err := j.Presentments(ctx, day1, func(p journal.Presentment) bool {
			got = append(got,
				p.PresentmentRef)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(9999), Withdraw: want[:3]})
	if got := read(); !reflect.DeepEqual(got, want[3:]) {
		t.Errorf("after withdrawing three: %v", got)
	}
	for i, ref := range want {
		switch p, err := j.Presentment(ctx, ref); {
		case i < 3 && !errors.Is(err, journal.ErrNotFound):
			t.Errorf("%v, which was withdrawn: %v", ref, err)
		case i >= 3 && (err != nil || p.PresentmentRef != ref || len(p.Data) == 0):
			t.Errorf("%v: %+v, %v", ref, p, err)
		}
	}
}

// Amend rewrites what stands, also in a date that closes, all rows or none, and nothing of a date that is sealed.
func amend(t *testing.T, store Store) {
	open := store(t)
	j := open(t)
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	var rows []journal.Presentment
	for n := uint64(1); n <= 3; n++ {
		p := Captured(n, day1)
		rows = append(rows, Presented(p, 1))
		commit(t, j, &journal.Transition{Payment: p, Day: day1, Present: rows[n-1:]})
	}
	rewritten := func(i int, data string) journal.Presentment {
		return journal.Presentment{PresentmentRef: rows[i].PresentmentRef, Data: []byte(data)}
	}
	stand := func(want ...string) {
		t.Helper()
		var got []string
		err := j.Presentments(ctx, day1, func(p journal.Presentment) bool { got = append(got, string(p.Data)); return true })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the date has %q, %v; want %q", got, err, want)
		}
	}
	if err := j.Amend(ctx, rewritten(0, "a"), rewritten(2, "c")); err != nil {
		t.Fatal(err)
	}
	stand("a", "data", "c")
	gone := journal.Presentment{PresentmentRef: Ref(Captured(4, day1), 1), Data: []byte("x")}
	if err := j.Amend(ctx, rewritten(1, "x"), gone); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("one row that does not stand: %v", err)
	}
	if err := j.Amend(ctx, rewritten(1, "x"), journal.Presentment{}); err == nil || errors.Is(err, journal.ErrNotFound) {
		t.Errorf("one row that no journal takes: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(9), Withdraw: []journal.PresentmentRef{rows[2].PresentmentRef}})
	if err := j.Amend(ctx, rewritten(1, "x"), rewritten(2, "x")); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("one row that was withdrawn: %v", err)
	}
	stand("a", "data")
	if err := j.Cutover(ctx, day1, day2); err != nil {
		t.Fatal(err)
	}
	if err := j.Amend(ctx, rewritten(1, "b")); err != nil {
		t.Errorf("in a date that closes: %v", err)
	}
	if err := j.SetDay(ctx, journal.Day{Date: day1, State: journal.DaySealed}); err != nil {
		t.Fatal(err)
	}
	if err := j.Amend(ctx, rewritten(0, "x")); !errors.Is(err, journal.ErrDayClosed) {
		t.Errorf("in a sealed date: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t)
	stand("a", "b")
}

// I8: while captures race with the end of their day, each is either in the sealed day or refused.
func capturesRaceWithSealing(t *testing.T, store Store) {
	j := store(t)(t)
	if err := j.Cutover(ctx, 0, day1); err != nil {
		t.Fatal(err)
	}
	const workers = 8
	var mu sync.Mutex
	accepted := map[payment.ID]payment.Date{}
	began := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; ; i++ {
				if i == 20 {
					began <- struct{}{}
				}
				date := j.OpenDay()
				p := Captured(uint64(1+w+i*workers), date)
				err := j.Commit(ctx, &journal.Transition{Payment: p, Day: date,
					Present: []journal.Presentment{Presented(p, 1)}})
				switch {
				case err == nil:
					mu.Lock()
					accepted[p.ID] = date
					mu.Unlock()
				case errors.Is(err, journal.ErrDayClosed):
				default:
					t.Error(err)
					return
				}
				if date == day3 {
					return
				}
			}
		})
	}
	for range workers {
		<-began
	}
	inDay := map[payment.ID]payment.Date{}
	for _, date := range []payment.Date{day1, day2} {
		if err := j.Cutover(ctx, date, date.Next()); err != nil {
			t.Fatal(err)
		}
		if err := j.SetDay(ctx, journal.Day{Date: date, State: journal.DaySealed}); err != nil {
			t.Fatal(err)
		}
		if err := j.Presentments(ctx, date,
			func(p journal.Presentment) bool { inDay[p.Payment] = date; return true }); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := j.Presentments(ctx, day3,
		func(p journal.Presentment) bool { inDay[p.Payment] = day3; return true }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(accepted, inDay) {
		t.Errorf("%d captures were accepted, %d stand in a day", len(accepted), len(inDay))
	}
}
