package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/words"
)

// Limit is a bound of a latency.
type Limit struct {
	Of   string // p50, p99 or p99.9
	Most time.Duration
}

// CurveOf makes a curve of runs at different rates: the runs of a rate are its repeats, of which it shows the medians.
// A rate passes as it does for a search ([record.Repeats.Passed]).
func CurveOf(runs []*record.Run, limit Limit) (*Curve, error) {
	c := &Curve{LimitOf: limit.Of, LimitMS: record.MS(limit.Most)}
	byRate := map[float64][]*record.Run{}
	for i, r := range runs {
		if r.Setup.Model != record.Open || r.Setup.Rate <= 0 {
			return nil, fmt.Errorf("run %d is of no constant rate: expected an open loop", i+1)
		}
		byRate[r.Setup.Rate] = append(byRate[r.Setup.Rate], r)
	}
	lowest := 0.0 // the share of approvals at the lowest rate that says something
	for _, rate := range slices.Sorted(maps.Keys(byRate)) {
		of := record.RepeatsOf(byRate[rate])
		if lowest == 0 && of.Valid {
			lowest = of.Approved
		}
		p := CurvePoint{
			PerS: rate, Reached: of.Reached, Valid: of.Valid, Passed: of.Passed(c.limited(), c.LimitMS, lowest),
			P50: of.LatencyMS(50), P99: of.LatencyMS(99), P999: of.LatencyMS(99.9),
		}
		if p.Passed {
			c.Best = &p.PerS
		}
		c.Points = append(c.Points, p)
	}
	if len(runs) > 0 {
		c.Caption = MachineOf(runs[0])
	}
	return c, nil
}

// MachineOf is the machine and the version of a run, in a line.
func MachineOf(r *record.Run) string {
	m := &r.Machine
	return fmt.Sprintf("%s, %s; %s", cmp.Or(m.CPU, m.Arch), words.Count(m.Cores, "core"), r.Tool.Version)
}

// limited is the quantile that is bounded, in percent.
func (c *Curve) limited() float64 {
	for _, q := range curveQuantiles {
		if q.name == c.LimitOf {
			return q.percent
		}
	}
	return 99
}
