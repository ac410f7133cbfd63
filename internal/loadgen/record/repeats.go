package record

import "slices"

// Bounds of a rate that passes.
const (
	// MaxErrors is the share of errors, in percent, that a rate may have and pass, and a run that has no thresholds.
	MaxErrors = 1.0
	// KeptApproved is the part of the share of approvals at the lowest rate that those of a higher one may not fall below:
	// what a host declines for other reasons than the load it declines at each rate.
	KeptApproved = 0.95
)

// systemRefusals are codes by which a host says that it could not, and not that the card may not: in progress, too
// late, cutover, issuer unavailable, no way to it, malfunction; in DE39 of 1987 and of 1993.
var systemRefusals = []string{
	"09", "68", "90", "91", "92", "96", "906", "907", "908", "909", "910", "911", "912", "923",
}

// Repeats are runs of the same load. What they came to are medians of those that are valid; of all where none is, for
// people to see.
type Repeats struct {
	Valid    bool    // most of them are
	Reached  float64 // approved requests a second
	Approved float64 // of all, in percent
	// Errors are the requests without an outcome, and those declined because the host could not; of all, in percent.
	Errors float64
	runs   []*Run // that count
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
	var reached, approved, failed []float64
	for _, run := range r.runs {
		all := run.Total()
		if run.Window > 0 {
			reached = append(reached, float64(all.Count(Approved))/run.Window.Seconds())
		}
		share := func(n uint64) float64 { return 100 * float64(n) / float64(max(all.Ended(), 1)) }
		approved, failed = append(approved, share(all.Count(Approved))), append(failed, share(unable(&all)))
	}
	for figure, of := range map[*float64][]float64{&r.Reached: reached, &r.Approved: approved, &r.Errors: failed} {
		if m := median(of); m != nil {
			*figure = *m
		}
	}
	return r
}

// unable counts the requests without an outcome, and those that a host declined because it could not.
func unable(op *Operation) uint64 {
	n := op.Failed()
	for _, c := range op.Outcomes {
		if c.Class == Declined && slices.Contains(systemRefusals, c.Code) {
			n += c.N
		}
	}
	return n
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

// Passed tells whether they are valid, some requests were approved, a share of them that is not much below that at the
// lowest rate, in percent (0 where there is none to compare with), at most MaxErrors are errors, and a quantile of
// latencies is within a limit; 0 for no limit.
func (r *Repeats) Passed(percent, limitMS, lowest float64) bool {
	ms := r.LatencyMS(percent)
	return r.Valid && r.Reached > 0 && r.Approved >= KeptApproved*lowest && r.Errors <= MaxErrors && ms != nil &&
		(limitMS == 0 || *ms <= limitMS)
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
