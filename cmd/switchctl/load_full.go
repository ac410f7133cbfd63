package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/full"
)

func newLoadFullCmd() *cobra.Command {
	o := full.Defaults()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "full [--closed N] [--duration D] [--json]",
		Short: "Measure payments from their authorization to the clearing file",
		Long: `Full starts issuer-sim and switchd on free ports of loopback and keeps N payments in flight for a while, each an
authorization and its capture. It then waits until the issuer has heard of every capture, closes the business date, and
waits for its clearing files: the rate is of the payments over all of that time.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Say = say(cmd)
			s, err := full.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printResult(cmd.OutOrStdout(), s, asJSON, printFull)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.InFlight, "closed", o.InFlight, "keep so many in flight")
	flags.DurationVar(&o.Duration, "duration", o.Duration, "for how long payments begin")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the gateway port")
	flags.StringVar(&o.Dir, "dir", loadFolder, "`folder`, made anew")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards and amounts follow from it")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printFull(w io.Writer, s *full.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "payments\t%d authorized, captured and cleared, %.0f a second, %d in flight\n",
		s.Payments, s.PaymentsTPS, s.InFlight)
	fmt.Fprintf(t, "captured\tin %.1f s; p50 %.2f ms, p99 %.2f ms for both requests\n", s.CaptureS, s.P50MS, s.P99MS)
	fmt.Fprintf(t, "at the issuer\t%.1f s later\n", s.DrainS)
	fmt.Fprintf(t, "cleared\t%.1f s later, in %d files\n", s.ClearingS, s.Files)
	fmt.Fprintf(t, "switchd\t%.0f MiB at most\n", s.SwitchdMiB)
	if why := s.NotValid(); why != "" {
		fmt.Fprintf(t, "not valid\t%s: the figures may be the tool's own\n", why)
	}
	return t.Flush()
}
