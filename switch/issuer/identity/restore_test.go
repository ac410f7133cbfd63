package identity_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/payment"
)

// The load that all of this is counted for: numbers a second, over any day and for ten years.
const (
	perSecond = 100_000
	tenYears  = 3650 * 24 * time.Hour
)

// I9 by arithmetic: at 100,000 a second for ten years no RRN and no payment number comes twice.
func TestNumbersForTenYears(t *testing.T) {
	const sevenDigits = 36 * 36 * 36 * 36 * 36 * 36 * 36
	// Payment numbers are 64 bits.
	if uint64(tenYears/time.Second)*perSecond > math.MaxUint64/1000 {
		t.Error("payment numbers do not last")
	}
	// Two requests whose numbers agree in the RRN's seven digits are at least this far apart; so they are on different
	// days, and days differ in YDDD for 3,650 days.
	apart := time.Duration(sevenDigits/perSecond) * time.Second
	if apart <= 24*time.Hour {
		t.Fatalf("seven digits come round after %s", apart)
	}
	days := map[string]time.Time{}
	a := identity.NewAllocator(newStore(), 1, nil)
	id := payment.NewID(1, 12345)
	first := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for day := first; day.Before(first.Add(tenYears)); day = day.AddDate(0, 0, 1) {
		for _, at := range []time.Time{day, day.Add(24*time.Hour - time.Nanosecond)} {
			rrn := a.RRN(id, at)
			if was, ok := days[rrn[:4]]; ok && !was.Equal(day) {
				t.Fatalf("%s is %s and %s", rrn[:4], was, day)
			}
			days[rrn[:4]] = day
		}
	}
	// The seven digits of a payment that comes round lead to both payments, the later one first.
	again := payment.NewID(1, id.Counter()+sevenDigits)
	if a.RRN(again, time.Time{})[5:] != a.RRN(id, time.Time{})[5:] {
		t.Fatal("the digits do not come round where they should")
	}
	got := slices.Collect(identity.PaymentsOf(a.RRN(id, time.Now()), again.Counter()+5))
	if !slices.Equal(got, []payment.ID{again, id}) {
		t.Errorf("the RRN leads to %v", got)
	}
	got = slices.Collect(identity.PaymentsOf(a.RRN(id, time.Now()), again.Counter()-1))
	if !slices.Equal(got, []payment.ID{id}) {
		t.Errorf("the RRN leads to %v", got)
	}
	// A journal that was put back goes on past all that may have been given, and not so far that digits come round within
	// the days that it does not know: those, a day before and a day after.
	if skipped := int64((identity.MaxSkip + 48*time.Hour) / time.Second * perSecond); skipped >= sevenDigits {
		t.Errorf("a skip of %s takes %d numbers of %d", identity.MaxSkip, skipped, int64(sevenDigits))
	}
}

// Acquirer references: none twice on a date over restarts, 999,999,999 a BIN, then the next BIN, then none.
func TestARNsAreUsedUp(t *testing.T) {
	ctx := context.Background()
	const day, next = payment.Date(20261125), payment.Date(20261126)
	bins := []string{"400001", "400002"}
	st := newStore()
	open := func() *identity.Allocator {
		a := identity.NewAllocator(st, 35, nil)
		if err := a.OpenARNs(ctx, 0); err != nil {
			t.Fatal(err)
		}
		return a
	}
	seen := map[string]bool{}
	take := func(a *identity.Allocator, date payment.Date) (string, uint64) {
		t.Helper()
		bin, n, err := a.ARN(ctx, bins, date)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s %s %011d", bin, date, n)
		if seen[name] || len(name) != len("400001 2026-11-25 12345678901") {
			t.Fatalf("%s was given twice, or is none", name)
		}
		seen[name] = true
		return bin, n
	}
	for range 3 {
		a := open()
		for range 1000 {
			take(a, day)
			take(a, next)
		}
	}
	const nearEnd = 999_999_990
	for _, bin := range bins {
		st.counters["arn/"+bin+"/20261125"] = nearEnd
	}
	a := open()
	for i := range 18 { // 999,999,991 to 999,999,999 of each
		if bin, n := take(a, day); bin != bins[i/9] || n != 35_000_000_000+nearEnd+1+uint64(i%9) {
			t.Fatalf("number %d: %s %d", i, bin, n)
		}
	}
	for range 3 {
		if _, _, err := a.ARN(ctx, bins, day); !errors.Is(err, identity.ErrUsedUp) {
			t.Fatalf("past the end: %v", err)
		}
	}
	if _, _, err := open().ARN(ctx, bins, day); !errors.Is(err, identity.ErrUsedUp) {
		t.Errorf("past the end after a restart: %v", err)
	}
	take(a, next)
}

// The date that was open under an older program, whose one counter went round at 10⁹, goes on with it, for half a
// round.
func TestARNsOfAnOlderJournal(t *testing.T) {
	ctx := context.Background()
	const day, next = payment.Date(20261125), payment.Date(20261126)
	bins := []string{"400001"}
	st := newStore()
	st.counters["arn"] = 1_999_999_000 // used up to there
	for range 2 {
		a := identity.NewAllocator(st, 1, nil)
		if err := a.OpenARNs(ctx, day); err != nil {
			t.Fatal(err)
		}
		_, n, err := a.ARN(ctx, bins, day)
		if err != nil || n%1_000_000_000 < 999_999_001 && n%1_000_000_000 > 500_000_000 {
			t.Errorf("on the open date: %d, %v", n, err)
		}
		if _, n, err = a.ARN(ctx, bins, next); err != nil || n > 1_000_200_000 {
			t.Errorf("on the next date: %d, %v", n, err)
		}
	}
	st.counters["arn"] = 1_999_999_000 + 500_000_100
	a := identity.NewAllocator(st, 1, nil)
	if err := a.OpenARNs(ctx, day); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.ARN(ctx, bins, day); !errors.Is(err, identity.ErrUsedUp) {
		t.Errorf("after half a round: %v", err)
	}
}

// A journal that was put back without its mark gives no number again: not of those that were given after the copy,
// and not of those of another time that it was put back.
func TestSkip(t *testing.T) {
	ctx := context.Background()
	const day = payment.Date(20261125)
	bins := []string{"400001"}
	copied := newStore()
	begin := identity.NewAllocator(copied, 2, nil)
	if err := begin.OpenARNs(ctx, 0); err != nil {
		t.Fatal(err)
	}
	seen, paid := map[uint64]bool{}, map[payment.ID]bool{}
	use := func(st *store) {
		t.Helper()
		a := identity.NewAllocator(st, 2, nil)
		if err := a.OpenARNs(ctx, day); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			_, n, err := a.ARN(ctx, bins, day)
			if err != nil || seen[n] {
				t.Fatalf("ARN %d, given before: %v, %v", n, seen[n], err)
			}
			id, err := a.Payment(ctx)
			if err != nil || paid[id] {
				t.Fatalf("payment %s, given before: %v, %v", id, paid[id], err)
			}
			seen[n], paid[id] = true, true
		}
	}
	use(copied.clone()) // the life that is lost
	st := copied.clone()
	for i, loss := range []time.Time{time.Unix(1, 0), time.Unix(1, 0), time.Unix(2, 0)} {
		a := identity.NewAllocator(st, 2, nil)
		if err := a.OpenARNs(ctx, day); err != nil {
			t.Fatal(err)
		}
		if err := a.Skip(ctx, time.Duration(i+1)*time.Hour, day, day.Next(), loss); err != nil {
			t.Fatal(err)
		}
		use(st)
	}
	a := identity.NewAllocator(st, 2, nil)
	if err := a.OpenARNs(ctx, day); err != nil {
		t.Fatal(err)
	}
	if err := a.Skip(ctx, time.Hour, day.Next(), day.Next(), time.Unix(3, 0)); err == nil {
		t.Error("a third lane above: 108 does not fit into two digits")
	}
}

// A journal that is put back twice without its mark goes on above the lane that the first loss began, on the last date
// of that one as well: the life that is lost may have used it.
func TestSkipOnTheLastDateOfALane(t *testing.T) {
	ctx, day := context.Background(), payment.Date(20261101)
	bins := []string{"400001"}
	sequence := func(st *store) uint64 {
		t.Helper()
		a := identity.NewAllocator(st, 2, nil)
		if err := a.OpenARNs(ctx, day); err != nil {
			t.Fatal(err)
		}
		_, n, err := a.ARN(ctx, bins, day)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	skip := func(st *store, loss int64, until payment.Date) {
		t.Helper()
		a := identity.NewAllocator(st, 2, nil)
		if err := a.OpenARNs(ctx, day); err != nil {
			t.Fatal(err)
		}
		if err := a.Skip(ctx, time.Hour, day, until, time.Unix(loss, 0)); err != nil {
			t.Fatal(err)
		}
	}
	st := newStore()
	skip(st, 1, day)
	copied := st.clone()
	lost := sequence(st)
	skip(copied, 2, day.Next())
	if again := sequence(copied); again == lost {
		t.Errorf("sequence %d was given twice", lost)
	}
}
