// Package steady measures authorizations a second and their latency: so many always in flight, or so many due a second.
//
// It drives a gateway port, or an issuer's ISO 8583 port with no switch between, of a daemon that runs, or of daemons
// of its own. Package loadgen drives; here is what it is driven at, and what the figures are.
package steady

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
)

// Options say what to measure.
type Options struct {
	// InFlight keeps so many in flight. It is 0 where Rate, so many due a second, is not.
	InFlight int
	Rate     float64
	Fixed    bool // space the arrivals of Rate evenly

	Warmup   time.Duration // driven before that
	Duration time.Duration // measured

	Connections int
	Cards       uint64 // number of different cards
	Seed        uint64 // cards, amounts and arrivals follow from it

	Sale    bool   // sales instead of authorizations
	ISO     bool   // ISO 8583 straight to an issuer
	Dialect string // of ISO
	Framing string // of ISO; "" for two binary bytes of length

	// Address is the port that is driven. Without one daemons are started for it, and stopped: an issuer and, without
	// ISO, a switch.
	Address     string
	Bin         string // folder of the daemons' binaries; "" for that of this one
	Dir         string // of the daemons, made anew
	Switch      string // binary that stands in switchd's place, the bare relay; "" for switchd
	Data        string // folder of switchd's data to begin with, which stays as it is; "" for none
	IssuerRules string // rules file of the issuer: its pace, latency and faults; "" for none

	Told string // file that the switch's answers are appended to; "" for none
	Say  func(format string, args ...any)
}

// Defaults are the options that are measured by, but for what, where and by what.
func Defaults() Options {
	return Options{
		Warmup: 2 * time.Second, Duration: 10 * time.Second, Connections: 4, Cards: 1_000_000, Seed: 1,
		Dialect: "iso87ascii",
	}
}

// check refuses what cannot be driven, before anything is started or connected to.
func (o *Options) check() error {
	switch {
	case o.Connections < 1 || o.Cards < 1:
		return errors.New("connections, cards: expected 1 or more")
	case o.Rate == 0 && (o.InFlight < 1 || o.InFlight > loadgen.MaxInFlight):
		return fmt.Errorf("closed: %d, expected 1 to %d", o.InFlight, loadgen.MaxInFlight)
	case o.Rate < 0 || o.Rate > loadgen.MaxRate:
		return fmt.Errorf("rate: %g, expected more than 0 and at most %d", o.Rate, loadgen.MaxRate)
	case (o.IssuerRules != "" || o.Switch != "" || o.Data != "") && o.Address != "":
		return errors.New("issuer-rules, switch, data: expected with --local only")
	case o.Duration <= 0 || o.Warmup < 0:
		return errors.New("duration: expected more than 0; warmup: 0 or more")
	}
	return nil
}

// Summary is what came of it, as switchctl load --json prints it and the benchmarks record it.
type Summary struct {
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
	// LateP99MS is how late the driver itself was, with a rate only: where it is not small, the latencies are in part its
	// own.
	LateP99MS   float64 `json:"late_p99_ms,omitempty"`
	DurationS   float64 `json:"duration_s"`
	Connections int     `json:"connections"`
	Seed        uint64  `json:"seed"`
	Requests    uint64  `json:"requests"` // all that were sent, of the warm-up too
	// LoadCPUUS is what this process took of the processors for each of Requests, in microseconds.
	LoadCPUUS float64 `json:"load_cpu_us,omitempty"`
	// Of daemons of its own only: what they took of the processors, what switchd allocated on its heap for each of
	// Requests, and the most memory that was resident so far.
	SwitchdCPUUS  float64 `json:"switchd_cpu_us,omitempty"`
	IssuerCPUUS   float64 `json:"issuer_sim_cpu_us,omitempty"`
	SwitchdAllocs float64 `json:"switchd_allocs,omitempty"`
	SwitchdMiB    float64 `json:"switchd_mib,omitempty"`
	IssuerMiB     float64 `json:"issuer_sim_mib,omitempty"`
}

// Run measures. Daemons of its own are stopped when it returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Address != "" {
		return o.measure(ctx, nil)
	}
	local, err := o.startLocal(ctx)
	if err != nil {
		return nil, err
	}
	defer local.Kill()
	s, err := o.measure(ctx, local)
	if err != nil {
		return nil, err
	}
	s.SwitchdMiB, s.IssuerMiB = loadgen.Round(local.Switchd.PeakMiB()), loadgen.Round(local.Issuer.PeakMiB())
	return s, local.Stop()
}

// startLocal starts what is to be measured and points o at it.
func (o *Options) startLocal(ctx context.Context) (*daemons.Local, error) {
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	d := daemons.Options{Bin: o.Bin, Dir: o.Dir, Seed: o.Seed, Switch: o.Switch, Rules: o.IssuerRules}
	if o.ISO {
		local, err := daemons.StartIssuer(ctx, d)
		if err == nil {
			o.Address = local.Issuer.At.ISO
		}
		return local, err
	}
	if o.Data != "" {
		if err := beginWith(o.Data, d.SwitchdDir()); err != nil {
			return nil, err
		}
	}
	local, err := daemons.StartLocal(ctx, d)
	if err == nil {
		o.Address = local.Switchd.At.Gateway
	}
	return local, err
}

// measure drives the load and takes the figures, those of the daemons where they are its own.
func (o *Options) measure(ctx context.Context, local *daemons.Local) (*Summary, error) {
	d := loadgen.Options{
		InFlight: o.InFlight, Rate: o.Rate, Fixed: o.Fixed, Warmup: o.Warmup, Duration: o.Duration, Seed: o.Seed,
	}
	if o.Rate > 0 {
		d.InFlight = loadgen.DefaultOpenInFlight
	}
	d.Lanes = min(o.Connections, d.InFlight)
	target, closeTarget, err := o.target(ctx, d.Lanes, d.InFlight)
	if err != nil {
		return nil, err
	}
	d.Target = target
	o.Say("driving %s for %s, then measuring %s", o.Address, o.Warmup, o.Duration)
	before, err := usedBy(ctx, local)
	if err != nil {
		return nil, errors.Join(err, closeTarget())
	}
	res, err := loadgen.Run(ctx, d)
	after, usedErr := usedBy(ctx, local)
	if err = errors.Join(err, usedErr, closeTarget()); err != nil {
		return nil, err
	}
	s := &Summary{
		TPS: loadgen.Round(res.TPS()), P50MS: res.QuantileMS(50), P99MS: res.QuantileMS(99), P999MS: res.QuantileMS(99.9),
		MaxMS: res.QuantileMS(100), Errors: res.Failed, ErrorCodes: res.Errors,
		Approved: res.Approved, Declined: res.Declined, Declines: res.Declines,
		InFlight: o.InFlight, Rate: o.Rate, DurationS: res.Window.Seconds(), Connections: d.Lanes, Seed: o.Seed,
		Requests: res.Approved + res.Declined + res.Failed + res.Excluded,
	}
	s.took(before, after)
	if o.Rate > 0 {
		s.LateP99MS = float64(res.Late.ValueAtQuantile(99)) / 1000
	}
	return s, nil
}
