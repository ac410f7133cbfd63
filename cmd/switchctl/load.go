package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/steady"
)

func newLoadCmd() *cobra.Command {
	o := steady.Defaults()
	o.Dir = loadFolder
	var local, asJSON bool
	cmd := &cobra.Command{
		Use:   "load [--local] [--iso] (--closed N | --rate R) --duration D [--json]",
		Short: "Measure authorizations a second and their latency",
		Long: `Load sends authorizations to a switch for a while and prints how many were approved a second and how long
they took.

With --closed N there are always N in flight: what the switch can do. With --rate R they become due at R a second
whatever comes back, by default as a Poisson process, and a latency counts from the moment at which the request was due:
what the callers of that rate would see, stalls included.

With --local, issuer-sim and switchd are started on free ports of loopback, with their data in a folder that is made
anew, and stopped at the end.

With --iso, 0100 messages go straight to an issuer, with no switch between; --connect is then the issuer's ISO 8583
port, and --local starts issuer-sim alone.

With --json, stdout gets one object: tps (approved, synced authorizations a second), p50_ms, p99_ms, errors (count),
and what they come from.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Say = say(cmd)
			if !local && o.Address == "" {
				o.Address = defaultGateway
				if o.ISO {
					o.Address = daemons.DefaultISO
				}
			}
			s, err := steady.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := printResult(cmd.OutOrStdout(), s, asJSON, printLoad); err != nil {
				return err
			}
			if s.Approved == 0 {
				return errNo
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Address, "connect", "",
		"the switch's gateway port, default "+defaultGateway+"; with --iso the issuer's port, default "+daemons.DefaultISO)
	flags.BoolVar(&local, "local", false, "start issuer-sim and switchd for it")
	flags.StringVar(&o.Dir, "dir", o.Dir, "folder of --local, made anew")
	flags.IntVar(&o.InFlight, "closed", 0, "keep so many in flight")
	flags.Float64Var(&o.Rate, "rate", 0, "send so many a second")
	flags.BoolVar(&o.Fixed, "fixed", false, "space the arrivals of --rate evenly")
	flags.DurationVar(&o.Duration, "duration", o.Duration, "how long to measure")
	flags.DurationVar(&o.Warmup, "warmup", o.Warmup, "how long to drive before that")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the gateway port")
	flags.Uint64Var(&o.Cards, "cards", o.Cards, "number of different cards")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards, amounts and arrivals follow from it")
	flags.BoolVar(&o.Sale, "sale", false, "send sales instead of authorizations")
	flags.BoolVar(&o.ISO, "iso", false, "send ISO 8583 straight to an issuer")
	flags.StringVar(&o.Dialect, "dialect", o.Dialect, "dialect of --iso")
	flags.StringVar(&o.Framing, "framing", o.Framing, "how --iso frames messages, such as ascii4+tpdu (default binary2)")
	flags.StringVar(&o.IssuerRules, "issuer-rules", "",
		"rules file of issuer-sim, with --local: its pace, latency and faults")
	flags.StringVar(&o.Switch, "switch", "",
		"binary beside this one that stands in switchd's place, with --local: ceiling for the bare relay of bench/ceiling")
	flags.StringVar(&o.Data, "data", "",
		"folder of switchd's data to begin with, as load fill writes it, with --local; it stays as it is")
	flags.StringVar(&o.Told, "told", "", toldUsage)
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.MarkFlagsMutuallyExclusive("iso", "told")
	cmd.MarkFlagsMutuallyExclusive("closed", "rate")
	cmd.MarkFlagsOneRequired("closed", "rate")
	cmd.MarkFlagsMutuallyExclusive("local", "connect")
	cmd.MarkFlagsMutuallyExclusive("iso", "sale")
	cmd.MarkFlagsMutuallyExclusive("iso", "switch", "data")
	cmd.AddCommand(newLoadDrainCmd(), newLoadRecoveryCmd(), newLoadFullCmd(), newLoadFillCmd())
	return cmd
}

// loadFolder is where the daemons of a measurement have their data unless they are told otherwise.
const loadFolder = "load-out"

// toldUsage is the flag of the commands that write down what they are told.
const toldUsage = "append what the switch answers to this file, JSON lines, for switchctl audit --told"

// say tells a person, a line a time, what a measurement does.
func say(cmd *cobra.Command) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
}

// printResult prints a measurement, as an object or for a person.
func printResult[S any](w io.Writer, s *S, asJSON bool, print func(io.Writer, *S) error) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	return print(w, s)
}

func printLoad(w io.Writer, s *steady.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	how := fmt.Sprintf("%d in flight", s.InFlight)
	if s.Rate > 0 {
		how = fmt.Sprintf("%g due a second", s.Rate)
	}
	fmt.Fprintf(t, "load\t%s, %d connections, %.1f s\n", how, s.Connections, s.DurationS)
	fmt.Fprintf(t, "approved\t%d, %.1f a second\n", s.Approved, s.TPS)
	if s.Declined > 0 {
		fmt.Fprintf(t, "declined\t%d (%s)\n", s.Declined, loadgen.Counts(s.Declines))
	}
	fmt.Fprintf(t, "latency\tp50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, most %.2f ms\n",
		s.P50MS, s.P99MS, s.P999MS, s.MaxMS)
	if s.Rate > 0 {
		fmt.Fprintf(t, "driver late\tp99 %.2f ms\n", s.LateP99MS)
	}
	faults := "0"
	if s.Errors > 0 {
		faults = fmt.Sprintf("%d (%s)", s.Errors, loadgen.Counts(s.ErrorCodes))
	}
	fmt.Fprintf(t, "errors\t%s\n", faults)
	if s.SwitchdCPUUS > 0 {
		fmt.Fprintf(t, "CPU\t%.1f µs a request of switchd, %.1f of issuer-sim, %.1f of the load\n",
			s.SwitchdCPUUS, s.IssuerCPUUS, s.LoadCPUUS)
	}
	if s.SwitchdAllocs > 0 {
		fmt.Fprintf(t, "allocations\t%.1f a request on the heap of switchd\n", s.SwitchdAllocs)
	}
	for name, mib := range map[string]float64{"switchd": s.SwitchdMiB, "issuer-sim": s.IssuerMiB} {
		if mib > 0 {
			fmt.Fprintf(t, "%s\t%.0f MiB at most\n", name, mib)
		}
	}
	return t.Flush()
}
