package journaltest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

func keyTaken(t *testing.T, store Store) {
	j := store(t)(t)
	first := Fresh(1)
	commit(t, j, &journal.Transition{Payment: first, Keys: Claim("k")})

	second := Fresh(2)
	err := j.Commit(ctx, &journal.Transition{Payment: second,
		Keys: []journal.KeyClaim{{Merchant: "M1", Key: "free"}, {Merchant: "M1", Key: "k", Op: 0}}})
	var taken *journal.KeyTakenError
	if !errors.As(err, &taken) || taken.Claim.Key != "k" || taken.Holds.Payment != first.ID ||
		taken.Holds.MAC != [16]byte{1} {
		t.Fatalf("got %v", err)
	}
	if _, err := j.Payment(ctx, second.ID); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the refused payment is there: %v", err)
	}
	if _, err := j.Key(ctx, "M1", "free"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the refused transition's other key is there: %v", err)
	}
	// Neither another merchant nor a longer key is the same key.
	for i, k := range []journal.KeyClaim{{Merchant: "M2", Key: "k"}, {Merchant: "M1", Key: "k2"},
		{Merchant: "M1k", Key: "x"}, {Merchant: "M1", Key: "kx"}} {
		commit(t, j, &journal.Transition{Payment: Fresh(uint64(10 + i)), Keys: []journal.KeyClaim{k}})
	}
}

func burnKey(t *testing.T, store Store) {
	j := store(t)(t)
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "k", MAC: [16]byte{1}}); err != nil {
		t.Fatal(err)
	}
	var taken *journal.KeyTakenError
	if err := j.Commit(ctx, &journal.Transition{Payment: Fresh(1), Keys: Claim("k")}); !errors.As(err, &taken) ||
		!taken.Holds.Payment.IsZero() {
		t.Errorf("a burned key: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(1), Keys: Claim("used")})
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "used"}); !errors.As(err, &taken) ||
		taken.Holds.Payment != Fresh(1).ID {
		t.Errorf("burning a used key: %v", err)
	}
}

// Exactly one of many concurrent claims of a key wins, and all others are told who did.
func concurrentClaims(t *testing.T, store Store) {
	j := store(t)(t)
	const rounds, claimers = 20, 32
	for round := range rounds {
		key := fmt.Sprintf("key %d", round)
		var wg sync.WaitGroup
		errs := make([]error, claimers)
		for i := range claimers {
			wg.Go(func() {
				errs[i] = j.Commit(ctx, &journal.Transition{Payment: Fresh(uint64(round*claimers + i + 1)), Keys: Claim(key)})
			})
		}
		wg.Wait()
		winner := payment.ID{}
		for i, err := range errs {
			if err == nil {
				if !winner.IsZero() {
					t.Fatalf("%s: two winners", key)
				}
				winner = payment.NewID(1, uint64(round*claimers+i+1))
			}
		}
		for i, err := range errs {
			var taken *journal.KeyTakenError
			if err != nil && (!errors.As(err, &taken) || taken.Holds.Payment != winner) {
				t.Errorf("%s, claimer %d: %v, the winner is %s", key, i, err, winner)
			}
			_, err := j.Payment(ctx, payment.NewID(1, uint64(round*claimers+i+1)))
			if (err == nil) != (errs[i] == nil) {
				t.Errorf("%s, claimer %d: commit %v, payment %v", key, i, errs[i], err)
			}
		}
		if winner.IsZero() {
			t.Errorf("%s: nobody won", key)
		}
	}
}

// What is swept is what was claimed before the moment, and a key that is claimed again later stays.
func sweepKeys(t *testing.T, store Store) {
	j := store(t)(t)
	for n := uint64(1); n <= 4; n++ {
		commit(t, j, &journal.Transition{Payment: Fresh(n), Keys: Claim(fmt.Sprint("old ", n))})
	}
	if err := j.BurnKey(ctx, journal.KeyClaim{Merchant: "M1", Key: "burned"}); err != nil {
		t.Fatal(err)
	}
	// The clock of a log row is the committer's; a moment between two commits is told apart by a clock that moves.
	at := time.Now()
	for !time.Now().After(at) {
		runtime.Gosched()
	}
	commit(t, j, &journal.Transition{Payment: Fresh(5), Keys: Claim("new")})

	for _, c := range []struct {
		what   string
		before time.Time
		limit  int
		swept  int
		more   bool
	}{
		{"nothing is that old", at.Add(-time.Hour), 100, 0, false},
		{"at most three", at, 3, 3, true},
		{"the other two", at, 100, 2, false},
		{"nothing is left", at, 100, 0, false},
	} {
		if n, more, err := j.SweepKeys(ctx, c.before, c.limit); err != nil || n != c.swept || more != c.more {
			t.Errorf("%s: %d, more %v, %v", c.what, n, more, err)
		}
	}
	for _, key := range []string{"old 1", "old 4", "burned"} {
		if _, err := j.Key(ctx, "M1", key); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := j.Key(ctx, "M1", "new"); err != nil {
		t.Errorf("the new key: %v", err)
	}
	commit(t, j, &journal.Transition{Payment: Fresh(6), Keys: Claim("old 1")})
	if _, _, err := j.SweepKeys(ctx, at, 0); err == nil {
		t.Error("swept at most none")
	}
}
