package record

import "slices"

// MaxErrors is the share of errors, in percent, that a rate may have and pass, and a run that has no thresholds.
const MaxErrors = 1.0

// Repeats are runs of the same load. What they came to are medians of those that are valid; of all where none is, for
// people to see.
type Repeats struct {
	Valid   bool    // most of them are
	Reached float64 // approved requests a second
	Errors  float64 // percent
	runs    []*Run  // that count
}

// RepeatsOf takes runs together.
func RepeatsOf(runs []*Run) *Repeats {
	r := &Repeats{}
	for _, run := range runs {
		if run.Verdict.Valid {
			r.runs = append(r.runs, run)
		}
	}
	r.Valid = 2*len(r.runs) > len(runs)
	if len(r.runs) == 0 {
		r.runs = runs
	}
	var reached, failed []float64
	for _, run := range r.runs {
		all := run.Total()
		if run.Window > 0 {
			reached = append(reached, float64(all.Count(Approved))/run.Window.Seconds())
		}
		failed = append(failed, 100*float64(all.Failed())/float64(max(all.Ended(), 1)))
	}
	if m := median(reached); m != nil {
		r.Reached = *m
	}
	if m := median(failed); m != nil {
		r.Errors = *m
	}
	return r
}

// LatencyMS is the median of a quantile of latencies, in milliseconds; nil where nothing was measured.
func (r *Repeats) LatencyMS(percent float64) *float64 {
	var list []float64
	for _, run := range r.runs {
		all := run.Total()
		if d, ok := all.Latency.Quantile(percent); ok {
			list = append(list, MS(d))
		}
	}
	return median(list)
}

// Passed tells whether they are valid, some requests were approved, at most MaxErrors are errors, and a quantile of
// latencies is within a limit; 0 for no limit.
func (r *Repeats) Passed(percent, limitMS float64) bool {
	ms := r.LatencyMS(percent)
	return r.Valid && r.Reached > 0 && r.Errors <= MaxErrors && ms != nil && (limitMS == 0 || *ms <= limitMS)
}

// median is the middle of a list, the mean of the two middle ones of an even number; nil of none.
func median(list []float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	m := (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	return &m
}
