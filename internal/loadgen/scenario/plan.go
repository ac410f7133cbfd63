package scenario

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/judge"
)

// Plan is a scenario that can be driven.
type Plan struct {
	Name, Text string
	Seed       uint64

	// Stages, in what RateOf counts a second; or Moments, at Speed; or Closed flows in flight with pauses of Think.
	Stages  []arrival.Stage
	Even    bool
	RateOf  string // flows or requests
	Moments []time.Duration
	Speed   float64
	Said    string // of a replay: what there is in its file, and what of it is passed over
	Closed  int
	Think   time.Duration

	Warmup, Duration, Timeout time.Duration
	Connections, MaxInFlight  int

	Traffic    loadgen.Traffic // not prepared
	Operations []string        // that its flows have
	PerFlow    float64         // requests a flow, in the mean
	FlowLines  []int           // where the flows stand in the file; none where there is none

	ScaledRates, ScaledTime float64 // what Scale has multiplied by; 1 where nothing

	Marks      []Mark // stages by their beginnings
	Faults     []Fault
	Thresholds []judge.Threshold
}

// Mark is a moment since the window's begin.
type Mark struct {
	At   time.Duration
	Name string
}

// Fault is what an issuer-sim is told at a moment since the window's begin: rules, or that it pauses.
type Fault struct {
	At    time.Duration
	Name  string
	Rules []byte
	Pause time.Duration
}

// Scale makes the plan smaller or larger: rates and numbers in flight times rates, and all times of its course times
// span. What callers do, their pauses and their patience, stays. A replay has the flows that its file has, at other
// times.
func (p *Plan) Scale(rates, span float64) error {
	switch {
	case !(rates > 0 && rates <= 1e6 && span > 0 && span <= 1e6):
		return fmt.Errorf("a scale of %g and %g, expected more than 0", rates, span)
	case p.Moments != nil && rates != 1:
		return fmt.Errorf("rates scaled by %g, expected 1 with replay: its file says how many flows there are; a shorter "+
			"time makes their rate higher", rates)
	}
	p.ScaledRates *= rates
	p.ScaledTime *= span
	times := func(d *time.Duration) { *d = time.Duration(float64(*d) * span) }
	for i := range p.Stages {
		s := &p.Stages[i]
		s.From, s.To, s.Amplitude = s.From*rates, s.To*rates, s.Amplitude*rates
		times(&s.For)
		times(&s.Period)
	}
	if p.Closed > 0 {
		p.Closed = min(max(int(float64(p.Closed)*rates), 1), loadgen.MaxInFlight)
	}
	times(&p.Warmup)
	for i := range p.Marks {
		times(&p.Marks[i].At)
	}
	for i := range p.Faults {
		times(&p.Faults[i].At)
		times(&p.Faults[i].Pause)
	}
	switch {
	case p.Moments != nil:
		p.Speed /= span
		s, err := arrival.NewTimes(p.Moments, p.Speed)
		if err != nil {
			return err
		}
		p.Duration = s.Length() // and no less: the last moment lies at its very end
	case p.Stages == nil:
		times(&p.Duration)
	default:
		p.Duration = 0
		for i := range p.Stages {
			p.Duration += p.Stages[i].For
		}
	}
	return nil
}

// Schedule is when flows are due, from the warm-up on, which has the rate of the first moment; nil for a closed loop.
func (p *Plan) Schedule() (arrival.Schedule, error) {
	switch {
	case p.Closed > 0:
		return nil, nil
	case p.Moments != nil:
		return arrival.NewTimes(p.Moments, p.Speed)
	}
	stages := slices.Clone(p.Stages)
	if p.Warmup > 0 {
		stages = append([]arrival.Stage{arrival.Constant(stages[0].From, p.Warmup)}, stages...)
	}
	if p.RateOf == "requests" {
		for i := range stages {
			s := &stages[i]
			s.From, s.To, s.Amplitude = s.From/p.PerFlow, s.To/p.PerFlow, s.Amplitude/p.PerFlow
		}
	}
	return arrival.NewProfile(stages, p.Even, p.Seed)
}

// Rate is that of all stages; 0 where they have more than one.
func (p *Plan) Rate() float64 {
	for _, s := range p.Stages {
		if s.From != p.Stages[0].From || s.To != s.From || s.Amplitude > 0 {
			return 0
		}
	}
	if len(p.Stages) == 0 {
		return 0
	}
	return p.Stages[0].From
}

// mostTold is how many stages are told one by one.
const mostTold = 10

// Course is how rates go up and down, in words; "" where there are none.
func (p *Plan) Course() string {
	if len(p.Stages) == 0 {
		return ""
	}
	if len(p.Stages) > mostTold {
		low, high := math.Inf(1), 0.0
		for _, s := range p.Stages {
			low = min(low, min(s.From, s.To)-s.Amplitude)
			high = max(high, max(s.From, s.To)+s.Amplitude)
		}
		return fmt.Sprintf("%d stages, from %.4g to %.4g %s a second", len(p.Stages), low, high, p.RateOf)
	}
	var parts []string
	for _, s := range p.Stages {
		span := s.For.Round(time.Millisecond)
		switch {
		case s.Amplitude > 0:
			parts = append(parts, fmt.Sprintf("%s at %.4g ± %.4g, a wave each %s", span, s.From, s.Amplitude,
				s.Period.Round(time.Millisecond)))
		case s.From != s.To:
			parts = append(parts, fmt.Sprintf("%s from %.4g to %.4g", span, s.From, s.To))
		default:
			parts = append(parts, fmt.Sprintf("%s at %.4g", span, s.From))
		}
	}
	return strings.Join(parts, "; ") + " " + p.RateOf + " a second"
}
