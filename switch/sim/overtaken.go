package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// cutoverOvertaken is what such a meeting counts as.
const cutoverOvertaken = "cutover by hand overtaken"

// overtaken tells whether a cutover by hand was refused because the scheduled one, at midnight, was making it at that
// moment. The date is closed then, by that one.
func overtaken(err error) bool {
	var refused *statusError
	return errors.As(err, &refused) && refused.status == http.StatusConflict && strings.Contains(refused.text,
		"another cutover")
}

// awaitWritten waits until each date but the open one has its files.
func (n *switchNode) awaitWritten(ctx context.Context) error {
	n.w.faults.add(cutoverOvertaken, 1)
	for {
		var days []struct{ Date, State string }
		take := func(body []byte) error { return json.Unmarshal(body, &days) }
		if err := n.w.ask(ctx, "GET", n.operator, "/v1/days", nil, take); err != nil {
			return err
		}
		unfinished := ""
		for _, d := range days {
			if d.State != "open" && d.State != "written" {
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
