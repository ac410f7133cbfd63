package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/drain"
)

func newLoadDrainCmd() *cobra.Command {
	o := drain.Defaults()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "drain [--advices N] [--rate R] [--json]",
		Short: "Measure how fast the queue of an outage drains, and what it does to new requests",
		Long: `Drain starts issuer-sim and switchd on free ports of loopback, measures authorizations at a rate, makes N
authorizations, kills the issuer, captures them all, and starts the issuer again. It then measures how fast the captures
leave the store-and-forward queue, and authorizations at the same rate meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Say = say(cmd)
			s, err := drain.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printResult(cmd.OutOrStdout(), s, asJSON, printDrain)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Advices, "advices", o.Advices, "captures to queue")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "authorizations a second, before and during the drain")
	flags.DurationVar(&o.Before, "before", o.Before, "how long to measure before")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the gateway port")
	flags.StringVar(&o.Dir, "dir", loadFolder, "`folder`, made anew")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards, amounts and arrivals follow from it")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printDrain(w io.Writer, s *drain.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "captures\t%d accepted with the issuer away, %.0f a second\n", s.Advices, s.CaptureTPS)
	fmt.Fprintf(t, "drained\tin %.1f s, %.0f advices a second\n", s.DrainS, s.AdvicesPerS)
	fmt.Fprintf(t, "authorizations\t%g due a second\n", s.Rate)
	fmt.Fprintf(t, "  before\tp50 %.2f ms, p99 %.2f ms\n", s.BeforeP50MS, s.BeforeP99MS)
	fmt.Fprintf(t, "  during\tp50 %.2f ms, p99 %.2f ms, most %.2f ms; %.0f approved a second, %d errors\n",
		s.DuringP50MS, s.DuringP99MS, s.DuringMaxMS, s.DuringTPS, s.DuringErrors)
	fmt.Fprintf(t, "switchd\t%.0f MiB at most\n", s.SwitchdMiB)
	return t.Flush()
}
