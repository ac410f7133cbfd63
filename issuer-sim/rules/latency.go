package rules

import (
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/issuer-sim/message"
)

type latencyShape struct {
	Distribution string   `yaml:"distribution"`
	Value        Duration `yaml:"value"`
	Min          Duration `yaml:"min"`
	Max          Duration `yaml:"max"`
	Mean         Duration `yaml:"mean"`
	Stddev       Duration `yaml:"stddev"`
	Median       Duration `yaml:"median"`
	Sigma        float64  `yaml:"sigma"`
}

// latency draws how long an answer takes.
type latency struct {
	draw     func(draw uint64) float64 // nanoseconds
	min, max time.Duration
}

func (l *latency) of(draw uint64) time.Duration {
	v := l.draw(draw)
	if !(v < float64(l.max)) {
		return l.max
	}
	return max(l.min, time.Duration(v))
}

func (f *latencyShape) compile() (latency, error) {
	l := latency{min: time.Duration(f.Min), max: time.Duration(f.Max)}
	value, mean, stddev, median := float64(f.Value), float64(f.Mean), float64(f.Stddev), float64(f.Median)
	low, span := float64(f.Min), float64(f.Max)-float64(f.Min)
	switch f.Distribution {
	case "constant":
		if f.Value == 0 {
			return l, errors.New("constant: want a value")
		}
		l.draw = func(uint64) float64 { return value }
	case "uniform":
		if f.Max <= f.Min {
			return l, errors.New("uniform: want min below max")
		}
		l.draw = func(draw uint64) float64 { return low + span*unit(draw) }
	case "normal":
		if f.Mean == 0 || f.Stddev == 0 {
			return l, errors.New("normal: want mean and stddev")
		}
		l.draw = func(draw uint64) float64 { return mean + stddev*standardNormal(draw) }
	case "exponential":
		if f.Mean == 0 {
			return l, errors.New("exponential: want a mean")
		}
		l.draw = func(draw uint64) float64 { return -mean * math.Log(1-unit(draw)) }
	case "lognormal":
		if f.Median == 0 || !(f.Sigma > 0) {
			return l, errors.New("lognormal: want median and sigma")
		}
		sigma := f.Sigma
		l.draw = func(draw uint64) float64 { return median * math.Exp(sigma*standardNormal(draw)) }
	default:
		return l, fmt.Errorf("distribution %q: want constant, uniform, normal, exponential or lognormal", f.Distribution)
	}
	if l.max == 0 {
		l.max = MaxDelay
	}
	if l.max > MaxDelay || l.min > l.max {
		return l, fmt.Errorf("want min below max, and max at most %v", MaxDelay)
	}
	return l, nil
}

// standardNormal is the Box-Muller transform of two numbers made of one draw.
func standardNormal(draw uint64) float64 {
	return math.Sqrt(-2*math.Log(1-unit(draw))) * math.Cos(2*math.Pi*unit(message.Mix(draw)))
}
