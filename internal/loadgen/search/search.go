// Package search finds the highest rate at which a target keeps its callers waiting no longer than they bear.
//
//	double until it fails ──▶ bisect ──▶ sample the rates left of the cliff
//
// Each rate that counts is measured several times.
//
// It drives nothing by itself: a Probe measures a rate. A measurement that is not valid says nothing of the target, so
// it counts for nothing, and a rate of which most measurements are not valid ends the search: the tool, or the machine,
// cannot go on.
package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	Rate     float64  `json:"per_s"`         // asked
	Reached  float64  `json:"reached_per_s"` // approved
	Approved float64  `json:"approved_percent"`
	P50MS    *float64 `json:"p50_ms,omitempty"`
	P99MS    *float64 `json:"p99_ms,omitempty"`
	P999MS   *float64 `json:"p999_ms,omitempty"`
	Errors   float64  `json:"errors_percent"` // without an outcome, or declined because the host could not
	Valid    bool     `json:"valid"`
	Passed   bool     `json:"passed"`
	Why      string   `json:"why,omitempty"` // it did not pass
	Repeats  int      `json:"repeats"`

	of *record.Repeats
	by []*record.Run
}

// Result is what was found.
type Result struct {
	Quantile float64 `json:"quantile"`
	LimitMS  float64 `json:"limit_ms"`
	// Best is what was approved a second at the highest rate that passed, and BestAsked that rate; absent where none did.
	Best      *float64  `json:"best_per_s,omitempty"`
	BestAsked *float64  `json:"best_asked_per_s,omitempty"`
	Why       string    `json:"ended"`   // why it was looked no further
	Samples   []*Sample `json:"samples"` // by rate
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
	slices.SortFunc(f.result.Samples, func(a, b *Sample) int { return cmp.Compare(a.Rate, b.Rate) })
	return &f.result, err
}

type finder struct {
	Options
	result Result
}

func (f *finder) find(ctx context.Context) error {
	best, over, err := f.double(ctx)
	for err == nil {
		if best, err = f.bisect(ctx, best, over); err != nil || best == 0 {
			return err
		}
		f.found(best)
		for _, part := range left {
			if _, err := f.measure(ctx, part*best, f.Repeats); err != nil {
				return err
			}
		}
		// By the lowest rate, which is known now, what was found may not pass, either: then the cliff lies below it.
		for _, s := range f.result.Samples {
			f.judge(s)
		}
		s := f.highest()
		if s != nil && s.Rate >= best {
			best = s.Rate
			break
		}
		if best, over = 0, f.beyond(s); s != nil {
			best = s.Rate
		}
	}
	if err == nil {
		f.found(best)
		for _, s := range f.result.Samples {
			if s.Rate < best && !s.Passed {
				f.result.Why += fmt.Sprintf("; below it %.0f a second did not pass, either: %s", s.Rate, s.Why)
			}
		}
	}
	return err
}

// bisect finds the highest rate that passes between one that does, 0 for none, and one that does not, 0 for none.
func (f *finder) bisect(ctx context.Context, best, over float64) (float64, error) {
	for n := 0; over > 0 && n < mostBisected && over-best > f.Precision*over && over > 1; n++ {
		s, err := f.measure(ctx, (best+over)/2, f.Repeats)
		if err != nil {
			return 0, err
		}
		if s.Passed {
			best = s.Rate
		} else {
			over = s.Rate
			f.result.Why = beyond(s)
		}
	}
	return best, nil
}

// beyond is the lowest rate above a sample's that did not pass, which ends the search for now; above all, 0, of none.
func (f *finder) beyond(passed *Sample) float64 {
	f.result.Best, f.result.BestAsked = nil, nil
	var over *Sample
	for _, s := range f.result.Samples {
		if !s.Passed && (passed == nil || s.Rate > passed.Rate) && (over == nil || s.Rate < over.Rate) {
			over = s
		}
	}
	f.result.Why = beyond(over)
	return over.Rate
}

// found makes a rate that was measured the best one.
func (f *finder) found(rate float64) {
	for _, s := range f.result.Samples {
		if s.Rate == rate {
			f.result.Best, f.result.BestAsked = &s.Reached, &s.Rate
		}
	}
}

// highest is the sample of the highest rate that passed as often as it counts; nil where none did.
func (f *finder) highest() (best *Sample) {
	for _, s := range f.result.Samples {
		if s.Passed && s.Repeats >= f.Repeats && (best == nil || s.Rate > best.Rate) {
			best = s
		}
	}
	return best
}

// double finds the highest rate that passed, 0 where none did, and the one beyond it that did not, 0 where all did.
func (f *finder) double(ctx context.Context) (best, over float64, err error) {
	for rate := f.From; over == 0; rate *= 2 {
		if rate > arrival.MaxRate {
			f.result.Why = "the highest rate of the tool passed"
			break
		}
		s, err := f.measure(ctx, rate, 1)
		if err == nil && !s.Passed { // more often, before the cliff is looked for on the wrong side
			s, err = f.measure(ctx, rate, f.Repeats)
		}
		if err != nil {
			return 0, 0, err
		}
		if s.Passed {
			best = rate
		} else {
			over = rate
			f.result.Why = beyond(s)
		}
	}
	// One that passed once may have been lucky: what is found counts as often as what is beyond it.
	for best > 0 {
		s, err := f.measure(ctx, best, f.Repeats)
		if err != nil {
			return 0, 0, err
		}
		if s.Passed {
			break
		}
		over = best
		if best /= 2; best < f.From {
			best = 0
		}
		f.result.Why = beyond(s)
	}
	return best, over, nil
}

// beyond says why the search went no further than below a rate.
func beyond(s *Sample) string {
	if !s.Valid {
		return "beyond it the tool could not send what was asked: " + s.Why
	}
	return fmt.Sprintf("at %.0f a second %s", s.Rate, s.Why)
}

// measure measures a rate so often, and puts the medians in place of what was measured of it before, unless that was as
// often already.
func (f *finder) measure(ctx context.Context, rate float64, repeats int) (*Sample, error) {
	for _, s := range f.result.Samples {
		if s.Rate == rate && s.Repeats >= repeats && s.Passed {
			return s, nil
		}
	}
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
	s := sample(rate, runs)
	f.result.Samples = slices.DeleteFunc(f.result.Samples, func(b *Sample) bool { return b.Rate == rate })
	f.result.Samples = append(f.result.Samples, s)
	f.judge(s)
	if f.Told != nil {
		f.Told(s)
	}
	return s, nil
}

// sample makes one of the runs of a rate.
func sample(rate float64, runs []*record.Run) *Sample {
	r := record.RepeatsOf(runs)
	return &Sample{
		Rate: rate, Repeats: len(runs), Reached: r.Reached, Approved: r.Approved, Errors: r.Errors, Valid: r.Valid,
		P50MS: r.LatencyMS(50), P99MS: r.LatencyMS(99), P999MS: r.LatencyMS(99.9), of: r, by: runs,
	}
}

// lowest is the share of approvals, in percent, at the lowest rate whose measurements say something; 0 where there is
// none.
func (f *finder) lowest() float64 {
	rate, approved := 0.0, 0.0
	for _, s := range f.result.Samples {
		if s.Valid && (rate == 0 || s.Rate < rate) {
			rate, approved = s.Rate, s.Approved
		}
	}
	return approved
}

// judge says whether a rate passed, and why not.
func (f *finder) judge(s *Sample) {
	lowest := f.lowest()
	s.Passed, s.Why = s.of.Passed(f.Quantile, f.result.LimitMS, lowest), ""
	switch quantile := s.of.LatencyMS(f.Quantile); {
	case s.Passed:
	case !s.Valid:
		s.Why = notValid(s.by)
	case s.Reached == 0:
		s.Why = "none is approved"
	case s.Errors > record.MaxErrors:
		s.Why = fmt.Sprintf("%.2g%% get no outcome, or one that says that the host could not", s.Errors)
	case s.Approved < record.KeptApproved*lowest:
		s.Why = fmt.Sprintf("%.3g%% are approved, of %.3g%% at the lowest rate", s.Approved, lowest)
	case quantile != nil:
		s.Why = fmt.Sprintf("callers wait for too long: p%g is %.2f ms", f.Quantile, *quantile)
	}
}

// notValid says of runs which checks of the tool they did not stand.
func notValid(runs []*record.Run) string {
	var list []string
	for _, run := range runs {
		for _, c := range run.Verdict.Validity {
			if !c.OK && !slices.Contains(list, c.Name) {
				list = append(list, c.Name)
			}
		}
	}
	return "not valid: " + cmp.Or(strings.Join(list, ", "), "by its verdict")
}
