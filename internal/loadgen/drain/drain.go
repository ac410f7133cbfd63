// Package drain measures how fast the queue of an outage drains, and what that does to new requests.
//
// On daemons of its own it measures authorizations at a rate, makes as many authorizations as the queue is to have
// advices, kills the issuer, captures them all, and starts the issuer again. From the first link on it measures how
// fast the captures leave the store-and-forward queue, and authorizations at the same rate meanwhile.
//
// Every authorization must be approved and every capture taken, or there are no figures.
package drain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/day"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// MaxAdvices bounds the backlog.
const MaxAdvices = 10_000_000

const (
	// inFlight is how many requests make the backlog at the same time.
	inFlight = 512
	// backlogLimit is how long a backlog may take to drain.
	backlogLimit = 30 * time.Minute
	// samplePause is how often the queue is looked at.
	samplePause = 50 * time.Millisecond
)

// Options say what to measure.
type Options struct {
	Advices     int           // captures to queue
	Rate        float64       // authorizations a second, before and during the drain
	Before      time.Duration // how long to measure before
	Connections int           // to the gateway port
	Bin         string        // folder of the daemons' binaries; "" for that of this one
	Dir         string        // of the daemons, made anew
	Seed        uint64        // cards, amounts and arrivals follow from it
	Say         func(format string, args ...any)
}

// Defaults are the options that are measured by, but for where and by what.
func Defaults() Options {
	return Options{Advices: 200_000, Rate: 500, Before: 10 * time.Second, Connections: 4, Seed: 1}
}

func (o *Options) check() error {
	if o.Advices < 1 || o.Advices > MaxAdvices || o.Rate <= 0 || o.Rate > loadgen.MaxRate || o.Before <= 0 ||
		o.Connections < 1 {
		return fmt.Errorf("advices: expected 1 to %d; rate and before: more than 0; connections: 1 or more", MaxAdvices)
	}
	return nil
}

// Summary is what came of it, as switchctl load drain --json prints it and the benchmarks record it.
type Summary struct {
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
	SwitchdMiB   float64 `json:"switchd_mib"` // peak resident memory
}

// run is a measurement under way.
type run struct {
	Options
	local    *daemons.Local
	clients  []*client.Client
	payments loadgen.Payments
	ids      []string // of the authorized payments
	sum      Summary
}

// Run measures. Its daemons are stopped when it returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	config, err := o.writeConfig()
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, sum: Summary{Advices: o.Advices, Rate: o.Rate}}
	r.local, err = daemons.StartLocal(ctx, daemons.Options{Bin: o.Bin, Dir: o.Dir, Seed: o.Seed, Config: config})
	if err != nil {
		return nil, err
	}
	defer r.local.Kill()
	perConnection := max(inFlight, loadgen.DefaultOpenInFlight)/o.Connections + 1
	if r.clients, err = clients.Dial(ctx, r.local.Switchd.At.Gateway, o.Connections, perConnection); err != nil {
		return nil, err
	}
	defer clients.CloseAll(r.clients)
	if err := r.measure(ctx); err != nil {
		return nil, err
	}
	r.sum.SwitchdMiB = loadgen.Round(r.local.Switchd.PeakMiB())
	if err := r.local.Stop(); err != nil {
		return nil, err
	}
	return &r.sum, nil
}

// writeConfig writes switchd's configuration and returns its path.
func (o *Options) writeConfig() (string, error) {
	// What is under way counts too when the switch decides whether its queue takes one more.
	queue := max(o.Advices+2*inFlight, txswitch.DefaultConfig().Limits.MaxQueued)
	path := filepath.Join(o.Dir, "switchd.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, "limits:\n  max_queued: %d\n", queue), 0o600)
}

// measure makes the outage and takes the figures.
func (r *run) measure(ctx context.Context) error {
	r.Say("measuring %g authorizations a second for %s", r.Rate, r.Before)
	res, err := r.authorizations(ctx, r.Before, nil)
	if err != nil {
		return err
	}
	r.sum.BeforeP50MS, r.sum.BeforeP99MS = res.QuantileMS(50), res.QuantileMS(99)

	r.Say("making %d authorizations", r.Advices)
	r.payments = r.requests()
	r.ids = make([]string, r.Advices)
	if err := r.each(ctx, r.authorize); err != nil {
		return err
	}
	r.Say("capturing them with the issuer away")
	r.local.Issuer.Kill()
	begin := time.Now()
	if err := r.each(ctx, r.capture); err != nil {
		return err
	}
	r.sum.CaptureTPS = loadgen.Round(float64(r.Advices) / time.Since(begin).Seconds())

	r.Say("starting the issuer again")
	if err := r.local.RestartIssuer(ctx); err != nil {
		return err
	}
	if err := r.local.AwaitReady(ctx); err != nil {
		return err
	}
	return r.drain(ctx)
}

// authorizations drives the modest load beside which the queue drains.
func (r *run) authorizations(
	ctx context.Context, duration time.Duration, until <-chan struct{},
) (*loadgen.Result, error) {
	payments := r.requests()
	return loadgen.Run(ctx, loadgen.Options{
		Target: loadgen.NewGatewayTarget(clients.Lanes(r.clients), loadgen.DefaultOpenInFlight, payments),
		Lanes:  r.Connections, Rate: r.Rate, InFlight: loadgen.DefaultOpenInFlight,
		Duration: duration, Until: until, Seed: r.Seed,
	})
}

// requests are authorizations under keys that no run had.
func (r *run) requests() loadgen.Payments {
	return loadgen.Payments{
		Op: api.OpAuthorize, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Seed: r.Seed,
	}
}

// each does something for each payment, many at once.
func (r *run) each(ctx context.Context, do func(ctx context.Context, c day.Client, n int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range inFlight {
		c := r.clients[w%len(r.clients)]
		workers.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= r.Advices {
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

func (r *run) authorize(ctx context.Context, c day.Client, n int) error {
	var req api.Request
	r.payments.Fill(uint64(n), &req)
	a, err := c.Do(ctx, &req)
	switch {
	case err != nil:
		return err
	case a.Err != nil:
		return a.Err
	case !a.Approved:
		return errors.New("authorization " + req.Key + " was declined: " + a.ResponseCode)
	}
	r.ids[n] = a.Payment
	return nil
}

func (r *run) capture(ctx context.Context, c day.Client, n int) error {
	a, err := c.Do(ctx, &api.Request{
		Op: api.OpCapture, Key: r.payments.Run + "capture" + strconv.Itoa(n), Payment: r.ids[n],
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
func (r *run) drain(ctx context.Context) error {
	queued, _, err := r.local.Queued(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	empty := make(chan struct{})
	watched := make(chan error, 1)
	go func() {
		defer close(empty)
		for {
			switch n, _, err := r.local.Queued(ctx); {
			case err != nil || n == 0:
				watched <- err
				return
			case time.Since(begin) > backlogLimit:
				watched <- fmt.Errorf("%d advices are still queued after %s", n, backlogLimit)
				return
			}
			time.Sleep(samplePause)
		}
	}()
	res, err := r.authorizations(ctx, 2*backlogLimit, empty)
	if err := errors.Join(err, <-watched); err != nil {
		return err
	}
	s := &r.sum
	s.DrainS = res.Run.Window.Seconds()
	s.AdvicesPerS = loadgen.Round(float64(queued) / s.DrainS)
	s.DuringP50MS, s.DuringP99MS, s.DuringMaxMS = res.QuantileMS(50), res.QuantileMS(99), res.QuantileMS(100)
	s.DuringTPS, s.DuringErrors = loadgen.Round(res.TPS()), res.Failed
	return nil
}
