package flow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// A journal that was put back knows neither whether a capture by the switch was made since nor whether its payment was
// reversed: those that it does not have are listed for the operator, who confirms it, and cancelled then.

// cancelledAtOnce is how many payments are looked at, and captures cancelled, with one commit.
const cancelledAtOnce = 1000

// Unmade calls yield for each payment whose capture by the switch was asked for and is not made, due or not, until it
// returns false.
func (f *Flow) Unmade(ctx context.Context, yield func(*payment.Payment) bool) error {
	met := map[payment.ID]bool{} // a void sets a timer beside that of the capture
	var failed error
	err := f.timers(ctx, func(t journal.Timer) bool {
		if met[t.Payment] {
			return true
		}
		p, err := f.o.Journal.Payment(ctx, t.Payment)
		if err != nil {
			failed = fmt.Errorf("payment %s, which has a timer: %w", t.Payment, err)
			return false
		}
		if !p.CaptureAwaited() {
			return true
		}
		met[t.Payment] = true
		return yield(p)
	})
	return errors.Join(err, failed)
}

// timers calls yield for the timers at which more than the end of a window may be due, whenever that is.
func (f *Flow) timers(ctx context.Context, yield func(journal.Timer) bool) error {
	ever := time.Unix(0, math.MaxInt64)
	return f.o.Journal.Timers(ctx, journal.Timer{}, ever, func(t journal.Timer) bool { return t.Window || yield(t) })
}

// cancelCaptures cancels the captures by the switch that are not made, due or not, but for payments that leave names.
func (f *Flow) cancelCaptures(ctx context.Context, reason string, leave func(payment.ID) bool) error {
	var page []payment.ID
	in := map[payment.ID]bool{}
	cancel := func() error {
		err := f.cancelPage(ctx, reason, page)
		page = page[:0]
		clear(in)
		return err
	}
	var failed error
	err := f.timers(ctx, func(t journal.Timer) bool {
		if !in[t.Payment] && !leave(t.Payment) {
			page, in[t.Payment] = append(page, t.Payment), true
		}
		if len(page) == cancelledAtOnce {
			failed = cancel()
		}
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return cancel()
}

// cancelPage cancels the captures by the switch of payments, where they are not made. Their timers stay: they find what
// the payments need then, which is the end of their windows.
func (f *Flow) cancelPage(ctx context.Context, reason string, page []payment.ID) error {
	ts := make([]*journal.Transition, 0, len(page))
	for _, id := range page {
		defer f.o.Turns.Lock(id)()
		p, err := f.o.Journal.Payment(ctx, id)
		if err != nil {
			return fmt.Errorf("payment %s, which has a timer: %w", id, err)
		}
		if !p.CaptureAwaited() {
			continue
		}
		p.CancelCapture(reason)
		p.Version++
		ts = append(ts, &journal.Transition{Payment: p, EvenBroken: true}) // moves no money
	}
	errs := make([]error, len(ts))
	f.o.Journal.CommitAll(ctx, ts, errs)
	for i, t := range ts {
		if errs[i] == nil {
			f.o.Logger.Warn("a capture by the switch is left to its gateway", zap.Stringer("payment", t.Payment.ID),
				zap.String("reason", t.Payment.CaptureCancelled()))
		}
	}
	return errors.Join(errs...)
}
