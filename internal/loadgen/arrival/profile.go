package arrival

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// MaxRate is the highest rate of a profile: a gap of a microsecond.
const MaxRate = 1_000_000

// Schedule gives the moments at which something is due, in their order.
type Schedule interface {
	// Next is the next moment, since the beginning; false where there is none any more.
	Next() (due time.Duration, ok bool)
	// Length is how long the schedule is.
	Length() time.Duration
}

// Stage is a part of a profile. Its rate goes in a line from From to To, in arrivals a second, and a sine of Amplitude
// and Period is added to it, which begins at 0 and rises.
type Stage struct {
	For       time.Duration
	From, To  float64
	Amplitude float64
	Period    time.Duration
}

// Constant is a stage of one rate.
func Constant(rate float64, span time.Duration) Stage { return Stage{For: span, From: rate, To: rate} }

// Spike is a rate with another one in its midst: base, from at on for span peak, then base until all is over.
func Spike(base, peak float64, at, span, all time.Duration) []Stage {
	stages := []Stage{Constant(base, at), Constant(peak, span), Constant(base, all-at-span)}
	var some []Stage
	for _, s := range stages {
		if s.For > 0 {
			some = append(some, s)
		}
	}
	return some
}

// check refuses a stage that is none.
func (s *Stage) check() error {
	low, high := min(s.From, s.To), max(s.From, s.To)
	switch {
	case s.For <= 0:
		return errors.New("a stage lasts longer than 0")
	case math.IsNaN(low+high+s.Amplitude) || low < 0 || high+s.Amplitude > MaxRate || s.Amplitude < 0:
		return fmt.Errorf("a rate from %g to %g, expected 0 to %d a second", low-s.Amplitude, high+s.Amplitude, MaxRate)
	case s.Amplitude > low:
		return fmt.Errorf("an amplitude of %g about a rate of %g, expected at most as much", s.Amplitude, low)
	case s.Amplitude > 0 && s.Period <= 0:
		return errors.New("a sine needs a period")
	}
	return nil
}

// due is how many arrivals there are until t seconds after the beginning: the integral of the rate.
func (s *Stage) due(t float64) float64 {
	n := s.From*t + (s.To-s.From)*t*t/(2*s.For.Seconds())
	if s.Amplitude > 0 {
		w := 2 * math.Pi / s.Period.Seconds()
		n += s.Amplitude / w * (1 - math.Cos(w*t))
	}
	return n
}

// when is the inverse of due, by seconds after the beginning: n lies between 0 and all that is due in the stage.
func (s *Stage) when(n float64) float64 {
	length := s.For.Seconds()
	if s.Amplitude > 0 {
		return bisect(s.due, n, length)
	}
	slope := (s.To - s.From) / length
	if slope == 0 {
		return min(n/s.From, length)
	}
	// n = From·t + slope·t²/2, solved so that it holds for small slopes, too.
	root := math.Sqrt(max(s.From*s.From+2*slope*n, 0))
	if s.From+root == 0 {
		return 0
	}
	return min(2*n/(s.From+root), length)
}

// bisect finds where a function that does not fall reaches n, to a fraction of a nanosecond.
func bisect(f func(float64) float64, n, high float64) float64 {
	low := 0.0
	for high-low > 1e-10 {
		middle := (low + high) / 2
		if middle <= low || middle >= high {
			break
		}
		if f(middle) < n {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// Profile is arrivals by stages that follow one another.
type Profile struct {
	stages []Stage
	rng    *rand.Rand // nil for even spacing
	i      int        // of the stage that the next arrival may lie in
	begins time.Duration
	before float64 // arrivals of the stages before
	count  float64 // where the last arrival stands on the integral of the rate
	length time.Duration
}

// NewProfile makes a schedule of stages: evenly spaced, or a Poisson process that follows from the seed.
func NewProfile(stages []Stage, even bool, seed uint64) (*Profile, error) {
	p := &Profile{stages: stages}
	if !even {
		p.rng = rand.New(rand.NewPCG(seed, 0x6172726976616c73))
	}
	if len(stages) == 0 {
		return nil, errors.New("no stages")
	}
	for i := range stages {
		if err := stages[i].check(); err != nil {
			return nil, fmt.Errorf("stage %d: %w", i+1, err)
		}
		p.length += stages[i].For
	}
	return p, nil
}

// Next implements Schedule.
func (p *Profile) Next() (time.Duration, bool) {
	gap := 1.0
	if p.rng != nil {
		gap = p.rng.ExpFloat64()
	}
	p.count += gap
	for p.i < len(p.stages) {
		s := &p.stages[p.i]
		all := s.due(s.For.Seconds())
		if p.count-p.before < all {
			at := math.Round(s.when(p.count-p.before) * float64(time.Second))
			return p.begins + min(time.Duration(at), s.For-1), true
		}
		p.before += all
		p.begins += s.For
		p.i++
	}
	return 0, false
}

// Length implements Schedule.
func (p *Profile) Length() time.Duration { return p.length }
