package judge

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
)

// Bounds of what is valid, and of what passes without thresholds.
const (
	// MaxUnsent is the share of arrivals, in percent, that may have been dropped.
	MaxUnsent = 0.1
	// MaxLate is how late the tool may be at the 99th percentile, and latePart the part of the p99 of latencies that it
	// may be late by where that is more: then the figures are the target's in the main.
	MaxLate  = 5 * time.Millisecond
	latePart = 5
	// MaxCPU is how much of the machine's processors the tool may take, in percent: with more it waits for itself.
	MaxCPU = 85.0
	// DefaultErrors is the share of errors, in percent, with which a run passes that has no thresholds.
	DefaultErrors = record.MaxErrors
)

// Options say by what a run is judged.
type Options struct {
	Thresholds []Threshold
	// MaxLate is how late the tool may be at the 99th percentile; 0 for the default.
	MaxLate time.Duration
	// CPU is what the tool took of the processors in Elapsed, of the window; 0 where the system does not tell.
	CPU, Elapsed time.Duration
	// Processors is how many it may use; 0 for those that this process may.
	Processors int
	// WholeMachine says that it may take all of them: what it can do at the most is measured.
	WholeMachine bool
	// FaultsNotSwitched are names of those of a scenario that the issuer could not be told.
	FaultsNotSwitched []string
	// Broken is what else went wrong of what the tool was asked to do beside driving.
	Broken []Broken
}

// Broken is what of a kind went wrong, such as daemons that failed.
type Broken struct {
	What  string
	Which []string
}

// Judge sets the verdict of a run.
func Judge(run *record.Run, o Options) {
	v := record.Verdict{Validity: validity(run, &o), Thresholds: thresholds(run, o.Thresholds)}
	v.Valid = allOK(v.Validity)
	v.Passed = v.Valid && allOK(v.Thresholds)
	run.Verdict = v
}

func allOK(checks []record.Check) bool {
	for _, c := range checks {
		if !c.OK {
			return false
		}
	}
	return true
}

// Processors is how many processors this process may use: a mask, a container's limit or GOMAXPROCS may leave it fewer
// than the machine has.
func Processors() int { return min(runtime.GOMAXPROCS(0), runtime.NumCPU()) }

// most is a check that a figure is at most a bound.
func most(name, unit string, measured, limit float64, why string) record.Check {
	c := record.Check{
		Name: name, Unit: unit, Measured: &measured, Bound: record.Most, Limit: limit, OK: measured <= limit,
	}
	if !c.OK {
		c.Why = why
	}
	return c
}

// validity holds the tool to what it was asked.
func validity(run *record.Run, o *Options) (checks []record.Check) {
	all := run.Total()
	if run.Setup.Model == record.Open {
		asked := float64(max(all.Ended(), 1))
		checks = append(checks, most("arrivals dropped", unitPercent, 100*float64(all.Count(record.Unsent))/asked, MaxUnsent,
			"what was due and never sent is missing from the load: more may be in flight, or the rate is beyond the tool"))
	}
	if late, ok := run.Lateness.Quantile(99); ok && !o.WholeMachine {
		limit := o.MaxLate
		if limit == 0 {
			p99, _ := all.Latency.Quantile(99)
			limit = max(MaxLate, p99/latePart)
		}
		checks = append(checks, most("late p99", unitMS, record.MS(late), record.MS(limit),
			"the tool sent requests later than they were due, so the latencies are in part its own"))
	}
	if o.CPU > 0 && o.Elapsed > 0 && !o.WholeMachine {
		processors := cmp.Or(o.Processors, Processors())
		share := 100 * o.CPU.Seconds() / (o.Elapsed.Seconds() * float64(processors))
		checks = append(checks, most("own processor time", unitPercent, share, MaxCPU,
			"the tool itself takes the machine's processors: drive from another machine, or slower"))
	}
	checks = append(checks,
		most("requests unaccounted for", "", float64(run.Unaccounted), 0, "the tool lost count of requests"))
	if n := len(o.FaultsNotSwitched); n > 0 {
		checks = append(checks, most("faults not switched", "", float64(n), 0,
			"the issuer was not told: "+strings.Join(o.FaultsNotSwitched, ", ")))
	}
	for _, b := range o.Broken {
		checks = append(checks, most(b.What, "", float64(len(b.Which)), 0, strings.Join(b.Which, ", ")))
	}
	if run.Ended != "" {
		window := run.Window.Seconds()
		checks = append(checks, record.Check{
			Name: "time measured", Unit: "s", Measured: &window, Bound: record.Least, Limit: run.Setup.Window.Seconds(),
			Why: "it ended early: " + run.Ended,
		})
	}
	return checks
}

// thresholds holds the run to what was asked of the target, and to the rules that hold where nothing else was asked: of
// a target that answers nothing the latencies are good, or none.
func thresholds(run *record.Run, asked []Threshold) (checks []record.Check) {
	for i := range asked {
		checks = append(checks, asked[i].Check(run))
	}
	if !slices.ContainsFunc(asked, func(t Threshold) bool { return t.of(approved, declined, rate) }) {
		all := run.Total()
		one := float64(all.Count(record.Approved))
		checks = append(checks, record.Check{
			Name: "requests approved", Measured: &one, Bound: record.Least, Limit: 1, OK: one >= 1,
		})
	}
	if rest, of := others(run, asked, failed); rest != nil {
		ended := float64(max(rest.Ended(), 1))
		checks = append(checks, most("errors"+of, unitPercent, 100*float64(rest.Failed())/ended, DefaultErrors, ""))
	}
	if rest, of := others(run, asked, failed, noOutcome); rest != nil {
		checks = append(checks, most("requests without an answer"+of, "", float64(withoutAnswer(rest)), 0, ""))
	}
	return checks
}

// others are the requests that no threshold bounds by one of these figures, and in words which; nil where all are
// bounded.
func others(run *record.Run, asked []Threshold, by ...figure) (*record.Operation, string) {
	rest := record.Run{Operations: slices.Clone(run.Operations)}
	for i := range asked {
		switch t := &asked[i]; {
		case !t.of(by...):
		case t.Operation == "":
			return nil, ""
		default:
			bounded := func(op record.Operation) bool { return op.Name == t.Operation }
			rest.Operations = slices.DeleteFunc(rest.Operations, bounded)
		}
	}
	if len(rest.Operations) == 0 {
		return nil, ""
	}
	all, of := rest.Total(), ""
	if len(rest.Operations) < len(run.Operations) {
		of = " of other operations"
	}
	return &all, of
}
