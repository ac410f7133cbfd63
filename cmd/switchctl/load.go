package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/internal/loadgen/steady"
)

func newLoadCmd() *cobra.Command {
	o := steady.Defaults()
	o.Dir = loadFolder
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load [--local] [--iso] (--closed N | --rate R | --flows R | --scenario FILE | --replay FILE) [--json]",
		Short: "Measure requests a second and their latency",
		Long: `Load sends requests to a switch for a while, authorizations unless told otherwise, and prints how many were
approved a second and how long they took.

With --closed N there are always N in flight: what the switch can do. With --rate R they become due at R a second
whatever comes back, by default as a Poisson process, and a latency counts from the moment at which the request was due:
what the callers of that rate would see, stalls included. A request that was due in the measured time counts, with the
time that its caller waited, whatever came of it.

With --flow a flow of several requests is asked for, such as an authorization and its captures, one after the other.
--flows R begins R of them a second, --requests R as many as make R requests a second; both rates are shown.

With --scenario the traffic is what a YAML file says: stages, flows of several requests, cards, faults of the issuer and
thresholds. load check holds a file to what is expected.

With --replay requests are due at the moments that a file has: a line each, or a capture (pcap, pcapng), whose own
requests are asked again with --iso, with other STANs, RRNs and cards.

With --local, issuer-sim and switchd are started on free ports of loopback, with their data in a folder that is made
anew, and stopped at the end.

With --iso, messages go straight to an issuer, with no switch between; --connect is then the issuer's ISO 8583 port, and
--local starts issuer-sim alone. Several hosts, with commas between and weights behind them (a:8583=2,b:8583), share the
connections.

With --json, stdout gets one object: tps (approved requests a second), p50_ms, p99_ms, errors (count),
and what they come from. A figure that was not measured is left out.

With --out, the run is kept in a folder: run.json, of which load report makes all reports anew and which load compare
reads, a page for a browser, a log of HdrHistogram, and the figures of each second. While it runs, standard error shows
how it goes, and so does --prometheus.

Exit codes: 0 the thresholds are met, some request was approved, each has an answer, and at most 1% are errors, but for
what a threshold says otherwise of; 1 they are not; 2 nothing was measured; 3 the run is not valid: the tool did not send
what was asked when it was asked, and the figures may be its own. Ctrl-C ends a run with the figures of what there is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.apply(cmd, &o); err != nil {
				return err
			}
			stop, err := f.show.begin(cmd, &o)
			if err != nil {
				return err
			}
			run, err := steady.Run(cmd.Context(), o)
			stopped := stop()
			if err != nil {
				return errors.Join(err, stopped)
			}
			run.Command = os.Args
			if err := errors.Join(f.show.report(cmd, run, f.asJSON), stopped); err != nil {
				return err
			}
			return f.verdict(run)
		},
	}
	cmd.AddCommand(newLoadReportCmd(), newLoadCompareCmd(), newLoadPlotCmd())
	f.add(cmd, &o)
	cmd.AddCommand(
		newLoadCheckCmd(), newLoadSearchCmd(), newLoadCeilingCmd(), newLoadDrainCmd(), newLoadRecoveryCmd(), newLoadFullCmd(),
		newLoadFillCmd(), newLoadClearingCmd(),
	)
	return cmd
}

// loadFlags are flags of load that are more than a field of its options.
type loadFlags struct {
	gateway    gatewayFlags // how a port is spoken to
	plainTLS   bool
	local      bool
	asJSON     bool
	keys       string
	scenario   string
	rates      float64
	span       float64
	match      []int
	exitZero   bool
	thresholds []string
	show       loadShow
	replay     scenario.Replay
	flows      float64 // what one of them is, is the rate
	requests   float64
}

// rate makes the rate of one of its flags.
func (f *loadFlags) rate(cmd *cobra.Command, o *steady.Options) error {
	for name, given := range map[string]float64{"flows": f.flows, "requests": f.requests} {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if !(given > 0 && given <= loadgen.MaxRate) {
			return fmt.Errorf("%s: %g, expected more than 0 and at most %d", name, given, loadgen.MaxRate)
		}
		o.Rate, o.PerFlow = given, name == "flows"
	}
	return nil
}

// operations are those that the flags ask for.
func (f *loadFlags) operations(o *steady.Options) (names []string) {
	flow := o.Flow
	if o.Sale {
		flow = "sale"
	}
	for _, s := range loadgen.Flows[flow] {
		if !slices.Contains(names, s.String()) {
			names = append(names, s.String())
		}
	}
	return names
}

func (f *loadFlags) add(cmd *cobra.Command, o *steady.Options) {
	f.addPort(cmd, o)
	flags := cmd.Flags()
	flags.IntVar(&o.InFlight, "closed", 0, "keep so many in flight")
	flags.Float64Var(&o.Rate, "rate", 0, "send so many a second; the same as --requests")
	flags.Float64Var(&f.requests, "requests", 0, "have so many requests due a second, those within flows counted")
	flags.Float64Var(&f.flows, "flows", 0, "have so many flows begin a second")
	flags.StringVar(&f.scenario, "scenario", "", "drive the scenario of this YAML `file`; see load check and docs/load.md")
	flags.Float64Var(&f.rates, "scale-rates", 1, "multiply all rates of --scenario")
	flags.Float64Var(&f.span, "scale-time", 1, "multiply all times of the course of --scenario")
	flags.StringVar(&f.replay.File, "replay", "",
		"send at the moments of this `file`: lines of times, or a capture, whose requests --iso asks again")
	flags.Float64Var(&f.replay.Speed, "speed", 1, "how many times as fast as it was --replay goes")
	flags.StringVar(&f.replay.To, "replay-to", "",
		"take those requests of the capture of --replay that were sent to this address, or end of one, such as :8583")
	flags.BoolVar(&f.replay.KeepCards, "keep-cards", false, "leave the cards of a capture as they are")
	flags.StringVar(&o.Control, "control", "", "issuer-sim's control port, which faults of --scenario are told to")
	flags.BoolVar(&o.Fixed, "fixed", false, "space the arrivals of --rate evenly")
	flags.StringVar(&o.Switch, "switch", "",
		"binary beside this one that stands in switchd's place, with --local: ceiling for the bare relay of bench/ceiling")
	flags.StringVar(&o.Data, "data", "",
		"`folder` of switchd's data to begin with, as load fill writes it, with --local; it stays as it is")
	flags.StringVar(&o.Told, "told", "", toldUsage)
	flags.StringArrayVar(&f.thresholds, "threshold", nil,
		`what it must reach to pass, such as "p99 < 20ms" or "errors < 1%"; may be given several times`)
	flags.BoolVar(&f.exitZero, "exit-zero", false, "exit with 0 whatever the verdict is, for who reads the figures")
	f.show.add(flags)
	cmd.MarkFlagsMutuallyExclusive("iso", "told")
	cmd.MarkFlagsMutuallyExclusive("iso", "name")
	cmd.MarkFlagsMutuallyExclusive("closed", "rate", "flows", "requests", "scenario", "replay")
	cmd.MarkFlagsOneRequired("closed", "rate", "flows", "requests", "scenario", "replay")
	cmd.MarkFlagsMutuallyExclusive("closed", "fixed")
	exclude(cmd)
	for _, name := range []string{
		"fixed", "duration", "warmup", "timeout", "connections", "cards", "seed", "sale", "flow",
	} {
		cmd.MarkFlagsMutuallyExclusive("scenario", name)
	}
	for _, name := range []string{"fixed", "duration", "warmup"} {
		cmd.MarkFlagsMutuallyExclusive("replay", name)
	}
	cmd.MarkFlagsMutuallyExclusive("iso", "switch", "data")
}

// addPort adds what is driven, by whom and for how long.
func (f *loadFlags) addPort(cmd *cobra.Command, o *steady.Options) {
	flags := cmd.Flags()
	flags.StringVar(&o.Address, "connect", "",
		"the switch's gateway port, default "+defaultGateway+"; with --iso the issuer's port, default "+daemons.DefaultISO)
	flags.BoolVar(&f.local, "local", false, "start issuer-sim and switchd for it")
	flags.StringVar(&o.Dir, "dir", o.Dir, "`folder` of --local, made anew")
	flags.DurationVar(&o.Duration, "duration", o.Duration, "how long to measure")
	flags.DurationVar(&o.Warmup, "warmup", o.Warmup, "how long to drive before that")
	flags.DurationVar(&o.Timeout, "timeout", o.Timeout, "how long a caller waits for an answer")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the port")
	flags.Uint64Var(&o.Cards, "cards", o.Cards, "number of different cards")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards, amounts and arrivals follow from it")
	flags.StringVar(&f.keys, "keys", keysCounted, keysUsage)
	flags.BoolVar(&o.Sale, "sale", false, "send sales instead of authorizations; the same as --flow sale")
	flags.StringVar(&o.Flow, "flow", "authorize", "what is asked for, of one request or several: "+
		strings.Join(slices.Sorted(maps.Keys(loadgen.Flows)), ", "))
	completion.Flag(cmd, "flow", slices.Sorted(maps.Keys(loadgen.Flows))...)
	offersKeys(cmd)
	cmd.MarkFlagsMutuallyExclusive("sale", "flow")
	flags.BoolVar(&o.ISO, "iso", false, "send ISO 8583 straight to an issuer")
	cmd.MarkFlagsMutuallyExclusive("iso", "keys")
	flags.StringVar(&o.Dialect, "dialect", o.Dialect, "dialect of --iso: "+dialectUsage)
	offersDialects(cmd, "dialect")
	flags.StringVar(&o.Framing, "framing", o.Framing, "how --iso frames messages, such as ascii4+tpdu (default binary2)")
	offersFramings(cmd, "framing")
	flags.IntSliceVar(&f.match, "match", loadgen.DefaultMatch, "elements that an answer of --iso repeats")
	flags.DurationVar(&o.Reconnect, "reconnect", o.Reconnect,
		"how long lost connections are dialled anew while there is none at all, before the run ends; 0: never")
	flags.BoolVar(&o.SignOn, "sign-on", o.SignOn, "sign on on each connection of --iso")
	flags.DurationVar(&o.Echo, "echo", o.Echo, "how often a connection of --iso is asked whether it lives; 0 for never")
	flags.StringVar(&o.IssuerRules, "issuer-rules", "",
		"rules `file` of issuer-sim, with --local: its pace, latency and faults")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	flags.DurationVar(&o.MaxLate, "max-late", 0,
		"how late the tool may be at its 99th percentile for the run to be valid (default 5ms, or a fifth of the p99)")
	flags.StringVar(&f.gateway.name, "name", "",
		"say hello as this gateway; its secret comes from --secret-file or $"+secretVariable)
	flags.StringVar(&f.gateway.secretFile, "secret-file", "", "`file` that holds the gateway's secret")
	flags.BoolVar(&f.plainTLS, "tls", false, "speak TLS and trust the system's authorities")
	flags.StringVar(&f.gateway.caFile, "tls-ca", "", "speak TLS and trust the authorities in this PEM `file`")
	flags.StringVar(&f.gateway.certFile, "tls-cert", "", "client certificate, a PEM `file`")
	flags.StringVar(&f.gateway.keyFile, "tls-key", "", "the certificate's key, a PEM `file`")
	flags.StringVar(&f.gateway.server, "tls-server", "", "name in the certificate (default: each host of --connect)")
}

// apply makes of the flags what steady takes.
func (f *loadFlags) apply(cmd *cobra.Command, o *steady.Options) error {
	o.Say = say(cmd)
	if cmd.Flags().Changed("closed") && o.InFlight < 1 {
		return fmt.Errorf("closed: %d, expected 1 to %d", o.InFlight, loadgen.MaxInFlight)
	}
	o.Match = f.match
	var err error
	if o.RandomKeys, err = randomKeys(f.keys); err != nil {
		return err
	}
	if err := f.rate(cmd, o); err != nil {
		return err
	}
	operations := f.operations(o)
	if err := checkBeside(cmd); err != nil {
		return err
	}
	if f.replay.File != "" {
		plan, err := f.replayPlan(cmd, o)
		if err != nil {
			return err
		}
		o.Plan, operations = plan, plan.Operations
	}
	if f.scenario != "" {
		if o.Plan, err = scenario.Load(f.scenario); err != nil {
			return err
		}
		if err := o.Plan.Scale(f.rates, f.span); err != nil {
			return err
		}
		operations = o.Plan.Operations
	}
	for _, text := range f.thresholds {
		t, err := judge.Parse(text, operations)
		if err != nil {
			return err
		}
		o.Thresholds = append(o.Thresholds, t)
	}
	if f.local {
		return nil
	}
	if o.Address == "" {
		o.Address = defaultGateway
		if o.ISO {
			o.Address = daemons.DefaultISO
		}
	}
	return f.hello(o)
}

// hello makes of the flags how a port is spoken to.
func (f *loadFlags) hello(o *steady.Options) (err error) {
	if o.Hello.Gateway = f.gateway.name; o.Hello.Gateway != "" {
		if o.Hello.Secret, err = f.gateway.secret(); err != nil {
			return err
		}
	}
	if o.Hello.TLS, err = f.gateway.tls(); err != nil || o.Hello.TLS != nil || !f.plainTLS {
		return err
	}
	o.Hello.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.gateway.server}
	return nil
}

// verdict is the exit code of a run.
func (f *loadFlags) verdict(run *record.Run) error {
	switch v := &run.Verdict; {
	case f.exitZero || v.Passed:
		return nil
	case !v.Valid:
		return errInvalid
	}
	return errNo
}

// loadFolder is where the daemons of a measurement have their data unless they are told otherwise.
const loadFolder = "load-out"

// What --keys takes.
const (
	keysCounted = "counted"
	keysUsage   = "idempotency keys: counted, a name of the run and a number, or random, UUIDs in no order, as many " +
		"callers make them"
)

// randomKeys tells whether --keys asks for random ones.
func randomKeys(text string) (bool, error) {
	switch text {
	case keysCounted:
		return false, nil
	case record.KeysRandom:
		return true, nil
	}
	return false, fmt.Errorf("keys: %q, expected %s or %s", text, keysCounted, record.KeysRandom)
}

// toldUsage is the flag of the commands that write down what they are told.
const toldUsage = "append what the switch answers to this `file`, JSON lines, for switchctl audit --told"

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

// figure prints a figure, or that there is none.
func figure(format string, x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf(format, *x)
}
