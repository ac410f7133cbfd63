package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
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
	const passing = 3 * 24 * time.Hour // one date ahead by hand, one more that was, and the one that is open
	n.later.Add(int64(passing))
	if err := n.w.ask(ctx, "POST", n.operator, "/v1/clock/confirm", nil, nil); err != nil {
		return err
	}
	for {
		var days []struct{ Date, State string }
		err := n.w.ask(ctx, "GET", n.operator, "/v1/days", nil, func(b []byte) error { return json.Unmarshal(b, &days) })
		if err != nil {
			return err
		}
		for _, d := range days {
			if d.Date == open.OpenDay && d.State == "written" {
				return nil
			}
		}
		time.Sleep(time.Second)
	}
}
