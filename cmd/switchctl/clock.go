package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// newClockCmd is `switchctl clock`: shows the clock of a running switch and confirms it.
func newClockCmd() *cobra.Command {
	var asked operatorflags.Flags
	var asJSON bool
	type asking func(*client.Client, context.Context) (*operator.ClockStatus, error)
	ask := func(call asking) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			c, err := call(api, cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), c)
			} else {
				err = painted(cmd, false, clockRules, func(out io.Writer) error { return writeClock(out, c) })
			}
			if err == nil && c.Warning != "" {
				return errNo
			}
			return err
		}
	}
	cmd := &cobra.Command{
		Use:   "clock",
		Short: "Show the clock of a running switch; confirm it where it is in doubt",
		Long: `Show what the switch's wall clock shows, what payments are dated by, and the time that is beyond doubt: only by
that is anything swept, expired or closed on schedule. They differ while the clock is in doubt: it is far ahead of the
time that the switch saw last before it was started, or was set ahead while it ran (limits.clock_leap, 1h).

Exit codes: 0 nothing is wrong with the clock; 1 it is in doubt or was set back; 2 no answer.`,
		Args: cobra.NoArgs,
		RunE: ask((*client.Client).Clock),
	}
	asked.Add(cmd.PersistentFlags(), defaultOperator)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	cmd.AddCommand(&cobra.Command{
		Use:   "confirm",
		Short: "Say that what the clock shows is right",
		Long: `Say that what the switch's wall clock shows is right, whatever it showed before: from then on everything is
dated, swept, expired and closed by it. Look at it first (switchctl clock). What is swept by a clock that is wrong is
gone: requests repeated under those keys are carried out again.`,
		Args: cobra.NoArgs,
		RunE: ask((*client.Client).ConfirmClock),
	})
	return cmd
}

func writeClock(w io.Writer, c *operator.ClockStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	show := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	fmt.Fprintf(t, "the clock shows\t%s\n", show(c.Wall))
	fmt.Fprintf(t, "payments are dated\t%s\n", show(c.Now))
	fmt.Fprintf(t, "beyond doubt is\t%s\n", show(c.Confirmed))
	said := "no"
	if c.Synchronized {
		said = "yes"
	}
	fmt.Fprintf(t, "kept by a time service\t%s\n", said)
	if c.Warning != "" {
		fmt.Fprintf(t, "warning: %s\n", c.Warning)
	}
	return t.Flush()
}
