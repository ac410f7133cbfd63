// Package search finds the highest rate at which a target keeps its callers waiting no longer than they bear.
//
//	double until it fails ──▶ bisect, each rate several times ──▶ sample the rates left of the cliff
//
// It drives nothing by itself: a Probe measures a rate. A measurement that is not valid says nothing of the target, so
// it counts for nothing, and a rate of which most measurements are not valid ends the search: the tool, or the machine,
// cannot go on.
package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/record"
)

// Options say what is looked for.
type Options struct {
	// Quantile of latencies, in percent, may be at most Limit.
	Quantile float64
	Limit    time.Duration
	From     float64 // the rate to begin with, a second
	Repeats  int     // how often each rate is measured once it is bisected; the median counts
	// Precision ends the bisection: the part of the rate that the best one and the next one differ by.
	Precision float64
	Probe     func(ctx context.Context, rate float64) (*record.Run, error)
	Told      func(*Sample) // of each measured rate; may be nil
}

// Defaults are the options but for Probe.
func Defaults() Options {
	return Options{Quantile: 99, Limit: 20 * time.Millisecond, From: 100, Repeats: 3, Precision: 0.05}
}

// Sample is what a rate came to: medians of its repeats that are valid.
type Sample struct {
	Rate    float64  `json:"per_s"`
	Reached float64  `json:"reached_per_s"` // approved
	P50MS   *float64 `json:"p50_ms,omitempty"`
	P99MS   *float64 `json:"p99_ms,omitempty"`
	P999MS  *float64 `json:"p999_ms,omitempty"`
	Errors  float64  `json:"errors_percent"`
	Valid   bool     `json:"valid"`
	Passed  bool     `json:"passed"`
	Repeats int      `json:"repeats"`
}

// Result is what was found.
type Result struct {
	Quantile float64   `json:"quantile"`
	LimitMS  float64   `json:"limit_ms"`
	Best     *float64  `json:"best_per_s,omitempty"` // the highest rate that passed; absent where none did
	Why      string    `json:"ended"`                // why it was looked no further
	Samples  []*Sample `json:"samples"`              // by rate
}

// most of what is tried.
const (
	mostRepeats  = 25
	mostBisected = 12
)

// left are the rates below the best one that are sampled, as parts of it, so that the curve up to the cliff is seen.
var left = []float64{0.25, 0.5, 0.75, 0.9}

func (o *Options) check() error {
	switch {
	case !(o.Quantile > 0 && o.Quantile < 100):
		return fmt.Errorf("a percentile of %g, expected more than 0 and less than 100", o.Quantile)
	case o.Limit <= 0:
		return errors.New("a limit of more than 0 is expected")
	case !(o.From > 0 && o.From <= arrival.MaxRate):
		return fmt.Errorf("from %g, expected more than 0 and at most %d a second", o.From, arrival.MaxRate)
	case o.Repeats < 1 || o.Repeats > mostRepeats:
		return fmt.Errorf("%d repeats, expected 1 to %d", o.Repeats, mostRepeats)
	case !(o.Precision >= 0.005 && o.Precision < 1):
		return fmt.Errorf("a precision of %g, expected 0.005 to less than 1", o.Precision)
	}
	return nil
}

// Find searches. What was measured until an error is returned with it.
func Find(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f := finder{Options: o, result: Result{Quantile: o.Quantile, LimitMS: record.MS(o.Limit)}}
	err := f.find(ctx)
	slices.SortFunc(f.result.Samples, func(a, b *Sample) int { return int(1000 * (a.Rate - b.Rate)) })
	return &f.result, err
}

type finder struct {
	Options
	result Result
}

func (f *finder) find(ctx context.Context) error {
	best, over := 0.0, 0.0 // the highest that passed, the lowest that did not
	for rate := f.From; over == 0; rate *= 2 {
		if rate > arrival.MaxRate {
			f.result.Why = "the highest rate of the tool passed"
			break
		}
		s, err := f.measure(ctx, rate, 1)
		if err != nil {
			return err
		}
		if !s.Passed { // once more, before the cliff is looked for on the wrong side
			if s, err = f.measure(ctx, rate, f.Repeats); err != nil {
				return err
			}
		}
		switch {
		case s.Passed:
			best = rate
		case !s.Valid:
			f.result.Why = "beyond it the tool could not send what was asked"
			over = rate
		default:
			f.result.Why = "beyond it callers wait for too long, or get no outcome, or no approval"
			over = rate
		}
	}
	for n := 0; over > 0 && n < mostBisected && over-best > f.Precision*over && over > 1; n++ {
		s, err := f.measure(ctx, (best+over)/2, f.Repeats)
		if err != nil {
			return err
		}
		if s.Passed {
			best = s.Rate
		} else {
			over = s.Rate
		}
	}
	if best == 0 {
		return nil
	}
	f.result.Best = &best
	for _, part := range left {
		if _, err := f.measure(ctx, part*best, 1); err != nil {
			return err
		}
	}
	return nil
}

// measure measures a rate so often, and puts the medians in place of what was measured of it before.
func (f *finder) measure(ctx context.Context, rate float64, repeats int) (*Sample, error) {
	var runs []*record.Run
	for range repeats {
		run, err := f.Probe(ctx, rate)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
		if run.Ended != "" {
			f.result.Why = run.Ended
			return nil, context.Canceled
		}
	}
	s := f.sample(rate, runs)
	f.result.Samples = slices.DeleteFunc(f.result.Samples, func(b *Sample) bool { return b.Rate == rate })
	f.result.Samples = append(f.result.Samples, s)
	if f.Told != nil {
		f.Told(s)
	}
	return s, nil
}

// sample makes one of the runs of a rate.
func (f *finder) sample(rate float64, runs []*record.Run) *Sample {
	r := record.RepeatsOf(runs)
	return &Sample{
		Rate: rate, Repeats: len(runs), Reached: r.Reached, Errors: r.Errors, Valid: r.Valid,
		P50MS: r.LatencyMS(50), P99MS: r.LatencyMS(99), P999MS: r.LatencyMS(99.9),
		Passed: r.Passed(f.Quantile, f.result.LimitMS),
	}
}
