package sim

import (
	"context"
	"fmt"
	"strings"
	"time"

	"switchyard/switch/operator/client"
)

// cutoverOvertaken is what such a meeting counts as.
const cutoverOvertaken = "cutover by hand overtaken"

// overtaken tells whether a cutover by hand was refused because the scheduled one, at midnight, was making it at that
// moment. The date is closed then, by that one.
func overtaken(err error) bool {
	why, refused := client.Refused(err)
	return refused && strings.Contains(why, "another cutover")
}

// awaitWritten waits until each date but the open one has its files, or waits for people.
func (n *switchNode) awaitWritten(ctx context.Context) error {
	n.w.faults.add(cutoverOvertaken, 1)
	for {
		days, err := n.api().Days(ctx)
		if err != nil {
			return err
		}
		unfinished := ""
		for _, d := range days {
			if !isDone(&d) {
				unfinished = d.Date
			}
		}
		if unfinished == "" {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("the files of %s are not written: %w", unfinished, ctx.Err())
		}
	}
}
