package flow

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/words"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

const (
	// recoverAtOnce is how many payments of a host are recovered side by side, so that they share the journal's syncs.
	recoverAtOnce = 256
	// recoverPoll is how often is looked whether a STAN is free, and recoverSaid at which part of these is logged that
	// none is.
	recoverPoll = time.Second
	recoverSaid = 60
)

// origin is what is known of an intent that a crash left without an outcome.
type origin struct {
	host string
	kind payment.Kind
}

// dated tells whether the outcome may change the clearing of a business date, see clear.
func (o origin) dated() bool { return clears(o.kind) || o.kind == payment.KindVoid }

// undone tells whether the unknown outcome is followed by a reversal, which needs a STAN.
func (o origin) undone() bool { return !o.kind.AskedReversal() }

// Open reads which intents a crash left without an outcome; Unrecovered counts them from then on. It comes before the
// first request, and fails where the config has no more of the hosts that they were sent to.
func (f *Flow) Open() (err error) {
	if f.left, err = f.o.Journal.OpenIntents(context.Background()); err != nil {
		return err
	}
	f.origins, f.recovered = map[journal.IntentRef]origin{}, map[string]chan struct{}{}
	for _, ref := range f.left {
		p, err := f.o.Journal.Payment(context.Background(), ref.Payment)
		if err != nil {
			return fmt.Errorf("payment %s: %w", ref.Payment, err)
		}
		host := p.Ops[0].Host
		if f.o.Issuers[host] == nil {
			return fmt.Errorf("payment %s has a request without an outcome: %w", p.ID, &hostGoneError{host})
		}
		if ref.Op < len(p.Ops) {
			f.origins[ref] = origin{host, p.Ops[ref.Op].Kind}
		}
		if f.recovered[host] == nil {
			f.recovered[host] = make(chan struct{})
		}
	}
	f.unrecovered.Store(int64(len(f.left)))
	return nil
}

// Recover ends every intent that a crash left without an outcome: nobody knows what the issuer did, so its reversal
// is queued. It may run while requests are served: until an intent is ended its operation counts as under way, and a
// repeat of its key waits. Each host's come by themselves, since a host of which every STAN is reserved waits until
// some are free. cleared is called once no business date's clearing can change by what is left. It comes after Open and
// after saf's Start, is called once, and returns early when ctx ends.
func (f *Flow) Recover(ctx context.Context, cleared func()) (recovered int, err error) {
	open := f.left
	f.left = nil
	dated, rest := map[string][]journal.IntentRef{}, map[string][]journal.IntentRef{}
	for _, ref := range open {
		switch o := f.origins[ref]; {
		case o.dated():
			dated[o.host] = append(dated[o.host], ref)
		default:
			rest[o.host] = append(rest[o.host], ref)
		}
	}
	var (
		first, all sync.WaitGroup
		mu         sync.Mutex
	)
	note := func(e error) {
		mu.Lock()
		defer mu.Unlock()
		if e != nil {
			err = e
		}
	}
	failed := func() error {
		mu.Lock()
		defer mu.Unlock()
		return err
	}
	for host, ended := range f.recovered {
		first.Add(1)
		all.Go(func() {
			defer close(ended)
			note(f.recoverHost(ctx, host, dated[host]))
			first.Done()
			note(f.recoverHost(ctx, host, rest[host]))
		})
	}
	first.Wait()
	if failed() == nil && ctx.Err() == nil {
		cleared()
	}
	all.Wait()
	f.origins = nil // their memory
	if err == nil {
		err = ctx.Err()
	}
	return len(open), err
}

// recoverHost ends intents that were sent to one host.
func (f *Flow) recoverHost(ctx context.Context, host string, open []journal.IntentRef) (err error) {
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, recoverAtOnce)
		mu    sync.Mutex
	)
	for i, ref := range open {
		if f.origins[ref].undone() {
			f.awaitSTAN(ctx, host, len(slots), len(open)-i)
		}
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		group.Go(func() {
			if e := f.endOne(ctx, ref, ""); e != nil {
				mu.Lock()
				err = e
				mu.Unlock()
			}
			f.unrecovered.Add(-1)
			<-slots
		})
	}
	group.Wait()
	return err
}

// awaitSTAN waits until a host has a STAN for a reversal, beside those that others have in hand, or ctx ends. The
// payment's lock is not held meanwhile.
func (f *Flow) awaitSTAN(ctx context.Context, host string, inHand, left int) {
	for tried := 0; f.o.Issuers[host].Stream.Free() <= inHand && ctx.Err() == nil; tried++ {
		if tried%recoverSaid == 0 {
			f.o.Logger.Warn("requests of an earlier run have no outcome yet: their reversals wait for a STAN, of which "+
				"none is free", zap.String("host", host), zap.Int("requests", left), zap.Duration("tried_again_in", recoverPoll))
		}
		select {
		case <-time.After(recoverPoll):
		case <-ctx.Done():
		}
	}
}

// Unrecovered returns how many intents of an earlier run have no outcome yet.
func (f *Flow) Unrecovered() int { return int(f.unrecovered.Load()) }

// MayPark tells whether Park has a STAN for each reversal that it would park: else it would wait for some. The error is
// an identity.ErrReserved.
func (f *Flow) MayPark(leave func(payment.ID) bool) error {
	need := map[string]int{}
	for _, ref := range f.left {
		if o := f.origins[ref]; o.undone() && !leave(ref.Payment) {
			need[o.host]++
		}
	}
	for host, n := range need {
		if free := f.o.Issuers[host].Stream.Free(); free < n {
			return fmt.Errorf("issuer %s: the reversals of %s without an outcome need a STAN each, and %d are free: "+
				"%w; try again when its latest_answer has gone by since the start, or recover these requests", host,
				words.Count(n, "request"), free, identity.ErrReserved)
		}
	}
	return nil
}

// Park ends the intents that an earlier run left without an outcome like Recover, but sends nothing: what would be sent
// is parked with a reason, for a person to decide on. For a journal that was put back: what it does not know of may
// have been approved since, and told. Captures by the switch may have been made since, and what they are of reversed:
// they are cancelled, and left to gateways. Those that leave names are left to Recover. That keys may be forgotten is
// noted, see forgotten. It comes after Open and before saf's Start.
func (f *Flow) Park(ctx context.Context, reason string, leave func(payment.ID) bool) error {
	if err := f.keepForgotten(ctx); err != nil {
		return err
	}
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
	return f.cancelCaptures(ctx, reason, leave)
}

// Left lists the intents of an earlier run until Park or Recover has ended them.
func (f *Flow) Left() []journal.IntentRef { return f.left }

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
