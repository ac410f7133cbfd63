package day

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/switch/api"
)

// Client sends one request and waits for its answer. An error is of the connection; a refusal stands in the answer.
// It may be used from many goroutines.
type Client interface {
	Do(ctx context.Context, req *api.Request) (*api.Answer, error)
}

// Options say how to play a day.
type Options struct {
	Plan     Plan
	Clients  []Client // connections; payments are spread over them
	Payments int      // number of payments
	InFlight int      // payments under way at the same time
	Progress func()   // called after each payment, from many goroutines; may be nil

	// Faults says that the issuer may leave requests without an answer. An authorization, sale or refund to which that
	// happens was not made, a reversal was: the driver then asks for the payment until the switch knows it, too.
	Faults bool
	// Outage is for how long the switch and its issuer may be away; they may lose what is in flight, so it implies Faults.
	// Until then a request without an answer is sent again, with the same key, and so is one that is refused with retry.
	// The clients must reconnect by themselves. 0: a broken connection ends the day.
	Outage time.Duration
	// Remember keeps the answer to each operation, about 400 bytes, for Book.Recheck.
	Remember bool
}

// Run plays the day and returns its book. It ends early, with an error, when a connection breaks (for longer than
// Outage) or ctx ends: what became of the payments under way is then unknown to the driver, and the book is not
// complete.
func Run(ctx context.Context, o Options) (*Book, error) {
	if o.Payments < 1 || o.InFlight < 1 || len(o.Clients) == 0 {
		return nil, errors.New("day: payments, payments in flight and clients are needed")
	}
	if len(o.Plan.Merchants) == 0 || len(o.Plan.Declines) == 0 || o.Plan.Card == nil || o.Plan.Cards == 0 {
		return nil, errors.New("day: the plan needs merchants, declines and cards")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	book := newBook()
	start := time.Now()
	var next atomic.Int64
	var players sync.WaitGroup
	for w := range min(o.InFlight, o.Payments) {
		client := o.Clients[w%len(o.Clients)]
		players.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= o.Payments {
					return
				}
				p := play{ctx: ctx, client: client, book: book, o: &o, plan: o.Plan.Payment(n)}
				if err := p.payment(); err != nil {
					cancel(fmt.Errorf("payment %d (%s): %w", n, p.name(), err))
					return
				}
				book.finished()
				if o.Progress != nil {
					o.Progress()
				}
			}
		})
	}
	players.Wait()
	book.Elapsed = time.Since(start)
	return book, context.Cause(ctx)
}
