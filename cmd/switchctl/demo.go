package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/demo"
	"switchyard/spec"
)

func newDemoCmd() *cobra.Command {
	o, faults := demo.Defaults(), "off"
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a business day on this machine and check every answer and every book",
		Long: `Demo starts issuer-sim and switchd on loopback, with their data in a folder that is made anew, and plays a day of
payments through the gateway port: captures in full and in shipments, sales, reversals, refunds and declines, in five
currencies, about one payment in a hundred sent twice. It checks every answer, closes the business day, checks the
clearing files against what it did, hands them to the issuer, audits the three books and what it was told itself, stops
both daemons, and prints what came of it, and how to serve its data again. The same seed plays the same day again.

With --days 3 the issuer is a clearing system as well, which watches the switch's clearing folder and answers into the
folder that the switch watches. It rejects some of the first day's presentments, which are put right and presented again
on the second, and charges some back, which are presented a second time or accepted. On the third all are settled, and
merchants' statements, in the folder statements, must add up to the files of both days and to what came back.

With --faults on the issuer loses, delays, doubles or garbles two of a hundred answers, and has 300 ms for each. What
was not answered is reversed, and the day goes on until the outcome of every payment is known.

Its last line is "demo: OK"; otherwise it says what is wrong and exits with 1. summary.json in the folder holds the
same figures.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), o, faults, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Payments, "payments", o.Payments, "number of payments")
	flags.IntVar(&o.Days, "days", o.Days, "1, or 3: until what was cleared is settled")
	flags.IntVar(&o.InFlight, "in-flight", o.InFlight, "payments under way at the same time")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the gateway port")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "the day follows from it")
	flags.StringVar(&o.Out, "out", o.Out, "`folder`, made anew")
	flags.StringVar(&o.ToldFile, "told", "",
		"append what the switch answers to this `file` (default: told.jsonl in the folder)")
	flags.StringVar(&o.Dialect, "dialect", o.Dialect, "stock dialect of switch and issuer (default iso87ascii)")
	flags.StringVar(&o.Framing, "framing", o.Framing, "how they frame messages, such as ascii4+tpdu (default binary2)")
	flags.StringVar(&faults, "faults", faults, "on: the issuer answers badly now and then")
	completion.Flag(cmd, "dialect", spec.Stock()...)
	offersFramings(cmd, "framing")
	completion.Flag(cmd, "faults", "on", "off")
	return cmd
}

// runDemo plays the day and prints what came of it.
func runDemo(ctx context.Context, o demo.Options, faults string, stdout, stderr io.Writer) error {
	if faults != "on" && faults != "off" {
		return fmt.Errorf("faults: %q, expected on or off", faults)
	}
	o.Faults = faults == "on"
	s, err := demo.Run(ctx, o, newProgress(stderr))
	if err != nil {
		return err
	}
	if err := printDemo(stdout, s); err != nil {
		return err
	}
	if !s.OK {
		return errNo
	}
	return nil
}
