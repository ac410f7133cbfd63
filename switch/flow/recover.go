package flow

import (
	"context"
	"fmt"
	"sync"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// recoverAtOnce is how many payments are recovered side by side, so that they share the journal's syncs.
const recoverAtOnce = 256

// Open reads which intents a crash left without an outcome; Unrecovered counts them from then on. It comes before the
// first request, and fails where the config has no more of the hosts that they were sent to.
func (f *Flow) Open() (err error) {
	if f.left, err = f.o.Journal.OpenIntents(context.Background()); err != nil {
		return err
	}
	for _, ref := range f.left {
		p, err := f.o.Journal.Payment(context.Background(), ref.Payment)
		if err != nil {
			return fmt.Errorf("payment %s: %w", ref.Payment, err)
		}
		if host := p.Ops[0].Host; f.o.Issuers[host] == nil {
			return fmt.Errorf("payment %s has a request without an outcome: %w", p.ID, &hostGoneError{host})
		}
	}
	f.unrecovered.Store(int64(len(f.left)))
	return nil
}

// Recover ends every intent that a crash left without an outcome: nobody knows what the issuer did, so its reversal
// is queued. It may run while requests are served: until an intent is ended its operation counts as under way, and a
// repeat of its key waits. It comes after Open and after saf's Start, is called once, and returns early when ctx
// ends.
func (f *Flow) Recover(ctx context.Context) (recovered int, err error) {
	open := f.left
	f.left = nil
	defer close(f.recovered)
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, recoverAtOnce)
		mu    sync.Mutex
	)
	for _, ref := range open {
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		group.Go(func() {
			if e := f.recoverOne(ctx, ref); e != nil {
				mu.Lock()
				err = e
				mu.Unlock()
			}
			f.unrecovered.Add(-1)
			<-slots
		})
	}
	group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return len(open), err
}

// Unrecovered returns how many intents of an earlier run have no outcome yet.
func (f *Flow) Unrecovered() int { return int(f.unrecovered.Load()) }

// Park ends the intents that an earlier run left without an outcome like Recover, but sends nothing: what would be
// sent is parked with a reason, for a person to decide on. For a journal that was put back: what it does not know of
// may have been approved since, and told. Those that leave names are left to Recover. It comes after Open and before
// saf's Start.
func (f *Flow) Park(ctx context.Context, reason string, leave func(payment.ID) bool) error {
	var left []journal.IntentRef
	for i, ref := range f.left {
		if leave(ref.Payment) {
			left = append(left, ref)
			continue
		}
		if err := f.endOne(ctx, ref, reason); err != nil {
			f.left = append(left, f.left[i:]...)
			return err
		}
		f.unrecovered.Add(-1)
	}
	f.left = left
	return nil
}

// Left lists the intents of an earlier run until Park or Recover has ended them.
func (f *Flow) Left() []journal.IntentRef { return f.left }

func (f *Flow) recoverOne(ctx context.Context, ref journal.IntentRef) error {
	return f.endOne(ctx, ref, "")
}

// endOne ends an intent. Where there is a reason, what it queues is parked.
func (f *Flow) endOne(ctx context.Context, ref journal.IntentRef, parked string) error {
	unlock := f.o.Turns.Lock(ref.Payment)
	defer unlock()
	p, err := f.o.Journal.Payment(ctx, ref.Payment)
	if err != nil {
		return fmt.Errorf("recover payment %s: %w", ref.Payment, err)
	}
	if ref.Op >= len(p.Ops) || p.Ops[ref.Op].State != payment.StatePending {
		return fmt.Errorf("recover payment %s: operation %d is no intent without an outcome", ref.Payment, ref.Op)
	}
	p.Version++
	p.Ops[ref.Op].DoneAt = f.o.Clock.Now()
	f.rememberUnanswered(p, ref.Op)
	t := &journal.Transition{Payment: p, Closes: []int{ref.Op}}
	if err := f.note(ctx, t, ref.Op, unknown(&p.Ops[ref.Op])); err != nil {
		return fmt.Errorf("recover payment %s: %w", ref.Payment, err)
	}
	t.EvenBroken = true // a crash is received, too
	f.clear(p, ref.Op, t)
	for i := range t.Queue {
		if row := &t.Queue[i]; parked != "" {
			row.Parked, row.Reason = true, parked
			p.Ops[row.Op].State = payment.StateParked
		}
	}
	if err := f.o.Journal.Commit(ctx, t); err != nil {
		return fmt.Errorf("recover payment %s: %w", ref.Payment, err)
	}
	if parked == "" {
		f.deliver(t, nil)
	}
	return nil
}
