// Package compare tells whether runs of load differ from others by more than chance: for each operation the medians of
// the repeats with their intervals, and the Mann–Whitney test, which assumes nothing of how figures are distributed.
//
// It refuses to compare what is not alike ([Differences]), and figures of a run that is not valid.
package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"switchyard/internal/loadgen/record"
)

// File is a run and where it was read.
type File struct {
	Name string
	Run  *record.Run
}

// Options say what is compared in spite of what speaks against it.
type Options struct {
	Unlike bool // runs that were set up otherwise, or on another machine
	Doubt  bool // runs that are not valid or ended early
	// Tolerance is how many percent worse is no regression yet, however sure it is.
	Tolerance float64
}

// confidence is of the intervals around medians.
const confidence = 0.95

// MinRepeats is how many runs of each side the test needs to tell anything apart at its level of 5%.
const MinRepeats = 4

// Result is a comparison.
type Result struct {
	A          []string    `json:"a"`
	B          []string    `json:"b"`
	Operations []Operation `json:"operations"`
	// Missing are figures that A has and B lacks: "p99 of capture". What was lost may be all that went wrong.
	Missing  []string `json:"missing,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Operation holds the figures of an operation, or of all.
type Operation struct {
	Name    string   `json:"name"`
	Figures []Figure `json:"figures"`
}

// Figure is a figure of both sides.
type Figure struct {
	Name       string   `json:"name"`
	Unit       string   `json:"unit"`
	A          Median   `json:"a"`
	B          Median   `json:"b"`
	P          float64  `json:"p"`                        // how probable such a difference is by chance
	Differs    bool     `json:"differs"`                  // by more than chance
	ChangePct  *float64 `json:"change_percent,omitempty"` // of the medians, where it differs
	Regression bool     `json:"regression"`
}

// Median is the middle of the repeats, and the interval in which that of all possible repeats lies, with a confidence
// of 95%. The interval is absent where there are too few repeats to tell.
type Median struct {
	Center float64  `json:"median"`
	Lo     *float64 `json:"lo,omitempty"`
	Hi     *float64 `json:"hi,omitempty"`
	N      int      `json:"n"`
}

// figure is what is compared of an operation.
type figure struct {
	name, unit  string
	moreIsWorse bool
	of          func(*record.Run, *record.Operation) (float64, bool)
}

var figures = []figure{
	{"approved", "/s", false, func(r *record.Run, o *record.Operation) (float64, bool) {
		return float64(o.Count(record.Approved)) / r.Window.Seconds(), r.Window > 0
	}},
	{"failed", "%", true, func(_ *record.Run, o *record.Operation) (float64, bool) {
		n := o.Ended()
		return 100 * float64(o.Failed()) / float64(n), n > 0
	}},
	{"p50", "ms", true, latency(50)},
	{"p90", "ms", true, latency(90)},
	{"p99", "ms", true, latency(99)},
	{"p99.9", "ms", true, latency(99.9)},
}

func latency(percent float64) func(*record.Run, *record.Operation) (float64, bool) {
	return func(_ *record.Run, o *record.Operation) (float64, bool) {
		d, ok := o.Latency.Quantile(percent)
		return record.MS(d), ok
	}
}

// Compare compares the repeats of A with those of B.
func Compare(a, b []File, o Options) (*Result, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, errors.New("expected at least one run on each side")
	}
	if err := o.allowed(a, b); err != nil {
		return nil, err
	}
	r := &Result{A: names(a), B: names(b)}
	for _, op := range operations(slices.Concat(a, b)) {
		c := Operation{Name: op}
		for _, f := range figures {
			if one, ok := r.figure(f, op, a, b, o.Tolerance); ok {
				c.Figures = append(c.Figures, one)
			}
		}
		if len(c.Figures) > 0 {
			r.Operations = append(r.Operations, c)
		}
	}
	return r, nil
}

// allowed refuses what would compare figures that mean different things.
func (o Options) allowed(a, b []File) error {
	all := slices.Concat(a, b)
	if !o.Doubt {
		for _, f := range all {
			switch {
			case f.Run.Ended != "":
				return fmt.Errorf("%s ended early (%s): --doubtful compares it nevertheless", f.Name, f.Run.Ended)
			case !f.Run.Verdict.Valid:
				return fmt.Errorf("%s is not valid, its figures are not of the load that was asked for: "+
					"--doubtful compares it nevertheless", f.Name)
			}
		}
	}
	if o.Unlike {
		return nil
	}
	for _, f := range all[1:] {
		if diff := Differences(all[0].Run, f.Run); len(diff) > 0 {
			return fmt.Errorf("%s and %s are not alike: --unlike compares them nevertheless\n  %s", all[0].Name, f.Name,
				strings.Join(diff, "\n  "))
		}
	}
	return nil
}

func names(files []File) (list []string) {
	for _, f := range files {
		list = append(list, f.Name)
	}
	return list
}

// all stands for the operations together.
const all = "all"

// operations are the names of all operations, in the order in which the runs have them; then all together where there
// are several.
func operations(files []File) (list []string) {
	for _, f := range files {
		for _, op := range f.Run.Operations {
			if !slices.Contains(list, op.Name) {
				list = append(list, op.Name)
			}
		}
	}
	if len(list) > 1 {
		list = append(list, all)
	}
	return list
}

// figure compares one; ok is false where one of the runs has nothing of it.
func (r *Result) figure(f figure, op string, a, b []File, tolerance float64) (c Figure, ok bool) {
	left, right := r.values(f, op, a), r.values(f, op, b)
	if len(left) < len(a) || len(right) < len(b) {
		if len(left) == len(a) || len(left) > 0 && len(right) == 0 {
			r.Missing = append(r.Missing, f.name+" of "+op)
		}
		return c, false
	}
	x := benchmath.NewSample(left, &benchmath.DefaultThresholds)
	y := benchmath.NewSample(right, &benchmath.DefaultThresholds)
	test := benchmath.Comparison{P: 1}
	if !allEqual(left, right) { // which the test takes for an error
		test = benchmath.AssumeNothing.Compare(x, y)
	}
	c = Figure{
		Name: f.name, Unit: f.unit, A: r.median(x), B: r.median(y), P: test.P, Differs: test.P <= test.Alpha,
	}
	for _, w := range test.Warnings {
		r.warn(w.Error())
	}
	if c.Differs {
		worse := c.A.Center - c.B.Center
		if f.moreIsWorse {
			worse = -worse
		}
		c.Regression = worse > 0
		if c.A.Center != 0 {
			change := 100 * (c.B.Center/c.A.Center - 1)
			c.ChangePct = &change
			c.Regression = 100*worse/c.A.Center > tolerance
		}
	}
	return c, true
}

func allEqual(a, b []float64) bool {
	return !slices.ContainsFunc(slices.Concat(a, b), func(x float64) bool { return x != a[0] })
}

// values are a figure's of the runs of a side that have it.
func (r *Result) values(f figure, name string, files []File) (list []float64) {
	for _, file := range files {
		op, found := operation(file.Run, name)
		if !found {
			r.warn(fmt.Sprintf("%s has no %s", file.Name, name))
			continue
		}
		x, measured := f.of(file.Run, op)
		if !measured {
			r.warn(fmt.Sprintf("%s has no %s of %s", file.Name, f.name, name))
			continue
		}
		list = append(list, x)
	}
	return list
}

func operation(run *record.Run, name string) (*record.Operation, bool) {
	for i := range run.Operations {
		if run.Operations[i].Name == name {
			return &run.Operations[i], true
		}
	}
	total := run.Total()
	return &total, name == all
}

func (r *Result) median(s *benchmath.Sample) Median {
	sum := benchmath.AssumeNothing.Summary(s, confidence)
	m := Median{Center: sum.Center, N: len(s.Values)}
	for _, w := range sum.Warnings {
		r.warn(w.Error())
	}
	if len(sum.Warnings) == 0 {
		m.Lo, m.Hi = &sum.Lo, &sum.Hi
	}
	return m
}

// warn keeps a warning once.
func (r *Result) warn(text string) {
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

// Regressions are the figures that are worse by more than chance: "p99 of authorize".
func (r *Result) Regressions() (list []string) {
	for _, op := range r.Operations {
		for _, f := range op.Figures {
			if f.Regression {
				list = append(list, f.Name+" of "+op.Name)
			}
		}
	}
	return list
}
