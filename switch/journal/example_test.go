package journal_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/payment"
)

// authorization is a new payment whose authorization waits for the issuer.
func authorization(counter uint64) *payment.Payment {
	return &payment.Payment{
		ID: payment.NewID(1, counter), Version: 1, Merchant: "SHOP", Currency: "EUR",
		Ops: []payment.Op{{Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 1000, Target: payment.NoTarget}},
	}
}

// A request is two commits: its intent with its key before anything is sent, and its outcome before it is answered.
func ExampleJournal() {
	ctx := context.Background()
	var j journal.Journal = memory.NewStore().Open(nil, nil)

	p := authorization(1)
	key := journal.KeyClaim{Merchant: "SHOP", Key: "order-1"}
	fmt.Println(j.Commit(ctx, &journal.Transition{Payment: p, Keys: []journal.KeyClaim{key}, Opens: []int{0}}))

	p.Version, p.Ops[0].State, p.Ops[0].Granted = 2, payment.StateApproved, 1000
	fmt.Println(j.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}}))

	// The same key again names the payment that has it.
	err := j.Commit(ctx, &journal.Transition{Payment: authorization(2), Keys: []journal.KeyClaim{key}})
	var taken *journal.KeyTakenError
	fmt.Println(errors.As(err, &taken) && taken.Holds.Payment == p.ID, j.Close())
	// Output:
	// <nil>
	// <nil>
	// true <nil>
}

// A follower takes each event at least once, in order, and goes on where it stood.
func ExampleFollow() {
	ctx := context.Background()
	j := memory.NewStore().Open(nil, nil)
	for n := uint64(1); n <= 3; n++ {
		t := &journal.Transition{Payment: authorization(n), Events: []journal.Event{{Kind: 1, Data: fmt.Append(nil, n)}}}
		if err := j.Commit(ctx, t); err != nil {
			fmt.Println(err)
		}
	}
	for range 2 {
		n, err := journal.Follow(ctx, j, "printer", 2, func(e journal.Event) error {
			fmt.Printf("kind %d: %s\n", e.Kind, e.Data)
			return nil
		})
		fmt.Println(n, err)
	}
	// Output:
	// kind 1: 1
	// kind 1: 2
	// 2 <nil>
	// kind 1: 3
	// 1 <nil>
}

// What operators do is kept in a chain of hashes.
func ExampleCheckActs() {
	ctx := context.Background()
	j := memory.NewStore().Open(nil, nil)
	for _, what := range []string{"cutover", "retry an advice"} {
		if _, err := j.Append(ctx, journal.Act{At: time.Now(), Who: "ann", Role: "operate", What: what}); err != nil {
			fmt.Println(err)
		}
	}
	count, _, err := journal.CheckActs(ctx, j)
	fmt.Println(count, err)
	// Output: 2 <nil>
}
