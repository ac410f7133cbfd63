package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/internal/paint"
	"switchyard/switch/operator/client"
)

// redraw puts a terminal's cursor to its first place, and takes away what stood behind.
const redraw = "\x1b[H\x1b[J"

// newTopCmd is `switchctl top`: what a switch is doing, as it does it.
func newTopCmd() *cobra.Command {
	var asked operatorflags.Flags
	var interval time.Duration
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch what a switch does: rates, latency, links, queue, disk",
		Long: `Show, drawn anew each interval until Ctrl-C, what a switch did in the interval: requests a second by outcome, how
long answers and issuers took, links with their windows, the store-and-forward queue, the journal's size and syncs. It
reads the operator API's metrics and stats, and changes nothing.

Quantiles are of a histogram's buckets: within one, times are taken as evenly spread. A dash stands where nothing was
counted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			const shortest = 10 * time.Millisecond
			if interval < shortest {
				return fmt.Errorf("--interval: %s: expected at least %s", interval, shortest)
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			var rules paint.Rules
			if coloured(cmd, cmd.OutOrStdout()) {
				rules = topRules
			}
			err = watch(cmd.Context(), cmd.OutOrStdout(), rules, api, interval, once)
			if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
				return nil // Ctrl-C is how it ends
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "how often it is drawn, and what its figures are of")
	cmd.Flags().BoolVar(&once, "once", false, "print one interval and end")
	asked.Add(cmd.Flags(), defaultOperator)
	return cmd
}

// watch draws each interval. Only what fails at first ends it: a switch that is started again is waited for.
func watch(
	ctx context.Context, out io.Writer, rules paint.Rules, api *client.Client, every time.Duration, once bool,
) error {
	before, err := lookAt(ctx, api)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		after, err := lookAt(ctx, api)
		switch {
		case err != nil && (once || ctx.Err() != nil):
			return err
		case err != nil:
			err = draw(out, rules.Text(fmt.Sprintf("no answer: %v\n", err)))
		case before != nil:
			var text strings.Builder
			writeSpan(&text, &span{before, after})
			err = draw(out, rules.Text(text.String()))
		}
		if err != nil || once {
			return err
		}
		before = after // nil where there was no answer: the next one has nothing to be held against
	}
}

// draw puts a text in the place of the one before, on a terminal; else behind it.
func draw(out io.Writer, text string) error {
	if isTerminal(out) {
		text = redraw + text
	} else {
		text += "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}
