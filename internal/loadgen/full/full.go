// Package full measures payments from their authorization to the clearing file.
//
// On daemons of its own it keeps so many payments in flight, each an authorization and, as soon as that is approved,
// its capture. After the time is up it waits until the issuer has heard of every capture, closes the business date and
// waits for its files. The rate is of the captured payments over all of that time.
//
// Every authorization must be approved and every capture taken, or there are no figures.
package full

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/switch/api"
	"switchyard/switch/operator/client"
)

// cutoverLimit is how long the files may take.
const cutoverLimit = 2 * time.Minute

// Options say what to measure.
type Options struct {
	InFlight    int
	Duration    time.Duration // for which payments begin
	Connections int           // to the gateway port
	Bin         string        // folder of the daemons' binaries; "" for that of this one
	Dir         string        // of the daemons, made anew
	Seed        uint64        // cards and amounts follow from it
	Say         func(format string, args ...any)
}

// Defaults are the options that are measured by, but for where and by what.
func Defaults() Options {
	return Options{InFlight: 1024, Duration: 10 * time.Second, Connections: 4, Seed: 1}
}

// Summary is what came of it, as switchctl load full --json prints it and the benchmarks record it.
type Summary struct {
	Payments    uint64  `json:"payments"`     // authorized, captured, cleared
	PaymentsTPS float64 `json:"payments_tps"` // over the three times below
	CaptureS    float64 `json:"capture_s"`    // until the last capture was answered
	DrainS      float64 `json:"drain_s"`      // from then until the issuer had heard of each
	ClearingS   float64 `json:"clearing_s"`   // from then until the files were written
	P50MS       float64 `json:"p50_ms"`       // of an authorization and its capture
	P99MS       float64 `json:"p99_ms"`
	InFlight    int     `json:"in_flight"`
	Files       int     `json:"files"`
	SwitchdMiB  float64 `json:"switchd_mib"` // peak resident memory
	// Valid is whether the figures are the switch's in the main, and Validity by what that is judged.
	Valid    bool           `json:"valid"`
	Validity []record.Check `json:"validity,omitempty"`
}

// NotValid says why a run is not valid, "" where it is.
func (s *Summary) NotValid() string { return record.NotValid(s.Valid, s.Validity) }

// Run measures. Its daemons are stopped when it returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if o.InFlight < 1 || o.InFlight > loadgen.MaxInFlight || o.Duration <= 0 || o.Connections < 1 {
		return nil, fmt.Errorf("closed: expected 1 to %d; duration: more than 0; connections: 1 or more", loadgen.MaxInFlight)
	}
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	local, err := daemons.StartLocal(ctx, daemons.Options{Bin: o.Bin, Dir: o.Dir, Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	defer local.Kill()
	s, err := o.measure(ctx, local)
	if err != nil {
		return nil, err
	}
	s.SwitchdMiB = loadgen.Round(local.Switchd.PeakMiB())
	return s, local.Stop()
}

func (o *Options) measure(ctx context.Context, local *daemons.Local) (*Summary, error) {
	lanes := min(o.Connections, o.InFlight)
	gateways, err := clients.Dial(ctx, local.Switchd.At.Gateway, lanes, o.InFlight/lanes+1)
	if err != nil {
		return nil, err
	}
	defer clients.CloseAll(gateways)
	target := newTarget(clients.Lanes(gateways), o.InFlight, loadgen.Payments{
		Op: api.OpAuthorize, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Seed: o.Seed,
	})
	o.Say("authorizing and capturing for %s", o.Duration)
	begin, took := time.Now(), daemons.OwnCPUTime()
	res, err := loadgen.Run(ctx, loadgen.Options{
		Target: target, Lanes: lanes, InFlight: o.InFlight, Duration: o.Duration, Seed: o.Seed,
	})
	if err != nil {
		return nil, err
	}
	captured := time.Now()
	judge.Judge(res.Run, judge.Options{CPU: daemons.OwnCPUTime() - took, Elapsed: captured.Sub(begin)})
	if n := res.Declined + res.Failed; n > 0 || res.Approved == 0 {
		return nil, fmt.Errorf("%d payments captured, %d not: %s %s", target.captured.Load(), n,
			loadgen.Counts(res.Declines), loadgen.Counts(res.Errors))
	}
	o.Say("waiting for the captures to reach the issuer")
	if err := local.AwaitDrained(ctx); err != nil {
		return nil, err
	}
	drained := time.Now()
	o.Say("closing the business date")
	if _, err := local.Operator().Cutover(ctx, client.Cutover{Wait: cutoverLimit}); err != nil {
		return nil, err
	}
	cleared := time.Now()
	files, err := filepath.Glob(filepath.Join(local.ClearingDir(), "*", "*.ipm"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no clearing files in %s", local.ClearingDir()))
	}
	n := target.captured.Load()
	return &Summary{
		Payments: n, PaymentsTPS: loadgen.Round(float64(n) / cleared.Sub(begin).Seconds()),
		CaptureS: captured.Sub(begin).Seconds(), DrainS: drained.Sub(captured).Seconds(),
		ClearingS: cleared.Sub(drained).Seconds(), P50MS: res.QuantileMS(50), P99MS: res.QuantileMS(99),
		InFlight: o.InFlight, Files: len(files), Valid: res.Run.Verdict.Valid, Validity: res.Run.Verdict.Validity,
	}, nil
}

// target authorizes and then captures.
type target struct {
	lanes    []loadgen.Gateway
	payments loadgen.Payments
	slots    []slot
	captured atomic.Uint64
}

// slot is one payment in flight.
type slot struct {
	lane       loadgen.Gateway
	req        api.Request
	seq        uint64
	end        func(loadgen.Outcome)
	authorized func(*api.Answer, error)
	captured   func(*api.Answer, error)
}

var captureFields = api.Fields(api.FieldKey, api.FieldPayment)

func newTarget(lanes []loadgen.Gateway, inFlight int, payments loadgen.Payments) *target {
	t := &target{lanes: lanes, payments: payments, slots: make([]slot, inFlight)}
	for i := range t.slots {
		s := &t.slots[i]
		s.authorized = func(a *api.Answer, err error) {
			if out := loadgen.OutcomeOf(a, err); out.Class != record.Approved {
				s.end(out)
				return
			}
			s.req = api.Request{
				Op: api.OpCapture, Present: captureFields, Payment: a.Payment,
				Key: t.payments.Run + "capture-" + strconv.FormatUint(s.seq, 36),
			}
			if err := s.lane.Send(&s.req, s.captured); err != nil {
				s.captured(nil, err)
			}
		}
		s.captured = func(a *api.Answer, err error) {
			out := loadgen.OutcomeOf(a, err)
			if out.Class == record.Approved {
				t.captured.Add(1)
			}
			s.end(out)
		}
	}
	return t
}

// Start implements loadgen.Target.
func (t *target) Start(lane, i int, seq uint64, end func(loadgen.Outcome)) {
	s := &t.slots[i]
	s.lane, s.seq, s.end = t.lanes[lane], seq, end
	t.payments.Fill(seq, &s.req)
	if err := s.lane.Send(&s.req, s.authorized); err != nil {
		out := loadgen.OutcomeOf(nil, err)
		out.NotSent = true
		end(out)
	}
}
