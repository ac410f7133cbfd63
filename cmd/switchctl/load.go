package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen"
	"switchyard/spec"
	"switchyard/switch/api"
)

// loadFlags are what load is told.
type loadFlags struct {
	connect     string
	local       bool
	dir         string
	closed      int
	rate        float64
	fixed       bool
	duration    time.Duration
	warmup      time.Duration
	connections int
	cards       uint64
	seed        uint64
	sale        bool
	iso         bool
	dialect     string
	issuerRules string
	told        string
	json        bool
}

func newLoadCmd() *cobra.Command {
	var f loadFlags
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
			return runLoad(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.connect, "connect", "", "the switch's gateway port, default "+defaultGateway+"; with --iso the issuer's port, default "+defaultISO)
	flags.BoolVar(&f.local, "local", false, "start issuer-sim and switchd for it")
	flags.StringVar(&f.dir, "dir", "load-out", "folder of --local, made anew")
	flags.IntVar(&f.closed, "closed", 0, "keep so many in flight")
	flags.Float64Var(&f.rate, "rate", 0, "send so many a second")
	flags.BoolVar(&f.fixed, "fixed", false, "space the arrivals of --rate evenly")
	flags.DurationVar(&f.duration, "duration", 10*time.Second, "how long to measure")
	flags.DurationVar(&f.warmup, "warmup", 2*time.Second, "how long to drive before that")
	flags.IntVar(&f.connections, "connections", 4, "connections to the gateway port")
	flags.Uint64Var(&f.cards, "cards", 1_000_000, "number of different cards")
	flags.Uint64Var(&f.seed, "seed", 1, "cards, amounts and arrivals follow from it")
	flags.BoolVar(&f.sale, "sale", false, "send sales instead of authorizations")
	flags.BoolVar(&f.iso, "iso", false, "send ISO 8583 straight to an issuer")
	flags.StringVar(&f.dialect, "dialect", "iso87ascii", "dialect of --iso")
	flags.StringVar(&f.issuerRules, "issuer-rules", "", "rules file of issuer-sim, with --local: its pace, latency and faults")
	flags.StringVar(&f.told, "told", "", toldUsage)
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.MarkFlagsMutuallyExclusive("iso", "told")
	cmd.MarkFlagsMutuallyExclusive("closed", "rate")
	cmd.MarkFlagsOneRequired("closed", "rate")
	cmd.MarkFlagsMutuallyExclusive("local", "connect")
	cmd.MarkFlagsMutuallyExclusive("iso", "sale")
	cmd.AddCommand(newLoadDrainCmd(), newLoadRecoveryCmd())
	return cmd
}

// loadSummary is the object that --json prints.
type loadSummary struct {
	TPS        float64           `json:"tps"` // approved, synced authorizations a second
	P50MS      float64           `json:"p50_ms"`
	P99MS      float64           `json:"p99_ms"`
	P999MS     float64           `json:"p999_ms"`
	MaxMS      float64           `json:"max_ms"`
	Errors     uint64            `json:"errors"` // requests without an outcome
	ErrorCodes map[string]uint64 `json:"error_codes,omitempty"`
	Approved   uint64            `json:"approved"`
	Declined   uint64            `json:"declined"`
	Declines   map[string]uint64 `json:"declines,omitempty"` // by DE39
	InFlight   int               `json:"in_flight,omitempty"`
	Rate       float64           `json:"rate,omitempty"`
	// LateP99MS is how late the driver itself was, open loop only: where it is not small, the latencies are in part its own.
	LateP99MS   float64 `json:"late_p99_ms,omitempty"`
	DurationS   float64 `json:"duration_s"`
	Connections int     `json:"connections"`
	Seed        uint64  `json:"seed"`
	// Of --local only: the CPU that switchd took for a request, start, stop and warm-up included, and peak resident memory.
	SwitchdCPUUS float64 `json:"switchd_cpu_us,omitempty"`
	SwitchdMiB   float64 `json:"switchd_mib,omitempty"`
	IssuerMiB    float64 `json:"issuer_sim_mib,omitempty"`

	requests uint64 // all that were sent
}

func runLoad(ctx context.Context, f loadFlags, stdout, stderr io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	var local *localSwitch
	if f.local {
		var err error
		if local, err = f.startLocal(ctx); err != nil {
			return err
		}
		defer local.kill()
	}
	summary, err := f.measure(ctx, stderr)
	if err != nil {
		return err
	}
	if local != nil {
		summary.SwitchdMiB, summary.IssuerMiB = round(local.switchd.peakMiB()), round(local.issuer.peakMiB())
		if err := local.stop(); err != nil {
			return err
		}
		if local.switchd != nil {
			summary.SwitchdCPUUS = round(float64(local.switchd.cpuTime().Microseconds()) / float64(max(summary.requests, 1)))
		}
	}
	if f.json {
		err = json.NewEncoder(stdout).Encode(summary)
	} else {
		err = summary.print(stdout)
	}
	if err == nil && summary.Approved == 0 {
		return errNo
	}
	return err
}

// startLocal starts what is to be measured and points f at it.
func (f *loadFlags) startLocal(ctx context.Context) (*localSwitch, error) {
	if err := freshFolder(f.dir); err != nil {
		return nil, err
	}
	o := localOptions{dir: f.dir, seed: f.seed, rules: f.issuerRules}
	if f.iso {
		local, err := startIssuer(ctx, o)
		if err == nil {
			f.connect = local.issuer.at.ISO
		}
		return local, err
	}
	local, err := startLocal(ctx, o)
	if err == nil {
		f.connect = local.switchd.at.Gateway
	}
	return local, err
}

// measure drives the load and takes the figures.
func (f *loadFlags) measure(ctx context.Context, stderr io.Writer) (*loadSummary, error) {
	o := loadgen.Options{
		InFlight: f.closed, Rate: f.rate, Fixed: f.fixed, Warmup: f.warmup, Duration: f.duration, Seed: f.seed,
	}
	if f.rate > 0 {
		o.InFlight = loadgen.DefaultOpenInFlight
	}
	o.Lanes = min(f.connections, o.InFlight)
	target, closeTarget, err := f.target(ctx, o.Lanes, o.InFlight)
	if err != nil {
		return nil, err
	}
	o.Target = target
	fmt.Fprintf(stderr, "driving %s for %s, then measuring %s\n", f.connect, f.warmup, f.duration)
	res, err := loadgen.Run(ctx, o)
	if err = errors.Join(err, closeTarget()); err != nil {
		return nil, err
	}
	s := &loadSummary{
		TPS: round(res.TPS()), P50MS: res.QuantileMS(50), P99MS: res.QuantileMS(99), P999MS: res.QuantileMS(99.9),
		MaxMS: res.QuantileMS(100), Errors: res.Failed, ErrorCodes: res.Errors,
		Approved: res.Approved, Declined: res.Declined, Declines: res.Declines,
		InFlight: f.closed, Rate: f.rate, DurationS: res.Window.Seconds(), Connections: o.Lanes, Seed: f.seed,
		requests: res.Approved + res.Declined + res.Failed + res.Excluded,
	}
	if f.rate > 0 {
		s.LateP99MS = float64(res.Late.ValueAtQuantile(99)) / 1000
	}
	return s, nil
}

// check refuses what cannot be driven, before anything is started or connected to.
func (f *loadFlags) check() error {
	switch {
	case f.connections < 1 || f.cards < 1:
		return errors.New("connections, cards: expected 1 or more")
	case f.rate == 0 && (f.closed < 1 || f.closed > loadgen.MaxInFlight):
		return fmt.Errorf("closed: %d, expected 1 to %d", f.closed, loadgen.MaxInFlight)
	case f.rate < 0 || f.rate > loadgen.MaxRate:
		return fmt.Errorf("rate: %g, expected more than 0 and at most %d", f.rate, loadgen.MaxRate)
	case f.issuerRules != "" && !f.local:
		return errors.New("issuer-rules: expected with --local only")
	case f.duration <= 0 || f.warmup < 0:
		return errors.New("duration: expected more than 0; warmup: 0 or more")
	}
	return nil
}

// target connects to what is to be measured.
func (f *loadFlags) target(ctx context.Context, lanes, inFlight int) (loadgen.Target, func() error, error) {
	payments := loadgen.Payments{Op: api.OpAuthorize, Run: runName(), Cards: loadgen.NewCards(time.Now()), Pool: f.cards, Seed: f.seed}
	if f.sale {
		payments.Op = api.OpSale
	}
	if f.iso {
		return f.isoTarget(ctx, lanes, payments)
	}
	if f.connect == "" {
		f.connect = defaultGateway
	}
	clients, err := dialGateway(ctx, f.connect, lanes, inFlight/lanes+1)
	if err != nil {
		return nil, nil, err
	}
	log, err := openTold(f.told)
	if err != nil {
		closeAll(clients)
		return nil, nil, err
	}
	end := func() error {
		closeAll(clients)
		return log.close()
	}
	return loadgen.NewGatewayTarget(log.lanes(asLanes(clients)), inFlight, payments), end, nil
}

func (f *loadFlags) isoTarget(ctx context.Context, lanes int, payments loadgen.Payments) (loadgen.Target,
	func() error, error) {
	if f.connect == "" {
		f.connect = defaultISO
	}
	messages, err := spec.Load(f.dialect)
	if err != nil {
		return nil, nil, err
	}
	codec, err := spec.Compile(messages)
	if err != nil {
		return nil, nil, err
	}
	conns, err := dialISO(ctx, f.connect, lanes)
	if err != nil {
		return nil, nil, err
	}
	target := loadgen.NewISOTarget(conns, codec, payments)
	end := func() error {
		target.Close()
		return nil
	}
	return target, end, nil
}

// runName begins the keys of a run. It differs from run to run, or a switch that knows the last run's keys would answer
// from memory.
func runName() string { return strconv.FormatUint(rand.Uint64(), 36) + "-" }

// round leaves a rate one decimal.
func round(x float64) float64 {
	const tenth = 10
	return float64(int64(x*tenth+0.5)) / tenth
}

func (s *loadSummary) print(w io.Writer) error {
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
	fmt.Fprintf(t, "latency\tp50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, most %.2f ms\n", s.P50MS, s.P99MS, s.P999MS, s.MaxMS)
	if s.Rate > 0 {
		fmt.Fprintf(t, "driver late\tp99 %.2f ms\n", s.LateP99MS)
	}
	faults := "0"
	if s.Errors > 0 {
		faults = fmt.Sprintf("%d (%s)", s.Errors, loadgen.Counts(s.ErrorCodes))
	}
	fmt.Fprintf(t, "errors\t%s\n", faults)
	if s.SwitchdCPUUS > 0 {
		fmt.Fprintf(t, "CPU\t%.1f µs of switchd a request\n", s.SwitchdCPUUS)
	}
	for name, mib := range map[string]float64{"switchd": s.SwitchdMiB, "issuer-sim": s.IssuerMiB} {
		if mib > 0 {
			fmt.Fprintf(t, "%s\t%.0f MiB at most\n", name, mib)
		}
	}
	return t.Flush()
}
