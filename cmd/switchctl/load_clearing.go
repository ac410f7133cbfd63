package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/dayend"
)

func newLoadClearingCmd() *cobra.Command {
	o := dayend.Defaults()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "clearing [--captures N] [--rate R] [--json]",
		Short: "Measure the end of a day with many captures, and what it does to new requests",
		Long: `Clearing writes a journal of N captured payments. On a copy of it, with issuer-sim and switchd on free ports of
loopback, the business date is closed: what its files take to write, and then to verify and to compare. On another
copy it is closed beside R authorizations a second, whose latency is held against that before.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Say, o.Fatal = say(cmd), fatal
			s, err := dayend.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printResult(cmd.OutOrStdout(), s, asJSON, printDayEnd)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Captures, "captures", o.Captures, "on the date that is closed")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "authorizations a second beside it; 0: none")
	flags.DurationVar(&o.Before, "before", o.Before, "how long they are measured before it")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the gateway port")
	flags.StringVar(&o.Dir, "dir", loadFolder, "`folder`, made anew")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards, amounts and arrivals follow from it")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printDayEnd(w io.Writer, s *dayend.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "closed\t%d captures in %.1f s: %d files, %.0f MiB\n", s.Captures, s.CloseS, s.Files,
		float64(s.Bytes)/(1<<20))
	fmt.Fprintf(t, "  a record\t%.2f µs of switchd's CPU, %.0f MiB of memory at most\n", s.WriteUS, s.SwitchdMiB)
	fmt.Fprintf(t, "  written\t%.0f MiB a second; one writer alone %.0f\n", s.WriteMiBS, s.DiskMiBS)
	fmt.Fprintf(t, "verified\t%.2f µs of CPU a record, %.0f MiB at most\n", s.VerifyUS, s.VerifyMiB)
	fmt.Fprintf(t, "compared\t%.2f µs of CPU a record, %.0f MiB at most\n", s.DiffUS, s.DiffMiB)
	if s.Rate > 0 {
		fmt.Fprintf(t, "beside %g a second\tclosed in %.1f s; their p99 %.2f ms, before it %.2f ms (%.1f times); "+
			"%.0f approved a second, %d errors\n",
			s.Rate, s.BesideS, s.DuringP99MS, s.BeforeP99MS, s.P99Ratio, s.DuringTPS, s.DuringErrors)
	}
	return t.Flush()
}
