package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// drainFlags are what load drain is told.
type drainFlags struct {
	advices     int
	rate        float64
	before      time.Duration
	connections int
	dir         string
	seed        uint64
	json        bool
}

// How the backlog is made: so many requests at once on each connection.
const (
	drainInFlight = 512
	maxAdvices    = 10_000_000
	// backlogLimit is how long a backlog may take to drain.
	backlogLimit = 30 * time.Minute
	// drainSample is how often the queue is looked at.
	drainSample = 50 * time.Millisecond
)

func newLoadDrainCmd() *cobra.Command {
	var f drainFlags
	cmd := &cobra.Command{
		Use:   "drain [--advices N] [--rate R] [--json]",
		Short: "Measure how fast the queue of an outage drains, and what it does to new requests",
		Long: `Drain starts issuer-sim and switchd on free ports of loopback, measures authorizations at a rate, makes N
authorizations, kills the issuer, captures them all, and starts the issuer again. It then measures how fast the captures
leave the store-and-forward queue, and authorizations at the same rate meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDrain(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.advices, "advices", 200_000, "captures to queue")
	flags.Float64Var(&f.rate, "rate", 500, "authorizations a second, before and during the drain")
	flags.DurationVar(&f.before, "before", 10*time.Second, "how long to measure before")
	flags.IntVar(&f.connections, "connections", 4, "connections to the gateway port")
	flags.StringVar(&f.dir, "dir", "load-out", "folder, made anew")
	flags.Uint64Var(&f.seed, "seed", 1, "cards, amounts and arrivals follow from it")
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

// drainSummary is the object that --json prints.
type drainSummary struct {
	Advices      int     `json:"advices"`
	CaptureTPS   float64 `json:"capture_tps"` // captures accepted a second while the issuer was away
	DrainS       float64 `json:"drain_s"`     // from the first link until the queue was empty
	AdvicesPerS  float64 `json:"advices_per_second"`
	Rate         float64 `json:"rate"`
	BeforeP50MS  float64 `json:"before_p50_ms"`
	BeforeP99MS  float64 `json:"before_p99_ms"`
	DuringP50MS  float64 `json:"during_p50_ms"`
	DuringP99MS  float64 `json:"during_p99_ms"`
	DuringMaxMS  float64 `json:"during_max_ms"`
	DuringTPS    float64 `json:"during_tps"`
	DuringErrors uint64  `json:"during_errors"`
	SwitchdMiB   float64 `json:"switchd_mib"`
}

// drainRun is a measurement under way.
type drainRun struct {
	drainFlags
	local    *localSwitch
	clients  []*client.Client
	payments loadgen.Payments
	ids      []string // of the authorized payments
	drainSummary
}

func runDrain(ctx context.Context, f drainFlags, stdout, stderr io.Writer) error {
	if f.advices < 1 || f.advices > maxAdvices || f.rate <= 0 || f.rate > loadgen.MaxRate || f.before <= 0 || f.connections < 1 {
		return fmt.Errorf("advices: expected 1 to %d; rate and before: more than 0; connections: 1 or more", maxAdvices)
	}
	if err := freshFolder(f.dir); err != nil {
		return err
	}
	// What is under way counts too when the switch decides whether its queue takes one more.
	config := fmt.Sprintf("limits:\n  max_queued: %d\n", max(f.advices+2*drainInFlight, txswitch.DefaultConfig().Limits.MaxQueued))
	configFile := filepath.Join(f.dir, "switchd.yaml")
	if err := os.WriteFile(configFile, []byte(config), 0o600); err != nil {
		return err
	}
	d := &drainRun{drainFlags: f}
	d.Advices, d.Rate = f.advices, f.rate
	var err error
	if d.local, err = startLocal(ctx, localOptions{dir: f.dir, seed: f.seed, config: configFile}); err != nil {
		return err
	}
	defer func() { d.local.kill() }()
	perConnection := max(drainInFlight, loadgen.DefaultOpenInFlight)/f.connections + 1
	if d.clients, err = dialGateway(ctx, d.local.switchd.at.Gateway, f.connections, perConnection); err != nil {
		return err
	}
	defer closeAll(d.clients)
	if err := d.measure(ctx, stderr); err != nil {
		return err
	}
	d.SwitchdMiB = round(d.local.switchd.peakMiB())
	if err := d.local.stop(); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(&d.drainSummary)
	}
	return d.print(stdout)
}

// measure makes the outage and takes the figures.
func (d *drainRun) measure(ctx context.Context, stderr io.Writer) error {
	fmt.Fprintf(stderr, "measuring %g authorizations a second for %s\n", d.rate, d.before)
	res, err := d.authorizations(ctx, d.before, nil)
	if err != nil {
		return err
	}
	d.BeforeP50MS, d.BeforeP99MS = res.QuantileMS(50), res.QuantileMS(99)

	fmt.Fprintf(stderr, "making %d authorizations\n", d.advices)
	d.payments = loadgen.Payments{Op: api.OpAuthorize, Run: runName(), Cards: loadgen.NewCards(time.Now()), Seed: d.seed}
	d.ids = make([]string, d.advices)
	if err := d.each(ctx, d.authorize); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "capturing them with the issuer away\n")
	d.local.issuer.kill()
	begin := time.Now()
	if err := d.each(ctx, d.capture); err != nil {
		return err
	}
	d.CaptureTPS = round(float64(d.advices) / time.Since(begin).Seconds())

	fmt.Fprintf(stderr, "starting the issuer again\n")
	if err := d.local.runIssuer(ctx, d.local.issuer.at); err != nil {
		return err
	}
	if err := d.local.awaitReady(ctx); err != nil {
		return err
	}
	return d.drain(ctx)
}

// authorizations drives the modest load beside which the queue drains.
func (d *drainRun) authorizations(ctx context.Context, duration time.Duration, until <-chan struct{}) (*loadgen.Result, error) {
	payments := loadgen.Payments{Op: api.OpAuthorize, Run: runName(), Cards: loadgen.NewCards(time.Now()), Seed: d.seed}
	return loadgen.Run(ctx, loadgen.Options{
		Target: loadgen.NewGatewayTarget(asLanes(d.clients), loadgen.DefaultOpenInFlight, payments),
		Lanes:  d.connections, Rate: d.rate, InFlight: loadgen.DefaultOpenInFlight, Duration: duration, Until: until, Seed: d.seed,
	})
}

// each does something for each payment, many at once.
func (d *drainRun) each(ctx context.Context, do func(ctx context.Context, c *client.Client, n int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range drainInFlight {
		c := d.clients[w%len(d.clients)]
		workers.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= d.advices {
					return
				}
				if err := do(ctx, c, n); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func (d *drainRun) authorize(ctx context.Context, c *client.Client, n int) error {
	var req api.Request
	d.payments.Fill(uint64(n), &req)
	a, err := c.Do(ctx, &req)
	switch {
	case err != nil:
		return err
	case a.Err != nil:
		return a.Err
	case !a.Approved:
		return errors.New("authorization " + req.Key + " was declined: " + a.ResponseCode)
	}
	d.ids[n] = a.Payment
	return nil
}

func (d *drainRun) capture(ctx context.Context, c *client.Client, n int) error {
	a, err := c.Do(ctx, &api.Request{
		Op: api.OpCapture, Key: d.payments.Run + "capture" + strconv.Itoa(n), Payment: d.ids[n],
		Present: api.Fields(api.FieldKey, api.FieldPayment),
	})
	if err != nil {
		return err
	}
	if a.Err != nil {
		return a.Err
	}
	return nil
}

// drain watches the queue become empty beside new authorizations.
func (d *drainRun) drain(ctx context.Context) error {
	queued, err := d.queued(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	empty := make(chan struct{})
	watched := make(chan error, 1)
	go func() {
		defer close(empty)
		for {
			switch n, err := d.queued(ctx); {
			case err != nil || n == 0:
				watched <- err
				return
			case time.Since(begin) > backlogLimit:
				watched <- fmt.Errorf("%d advices are still queued after %s", n, backlogLimit)
				return
			}
			time.Sleep(drainSample)
		}
	}()
	res, err := d.authorizations(ctx, 2*backlogLimit, empty)
	if err := errors.Join(err, <-watched); err != nil {
		return err
	}
	d.DrainS = res.Window.Seconds()
	d.AdvicesPerS = round(float64(queued) / d.DrainS)
	d.DuringP50MS, d.DuringP99MS, d.DuringMaxMS = res.QuantileMS(50), res.QuantileMS(99), res.QuantileMS(100)
	d.DuringTPS, d.DuringErrors = round(res.TPS()), res.Failed
	return nil
}

// queued asks how many advices wait.
func (d *drainRun) queued(ctx context.Context) (int, error) {
	s, err := d.local.operator().Stats(ctx)
	if err != nil {
		return 0, err
	}
	if s.SAF.Parked > 0 {
		err = fmt.Errorf("%d advices were refused by the issuer and are parked", s.SAF.Parked)
	}
	return s.SAF.Queued, err
}

func (s *drainSummary) print(w io.Writer) error {
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
