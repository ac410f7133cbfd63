package day

import (
	"context"
	"fmt"
	"sync"

	"switchyard/switch/api"
)

// remembered is what an operation was answered: what must hold from then on, whatever happens to the switch.
type remembered struct {
	merchant, key string
	payment       string
	approved      bool
	amount        int64
	code          string // DE39
	rrn           string // DE37
	stan          string // DE11
	authCode      string // DE38
	date          string
	capture       string
	refund        string
}

func (b *Book) remember(merchant, key string, a *api.Answer) {
	r := remember(merchant, key, a)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, r)
}

func remember(merchant, key string, a *api.Answer) remembered {
	return remembered{
		merchant: merchant, key: key, payment: a.Payment, approved: a.Approved, amount: a.Amount, code: a.ResponseCode,
		rrn: a.RRN, stan: a.STAN, authCode: a.AuthCode, date: a.BusinessDate, capture: a.Capture, refund: a.Refund,
	}
}

// Acknowledged is the number of operations whose answers are remembered.
func (b *Book) Acknowledged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers)
}

// Recheck asks for each operation by its key, once the day is over, and holds what the switch says of it now against
// what it answered then. What differs, and a payment that is not resolved, is a mismatch. It needs Options.Remember.
func (b *Book) Recheck(ctx context.Context, clients []Client, inFlight int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *remembered)
	var askers sync.WaitGroup
	for w := range inFlight {
		client := clients[w%len(clients)]
		askers.Go(func() {
			for r := range next {
				if err := b.recheck(ctx, client, r); err != nil {
					cancel(fmt.Errorf("status of key %s: %w", r.key, err))
				}
			}
		})
	}
	for i := range b.answers {
		select {
		case next <- &b.answers[i]:
		case <-ctx.Done():
		}
	}
	close(next)
	askers.Wait()
	return context.Cause(ctx)
}

func (b *Book) recheck(ctx context.Context, client Client, then *remembered) error {
	a, err := client.Do(ctx, &api.Request{
		Op: api.OpStatus, Merchant: then.merchant, Key: then.key, Present: api.Fields(api.FieldMerchant, api.FieldKey),
	})
	switch {
	case err != nil:
		return err
	case a.Err != nil:
		b.mismatch("%s: what was answered to key %s of %s is gone: %s", then.payment, then.key, then.merchant, a.Err)
		return nil
	}
	if now := remember(then.merchant, then.key, a); now != *then {
		b.mismatch("%s: key %s of %s was answered %+v and is now %+v", then.payment, then.key, then.merchant, *then, now)
	}
	if a.Status == api.StatusReversing || a.Status == api.StatusPending {
		b.mismatch("%s: still %s in the end", then.payment, a.Status)
	}
	return nil
}
