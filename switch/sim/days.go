package sim

import (
	"context"
	"fmt"
	"time"

	"switchyard/switch/operator"
)

// wallOffset is how far a node's wall clock is ahead of virtual time.
func (n *switchNode) wallOffset() time.Duration { return time.Duration(n.later.Load()) }

// nextDays closes a date that is too far ahead of the calendar to be closed by hand, or that is being closed: some days
// pass, and the schedule closes it.
func (n *switchNode) nextDays(ctx context.Context) error {
	open, up := n.stats()
	if !up {
		return fmt.Errorf("the switch is down")
	}
	const (
		passing  = 3 * 24 * time.Hour // one date ahead by hand, one more that was, and the one that is open
		patience = 20                 // seconds until another day passes: a clock that was ahead may have used dates too
	)
	for passed := 0; ; passed++ {
		if passed%patience == 0 {
			days := 24 * time.Hour
			if passed == 0 {
				days = passing
			}
			n.toClose.Add(int64(days))
			if err := n.pass(ctx, days); err != nil {
				return err
			}
		}
		days, err := n.api().Days(ctx)
		if err != nil {
			return err
		}
		for _, d := range days {
			if d.Date == open.OpenDay && d.State != "open" && isDone(&d) {
				return nil
			}
		}
		time.Sleep(time.Second)
	}
}

// isDone tells whether a date is open, has its files, or has those that are to wait for people.
func isDone(d *operator.DayExport) bool {
	if d.State == "sealed" {
		of, err := filingOf(d)
		return err == nil && of.waits()
	}
	return d.State != "closing"
}

// carries tells whether something was carried into the open date.
func (n *switchNode) carries() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	open, _ := n.stats()
	var list []exported
	payments, err := n.api().OpenPayments(ctx)
	err = whole(payments, err, func(export []byte) (err error) {
		list, err = exportedIn(export)
		return err
	})
	if err != nil {
		n.w.failf("the books cannot be read", "%v", err)
	}
	for i := range list {
		for j := range list[i].Ops {
			if op := &list[i].Ops[j]; op.CarriedTo == open.OpenDay && op.Clearing != nil {
				return true
			}
		}
	}
	return false
}

// pass has days pass at a node, whose operator confirms that they did.
func (n *switchNode) pass(ctx context.Context, days time.Duration) error {
	n.moved.CompareAndSwap(0, int64(time.Since(n.w.begin)))
	n.later.Add(int64(days))
	_, err := n.api().ConfirmClock(ctx)
	return err
}

// confirm is an operator who takes the node's clock for right, whether anybody doubts it or not.
func (n *switchNode) confirm() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _ = n.api().ConfirmClock(ctx) // it may be down
}
