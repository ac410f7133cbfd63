package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// What is done for payments although nobody asks for it: a capture that was asked for with the authorization, the end
// of a capture window, which gives up what is not captured, and the release of what was undone whole by its key.
// payment.Due decides; here is when it is asked.
//
// A timer in the journal says when a payment is to be looked at, and is taken away by the commit that does what is due:
// so that is done once, whatever ends between. The timer of a capture stands since the authorization's intent. That of
// a window is set a day after the payment was made, for what has not been captured by then, by WatchWindows: no window
// is shorter, and most payments never need one.

const (
	// dueAtOnce is how many payments that are due are served side by side, so that they share the journal's syncs.
	dueAtOnce = 256
	// dueAgain is when a payment is looked at again for which nothing could be done yet.
	dueAgain = time.Minute
	// dueWithoutHost is when a payment is, whose host is in the configuration no more: that changes with a start at the
	// earliest, and each look is a synced commit and a line of the log.
	dueWithoutHost = 10 * time.Minute
	// immediateAfter is how long after a payment was made its capture at once is looked for, should it not have been made
	// with the answer: longer than most issuers take.
	immediateAfter = 15 * time.Second
	// captureMargin is the least time between a capture by the switch and the end of the window: what cannot be done at
	// once, with a switch that is down or a host whose queue is full, is tried again for so long.
	captureMargin = time.Hour
	// watchedFrom is the age from which on a payment is watched.
	watchedFrom = 24 * time.Hour
	// watchedAtOnce is how many payments are read before what was found of them is stored.
	watchedAtOnce = 10_000
	// maxNodes bounds the numbers of nodes.
	maxNodes = 36
)

// ServeDue does what is due for payments by the confirmed clock. It ends early with ctx, while no new work is taken,
// and with an error of the journal's.
func (f *Flow) ServeDue(ctx context.Context) error {
	for last := f.place.begin(); ctx.Err() == nil && f.closed() == nil; {
		var due []journal.Timer
		err := f.o.Journal.Timers(ctx, last, f.o.Clock.Confirmed(), func(t journal.Timer) bool {
			due = append(due, t)
			return len(due) < dueAtOnce
		})
		if err != nil || len(due) == 0 {
			return err
		}
		last = due[len(due)-1]
		errs := make([]error, len(due))
		var group sync.WaitGroup
		for i, t := range due {
			group.Go(func() { errs[i] = f.serveTimer(ctx, t) })
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		f.place.served(last)
	}
	return nil
}

// serveTimer does what is due for a timer's payment, and sets the timer anew where that cannot be done now.
func (f *Flow) serveTimer(ctx context.Context, t journal.Timer) error {
	unlock := f.o.Turns.Lock(t.Payment)
	defer unlock()
	if t.At.After(f.o.Clock.Confirmed()) {
		f.place.stands(t.At)
		return nil // the clock is in doubt, or was set back
	}
	return f.serveDue(ctx, t, time.Time{})
}

// serveNow does for a payment at once what has just become due, by a clock that may be in doubt, and does not wait for
// the timer that stands for it. It returns the payment as it stands then.
func (f *Flow) serveNow(ctx context.Context, p *payment.Payment, t journal.Timer) *payment.Payment {
	ctx = context.WithoutCancel(ctx) // the gateway may have hung up
	unlock := f.o.Turns.Lock(t.Payment)
	defer unlock()
	if err := f.serveDue(ctx, t, f.o.Clock.Now()); err != nil {
		f.o.Logger.Error("what is due for a payment could not be done at once; it is tried again",
			zap.Stringer("payment", p.ID), zap.Error(err))
	}
	after, err := f.o.Journal.Payment(ctx, p.ID)
	if err != nil {
		return p
	}
	return after
}

// serveDue is serveTimer for a payment whose lock is held, at a moment that the confirmed clock may not have reached.
func (f *Flow) serveDue(ctx context.Context, t journal.Timer, moment time.Time) error {
	done, err := f.due(ctx, t, moment)
	in := dueAgain
	if err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
		if gone := (*hostGoneError)(nil); errors.As(err, &gone) {
			in = dueWithoutHost
		}
		f.o.Logger.Error("what is due for a payment could not be done; it is tried again",
			zap.Stringer("payment", t.Payment), zap.Duration("in", in), zap.Error(err))
	}
	if done || ctx.Err() != nil {
		return ctx.Err()
	}
	again := journal.Timer{At: f.o.Clock.Confirmed().Add(in), Payment: t.Payment, Window: t.Window}
	return f.o.Journal.SetTimers(ctx, []journal.Timer{again}, []journal.Timer{t})
}

// due does what is due for a timer's payment, whose lock is held, and takes the timer away; done is false where it has
// to wait.
func (f *Flow) due(ctx context.Context, t journal.Timer, moment time.Time) (done bool, err error) {
	claimed := false
	for {
		p, err := f.o.Journal.Payment(ctx, t.Payment)
		if err != nil {
			return false, err
		}
		now := f.o.Clock.Confirmed()
		if now.Before(moment) {
			now = moment
		}
		what := p.Due(now)
		late := what == payment.DueExpire && p.CaptureDue(now)
		var tr *journal.Transition
		switch {
		case what == payment.DueNothing:
			if p.EndMissed(now) {
				p.Version++
				if err := f.o.Journal.Commit(ctx, &journal.Transition{Payment: p, EvenBroken: true}); err != nil { // moves no money
					return false, err
				}
			}
			err := f.o.Journal.SetTimers(ctx, nextTimer(p, now), []journal.Timer{t})
			return err == nil, err
		case what == payment.DueLater || !claimed && !f.claimRow(what, p.Ops[0].Host):
			return false, nil
		}
		if !claimed {
			claimed = true
			defer f.claimed.Add(-1)
		}
		switch what {
		case payment.DueCapture:
			tr, err = f.captureDue(ctx, p, now)
		case payment.DueRelease:
			tr, err = f.giveUp(ctx, p, payment.KindRelease)
		default:
			tr, err = f.giveUp(ctx, p, payment.KindExpire)
		}
		if err != nil {
			return false, err
		}
		tr.Fired = []time.Time{t.At}
		err = f.o.Journal.Commit(ctx, tr)
		switch {
		case errors.Is(err, journal.ErrDayClosed):
			continue // a cutover came between: the capture is for the next date
		case err != nil:
			return false, err
		}
		if late {
			f.o.Logger.Warn("a capture by the switch could not be made before its window ended: it is made no more, and what "+
				"it was of is given up", zap.Stringer("payment", p.ID), zap.Time("due", p.Ops[0].CaptureAt),
				zap.Time("window_ended", p.Expires))
		}
		f.metrics.due(what)
		f.deliver(tr, p)
		return true, nil
	}
}

// claimRow claims a row of a host's queue for what is due, unless it has no room beside what others have claimed. The
// ends of windows leave half of it to captures.
func (f *Flow) claimRow(what payment.Due, host string) bool {
	others := int(f.claimed.Add(1)) - 1
	room := f.o.SAF.Room(host, f.InFlight()+others)
	if what == payment.DueExpire {
		room = f.o.SAF.RoomToExpire(host, f.InFlight()+others)
	}
	if !room {
		f.claimed.Add(-1)
	}
	return room
}

// captureDue appends the capture of all that is left, which is final, and returns the transition that accepts it.
func (f *Flow) captureDue(ctx context.Context, p *payment.Payment, now time.Time) (*journal.Transition, error) {
	amount, r := p.CheckCapture(0, now)
	if r != nil {
		return nil, r
	}
	x := operation{Flow: f, req: &api.Request{Final: true}}
	t, i, err := x.appendCapture(ctx, p, amount, f.o.Clock.Now())
	if err == nil {
		p.Ops[i].Automatic = true
	}
	return t, err
}

// giveUp appends the release of what is not captured, of a kind, and returns the transition that queues it.
func (f *Flow) giveUp(ctx context.Context, p *payment.Payment, kind payment.Kind) (*journal.Transition, error) {
	host := p.Ops[0].Host
	issuer := f.o.Issuers[host]
	if issuer == nil {
		return nil, &hostGoneError{host}
	}
	now := f.o.Clock.Now()
	rest := p.Sums().Capturable()
	p.Version++
	t := &journal.Transition{Payment: p}
	return t, f.queue(ctx, t, issuer, payment.Op{
		Kind: kind, State: payment.StateQueued, Advised: true, Amount: rest, Target: payment.NoTarget,
		Stays: p.StaysAfter(rest), At: now, DoneAt: now, RRN: p.Ops[0].RRN,
	})
}

// watchedMeta names the value that says up to which payment WatchWindows has come: eight bytes a node, and until the
// first walk over a journal has ended, behind them when it began: nanoseconds since 1970, eight bytes.
const (
	watchedMeta  = "windows/watched"
	watchedBytes = maxNodes * 8
)

// WatchWindows sets a timer at the end of the capture window of each payment that is a day old and may still have
// something to give up then. It goes over each payment once, and on from where it was when it is ended: by ctx, or
// while no new work is taken. The first time on a journal, which may be an older program's, it leaves windows alone
// that had ended when it began: nobody knows what issuers still hold of them.
func (f *Flow) WatchWindows(ctx context.Context) error {
	if f.closed() != nil {
		return nil
	}
	w := watch{f: f, now: f.o.Clock.Confirmed()}
	watched, err := f.o.Journal.Meta(ctx, watchedMeta)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		w.begun = w.now
		watched = binary.BigEndian.AppendUint64(make([]byte, watchedBytes), uint64(w.begun.UnixNano()))
		if err := f.o.Journal.PutMeta(ctx, watchedMeta, watched); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(watched) == watchedBytes+8:
		w.begun = time.Unix(0, int64(binary.BigEndian.Uint64(watched[watchedBytes:])))
	case len(watched) != watchedBytes:
		return fmt.Errorf("value %s: %d bytes, expected %d, or %d", watchedMeta, len(watched), watchedBytes,
			watchedBytes+8)
	}
	for node := range uint32(maxNodes) {
		place := watched[node*8 : node*8+8]
		for {
			if f.closed() != nil {
				return nil
			}
			from := binary.BigEndian.Uint64(place)
			at, err := w.node(ctx, node, from)
			if err != nil {
				return err
			}
			if at == from {
				break
			}
			binary.BigEndian.PutUint64(place, at)
			if err := f.o.Journal.PutMeta(ctx, watchedMeta, watched); err != nil {
				return err
			}
		}
	}
	if w.begun.IsZero() {
		return nil
	}
	return f.o.Journal.PutMeta(ctx, watchedMeta, watched[:watchedBytes])
}

// watch is one walk over payments.
type watch struct {
	f     *Flow
	now   time.Time
	begun time.Time // of the first walk over the journal; zero: it has ended
}

// node watches payments of a node behind a counter, as many as are stored at once, and returns up to which it came.
func (w *watch) node(ctx context.Context, node uint32, from uint64) (at uint64, err error) {
	var timers []journal.Timer
	at = from
	read, overtaken := 0, uint64(0)
	var failed error
	err = w.f.o.Journal.Payments(ctx, payment.NewID(node, from), func(p *payment.Payment) bool {
		age := w.now.Sub(p.Created)
		if p.ID.Node() != node || age >= 0 && age < watchedFrom {
			return false
		}
		// One that was made in the future, by a clock that was wrong, keeps none behind it waiting. But by a clock that is
		// in doubt each new one is: it is not a day old because of that.
		if age < 0 && -age <= api.MaxCaptureAfter && p.ID.Counter() > overtaken {
			if overtaken, failed = w.overtaken(ctx, p.ID); overtaken == 0 {
				return false
			}
		}
		at = p.ID.Counter()
		if p.MayExpire() && (w.begun.IsZero() || !p.PastWindow(w.begun)) {
			timers = append(timers, windowTimer(p))
		}
		read++
		return read < watchedAtOnce && len(timers) < journal.MaxTimers
	})
	if err = errors.Join(err, failed); err == nil && len(timers) > 0 {
		err = w.f.o.Journal.SetTimers(ctx, timers, nil)
	}
	return at, err
}

// overtaken returns the counter of a payment of the same node that is old enough to be watched although it was made
// after one; 0 where none is found. Of those far behind it looks at few, so that it is quick; some that it misses are
// found once more are made.
func (w *watch) overtaken(ctx context.Context, id payment.ID) (counter uint64, err error) {
	for step := uint64(0); ; step += 1 + step/8 {
		var next *payment.Payment
		err := w.f.o.Journal.Payments(ctx, payment.NewID(id.Node(), id.Counter()+step), func(p *payment.Payment) bool {
			next = p
			return false
		})
		switch {
		case err != nil || next == nil || next.ID.Node() != id.Node():
			return 0, err
		case w.now.Sub(next.Created) >= watchedFrom:
			return next.ID.Counter(), nil
		}
	}
}

// windowTimer is when the end of a payment's window is looked at: just past it.
func windowTimer(p *payment.Payment) journal.Timer {
	return journal.Timer{At: p.Expires.Add(time.Millisecond), Payment: p.ID, Window: true}
}

// nextTimer is the timer of a payment for which nothing is due yet: the end of its window, where that may give
// something up.
func nextTimer(p *payment.Payment, now time.Time) []journal.Timer {
	if p.PastWindow(now) || !p.MayExpire() {
		return nil
	}
	return []journal.Timer{windowTimer(p)}
}

// timersOf are the timers that go with the intent of operation i: of the capture that was asked for with it, and of a
// void of a capture, which gives a hold back that nobody may be watching any more.
func timersOf(p *payment.Payment, i int) []time.Time {
	op := &p.Ops[i]
	switch {
	case op.CaptureAt.IsZero():
	case op.CaptureAt.Equal(op.At):
		return []time.Time{op.CaptureAt.Add(immediateAfter)}
	default:
		return []time.Time{op.CaptureAt}
	}
	if op.Kind == payment.KindVoid && p.Ops[op.Target].Kind == payment.KindCapture {
		return []time.Time{op.At.Add(dueAgain)}
	}
	return nil
}
