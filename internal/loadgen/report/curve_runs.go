package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"switchyard/internal/loadgen/record"
)

// Limit is a bound of a latency.
type Limit struct {
	Of   string // p50, p99 or p99.9
	Most time.Duration
}

// CurveOf makes a curve of runs at different rates: the runs of a rate are its repeats, of which it shows the medians.
// A rate passes if the median of the bounded quantile is within the limit.
func CurveOf(runs []*record.Run, limit Limit) (*Curve, error) {
	c := &Curve{LimitOf: limit.Of, LimitMS: record.MS(limit.Most)}
	byRate := map[float64][]*record.Run{}
	for i, r := range runs {
		if r.Setup.Model != record.Open || r.Setup.Rate <= 0 {
			return nil, fmt.Errorf("run %d is of no constant rate: expected an open loop", i+1)
		}
		byRate[r.Setup.Rate] = append(byRate[r.Setup.Rate], r)
	}
	for _, rate := range slices.Sorted(maps.Keys(byRate)) {
		p := pointOf(rate, byRate[rate])
		if ms := c.limited(&p); ms != nil {
			p.Passed = *ms <= c.LimitMS || c.LimitMS == 0
		}
		if p.Passed && p.Valid {
			c.Best = &p.PerS
		}
		c.Points = append(c.Points, p)
	}
	if len(runs) > 0 {
		m := &runs[0].Machine
		c.Caption = fmt.Sprintf("%s, %s; %s", cmp.Or(m.CPU, m.Arch), plural(m.Cores, "core"), runs[0].Tool.Version)
	}
	return c, nil
}

// limited is the quantile of a point that is bounded.
func (c *Curve) limited(p *CurvePoint) *float64 {
	for _, q := range curveQuantiles {
		if q.name == c.LimitOf {
			return q.of(p)
		}
	}
	return p.P99
}

func pointOf(rate float64, runs []*record.Run) CurvePoint {
	p := CurvePoint{PerS: rate, Valid: true}
	var reached, p50, p99, p999 []float64
	for _, r := range runs {
		p.Valid = p.Valid && r.Verdict.Valid
		all := r.Total()
		if r.Window > 0 {
			reached = append(reached, float64(all.Count(record.Approved))/r.Window.Seconds())
		}
		if q := record.QuantilesOf(all.Latency); q != nil {
			p50, p99, p999 = append(p50, q.P50MS), append(p99, q.P99MS), append(p999, q.P999MS)
		}
	}
	if m := median(reached); m != nil {
		p.Reached = *m
	}
	p.P50, p.P99, p.P999 = median(p50), median(p99), median(p999)
	return p
}

// median is the middle of a list; nil where it is empty.
func median(list []float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	middle := (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	return &middle
}
