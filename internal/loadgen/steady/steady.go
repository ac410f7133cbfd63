// Package steady measures requests a second and their latency: so many always in flight, or so many due a second.
//
// It drives a gateway port, or an issuer's ISO 8583 port with no switch between, of a daemon that runs, or of daemons
// of its own. Package loadgen drives; here is what it is driven at, and what the figures are.
package steady

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/httpcall"
	"switchyard/internal/infile"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/spec"
)

// Options say what to measure.
type Options struct {
	// InFlight keeps so many in flight. It is 0 where Rate, so many due a second, is not.
	InFlight int
	Rate     float64
	Fixed    bool // space the arrivals of Rate evenly
	// Flow is what is asked for: a name of loadgen.Flows; default authorize. Rate counts its requests, or PerFlow whole
	// flows.
	Flow    string
	PerFlow bool

	Warmup   time.Duration // driven before that
	Duration time.Duration // measured
	Timeout  time.Duration // how long a caller waits, and how long what is in flight is waited for at the end

	Connections int
	Cards       uint64 // number of different cards
	Seed        uint64 // cards, amounts and arrivals follow from it

	// RandomKeys makes the keys of a gateway's requests UUIDs, in no order, of a plan, too.
	RandomKeys bool

	Sale    bool   // sales instead of authorizations
	ISO     bool   // ISO 8583 straight to an issuer
	Dialect string // of ISO
	Framing string // of ISO; "" for two binary bytes of length
	Match   []int  // elements that an answer of ISO repeats; nil for loadgen.DefaultMatch
	SignOn  bool   // sign on on each connection of ISO
	Echo    time.Duration

	// Plan is what is driven in place of InFlight, Rate, Fixed, Warmup, Duration, Timeout, Connections, Cards, Seed and
	// Sale, which it has by itself. May be nil.
	Plan *scenario.Plan
	// Control is the HTTP port of the issuer-sim that the plan's faults are told to; that of daemons of its own is known.
	Control string

	// Address is the port that is driven; several with commas between them and weights behind them (host:port=2), by which
	// they share the connections. Without one daemons are started for it, and stopped: an issuer and, without
	// ISO, a switch.
	Address     string
	Bin         string // folder of the daemons' binaries; "" for that of this one
	Dir         string // of the daemons, made anew
	Switch      string // binary that stands in switchd's place, the bare relay; "" for switchd
	Data        string // folder of switchd's data to begin with, which stays as it is; "" for none
	IssuerRules string // rules file of the issuer: its pace, latency and faults; "" for none

	Hello clients.Hello // what a gateway port is told and spoken to with

	// Reconnect is for how long lost connections are dialled anew while there is none at all; then the run ends. 0: what
	// is lost is lost.
	Reconnect time.Duration

	Thresholds []judge.Threshold
	MaxLate    time.Duration // how late the tool itself may be at the 99th percentile; 0 for the default
	// WholeMachine says that the tool may take all of the processors: what it can do at the most is measured.
	WholeMachine bool

	Told string // file that the switch's answers are appended to; "" for none
	Say  func(format string, args ...any)
	// Warn is told of what makes a run not valid and must not be missed; nil: Say is.
	Warn  func(format string, args ...any)
	rules string // the text of IssuerRules

	// Began is told of the recorder, and of the moment from which its times count, when driving begins. It may look on
	// until Run returns. May be nil.
	Began func(*record.Recorder, time.Time)
}

// defaultEcho is how often a connection of ISO is asked whether it lives.
const defaultEcho = 30 * time.Second

// Defaults are the options that are measured by, but for what, where and by what.
func Defaults() Options {
	return Options{
		Warmup: 2 * time.Second, Duration: 10 * time.Second, Timeout: loadgen.DefaultDrain, Connections: 4,
		Cards: 1_000_000, Seed: 1, Dialect: spec.DefaultDialect, SignOn: true, Echo: defaultEcho,
		Reconnect: 10 * time.Second,
	}
}

// Check refuses what cannot be driven. Run does so before anything is started or connected to.
func (o *Options) Check() error {
	if (o.IssuerRules != "" || o.Switch != "" || o.Data != "") && o.Address != "" {
		return errors.New("issuer-rules, switch, data: expected with --local only")
	}
	if o.ISO && (o.Switch != "" || o.Data != "") {
		return errors.New("switch, data: expected without --iso, which starts no switch")
	}
	if o.ISO && o.RandomKeys {
		return errors.New("keys: expected without --iso, which has none")
	}
	if o.Reconnect < 0 {
		return fmt.Errorf("reconnect: %s, expected 0 or more", o.Reconnect)
	}
	if o.Plan != nil {
		if o.Plan.Traffic.Recorded != nil && !o.ISO {
			return errors.New("replay: what is asked again is ISO 8583 messages, which a gateway port does not take: " +
				"expected an ISO 8583 host, or flows to be asked for at the moments of the capture")
		}
		if len(o.Plan.Faults) > 0 && o.Control == "" && o.Address != "" {
			return errors.New("control: the scenario has faults, which issuer-sim's control port is told")
		}
		return nil
	}
	switch {
	case o.Flow != "" && loadgen.Flows[o.Flow] == nil:
		return fmt.Errorf("flow %q: expected %s", o.Flow, strings.Join(slices.Sorted(maps.Keys(loadgen.Flows)), ", "))
	case o.Connections < 1 || o.Cards < 1 || o.Cards > loadgen.MaxCards:
		return fmt.Errorf("connections: expected 1 or more; cards: 1 to %d", loadgen.MaxCards)
	case o.InFlight != 0 && (o.InFlight < 1 || o.InFlight > loadgen.MaxInFlight):
		return fmt.Errorf("closed: %d, expected 1 to %d", o.InFlight, loadgen.MaxInFlight)
	case o.InFlight == 0 && !(o.Rate > 0 && o.Rate <= loadgen.MaxRate):
		return fmt.Errorf("rate: %g, expected more than 0 and at most %d", o.Rate, loadgen.MaxRate)
	case o.Duration <= 0 || o.Warmup < 0 || o.Timeout <= 0:
		return errors.New("duration, timeout: expected more than 0; warmup: 0 or more")
	}
	return nil
}

// Summary is what the benchmarks record of it, out of what switchctl load --json prints ([record.Summary]).
type Summary struct {
	TPS        float64           `json:"tps"` // approved requests a second
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
	// Valid is whether the figures mean something, and Validity by what that is judged.
	Valid    bool           `json:"valid"`
	Validity []record.Check `json:"validity,omitempty"`
}

// NotValid says why a run is not valid, "" where it is.
func (s *Summary) NotValid() string { return record.NotValid(s.Valid, s.Validity) }

// Run measures. Daemons of its own are stopped when it returns. What was measured is returned whatever becomes of the
// daemons, of ctx or of the file of answers meanwhile, with nil: the record says so, and is not valid.
func Run(ctx context.Context, o Options) (*record.Run, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Address != "" {
		return o.run(ctx, nil)
	}
	local, err := o.startLocal(ctx)
	if err != nil {
		return nil, err
	}
	defer local.Kill()
	return o.run(ctx, local)
}

// run measures, stops the daemons where they are its own, and judges.
func (o *Options) run(ctx context.Context, local *daemons.Local) (*record.Run, error) {
	run, by, err := o.measure(ctx, local)
	if err != nil {
		return nil, err
	}
	if local != nil {
		if err := local.Stop(); err != nil {
			o.broken(by, "daemons that failed", err)
		}
	}
	judge.Judge(run, *by)
	return run, nil
}

// broken makes a run not valid, and tells a person all that is known of why.
func (o *Options) broken(by *judge.Options, what string, err error) {
	tell := o.Warn
	if tell == nil {
		tell = o.Say
	}
	tell("%s: %v", what, err)
	// Of a daemon's error the record gets how it ended, and not the end of its log.
	var why []string
	for _, one := range joined(err) {
		how, _, _ := strings.Cut(one.Error(), "\n")
		how, _, _ = strings.Cut(how, "; ")
		why = append(why, how)
	}
	by.Broken = append(by.Broken, judge.Broken{What: what, Which: why})
}

// joined are the errors that one was joined of.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// startLocal starts what is to be measured and points o at it.
func (o *Options) startLocal(ctx context.Context) (*daemons.Local, error) {
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	if o.IssuerRules != "" {
		text, err := infile.Read(o.IssuerRules, infile.MaxConfig)
		if err != nil {
			return nil, fmt.Errorf("issuer-rules: %w", err)
		}
		o.rules = string(text)
	}
	d := daemons.Options{Bin: o.Bin, Dir: o.Dir, Seed: o.Seed, Switch: o.Switch, Rules: o.IssuerRules}
	if o.ISO {
		d.IssuerDialect, d.IssuerFraming = o.Dialect, o.Framing
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
func (o *Options) measure(ctx context.Context, local *daemons.Local) (*record.Run, *judge.Options, error) {
	c, err := o.course()
	if err != nil {
		return nil, nil, err
	}
	d := &c.drive
	target, closeTarget, err := o.target(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	d.Target = target
	again := o.keep(target, c)
	if again != nil {
		d.Until = again.Gone()
	}
	if err := o.signOn(ctx, target); err != nil {
		return nil, nil, errors.Join(err, closeTarget())
	}
	if d.Recorder, err = d.Record(); err != nil {
		return nil, nil, errors.Join(err, closeTarget())
	}
	if o.Plan != nil && o.Plan.Said != "" {
		o.Say("%s", o.Plan.Said)
	}
	o.Say("driving %s for %s, then measuring %s", o.Address, d.Warmup, d.Duration)
	before, err := usedBy(ctx, local)
	if err != nil {
		return nil, nil, errors.Join(err, closeTarget())
	}
	begin := time.Now()
	var switched faults
	own := meter{cpu: daemons.OwnCPUTime}
	var took, elapsed time.Duration // of the window
	d.Began = func(at time.Time) {
		begin = at
		own.begin(at.Add(d.Warmup), d.Duration)
		if o.Began != nil {
			o.Began(d.Recorder, at)
		}
		note := func(format string, args ...any) { c.note(o.Say, format, args...) } // until they end, by nobody else
		switched.begin(ctx, httpcall.Port{Addr: o.control(local)}, c.faults, at.Add(d.Warmup), note)
	}
	d.Drove = func() { took, elapsed = own.end() }
	res, stopped := loadgen.Run(ctx, *d)
	by := &judge.Options{
		Thresholds: c.thresholds, MaxLate: o.MaxLate, CPU: took, Elapsed: elapsed, WholeMachine: o.WholeMachine,
		FaultsNotSwitched: switched.end(),
	}
	if res == nil {
		return nil, nil, errors.Join(stopped, closeTarget())
	}
	// The figures are there although ctx may have ended: what is asked for now is asked for without it.
	after, err := usedBy(context.WithoutCancel(ctx), local)
	if err != nil {
		o.broken(by, "figures that are missing", err)
	}
	if err := closeTarget(); err != nil {
		o.broken(by, "files that are not whole", err)
	}
	run := res.Run
	switch {
	case stopped != nil:
		run.Ended = "called off"
	case again != nil && again.Err() != nil:
		run.Ended = again.Err().Error()
	}
	o.describe(run, c, local != nil)
	run.Versions = versions(local)
	run.Started = begin.Add(d.Warmup)
	run.Usage = usage(run, before, after, local)
	return run, by, nil
}

// versions are the builds of daemons of its own.
func versions(local *daemons.Local) map[string]string {
	if local == nil {
		return nil
	}
	list := map[string]string{}
	for name, d := range map[string]*daemons.Daemon{
		cmp.Or(local.Switch, record.ProcessSwitchd): local.Switchd, record.ProcessIssuer: local.Issuer,
	} {
		if build := d.Version(); build != "" {
			list[name] = build
		}
	}
	return list
}

// control is the port that faults are told to.
func (o *Options) control(local *daemons.Local) string {
	if local != nil {
		return local.Issuer.At.Control
	}
	return o.Control
}

// describe says in the record how the run was set up.
func (o *Options) describe(run *record.Run, c *course, local bool) {
	s, d := &run.Setup, &c.drive
	s.Rate, s.InFlight, s.Think, s.Drain, s.Timeout, s.Seed = c.rate, d.InFlight, d.Think, d.Drain, d.Timeout, d.Seed
	s.Cards, s.Scenario, s.Stages, s.Course = c.cards, c.scenario, c.stages, c.course
	if s.Model == record.Open {
		s.RateOf, s.Arrivals = c.rateOf, c.arrivals
	}
	for _, h := range c.hosts {
		target := record.Target{
			Kind: "gateway", Address: h.address, Local: local, Connections: h.connections, TLS: o.Hello.TLS != nil,
		}
		if len(c.hosts) > 1 {
			target.Weight = h.weight
		}
		if o.ISO {
			target.Kind, target.Dialect, target.Framing = "iso", o.Dialect, o.Framing
			target.NoSignOn = !o.SignOn
			if len(o.Match) > 0 && !slices.Equal(slices.Sorted(slices.Values(o.Match)), loadgen.DefaultMatch) {
				target.Match = o.Match
			}
			if o.Echo != defaultEcho {
				target.Echo = &o.Echo
			}
		} else {
			target.Gateway = o.Hello.Gateway
		}
		s.Targets = append(s.Targets, target)
	}
	if o.Switch != "" || o.Data != "" || o.rules != "" {
		s.Daemons = &record.Daemons{Switch: o.Switch, Data: o.Data, IssuerRules: o.rules}
	}
	s.Told = o.Told != ""
	if o.RandomKeys {
		s.Keys = record.KeysRandom
	}
	run.Tool, run.Machine, run.Notes = record.ThisTool(), record.ThisMachine(), c.notes
}
