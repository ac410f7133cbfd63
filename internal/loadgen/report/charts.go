package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"switchyard/internal/loadgen/record"
)

// charts is the data block of the page. Lists are by interval; null is what was not measured.
type charts struct {
	WindowS     float64        `json:"window_s"`
	IntervalS   float64        `json:"interval_s"`
	T           []float64      `json:"t"` // seconds since the window's first moment
	Asked       []*float64     `json:"asked,omitempty"`
	Sent        []*float64     `json:"sent"`
	Answered    []*float64     `json:"answered"`
	InFlight    []uint64       `json:"in_flight"`
	P50         []*float64     `json:"p50"`
	P90         []*float64     `json:"p90"`
	P99         []*float64     `json:"p99"`
	P999        []*float64     `json:"p999"`
	Max         []*float64     `json:"max"`
	Outcomes    []outcomeChart `json:"outcomes"`
	Stages      []stageMark    `json:"stages,omitempty"`
	Percentiles []curve        `json:"percentiles"`
}

// outcomeChart is how many requests a second, due in each interval, came to an outcome.
type outcomeChart struct {
	Name  string    `json:"name"`
	Class string    `json:"class"`
	PerS  []float64 `json:"per_s"`
}

type stageMark struct {
	T    float64 `json:"t"`
	Name string  `json:"name"`
}

// curve is a distribution: the latency MS that all but one of X requests stayed within.
type curve struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	MS   []float64 `json:"ms"`
}

// maxOutcomesDrawn bounds the outcomes of the picture; the rest are one.
const maxOutcomesDrawn = 8

func chartsOf(r *record.Run) *charts {
	c := &charts{
		WindowS: r.Window.Seconds(), IntervalS: r.Interval.Seconds(), Outcomes: outcomeCharts(r),
		// A list of nothing is a list.
		T: []float64{}, Sent: []*float64{}, Answered: []*float64{}, InFlight: []uint64{}, P50: []*float64{},
		P90: []*float64{}, P99: []*float64{}, P999: []*float64{}, Max: []*float64{},
	}
	for i := range r.Intervals {
		iv := &r.Intervals[i]
		c.T = append(c.T, iv.At.Seconds())
		rate := func(n uint64) *float64 {
			x := rounded(float64(n) / span(r, iv).Seconds())
			return &x
		}
		if iv.Asked != nil {
			c.Asked = append(c.Asked, rate(*iv.Asked))
		}
		c.Sent = append(c.Sent, rate(iv.Sent))
		c.Answered = append(c.Answered, rate(iv.Answered))
		c.InFlight = append(c.InFlight, iv.InFlight)
		q := quantiles(iv.Latency)
		c.P50, c.P90, c.P99 = append(c.P50, q[0]), append(c.P90, q[1]), append(c.P99, q[2])
		c.P999, c.Max = append(c.P999, q[3]), append(c.Max, q[4])
	}
	for _, s := range r.Setup.Stages {
		c.Stages = append(c.Stages, stageMark{s.At.Seconds(), s.Name})
	}
	c.Percentiles = curves(r)
	return c
}

// leastSpan is the part of an interval that a rate is made of at the least: what a sliver of one has says nothing.
const leastSpan = 10

// span is how long it was driven in an interval: less than the whole where the window ends in it, or the warm-up
// begins.
func span(r *record.Run, iv *record.Interval) time.Duration {
	from, to := max(iv.At, -r.Setup.Warmup), iv.At+r.Interval
	if iv.At < r.Window {
		to = min(to, r.Window)
	}
	return max(to-from, r.Interval/leastSpan)
}

// outcomeCharts are the outcomes with the most requests, approved ones first, and the rest together.
func outcomeCharts(r *record.Run) []outcomeChart {
	totals := make([]uint64, len(r.Outcomes))
	for i := range r.Intervals {
		for o, n := range r.Intervals[i].Outcomes {
			totals[o] += n
		}
	}
	var order []int
	for o, n := range totals {
		if n > 0 {
			order = append(order, o)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		firstApproved := cmp.Compare(min(r.Outcomes[a].Class, 1), min(r.Outcomes[b].Class, 1))
		return cmp.Or(firstApproved, cmp.Compare(totals[b], totals[a]))
	})
	list := []outcomeChart{}
	for place, o := range order {
		if place < maxOutcomesDrawn {
			list = append(list, outcomeChart{
				Name: r.Outcomes[o].String(), Class: r.Outcomes[o].Class.String(), PerS: make([]float64, len(r.Intervals)),
			})
		} else {
			list[maxOutcomesDrawn-1].Name, list[maxOutcomesDrawn-1].Class = "all others", "others"
		}
		to := &list[min(place, maxOutcomesDrawn-1)]
		for i := range r.Intervals {
			iv := &r.Intervals[i]
			to.PerS[i] = rounded(to.PerS[i] + float64(outcomeOf(iv, o))/span(r, iv).Seconds())
		}
	}
	return list
}

// curves are the distributions since due of each operation, and those of all since due and since sent.
func curves(r *record.Run) []curve {
	all := r.Total()
	list := appendCurve([]curve{}, "since due", all.Latency)
	list = appendCurve(list, "since sent", all.Service)
	if len(r.Operations) > 1 {
		for i := range r.Operations {
			list = appendCurve(list, r.Operations[i].Name, r.Operations[i].Latency)
		}
	}
	return list
}

// pointsPerDecade is how closely a curve is drawn.
const pointsPerDecade = 16

func appendCurve(list []curve, name string, h record.Hist) []curve {
	n := float64(h.Count())
	if n == 0 {
		return list
	}
	c := curve{Name: name}
	for k := 0; ; k++ {
		x := math.Pow(10, float64(k)/pointsPerDecade)
		if x >= n {
			break
		}
		d, _ := h.Quantile(100 * (1 - 1/x))
		c.X, c.MS = append(c.X, rounded(x)), append(c.MS, record.MS(d))
	}
	longest, _ := h.Max()
	c.X, c.MS = append(c.X, n), append(c.MS, record.MS(longest))
	return append(list, c)
}

// rounded leaves three decimals.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }
