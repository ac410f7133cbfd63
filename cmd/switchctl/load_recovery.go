package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/recovery"
)

func newLoadRecoveryCmd() *cobra.Command {
	o := recovery.Defaults()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "recovery [--stored N] [--open N] [--json]",
		Short: "Measure how soon a switch is ready after a crash",
		Long: `Recovery writes a journal of N payments, some of them with an intent that has no outcome, spread over all of the log,
as a switch leaves it that is killed. It starts switchd on copies of it, before a running issuer-sim, and measures the time
from the start of the process until /readyz says 200: from then on it takes requests, while each such intent becomes an
unknown outcome whose reversal is queued; and the time until all reversals are acknowledged.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Say = say(cmd)
			o.Fatal = fatal
			s, err := recovery.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printResult(cmd.OutOrStdout(), s, asJSON, printRecovery)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Stored, "stored", o.Stored, "payments in the journal")
	flags.IntVar(&o.Open, "open", o.Open, "of them with an intent without an outcome")
	flags.IntVar(&o.Runs, "runs", o.Runs, "how often to start")
	flags.StringVar(&o.Dir, "dir", loadFolder, "`folder`, made anew")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards and amounts follow from it")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printRecovery(w io.Writer, s *recovery.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "journal\t%d payments, %d of them with an intent without an outcome\n", s.Stored, s.Open)
	for i := range s.ReadyS {
		fmt.Fprintf(t, "start %d\tready after %.2f s; %d reversals acknowledged after %.2f s more\n",
			i+1, s.ReadyS[i], s.Open, s.ReversedS[i])
	}
	fmt.Fprintf(t, "switchd\t%.0f MiB at most\n", s.SwitchdMiB)
	return t.Flush()
}
